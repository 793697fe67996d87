"""One pass over the texts: tokenise what belongs to some shards, and write them."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import os
import pathlib
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_bert_lab.batches.shard_files import ShardFiles
from keras_bert_lab.batches.text_blocks import Piece, numbered_pieces
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text.sentences import split_sentences

__all__ = ["ShardPlan", "cores", "make_shards"]

tf = LazyModule("tensorflow")

_JOB_CHARACTERS = 1 << 21
_SHARDS_AT_ONCE = 16  # each keeps a segment in memory


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShardPlan:
    """What all workers of a corpus agree on.

    Attributes:
        corpus: folder of the corpus.
        shards: how many there are.
        sentences: whether boundaries of sentences are kept.
        line_ends: whether a line end ends a sentence.
        dtype: of the tokens.
        unk_id: id of [UNK].
        made_from: fingerprint of tokenizer, settings and sources.
    """

    corpus: pathlib.Path
    shards: int
    sentences: bool
    line_ends: bool
    dtype: str
    unk_id: int
    made_from: Mapping[str, Any]

    def files(self, shard: int) -> ShardFiles:
        """The files of one shard."""
        return ShardFiles(self.corpus, shard, self.shards, self.dtype, self.sentences)


@dataclasses.dataclass(frozen=True)
class _Tokens:
    """The tokens of some pieces.

    Attributes:
        pieces: shard, and whether it ends a document, of each piece.
        tokens: (T,) of all pieces.
        rows: int64, where sentences (without them: pieces) begin, and T.
        row_splits: int64, the first row of each piece, and their number.
    """

    pieces: list[tuple[int, bool]]
    tokens: np.ndarray
    rows: np.ndarray
    row_splits: np.ndarray


class _Segment:
    """The tokens of one shard that wait to be written."""

    def __init__(self) -> None:
        self._tokens: list[np.ndarray] = []
        self._documents: list[np.ndarray] = []
        self._sentences: list[np.ndarray] = []
        self._count = 0

    def add(self, tokens: np.ndarray, documents: np.ndarray, sentences: np.ndarray) -> None:
        """Add tokens, with ends of documents and sentences counted from the first of them."""
        self._tokens.append(tokens)
        self._documents.append(documents + self._count)
        self._sentences.append(sentences + self._count)
        self._count += len(tokens)

    def write(self, files: ShardFiles, segment: int, unk_id: int) -> None:
        """Write all; a document or a sentence without a token is none."""
        tokens = np.concatenate(self._tokens)
        ends = [np.unique(np.concatenate(each)) for each in (self._documents, self._sentences)]
        documents, sentences = (each[each > 0] for each in ends)
        files.write_segment(segment, tokens, documents, sentences, int(np.count_nonzero(tokens == unk_id)))


def _tokenized(pieces: list[Piece], tokenizer: Any, plan: ShardPlan) -> _Tokens:
    rows: list[str] = []
    splits = [0]
    for piece in pieces:
        rows += split_sentences(piece.text, plan.line_ends) if plan.sentences else [piece.text]
        splits.append(len(rows))
    ids = tokenizer.tokenize(tf.constant(rows or [""], tf.string))
    tokens = ids.flat_values.numpy().astype(plan.dtype)
    return _Tokens([(piece.shard, piece.ends_document) for piece in pieces], tokens, ids.row_splits.numpy(), np.array(splits))


def _jobs(pieces: Iterable[Piece], wanted: Callable[[Piece], bool]) -> Iterator[tuple[int, list[Piece]]]:
    """The segment, and pieces of it that are tokenised together; an empty list tells of texts that are skipped."""
    job: list[Piece] = []
    size = skipped = 0
    for piece in pieces:
        if not wanted(piece):
            skipped += len(piece.text)
            if skipped >= _JOB_CHARACTERS:
                yield piece.segment, []
                skipped = 0
            continue
        if job and (size >= _JOB_CHARACTERS or piece.segment != job[0].segment):
            yield job[0].segment, job
            job, size = [], 0
        job.append(piece)
        size += len(piece.text)
    if job:
        yield job[0].segment, job


def _add(found: _Tokens, waiting: Mapping[int, _Segment]) -> None:
    """Add the tokens of a job to their shards."""
    place = 0
    for shard, run in itertools.groupby(found.pieces, key=lambda piece: piece[0]):
        ends = np.array([ends for _, ends in run])
        first, last = found.row_splits[place], found.row_splits[place + len(ends)]
        start, stop = found.rows[first], found.rows[last]
        piece_ends = found.rows[found.row_splits[place + 1 : place + len(ends) + 1]]
        waiting[shard].add(found.tokens[start:stop], piece_ends[ends] - start, found.rows[first + 1 : last + 1] - start)
        place += len(ends)


def _results(
    jobs: Iterator[tuple[int, list[Piece]]], tokenizer: Any, plan: ShardPlan, workers: int
) -> Generator[tuple[int, _Tokens | None]]:
    """Tokenise on several threads, and give the results in the order of the jobs; few of them wait at a time."""
    running: collections.deque[tuple[int, Any]] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers, "tokenize") as pool:
        try:
            for segment, job in jobs:
                running.append((segment, pool.submit(_tokenized, job, tokenizer, plan) if job else None))
                if len(running) > workers + 1:
                    first, future = running.popleft()
                    yield first, future and future.result()
            for segment, future in running:
                yield segment, future and future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def make_shards(
    stream: DocumentStream,
    tokenizer: Any,
    plan: ShardPlan,
    shards: Collection[int],
    workers: int,
    progress: Callable[[int], None] = lambda tokens: None,
) -> None:
    """Make some shards. What an earlier, interrupted call wrote is kept.

    Args:
        stream: all texts of the corpus.
        tokenizer: with a method `tokenize`: list of texts -> ragged ids.
        plan: what all workers agree on.
        shards: which shards.
        workers: threads that tokenise.
        progress: called now and then with the number of tokens that were added since the last call.

    Raises:
        DataError: a text that cannot be used, or the disk is full.
    """
    todo = sorted(shards)
    for start in range(0, len(todo), _SHARDS_AT_ONCE):
        _one_pass(stream, tokenizer, plan, todo[start : start + _SHARDS_AT_ONCE], workers, progress)


def _one_pass(
    stream: DocumentStream,
    tokenizer: Any,
    plan: ShardPlan,
    shards: list[int],
    workers: int,
    progress: Callable[[int], None],
) -> None:
    files = {shard: plan.files(shard) for shard in shards}
    done = {(shard, segment) for shard in shards for segment in files[shard].segments()}
    waiting: dict[int, _Segment] = collections.defaultdict(_Segment)

    def write(segment: int) -> None:
        for shard in list(waiting):
            waiting.pop(shard).write(files[shard], segment, plan.unk_id)

    def wanted(piece: Piece) -> bool:
        return piece.shard in files and (piece.shard, piece.segment) not in done

    running = 0
    jobs = _jobs(numbered_pieces(stream.parts(), plan.shards), wanted)
    with contextlib.closing(_results(jobs, tokenizer, plan, workers)) as results:
        for segment, found in results:
            if found is not None:
                if segment != running:
                    write(running)
                running = segment
                _add(found, waiting)
            progress(0 if found is None else len(found.tokens))
    write(running)
    for shard in shards:
        files[shard].finish(plan.made_from)
