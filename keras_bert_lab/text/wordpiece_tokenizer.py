"""WordPiece as TensorFlow ops: the same code in training, prediction and the exported model."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.piece_tokenizer import PieceTokenizer
from keras_bert_lab.text.vocabulary import Vocabulary, read_vocabulary
from keras_bert_lab.text.wordpiece_ops import WordPieceOps

__all__ = ["WordPieceTokenizer"]


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WordPieceTokenizer(PieceTokenizer, keras.layers.Layer):
    """Texts -> ids of words and pieces of words, longest match first.

    Args:
        vocabulary: list of tokens, place = id; `train_wordpiece` makes one, `from_file` reads one.
        lowercase: lower the case, as the uncased BERT models do.
        special_tokens: spelling of the roles "pad", "unk", "cls", "sep", "mask", where it is not BERT's.
        strip_accents: take the accents away ("café" -> "cafe"); None = as `lowercase`.
        split_cjk: make every Chinese character a word of its own.
        added_tokens: tokens that are kept whole wherever they stand in a text, strings or AddedTokens; those that are not in
            the vocabulary get the ids after it.

    Call arguments:
        texts: whatever `as_text_tensor` takes.

    Returns:
        Ragged int32 (B, tokens), without [CLS] and [SEP]: those are added by `Preprocessor`.

    Raises:
        ValueError: a vocabulary with duplicates or without a special token.

    The tokens are those of the `tokenizers` library (BertNormalizer, BertPreTokenizer, WordPiece), also in a graph and in a
    saved model. Words of more than 100 characters become [UNK]. In `transformers`, lowercase is `do_lower_case` and split_cjk
    is `tokenize_chinese_chars`.

    Reference: Song et al. 2020, "Fast WordPiece Tokenization"; rules of google-research/bert's tokenization.py.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lowercase: bool = True,
        special_tokens: Mapping[str, str] | None = None,
        strip_accents: bool | None = None,
        split_cjk: bool = True,
        added_tokens: Iterable[str | Mapping[str, Any] | AddedToken] = (),
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._set_up()
        self.vocabulary = Vocabulary(vocabulary, special_tokens, added_tokens=added_tokens)
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.split_cjk = split_cjk

    @classmethod
    def from_file(cls, path: str | pathlib.Path, lowercase: bool = True, **kwargs: Any) -> WordPieceTokenizer:
        """The tokenizer of a `vocab.txt`."""
        return cls(read_vocabulary(path), lowercase=lowercase, **kwargs)

    def _new_ops(self) -> WordPieceOps:
        strip_accents = self.lowercase if self.strip_accents is None else self.strip_accents
        return WordPieceOps(self.vocabulary, bool(self.lowercase), bool(strip_accents), bool(self.split_cjk))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self.vocabulary.tokens[: self.vocabulary.trained],
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            "split_cjk": self.split_cjk,
            **self._vocabulary_config(),
        }
