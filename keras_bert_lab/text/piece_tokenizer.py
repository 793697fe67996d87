"""What all tokenizers of pieces do in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import keras

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.added_tokens import AddedToken, added_tokens_of
from keras_bert_lab.text.special_tokens import WithOffsets, tokenize_around, wanted_tokens
from keras_bert_lab.text.text_tensor import as_text_tensor
from keras_bert_lab.text.vocabulary import Vocabulary

__all__ = ["PieceOps", "PieceTokenizer"]

tf = LazyModule("tensorflow")


class PieceOps(Protocol):
    """A tokeniser as TensorFlow ops on string tensors (B,)."""

    def tokenize(self, texts: Any) -> Any:
        """Ids, ragged int32 (B, tokens)."""

    def tokenize_with_offsets(self, texts: Any, tokens: list[AddedToken]) -> tuple[Any, Any, Any]:
        """Ids, starts, ends; `tokens` are kept whole, wherever they stand in the normalised texts."""


class PieceTokenizer:
    """Mixed into a `keras.layers.Layer` that has a `vocabulary` and makes `PieceOps`."""

    vocabulary: Vocabulary
    _ops: PieceOps | None = None

    def _set_up(self) -> None:
        # Texts are no numbers: keep Keras from converting the arguments, and XLA from compiling the call.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        # On other backends it stands before the compiled step, never in it.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        self.built = True

    def _new_ops(self) -> PieceOps:
        raise NotImplementedError

    def _made(self) -> PieceOps:
        if self._ops is None:
            with tf.init_scope():  # outside of any graph: the vocabulary is a constant that every graph captures
                self._ops = self._new_ops()
        return self._ops

    def _around(self, texts: Any, tokens: list[AddedToken]) -> tuple[Any, Any, Any]:
        ops = self._made()
        exact = [token for token in tokens if not token.normalized]
        normalized = [token for token in tokens if token.normalized]
        between: WithOffsets = lambda parts: ops.tokenize_with_offsets(parts, normalized)  # noqa: E731
        return tokenize_around(texts, exact, self.vocabulary.ids, between)

    def tokenize(self, texts: Any, special_tokens: bool = False) -> Any:
        """Texts -> ragged int32 (B, tokens).

        Args:
            texts: whatever `as_text_tensor` takes.
            special_tokens: recognise special tokens written in the texts, such as "[MASK]"; added tokens always are.
        """
        texts = as_text_tensor(texts)
        tokens = wanted_tokens(self.vocabulary, special_tokens)
        return self._around(texts, tokens)[0] if tokens else self._made().tokenize(texts)

    def tokenize_with_offsets(self, texts: Any, special_tokens: bool = False) -> tuple[Any, Any, Any]:
        """Texts -> ids, starts, ends: ragged int32 (B, tokens). Offsets count bytes of the UTF-8 text; ends are exclusive."""
        return self._around(as_text_tensor(texts), wanted_tokens(self.vocabulary, special_tokens))

    def detokenize(self, ids: Any) -> list[str]:
        """Rows of ids -> readable texts, see `Vocabulary.to_text`."""
        rows = ids.to_list() if hasattr(ids, "to_list") else list(ids)
        return [self.vocabulary.to_text(row) for row in rows]

    def call(self, texts: Any) -> Any:
        return self.tokenize(texts)

    def with_added_tokens(self, tokens: Iterable[str | Mapping[str, Any] | AddedToken]) -> Any:
        """A new tokenizer that keeps these tokens whole too; those that are new get the ids after the vocabulary.

        Args:
            tokens: strings, or AddedTokens, which also say how a token is matched.

        Raises:
            ValueError: a token that was added before, or an impossible token.
        """
        added = [token.as_data() for token in added_tokens_of([*self._added(), *added_tokens_of(tokens)])]
        return type(self).from_config(self.get_config() | {"added_tokens": added})  # type: ignore[attr-defined]

    def _added(self) -> tuple[AddedToken, ...]:
        return self.vocabulary.added_tokens

    def _vocabulary_config(self) -> dict[str, Any]:
        return {
            "special_tokens": self.vocabulary.special_tokens,
            "added_tokens": [token.as_data() for token in self.vocabulary.added_tokens],
        }
