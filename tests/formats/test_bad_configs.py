"""config.json that is damaged, absurd, or says something else than the weights: each ends in a FormatError, soon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keras_bert_lab import FormatError
from keras_bert_lab.formats.huggingface import read_huggingface
from tests.formats import damage as do
from tests.formats import huggingface_folders as hf
from tests.formats.damage import Change
from tests.formats.test_bad_checkpoints import check_refused

NAN, INF = float("nan"), float("inf")
HUGE = 10**12
SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
DECODER = "cls.predictions.decoder"
ONE_OUTPUT = {"classifier.weight": np.ones((1, hf.H), "float32"), "classifier.bias": np.ones(1, "float32")}
TABLE = hf.tensors("ForMaskedLM", pooler=False)["bert.embeddings.word_embeddings.weight"]


def _labels(*names: Any) -> dict[str, Any]:
    return {str(place): name for place, name in enumerate(names)}


def _broken_table(folder: Path) -> None:
    weights = hf.tensors("ForMaskedLM", pooler=False)
    weights["bert.embeddings.word_embeddings.weight"][3, 5] = NAN
    weights[f"{DECODER}.weight"] = weights["bert.embeddings.word_embeddings.weight"].copy()
    hf.write(folder, hf.BERT | {"architectures": ["BertForMaskedLM"]}, weights)


def _other(shape: tuple[int, ...], kind: str = "weight") -> Change:
    return do.model("ForMaskedLM", False, extra={f"{DECODER}.{kind}": np.ones(shape, "float32")})


KINDS: dict[str, tuple[str, list[Change]]] = {
    "no_config": (
        "must hold a JSON object|is damaged|must be at most|must be a file|cannot be read",
        [do.config_bytes(text) for text in (b"", b"[]", b"null", b'"bert"', b"5", b"{", b"\xff\xfe{}", b"{}\0", b"{'a': 5}")]
        + [
            do.config_bytes(b"[" * 10**5),
            do.config_bytes(b'{"a":' * 10**5),
            do.config_bytes(b'{"vocab_size": 1' + b"0" * 5000 + b"}"),
        ]
        + [lambda folder: do.hole(folder / "config.json"), lambda folder: (folder / "config.json").unlink()],
    ),
    "huge": (
        "tensors of another shape|must fit the weights|must be divisible|must be at most",
        [do.config(**{name: HUGE * 3}) for name in SIZES]
        + [do.config(**{name: 10**4000}) for name in SIZES if name != "num_attention_heads"]
        + [do.config(num_hidden_layers=10**9), do.config(hidden_size=3 * 10**9, num_attention_heads=10**9)],
    ),
    "not_positive": (
        "describes an impossible model: .* must be an integer|must be at least 1",
        [do.config(**{name: value}) for name in SIZES for value in (0, -5)],
    ),
    "no_integers": (
        "describes an impossible model: .* must be an integer",
        [do.config(**{name: value}) for name in SIZES for value in ("15", 15.0, True, NAN, INF, [15], {"size": 15})],
    ),
    "no_numbers": (
        "describes an impossible model|must be at most",
        [
            do.config(**{name: value})
            for name in ("layer_norm_eps", "initializer_range", "hidden_dropout_prob", "attention_probs_dropout_prob")
            for value in (-1, NAN, INF, "0.1", 1e300, 10**400, [0.1], True)
        ]
        + [do.config(pad_token_id=value) for value in (-1, hf.V, HUGE, "0", 0.5, True)],
    ),
    "half_a_config": ("must have the setting", [do.without(name) for name in SIZES] + [do.config(hidden_size=None)]),
    "model_type": (
        "model_type in .* must be one of",
        [do.config(model_type=value) for value in ("gpt2", "", "BERT", None, 3, ["bert"], {"bert": 1}, "modernbert", "../bert")]
        + [do.without("model_type", "architectures")],
    ),
    "other_family": (
        "must have the setting|must hold|not known here|architectures in",
        [do.config(model_type=value) for value in ("roberta", "albert", "distilbert", "electra", "ernie")],
    ),
    "architectures": (
        "architectures in .* must be one of .*BertModel",
        [
            do.config(architectures=value)
            for value in (
                ["RobertaForSequenceClassification"],
                ["ForSequenceClassification"],
                ["BertForMultipleChoice"],
                ["BertLMHeadModel"],
                ["BertModel", "BertForMaskedLM"],
                ["BertForSequenceClassification"] * 2,
                "BertForSequenceClassification",
                [None],
                [["BertModel"]],
                {"0": "BertModel"},
                3,
            )
        ],
    ),
    "architectures_not_given": (
        "must name its class in architectures, one of .*BertForSequenceClassification.*BertForTokenClassification",
        [do.without("architectures")] + [do.config(architectures=value) for value in (None, [], "", {}, ["BertModel"])],
    ),
    "another_class": (
        "Missing: |Left over: ",
        [
            do.config(architectures=[f"Bert{name}"])
            for name in ("ForMaskedLM", "ForPreTraining", "ForNextSentencePrediction", "ForQuestionAnswering")
        ]
        + [do.model("ForQuestionAnswering", changes={"architectures": ["BertForNextSentencePrediction"]})],
    ),
    "labels": (
        "id2label in .* must",
        [
            do.config(id2label=value)
            for value in (
                _labels("a", "b", "c", "d"),
                _labels("a", "b", "c", "d", "e", "f"),
                _labels("a", "b", "c", "d", "a"),
                _labels("a", "b", "c", "d", None),
                _labels("a", "b", "c", "d", ["e"]),
                _labels("a", "b", "c", "d", "\ud800"),
                {"0": "a", "1": "b", "2": "c", "3": "d", "5": "e"},
                {"0": "a", "1": "b", "2": "c", "3": "d", "4.0": "e"},
                {"0": "a", "1": "b", "2": "c", "3": "d", "04": "e"},
                {"a": "0", "b": "1", "c": "2", "d": "3", "e": "4"},
                {str(place): "x" for place in range(100_000)},
                {"-1": "x", "9" * 4000: "y"},
                ["a", "b", "c", "d", "e"],
                "abcde",
                7,
            )
        ],
    ),
    "problem_type": (
        "problem_type in .* must",
        [
            do.config(problem_type=value)
            for value in ("regression", "ranking", "", 5, ["regression"], {"kind": "regression"}, NAN)
        ]
        + [do.model("ForSequenceClassification", changes={"problem_type": "single_label_classification"}, extra=ONE_OUTPUT)],
    ),
    "classifier_dropout": (
        "classifier_dropout must be a number of at least 0 and below 1",
        [do.config(classifier_dropout=value) for value in (1, -0.1, "0.1", NAN, INF, [0.1], {}, True, 10**400)],
    ),
    "decoder": (
        "must be equal to",
        [
            _other((hf.V, hf.H)),
            _other((hf.H, hf.V)),
            _other((0, hf.H)),
            _other((hf.V,), "bias"),
            _other((hf.V + 1,), "bias"),
            do.model("ForMaskedLM", False, extra={f"{DECODER}.weight": TABLE + np.float32(1e-6)}),
            do.model("ForMaskedLM", False, extra={f"{DECODER}.weight": np.full_like(TABLE, NAN)}),
            _broken_table,
        ],
    ),
    "not_tied": (
        "must hold cls.predictions.decoder.weight, as tie_word_embeddings is false|tie_word_embeddings in",
        [do.model(name, name == "ForPreTraining", {"tie_word_embeddings": False}) for name in ("ForMaskedLM", "ForPreTraining")]
        + [do.model("ForMaskedLM", False, {"tie_word_embeddings": value}) for value in ("no", 2, [])],
    ),
    "head_without_pooler": (
        "Missing: .*pooler.dense",
        [do.model(name, False) for name in ("ForSequenceClassification", "ForNextSentencePrediction", "ForPreTraining")]
        + [do.model("ForSequenceClassification", False, {"id2label": hf.LABELS}), do.lose("bert.pooler.dense.weight")],
    ),
}


@pytest.mark.parametrize(
    ("kind", "variant"), [(kind, place) for kind, (_, changes) in KINDS.items() for place in range(len(changes))]
)
def test_bad_configs_are_refused(kind: str, variant: int, tmp_path: Path) -> None:
    message, changes = KINDS[kind]
    assert len(changes) >= 5
    check_refused(hf.write_classifier(tmp_path / "x"), changes[variant], message)


def test_layers_that_share_weights_cannot_be_endless(tmp_path: Path) -> None:
    """The file of an ALBERT of a billion layers is small."""
    theirs = hf.BERT | {"model_type": "albert", "num_hidden_layers": 10**9, "embedding_size": 7, "num_hidden_groups": 1}
    (tmp_path / "config.json").write_text(json.dumps(theirs))
    with pytest.raises(FormatError, match=r"num_hidden_layers in .* must be at most 1000. Received: 1000000000"):
        read_huggingface(tmp_path)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("ErnieModel", {"use_task_id": True}),
        ("ErnieModel", {"use_task_id": True, "task_type_vocab_size": 4}),
        ("ErnieModel", {"use_task_id": True, "task_type_vocab_size": "3"}),
        ("ErnieModel", {"use_task_id": "yes", "task_type_vocab_size": 3}),
        ("ErnieModel", {"use_task_id": False, "task_type_vocab_size": 3}),
    ],
)
def test_the_table_of_tasks_must_fit(task: str, names: dict[str, Any], tmp_path: Path) -> None:
    theirs = hf.BERT | {"model_type": "ernie", "architectures": [task]} | names
    extra = {"embeddings.task_type_embeddings.weight": np.ones((3, hf.H), "float32")}
    hf.write(tmp_path, theirs, hf.tensors() | extra)
    with pytest.raises(FormatError, match=r"task_type_embeddings|use_task_id"):
        read_huggingface(tmp_path)
