"""HTML -> the text that a reader sees, as TensorFlow ops."""

from __future__ import annotations

import functools
import html
import html.entities
from typing import Any

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["html_to_text"]

tf = LazyModule("tensorflow")

# Elements that begin a new line or stand apart: their tags part words.
_BLOCKS = (
    "address|article|aside|blockquote|body|br|caption|center|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|"
    "form|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|legend|li|main|menu|nav|noframes|ol|optgroup|option|p|pre|"
    "search|section|select|summary|table|tbody|td|tfoot|th|thead|title|tr|ul|xmp"
)
_ATTRIBUTE = r"""=?[^\s/>=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"'][^\s>]*)?)?"""
_ATTRIBUTES = rf"(?:[\s/](?:[\s/]|{_ATTRIBUTE})*)?"
# No text holds this byte, so it can part what is resolved from what stays.
_EDGE = b"\xff"
_BUCKETS = 2**62


# Elements whose contents nobody reads. Each is looked for by itself: where one of them is never closed, a search for all marks
# would go on to the end of the text for each of its tags.
_UNREAD = [rf"(?is)<{name}{_ATTRIBUTES}>.*?</{name}(?:[\s/][^>]*)?>" for name in ("script", "style")]


@functools.cache
def _marks() -> str:
    """A pattern of all that is not text as it stands: comments, tags, entities. The first alternative that fits counts."""
    names = sorted(html.entities.html5, key=lambda name: (-len(name), name))  # the longest one counts: &notin; before &not
    alternatives = [
        r"<!--(?:>|->|.*?--!?>)",
        rf"</?[a-zA-Z][^\s/>]*{_ATTRIBUTES}>",
        r"<[!?][a-zA-Z\[][^>]*>",  # <!DOCTYPE html>, <?xml ... ?>
        r"&#[xX][0-9a-fA-F]+;?",
        r"&#[0-9]+;?",
        f"&(?-i:{'|'.join(names)})",
    ]
    return f"(?is)(?:{'|'.join(alternatives)})"


@functools.cache
def _named() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entities with a name: their hashes in rising order, how they are written, and what they stand for."""
    written = [f"&{name}" for name in html.entities.html5]
    with tf.init_scope():
        hashes = tf.strings.to_hash_bucket_fast(written, _BUCKETS).numpy()
    order = np.argsort(hashes)
    values = np.array([value.encode() for value in html.entities.html5.values()], object)
    return hashes[order], np.array([name.encode() for name in written], object)[order], values[order]


@functools.cache
def _low_characters() -> np.ndarray:
    """What the numbers below 160 stand for: some are read as Windows-1252, control characters as nothing."""
    return np.array([html.unescape(f"&#{number};").encode() for number in range(160)], object)


def _numbered(marks: Any) -> Any:
    """`&#39;` and `&#x27;` (M,) -> the characters (M,)."""
    is_hexadecimal = tf.strings.regex_full_match(marks, "&#[xX].*")
    digits = tf.strings.regex_replace(marks, "^&#[xX]?0*|;$", "")
    is_short = tf.strings.length(digits) <= tf.where(is_hexadecimal, 6, 7)  # longer ones are beyond Unicode
    digits = tf.where(is_short, digits, "")
    # Only the conversion to floating-point numbers reads hexadecimal ones.
    number = tf.strings.to_number(tf.strings.join([tf.where(is_hexadecimal, "0x0", "0"), digits]), tf.float64)
    number = tf.where(is_short, tf.cast(number, tf.int32), 0x110000)
    is_low = number < 160
    is_nothing = ((number >= 0xFDD0) & (number <= 0xFDEF)) | ((number & 0xFFFE) == 0xFFFE)
    is_nothing &= number < 0x110000
    character = tf.strings.unicode_encode(number[:, tf.newaxis], "UTF-8", errors="replace")  # U+FFFD for what is none
    low = tf.gather(tf.constant(_low_characters()), tf.where(is_low, number, 0))
    return tf.where(is_low, low, tf.where(is_nothing, "", character))


def _resolved(marks: Any) -> Any:
    """Marks (M,) -> what a reader sees in their place."""
    hashes, written, values = _named()
    place = tf.searchsorted(tf.constant(hashes), tf.strings.to_hash_bucket_fast(marks, _BUCKETS))
    place = tf.minimum(place, len(hashes) - 1)
    is_named = tf.equal(tf.gather(tf.constant(written), place), marks)
    text = tf.where(is_named, tf.gather(tf.constant(values), place), marks)
    is_numbered = tf.strings.regex_full_match(marks, "&#(?:[xX][0-9a-fA-F]+|[0-9]+);?")
    text = tf.where(is_numbered, _numbered(tf.where(is_numbered, marks, "&#0")), text)
    is_blank = tf.strings.regex_full_match(marks, rf"(?is)</?(?:{_BLOCKS})(?:[\s/].*)?>")
    return tf.where(tf.strings.regex_full_match(marks, "(?s)<.*"), tf.where(is_blank, " ", ""), text)


def html_to_text(texts: Any) -> Any:
    """Take the tags and comments out of HTML, and resolve its entities.

    Tags of line breaks and of blocks (`<br>`, `<p>`, `</li>`, ...) become a blank each, all others go without one; comments,
    and scripts and styles with what is in them, go too. What is no whole tag stays: "a < b", "<3".

    Args:
        texts: string tensor (B,), UTF-8.

    Returns:
        String tensor (B,).

    Reference: WHATWG, "HTML", 13.2.5 (tags, comments) and 13.5 (entities); `html.unescape` of Python does the latter.

    Example:
        >>> html_to_text(["<p>good<br/>and <b>bad</b>ly</p>", "a < b &amp; b &lt; c"]).numpy().tolist()
        [b' good and badly ', b'a < b & b < c']
    """
    texts = marked = tf.convert_to_tensor(texts)
    for element in _UNREAD:
        marked = tf.strings.regex_replace(marked, element, 2 * _EDGE)
    marked = tf.strings.regex_replace(marked, _marks(), _EDGE + rb"\0" + _EDGE)
    parts = tf.strings.split(marked, _EDGE)  # text, mark, text, mark, ..., text
    row = parts.value_rowids()
    place = tf.range(tf.size(row, out_type=row.dtype)) - tf.gather(parts.row_starts(), row)
    is_mark = tf.where(place % 2 == 1)  # (M, 1)
    flat = parts.flat_values
    flat = tf.tensor_scatter_nd_update(flat, is_mark, _resolved(tf.gather_nd(flat, is_mark)))
    return tf.ensure_shape(tf.strings.unsorted_segment_join(flat, row, parts.nrows()), texts.shape)
