"""Gaps in texts -> the most probable tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.text_inputs import some_texts

__all__ = ["candidates"]

pd = LazyModule("pandas")


def candidates(model: Any, texts: Any, top_k: int) -> Any:
    """See `MaskedLanguageModel.fill_mask`."""
    vocabulary = model.preprocessor.tokenizer.vocabulary
    mask_token = vocabulary.special_tokens["mask"]
    if not isinstance(top_k, int) or not 1 <= top_k <= len(vocabulary):
        raise ValueError(f"top_k must be an integer between 1 and {len(vocabulary)}. Received: top_k={top_k!r}")
    (column,) = some_texts(texts)
    originals = [text.decode() for text in column.numpy()]
    inputs = model.preprocessor(column, special_tokens=True)
    found = ops.convert_to_numpy(inputs[contract.WORD_IDS]) == vocabulary.mask_id
    for row, text in enumerate(originals):
        if mask_token not in text:
            raise DataError(f"Every text must hold a {mask_token}. Received none in row {row}: {text!r:.80}")
        if found[row].sum() < text.count(mask_token):
            raise DataError(
                f"Every {mask_token} must stand within the first {model.preprocessor.row_length} tokens. "
                f"Received a text that is cut before one in row {row}: {text!r:.80}"
            )
    count = found.sum(axis=1)
    positions = np.zeros((len(found), int(count.max())), np.int32)
    real = np.arange(positions.shape[1]) < count[:, None]
    positions[real] = np.nonzero(found)[1]
    logits = model({**inputs, contract.MASKED_POSITIONS: positions})
    # An encoder may have more ids than the vocabulary has tokens.
    probabilities, best = ops.top_k(ops.softmax(logits, axis=-1)[:, :, : len(vocabulary)], k=top_k)
    probabilities, best = ops.convert_to_numpy(probabilities), ops.convert_to_numpy(best)
    found_tokens = []
    for row, gap in zip(*np.nonzero(real), strict=True):
        pieces = originals[row].split(mask_token)
        for rank in range(top_k):
            token = vocabulary.tokens[best[row, gap, rank]]
            if vocabulary.pieces != "wordpiece":  # "Ġdog", "▁dog": the blank before it is in the text already
                token = vocabulary.to_text([best[row, gap, rank]]).strip() or token
            filled = pieces[:]
            filled[gap : gap + 2] = [pieces[gap] + token.removeprefix("##") + pieces[gap + 1]]
            found_tokens.append(
                {
                    "row": int(row),
                    "mask": int(gap),
                    "token": token,
                    "score": float(probabilities[row, gap, rank]),
                    "text": mask_token.join(filled),
                }
            )
    return pd.DataFrame(found_tokens)
