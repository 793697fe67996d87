"""Which script a text is written in."""

from __future__ import annotations

import collections
import functools
import itertools
import re
import unicodedata

__all__ = ["script_of", "word_of_two_scripts"]

_ENOUGH = 2000  # characters that are looked at
_TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "FULLWIDTH": "LATIN", "HALFWIDTH": "CJK"}
_OTHER = re.compile("[\u0370-\u03ff\u0400-\u04ff]")  # Greek and Cyrillic, which have letters that look Latin
_LETTERS = re.compile("[A-Za-z\u0370-\u03ff\u0400-\u04ff]{3,}")


@functools.lru_cache(maxsize=1 << 16)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    name = unicodedata.name(character, "").split(" ", 1)[0]
    return _TOGETHER.get(name, name) or None


def script_of(text: str) -> str | None:
    """The script of most letters, in Unicode's words; None = no letter.

    Example:
        >>> script_of("good"), script_of("хорошо, good one"), script_of("映画はよかった"), script_of("42")
        ('LATIN', 'LATIN', 'CJK', None)
    """
    text = text[:_ENOUGH]
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else None
    counts: collections.Counter[str] = collections.Counter()
    for character, count in collections.Counter(text).items():
        script = _script(character)
        if script is not None:
            counts[script] += count
    return max(counts, key=lambda name: (counts[name], name)) if counts else None


def word_of_two_scripts(text: str) -> str | None:
    """A word that mixes Latin letters with Greek or Cyrillic ones in its middle, as look-alikes do.

    Example:
        >>> word_of_two_scripts("a gооd film"), word_of_two_scripts("μm and α-helix")
        ('gооd', None)
    """
    if _OTHER.search(text) is None:
        return None
    for found in _LETTERS.finditer(text):
        # "αβHomo" is a joined name; look-alikes stand between letters of the other script
        scripts = [character.isascii() for character in found[0]]
        if sum(first != second for first, second in itertools.pairwise(scripts)) > 1:
            return found[0]
    return None
