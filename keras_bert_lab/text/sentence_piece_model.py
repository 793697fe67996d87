"""The file of a SentencePiece model, as far as a tokenizer needs it: reading, writing, what its normaliser does."""

from __future__ import annotations

import dataclasses
import functools
import struct
from collections.abc import Iterator, Sequence

import numpy as np

from keras_bert_lab.text.normalizer_model import double_array

__all__ = ["CONTROL", "NORMAL", "UNKNOWN", "USER_DEFINED", "SentencePieceModel"]

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
_UNIGRAM = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | float | bytes) -> bytes:
    """A field of a message of Protocol Buffers."""
    if isinstance(value, bytes):
        return _varint(number << 3 | _BYTES) + _varint(len(value)) + value
    if isinstance(value, float):
        return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
    return _varint(number << 3 | _VARINT) + _varint(int(value))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message of Protocol Buffers: number, value (bytes, or a number).

    Raises:
        ValueError: it is none.
    """
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    try:
        while place < len(message):
            key = varint()
            if key & 7 == _VARINT:
                yield key >> 3, varint()
                continue
            length = {_FIXED64: 8, _FIXED32: 4}.get(key & 7)
            if length is None:
                if key & 7 != _BYTES:
                    raise ValueError(f"no field begins with {key}")
                length = varint()
            if place + length > len(message):
                raise ValueError("it ends within a field")
            yield key >> 3, message[place : place + length]
            place += length
    except IndexError:
        raise ValueError("it ends within a field") from None


@functools.cache
def _map_of_nothing() -> bytes:
    """A map from U+0001 to itself: without any, the library writes a line about it to the console."""
    entries = np.zeros(0x110000, np.uint32)
    entries[1] = 1  # the place of its replacement
    trie = double_array(entries).astype("<u4").tobytes()
    return len(trie).to_bytes(4, "little") + trie + b"\0\x01\0"


@dataclasses.dataclass(frozen=True)
class SentencePieceModel:
    """Pieces with their scores, and the normaliser before them.

    Attributes:
        pieces: the tokens; place = id.
        scores: of each piece, the logarithm of its probability.
        kinds: of each piece: NORMAL, UNKNOWN, CONTROL (never found in texts), USER_DEFINED, ...
        characters_map: the normaliser's replacements in SentencePiece's own form; b"" = none.
        is_unigram: whether it is a unigram model; else byte-pair or another one.
        escapes_blanks: whether texts get a blank in front, lose blanks that are too many, and have the rest written as U+2581,
            as is usual.

    Reference: sentencepiece_model.proto of github.com/google/sentencepiece.
    """

    pieces: Sequence[str]
    scores: Sequence[float]
    kinds: Sequence[int]
    characters_map: bytes = b""
    is_unigram: bool = True
    escapes_blanks: bool = True

    @classmethod
    def parse(cls, content: bytes) -> SentencePieceModel:
        """A model from its file.

        Raises:
            ValueError: the file is damaged, or no such model.
        """
        pieces, scores, kinds = [], [], []
        characters_map, is_unigram, escapes_blanks = b"", True, True
        try:
            for number, value in _fields(content):
                if number == 1 and isinstance(value, bytes):
                    piece = dict(_fields(value))
                    text, score = piece.get(1, b""), piece.get(2, bytes(4))
                    pieces.append(text.decode() if isinstance(text, bytes) else "")
                    scores.append(float(struct.unpack("<f", score)[0]) if isinstance(score, bytes) else 0.0)
                    kinds.append(int(piece.get(3, NORMAL)))
                elif number == 2 and isinstance(value, bytes):
                    is_unigram = dict(_fields(value)).get(3, _UNIGRAM) == _UNIGRAM
                elif number == 3 and isinstance(value, bytes):
                    spec = dict(_fields(value))
                    found = spec.get(2, b"")
                    characters_map = found if isinstance(found, bytes) else b""
                    escapes_blanks = all(spec.get(setting, 1) == 1 for setting in (3, 4, 5))
        except (ValueError, struct.error) as error:
            raise ValueError(f"It is no SentencePiece model: {error}") from error
        if not pieces or UNKNOWN not in kinds:
            raise ValueError(f"It is no SentencePiece model: {len(pieces)} pieces, none of them for unknown text")
        if not all(np.isfinite(scores)):
            raise ValueError("It is no SentencePiece model: a score is not finite")
        return cls(pieces, scores, kinds, characters_map, is_unigram, escapes_blanks)

    def scores_in_texts(self) -> list[float]:
        """The scores by which pieces are chosen: those of a user's own pieces depend on their lengths.

        Reference: sentencepiece/src/unigram_model.cc.
        """
        best = max((score for score, kind in zip(self.scores, self.kinds, strict=True) if kind == NORMAL), default=0.0)
        return [
            len(piece) * best - 0.1 if kind == USER_DEFINED else score
            for piece, score, kind in zip(self.pieces, self.scores, self.kinds, strict=True)
        ]

    def serialized(self, normalizes: bool = True, blanks: bool = True) -> bytes:
        """The contents of a file with this unigram model.

        Args:
            normalizes: whether its map of characters is in it.
            blanks: whether texts get a blank in front, and lose blanks that are too many.
        """
        unknown = list(self.kinds).index(UNKNOWN)
        pieces = b"".join(
            _field(1, _field(1, piece.encode()) + _field(2, float(score)) + _field(3, kind))
            for piece, score, kind in zip(self.pieces, self.scores, self.kinds, strict=True)
        )
        # The numbers of "<s>", "</s>" and padding (41, 42, 43) are -1, as 64 bits: the special tokens are our own business.
        absent = b"".join(_varint(number << 3) + b"\xff" * 9 + b"\x01" for number in (41, 42, 43))
        trainer = _field(3, _UNIGRAM) + _field(40, unknown) + absent + _field(45, self.pieces[unknown].encode())
        characters_map = self.characters_map if normalizes and self.characters_map else _map_of_nothing()
        spaces = _field(3, int(blanks)) + _field(4, int(blanks)) + _field(5, 1)
        return pieces + _field(2, trainer) + _field(3, _field(1, b"user_defined") + _field(2, characters_map) + spaces)

    def replacements(self) -> dict[int, str]:
        """What the normaliser makes of single characters: code point -> string, for those that change.

        Raises:
            ValueError: the map is damaged.

        Reference: sentencepiece/src/normalizer.cc; github.com/s-yata/darts-clone (the trie).
        """
        if not self.characters_map:
            return {}
        size = int.from_bytes(self.characters_map[:4], "little")
        if size % 4 or not 0 < size <= len(self.characters_map) - 4:
            raise ValueError(f"The normaliser of the SentencePiece model is damaged: a trie of {size} bytes")
        units = np.frombuffer(self.characters_map, "<u4", size // 4, 4).astype(np.int64)
        strings = self.characters_map[4 + size :]
        offsets = (units >> 10) << ((units & (1 << 9)) >> 6)
        labels = units & (1 << 31 | 0xFF)
        found: dict[int, str] = {}
        for first, last, length in ((1, 0x80, 1), (0x80, 0x800, 2), (0x800, 0x10000, 3), (0x10000, 0x110000, 4)):
            points = np.array([point for point in range(first, last) if not 0xD800 <= point < 0xE000])
            encoded = np.frombuffer("".join(map(chr, points.tolist())).encode(), np.uint8).reshape(-1, length)
            places = np.full(len(points), offsets[0])
            for step in range(length):
                byte = encoded[:, step].astype(np.int64)
                places = places ^ byte
                matches = (places < len(units)) & (labels[np.minimum(places, len(units) - 1)] == byte)
                points, encoded, places = points[matches], encoded[matches], places[matches]
                leaf = (units[places] >> 8) & 1
                places = places ^ offsets[places]
            ends = (leaf == 1) & (places < len(units))
            for point, place in zip(points[ends].tolist(), places[ends].tolist(), strict=True):
                begin = int(units[place] & 0x7FFFFFFF)
                end = strings.find(b"\0", begin)
                if end < 0:
                    raise ValueError("The normaliser of the SentencePiece model is damaged: a replacement without end")
                found[point] = strings[begin:end].decode()
        return found
