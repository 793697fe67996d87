"""Running an exported model in a process of its own, as the people do who get the folder and nothing else."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from keras_bert_lab.errors import ExportError

__all__ = ["answers_of_fresh_process"]

_PROGRAM = """
import sys
import numpy as np
import tensorflow as tf
folder, given, found, needs_text_ops = sys.argv[1:]
if needs_text_ops == "yes":
    import tensorflow_text
serve = tf.saved_model.load(folder).signatures["serving_default"]
with np.load(given) as arrays:
    inputs = {name: arrays[name].tolist() if arrays[name].dtype.kind == "S" else arrays[name] for name in arrays.files}
answers = serve(**{name: tf.constant(value) for name, value in inputs.items()})
assert needs_text_ops == "yes" or "tensorflow_text" not in sys.modules
arrays = {name: value.numpy() for name, value in answers.items()}
np.savez(found, **{name: array.astype(bytes) if array.dtype.kind == "O" else array for name, array in arrays.items()})
"""


def answers_of_fresh_process(
    folder: pathlib.Path, inputs: dict[str, np.ndarray], needs_text_ops: bool
) -> dict[str, np.ndarray]:
    """What `serving_default` of the SavedModel in `folder` answers in a new Python process.

    Args:
        folder: with `saved_model.pb`.
        inputs: arguments of the signature; texts as arrays of bytes.
        needs_text_ops: import tensorflow_text first; else it must not be needed.

    Raises:
        ExportError: the process failed; its last lines are shown.
    """
    with tempfile.TemporaryDirectory() as scratch:
        given, found = pathlib.Path(scratch, "given.npz"), pathlib.Path(scratch, "found.npz")
        np.savez(given, **inputs)  # type: ignore[arg-type]
        command = [sys.executable, "-c", _PROGRAM, str(folder), str(given), str(found), "yes" if needs_text_ops else "no"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExportError(
                f"The exported model in {folder} does not run in a fresh process. It ended with:\n{done.stderr.strip()[-2000:]}"
            )
        with np.load(found) as arrays:
            return {name: arrays[name] for name in arrays.files}
