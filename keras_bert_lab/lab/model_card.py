"""The card that goes with a trained model: what it learned from, how good it is, what it was not tested on."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab._version import __version__
from keras_bert_lab.tasks import TextClassifier

__all__ = ["about_table", "model_card"]

_SHOWN = 20
_KINDS = {
    "binary": "one of two labels",
    "multi_class": "one of several labels",
    "multi_label": "any of several labels",
    "regression": "a number",
}


def about_table(table: Any, kind: str) -> dict[str, Any]:
    """What a card tells of a table: rows, how long the texts are, how often each label occurs.

    Args:
        table: columns `text` and `label`.
        kind: of classification.
    """
    lengths = [len(text) for text in table["text"]]
    found: dict[str, Any] = {
        "rows": len(table),
        "characters": {"median": float(np.median(lengths)), "longest": max(lengths, default=0)},
    }
    if kind == "regression":
        numbers = np.asarray(table["label"], float)
        figures = {"lowest": numbers.min(), "mean": numbers.mean(), "highest": numbers.max()}
        return found | {"numbers": {name: float(value) for name, value in figures.items()}}
    several = [name for names in table["label"] for name in names] if kind == "multi_label" else table["label"]
    return found | {"labels": dict(collections.Counter(map(str, several)).most_common())}


def _data(about: Mapping[str, Any]) -> list[str]:
    lines = ["| | texts | characters, median | longest | labels |", "|---|---|---|---|---|"]
    for name, data in about.items():
        if "numbers" in data:
            labels = ", ".join(f"{key} {value:.4g}" for key, value in data["numbers"].items())
        else:
            counts = list(data["labels"].items())
            labels = ", ".join(f"{label} {count:,}" for label, count in counts[:_SHOWN])
            labels += f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
        characters = data["characters"]
        lines.append(f"| {name} | {data['rows']:,} | {characters['median']:,.0f} | {characters['longest']:,} | {labels} |")
    return lines


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for number, step in enumerate(steps, start=1):
        settings = ", ".join(f"{name} {value}" for name, value in step.items() if name not in ("step", "seconds"))
        lines.append(f"{number}. {step['step']}: {settings} ({step['seconds']:.0f} s)")
    return lines


def _limits(model: TextClassifier, data: Mapping[str, Any], measured: Mapping[str, Any]) -> list[str]:
    lines = []
    if "test" not in measured:
        lines.append("- It was measured on no texts but those by which it was chosen, if on any: new texts may go worse.")
    rows = data["train"]["rows"]
    lines.append(
        f"- It learned from {rows:,} texts. Other kinds of texts, other times, other languages than theirs were not measured."
    )
    if model.kind in ("binary", "multi_class"):
        lines.append(f"- Every text gets one of {len(model.labels)} labels, also one that is none of them.")
    lines.append(f"- Of each text {model.preprocessor.row_length:,} tokens are read at most.")
    if model.kind != "regression":
        lines.append("- Whether it treats groups of people alike was not measured.")
    return lines


def model_card(
    model: TextClassifier, about: Mapping[str, Any], reports: Mapping[str, Any], pictures: Sequence[str], name: str
) -> str:
    """The text of a model card, in Markdown with the front matter that model hubs read.

    Args:
        model: the model.
        about: settings, figures and date of its run, as its manifest holds them.
        reports: name of a table -> report of the model on it.
        pictures: files in the same folder.
        name: of the model.
    """
    data = about["figures"]["data"]
    config = model.encoder.config
    weights = sum(int(np.prod(weight.shape)) for weight in model.weights)
    labels = f": {', '.join(model.labels[:_SHOWN])}" if model.labels else ""
    example = '(["first text"], ["second text"])' if model.pairs else '["a text"]'
    parts = [
        "---",
        "library_name: keras_bert_lab",
        "pipeline_tag: text-classification",
        "---",
        "",
        f"# {name}",
        "",
        f"Takes {'pairs of texts' if model.pairs else 'a text'}, gives {_KINDS[model.kind]}{labels}. "
        f"{config.num_layers} layers, {config.hidden_size} wide, {weights:,} weights.",
        "",
        "```python",
        "import keras_bert_lab as kbl",
        "",
        f'model = kbl.load_task("{name}")',
        f"model.predict_text({example})",
        "```",
        "",
        "## Data",
        "",
        *_data(data),
        "",
        "## How it was trained",
        "",
        *(_steps(about["settings"].get("steps", [])) or ["Not told."]),
        "",
        "## How good it is",
        "",
    ]
    for table, report in reports.items():
        parts += [f"On {data[table]['rows']:,} texts ({table}):", "", "```", str(report), "```", ""]
    if not reports:
        parts += ["It was not measured.", ""]
    parts += [line for picture in pictures for line in (f"![{picture.removesuffix('.png')}]({picture})", "")]
    parts += ["## Limits", "", *_limits(model, data, reports), ""]
    versions = f"keras_bert_lab {__version__}, Keras {keras.version()}"
    parts += [f"Made on {about['date'][:10]} with {versions}. All settings and figures: `keras_bert_lab.json`.", ""]
    return "\n".join(parts)
