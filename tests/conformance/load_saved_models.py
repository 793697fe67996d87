"""Run in a fresh process: load each `.keras` file of a folder after the one import and write down what it gives.

    python load_saved_models.py FOLDER

For each NAME.keras and NAME.inputs.npz in the folder it writes NAME.outputs.npz. Nothing else of the package or of the tests
is imported, no custom objects are given, and safe mode is on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

import keras_bert_lab  # noqa: F401  # the one import that registers every layer


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.keras")):
        model = keras.saving.load_model(path, safe_mode=True)
        inputs = dict(np.load(path.with_suffix(".inputs.npz")))
        outputs = [keras.ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(model(inputs))]
        np.savez(path.with_suffix(".outputs.npz"), *outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
