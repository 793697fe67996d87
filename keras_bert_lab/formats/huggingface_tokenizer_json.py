"""tokenizer.json: every part of it that changes tokens is honoured, or refused by name."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_tokenizer_files import PAIRS, tokens_of, with_added
from keras_bert_lab.formats.huggingface_tokenizer_models import MODELS
from keras_bert_lab.formats.huggingface_tokenizer_parts import check_part
from keras_bert_lab.formats.huggingface_tokenizer_settings import SPELLINGS, TokenizerSettings, added_token_of
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.formats.wordpiece_files import read_tokens
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.sentence_piece_model import SentencePieceModel

__all__ = ["tokenizer_of_json"]

# Parts that change no token that we make: how rows are cut and padded is the preprocessor's business, and decoding our own.
_HARMLESS = ("truncation", "padding", "decoder")
_PARTS = ("version", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model", *_HARMLESS)


# Pairs ----------------------------------------------------------------------------------------------------------------


def _template(items: Any, where: str, ids: Mapping[str, int]) -> list[tuple[str, int]]:
    """A template of a post processor as (A, B or token, type id)."""
    found = []
    for item in items if isinstance(items, list) else [items]:
        inner = next(iter(item.values())) if isinstance(item, dict) and len(item) == 1 else None
        name, type_id = (inner.get("id"), inner.get("type_id")) if isinstance(inner, dict) else (None, None)
        is_token = isinstance(item, dict) and "SpecialToken" in item
        if not isinstance(name, str) or not isinstance(type_id, int) or (is_token and name not in ids):
            raise FormatError(f"{where} must be made of sequences and special tokens. Received: {item!r:.200}")
        found.append((name if is_token else f"${name}", type_id))
    return found


def _pairs(part: Any, where: str, special: Mapping[str, str], ids: Mapping[str, int], kind: str) -> dict[str, Any]:
    """How the post processor writes pairs."""
    if part is None:
        return PAIRS[kind]
    name = part.get("type") if isinstance(part, dict) else None
    cls, sep = special["cls"], special["sep"]
    if name in ("RobertaProcessing", "BertProcessing"):
        check_part(part, where, name, read=("cls", "sep"), harmless=("trim_offsets", "add_prefix_space"))
        for token, found in ((cls, part.get("cls")), (sep, part.get("sep"))):
            if found != [token, ids[token]]:
                raise FormatError(f"{where} must have {token!r} with the id {ids[token]}. Received: {found!r:.200}")
        return PAIRS["roberta" if name == "RobertaProcessing" else "bert"]
    check_part(part, where, "TemplateProcessing", read=("single", "pair", "special_tokens"))
    tokens = part.get("special_tokens")
    for token, known in tokens.items() if isinstance(tokens, dict) else ():
        if not isinstance(known, dict) or known.get("ids") != [ids.get(token)]:
            raise FormatError(f"{where} must have {token!r} with the id {ids.get(token)}. Received: {known!r:.200}")
    if _template(part.get("single"), where, ids) == [(cls, 0), ("$A", 0), (sep, 0)]:
        pair = _template(part.get("pair"), where, ids)
        for separators in (1, 2):
            between = [(sep, 0)] * separators
            for second in (0, 1):
                # The second of two separators belongs to the second text, if they are told apart at all.
                if separators == 2:
                    between = [(sep, 0), (sep, second)]
                if pair == [(cls, 0), ("$A", 0), *between, ("$B", second), (sep, second)]:
                    return {"pair_separators": separators, "segment_ids": bool(second)}
    raise FormatError(
        f"{where} must write {cls} A {sep} for a text and {cls} A {sep} B {sep} for a pair. "
        f"Received: {part.get('single')!r:.300} and {part.get('pair')!r:.300}"
    )


def _kind_of_model(model: Any, where: str) -> str:
    """Kind of tokenizer; files of the first years do not name it."""
    if not isinstance(model, dict):
        raise FormatError(f"{where}: model must be an object. Received: {model!r:.200}")
    guessed = "BPE" if "merges" in model else ("Unigram" if isinstance(model.get("vocab"), list) else "WordPiece")
    kinds = {"WordPiece": "bert", "BPE": "roberta", "Unigram": "albert"}
    name = model.get("type", guessed)
    if name not in kinds:
        raise FormatError(f"{where}: model must be one of {list(kinds)}. Received: {name!r:.200}")
    return kinds[name]


def _tokens_beside(folder: pathlib.Path, kind: str) -> tuple[pathlib.Path, list[str]] | None:
    """The vocabulary file of an older layout, if there is one beside tokenizer.json."""
    path = folder / {"bert": "vocab.txt", "roberta": "vocab.json", "albert": "spiece.model"}[kind]
    if not path.is_file():
        return None
    if kind == "bert":
        return path, read_tokens(path)
    if kind == "roberta":
        return path, tokens_of(read_json(path), str(path))
    return path, list(SentencePieceModel.parse(path.read_bytes()).pieces)


def _check_vocabulary_file(settings: TokenizerSettings, kind: str, tokens: Sequence[str], added: Sequence[AddedToken]) -> None:
    """Refuse a folder whose other vocabulary file is that of another model."""
    found = _tokens_beside(settings.folder, kind)
    if found is None:
        return
    path, beside = found
    known = set(tokens)
    wanted = [*tokens, *(token.content for token in added if token.content not in known)]
    if beside not in (wanted, list(tokens)):
        place = next((i for i, (a, b) in enumerate(zip(beside, wanted, strict=False)) if a != b), min(len(beside), len(wanted)))
        raise FormatError(
            f"{path} and tokenizer.json must hold the same tokens. Received: {len(beside)} and {len(wanted)} tokens, "
            f"different from id {place} on. Remove the one that is not of this model."
        )


def _added_of(parts: Mapping[str, Any], settings: TokenizerSettings, where: str) -> list[tuple[int | None, AddedToken]]:
    """Added tokens of tokenizer.json, and those that older files name beside it."""
    found: list[tuple[int | None, AddedToken]] = []
    for value in parts.get("added_tokens") or []:
        token = added_token_of(value, settings.folder / "tokenizer.json")
        place = value.get("id") if isinstance(value, dict) else None
        if not isinstance(place, int) or isinstance(place, bool):
            raise FormatError(f"{where}: added tokens must have ids. Received: {value!r:.200}")
        found.append((place, token))
    known = {token.content for _, token in found}
    return [*found, *(each for each in settings.added if each[1].content not in known)]


def tokenizer_of_json(settings: TokenizerSettings) -> tuple[keras.layers.Layer, dict[str, Any]]:
    """The tokenizer of a folder with tokenizer.json, and how pairs are written.

    Args:
        settings: of the folder. What the model is does not matter: the file says all.

    Raises:
        FormatError: a part that our tokenizers do not have, or ids that contradict each other.
    """
    path = settings.folder / "tokenizer.json"
    parts = read_json(path)
    where = str(path)
    unknown = sorted(set(parts) - set(_PARTS))
    if unknown or parts.get("version", "1.0") != "1.0":
        raise FormatError(
            f"{where} must have the parts {sorted(_PARTS)} of version 1.0. Received: {unknown[:5]} {parts.get('version')!r}"
        )
    found = _kind_of_model(parts.get("model"), where)
    special = SPELLINGS[found] | dict(settings.special_tokens)
    make, tokens = MODELS[found](parts, settings, special)
    added = with_added(tokens, _added_of(parts, settings, where), special, path)
    _check_vocabulary_file(settings, found, tokens, added)
    tokenizer = make(special_tokens=special, added_tokens=added)
    return tokenizer, _pairs(parts.get("post_processor"), f"{where}: post_processor", special, tokenizer.vocabulary.ids, found)
