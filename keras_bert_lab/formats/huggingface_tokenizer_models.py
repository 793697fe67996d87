"""The three models of a tokenizer.json, each with the normaliser and the splitting that our tokenizers have."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_tokenizer_files import class_counts, tokens_of, wordpiece_flags
from keras_bert_lab.formats.huggingface_tokenizer_parts import check_part, only_part, parts_of
from keras_bert_lab.formats.huggingface_tokenizer_settings import TokenizerSettings
from keras_bert_lab.text import WordPieceTokenizer
from keras_bert_lab.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_lab.text.pieces import byte_characters
from keras_bert_lab.text.sentence_piece_model import CONTROL, NORMAL, UNKNOWN, SentencePieceModel
from keras_bert_lab.text.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_bert_lab.text.vocabulary import LONGEST_WORD

__all__ = ["MODELS"]

Made = tuple[Callable[..., keras.layers.Layer], list[str]]


def _wordpiece(parts: Mapping[str, Any], settings: TokenizerSettings, special: Mapping[str, str]) -> Made:
    where = str(settings.folder / "tokenizer.json")
    only: dict[str, list[Any]] = {
        "continuing_subword_prefix": ["##"],
        "max_input_chars_per_word": [LONGEST_WORD],
        "unk_token": [special["unk"]],
    }
    model = check_part(parts["model"], f"{where}: model", "WordPiece", only=only, read=["vocab"])
    normalizer = check_part(
        only_part(parts.get("normalizer"), "normalizers", f"{where}: normalizer", "BertNormalizer"),
        f"{where}: normalizer",
        "BertNormalizer",
        only={
            "clean_text": [True],
            "handle_chinese_chars": [True, False],
            "strip_accents": [True, False, None],
            "lowercase": [True, False],
        },
    )
    splitter = only_part(parts.get("pre_tokenizer"), "pretokenizers", f"{where}: pre_tokenizer", "BertPreTokenizer")
    check_part(splitter, f"{where}: pre_tokenizer", "BertPreTokenizer")
    flags = {
        "lowercase": normalizer.get("lowercase", True),
        "strip_accents": normalizer.get("strip_accents"),
        "split_cjk": normalizer.get("handle_chinese_chars", True),
    }
    if class_counts(settings):
        flags = wordpiece_flags(settings, flags)
    tokens = tokens_of(model.get("vocab"), f"{where}: model")
    return (lambda **given: WordPieceTokenizer(tokens, **flags, **given)), tokens


def _byte_pairs(parts: Mapping[str, Any], settings: TokenizerSettings, special: Mapping[str, str]) -> Made:
    where = str(settings.folder / "tokenizer.json")
    only: dict[str, list[Any]] = {
        "dropout": [None],
        "continuing_subword_prefix": [None, ""],
        "end_of_word_suffix": [None, ""],
        "byte_fallback": [False],
        "ignore_merges": [False],
        "unk_token": [None, special["unk"]],
    }
    model = check_part(parts["model"], f"{where}: model", "BPE", only=only, read=["vocab", "merges"], harmless=["fuse_unk"])
    if parts_of(parts.get("normalizer"), "normalizers"):
        raise FormatError(f"{where}: normalizer must be null. Received: {parts['normalizer']!r:.200}, which changes texts.")
    splitter = check_part(
        only_part(parts.get("pre_tokenizer"), "pretokenizers", f"{where}: pre_tokenizer", "ByteLevel"),
        f"{where}: pre_tokenizer",
        "ByteLevel",
        only={"add_prefix_space": [True, False], "use_regex": [True]},
        harmless=["trim_offsets"],
    )
    prefix = splitter.get("add_prefix_space", True)
    if class_counts(settings) and settings.flag("add_prefix_space") is not None:
        prefix = settings.flag("add_prefix_space")
    tokens = tokens_of(model.get("vocab"), f"{where}: model")
    missing = set(byte_characters().values()) - set(tokens)
    if missing and model.get("unk_token") is not None:
        raise FormatError(
            f"{where}: model must hold all 256 bytes, or drop the others (unk_token: null). "
            f"Received: unk_token={model['unk_token']!r} without {sorted(missing)[:5]}"
        )
    merges = model.get("merges")
    if not isinstance(merges, list):
        raise FormatError(f"{where}: model must hold a list of merges. Received: {merges!r:.200}")
    return (lambda **given: BytePairTokenizer(tokens, merges, add_prefix_space=prefix, **given)), tokens


def _albert_flags(normalizers: list[Any], where: str) -> tuple[bool, bool, bytes]:
    """Whether ALBERT's normaliser lowers the case and strips accents, and its map of characters."""
    steps = []
    charsmap = b""
    for part in normalizers:
        name = part.get("type") if isinstance(part, dict) else None
        if name == "Replace":
            check_part(part, where, "Replace", read=["pattern", "content"])
            steps.append(f"Replace {part.get('pattern')!r} {part.get('content')!r}")
        elif name == "Precompiled":
            check_part(part, where, "Precompiled", read=["precompiled_charsmap"])
            try:
                charsmap = base64.b64decode(part.get("precompiled_charsmap") or "", validate=True)
            except (binascii.Error, ValueError, TypeError) as error:
                raise FormatError(f"{where}: precompiled_charsmap must be Base64. Received: {error}") from error
            steps.append("Precompiled")
        else:
            check_part(part, where, str(name))
            steps.append(str(name))
    blanks = """Replace {'Regex': ' {2,}'} ' '"""  # words are split at blanks, however many
    quotes = ["""Replace {'String': '``'} '"'""", """Replace {'String': "''"} '"\'"""]
    for lowercase in (True, False):
        for strip_accents in (True, False):
            for ending in (["Precompiled"], []):
                wanted = [*quotes, *["NFKD", "StripAccents"] * strip_accents, *["Lowercase"] * lowercase, *ending]
                if [step for step in steps if step != blanks] == wanted:
                    return lowercase, strip_accents, charsmap
    raise FormatError(
        f"{where} must be ALBERT's: quotes replaced, NFKD with StripAccents, Lowercase, Precompiled. Received: {steps}"
    )


def _unigram(parts: Mapping[str, Any], settings: TokenizerSettings, special: Mapping[str, str]) -> Made:
    where = str(settings.folder / "tokenizer.json")
    only: dict[str, list[Any]] = {"byte_fallback": [False]}
    model = check_part(parts["model"], f"{where}: model", "Unigram", only=only, read=["vocab", "unk_id"])
    flags = _albert_flags(parts_of(parts.get("normalizer"), "normalizers"), f"{where}: normalizer")
    splitters = parts_of(parts.get("pre_tokenizer"), "pretokenizers")
    if len(splitters) != 2:
        raise FormatError(f"{where}: pre_tokenizer must be WhitespaceSplit, then Metaspace. Received: {splitters!r:.200}")
    check_part(splitters[0], f"{where}: pre_tokenizer", "WhitespaceSplit")
    blanks: dict[str, list[Any]] = {
        "replacement": ["▁"],
        "add_prefix_space": [True],
        "prepend_scheme": ["always"],
        "split": [True],
        "str_rep": ["▁"],
    }
    check_part(splitters[1], f"{where}: pre_tokenizer", "Metaspace", only=blanks)
    vocabulary, unknown = model.get("vocab"), model.get("unk_id")
    if not isinstance(vocabulary, list) or not isinstance(unknown, int) or not 0 <= unknown < len(vocabulary):
        raise FormatError(
            f"{where}: model must hold a vocabulary and the id of the unknown token. Received: unk_id={unknown!r}"
        )
    for entry in vocabulary:
        right = isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str)
        if not right or not isinstance(entry[1], (int, float)) or not math.isfinite(entry[1]) or abs(entry[1]) > 1e30:
            raise FormatError(f"{where}: the model's vocabulary must be pieces with their scores. Received: {entry!r:.200}")
    tokens = [entry[0] for entry in vocabulary]
    if tokens[unknown] != special["unk"]:
        raise FormatError(
            f"{where}: unk_id must be that of {special['unk']!r}. Received: {unknown}, which is {tokens[unknown]!r}"
        )
    framing = set(special.values())  # written out in texts, they are found beforehand or not at all
    kinds = [CONTROL if token in framing else NORMAL for token in tokens]
    kinds[unknown] = UNKNOWN
    lowercase, strip_accents, charsmap = flags
    if class_counts(settings):
        if settings.flag("do_lower_case") is not None:
            lowercase = bool(settings.flag("do_lower_case"))
        if settings.flag("keep_accents") is not None:
            strip_accents = not settings.flag("keep_accents")
    content = SentencePieceModel(tokens, [float(entry[1]) for entry in vocabulary], kinds, charsmap).serialized()
    return (lambda **given: SentencePieceTokenizer(content, lowercase=lowercase, strip_accents=strip_accents, **given)), tokens


MODELS: Mapping[str, Callable[[Mapping[str, Any], TokenizerSettings, Mapping[str, str]], Made]] = {
    "bert": _wordpiece,
    "roberta": _byte_pairs,
    "albert": _unigram,
}
"""Kind of tokenizer -> (parts of the file, settings, special tokens) -> its maker, its tokens."""
