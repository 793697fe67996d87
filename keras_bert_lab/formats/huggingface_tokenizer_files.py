"""The layouts before tokenizer.json: vocab.txt; vocab.json and merges.txt; spiece.model."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.huggingface_tokenizer_settings import SPELLINGS, TokenizerSettings
from keras_bert_lab.formats.tensor_files import read_json, regular_file
from keras_bert_lab.formats.wordpiece_files import is_lowercase, read_tokens
from keras_bert_lab.text import WordPieceTokenizer
from keras_bert_lab.text.added_tokens import AddedToken
from keras_bert_lab.text.byte_pair_tokenizer import BytePairTokenizer
from keras_bert_lab.text.sentence_piece_model import SentencePieceModel
from keras_bert_lab.text.sentence_piece_tokenizer import SentencePieceTokenizer

__all__ = ["PAIRS", "class_counts", "read_merges", "tokenizer_of_files", "tokens_of", "with_added", "wordpiece_flags"]

PAIRS: dict[str, dict[str, Any]] = {
    "bert": {"pair_separators": 1, "segment_ids": True},
    "albert": {"pair_separators": 1, "segment_ids": True},
    "roberta": {"pair_separators": 2, "segment_ids": False},
}
"""Kind of tokenizer -> how its preprocessor writes pairs, where no file says it."""

_LARGEST = 64 * 2**20
_CLASSES = {
    "bert": ("BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "ErnieTokenizer"),
    "roberta": ("RobertaTokenizer",),
    "albert": ("AlbertTokenizer",),
}


def with_added(
    tokens: Sequence[str], added: Sequence[tuple[int | None, AddedToken]], special: Mapping[str, str], where: pathlib.Path
) -> list[AddedToken]:
    """The added tokens as our tokenizers take them: in the order of their ids, those of the vocabulary with the same id.

    Raises:
        FormatError: ids that are taken, or that leave a gap.
    """
    ids = {token: place for place, token in enumerate(tokens)}
    plain = {AddedToken(content, normalized=False) for content in special.values()}
    placed = sorted((each for each in added if each[0] is not None), key=lambda each: int(each[0] or 0))
    kept: list[AddedToken] = []
    following = len(tokens)
    for place, token in [*placed, *(each for each in added if each[0] is None)]:
        if token.content in ids:
            if place not in (None, ids[token.content]):
                raise FormatError(
                    f"{where} must give {token.content!r} the id of the vocabulary, {ids[token.content]}. Received: {place}"
                )
        elif place not in (None, following):
            raise FormatError(
                f"{where} must give added tokens the ids after the vocabulary, from {len(tokens)} on. "
                f"Received: {token.content!r} with {place}, where {following} is next."
            )
        else:
            following += 1
        if token.content not in ids or token not in plain:
            kept.append(token)
    return kept


def tokens_of(vocabulary: Any, where: str) -> list[str]:
    """The tokens of an object {token: id}, by id.

    Raises:
        FormatError: no such object, or ids that are not 0, 1, 2, ...
    """
    if not isinstance(vocabulary, dict) or not vocabulary:
        raise FormatError(f"{where} must hold a vocabulary, tokens with their ids. Received: {vocabulary!r:.200}")
    tokens = [""] * len(vocabulary)
    seen = bytearray(len(vocabulary))
    for token, place in vocabulary.items():
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(tokens) or seen[place]:
            raise FormatError(
                f"{where} must give {len(tokens)} tokens the ids 0 to {len(tokens) - 1}, each once. "
                f"Received: {token!r}: {place!r:.50}"
            )
        tokens[place], seen[place] = token, 1
    return tokens


def wordpiece_flags(settings: TokenizerSettings, known: Mapping[str, bool | None]) -> dict[str, bool | None]:
    """Flags of WordPieceTokenizer: those of tokenizer_config.json, where it names them, before those of `known`."""
    names = {"lowercase": "do_lower_case", "strip_accents": "strip_accents", "split_cjk": "tokenize_chinese_chars"}
    found = dict(known)
    for ours, theirs in names.items():
        if theirs in settings.values and not (settings.flag(theirs) is None and ours != "strip_accents"):
            found[ours] = settings.flag(theirs)
    return found


def _lowercase(settings: TokenizerSettings, kind: str | None, tokens: Sequence[str]) -> bool:
    """Whether a vocab.txt without a word about it is lower-cased."""
    path = settings.folder / "vocab.txt"
    if kind is None and not settings.values:
        return is_lowercase(tokens, [settings.folder.name], path)  # not a folder of transformers, whose default counts below
    if {chr(code) for code in range(ord("A"), ord("Z") + 1)} <= set(tokens):
        raise FormatError(
            f"{settings.where} must say whether texts are lower-cased: {path} holds upper-case letters, and without a word "
            'texts are lower-cased. Received: no do_lower_case. Write {"do_lower_case": false} into it.'
        )
    return True


def _wordpiece(settings: TokenizerSettings, kind: str | None, special: dict[str, str]) -> keras.layers.Layer:
    tokens = read_tokens(settings.folder / "vocab.txt")
    flags = wordpiece_flags(settings, {})
    if "lowercase" not in flags:
        flags["lowercase"] = _lowercase(settings, kind, tokens)
    added = with_added(tokens, settings.added, special, settings.folder)
    return WordPieceTokenizer(tokens, special_tokens=special, added_tokens=added, **flags)  # type: ignore[arg-type]


def class_counts(settings: TokenizerSettings) -> bool:
    """Whether transformers lets tokenizer_config.json change what tokenizer.json says: only the classes of a model do."""
    name = str(settings.values.get("tokenizer_class") or "").removesuffix("Fast")
    return name not in ("PreTrainedTokenizer", "TokenizersBackend")


def _byte_pairs(settings: TokenizerSettings, kind: str | None, special: dict[str, str]) -> keras.layers.Layer:
    where = settings.folder / "vocab.json"
    tokens = tokens_of(read_json(where), str(where))
    merges = read_merges(settings.folder / "merges.txt")
    added = with_added(tokens, settings.added, special, settings.folder)
    prefix = settings.flag("add_prefix_space") or False
    return BytePairTokenizer(tokens, merges, special_tokens=special, add_prefix_space=prefix, added_tokens=added)


def _sentence_pieces(settings: TokenizerSettings, kind: str | None, special: dict[str, str]) -> keras.layers.Layer:
    path = settings.folder / "spiece.model"
    if regular_file(path).stat().st_size > _LARGEST:
        raise FormatError(f"{path} must be at most {_LARGEST} bytes long. Received: {path.stat().st_size} bytes")
    content = path.read_bytes()
    try:
        tokens = SentencePieceModel.parse(content).pieces
    except ValueError as error:
        raise FormatError(f"{path} is damaged: {error}. Copy or download it again.") from error
    added = with_added(tokens, settings.added, special, settings.folder)
    lowercase = settings.flag("do_lower_case") is not False  # True where nothing says so, as in transformers
    strip_accents = not settings.flag("keep_accents")
    return SentencePieceTokenizer(
        content, special_tokens=special, lowercase=lowercase, strip_accents=strip_accents, added_tokens=added
    )


def read_merges(path: pathlib.Path) -> list[str]:
    """The merges of a merges.txt: pairs of pieces, most frequent first.

    Raises:
        FormatError: the file is missing, too large, or not UTF-8.
    """
    if regular_file(path).stat().st_size > _LARGEST:
        raise FormatError(f"{path} must be at most {_LARGEST} bytes long. Received: {path.stat().st_size} bytes")
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not UTF-8: {error}. Copy or download it again.") from error
    return [line.rstrip("\r") for line in lines if line.strip() and not line.startswith("#version")]


def tokenizer_of_files(settings: TokenizerSettings, kind: str | None) -> tuple[keras.layers.Layer, dict[str, Any]]:
    """The tokenizer of a folder without tokenizer.json, and how pairs are written.

    Raises:
        FormatError: no known file, or a tokenizer class that splits texts by other rules.
    """
    folder = settings.folder
    files: dict[str, tuple[str, Callable[..., keras.layers.Layer]]] = {
        "bert": ("vocab.txt", _wordpiece),
        "roberta": ("vocab.json", _byte_pairs),
        "albert": ("spiece.model", _sentence_pieces),
    }
    there = [name for name, (file, _) in files.items() if (folder / file).exists()]
    found = kind if kind in there else (there[0] if there and kind is None else None)
    if found is None:
        wanted = files[kind][0] if kind in files else "vocab.txt, vocab.json with merges.txt, or spiece.model"
        names = sorted(entry.name for entry in folder.iterdir())
        raise FormatError(
            f"{folder} must hold tokenizer.json or {wanted}. Received: {names[:20]}. Copy the whole folder again."
        )
    class_name = str(settings.values.get("tokenizer_class") or "").removesuffix("Fast")
    if class_name and class_name not in (*_CLASSES[found], "PreTrainedTokenizer", "TokenizersBackend"):
        raise FormatError(
            f"{settings.where}: tokenizer_class must be one of {list(_CLASSES[found])}. Received: {class_name!r}, "
            "which splits texts by other rules."
        )
    special = SPELLINGS[found] | dict(settings.special_tokens)
    return files[found][1](settings, kind, special), PAIRS[found]
