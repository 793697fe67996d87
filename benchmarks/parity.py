"""How far our outputs are from those of the libraries that wrote the checkpoints: the largest absolute difference of each kind.

    python -m benchmarks.parity --fixtures ../shared/fixtures              about a minute on 2 cores
    python -m benchmarks.parity --fixtures ../shared/fixtures --minilm FOLDER     also all-MiniLM-L6-v2, a real model

Each checkpoint of the fixtures comes with the outputs of the library that wrote it (transformers, the original TensorFlow
code, TF-Hub). Differences are taken at real positions: what stands at padding is nobody's answer. Expected: below 1e-5, below
1e-4 for MiniLM. No seed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import keras_bert_lab as kbl
from benchmarks.measure import machine, versions
from keras_bert_lab.formats import Checkpoint, open_source
from keras_bert_lab.formats.head_weights import head_slots

KEYS = ("input_word_ids", "input_mask", "input_type_ids")


def difference(found: Any, expected: np.ndarray, seen: np.ndarray | None = None) -> float:
    """The largest absolute difference, where `seen` (broadcast over the rest of the axes) is 1."""
    apart = np.abs(np.asarray(found, np.float64) - expected)
    if seen is not None:
        apart = apart * seen.reshape(seen.shape + (1,) * (apart.ndim - seen.ndim))
    return float(apart.max())


def head_outputs(checkpoint: Checkpoint, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Logits of the heads of a checkpoint: task -> array."""
    outputs: dict[str, Any] = {}
    for head in checkpoint.heads:
        table = head.table
        encoder = checkpoint.encoder(pooler=None if table.transform is None else False)
        hidden, mask = encoder(inputs), inputs["input_mask"]
        layer: Any
        if table.task == "masked_lm":
            layer = kbl.MaskedLMHead(encoder)
            checkpoint.fill_head(table, head_slots(layer))
            everywhere = np.broadcast_to(np.arange(mask.shape[1]), mask.shape)
            outputs["masked_lm"] = layer(hidden["sequence_output"], everywhere)
        elif table.task == "next_sentence":
            layer = kbl.NextSentenceHead()
            layer.build(hidden["pooled_output"].shape)
            checkpoint.fill_head(table, head_slots(layer))
            outputs["next_sentence"] = layer(hidden["pooled_output"])
        elif table.task == "classification":
            layer = kbl.ClassificationHead(len(head.labels), str(head.kind), transform=table.transform)
            layer.build({"sequence_output": hidden["sequence_output"].shape})
            checkpoint.fill_head(table, head_slots(layer))
            outputs["classification"] = layer.logits(hidden)
    return outputs


# Names of head outputs in the files of expected outputs -> ours.
LOGITS = {
    "prediction_logits": "masked_lm",
    "mlm_logits": "masked_lm",
    "seq_relationship_logits": "next_sentence",
    "sop_logits": "next_sentence",
    "nsp_logits": "next_sentence",
}


def compare(source: Path, expected: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Kind of output -> the largest difference of the opened model from what is expected."""
    checkpoint = open_source(source)
    assert isinstance(checkpoint, Checkpoint)
    inputs = {key: expected[key].astype(np.int32) for key in KEYS}
    seen = inputs["input_mask"]
    encoder = checkpoint.encoder()
    outputs = encoder(inputs)
    found: dict[str, float] = {}

    def note(kind: str, value: float) -> None:
        found[kind] = max(found.get(kind, 0.0), value)

    heads = head_outputs(checkpoint, inputs)
    maps = encoder.attention_maps(inputs)
    for name, wanted in expected.items():
        place = name.rsplit(".", 1)[-1]
        if name in ("last_hidden_state", "sequence_output"):
            note("hidden states", difference(outputs["sequence_output"], wanted, seen))
        elif name.startswith("hidden_states.") and place != "0":
            note("hidden states", difference(outputs["encoder_outputs"][int(place) - 1], wanted, seen))
        elif name == "hidden_states.0":
            embedded = encoder.embeddings(inputs["input_word_ids"], inputs["input_type_ids"])
            note("hidden states", difference(embedded, wanted, seen))
        elif name.startswith("encoder_outputs."):
            note("hidden states", difference(outputs["encoder_outputs"][int(place)], wanted, seen))
        elif name.startswith(("attentions.", "attention_")):
            layer = int(place.removeprefix("attention_"))
            queries = np.moveaxis(np.asarray(maps[layer]), 1, 2), np.moveaxis(wanted, 1, 2)  # (B, N, S, R) -> (B, S, N, R)
            note("attention maps", difference(*queries, seen))
        elif name in ("pooler_output", "pooled_output"):
            note("pooled output", difference(outputs["pooled_output"], wanted))
        elif name in LOGITS or name == "logits":
            task = LOGITS.get(name) or next(iter(heads), None)
            if task in heads:
                note("logits", difference(heads[task], wanted, seen if task == "masked_lm" else None))
    return found


def compare_sealed(folder: Path, expected: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The same for the layers that keep a TF-Hub model as it is; `folder` holds encoder and preprocessor."""
    texts = [str(text) for text in expected["texts"]]
    inputs = kbl.HubPreprocessor(folder / "bert_en_uncased_preprocess")(texts)
    outputs = kbl.HubEncoder(folder / "bert_en_uncased_L-2_H-128_A-2")(inputs)
    states = [difference(outputs["sequence_output"], expected["sequence_output"])]
    states += [difference(each, expected[f"encoder_outputs.{layer}"]) for layer, each in enumerate(outputs["encoder_outputs"])]
    return {
        "token ids": max(difference(inputs[key], expected[key]) for key in KEYS),
        "hidden states": max(states),
        "pooled output": difference(outputs["pooled_output"], expected["pooled_output"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fixtures", type=Path, required=True, help="folder with huggingface/, tf1_bert/, tfhub/ and minilm/")
    parser.add_argument("--minilm", type=Path, help="folder of all-MiniLM-L6-v2: config.json, model.safetensors")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "parity.json")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for folder in sorted((options.fixtures / "huggingface").iterdir()):
        found[f"huggingface/{folder.name}"] = compare(folder, np.load(folder / "expected.npz"))
    found["tf1_bert"] = compare(options.fixtures / "tf1_bert", np.load(options.fixtures / "tf1_bert" / "expected.npz"))
    hub, expected = options.fixtures / "tfhub", np.load(options.fixtures / "tfhub" / "expected.npz")
    found["tfhub, opened"] = compare(hub / "bert_en_uncased_L-2_H-128_A-2", expected)
    found["tfhub, sealed"] = compare_sealed(hub, expected)
    if options.minilm is not None:
        found["all-MiniLM-L6-v2"] = compare(options.minilm, np.load(options.fixtures / "minilm" / "expected.npz"))
    for name, kinds in found.items():
        print(f"{name:42}", "  ".join(f"{kind} {value:.1e}" for kind, value in kinds.items()))
    report = {
        "command": "python -m benchmarks.parity",
        "machine": machine(),
        "versions": versions(["keras-bert-lab", "keras", "tensorflow"]),
        "largest_absolute_differences": found,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
