"""Several texts in one row, so that no slot is wasted on padding."""

from __future__ import annotations

import numpy as np

__all__ = ["pack"]


def pack(lengths: np.ndarray, row_length: int) -> list[list[int]]:
    """Put pieces into rows: each goes into the open row that it fills best (best fit).

    Args:
        lengths: int (R,), tokens in each piece, in the order in which they are placed; each at most `row_length`.
        row_length: slots in a row.

    Returns:
        For each row the indices of its pieces.

    Raises:
        ValueError: a piece is longer than a row.

    Reference: Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", section 3.

    Example:
        >>> pack(np.array([5, 4, 3, 6]), 8)
        [[0, 2], [1], [3]]
    """
    if len(lengths) and int(lengths.max()) > row_length:
        raise ValueError(f"A piece must have at most row_length={row_length} tokens. Received: {int(lengths.max())} tokens")
    rows: list[list[int]] = []
    open_rows: list[list[int]] = [[] for _ in range(row_length + 1)]  # rows by the room that is left in them
    for piece, length in enumerate(lengths.tolist()):
        room = next((room for room in range(length, row_length) if open_rows[room]), row_length)
        if room == row_length:
            rows.append([])
            row = len(rows) - 1
        else:
            row = open_rows[room].pop()
        rows[row].append(piece)
        open_rows[room - length].append(row)
    return rows
