"""Which shard a document belongs to: the same for every worker that reads the same texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

__all__ = ["Piece", "numbered_pieces"]

BLOCK_DOCUMENTS = 64
BLOCK_CHARACTERS = 1 << 20
SEGMENT_CHARACTERS = 1 << 24
LONGEST_DOCUMENT = 1 << 28


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A document or a part of one, and its place.

    Attributes:
        text: the text.
        shard: the shard that it belongs to.
        segment: which part of the shard; a worker that was stopped goes on with the first segment that is not there.
        ends_document: whether it is the last piece of its document.
    """

    text: str
    shard: int
    segment: int
    ends_document: bool


def numbered_pieces(parts: Iterable[tuple[str, bool]], shards: int) -> Iterator[Piece]:
    """Give each part of a document its place.

    A block is 64 documents, or fewer if these have a million characters; block b belongs to shard b % shards. A segment is a
    stretch of blocks with about 16 million characters for each shard. A document of more than 256 million characters, such
    as a text without a blank line, becomes several.

    Args:
        parts: texts, and whether a text ends a document.
        shards: number of shards.

    Example:
        >>> [piece.shard for piece in numbered_pieces([("a film", True)] * 129, 2)] == [0] * 64 + [1] * 64 + [0]
        True
    """
    block = segment = documents = characters = in_segment = in_document = 0
    for text, last in parts:
        in_document += len(text)
        ends = last or in_document >= LONGEST_DOCUMENT
        yield Piece(text, block % shards, segment, ends)
        characters += len(text)
        in_segment += len(text)
        if not ends:
            continue
        documents += 1
        in_document = 0
        if documents == BLOCK_DOCUMENTS or characters >= BLOCK_CHARACTERS:
            block += 1
            documents = characters = 0
            if block % shards == 0 and in_segment >= shards * SEGMENT_CHARACTERS:
                segment += 1
                in_segment = 0
