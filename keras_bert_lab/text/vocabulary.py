"""Tokens, their ids, and which of them are special."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_bert_lab.data.text_files import open_text
from keras_bert_lab.errors import DataError
from keras_bert_lab.text.added_tokens import AddedToken, added_tokens_of
from keras_bert_lab.text.pieces import PIECES

__all__ = ["LONGEST_WORD", "SPECIAL_TOKENS", "Vocabulary", "read_vocabulary"]

LONGEST_WORD = 100
"""Characters of the longest word that WordPiece takes apart; longer ones become [UNK]."""

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
"""The five tokens that a BERT cannot do without: role -> spelling."""


class Vocabulary:
    """An ordered list of tokens; a token's place is its id.

    Args:
        tokens: the tokens, all different.
        special_tokens: spelling of the special tokens for the roles "pad", "unk", "cls", "sep", "mask"; those not named keep
            BERT's spelling.
        pieces: how pieces of words are marked: "wordpiece", "byte_level" or "sentencepiece", see `pieces.PIECES`.
        added_tokens: tokens that are kept whole in texts; those not among `tokens` get the ids that follow.

    Attributes:
        tokens: all tokens, the added ones included.
        trained: how many of them were given as `tokens`; the others were added.
        pad_id, unk_id, cls_id, sep_id, mask_id: ids of the special tokens.
        special_ids: their ids, sorted, int32 (5,).
        word_starts: bool (V,): False for pieces that continue a word ("##ing"); special and added tokens are words.

    Raises:
        ValueError: duplicates, an unknown role, or a special token that is not among the tokens.

    Example:
        >>> Vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "##s"]).ids["film"]
        5
    """

    def __init__(
        self,
        tokens: Sequence[str],
        special_tokens: Mapping[str, str] | None = None,
        pieces: str = "wordpiece",
        added_tokens: Iterable[str | Mapping[str, Any] | AddedToken] = (),
    ) -> None:
        if isinstance(tokens, (str, bytes, pathlib.Path)):
            raise ValueError(
                f"vocabulary must be a list of tokens. Received: {tokens!r}. For a file use read_vocabulary(path)."
            )
        if pieces not in PIECES:
            raise ValueError(f"pieces must be one of {list(PIECES)}. Received: pieces={pieces!r}")
        self.tokens = [str(token) for token in tokens]
        self.trained = len(self.tokens)
        self.pieces = pieces
        self.added_tokens = added_tokens_of(added_tokens)
        among = set(self.tokens)
        self.tokens += [token.content for token in self.added_tokens if token.content not in among]
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self.ids) != len(self.tokens):
            doubles = sorted({token for index, token in enumerate(self.tokens) if self.ids[token] != index})
            raise ValueError(f"vocabulary must hold each token once. Received twice or more: {doubles[:10]}")
        unknown = sorted(set(special_tokens or {}) - set(SPECIAL_TOKENS))
        if unknown:
            raise ValueError(f"special_tokens must name the roles {sorted(SPECIAL_TOKENS)}. Received: {unknown}")
        self.special_tokens = SPECIAL_TOKENS | dict(special_tokens or {})
        missing = sorted(token for token in self.special_tokens.values() if token not in self.ids)
        if missing:
            raise ValueError(
                f"vocabulary must hold the special tokens {list(self.special_tokens.values())}. Received: "
                f"{len(self.tokens)} tokens without {missing}. Name other spellings with special_tokens={{role: token}}."
            )
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self.ids[self.special_tokens[role]] for role in ("pad", "unk", "cls", "sep", "mask")
        )
        self.special_ids = np.array(sorted(self.ids[token] for token in self.special_tokens.values()), np.int32)
        begins_word, self._join = PIECES[pieces]
        self.word_starts = np.array([begins_word(token) for token in self.tokens])
        self.word_starts[self.special_ids] = True
        self.word_starts[[self.ids[token.content] for token in self.added_tokens]] = True

    def __len__(self) -> int:
        return len(self.tokens)

    def to_text(self, ids: Any) -> str:
        """Token ids of one text -> readable text; special tokens but [UNK] and [MASK] are left out.

        WordPieces are joined and words separated by blanks: spacing and case of the original are not restored.
        """
        hidden = {self.pad_id, self.cls_id, self.sep_id}
        return self._join([self.tokens[index] for index in np.asarray(ids).tolist() if index not in hidden])


def read_vocabulary(path: str | pathlib.Path) -> list[str]:
    """Read a vocabulary file: one token a line, its line number is its id; plain or gzipped UTF-8.

    Raises:
        DataError: the file is missing, empty or not UTF-8.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"There is no vocabulary file {path}.")
    try:
        with open_text(path) as lines:
            # Only the line end is cut: some released vocabularies hold tokens that other white space would hide.
            tokens = [line.rstrip("\r\n") for line in lines]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: {error}") from error
    while tokens and not tokens[-1]:
        tokens.pop()
    if not tokens:
        raise DataError(f"The vocabulary file {path} is empty.")
    return tokens
