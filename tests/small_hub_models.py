"""Small SavedModels in the forms of TF-Hub, written by the tests themselves: encoders of all generations, a preprocessor.

Sizes are those of tests/samples.py. The encoder is no BERT, but it has all that the text API asks for: dropout, a mask that
matters, blocks with names like those of TensorFlow Model Garden, a pooler, losses, a second head `mlm`, a flag, a vocabulary.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from keras_bert_lab.sealed_models import SealedModel
from tests.samples import MAX_POSITIONS, H, L, V

KEYS = ("input_word_ids", "input_mask", "input_type_ids")
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "my", "dog", "is", "cute", "he", "likes", "play", "##ing", "!"]
DROPOUT = 0.3
L2 = 0.01


class SmallEncoder(tf.Module):
    """word + position + type embeddings, L blocks x + tanh((x + mean of the real x) K + b), a pooler."""

    def __init__(self, vocabulary: Path, seed: int = 5, dropout: float = DROPOUT) -> None:
        super().__init__()
        self.dropout = dropout
        rng = np.random.default_rng(seed)

        def variable(name: str, *shape: int) -> tf.Variable:
            return tf.Variable(rng.normal(0, 0.4, shape), name=name, dtype=tf.float32)

        self._word = variable("word_embeddings/embeddings", V, H)
        self._position = variable("position_embedding/embeddings", MAX_POSITIONS, H)
        self._type = variable("type_embeddings/embeddings", 2, H)
        self._blocks = [
            (variable(f"transformer/layer_{block}/output/kernel", H, H), variable(f"transformer/layer_{block}/output/bias", H))
            for block in range(L)
        ]
        self._pooler = (variable("pooler_transform/kernel", H, H), variable("pooler_transform/bias", H))
        self.do_lower_case = tf.Variable(True, trainable=False)
        self.vocab_file = tf.saved_model.Asset(str(vocabulary))
        self.mlm = tf.Module()
        self.mlm.bias = variable("cls/predictions/output_bias", V)

    @property
    def weights(self) -> list[tf.Variable]:
        blocks = [part for block in self._blocks for part in block]
        return [self._word, self._position, self._type, *blocks, *self._pooler]

    def losses(self) -> list[Callable[[], tf.Tensor]]:
        """One L2 loss for each block."""
        return [
            tf.function(functools.partial(lambda kernel: L2 * tf.reduce_sum(tf.square(kernel)), kernel), input_signature=[])
            for kernel, _ in self._blocks
        ]

    def states(self, word_ids: Any, mask: Any, type_ids: Any, training: bool) -> list[Any]:
        x = tf.gather(self._word, word_ids) + tf.gather(self._type, type_ids) + self._position[: tf.shape(word_ids)[1]]
        if training:
            x = tf.nn.dropout(x, self.dropout)
        real = tf.cast(mask, tf.float32)[:, :, tf.newaxis]
        outputs = []
        for kernel, bias in self._blocks:
            mean = tf.reduce_sum(x * real, axis=1, keepdims=True) / tf.reduce_sum(real, axis=1, keepdims=True)
            x = x + tf.tanh(tf.einsum("bsh,hd->bsd", x + mean, kernel) + bias)
            outputs.append(x)
        return outputs

    def pool(self, states: Any) -> Any:
        kernel, bias = self._pooler
        return tf.tanh(states[:, 0] @ kernel + bias)


def _trackable(module: SmallEncoder) -> Any:
    root = tf.train.Checkpoint()  # an object that one can set anything on
    root.variables = [*module.weights, module.do_lower_case]
    root.trainable_variables = list(module.weights)
    root.regularization_losses = module.losses()
    root.mlm = module.mlm
    root.do_lower_case = module.do_lower_case
    root.vocab_file = module.vocab_file
    return root


def write_encoder(folder: Path, form: str = "dict", seed: int = 5, dropout: float = DROPOUT) -> Path:
    """An encoder in the form "dict" (text API), "list" (/1, /2), "default" (no pooled_output), "plain" (no `variables`)."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    module = SmallEncoder(vocabulary, seed, dropout)

    def call_dict(inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        states = module.states(*(inputs[key] for key in KEYS), training)
        pooled = module.pool(states[-1])
        if form == "default":
            return {"default": pooled, "sequence_output": states[-1]}
        return {"pooled_output": pooled, "default": pooled, "sequence_output": states[-1], "encoder_outputs": states}

    def call_list(inputs: list[Any], training: bool = False) -> tuple[Any, Any]:
        states = module.states(*inputs, training)
        return module.pool(states[-1]), states[-1]

    root = _trackable(module)
    if form == "plain":
        root = tf.Module()
        root.module = module
    call = tf.function(call_list if form == "list" else call_dict)
    specs = {key: tf.TensorSpec((None, None), tf.int32, name=key) for key in KEYS}
    inputs = list(specs.values()) if form == "list" else specs
    if form == "plain":
        call = tf.function(call_dict)
        call.get_concrete_function(inputs)
    else:
        for training in (True, False):
            call.get_concrete_function(inputs, training=training)
    root.__call__ = call
    tf.saved_model.save(root, str(folder), signatures={})
    return folder


@functools.cache
def packed_encoder() -> dict[str, str]:
    """A small encoder as the config of a HubEncoder holds it: no weights, no folder."""
    with tempfile.TemporaryDirectory() as folder:
        return SealedModel.read(write_encoder(Path(folder, "encoder"))).pack()


def write_tf1_encoder(folder: Path) -> Path:
    """A module of TensorFlow 1: two graphs, for training and use, with a signature "tokens"."""
    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(folder))
    for tags in ({"train"}, set()):
        with tf.Graph().as_default(), v1.Session() as session:
            names = {"input_word_ids": "input_ids", "input_mask": "input_mask", "input_type_ids": "segment_ids"}
            inputs = {names[key]: v1.placeholder(tf.int32, (None, None), name=names[key]) for key in KEYS}
            rng = np.random.default_rng(3)
            table = v1.get_variable("bert/embeddings/word_embeddings", initializer=rng.normal(size=(V, H)).astype("float32"))
            kernel = v1.get_variable("bert/pooler/dense/kernel", initializer=rng.normal(size=(H, H)).astype("float32"))
            states = tf.gather(table, inputs["input_ids"]) * tf.cast(inputs["input_mask"], tf.float32)[:, :, tf.newaxis]
            outputs = {"sequence_output": states, "pooled_output": tf.tanh(tf.matmul(states[:, 0], kernel))}
            signature = v1.saved_model.predict_signature_def(inputs, outputs)
            session.run(v1.global_variables_initializer())
            add = builder.add_meta_graph if not tags else builder.add_meta_graph_and_variables
            arguments = {"tags": sorted(tags), "signature_def_map": {"tokens": signature}}
            add(session, **arguments) if tags else add(**arguments)
    builder.save()
    return folder


class _Tokenize(tf.Module):
    """Splits at white space and looks whole words up in a lookup table, as the older preprocessors do."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        self._vocabulary = tf.saved_model.Asset(str(vocabulary))
        lines = tf.lookup.TextFileInitializer(
            self._vocabulary.asset_path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self._table = tf.lookup.StaticHashTable(lines, default_value=1)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def __call__(self, texts: Any) -> Any:
        words = tf.strings.split(tf.strings.lower(texts))
        return words.with_values(tf.cast(self._table.lookup(words.values), tf.int32))

    @tf.function(input_signature=[])
    def get_special_tokens_dict(self) -> dict[str, Any]:
        ids = {"padding_id": 0, "start_of_sequence_id": 2, "end_of_segment_id": 3, "mask_id": 4, "vocab_size": len(TOKENS)}
        return {name: tf.constant(value, tf.int32) for name, value in ids.items()}


class _Pack(tf.Module):
    @tf.function
    def __call__(self, segments: list[Any], seq_length: Any) -> dict[str, Any]:
        trimmed = tf_text.RoundRobinTrimmer(seq_length - 1 - len(segments)).trim(segments)
        rows, types = tf_text.combine_segments(trimmed, 2, 3)
        word_ids, mask = tf_text.pad_model_inputs(rows, seq_length)
        type_ids, _ = tf_text.pad_model_inputs(types, seq_length)
        return dict(zip(KEYS, (word_ids, tf.cast(mask, tf.int32), type_ids), strict=True))


def write_preprocessor(folder: Path, length: int | None = 9, parts: bool = True) -> Path:
    """A preprocessor with rows of `length` tokens; without `parts` it offers nothing beside the call on single texts."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    tokenize, pack = _Tokenize(vocabulary), _Pack()
    ragged = tf.RaggedTensorSpec((None, None), tf.int32, row_splits_dtype=tf.int64)
    for count in (1, 2):
        pack.__call__.get_concrete_function([ragged] * count, seq_length=tf.TensorSpec((), tf.int32))
    root = tf.train.Checkpoint()
    # What the call uses must hang on the object that is saved.
    names = ("tokenize", "bert_pack_inputs") if parts else ("_first", "_second")
    for name, part in zip(names, (tokenize, pack), strict=True):
        setattr(root, name, part)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def call(texts: Any) -> dict[str, Any]:
        outputs = pack([tokenize(texts)], seq_length=tf.constant(length))
        return {key: tf.ensure_shape(value, (None, length)) for key, value in outputs.items()}

    root.__call__ = call
    tf.saved_model.save(root, str(folder), signatures={})
    return folder
