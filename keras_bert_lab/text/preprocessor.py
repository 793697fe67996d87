"""Texts or pairs of texts -> the dict that every encoder takes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.text_tensor import as_text_tensor

__all__ = ["TRUNCATIONS", "Preprocessor", "columns_of", "text_columns"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

TRUNCATIONS = ("round_robin", "waterfall", "longest_first", "head_tail")


def _is_pair_of_texts(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(isinstance(text, (str, bytes)) for text in item)


def _is_column(item: Any) -> bool:
    return isinstance(item, (list, tuple)) or (hasattr(item, "shape") and not isinstance(item, np.generic))


def columns_of(texts: Any) -> list[Any]:
    """One or two columns of texts out of all the forms in which people hold pairs."""
    if isinstance(texts, tuple):
        if len(texts) != 2:
            raise ValueError(f"A tuple must hold the first and the second texts. Received: a tuple of {len(texts)}")
        return list(texts)
    if isinstance(texts, list) and texts:
        if all(_is_pair_of_texts(item) for item in texts):
            return [list(column) for column in zip(*texts, strict=True)]
        if len(texts) == 2 and all(map(_is_column, texts)):
            return texts
    return [texts]


def text_columns(texts: Any) -> list[Any]:
    """One string tensor (B,), or two of equal length for pairs.

    Raises:
        DataError: a text that is no string.
        ValueError: columns of different length.
    """
    columns = [as_text_tensor(column) for column in columns_of(texts)]
    counts = [column.shape[0] for column in columns]
    if None not in counts and len(set(counts)) > 1:
        raise ValueError(
            f"Both texts of a pair must be given for each row. Received: {counts[0]} first and {counts[1]} second texts"
        )
    return columns


def _longest_first(first: Any, second: Any, room: Any) -> tuple[Any, Any]:
    """How many tokens of two texts are kept, int64 (B,), where the longer one is shortened first.

    If both are, the one that was longer keeps the odd token, as in the `tokenizers` library.
    """
    shorter, longer = tf.minimum(first, second), tf.maximum(first, second)
    longer = tf.minimum(longer, tf.maximum(room - shorter, room - room // 2))
    shorter = tf.minimum(shorter, room - longer)
    return tf.where(first > second, longer, shorter), tf.where(first > second, shorter, longer)


def _outer_tokens(segment: Any, first: Any, last: Any) -> Any:
    """The first and the last tokens of each row of a ragged tensor; `first` and `last` are int64 (B,), how many."""
    row = segment.value_rowids()
    places = tf.range(tf.size(segment.flat_values, out_type=tf.int64)) - tf.gather(segment.row_starts(), row)
    is_kept = (places < tf.gather(first, row)) | (places >= tf.gather(segment.row_lengths() - last, row))
    return tf.ragged.boolean_mask(segment, segment.with_flat_values(is_kept))


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Preprocessor(keras.layers.Layer):
    """Texts -> `[CLS] A [SEP]`, pairs -> `[CLS] A [SEP] B [SEP]`, as ids, padding mask and segment ids.

    Args:
        tokenizer: a WordPieceTokenizer, BytePairTokenizer, SentencePieceTokenizer or WordTokenizer.
        sequence_length: S, every row is cut and padded to this many tokens; None = padded to the longest row of the batch.
        truncate: how a pair that is too long is cut: "round_robin" gives both texts a token in turn until the row is full,
            "waterfall" fills the row with the first text before the second, "longest_first" shortens the longer one.
            Texts lose their end; with "head_tail", where pairs are shortened as with "longest_first", they lose their middle:
            a quarter of what is kept is their beginning, the rest their end.
        max_length: with `sequence_length=None`, rows are cut to this many tokens.
        pair_separators: how many [SEP] stand between the texts of a pair: 2 for RoBERTa's `<s> A </s></s> B </s>`.
        segment_ids: whether `input_type_ids` tells the texts of a pair apart; False = all 0, as for RoBERTa.
        cleaner: a TextCleaner: what it makes of each text is what the tokenizer gets; None = the texts as they are.

    Call arguments:
        texts: whatever `as_text_tensor` takes, or a symbolic string input. Pairs: a tuple or list of two such columns, or a
            list of (first, second) tuples.
        special_tokens: recognise special tokens written in the texts, such as "[MASK]".

    Returns:
        The contract dict, int32 (B, S): `input_word_ids`, `input_mask`, `input_type_ids` (0 for [CLS] A [SEP] and padding,
        1 for B [SEP]).

    Raises:
        ValueError: an unknown `truncate`, or a length that leaves no room for the special tokens, or other numbers of them.
        TypeError: no tokenizer, or no cleaner.
        DataError: a text that is no string.

    Reference: Devlin et al. 2018, figure 2; "head_tail": Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?",
        section 5.3.1 (128 and 382 of 510 tokens).

    Example:
        >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "my", "dog"]
        >>> from keras_bert_lab.text import WordPieceTokenizer
        >>> Preprocessor(WordPieceTokenizer(tokens))(["my dog", "dog"])["input_word_ids"].numpy().tolist()
        [[2, 5, 6, 3], [2, 6, 3, 0]]
    """

    def __init__(
        self,
        tokenizer: keras.layers.Layer,
        sequence_length: int | None = None,
        truncate: str = "round_robin",
        max_length: int = 512,
        pair_separators: int = 1,
        segment_ids: bool = True,
        cleaner: keras.layers.Layer | None = None,
        name: str | None = "preprocessor",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        # On other backends it stands before the compiled step, never in it.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        if not hasattr(tokenizer, "tokenize"):
            raise TypeError(f"tokenizer must be a tokenizer layer. Received: {tokenizer!r}")
        if cleaner is not None and not hasattr(cleaner, "clean"):
            raise TypeError(f"cleaner must be a TextCleaner, or None. Received: {cleaner!r}")
        if pair_separators not in (1, 2):
            raise ValueError(f"pair_separators must be 1 or 2. Received: pair_separators={pair_separators!r}")
        for argument, value in (("sequence_length", sequence_length), ("max_length", max_length)):
            if value is not None and (not isinstance(value, int) or value < 3 + pair_separators):
                raise ValueError(
                    f"{argument} must be an integer of at least {3 + pair_separators}, to hold a pair with its special tokens. "
                    f"Received: {argument}={value!r}"
                )
        if truncate not in TRUNCATIONS:
            raise ValueError(f"truncate must be one of {list(TRUNCATIONS)}. Received: truncate={truncate!r}")
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.truncate = truncate
        self.max_length = max_length
        self.pair_separators = pair_separators
        self.segment_ids = segment_ids
        self.cleaner = cleaner
        self.built = True

    @property
    def row_length(self) -> int:
        """The most tokens that a row can have."""
        return self.sequence_length or self.max_length

    def _trimmed(self, segments: list[Any], room: int) -> list[Any]:
        by_ends = self.truncate == "head_tail"
        if len(segments) == 1 and not by_ends:
            return [segments[0][:, :room]]
        if by_ends or self.truncate == "longest_first":
            room = tf.cast(room, tf.int64)
            lengths = [segment.row_lengths() for segment in segments]
            kept = _longest_first(lengths[0], lengths[-1], room) if len(segments) == 2 else [tf.minimum(lengths[0], room)]
            first = [(count + 2) // 4 if by_ends else count for count in kept]
            return [_outer_tokens(*each) for each in zip(segments, first, map(tf.subtract, kept, first), strict=True)]
        trimmers = {"round_robin": tf_text.RoundRobinTrimmer, "waterfall": tf_text.WaterfallTrimmer}
        return trimmers[self.truncate](max_seq_length=room).trim(segments)

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras takes tensors only: lists, Series and arrays become tensors before it sees them.
        columns = text_columns(texts)
        given = columns if len(columns) == 2 else columns[0]
        if keras.backend.backend() == "tensorflow" or isinstance(columns[0], keras.KerasTensor):
            return super().__call__(given, *args, **kwargs)
        # Other backends have no strings: TensorFlow does this, and they get the ids.
        rows = self.call(given, *args, **kwargs)
        return {key: ids.numpy() for key, ids in rows.items()} if tf.executing_eagerly() else rows

    def rows(self, texts: Any, special_tokens: bool = False) -> tuple[Any, Any]:
        """The rows before padding: token ids and segment ids, ragged int32 (B, tokens), cut to `row_length`."""
        segments = self.segments(texts, special_tokens)
        return self.joined(segments, self.row_length)

    def segments(self, texts: Any, special_tokens: bool = False) -> list[Any]:
        """The tokens of texts, cleaned if there is a cleaner: one ragged int32 (B, tokens), or two for pairs."""
        columns = [self.cleaned(column) for column in text_columns(texts)]
        return [self.tokenizer.tokenize(column, special_tokens=special_tokens) for column in columns]

    def with_cleaner(self, cleaner: keras.layers.Layer | None) -> Preprocessor:
        """The same with another cleaner, or with none."""
        return Preprocessor.from_config(self.get_config() | {"cleaner": keras.saving.serialize_keras_object(cleaner)})

    def cleaned(self, column: Any) -> Any:
        """What the tokenizer gets of texts: string tensor (B,) -> string tensor (B,)."""
        return column if self.cleaner is None else self.cleaner.clean(column)

    def pack(self, segments: list[Any], length: Any) -> dict[str, Any]:
        """Tokens of one text or of two, ragged int32 (B, tokens) each -> the contract dict with rows of `length` tokens.

        Args:
            segments: what the tokenizer gives.
            length: a number, or a tensor of one.
        """
        return self.padded(*self.joined(segments, length), length)

    def joined(self, segments: list[Any], length: Any) -> tuple[Any, Any]:
        """The same before padding: token ids and segment ids, ragged int32 (B, tokens)."""
        specials = 2 if len(segments) == 1 else 2 + self.pair_separators
        segments = self._trimmed(segments, length - specials)
        vocabulary = self.tokenizer.vocabulary
        count = segments[0].nrows(out_type=tf.int32)
        cls = tf.fill((count, 1), vocabulary.cls_id)
        sep = tf.fill((count, 1), vocabulary.sep_id)
        if len(segments) == 1:
            ids = tf.concat([cls, segments[0], sep], axis=1)
            return ids, tf.zeros_like(ids)
        first = tf.concat([cls, segments[0], sep], axis=1)
        second = tf.concat([*[sep] * (self.pair_separators - 1), segments[1], sep], axis=1)
        types = tf.ones_like(second) if self.segment_ids else tf.zeros_like(second)
        return tf.concat([first, second], axis=1), tf.concat([tf.zeros_like(first), types], axis=1)

    def call(self, texts: Any, special_tokens: bool = False) -> dict[str, Any]:
        return self.padded(*self.rows(texts, special_tokens), self.sequence_length)

    def padded(self, ids: Any, types: Any, length: Any) -> dict[str, Any]:
        """Rows before padding -> the contract dict with rows of `length` tokens, None = as many as the longest has."""
        shape = tf.stack([-1, length]) if tf.is_tensor(length) else (None, length)
        word_ids = ids.to_tensor(self.tokenizer.vocabulary.pad_id, shape=shape)
        return {
            contract.WORD_IDS: word_ids,
            contract.MASK: tf.sequence_mask(ids.row_lengths(), tf.shape(word_ids)[1], dtype=tf.int32),
            contract.TYPE_IDS: types.to_tensor(0, shape=shape),
        }

    def compute_output_spec(self, texts: Any, special_tokens: bool = False) -> dict[str, keras.KerasTensor]:
        batch = columns_of(texts)[0].shape[0]
        return {key: keras.KerasTensor((batch, self.sequence_length), dtype="int32") for key in contract.INPUT_KEYS}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "sequence_length": self.sequence_length,
            "truncate": self.truncate,
            "max_length": self.max_length,
            "pair_separators": self.pair_separators,
            "segment_ids": self.segment_ids,
            "cleaner": keras.saving.serialize_keras_object(self.cleaner),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Preprocessor:
        config = dict(config)
        for part in ("tokenizer", "cleaner"):
            config[part] = keras.saving.deserialize_keras_object(config.get(part))
        return cls(**config)
