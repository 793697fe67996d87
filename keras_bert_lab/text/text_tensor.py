"""Whatever holds texts -> a TensorFlow string tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import keras

from keras_bert_lab.errors import DataError
from keras_bert_lab.lazy import LazyModule

__all__ = ["as_text_tensor"]

tf = LazyModule("tensorflow")

_SHOWN = 5


def _refuse(texts: list[Any], wrong: list[int], rule: str, cure: str) -> None:
    shown = ", ".join(f"row {row}: {texts[row]!r:.60} ({type(texts[row]).__name__})" for row in wrong[:_SHOWN])
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    raise DataError(f"{rule} Received {len(wrong)} other(s) among {len(texts)} texts: {shown}{more}. {cure}")


def _is_broken(text: str | bytes) -> bool:
    try:
        text.encode() if isinstance(text, str) else text.decode()
    except UnicodeError:
        return True
    return False


def _encoded(texts: list[Any]) -> list[bytes]:
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, (str, bytes))]
    if wrong:
        _refuse(texts, wrong, "Every text must be a string.", "Drop or fill these rows, or convert them with str().")
    try:
        return [text.encode() if isinstance(text, str) else text.decode().encode() for text in texts]
    except UnicodeError:
        wrong = [row for row, text in enumerate(texts) if _is_broken(text)]
        _refuse(
            texts,
            wrong,
            "Every text must be valid Unicode (bytes: UTF-8), without lone surrogates.",
            'Repair them: text.encode("utf-8", errors="replace").decode(), or bytes.decode(errors="replace").',
        )
        raise  # not reached; keeps the type checker certain


def as_text_tensor(texts: Any) -> Any:
    """Texts in any usual container -> a string tensor (B,).

    A plain `keras.Model` takes string tensors in `fit` and `predict`, but no lists, pandas Series or numpy strings.

    Args:
        texts: a list or tuple of strings, a pandas Series, a numpy array of objects, unicode or bytes, a string tensor of
            shape (B,) or (B, 1), or one single string.

    Returns:
        A `tf.string` tensor (B,), UTF-8.

    Raises:
        DataError: an element is no string or no valid Unicode; the first rows are named.
        ValueError: the container has another shape.
        TypeError: no container of texts.

    Example:
        >>> as_text_tensor(["a film", "a play"]).shape
        TensorShape([2])
    """
    if isinstance(texts, (str, bytes)):
        texts = [texts]
    if isinstance(texts, keras.KerasTensor) or tf.is_tensor(texts):
        if keras.backend.standardize_dtype(texts.dtype) != "string":
            raise ValueError(f"texts must be strings. Received: a tensor of {keras.backend.standardize_dtype(texts.dtype)}")
        if isinstance(texts, keras.KerasTensor):
            return texts
        return tf.reshape(texts, (-1,)) if texts.shape.rank in (0, 2) and texts.shape[1:] in ((), (1,)) else _check_rank(texts)
    if hasattr(texts, "to_numpy"):  # pandas, without importing it
        texts = texts.to_numpy()
    if getattr(texts, "ndim", 1) == 2 and texts.shape[1] == 1:
        texts = texts[:, 0]
    if getattr(texts, "ndim", 1) != 1:
        raise ValueError(f"texts must have shape (B,). Received: shape {tuple(texts.shape)}. Pass one column.")
    if isinstance(texts, (Mapping, Set)) or not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list, a Series, an array or a tensor of strings. Received: {type(texts).__name__}")
    encoded = _encoded(list(texts))
    return tf.constant(encoded, dtype=tf.string, shape=(len(encoded),))


def _check_rank(texts: Any) -> Any:
    if texts.shape.rank != 1:
        raise ValueError(f"texts must have shape (B,) or (B, 1). Received: shape {texts.shape}")
    return texts
