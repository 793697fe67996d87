"""Texts -> one vector each, by an encoder as it is."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches import ExampleBatches, as_dataset
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import Pooling
from keras_bert_lab.tasks.parts import check_fit
from keras_bert_lab.tasks.text_inputs import in_order_of_texts, some_texts, tokenized
from keras_bert_lab.text import Preprocessor

__all__ = ["text_vectors"]


def text_vectors(
    encoder: Encoder, preprocessor: Preprocessor, texts: Any, pooling: str = "mean", batch_size: int = 64
) -> np.ndarray:
    """One vector for each text, for search, clustering, or a simple classifier on top.

    Args:
        encoder: it is not trained.
        preprocessor: makes token ids for it.
        texts: texts or pairs of texts, in any form that `Preprocessor` takes.
        pooling: "mean" or "max" of the states of all tokens, or "cls": the pooled output.
        batch_size: texts in a batch; they are put together by length.

    Returns:
        float32 (R, H), in the order of the texts.

    Raises:
        ValueError: a preprocessor that does not fit the encoder, an unknown pooling, or no text at all.

    Reference: Reimers and Gurevych 2019, "Sentence-BERT", section 3.
    """
    check_fit(encoder, preprocessor)
    inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in contract.INPUT_KEYS}
    pooled = Pooling(pooling, dtype=encoder.dtype_policy)(encoder(inputs), padding_mask=inputs[contract.MASK])
    rows = tokenized(preprocessor, some_texts(texts))
    batches = ExampleBatches(
        rows, preprocessor.tokenizer.vocabulary.pad_id, batch_size, None, None, None, preprocessor.row_length
    )
    found = keras.Model(inputs, pooled).predict(as_dataset(batches, epochs=1), verbose=0)
    return in_order_of_texts(batches, np.asarray(found, np.float32))
