"""Large weights are in memory once, also while they are loaded."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import keras_bert_lab as kbl

_LOAD = """
import sys
from pathlib import Path
import keras_bert_lab as kbl

def resident(key):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))

kbl.load_encoder(sys.argv[1])  # what loading takes that does not depend on the weights
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
encoder = kbl.load_encoder(sys.argv[2])
print((resident("VmHWM") - before) * 1024 / (4 * encoder.count_params()))
"""


def _encoder(vocab_size: int, hidden_size: int) -> kbl.Encoder:
    return kbl.Encoder(
        kbl.EncoderConfig(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            num_layers=3,
            num_heads=2,
            intermediate_size=4 * hidden_size,
            max_positions=16,
        )
    )


@pytest.mark.skipif(not pathlib.Path("/proc/self/clear_refs").exists(), reason="the system does not tell the highest memory")
def test_weights_are_in_memory_once(tmp_path: pathlib.Path) -> None:
    kbl.save_encoder(_encoder(11, 8), tmp_path / "small", format="huggingface")
    kbl.save_encoder(_encoder(50_000, 384), tmp_path / "large", format="huggingface")
    words = [sys.executable, "-c", _LOAD, str(tmp_path / "small"), str(tmp_path / "large")]
    copies = float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert 0.9 < copies < 1.2
