"""Several texts in one row, so that no slot is wasted on padding."""

from __future__ import annotations

import numpy as np

__all__ = ["PackingPlan", "pack_lengths"]


def pack_lengths(counts: np.ndarray, most: int | None = None) -> list[tuple[tuple[int, ...], int]]:
    """Which lengths share rows: best fit, long pieces first, for all pieces of one length at once.

    Only the number of pieces of each length matters, so millions of pieces take as long as thousands.

    Args:
        counts: int (S + 1,), how many pieces have each length; S slots in a row.
        most: most pieces in a row; None = no limit.

    Returns:
        Patterns, each with its number of rows: the lengths of a row's pieces, long ones first.

    Reference: Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination", section 3 (SPFHP).

    Example:
        >>> pack_lengths(np.bincount([5, 4, 3, 6, 5, 3], minlength=9))
        [((6,), 1), ((5, 3), 2), ((4,), 1)]
    """
    row_length = len(counts) - 1
    most = row_length if most is None else most
    open_rows: list[list[tuple[tuple[int, ...], int]]] = [[] for _ in range(row_length + 1)]  # by the room that is left
    for length in range(row_length, 0, -1):
        left = int(counts[length])
        while left:
            room = next((room for room in range(length, row_length) if open_rows[room]), row_length)
            pattern, rows = open_rows[room].pop() if room < row_length else ((), left)
            each = min(room // length, most - len(pattern))  # a row that has taken one piece is the tightest for the next one
            full = min(rows, left // each)
            rest = left - full * each if full < rows else 0
            if room < row_length and full + (rest > 0) < rows:
                open_rows[room].append((pattern, rows - full - (rest > 0)))
            for count, times in ((each, full), (rest, int(rest > 0))):
                if times:
                    taken = pattern + (length,) * count
                    open_rows[room - count * length if len(taken) < most else 0].append((taken, times))  # 0: closed
            left -= full * each + rest
    return sorted((row for rows in open_rows for row in rows), reverse=True)


class PackingPlan:
    """Where pieces go: the pattern of rows follows from the lengths alone, each epoch deals the pieces out anew.

    Args:
        lengths: int (N,), slots that each piece takes, special tokens included.
        row_length: S, slots in a row.
        most: most pieces in a row; None = no limit.

    Attributes:
        rows: R, number of rows, the same in every epoch.
        most: K, most pieces in a row.
        row_splits: int64 (R + 1,): the places of row r are `row_splits[r]` to `row_splits[r + 1] - 1`.
        place_lengths: int (N,), length of the piece at each place.

    Raises:
        ValueError: a piece that is longer than a row, or empty.

    Example:
        >>> plan = PackingPlan(np.array([5, 4, 3, 6]), 8)
        >>> plan.rows, plan.place_lengths.tolist()
        (3, [6, 5, 3, 4])
    """

    def __init__(self, lengths: np.ndarray, row_length: int, most: int | None = None) -> None:
        if len(lengths) and not (lengths.min() > 0 and lengths.max() <= row_length):
            raise ValueError(
                f"A piece must have from 1 to row_length={row_length} tokens. "
                f"Received: pieces of {int(lengths.min())} to {int(lengths.max())} tokens"
            )
        patterns = pack_lengths(np.bincount(lengths, minlength=row_length + 1), most)
        kind = np.uint16 if row_length < 2**16 else np.int64  # numpy sorts 16 bits by counting: much sooner
        self.row_length = row_length
        self.rows = sum(rows for _, rows in patterns)
        self.most = max((len(pattern) for pattern, _ in patterns), default=0)
        sizes = np.repeat([len(pattern) for pattern, _ in patterns], [rows for _, rows in patterns])
        self.row_splits = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
        self.place_lengths = np.concatenate(
            [np.zeros(0, kind), *(np.tile(np.array(pattern, kind), rows) for pattern, rows in patterns)]
        )
        self._lengths = lengths.astype(kind)
        self._index = np.int32 if len(lengths) < 2**31 else np.int64  # half the memory
        self._places = np.argsort(self.place_lengths, kind="stable").astype(self._index)  # short ones first

    def epoch(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows in random order, and the piece at each place: every piece once, each where its length belongs.

        Returns:
            The numbers of the rows, int (R,), and of the pieces at the places 0 ... N - 1, int (N,).
        """
        shuffled = rng.permutation(len(self._lengths)).astype(self._index)
        shuffled = shuffled[np.argsort(self._lengths[shuffled], kind="stable")]
        pieces = np.empty_like(shuffled)
        pieces[self._places] = shuffled
        return rng.permutation(self.rows).astype(self._index), pieces
