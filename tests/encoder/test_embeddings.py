from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from keras_bert_lab.encoder import Embeddings
from tests import oracle
from tests.samples import MAX_POSITIONS, B, H, S, V, batch, numpy, randomise, relative_error


def _layer(**changes: object) -> Embeddings:
    layer = Embeddings(V, H, **({"max_positions": MAX_POSITIONS, "layer_norm_eps": 1e-5} | changes))
    layer.build()
    return randomise(layer)


@pytest.mark.parametrize(
    "changes", [{}, {"type_vocab_size": 0}, {"embedding_size": 17}, {"embedding_size": H}, {"position_offset": 5}]
)
def test_sum_of_the_tables_normalised(changes: dict[str, int]) -> None:
    layer, inputs = _layer(**changes), batch()
    word_ids, type_ids = inputs["input_word_ids"], inputs["input_type_ids"]
    assert relative_error(layer(word_ids, type_ids), oracle.embeddings(layer, word_ids, type_ids, np.arange(S))) < 1e-5


def test_positions_given_replace_counting() -> None:
    layer, inputs = _layer(), batch()
    word_ids, type_ids = inputs["input_word_ids"], inputs["input_type_ids"]
    positions = np.random.default_rng(4).integers(0, MAX_POSITIONS, (B, S)).astype("int32")
    expected = oracle.embeddings(layer, word_ids, type_ids, positions)
    assert relative_error(layer(word_ids, type_ids, positions), expected) < 1e-5


def test_no_type_ids_means_first_text() -> None:
    layer, word_ids = _layer(), batch()["input_word_ids"]
    np.testing.assert_array_equal(layer(word_ids), layer(word_ids, np.zeros_like(word_ids)))


def test_summands_add_up_by_hand() -> None:
    layer = Embeddings(3, 2, max_positions=2, layer_norm_eps=3.0)
    layer.build()
    layer.token.embeddings.assign([[1, 0], [0, 1], [5, 7]])
    layer.position.embeddings.assign([[10, 0], [0, 20]])
    layer.segment.embeddings.assign([[100, 0], [0, 200]])
    summands = layer.summands(np.int32([[2, 1]]), np.int32([[0, 1]]))
    assert numpy(summands["token"]).tolist() == [[[5, 7], [0, 1]]]
    assert numpy(summands["position"]).tolist() == [[[10, 0], [0, 20]]]
    assert numpy(summands["segment"]).tolist() == [[[100, 0], [0, 200]]]
    # sums (115, 7) and (0, 221): mean 61, variance 54^2; mean 110.5, variance 110.5^2
    expected = [
        [[54 / np.sqrt(54**2 + 3), -54 / np.sqrt(54**2 + 3)], [-110.5 / np.sqrt(110.5**2 + 3), 110.5 / np.sqrt(110.5**2 + 3)]]
    ]
    assert numpy(layer(np.int32([[2, 1]]), np.int32([[0, 1]]))) == pytest.approx(np.array(expected), abs=1e-6)


def test_summands_of_a_batch() -> None:
    layer, inputs = _layer(embedding_size=17), batch()
    summands = layer.summands(inputs["input_word_ids"], inputs["input_type_ids"])
    assert {name: tuple(part.shape) for name, part in summands.items()} == {
        "token": (B, S, 17),
        "position": (1, S, 17),
        "segment": (B, S, 17),
    }
    assert list(_layer(type_vocab_size=0).summands(inputs["input_word_ids"])) == ["token", "position"]


def test_shapes_of_the_tables() -> None:
    layer = _layer(embedding_size=17, position_offset=2, type_vocab_size=3)
    shapes = {weight.path.split("/", 1)[1]: tuple(weight.shape) for weight in layer.weights}
    assert shapes == {
        "token/embeddings": (V, 17),
        "position/embeddings": (MAX_POSITIONS + 2, 17),
        "segment/embeddings": (3, 17),
        "norm/gamma": (17,),
        "norm/beta": (17,),
        "projection/kernel": (17, H),
        "projection/bias": (H,),
    }


def test_weights_start_from_the_given_range() -> None:
    layer = Embeddings(499, 101, initializer_range=0.5)
    layer.build()
    # A normal distribution cut at two standard deviations has the standard deviation 0.880 times the given one.
    assert numpy(layer.token.embeddings).std() == pytest.approx(0.5 * 0.880, rel=0.02)
    assert np.abs(numpy(layer.token.embeddings)).max() <= 1.0


def test_dropout_only_in_training() -> None:
    layer, word_ids = _layer(dropout=0.5), batch()["input_word_ids"]
    np.testing.assert_array_equal(layer(word_ids), layer(word_ids, training=False))
    dropped = (numpy(layer(word_ids, training=True)) == 0).mean()
    assert dropped == pytest.approx(0.5, abs=0.06)  # four standard deviations of B * S * H = 1155 throws


def test_too_long_sequences_are_refused() -> None:
    layer = _layer()
    assert tuple(layer(np.ones((2, MAX_POSITIONS), "int32")).shape) == (2, MAX_POSITIONS, H)
    with pytest.raises(ValueError, match=re.escape("at most max_positions=19 tokens. Received: 23")):
        layer(np.ones((2, 23), "int32"))
    with pytest.raises(ValueError, match=re.escape("at most max_positions=19 tokens. Received: 23")):
        layer(keras.KerasTensor((2, 23), "int32"))
