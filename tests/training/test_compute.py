"""The arithmetic of a step is that of its matrix products."""

import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.training import compute, matmul_rate, training_flops

S, P = 11, 3


@pytest.mark.parametrize("changes", [{}, {"embedding_size": 6}, {"share_layers": True}])
def test_products_by_hand(changes):
    """Forward: 2 m k n for each product of (m, k) and (k, n); backward: the same for each of its two factors."""
    settings = {"vocab_size": 29, "hidden_size": 10, "num_layers": 3, "num_heads": 2, "intermediate_size": 17} | changes
    config = kbl.EncoderConfig(**settings)
    h, f, v, e = 10, 17, 29, settings.get("embedding_size", 10)
    block = [(S, h, 3 * h), (S, h, h), (S, h, f), (S, f, h)]  # query, key and value; output; both parts of the feed-forward
    block += 2 * [(S, 5, S), (S, S, 5)]  # scores and mixtures of both heads
    products = 3 * block + [(P, h, e), (P, e, v)] + ([(S, e, h)] if e != h else [])
    assert training_flops(config, S, P) == 3 * sum(2 * m * k * n for m, k, n in products)


def test_rate_is_that_of_a_product(monkeypatch):
    """A clock that goes on by a hundredth of a second whenever it is read: each product takes that long."""
    ticks = iter(np.arange(0, 10, 0.01))
    monkeypatch.setattr(compute.time, "perf_counter", lambda: float(next(ticks)))
    assert matmul_rate("float32", rounds=3) == pytest.approx(2 * 1024**3 / 0.01)


def test_rate_is_measured():
    assert 1e8 < matmul_rate("bfloat16", rounds=2) < 1e16
