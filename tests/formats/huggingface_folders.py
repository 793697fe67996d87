"""Tiny Hugging Face folders, written by hand: names and arrangement as in PyTorch's modules, sizes all different.

L layers 2, N heads 3, H hidden 15, F feed-forward 13, V vocabulary 31, C labels 5.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

L, N, H, F, V, P, T, C = 2, 3, 15, 13, 31, 19, 2, 5

BERT: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": V,
    "hidden_size": H,
    "num_hidden_layers": L,
    "num_attention_heads": N,
    "intermediate_size": F,
    "max_position_embeddings": P,
    "type_vocab_size": T,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.2,
    "initializer_range": 0.02,
    "pad_token_id": 0,
}
LABELS = {str(place): name for place, name in enumerate(("red", "green", "blue", "grey", "pink"))}
CLASSIFIER = BERT | {"architectures": ["BertForSequenceClassification"], "id2label": LABELS}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{place}" for place in range(V - 5))]


def _dense(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (H,), f"{name}.bias": (H,)}


def shapes(pooler: bool = True) -> dict[str, tuple[int, ...]]:
    """Of BertModel."""
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (V, H),
        "embeddings.position_embeddings.weight": (P, H),
        "embeddings.token_type_embeddings.weight": (T, H),
        **_norm("embeddings.LayerNorm"),
    }
    for layer in (f"encoder.layer.{index}" for index in range(L)):
        for part in ("query", "key", "value"):
            found |= _dense(f"{layer}.attention.self.{part}", H, H)
        found |= _dense(f"{layer}.attention.output.dense", H, H) | _norm(f"{layer}.attention.output.LayerNorm")
        found |= _dense(f"{layer}.intermediate.dense", H, F)
        found |= _dense(f"{layer}.output.dense", F, H) | _norm(f"{layer}.output.LayerNorm")
    return found | (_dense("pooler.dense", H, H) if pooler else {})


MASKED_LM = {
    **_dense("cls.predictions.transform.dense", H, H),
    **_norm("cls.predictions.transform.LayerNorm"),
    "cls.predictions.bias": (V,),
}
NEXT = _dense("cls.seq_relationship", H, 2)


def values(of: dict[str, tuple[int, ...]], seed: int = 5) -> dict[str, np.ndarray]:
    """Random numbers; those of normalisations are around 1."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.normal(0, 0.3, shape) + (name.endswith("LayerNorm.weight"))).astype("float32") for name, shape in of.items()
    }


def tensors(head: str = "Model", pooler: bool = True, seed: int = 5) -> dict[str, np.ndarray]:
    """Of one of the classes Bert..., e.g. "ForMaskedLM"."""
    prefix = "" if head == "Model" else "bert."
    found = {prefix + name: shape for name, shape in shapes(pooler).items()}
    found |= {
        "Model": {},
        "ForMaskedLM": MASKED_LM,
        "ForPreTraining": MASKED_LM | NEXT,
        "ForNextSentencePrediction": NEXT,
        "ForSequenceClassification": _dense("classifier", H, C),
        "ForTokenClassification": _dense("classifier", H, C),
        "ForQuestionAnswering": _dense("qa_outputs", H, 2),
    }[head]
    return values(found, seed)


def write(folder: Path, config: Any = None, weights: dict[str, np.ndarray] | None = None, words: bool = False) -> Path:
    """A folder with config.json and model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(BERT if config is None else config))
    save_file(tensors() if weights is None else weights, folder / "model.safetensors", {"format": "pt"})
    if words:
        (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "tokenizer_class": "BertTokenizer"}')
    return folder


def write_classifier(folder: Path, words: bool = False, **changes: Any) -> Path:
    return write(folder, CLASSIFIER | changes, tensors("ForSequenceClassification"), words)


def shard(folder: Path) -> dict[str, str]:
    """Cut model.safetensors into three files with an index; returns its weight_map."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = [names[start::3] for start in range(3)]
    index: dict[str, str] = {}
    for place, part in enumerate(parts):
        name = f"model-{place + 1:05}-of-00003.safetensors"
        save_file({each: weights[each] for each in part}, folder / name, {"format": "pt"})
        index |= dict.fromkeys(part, name)
    write_index(folder, index)
    return index


def write_index(folder: Path, weight_map: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the bytes behind it."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_raw(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> None:
    """A safetensors file with any header (an object or bytes), and any length of it in front."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
