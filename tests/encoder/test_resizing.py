"""Encoders with room for more tokens."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.encoder.resizing import grown
from tests.samples import numpy

OLD, NEW = 23, 29


def small(**changes: object) -> Encoder:
    keras.utils.set_random_seed(3)
    settings = {"hidden_size": 15, "num_layers": 2, "num_heads": 3, "intermediate_size": 7, "max_positions": 13}
    return Encoder(EncoderConfig.from_dict({"vocab_size": OLD, **settings, **changes}))


def test_old_rows_stay_and_new_ones_have_their_mean_and_spread() -> None:
    table = np.random.default_rng(0).normal(size=(101, 3)) * [0.1, 1.0, 10.0] + [5.0, 0.0, -5.0]
    larger = grown(table, 4101, seed=1)
    assert np.array_equal(larger[:101], table.astype(np.float32))
    assert larger.shape == (4101, 3)
    new = larger[101:]
    assert new.mean(axis=0) == pytest.approx(table.mean(axis=0), abs=0.6)
    assert new.std(axis=0) == pytest.approx(table.std(axis=0), rel=0.05)


@pytest.mark.parametrize("changes", [{}, {"embedding_size": 5}, {"share_layers": True}])
def test_outputs_for_old_tokens_are_as_before(changes: dict[str, object]) -> None:
    encoder = small(**changes)
    larger = encoder.resize_token_embeddings(NEW)
    ids = np.arange(2 * 7).reshape(2, 7).astype("int32")
    inputs = {"input_word_ids": ids, "input_mask": np.ones_like(ids), "input_type_ids": ids % 2}
    before, after = encoder(inputs), larger(inputs)
    assert np.array_equal(numpy(before["sequence_output"]), numpy(after["sequence_output"]))
    assert larger.config == encoder.config.replace(vocab_size=NEW)
    assert tuple(larger.embedding_table.shape) == (NEW, changes.get("embedding_size", 15))
    assert encoder.config.vocab_size == OLD


def test_the_seed_decides_the_new_rows() -> None:
    encoder = small()
    tables = [numpy(encoder.resize_token_embeddings(NEW, seed=seed).embedding_table) for seed in (0, 0, 1)]
    assert np.array_equal(tables[0], tables[1])
    assert not np.array_equal(tables[0][OLD:], tables[2][OLD:])


def test_fewer_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="vocab_size must be an integer of at least 23. Received: vocab_size=22"):
        small().resize_token_embeddings(OLD - 1)
