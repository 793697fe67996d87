"""What stands beside a tokenizer in a Hugging Face folder: roles of special tokens, added tokens, flags, lengths."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_bert_lab.errors import FormatError
from keras_bert_lab.formats.tensor_files import read_json
from keras_bert_lab.text.added_tokens import AddedToken

__all__ = ["TokenizerSettings", "added_token_of", "kind_of", "read_settings"]

_ROLES = ("pad", "unk", "cls", "sep", "mask")
SPELLINGS: dict[str, dict[str, str]] = {
    "bert": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "roberta": {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"},
    "albert": {"pad": "<pad>", "unk": "<unk>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
}
"""Kind of tokenizer -> how transformers spells the special tokens where no file says it."""

_KINDS = {"bert": "bert", "distilbert": "bert", "electra": "bert", "ernie": "bert", "roberta": "roberta", "albert": "albert"}
# Settings that would change tokens, and the values under which they do not.
_ONLY: dict[str, tuple[Any, ...]] = {
    "do_basic_tokenize": (True, None),
    "never_split": (None, []),
    "remove_space": (True, None),
    "sp_model_kwargs": (None, {}),
    "truncation_side": ("right", None),
    "padding_side": ("right", None),
    "add_bos_token": (None, True),
    "add_eos_token": (None, True),
}
_WITHOUT_LIMIT = 10**9  # transformers writes 10^30 where nobody set a length
_FLAGS = ("lstrip", "rstrip", "normalized", "single_word", "special")


@dataclasses.dataclass(frozen=True)
class TokenizerSettings:
    """What the small files of a folder say about its tokenizer.

    Attributes:
        folder: the folder, for errors.
        values: the contents of tokenizer_config.json; {} where it is missing.
        special_tokens: role -> spelling, of those that a file names.
        added: id (None where no file says it) and token, of tokens beside those of the vocabulary's file.
    """

    folder: pathlib.Path
    values: Mapping[str, Any]
    special_tokens: Mapping[str, str]
    added: Sequence[tuple[int | None, AddedToken]]

    def flag(self, name: str) -> bool | None:
        """A setting that is True, False, or not there.

        Raises:
            FormatError: something else.
        """
        value = self.values.get(name)
        if value is not None and not isinstance(value, bool):
            raise FormatError(f"{self.where}: {name} must be true or false. Received: {value!r}")
        return value

    @property
    def where(self) -> pathlib.Path:
        """The file of the settings."""
        return self.folder / "tokenizer_config.json"

    def max_length(self) -> int | None:
        """The most tokens in a row, where the files limit them.

        Raises:
            FormatError: no number of tokens.
        """
        found = []
        beside = self.folder / "sentence_bert_config.json"
        sentences = read_json(beside) if beside.exists() else {}
        for path, name, value in (
            (self.where, "model_max_length", self.values.get("model_max_length", self.values.get("max_len"))),
            (beside, "max_seq_length", sentences.get("max_seq_length")),
        ):
            if value is None:
                continue
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 1:
                raise FormatError(f"{path}: {name} must be a number of tokens. Received: {value!r}")
            if value < _WITHOUT_LIMIT:
                found.append(int(value))
        if sentences.get("do_lower_case") is True and self.flag("do_lower_case") is not True:
            raise FormatError(
                f"{beside}: do_lower_case must be that of {self.where}. Received: do_lower_case=true. "
                "Set both to what the model was trained with."
            )
        return min(found, default=None)


def added_token_of(value: Any, where: pathlib.Path, normalized: bool = False) -> AddedToken:
    """A token as the files write it: a string, or an object with its flags.

    Args:
        value: of the file.
        where: the file, for errors.
        normalized: of a token that is only a string.

    Raises:
        FormatError: no token, or one that can only be a word of its own (`single_word`).
    """
    if isinstance(value, str):
        value = {"content": value, "normalized": normalized}
    if not isinstance(value, dict) or not isinstance(value.get("content"), str) or not value["content"].strip():
        raise FormatError(f"{where} must name tokens as strings, or objects with a content. Received: {value!r:.200}")
    unknown = sorted(set(value) - {"content", "id", "__type", *_FLAGS})
    wrong = [name for name in _FLAGS if not isinstance(value.get(name, False), bool)]
    if unknown or wrong:
        raise FormatError(f"{where}: a token has the flags {sorted(_FLAGS)}, true or false. Received: {value!r:.200}")
    if value.get("single_word"):
        raise FormatError(
            f"{where}: single_word tokens cannot be read. Received: {value['content']!r}. Add it without this flag."
        )
    return AddedToken(
        value["content"],
        normalized=value.get("normalized", not value.get("special", False)),
        lstrip=value.get("lstrip", False),
        rstrip=value.get("rstrip", False),
    )


def kind_of(config: Mapping[str, Any] | None) -> str | None:
    """Kind of tokenizer that a model_type has in transformers: "bert", "roberta", "albert"; None where there is no config."""
    return None if config is None else _KINDS.get(str(config.get("model_type")))


def _added(settings: Mapping[str, Any], folder: pathlib.Path) -> list[tuple[int | None, AddedToken]]:
    """Added tokens that are not in tokenizer.json: those of older layouts."""
    where = folder / "tokenizer_config.json"
    found: dict[str, tuple[int | None, AddedToken]] = {}
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, dict) or not all(key.isdecimal() and len(key) < 10 for key in decoder):
        raise FormatError(f"{where}: added_tokens_decoder must map ids to tokens. Received: {decoder!r:.200}")
    for key, value in decoder.items():
        token = added_token_of(value, where)
        found[token.content] = (int(key), token)
    older = folder / "added_tokens.json"
    for content, place in (read_json(older) if older.exists() else {}).items():
        if not isinstance(place, int) or isinstance(place, bool) or place < 0:
            raise FormatError(f"{older} must map tokens to ids. Received: {content!r}: {place!r}")
        if content in found and found[content][0] != place:
            raise FormatError(f"{older} and {where} must give a token the same id. Received: {place}, {found[content][0]}")
        found.setdefault(content, (place, added_token_of(content, older, normalized=True)))
    for path in (where, folder / "special_tokens_map.json"):
        values = settings if path == where else (read_json(path) if path.exists() else {})
        for name in ("additional_special_tokens", "extra_special_tokens"):
            more = values.get(name) or []
            for value in more.values() if isinstance(more, dict) else more:
                token = added_token_of(value, path)
                place = found.get(token.content, (None,))[0]
                if token.content not in found or found[token.content][1].normalized:  # special ones are matched as written
                    found[token.content] = (place, token)
    return list(found.values())


def read_settings(folder: pathlib.Path) -> TokenizerSettings:
    """Read tokenizer_config.json, special_tokens_map.json and added_tokens.json, as far as they are there.

    Raises:
        FormatError: a damaged file, or a setting that changes tokens and cannot be honoured.
    """
    where = folder / "tokenizer_config.json"
    values = read_json(where) if where.exists() else {}
    for name, allowed in _ONLY.items():
        if name in values and values[name] not in allowed:
            raise FormatError(f"{where}: {name} must be {allowed[0]!r}. Received: {values[name]!r}. It changes tokens.")
    special: dict[str, str] = {}
    flags: list[tuple[int | None, AddedToken]] = []
    older = folder / "special_tokens_map.json"
    for path, named in ((where, values), (older, read_json(older) if older.exists() else {})):
        for role in _ROLES:
            value = named.get(f"{role}_token")
            if value is None:
                continue
            token = added_token_of(value, path)
            if special.setdefault(role, token.content) != token.content:
                raise FormatError(
                    f"{where} and {older} must name the same {role}_token. Received: {special[role]!r}, {token.content!r}"
                )
            if isinstance(value, dict) and token.content not in [known.content for _, known in flags]:
                flags.append((None, token))
    added = _added(values, folder)
    known = {token.content for _, token in added}
    return TokenizerSettings(folder, values, special, [*added, *(each for each in flags if each[1].content not in known)])
