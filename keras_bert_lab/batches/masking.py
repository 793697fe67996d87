"""Which tokens the masked language model must predict, and what it sees in their place."""

from __future__ import annotations

import numpy as np

from keras_bert_lab.config import MaskingConfig

__all__ = ["mask_tokens"]


def mask_tokens(
    word_ids: np.ndarray,
    example_ids: np.ndarray,
    rng: np.random.Generator,
    *,
    mask_id: int,
    special_ids: np.ndarray,
    word_starts: np.ndarray,
    masking: MaskingConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose and replace tokens.

    In each text of n ordinary tokens max(1, round(rate * n)) are chosen, or whole words of about as many tokens in all. Of
    these 80 % become [MASK], 10 % another token, 10 % stay as they are. Special tokens, [UNK] included, are neither chosen
    nor drawn as replacement.

    Args:
        word_ids: int32 (B, S).
        example_ids: int32 (B, S), 0 = padding, 1..K = which text of the row.
        rng: all randomness.
        mask_id: id of [MASK].
        special_ids: ids that are neither chosen nor drawn.
        word_starts: bool (V,), False for tokens that continue a word.
        masking: the shares, and whether whole words are chosen.

    Returns:
        The ids that the model sees, int32 (B, S), and which positions were chosen, bool (B, S).

    Reference: Devlin et al. 2018, section 3.1 and appendix A.1.

    Example:
        >>> ids, ones = np.array([[2, 5, 6, 7, 3]]), np.ones((1, 5), int)
        >>> settings = MaskingConfig(rate=0.3, mask_share=1.0, random_share=0.0)
        >>> seen, chosen = mask_tokens(ids, ones, np.random.default_rng(0), mask_id=4, special_ids=np.arange(5),
        ...                            word_starts=np.ones(8, bool), masking=settings)
        >>> int(chosen.sum()), int((seen == 4).sum())
        (1, 1)
    """
    vocab_size = len(word_starts)
    ordinary = np.ones(vocab_size, bool)
    ordinary[special_ids] = False
    candidate = ordinary[word_ids] & (example_ids > 0)
    rows, columns = np.nonzero(candidate)  # all candidates, row by row
    tokens = word_ids[rows, columns]
    # Number the texts through the batch, and the units (tokens or words) that are chosen together.
    text = rows * (int(example_ids.max(initial=0)) + 1) + example_ids[rows, columns]
    new_text = np.diff(text, prepend=-1) != 0
    text = np.cumsum(new_text) - 1
    if masking.whole_word:
        # A gap (a special token between two pieces) also ends a word.
        gap = np.diff(columns, prepend=-2) != 1
        unit = np.cumsum(new_text | gap | word_starts[tokens]) - 1
    else:
        unit = np.arange(len(tokens))
    chosen_units = _choose(unit, text, masking.rate, rng)

    chosen = np.zeros(word_ids.shape, bool)
    taken = chosen_units[unit]
    chosen[rows[taken], columns[taken]] = True

    seen = word_ids.astype(np.int32, copy=True)
    count = int(taken.sum())
    lot = rng.random(count)
    drawn = np.flatnonzero(ordinary)[rng.integers(0, max(1, int(ordinary.sum())), count)]
    original = seen[chosen]
    replaced = np.where(lot < masking.mask_share, mask_id, original)
    is_random = (lot >= masking.mask_share) & (lot < masking.mask_share + masking.random_share)
    seen[chosen] = np.where(is_random, drawn, replaced)
    return seen, chosen


def _choose(unit: np.ndarray, text: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Which units are chosen, bool (U,): in random order within each text, until its share of tokens is reached.

    A unit of several tokens that would pass the share is taken with the probability that keeps the expected number right.
    """
    if not len(unit):
        return np.zeros(0, bool)
    size = np.bincount(unit)  # tokens in each unit
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    unit_text = text[first]
    wanted = np.maximum(1, np.rint(rate * np.bincount(text)))  # tokens to choose in each text
    order = np.lexsort((rng.random(len(size)), unit_text))
    sizes = size[order]
    before = np.cumsum(sizes) - sizes
    texts = unit_text[order]
    starts = np.flatnonzero(np.diff(texts, prepend=-1))
    before = before - before[starts][texts]  # tokens of the same text that come earlier in the random order
    missing = wanted[texts] - before
    take = (missing >= sizes) | (before == 0) | ((missing > 0) & (rng.random(len(size)) < missing / sizes))
    chosen = np.zeros(len(size), bool)
    chosen[order] = take
    return chosen
