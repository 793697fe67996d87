from __future__ import annotations

import numpy as np
import pytest

import keras_bert_lab as kbl
from tests.samples import numpy
from tests.tasks.small_tasks import TEXTS, encoder, preprocessor


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_vectors_are_pooled_states_in_the_order_of_the_texts(pooling: str) -> None:
    made, prepare = encoder(), preprocessor()
    found = kbl.text_vectors(made, prepare, TEXTS, pooling, batch_size=3)
    for row, text in enumerate(TEXTS):
        inputs = prepare([text])
        hidden = made(inputs)
        states = numpy(hidden["sequence_output"])[0]
        expected = {"mean": states.mean(axis=0), "max": states.max(axis=0), "cls": numpy(hidden["pooled_output"])[0]}[pooling]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="mode must be one of .* Received: mode='first'"):
        kbl.text_vectors(encoder(), preprocessor(), TEXTS, "first")
    with pytest.raises(ValueError, match="at least one text. Received: none"):
        kbl.text_vectors(encoder(), preprocessor(), [])
