"""Encoders and preprocessors as SavedModels that code for TF-Hub's originals can use in their place."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from keras_bert_lab import contract
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.encoder_weights import encoder_slots
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.formats.tfhub_graph import HubGraph, without_training
from keras_bert_lab.formats.tfhub_names import MASKED_LM, TABLES
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text import Preprocessor, WordPieceTokenizer

__all__ = ["write_tfhub_encoder", "write_tfhub_preprocessor"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

_VOCABULARY = "vocab.txt"


def _refuse_what_has_no_place(encoder: Encoder, preprocessor: Preprocessor) -> WordPieceTokenizer:
    """The tokenizer, if a TF-Hub encoder can say all about it and about the encoder."""
    config, tokenizer = encoder.config, preprocessor.tokenizer
    wrong = {
        name: getattr(config, name)
        for name, allowed in {"norm_first": False, "position_offset": 0}.items()
        if getattr(config, name) != allowed
    }
    if config.type_vocab_size == 0:
        wrong["type_vocab_size"] = 0
    if wrong:
        raise FormatError(f'A TF-Hub encoder cannot have {wrong}. Save it with format="huggingface" or as a .keras file.')
    if not isinstance(tokenizer, WordPieceTokenizer) or tokenizer.vocabulary.added_tokens:
        raise FormatError(
            "A TF-Hub encoder holds the vocabulary of a WordPieceTokenizer without added tokens. Received: "
            f'{type(tokenizer).__name__}. Save it with format="huggingface".'
        )
    if tokenizer.strip_accents not in (None, tokenizer.lowercase) or not tokenizer.split_cjk:
        raise FormatError(
            "A TF-Hub encoder says do_lower_case only, which takes accents away too, and splits Chinese text. Received: "
            f"lowercase={tokenizer.lowercase}, strip_accents={tokenizer.strip_accents}, split_cjk={tokenizer.split_cjk}. "
            'Save it with format="huggingface".'
        )
    return tokenizer


def _tracked(**members: Any) -> Any:
    """An object whose members the SavedModel has."""
    root = tf.train.Checkpoint()
    for name, member in members.items():
        setattr(root, name, member)
    return root


def _variables(encoder: Encoder, head: MaskedLMHead | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our names -> variables with TF-Hub's names and shapes: the encoder's, and the head's."""
    names = TABLES["albert" if encoder.config.share_layers else "bert"]

    def made(slots: Any, stems: Any = None) -> dict[str, Any]:
        return {
            name: tf.Variable(names.to_theirs(name, slot.read(), encoder.config.num_heads), name=names.theirs(name, stems))
            for name, slot in slots.items()
        }

    return made(encoder_slots(encoder)), {} if head is None else made(head_slots(head), MASKED_LM.stems)


@contextlib.contextmanager
def _vocabulary_file(tokenizer: WordPieceTokenizer) -> Iterator[Any]:
    """The vocabulary as a file that a SavedModel takes a copy of."""
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch, _VOCABULARY)
        path.write_text("\n".join(tokenizer.vocabulary.tokens) + "\n", encoding="utf-8")
        yield tf.saved_model.Asset(str(path))


def _specs(*more: str) -> dict[str, Any]:
    return {name: tf.TensorSpec((None, None), tf.int32, name=name) for name in (*contract.INPUT_KEYS, *more)}


def _traced(function: Any, specs: dict[str, Any]) -> Any:
    """A function of (inputs, training), traced for both values of `training`, as the originals are."""
    traced = tf.function(function, autograph=False)
    for training in (True, False):
        traced.get_concrete_function(specs, training)
    return traced


def write_tfhub_encoder(
    encoder: Encoder, preprocessor: Preprocessor, folder: pathlib.Path, masked_lm_head: MaskedLMHead | None = None
) -> None:
    """Write an encoder as a SavedModel in the way of TF-Hub's.

    What is loaded from it can be called on the contract dict with `training`; it has `variables`, `trainable_variables`,
    `regularization_losses`, `vocab_file` and `do_lower_case`, with a head also `mlm`. It needs nothing but TensorFlow,
    computes in float32, and its variables have the names and shapes of tensorflow/models.

    Args:
        encoder: the encoder.
        preprocessor: whose vocabulary belongs to it.
        folder: where to.
        masked_lm_head: a head of this encoder.

    Raises:
        FormatError: an encoder or a tokenizer that TF-Hub's encoders cannot be.
        ValueError: a head of another encoder.

    Reference: "Common SavedModel APIs for text tasks", tensorflow.org/hub/common_saved_model_apis/text.
    """
    tokenizer = _refuse_what_has_no_place(encoder, preprocessor)
    if masked_lm_head is not None and masked_lm_head._encoder is not encoder:
        raise ValueError("masked_lm_head must share the token table of encoder. Received: a head of another encoder")
    own, of_head = _variables(encoder, masked_lm_head)
    graph = HubGraph(encoder.config, own | of_head)
    lowercase = tf.Variable(bool(tokenizer.lowercase), trainable=False, name=f"{tokenizer.name}/do_lower_case")
    with _vocabulary_file(tokenizer) as vocabulary:
        root = _tracked(
            variables=[*own.values(), lowercase],
            trainable_variables=list(own.values()),
            regularization_losses=[],
            vocab_file=vocabulary,
            do_lower_case=lowercase,
        )
        root.__call__ = _traced(graph.outputs, _specs())
        if of_head:
            every = [*own.values(), *of_head.values()]
            root.mlm = _tracked(variables=every, trainable_variables=every, regularization_losses=[])
            root.mlm.__call__ = _traced(graph.masked_lm_outputs, _specs(contract.MASKED_POSITIONS))

        def serve(**inputs: Any) -> dict[str, Any]:
            return without_training(graph, inputs)

        signature = tf.function(serve).get_concrete_function(**_specs())
        tf.saved_model.save(root, str(folder), signatures={"serving_default": signature})


class _Rows:
    """The functions of a preprocessor: texts -> pieces -> rows."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.preprocessor = preprocessor
        self.vocabulary = preprocessor.tokenizer.vocabulary
        # Traced once each, and called by all others: the tables of a tokenizer have megabytes.
        self._rows = tf.function(preprocessor, autograph=False)
        self._tokens = tf.function(preprocessor.tokenizer.tokenize, autograph=False)

    def rows(self, sentences: Any, training: bool = False) -> dict[str, Any]:
        return self._rows(sentences)

    def words(self, sentences: Any, training: bool = False) -> Any:
        """Ids, ragged (B, words, pieces)."""
        ids = self._tokens(sentences)
        begins = tf.gather(tf.constant(self.vocabulary.word_starts), ids.flat_values)
        first = tf.scatter_nd(
            tf.expand_dims(tf.boolean_mask(ids.row_starts(), ids.row_lengths() > 0), 1),
            tf.ones_like(tf.boolean_mask(ids.row_starts(), ids.row_lengths() > 0), tf.bool),
            tf.shape(begins, tf.int64),
        )
        begins = tf.logical_or(begins, first)
        words = tf.RaggedTensor.from_row_starts(ids.flat_values, tf.squeeze(tf.where(begins), 1))
        counts = tf.reduce_sum(tf.cast(ids.with_flat_values(begins), tf.int64), axis=1)
        return tf.RaggedTensor.from_row_lengths(words, counts)

    def pieces(self, sentences: Any, training: bool = False) -> Any:
        """Ids, ragged (B, pieces), where pieces do not show the words."""
        return self._tokens(sentences)

    def special_tokens(self) -> dict[str, Any]:
        ids = {
            "vocab_size": len(self.vocabulary),
            "padding_id": self.vocabulary.pad_id,
            "start_of_sequence_id": self.vocabulary.cls_id,
            "end_of_segment_id": self.vocabulary.sep_id,
            "mask_id": self.vocabulary.mask_id,
        }
        return {name: tf.constant(value, tf.int32) for name, value in ids.items()}

    def pack(self, inputs: list[Any], seq_length: Any) -> dict[str, Any]:
        """Pieces of one text, or of two -> rows of `seq_length`."""
        flat = [part.merge_dims(1, -1) if part.ragged_rank > 1 else part for part in inputs]
        return self.preprocessor.pack(flat, seq_length)


def write_tfhub_preprocessor(preprocessor: Preprocessor, folder: pathlib.Path) -> None:
    """Write a preprocessor as a SavedModel in the way of TF-Hub's; the ops of tensorflow-text are needed where it is loaded.

    What is loaded from it can be called on texts, with the rows of `preprocessor`; it has `tokenize` (with
    `get_special_tokens_dict`) and `bert_pack_inputs(list of one or two ragged pieces, seq_length=)`.

    Args:
        preprocessor: any Preprocessor whose tokenizer is one of pieces.
        folder: where to.

    Reference: "Common SavedModel APIs for text tasks", tensorflow.org/hub/common_saved_model_apis/text.
    """
    tf_text.__name__  # noqa: B018  registers the ops
    functions = _Rows(preprocessor)
    tokenizer = preprocessor.tokenizer
    texts = tf.TensorSpec((None,), tf.string, name="sentences")
    nothing: dict[str, list[Any]] = {"variables": [], "trainable_variables": [], "regularization_losses": []}
    root, root_tokenize, root_pack = _tracked(**nothing), _tracked(**nothing), _tracked(**nothing)
    root.tokenize, root.bert_pack_inputs = root_tokenize, root_pack
    root.__call__ = _traced(functions.rows, texts)
    root_tokenize.__call__ = _traced(functions.words if isinstance(tokenizer, WordPieceTokenizer) else functions.pieces, texts)
    root_tokenize.get_special_tokens_dict = tf.function(functions.special_tokens, input_signature=[])
    root_pack.__call__ = tf.function(functions.pack, autograph=False)
    for rank in (1, 2):
        pieces = tf.RaggedTensorSpec((None,) * (rank + 1), tf.int32, rank, tf.int64)
        for count in (1, 2):
            root_pack.__call__.get_concrete_function([pieces] * count, tf.TensorSpec((), tf.int32, name="seq_length"))
    signature = tf.function(functions.rows).get_concrete_function(texts)
    with contextlib.ExitStack() as stack:
        if isinstance(tokenizer, WordPieceTokenizer):
            root.vocab_file = stack.enter_context(_vocabulary_file(tokenizer))
        tf.saved_model.save(root, str(folder), signatures={"serving_default": signature})
