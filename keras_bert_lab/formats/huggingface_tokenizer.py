"""Tokenizers as Hugging Face folders hold them, of all layouts -> our tokenizers and preprocessors."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_tokenizer_files import tokenizer_of_files
from keras_bert_lab.formats.huggingface_tokenizer_json import tokenizer_of_json
from keras_bert_lab.formats.huggingface_tokenizer_settings import kind_of, read_settings
from keras_bert_lab.formats.huggingface_tokenizer_writer import write_tokenizer
from keras_bert_lab.text import Preprocessor

__all__ = ["read_preprocessor", "read_tokenizer", "write_tokenizer"]

_LONGEST = 512  # of a preprocessor, where no file limits it


def _read(folder: pathlib.Path, config: Mapping[str, Any] | None) -> tuple[keras.layers.Layer, dict[str, Any], int | None]:
    """Tokenizer, settings of pairs, most tokens in a row."""
    if not folder.is_dir():
        raise FormatError(f"A tokenizer is a folder. Received: {folder}, which is none.")
    settings = read_settings(folder)
    try:
        if (folder / "tokenizer.json").exists():
            tokenizer, pairs = tokenizer_of_json(settings)
        else:
            tokenizer, pairs = tokenizer_of_files(settings, kind_of(config))
    except (ValueError, TypeError) as error:  # of the tokenizer itself: a role without a token, a token twice
        raise FormatError(f"{folder} holds no tokenizer of a BERT: {error}") from error
    vocabulary = tokenizer.vocabulary
    if config is not None:
        size = config.get("vocab_size")
        if isinstance(size, int) and len(vocabulary) > size:
            raise FormatError(
                f"{folder} must have at most as many tokens as the model's vocab_size, {size}. "
                f"Received: {len(vocabulary)} tokens. They belong to another model."
            )
        pad_id = config.get("pad_token_id")
        if config.get("model_type") == "roberta" and pad_id is not None and pad_id != vocabulary.pad_id:
            raise FormatError(
                f"{folder} must have its padding at the model's pad_token_id, from which positions count: {pad_id}. "
                f"Received: {vocabulary.special_tokens['pad']!r} at {vocabulary.pad_id}. It belongs to another model."
            )
    return tokenizer, pairs, settings.max_length()


def read_tokenizer(folder: pathlib.Path, config: Mapping[str, Any] | None = None) -> keras.layers.Layer:
    """The tokenizer of a Hugging Face folder.

    `tokenizer.json` is read where it is there; else `vocab.txt`, or `vocab.json` and `merges.txt`, or `spiece.model`. Whatever
    in these files changes tokens is honoured or refused by name. Where tokenizer_config.json and tokenizer.json say different
    things about case, accents, Chinese or a leading blank, tokenizer_config.json counts, as in transformers. Where nothing
    says whether texts are lower-cased for a vocab.txt, they are, as in transformers; if the vocabulary contradicts, that is
    an error. Only for a folder that holds nothing but a vocabulary, the vocabulary itself decides.

    Args:
        folder: with the files of the tokenizer.
        config: the contents of the model's config.json, if there is a model.

    Returns:
        A WordPieceTokenizer, BytePairTokenizer or SentencePieceTokenizer.

    Raises:
        FormatError: a file is missing or damaged, contradicts another one, or asks for what our tokenizers do not do.
    """
    return _read(folder, config)[0]


def read_preprocessor(
    folder: pathlib.Path, config: Mapping[str, Any] | None = None, sequence_length: int | None = None
) -> Preprocessor:
    """The preprocessor of a Hugging Face folder: its tokenizer, the special tokens of pairs, the longest row.

    Rows are cut to `model_max_length` of tokenizer_config.json, to `max_seq_length` of sentence_bert_config.json and to the
    positions of the model, whichever is least; to 512 tokens where none of them is there.

    Args:
        folder, config: as in `read_tokenizer`.
        sequence_length: S, every row is cut and padded to this many tokens; None = padded to the longest row of the batch.

    Raises:
        FormatError: as in `read_tokenizer`, or no room for the special tokens.
    """
    tokenizer, pairs, longest = _read(folder, config)
    limits = [_LONGEST if longest is None else longest]
    if config is not None:
        positions = config.get("max_position_embeddings")
        if isinstance(positions, int):
            if longest is None:
                limits = []
            # RoBERTa counts positions from behind the padding's id.
            limits.append(positions - (tokenizer.vocabulary.pad_id + 1) * (config.get("model_type") == "roberta"))
    try:
        return Preprocessor(tokenizer, sequence_length=sequence_length, max_length=min(limits), **pairs)
    except ValueError as error:
        if sequence_length is not None and "sequence_length" in str(error):
            raise
        raise FormatError(f"{folder} has no room for the special tokens in a row: {error}") from error
