"""Vocabulary and case of TF-Hub's encoders and preprocessors -> our own Preprocessor."""

from __future__ import annotations

import pathlib
from typing import Any

from keras_bert_lab import contract
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.saved_model_graph import SavedModelGraph
from keras_bert_lab.formats.tf_checkpoint import TensorFlowCheckpoint
from keras_bert_lab.formats.wordpiece_files import wordpiece_preprocessor
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text import Preprocessor

__all__ = ["preprocessor_of_encoder", "read_tfhub_preprocessor"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

_LOWER_CASE = "do_lower_case"
_KEY = f"{_LOWER_CASE}/.ATTRIBUTES/VARIABLE_VALUE"
# Case, accents, punctuation, other scripts, a long row: what tells the settings of a preprocessor apart.
_PROBES = ["The Quick brown FOX jumps, over!", "Ünaffable CAFÉ déjà vu", "", "中文 Text", "don't A b C d E " * 60]


def preprocessor_of_encoder(
    graph: SavedModelGraph, checkpoint: TensorFlowCheckpoint, config: EncoderConfig | None, sequence_length: int | None
) -> Preprocessor:
    """The preprocessor of an encoder's `vocab_file` and `do_lower_case`.

    Raises:
        FormatError: one of them is missing, or the vocabulary is that of SentencePiece.
    """
    path = graph.asset("vocab_file")
    if path is None or _KEY not in checkpoint.others:
        pieces = "sp_model_file" in graph.members
        received = "a SentencePiece model, which cannot be read from TF-Hub" if pieces else sorted(graph.members)[:8]
        raise FormatError(
            f"The encoder in {graph.folder} must have vocab_file and do_lower_case. Received: {received}. Take its "
            "preprocessor, as a HubPreprocessor."
        )
    return wordpiece_preprocessor(path, sequence_length, bool(checkpoint.read_other(_KEY)), config=config)


def _load(folder: pathlib.Path) -> Any:
    tf_text.__name__  # noqa: B018  registers the ops that the graph needs
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises whatever a wrong graph leads to
        raise FormatError(f"The SavedModel in {folder} cannot be run: {error!s:.300}. Copy or download it again.") from error


def _rows(model: Any, folder: pathlib.Path) -> dict[str, Any]:
    try:
        rows = model(tf.constant(_PROBES))
        return {name: rows[name].numpy() for name in contract.INPUT_KEYS}
    except Exception as error:
        names = list(contract.INPUT_KEYS)
        raise FormatError(f"{folder} must hold a preprocessor, from texts to {names}: {error!s:.200}") from error


def _same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return all(ours[name].shape == theirs[name].shape and bool((ours[name].numpy() == theirs[name]).all()) for name in theirs)


def read_tfhub_preprocessor(folder: pathlib.Path, sequence_length: int | None = None) -> Preprocessor:
    """Our preprocessor for a TF-Hub preprocessor, or for the vocabulary of a TF-Hub encoder.

    The former is run on a few texts: case and accents are those with which our rows are equal to its own. A SavedModel is a
    program; load only what you trust.

    Args:
        folder: with `saved_model.pb`.
        sequence_length: S; None = that of the preprocessor, 128 in those of TF-Hub, or for an encoder's vocabulary that of the
            longest row of the batch.

    Raises:
        FormatError: a file that is missing or damaged, or a preprocessor whose rows are not those of a WordPiece vocabulary.
    """
    graph = SavedModelGraph(folder)
    if _LOWER_CASE in graph.members:
        checkpoint = TensorFlowCheckpoint.open(folder / "variables" / "variables")
        return preprocessor_of_encoder(graph, checkpoint, None, sequence_length)
    path = graph.asset("")
    if path is None or path.suffix != ".txt":
        raise FormatError(
            f"{folder} must hold an encoder with vocab_file and do_lower_case, or a preprocessor with one vocabulary file. "
            f"Received: {path and path.name}. Use it as it is, as a HubPreprocessor."
        )
    theirs = _rows(_load(folder), folder)
    length = theirs[contract.WORD_IDS].shape[1]
    fixed = graph.output_width(contract.WORD_IDS)
    for lowercase, strip_accents in ((True, True), (False, False), (True, False), (False, True)):
        found = wordpiece_preprocessor(path, length, lowercase, strip_accents if lowercase != strip_accents else None)
        if _same(found(_PROBES), theirs):
            wanted = fixed if sequence_length is None else sequence_length
            return Preprocessor.from_config(found.get_config() | {"sequence_length": wanted})
    raise FormatError(
        f"The preprocessor in {folder} gives other rows than a WordPieceTokenizer with its vocabulary. Use it as it is, as a "
        "HubPreprocessor."
    )
