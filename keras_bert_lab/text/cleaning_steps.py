"""The steps of cleaning that have a name, each a function of a string tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.html_text import html_to_text

__all__ = ["PATTERNS", "STEPS", "replaced"]

tf = LazyModule("tensorflow")
tf_text = LazyModule("tensorflow_text", install="tensorflow-text")

_WHITE = r"[\t-\r\x1c-\x20\x{85}\p{Z}]"  # what `str.split()` splits at
_IN_URL = r"""[^\s\p{Z}()<>"]"""

PATTERNS: dict[str, str] = {
    # The last character is none that ends a sentence; brackets belong to an address where they are closed in it.
    "urls": (
        rf"(?i)\b(?:https?://|ftp://|www\.)(?:{_IN_URL}|\({_IN_URL}*\))*"
        rf"""(?:\({_IN_URL}*\)|[^\s\p{{Z}}()<>"'.,;:!?\[\]{{}}*_~…‘’“”«»。，、])"""
    ),
    "emails": r"(?i)(?:\bmailto:)?[\pL\pN][\pL\pN._%+'-]*@[\pL\pN-]+(?:\.[\pL\pN-]+)+",
    "mentions": r"\B@[\pL\pN_]+",
    "numbers": r"\p{Nd}+(?:[.,]\p{Nd}+)*",
    "punctuation": r"[!-/:-@\[-`{-~\p{P}]+",
}
"""Step -> what it replaces by a blank, as a regular expression of RE2."""


def replaced(texts: Any, pattern: str, replacement: str) -> Any:
    """Every match of a pattern in texts (B,) replaced."""
    return tf.strings.regex_replace(texts, pattern, replacement)


def _without_repeats(texts: Any) -> Any:
    """Runs of one character of more than two, but of digits and blanks, become two: "sooo 1000" -> "soo 1000".

    Example:
        >>> _without_repeats(["sooo goood!!!", "1000   ..."]).numpy().tolist()
        [b'soo good!!', b'1000   ..']
    """
    texts = tf.convert_to_tensor(texts)
    characters = tf.strings.unicode_decode(texts, "UTF-8")
    flat, row = characters.flat_values, characters.value_rowids()

    def before(values: Any, steps: int) -> Any:
        """The values so many places before; -1 where there are none."""
        return tf.concat([tf.fill([tf.minimum(steps, tf.size(values))], tf.cast(-1, values.dtype)), values[:-steps]], axis=0)

    is_third = (flat == before(flat, 1)) & (flat == before(flat, 2)) & (row == before(row, 2))
    places = tf.where(is_third)  # (repeated characters, 1)
    repeated = tf.strings.unicode_encode(tf.gather(flat, places), "UTF-8")
    stays = tf.strings.regex_full_match(repeated, rf"\p{{Nd}}|{_WHITE}")
    is_kept = tf.tensor_scatter_nd_update(~is_third, places, stays)
    kept = tf.ragged.boolean_mask(characters, characters.with_flat_values(is_kept))
    return tf.ensure_shape(tf.strings.unicode_encode(kept, "UTF-8"), texts.shape)


def _lowercase(texts: Any) -> Any:
    return tf.strings.lower(texts, encoding="utf-8")


def _without_accents(texts: Any) -> Any:
    """Without the marks that combine with letters, as BERT's uncased models read texts; Unicode's form NFC.

    Example:
        >>> _without_accents(["Café Ελλάδα"]).numpy()[0].decode()
        'Cafe Ελλαδα'
    """
    # The form composes Korean and the like again.
    return tf_text.normalize_utf8(replaced(tf_text.normalize_utf8(texts, "NFD"), r"\p{Mn}+", ""), "NFC")


def _even_blanks(texts: Any) -> Any:
    """One blank for each run of white space, none around: `" ".join(text.split())`."""
    return tf.strings.strip(replaced(texts, f"{_WHITE}+", " "))


def _blank_for(name: str) -> Callable[[Any], Any]:
    return lambda texts: replaced(texts, PATTERNS[name], " ")


STEPS: dict[str, Callable[[Any], Any]] = {
    "html": html_to_text,
    **{name: _blank_for(name) for name in PATTERNS},
    "repeats": _without_repeats,
    "lowercase": _lowercase,
    "accents": _without_accents,
    "whitespace": _even_blanks,
}
"""Name -> function of a string tensor (B,)."""
