"""Long texts -> overlapping windows, each a row of its own."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab import contract
from keras_bert_lab.config import check_integer
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.preprocessor import Preprocessor, text_columns

__all__ = ["TextWindows", "window_starts"]

tf = LazyModule("tensorflow")


def window_starts(lengths: Any, room: int, stride: int, windows: int) -> Any:
    """The token with which each window of each text begins.

    A text of n tokens gets W = min(windows, 1 + ceil((n - room) / stride)) windows, or one if it fits into it; window i begins
    at floor(i (n - room) / (W - 1)). So the first one begins with the text, the last one ends with it, all are full, and where
    `windows` suffice, no two beginnings are more than `stride` apart; where they do not, they are spread evenly, with gaps.

    Args:
        lengths: n, tokens in each text, (B,).
        room: tokens of a text that a window holds.
        stride: most tokens between the beginnings of two neighbours.
        windows: most windows of a text.

    Returns:
        Ragged int64 (B, W).

    Example:
        >>> window_starts([3, 10, 11, 25, 99], room=10, stride=8, windows=3).to_list()
        [[0], [0], [0, 1], [0, 7, 15], [0, 44, 89]]
    """
    beyond = tf.maximum(tf.cast(lengths, tf.int64) - room, 0)
    counts = tf.minimum((beyond + stride - 1) // stride + 1, windows)
    places = tf.ragged.range(counts)
    text = places.value_rowids()
    steps = tf.gather(tf.maximum(counts - 1, 1), text)
    return places.with_flat_values(places.flat_values * tf.gather(beyond, text) // steps)


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class TextWindows(keras.layers.Layer):
    """Texts -> windows `[CLS] tokens [SEP]`, as ids, padding mask and segment ids.

    A text that fits into a row of the preprocessor is one window, the same row. A longer one becomes several rows, see
    `window_starts`.

    Args:
        preprocessor: makes the rows; its `sequence_length` or `max_length` is that of a window.
        windows: most windows of a text.
        stride: most tokens between the beginnings of two neighbours; None = three quarters of a window, so that neighbours
            share a quarter or more.

    Call arguments:
        texts: whatever `as_text_tensor` takes, or a symbolic string input; no pairs.

    Returns:
        The contract dict with one more axis, int32 (B, W, S): W is the number of windows of the text that has most of them.
        Windows that a text does not have are padding: their mask is 0.

    Raises:
        TypeError: not a Preprocessor.
        ValueError: a number out of range, pairs of texts, or a preprocessor that leaves out the middle of texts.
        DataError: a text that is no string.

    Reference: Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.1, hierarchical methods (there
        without overlap).

    Example:
        >>> from keras_bert_lab.text import WordPieceTokenizer
        >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d"]
        >>> windows = TextWindows(Preprocessor(WordPieceTokenizer(tokens), max_length=5), windows=3, stride=2)
        >>> windows(["a b", "a b c d"])["input_word_ids"].numpy().tolist()
        [[[2, 5, 6, 3, 0], [0, 0, 0, 0, 0]], [[2, 5, 6, 7, 3], [2, 6, 7, 8, 3]]]
    """

    def __init__(
        self,
        preprocessor: Preprocessor,
        windows: int,
        stride: int | None = None,
        name: str | None = "text_windows",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        # On other backends it stands before the compiled step, never in it.
        self.supports_jit = keras.backend.backend() != "tensorflow"
        if not isinstance(preprocessor, Preprocessor):
            raise TypeError(f"preprocessor must be a Preprocessor. Received: {preprocessor!r}")
        check_integer("windows", windows, 1)
        self.room = preprocessor.row_length - 2  # [CLS] and [SEP]
        if stride is not None:
            check_integer("stride", stride, 1, self.room)
        if preprocessor.truncate == "head_tail":
            raise ValueError(
                "A preprocessor that leaves out the middle of texts makes no windows of them. Received: "
                f"truncate='head_tail', windows={windows}. Use truncate='round_robin', or no windows."
            )
        self.preprocessor = preprocessor
        self.windows = windows
        self.stride = stride
        self.built = True

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        # As in Preprocessor: Keras takes tensors only, and other backends than TensorFlow have no strings.
        column = _single(texts)
        if keras.backend.backend() == "tensorflow" or isinstance(column, keras.KerasTensor):
            return super().__call__(column, *args, **kwargs)
        rows = self.call(column)
        return {key: ids.numpy() for key, ids in rows.items()} if tf.executing_eagerly() else rows

    def rows(self, texts: Any) -> tuple[Any, Any, Any]:
        """The windows of all texts, one after the other, before padding.

        Returns:
            Token ids and segment ids, ragged int32 (windows, tokens), and the number of windows of each text, int64 (B,).
        """
        (tokens,) = self.preprocessor.segments(_single(texts))
        lengths = tokens.row_lengths()
        stride = self.stride or max(1, self.room * 3 // 4)
        starts = window_starts(lengths, self.room, stride, self.windows)
        text = starts.value_rowids()
        first = tf.gather(tokens.row_starts(), text) + starts.flat_values
        count = tf.gather(tf.minimum(lengths, self.room), text)
        cut = tf.gather(tokens.flat_values, tf.ragged.range(first, first + count))
        return *self.preprocessor.joined([cut], self.preprocessor.row_length), starts.row_lengths()

    def call(self, texts: Any) -> dict[str, Any]:
        ids, types, counts = self.rows(texts)
        padded = self.preprocessor.padded(ids, types, self.preprocessor.sequence_length)
        pad_id = self.preprocessor.tokenizer.vocabulary.pad_id
        return {
            key: tf.RaggedTensor.from_row_lengths(rows, counts).to_tensor(pad_id if key == contract.WORD_IDS else 0)
            for key, rows in padded.items()
        }

    def compute_output_spec(self, texts: Any) -> dict[str, keras.KerasTensor]:
        shape = (_single(texts).shape[0], None, self.preprocessor.sequence_length)
        return {key: keras.KerasTensor(shape, dtype="int32") for key in contract.INPUT_KEYS}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "preprocessor": keras.saving.serialize_keras_object(self.preprocessor),
            "windows": self.windows,
            "stride": self.stride,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextWindows:
        config = dict(config)
        config["preprocessor"] = keras.saving.deserialize_keras_object(config["preprocessor"])
        return cls(**config)


def _single(texts: Any) -> Any:
    columns = text_columns(texts)
    if len(columns) != 1:
        raise ValueError(
            "Windows are made of single texts. Received: pairs of texts. "
            "Cut pairs by Preprocessor(truncate=...), without windows."
        )
    return columns[0]
