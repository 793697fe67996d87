"""The arithmetic of docs/several_machines.md: its base figures, computed anew."""

from __future__ import annotations

import numpy as np
import pytest

from keras_bert_lab import (
    EncoderConfig,
    MaskedLanguageModel,
    Preprocessor,
    PretrainingBatches,
    WordPieceTokenizer,
    prepare_corpus,
)
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.initial_weights import blank_weights
from keras_bert_lab.training import training_flops
from tests.cli.small_runs import corpus
from tests.conftest import ROOT
from tests.tasks.small_tasks import WORDS

DOC = " ".join((ROOT / "docs" / "several_machines.md").read_text(encoding="utf-8").split())
LARGE = EncoderConfig.preset("bert_large", vocab_size=30_522)
CASES = [(512, 32, 77), (128, 128, 20)]  # S, B, P
DEVICES = 64


@pytest.fixture(scope="module")
def weights() -> dict[str, int]:
    """Weights of BERT large by part, from models of one and two layers."""
    preprocessor = Preprocessor(WordPieceTokenizer(WORDS))
    counts, parts = [], {}
    for layers in (1, 2):
        with blank_weights():
            encoder = Encoder(LARGE.replace(num_layers=layers))
        counts.append(encoder.count_params())
        if layers == 1:
            model = MaskedLanguageModel(encoder, preprocessor, next_sentence=True)
            parts = {"pair": model.next_sentence_head.count_params(), "pooler": encoder.pooler.count_params()}
            parts["all"] = model.count_params() - counts[0]
    layer = counts[1] - counts[0]
    encoder_weights = counts[0] + 23 * layer
    return {
        "embeddings": counts[0] - layer - parts["pooler"],
        "layer": layer,
        "layers": 24 * layer,
        "pooler": parts["pooler"],
        "encoder": encoder_weights,
        "masked": parts["all"] - parts["pair"],
        "pair": parts["pair"],
        "all": encoder_weights + parts["all"],
    }


def test_numbers_of_weights(weights: dict[str, int]) -> None:
    assert (LARGE.hidden_size, LARGE.num_layers, LARGE.num_heads, LARGE.intermediate_size) == (1024, 24, 16, 4096)
    for number in weights.values():
        assert f"| {number:,} |" in DOC, number


def test_memory_and_network(weights: dict[str, int]) -> None:
    whole = weights["all"]
    for factor in (4, 8, 16, 2):
        assert f"| {factor} W | {factor * whole / 1e9:.2f} |" in DOC
    assert f"12 W = {12 * whole / 1e9:.2f} GB" in DOC
    sent = 2 * (DEVICES - 1) / DEVICES * 4 * whole
    assert f"2 · 63/64 · 4 W = {sent / 1e9:.2f} GB a step" in DOC
    for rate in (50, 25):
        assert f"{sent / 1e9:.2f} GB / {rate} GB/s = {sent / rate / 1e9:.3f} s" in DOC
    between = 2 * 7 / 8 * 4 * whole
    assert f"4 W / 300 GB/s = {between / 300e9:.3f} s" in DOC
    assert f"{between / 1e9:.2f} GB / 12.5 GB/s = {between / 12.5e9:.3f} s" in DOC
    for rate in (3.125, 1.25):
        assert f"/ {rate} GB/s = {between / rate / 1e9:.3f} s" in DOC


def test_activations_and_arithmetic(weights: dict[str, int]) -> None:
    columns = []
    for length, rows, masked in CASES:
        kept = length * 1024 * (34 + 5 * 16 * length / 1024)
        logits = 3 * 4 * rows * masked * 30_522 / 1e9
        activations = 24 * kept * rows / 1e9
        flops = training_flops(LARGE, length, masked)
        seconds = [rows * flops / rate for rate in (0.40 * 312e12, 0.35 * 989e12)]
        sums = [each + 2 * 63 / 64 * 4 * weights["all"] / link for each, link in zip(seconds, (25e9, 50e9), strict=True)]
        slots = [DEVICES * rows * length / each for each in sums]
        assert DEVICES * rows * length == 2**20
        columns.append(
            [
                f"= {kept / 1e6:.3g} MB",
                f"{24 * kept / 1e6:.0f} MB",
                f"{activations:.1f} GB",
                f"{logits:.2f} GB",
                f"{activations + logits + 16 * weights['all'] / 1e9 + 2 * weights['all'] / 1e9:.1f} GB",
                f"{flops / 1e12:.3f} TFLOP",
                f"{rows * flops / 1e12:.1f} TFLOP",
                f"{seconds[0]:.3f} s",
                f"{sums[0]:.3f} s: {1 / sums[0]:.1f} steps/s",
                f"{slots[0] / 1e6:.2f} million/s",
                f"{seconds[1]:.3f} s",
                f"{sums[1]:.3f} s: {1 / sums[1]:.1f} steps/s",
                f"{slots[1] / 1e6:.2f} million/s",
            ]
        )
    for left, right in zip(*columns, strict=True):
        assert f"{left} | " in DOC, left
        assert f"{right} |" in DOC, right


def test_bytes_of_the_input(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    prepared = prepare_corpus(corpus(folder / "c.txt"), WordPieceTokenizer(WORDS), folder / "corpus")
    (tokens,) = (folder / "corpus").rglob("tokens.bin")
    assert tokens.stat().st_size == 2 * prepared.tokens  # uint16
    batches = PretrainingBatches(prepared, 31, 3)
    inputs, targets, weights = batches.batch(0)
    assert {array.dtype.itemsize for array in (*inputs.values(), targets, weights)} == {4}
    assert sum(array.nbytes for array in (*inputs.values(), targets, weights)) == 3 * (20 * 31 + 12 * batches.masked_positions)
    for length, rows, masked in CASES:
        row = 20 * length + 12 * masked
        assert f"{row:,} at S = {length}" in DOC or f"{row:,} at S = {length}." in DOC
        assert f"{np.floor(rows * row / 1e3):.0f}" in DOC
