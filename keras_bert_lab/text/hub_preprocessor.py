"""A preprocessor of TF-Hub as a Keras layer."""

from __future__ import annotations

import os
from typing import Any

import keras

from keras_bert_lab import contract
from keras_bert_lab.errors import FormatError
from keras_bert_lab.handles import local_folder
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.sealed_models import SealedModel
from keras_bert_lab.text.preprocessor import columns_of, text_columns

__all__ = ["HubPreprocessor"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class HubPreprocessor(keras.layers.Layer):
    """Texts or pairs of texts -> ids, padding mask and segment ids, by a SavedModel in the form of the TF-Hub text API.

    A SavedModel is code: load only what you trust. `.keras` files hold all that it needs; the original folder may go.

    Args:
        handle: the preprocessor: a folder, an archive, an address of tfhub.dev or kaggle.com/models, or `hf://organisation/name`.
        sequence_length: S, every row is cut and padded to this many tokens; None = the SavedModel's own, mostly 128.
        sealed: for Keras, when it reads a file: the packed SavedModel, in place of that of the handle.

    Call arguments:
        texts: whatever `as_text_tensor` takes, or a symbolic string input. Pairs: a tuple or list of two such columns, or a
            list of (first, second) tuples. Both texts of a pair that is too long get a token in turn until the row is full.

    Returns:
        The contract dict, int32 (B, S): `input_word_ids`, `input_mask`, `input_type_ids` (0 for [CLS] A [SEP] and padding,
        1 for B [SEP]).

    Attributes:
        row_length: the number of tokens in each row.
        special_tokens: ids of the special tokens as the SavedModel names them: `padding_id`, `start_of_sequence_id`,
            `end_of_segment_id`, `mask_id`, and `vocab_size`.

    Raises:
        FormatError: no SavedModel, a damaged one, one that is no preprocessor, or one that cannot do what is asked.
        ValueError: a length that leaves no room for the special tokens.
        DataError: a text that is no string.

    Reference: tensorflow.org/hub/common_saved_model_apis/text.
    """

    def __init__(
        self,
        handle: str | os.PathLike[str],
        sequence_length: int | None = None,
        name: str | None = None,
        sealed: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.supports_jit = False
        if sequence_length is not None and (not isinstance(sequence_length, int) or sequence_length < 4):
            raise ValueError(
                "sequence_length must be an integer of at least 4, to hold [CLS] A [SEP] B. "
                f"Received: sequence_length={sequence_length!r}"
            )
        self.handle = os.fspath(handle)
        self.sequence_length = sequence_length
        self._sealed = (
            SealedModel.unpack(sealed, self.handle)
            if sealed is not None
            else SealedModel.read(local_folder(handle), with_values=True, source=self.handle)
        )
        if not self._sealed.takes_strings or self._sealed.is_tf1:
            raise FormatError(
                f"{self.handle} is no preprocessor: it cannot be called on texts. "
                "For an encoder of token ids use HubEncoder; hub.KerasLayer takes both."
            )
        tf_text.__name__  # noqa: B018  registers the ops that the graph needs
        self._hub = self._sealed.open()
        self._own_length = self._length_of_call()
        self.row_length = sequence_length or self._own_length
        if sequence_length is not None:
            self._need("bert_pack_inputs")
        self.built = True

    def _length_of_call(self) -> int:
        outputs = self._hub.__call__.concrete_functions[0].structured_outputs
        if not isinstance(outputs, dict) or not set(contract.INPUT_KEYS) <= set(outputs):
            raise FormatError(
                f"{self.handle} is no preprocessor of BERT: it gives {outputs!r:.200}, not {list(contract.INPUT_KEYS)}."
            )
        return outputs[contract.WORD_IDS].shape[1]

    def _need(self, *members: str) -> None:
        missing = [member for member in ("tokenize", *members) if member not in self._sealed.members]
        if missing:
            raise FormatError(
                f"{self.handle} has no {' and no '.join(missing)}, which pairs, sequence_length and tokenize need. "
                f"Use it on single texts with its own length of {self._own_length}, or another version of it."
            )

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras takes tensors only: lists, Series and arrays become tensors before it sees them.
        columns = text_columns(texts)
        return super().__call__(columns if len(columns) == 2 else columns[0], *args, **kwargs)

    def call(self, texts: Any) -> dict[str, Any]:
        columns = text_columns(texts)
        if self.sequence_length is None and len(columns) == 1:
            outputs = self._hub(columns[0])
        else:
            self._need("bert_pack_inputs")
            segments = [self.tokenize(column) for column in columns]
            outputs = self._hub.bert_pack_inputs(segments, seq_length=tf.constant(self.row_length))
        return {
            key: tf.ensure_shape(tf.cast(outputs[key], tf.int32), (columns[0].shape[0], self.row_length))
            for key in contract.INPUT_KEYS
        }

    def compute_output_spec(self, texts: Any) -> dict[str, keras.KerasTensor]:
        batch = columns_of(texts)[0].shape[0]
        return {key: keras.KerasTensor((batch, self.row_length), dtype="int32") for key in contract.INPUT_KEYS}

    def tokenize(self, texts: Any) -> Any:
        """The ids of texts without special tokens: ragged int32 (B, words, pieces), or (B, pieces) for SentencePiece.

        Raises:
            FormatError: a SavedModel that cannot only tokenize.
            ValueError: pairs.
        """
        self._need()
        columns = text_columns(texts)
        if len(columns) != 1:
            raise ValueError("tokenize takes one column of texts. Received: pairs. Tokenize each column.")
        return self._hub.tokenize(columns[0])

    @property
    def special_tokens(self) -> dict[str, int]:
        self._need()
        if not hasattr(self._hub.tokenize, "get_special_tokens_dict"):
            raise FormatError(f"{self.handle} does not say which its special tokens are.")
        return {name: int(value) for name, value in self._hub.tokenize.get_special_tokens_dict().items()}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "handle": self.handle,
            "sequence_length": self.sequence_length,
            "sealed": self._sealed.pack(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HubPreprocessor:
        # Keras's own would put the whole config, with the packed SavedModel, into the text of every error.
        config = dict(config)
        if isinstance(config["dtype"], dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**config)
