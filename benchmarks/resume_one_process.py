"""Another process with checkpoints, which starts in the time that NumPy takes: the rest of the package is not imported.

python -m benchmarks.resume_one_process commit ROOT     four commits
python -m benchmarks.resume_one_process hold FOLDER     opens it, says so, and waits for the end of its input
python -m benchmarks.resume_one_process hold_with_child FOLDER    so does a child that it has forked meanwhile
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from pathlib import Path


def without_keras() -> None:
    """Let `keras_bert_lab.training.checkpoints` be imported without what is beside it."""
    found = importlib.util.find_spec("keras_bert_lab")
    if found is None or not found.submodule_search_locations:
        raise ImportError("keras_bert_lab must be importable.")
    package = Path(found.submodule_search_locations[0])
    for name, folder in (("keras_bert_lab", package), ("keras_bert_lab.training", package / "training")):
        module = types.ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module


def main() -> None:
    what, folder = sys.argv[1:]
    without_keras()
    if what == "commit":
        from benchmarks.resume_commits import commit_all

        commit_all(Path(folder))
        return
    from keras_bert_lab.errors import ResumeError
    from keras_bert_lab.training.checkpoints import CheckpointFolder

    try:
        checkpoints = CheckpointFolder(folder)
    except ResumeError as error:
        print(error, flush=True)
        sys.exit(3)
    if what == "hold" or not os.fork():  # the child has let go of the folder then
        print("opened", flush=True)
    sys.stdin.read()
    checkpoints.close()


if __name__ == "__main__":
    main()
