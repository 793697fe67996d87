"""WordPiece as TensorFlow ops: the same code in training, prediction and the exported model."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.special_tokens import tokenize_around
from keras_bert_lab.text.text_tensor import as_text_tensor
from keras_bert_lab.text.vocabulary import Vocabulary, read_vocabulary
from keras_bert_lab.text.wordpiece_ops import WordPieceOps

__all__ = ["WordPieceTokenizer"]

tf = LazyModule("tensorflow")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class WordPieceTokenizer(keras.layers.Layer):
    """Texts -> ids of words and pieces of words, longest match first.

    Args:
        vocabulary: list of tokens, place = id; `train_wordpiece` makes one, `from_file` reads one.
        lowercase: lower the case and strip accents, as the uncased BERT models do ("Café" -> "cafe").
        special_tokens: spelling of the roles "pad", "unk", "cls", "sep", "mask", where it is not BERT's.

    Call arguments:
        texts: whatever `as_text_tensor` takes.

    Returns:
        Ragged int32 (B, tokens), without [CLS] and [SEP]: those are added by `Preprocessor`.

    Raises:
        ValueError: a vocabulary with duplicates or without a special token.

    The tokens are those of the `tokenizers` library (BertNormalizer, BertPreTokenizer, WordPiece), also in a graph and in a
    saved model. Words of more than 100 characters become [UNK].

    Reference: Song et al. 2020, "Fast WordPiece Tokenization"; rules of google-research/bert's tokenization.py.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        lowercase: bool = True,
        special_tokens: Mapping[str, str] | None = None,
        name: str | None = "tokenizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        # Texts are no numbers: keep Keras from converting the arguments, and XLA from compiling the call.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        self.supports_jit = False
        self.vocabulary = Vocabulary(vocabulary, special_tokens)
        self.lowercase = lowercase
        self._ops: WordPieceOps | None = None
        self.built = True

    @classmethod
    def from_file(cls, path: str | pathlib.Path, lowercase: bool = True, **kwargs: Any) -> WordPieceTokenizer:
        """The tokenizer of a `vocab.txt`."""
        return cls(read_vocabulary(path), lowercase=lowercase, **kwargs)

    def _made(self) -> WordPieceOps:
        if self._ops is None:
            with tf.init_scope():  # outside of any graph: the compiled vocabulary is a constant that every graph captures
                self._ops = WordPieceOps(self.vocabulary, self.lowercase)
        return self._ops

    def tokenize(self, texts: Any, special_tokens: bool = False) -> Any:
        """Texts -> ragged int32 (B, tokens).

        Args:
            texts: whatever `as_text_tensor` takes.
            special_tokens: recognise special tokens written in the texts, such as "[MASK]".
        """
        texts = as_text_tensor(texts)
        if special_tokens:
            return tokenize_around(texts, self.vocabulary, self._made().tokenize_with_offsets)[0]
        return self._made().tokenize(texts)

    def tokenize_with_offsets(self, texts: Any, special_tokens: bool = False) -> tuple[Any, Any, Any]:
        """Texts -> ids, starts, ends: ragged int32 (B, tokens). Offsets count bytes of the UTF-8 text; ends are exclusive."""
        texts = as_text_tensor(texts)
        if special_tokens:
            return tokenize_around(texts, self.vocabulary, self._made().tokenize_with_offsets)
        return self._made().tokenize_with_offsets(texts)

    def detokenize(self, ids: Any) -> list[str]:
        """Rows of ids -> readable texts; case, accents and spacing are not restored."""
        rows = ids.to_list() if hasattr(ids, "to_list") else list(ids)
        return [self.vocabulary.to_text(row) for row in rows]

    def call(self, texts: Any) -> Any:
        return self.tokenize(texts)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary": self.vocabulary.tokens,
            "lowercase": self.lowercase,
            "special_tokens": self.vocabulary.special_tokens,
        }
