"""What all tests share: a quiet TensorFlow, the same random numbers in every run, the folder of data and fixtures."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported

import keras
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    keras.utils.set_random_seed(7)


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of many checkpoints, in which no power fails."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `../shared`: data, and other libraries' files with the outputs that those libraries give."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared (data and fixtures), which is not part of the repository")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _listens_to_ctrl_c() -> None:
    """A job in the background starts with Ctrl-C ignored; the tests of interruptions need it heard."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
