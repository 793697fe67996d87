"""Random numbers as a pure function of a seed and a place."""

from __future__ import annotations

import numpy as np

__all__ = ["generator"]


def generator(seed: int, *place: int) -> np.random.Generator:
    """The random generator of this seed and place (purpose, epoch, step, ...): the same on any machine, in any order of calls.

    Example:
        >>> int(generator(1, 2).integers(1000)) == int(generator(1, 2).integers(1000))
        True
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *place))))
