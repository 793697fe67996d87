"""Looking at the parts of a tokenizer.json without overlooking a setting."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keras_bert_lab.errors import FormatError

__all__ = ["check_part", "only_part", "parts_of"]


def check_part(
    part: Any,
    where: str,
    kind: str,
    only: Mapping[str, Collection[Any]] | None = None,
    read: Collection[str] = (),
    harmless: Collection[str] = (),
) -> dict[str, Any]:
    """A part of tokenizer.json, after all its settings were looked at.

    Args:
        part: the part.
        where: file and part, for errors.
        kind: the `type` that it must have.
        only: setting -> values under which it does what our tokenizers do.
        read: settings that the caller honours.
        harmless: settings that change no token.

    Raises:
        FormatError: another type, a setting with another value, or an unknown setting.
    """
    only = only or {}
    if not isinstance(part, dict) or part.get("type", kind) != kind:
        found = part.get("type") if isinstance(part, dict) else part
        raise FormatError(f"{where} must be {kind}. Received: {found!r:.200}, which splits texts by other rules.")
    unknown = sorted(set(part) - {"type", *only, *read, *harmless})
    if unknown:
        raise FormatError(f"{where}: {kind} has the settings {sorted({*only, *read, *harmless})}. Received: {unknown[:5]}")
    for name, values in only.items():
        if name in part and not any(type(part[name]) is type(value) and part[name] == value for value in values):
            raise FormatError(f"{where}: {name} of {kind} must be one of {list(values)}. Received: {part[name]!r:.200}")
    return part


def parts_of(part: Any, list_name: str) -> list[Any]:
    """The parts of a Sequence; a single part alone; nothing for null."""
    if part is None:
        return []
    if isinstance(part, dict) and part.get("type") == "Sequence" and isinstance(part.get(list_name), list):
        return [inner for each in part[list_name] for inner in parts_of(each, list_name)]
    return [part]


def only_part(part: Any, list_name: str, where: str, kind: str) -> Any:
    parts = parts_of(part, list_name)
    if len(parts) != 1:
        names = [each.get("type") if isinstance(each, dict) else each for each in parts]
        raise FormatError(f"{where} must be {kind}. Received: {names!r:.200}, which splits texts by other rules.")
    return parts[0]
