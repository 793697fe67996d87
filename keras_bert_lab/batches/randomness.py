"""Random numbers as a pure function of a seed and a place."""

from __future__ import annotations

import numpy as np

__all__ = ["generator", "noise", "noise_key", "uniform"]

_STEP = np.uint64(0x9E3779B97F4A7C15)  # these constants: Steele et al. 2014, and Stafford's mix 13
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))


def generator(seed: int, *place: int) -> np.random.Generator:
    """The random generator of this seed and place (purpose, epoch, step, ...): the same on any machine, in any order of calls.

    Example:
        >>> int(generator(1, 2).integers(1000)) == int(generator(1, 2).integers(1000))
        True
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, *place))))


def noise_key(seed: int, *place: int) -> np.uint64:
    """The key for `noise` that belongs to this seed and place."""
    # The last 1, because a SeedSequence takes no notice of zeros at its end.
    return np.random.SeedSequence((seed, *place, 1)).generate_state(1, np.uint64)[0]


def noise(key: np.uint64, index: np.ndarray) -> np.ndarray:
    """A random number for each index: who asks for a part of the indices gets that part of the numbers.

    Args:
        key: from `noise_key`.
        index: uint64, any shape.

    Returns:
        uint64 of the same shape, 64 random bits each.

    Reference: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators" (SplitMix64, used as a hash).

    Example:
        >>> index = np.arange(5, dtype=np.uint64)
        >>> bool((noise(np.uint64(3), index)[2:] == noise(np.uint64(3), index[2:])).all())
        True
    """
    mixed = index * _STEP
    mixed += key
    mixed ^= mixed >> _SHIFTS[0]
    mixed *= _MULTIPLIERS[0]
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _MULTIPLIERS[1]
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def uniform(key: np.uint64, index: np.ndarray) -> np.ndarray:
    """The same as numbers from 0 to below 1, float64.

    Example:
        >>> numbers = uniform(np.uint64(3), np.arange(1000, dtype=np.uint64))
        >>> bool(0 <= numbers.min() < 0.01 < 0.99 < numbers.max() < 1)
        True
    """
    return (noise(key, index) >> np.uint64(11)) * 2.0**-53
