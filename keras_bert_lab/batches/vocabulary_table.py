"""What batches need to know of a vocabulary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["VocabularyTable"]

_IDS = ("pad_id", "unk_id", "cls_id", "sep_id", "mask_id")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VocabularyTable:
    """Special ids and word starts of V tokens; a `text.Vocabulary` has the same attributes, so that either can be passed.

    Attributes:
        pad_id, unk_id, cls_id, sep_id, mask_id: ids of the special tokens.
        special_ids: all ids that are neither masked nor drawn, sorted, int32.
        word_starts: bool (V,), False for pieces that continue a word.
    """

    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    special_ids: np.ndarray
    word_starts: np.ndarray

    def __len__(self) -> int:
        return len(self.word_starts)

    @property
    def vocab_size(self) -> int:
        """V, number of tokens."""
        return len(self.word_starts)

    @classmethod
    def of(cls, vocabulary: Any) -> VocabularyTable:
        """The table of a `text.Vocabulary`."""
        return cls(
            **{name: int(getattr(vocabulary, name)) for name in _IDS},
            special_ids=np.array(vocabulary.special_ids, np.int32),
            word_starts=np.array(vocabulary.word_starts, bool),
        )

    @classmethod
    def from_dict(cls, ids: Mapping[str, Any], word_starts: np.ndarray) -> VocabularyTable:
        """The table of what `to_dict` gave.

        Raises:
            ValueError: an id that is missing, or none of the vocabulary's.
        """
        values = {name: ids.get(name) for name in _IDS}
        special = ids.get("special_ids")
        for value in (*values.values(), *(special if isinstance(special, list) else [None])):
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(word_starts):
                raise ValueError(f"ids must be from 0 to {len(word_starts) - 1}. Received: {dict(ids)!r:.200}")
        return cls(**values, special_ids=np.array(special, np.int32), word_starts=word_starts)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """The ids as plain data."""
        return {name: getattr(self, name) for name in _IDS} | {"special_ids": self.special_ids.tolist()}
