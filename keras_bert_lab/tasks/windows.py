"""Texts of several windows, as a model for single rows sees them."""

from __future__ import annotations

from typing import Any

from keras import ops

__all__ = ["as_rows", "by_text", "check_windows"]


def check_windows(windows: int | None, stride: int | None, window_pooling: str, pairs: bool | None) -> None:
    """Refuse windows of pairs, and settings of windows without any.

    Raises:
        ValueError: one of the two.
    """
    if windows is None and (stride is not None or window_pooling != "mean"):
        raise ValueError(
            "stride and window_pooling are settings of windows. "
            f"Received: stride={stride!r}, window_pooling={window_pooling!r}, windows=None. "
            "Say how many windows, or leave them out."
        )
    if windows is not None and pairs:
        raise ValueError(
            f"windows are for single texts. Received: windows={windows!r}, pairs=True. "
            "Cut pairs by Preprocessor(truncate=...), without windows."
        )


def as_rows(ids: Any) -> Any:
    """(B, W, S) -> (B W, S); rows stay as they are.

    Example:
        >>> as_rows(ops.ones((2, 3, 5))).shape == as_rows(ops.ones((6, 5))).shape
        True
    """
    return ops.reshape(ids, (-1, ops.shape(ids)[-1]))


def by_text(vectors: Any, mask: Any) -> tuple[Any, Any]:
    """Vectors of windows, text by text, and which of them are windows at all.

    Args:
        vectors: (B W, H).
        mask: padding mask (B, W, S), or (B, S) where each text is one row; 1 = a real token.

    Returns:
        (B, W, H), and bool (B, W).

    Example:
        >>> vectors, is_window = by_text(ops.ones((4, 7)), ops.array([[[1, 1], [1, 0]], [[1, 0], [0, 0]]]))
        >>> vectors.shape, is_window.numpy().tolist()
        (TensorShape([2, 2, 7]), [[True, True], [True, False]])
    """
    if len(mask.shape) == 2:
        mask = ops.expand_dims(mask, 1)  # (B, S) -> (B, 1, S)
    vectors = ops.reshape(vectors, (-1, ops.shape(mask)[1], vectors.shape[-1]))
    return vectors, ops.any(ops.not_equal(mask, 0), axis=2)
