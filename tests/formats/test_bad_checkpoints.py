"""Weights that are damaged, that do not fit, or that somebody made to do harm: each ends in a FormatError, soon.

Nothing here is large on the disk; what a file claims to be is.
"""

from __future__ import annotations

import json
import os
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from keras_bert_lab import FormatError
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.huggingface import read_huggingface
from keras_bert_lab.heads import ClassificationHead
from tests.formats import damage as do
from tests.formats import huggingface_folders as hf
from tests.formats.damage import QUERY, WEIGHTS, Change

INDEX = "model.safetensors.index.json"
NAN, INF = float("nan"), float("inf")
WORDS = "bert.embeddings.word_embeddings.weight"
_MOST = 200 * 2**20  # bytes


def load(folder: Path) -> None:
    """All that is done with a checkpoint: look at it, make the encoder and the head."""
    checkpoint = read_huggingface(folder)
    encoder = checkpoint.encoder()
    for head in checkpoint.heads:
        if head.table.task == "classification":
            layer = ClassificationHead(hf.C)
            layer.build({"sequence_output": (None, None, encoder.config.hidden_size)})
            checkpoint.fill_head(head.table, head_slots(layer))


def _index(text: str) -> Change:
    return lambda folder: ((folder / WEIGHTS).unlink(), (folder / INDEX).write_text(text))


def _cleared(folder: Path, index: dict[str, str]) -> None:
    (folder / index[QUERY]).unlink()


KINDS: dict[str, tuple[str, list[Change]]] = {
    "truncated": (
        "damaged",
        [do.file_bytes(lambda content, keep=keep: content[:keep]) for keep in (0, 5, 8, 100, 4000, -1, -5000)],
    ),
    "oversized": (
        "damaged",
        [do.file_bytes(lambda content, more=more: content + more) for more in (b"\0", b"x" * 8, b"{}" * 5000)]
        + [do.instead(do.hole), do.file_bytes(lambda content: content * 2)],
    ),
    "header_too_long": (
        "header must fit into the file",
        [do.header_length(length) for length in (2**63, 2**64 - 1, 2**62, 10**9, 10**8 + 1, 10**6)],
    ),
    "header_too_short": ("damaged", [do.header_length(length) for length in (0, 1, 2, 57, 1000)]),
    "header_is_no_table": (
        "damaged",
        [
            do.header(lambda _, text=text: text)
            for text in (b"[]", b"{}{}", b"\xff\xfe", b"[" * 10**5, b'{"a":' * 10**5, b"null", b"7", b'{"a": 5}', b'{"a": {}}')
        ]
        + [do.header(lambda _: b"[" * (5 * 2**20))],
    ),
    "impossible_entries": (
        "damaged",
        [do.entry(shape=shape) for shape in ([2**40, 2**40], [-15, 15], [2**63, 2], [15.5, 15], 225, None, ["15", "15"], [15])]
        + [do.entry(dtype=dtype) for dtype in ("F128", 3, None, "F64", "F16")]
        + [do.entry(data_offsets=offsets) for offsets in ([0], [900, 0], [0, 2**60], ["0", "900"], [-900, 0], [0, 900.5])],
    ),
    "overlaps_and_holes": (
        "damaged",
        [do.shifted(by) for by in (4, -4, 900, 10**9, 2**60)]
        + [do.entry(data_offsets=[0, 900]), do.header(lambda parsed: parsed.pop(QUERY) and None)],
    ),
    "named_twice_in_a_header": (
        "must name every tensor once",
        [
            do.named_twice(second)
            for second in ("{}", "null", '{"dtype": "I32", "shape": [225], "data_offsets": [0, 900]}', "[[[]]]")
        ]
        + [do.header(lambda parsed: json.dumps(parsed).replace('"dtype"', '"dtype": "I8", "dtype"').encode())],
    ),
    "named_twice_in_shards": (
        "must not hold tensors of another file once more",
        [do.shard_over(one, other) for one, other in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2))],
    ),
    "shapes": (
        "tensors of another shape",
        [
            do.put(QUERY, np.ones((hf.H, hf.H + 1), "float32")),
            do.put(QUERY, np.ones((hf.H * hf.H,), "float32")),
            do.put(WORDS, np.ones((hf.V + 1, hf.H), "float32")),
            do.put(WORDS, np.ones((0, hf.H), "float32")),
            do.put("bert.encoder.layer.0.intermediate.dense.weight", np.ones((hf.H, hf.F), "float32")),
            do.put("classifier.weight", np.ones((hf.C, hf.H, 1), "float32")),
            do.put("bert.pooler.dense.bias", np.float32(3)),
        ],
    ),
    "dtypes": (
        "floating-point numbers",
        [do.cast(QUERY, kind) for kind in ("int32", "int64", "uint8", "int8", "bool", "uint16")],
    ),
    "not_finite": (
        "must be finite numbers",
        [do.spoil(QUERY, value) for value in (NAN, INF, -INF)]
        + [do.spoil(WORDS, NAN), do.spoil("classifier.bias", INF), do.put(QUERY, np.full((hf.H, hf.H), 1e300))]
        + [do.put(QUERY, np.array([[INF, -INF] * 7 + [1]] * 15, "float16"))],
    ),
    "missing": (
        "is not complete. Missing: .*; left over: ",
        [
            do.lose(QUERY),
            do.lose("bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.bias"),
            do.lose("bert.pooler.dense.bias"),
            do.lose("bert.pooler.dense.weight", "bert.pooler.dense.bias"),
            do.lose("classifier.bias"),
            do.lose("classifier.weight"),
            do.tensors(lambda weights: weights.update({"bert.encoder.layer.1.Wq": weights.pop(QUERY)})),
        ],
    ),
    "left_over": (
        "Left over: .*'",
        [
            do.put(name, np.ones(3, "float32"))
            for name in ("x", "bert.encoder.layer.2.output.dense.bias", "classifier.2.bias", "")
        ]
        + [do.put("pooler.dense.bias", np.ones(hf.H, "float32")), do.put("bert.embeddings.LayerNorm.eps", np.float32(1e-5))],
    ),
    "prefixes": (
        "Received: (both|neither)",
        [
            do.put("embeddings.word_embeddings.weight", np.ones((hf.V, hf.H), "float32")),
            do.lose(WORDS),
            do.tensors(lambda weights: weights.update({f"model.{name}": weights.pop(name) for name in list(weights)})),
            do.tensors(lambda weights: weights.update({f"bert.{name}": weights.pop(name) for name in list(weights)})),
            do.tensors(lambda weights: weights.update({name.removeprefix("bert."): weights[name] for name in list(weights)})),
        ],
    ),
    "old_and_new_names": (
        "under an old and a new name",
        [
            do.put(f"bert.{place}.LayerNorm.{name}", np.ones(hf.H, "float32"))
            for place in ("embeddings", "encoder.layer.1.output", "encoder.layer.0.attention.output")
            for name in ("gamma", "beta")
        ],
    ),
    "index": (
        "is damaged|must hold a weight_map|must hold a JSON object|must be at most",
        [
            _index(text)
            for text in (
                "",
                "{",
                "[]",
                "{}",
                '{"weight_map": []}',
                '{"weight_map": {}}',
                '{"weight_map": 3}',
                "[" * 10**5,
                "\0",
            )
        ]
        + [lambda folder: (folder / WEIGHTS).unlink() or do.hole(folder / INDEX)],
    ),
    "index_leads_elsewhere": (
        "must name .safetensors files beside itself",
        [
            do.shard_named(name)
            for name in (
                "../outside.safetensors",
                str,
                "below/x.safetensors",
                "..\\outside.safetensors",
                "C:\\x.safetensors",
                "x.safetensors\0",
                "\0",
                "",
                ".",
                "..",
                "./model-00001-of-00003.safetensors",
                "config.json",
                "pytorch_model.bin",
                None,
                7,
                ["model-00001-of-00003.safetensors"],
                {},
            )
        ],
    ),
    "index_does_not_fit": (
        "does not fit its files|cannot be read",
        [
            do.sharded(lambda folder, index: {name: min(index.values()) for name in index}),
            do.sharded(lambda folder, index: index.pop(QUERY) and None),
            do.sharded(lambda folder, index: index.update({"bert.x": index[QUERY]})),
            do.sharded(lambda folder, index: index.update({QUERY: "model-00004-of-00003.safetensors"})),
            do.sharded(lambda folder, index: index.update({QUERY: "x" * 300 + ".safetensors"})),
            do.sharded(lambda folder, index: index.update({QUERY: "\ud800.safetensors"})),
            do.sharded(_cleared),
        ],
    ),
    "no_plain_files": (
        "must be a file|cannot be read|must hold",
        [
            do.instead(make, file)
            for file in (WEIGHTS, "config.json")
            for make in (
                Path.mkdir,
                os.mkfifo,
                do.loop,
                lambda path: path.symlink_to("nowhere"),
                lambda path: path.symlink_to("/dev/zero"),
                lambda path: path.symlink_to("."),
                lambda path: None,
            )
        ],
    ),
    "pickled": (
        r"pickled file, which can run any code .*python -c .*save_pretrained",
        [do.pickled(name) for name in ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.ckpt", "pytorch_model.pt")]
        + [do.pickled("pytorch_model.bin", "tf_model.h5")],
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hf.write_classifier(tmp_path_factory.mktemp("good") / "x")


def check_refused(folder: Path, change: Change, message: str) -> None:
    """A FormatError with this text, before much memory is taken."""
    change(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=f"(?s){message}") as raised:
            load(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < _MOST
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < _MOST
    assert len(str(raised.value)) < 3000


def test_the_folder_is_good_before(good: Path) -> None:
    load(good)


@pytest.mark.parametrize(
    ("kind", "variant"), [(kind, place) for kind, (_, changes) in KINDS.items() for place in range(len(changes))]
)
def test_bad_weights_are_refused(kind: str, variant: int, tmp_path: Path) -> None:
    message, changes = KINDS[kind]
    assert len(changes) >= 5
    check_refused(hf.write_classifier(tmp_path / "x"), changes[variant], message)
