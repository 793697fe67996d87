"""What all tests share: a quiet TensorFlow, the same random numbers in every run, the folder of data and fixtures."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported

import keras
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    keras.utils.set_random_seed(7)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `../shared`: data, and other libraries' files with the outputs that those libraries give."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared (data and fixtures), which is not part of the repository")
    return folder
