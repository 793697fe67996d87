"""tokenizer.json and the assets of a KerasHub preset -> our own Preprocessor."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import read_json, regular_file
from keras_bert_lab.formats.wordpiece_files import wordpiece_preprocessor
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_lab.text.sentence_piece_tokenizer import SentencePieceTokenizer

__all__ = ["read_preprocessor"]

_LARGEST_MODEL = 64 * 2**20
_WORDPIECE = ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer")
_BYTE_PAIRS = ("RobertaTokenizer",)
_SENTENCE_PIECES = ("AlbertTokenizer",)
_HARMLESS = {"name", "trainable", "dtype", "config_file", "vocabulary", "merges", "proto"}
# Special tokens in texts, RoBERTa's "unsplittable" ones, are looked for where a caller of ours asks for it.
_HARMLESS |= {"lowercase", "strip_accents", "add_prefix_space", "unsplittable_tokens"}
# What else changes the tokens, and the values that ours have.
_ONLY: dict[str, tuple[Any, ...]] = {
    "sequence_length": (None,),
    "split": (True,),
    "split_on_cjk": (True,),
    "suffix_indicator": ("##",),
    "oov_token": ("[UNK]",),
    "special_tokens": (None, []),
    "special_tokens_in_strings": (False,),
    "add_bos": (False,),
    "add_eos": (False,),
}


def _flag(settings: Mapping[str, Any], name: str, where: pathlib.Path) -> bool:
    value = settings.get(name, False)
    if not isinstance(value, bool):
        raise FormatError(f"{name} in {where} must be true or false. Received: {value!r}")
    return value


def _byte_pairs(assets: pathlib.Path, prefix: bool, config: EncoderConfig, sequence_length: int | None) -> Preprocessor:
    path = assets / "vocabulary.json"
    places = read_json(path)
    if sorted(places.values(), key=str) != sorted(range(len(places)), key=str) or len(places) > config.vocab_size:
        raise FormatError(
            f"{path} must give the tokens the numbers 0, 1, ..., at most {config.vocab_size} of them. "
            f"Received: {len(places)} tokens"
        )
    lines = regular_file(assets / "merges.txt").read_bytes().decode("utf-8", errors="replace").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    try:
        tokenizer = BytePairTokenizer(sorted(places, key=lambda token: int(places[token])), merges, add_prefix_space=prefix)
    except ValueError as error:
        raise FormatError(f"{assets} holds no tokenizer of a RoBERTa: {error}") from error
    longest = max(5, config.max_positions)
    return Preprocessor(tokenizer, sequence_length, max_length=longest, pair_separators=2, segment_ids=False)


def _sentence_pieces(path: pathlib.Path, config: EncoderConfig, sequence_length: int | None) -> Preprocessor:
    if regular_file(path).stat().st_size > _LARGEST_MODEL:
        raise FormatError(f"{path} must be at most {_LARGEST_MODEL} bytes long. Received: {path.stat().st_size} bytes")
    try:
        tokenizer = SentencePieceTokenizer(path.read_bytes(), rules="model")
    except ValueError as error:
        raise FormatError(f"{path} holds no tokenizer of an ALBERT: {error}") from error
    if len(tokenizer.vocabulary) > config.vocab_size:
        raise FormatError(f"{path} must have at most {config.vocab_size} tokens. Received: {len(tokenizer.vocabulary)} tokens")
    return Preprocessor(tokenizer, sequence_length, max_length=max(4, config.max_positions))


def read_preprocessor(folder: pathlib.Path, config: EncoderConfig, sequence_length: int | None) -> Preprocessor:
    """The preprocessor of a preset's tokenizer.

    KerasHub lower-cases by NFKC case folding ("ß" becomes "ss", "²" becomes "2") and keeps control characters: such texts give
    other tokens here.

    Args:
        folder: of the preset.
        config: of its encoder.
        sequence_length: as in `Preprocessor`.

    Raises:
        FormatError: a file is missing or damaged, or the tokenizer is none that we can have.
    """
    where = folder / "tokenizer.json"
    found = read_json(where)
    name, settings = found.get("class_name"), found.get("config")
    known = (*_WORDPIECE, *_BYTE_PAIRS, *_SENTENCE_PIECES)
    if name not in known or not isinstance(settings, dict):
        raise FormatError(f"class_name in {where} must be one of {list(known)}. Received: {name!r}. It cannot be read.")
    for setting, allowed in _ONLY.items():
        if settings.get(setting, allowed[0]) not in allowed:
            raise FormatError(f"{setting} in {where} must be {allowed[0]!r}. Received: {settings[setting]!r}.")
    unknown = sorted(set(settings) - _HARMLESS - _ONLY.keys())
    if unknown:
        raise FormatError(f"{where} has settings that are not known here: {unknown}. They may change the tokens.")
    assets = folder / "assets" / "tokenizer"
    if name in _BYTE_PAIRS:
        return _byte_pairs(assets, _flag(settings, "add_prefix_space", where), config, sequence_length)
    if name in _SENTENCE_PIECES:
        return _sentence_pieces(assets / "vocabulary.spm", config, sequence_length)
    lowercase, strip_accents = _flag(settings, "lowercase", where), _flag(settings, "strip_accents", where)
    return wordpiece_preprocessor(assets / "vocabulary.txt", sequence_length, lowercase, strip_accents, config)
