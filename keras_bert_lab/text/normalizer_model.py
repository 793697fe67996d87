"""A table of replacements for characters -> the model on which `tensorflow_text.FastBertNormalizer` runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_bert_lab.lazy import LazyModule

__all__ = ["double_array", "normalizer_model"]

flatbuffers = LazyModule("flatbuffers")

_REPLACED = 1 << 30  # set in the entry of each character that is replaced
_LENGTH_BITS = 6  # the lowest bits of an entry: bytes of the replacement; the others: where it begins in the pool
_LEAF = 1 << 8  # set in a unit of the double array that has a value
_VALUE = 1 << 31  # set in a unit that is a value
_FIRST = 0x80  # the bytes of a character after its first one are 0x80 to 0xBF, so that blocks of 64 units hold them


def _entries(replacements: Mapping[int, str]) -> tuple[np.ndarray, bytes]:
    """Entry of each code point, 0 where it stays: uint32 (0x110000,); the pool of replacements."""
    entries = np.zeros(0x110000, np.uint32)
    places: dict[str, int] = {}
    pool = b""
    for point, replacement in replacements.items():
        if replacement not in places:
            encoded = replacement.encode()
            if len(encoded) >= 1 << _LENGTH_BITS:
                raise ValueError(f"a replacement has at most 63 bytes of UTF-8. Received: {replacement!r} for U+{point:04X}")
            places[replacement] = _REPLACED | len(pool) << _LENGTH_BITS | len(encoded)
            pool += encoded
        entries[point] = places[replacement]
    return entries, pool


def _blocks(children: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Children of n neighbours (n · 64,) -> the different blocks of 64 (m, 64), the first of zeros; each one's block (n,)."""
    rows = np.concatenate([np.zeros(64, np.uint32), children]).reshape(-1, 64)
    blocks, numbers = np.unique(rows, axis=0, return_inverse=True)
    return blocks, numbers.reshape(-1)[1:]


def double_array(entries: np.ndarray) -> np.ndarray:
    """The entries as a trie over UTF-8, in the layout of the Darts-clone library: uint32 units.

    The unit of a byte lies at (place of its parent's children) XOR (the byte). It holds the byte, to be compared, and the
    place of its own children, XOR its own place. Equal blocks of children are stored once.
    """
    last, in_last = _blocks(entries)  # of a character's last byte: blocks of entries, number of the block by point >> 6
    middle, in_middle = _blocks(in_last)  # of the byte before: blocks of numbers in `last`, by point >> 12
    first, in_first = _blocks(np.pad(in_middle, (0, 5 * 64 - len(in_middle))))  # characters of 4 bytes, by point >> 18
    values = np.unique(entries)
    # Units: the root, at 0; its children, at 256 + byte; the blocks, those of zeros included; the values.
    begin_last = 512
    begin_middle = begin_last + last.size
    begin_first = begin_middle + middle.size
    begin_values = begin_first + first.size
    units = np.zeros(begin_values + len(values), np.uint32)
    units[begin_values:] = values | _VALUE
    units[0] = 256 << 10

    def put(places: np.ndarray, labels: np.ndarray, children: np.ndarray, flags: int = 0) -> None:
        units[places] = (places ^ children) << 10 | labels | flags

    def put_leaves(places: np.ndarray, labels: np.ndarray, found: np.ndarray) -> None:
        set_ = found != 0
        put(places[set_], labels[set_], begin_values + np.searchsorted(values, found[set_]), _LEAF)

    def put_nodes(places: np.ndarray, labels: np.ndarray, numbers: np.ndarray, begin: int) -> None:
        set_ = numbers != 0
        put(places[set_], labels[set_], begin + 64 * numbers[set_] ^ _FIRST)

    def labels_of(blocks: np.ndarray) -> np.ndarray:
        return np.tile(np.arange(_FIRST, _FIRST + 64), len(blocks))

    root = 256 + np.arange(256)
    put_leaves(root[1:0x80], np.arange(1, 0x80), entries[1:0x80])
    put_nodes(root[0xC0:0xE0], np.arange(0xC0, 0xE0), in_last[:32], begin_last)
    put_nodes(root[0xE0:0xF0], np.arange(0xE0, 0xF0), in_middle[:16], begin_middle)
    put_nodes(root[0xF0:0xF5], np.arange(0xF0, 0xF5), in_first, begin_first)
    put_leaves(begin_last + np.arange(last.size), labels_of(last), last.reshape(-1))
    put_nodes(begin_middle + np.arange(middle.size), labels_of(middle), middle.reshape(-1), begin_last)
    put_nodes(begin_first + np.arange(first.size), labels_of(first), first.reshape(-1), begin_middle)
    return units


def normalizer_model(replacements: Mapping[int, str]) -> np.ndarray:
    """The model buffer, to be given to `FastBertNormalizer(model_buffer=tf.constant(...))`.

    Args:
        replacements: code point -> string, possibly empty, that takes its place; all others stay.

    Returns:
        uint8 (bytes,).

    Raises:
        ValueError: a replacement of more than 63 bytes.

    Reference: tensorflow_text/core/kernels/fast_bert_normalizer.h (the bits of an entry) and
    fast_bert_normalizer_model.fbs (the fields); github.com/s-yata/darts-clone (the trie).
    """
    entries, pool = _entries(replacements)
    builder = flatbuffers.Builder(1 << 20)
    trie_array = builder.CreateNumpyVector(double_array(entries))
    normalized_string_pool = builder.CreateByteVector(pool)
    builder.StartObject(4)  # field 0, lower_case_nfd_strip_accents, is not read
    builder.PrependUOffsetTRelativeSlot(1, trie_array, 0)
    builder.PrependInt32Slot(2, int(entries[0]), 0)  # data_for_codepoint_zero: a trie cannot hold it
    builder.PrependUOffsetTRelativeSlot(3, normalized_string_pool, 0)
    builder.Finish(builder.EndObject())
    return np.frombuffer(bytes(builder.Output()), np.uint8)
