"""Tokens that users add to a vocabulary, and how they are looked for in texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["AddedToken", "added_tokens_of"]


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token that is kept whole wherever it stands in a text, even inside a word.

    Args:
        content: the token as it is written.
        normalized: look for it in the normalised text, so that a lower-casing tokenizer finds it in any case; False = look
            for exactly this spelling.
        lstrip: white space before the token belongs to it, as with RoBERTa's "<mask>".
        rstrip: white space after the token belongs to it.

    Raises:
        ValueError: an empty token, or one that is no text.

    Reference: AddedToken of the `tokenizers` library, whose defaults these are; its `single_word` does not exist here.

    Example:
        >>> AddedToken("[E1]").as_data()
        {'content': '[E1]', 'normalized': True, 'lstrip': False, 'rstrip': False}
    """

    content: str
    normalized: bool = True
    lstrip: bool = False
    rstrip: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.content, str) or not self.content.strip():
            raise ValueError(f"An added token must be a text that is not blank. Received: {self.content!r}")
        for name in ("normalized", "lstrip", "rstrip"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} of an added token must be True or False. Received: {name}={getattr(self, name)!r}")

    def as_data(self) -> dict[str, Any]:
        """The arguments, as plain data."""
        return dataclasses.asdict(self)


def added_tokens_of(tokens: Iterable[str | Mapping[str, Any] | AddedToken]) -> tuple[AddedToken, ...]:
    """The forms in which added tokens are given -> `AddedToken`s.

    Args:
        tokens: strings, AddedTokens, or dicts with the arguments of AddedToken.

    Raises:
        ValueError: a token twice, or an impossible token.
        TypeError: not a list of tokens.

    Example:
        >>> [token.content for token in added_tokens_of(["[E1]", {"content": "[E2]", "lstrip": True}])]
        ['[E1]', '[E2]']
    """
    if isinstance(tokens, (str, bytes, Mapping)):
        raise TypeError(f"added_tokens must be a list of tokens. Received: {tokens!r}")
    found: list[AddedToken] = []
    for token in tokens:
        if isinstance(token, AddedToken):
            found.append(token)
        elif isinstance(token, str):
            found.append(AddedToken(token))
        elif isinstance(token, Mapping):
            unknown = sorted(set(token) - {field.name for field in dataclasses.fields(AddedToken)})
            if unknown or "content" not in token:
                raise ValueError(f"An added token has content, normalized, lstrip, rstrip. Received: {dict(token)!r}")
            found.append(AddedToken(**token))
        else:
            raise TypeError(f"added_tokens must hold strings, dicts or AddedTokens. Received: {token!r}")
    contents = [token.content for token in found]
    doubles = sorted({content for content in contents if contents.count(content) > 1})
    if doubles:
        raise ValueError(f"added_tokens must hold each token once. Received twice or more: {doubles[:10]}")
    return tuple(found)
