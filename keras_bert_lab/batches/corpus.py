"""Tokenised corpora, on the disk or in memory, as batches read them. NumPy alone."""

from __future__ import annotations

import functools
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab.batches.content_hash import hash_of
from keras_bert_lab.batches.corpus_files import (
    CORPUS_FORMAT,
    CORPUS_MANIFEST,
    DOCUMENTS,
    SENTENCES,
    SHARD,
    TOKENIZER,
    TOKENS,
    WORD_STARTS,
    check_sizes,
    damages,
    read_json,
    read_tokenizer,
    shard_name,
    shard_numbers,
)
from keras_bert_lab.batches.token_rows import TokenRows
from keras_bert_lab.batches.vocabulary_table import VocabularyTable
from keras_bert_lab.errors import FormatError

__all__ = ["Corpus", "MemoryCorpus", "check_corpus", "open_corpus"]

_AT_ONCE = 1 << 24


class MemoryCorpus:
    """A corpus in memory, with what batches use of a `Corpus`.

    Args:
        rows: one document a row, without special tokens.
        vocabulary: a `VocabularyTable` or a `text.Vocabulary`.
        sentence_splits: int64 (N + 1,), boundaries of sentences, those of documents among them; None = not known.

    Attributes:
        document_splits: int64 (D + 1,): document d is tokens document_splits[d] to document_splits[d + 1].
        tokens, documents: their numbers.

    Raises:
        ValueError: sentences that do not end where documents do.
    """

    def __init__(self, rows: TokenRows, vocabulary: Any, sentence_splits: np.ndarray | None = None) -> None:
        self.document_splits = rows.splits
        self.sentence_splits = None if sentence_splits is None else np.asarray(sentence_splits, np.int64)
        self.vocabulary = vocabulary
        self.documents = len(rows)
        self.tokens = int(rows.splits[-1])
        self._ids = rows.ids
        if self.sentence_splits is not None and not np.isin(self.document_splits, self.sentence_splits).all():
            raise ValueError(
                "sentence_splits must hold all boundaries of documents. Received: "
                f"{len(self.sentence_splits)} boundaries, without {_missing(self.document_splits, self.sentence_splits)}"
            )

    @functools.cached_property
    def content_hash(self) -> str:
        """Of all tokens and boundaries."""
        return hash_of(self._ids, self.document_splits, self.sentence_splits)

    def read(self, start: int, stop: int) -> np.ndarray:
        """The ids of tokens `start` to `stop`, int32."""
        return self._ids[start:stop]


def _missing(some: np.ndarray, among: np.ndarray) -> list[int]:
    return np.setdiff1d(some, among)[:5].tolist()


class Corpus:
    """A prepared corpus, memory-mapped: what is not read takes no memory. `open_corpus` makes one.

    Args:
        path: the folder.
        manifest: what its manifest holds, checked.
        vocabulary: special ids and word starts.

    Attributes:
        tokens, documents: their numbers.
        sentences: number of sentences, None where they were not looked for.
    """

    def __init__(self, path: pathlib.Path, manifest: Mapping[str, Any], vocabulary: VocabularyTable) -> None:
        self.path = path
        self.manifest = manifest
        self.vocabulary = vocabulary
        totals = manifest["totals"]
        self.tokens: int = totals["tokens"]
        self.documents: int = totals["documents"]
        self.sentences: int | None = totals["sentences"]
        shards = manifest["shards"]
        self._starts = np.cumsum([0, *(shard["tokens"] for shard in shards)])
        self._ids = [_memory_mapped_ids(path / shard["name"], shard["tokens"], manifest["dtype"]) for shard in shards]
        self._documents = [self._splits(shard, DOCUMENTS, shard["documents"]) for shard in shards]
        self._sentences = (
            None if self.sentences is None else [self._splits(shard, SENTENCES, shard["sentences"]) for shard in shards]
        )

    def _splits(self, shard: Mapping[str, Any], name: str, count: int) -> np.ndarray:
        path = self.path / shard["name"] / name
        splits = _memory_mapped_array(path)
        if splits.dtype != np.int64 or splits.shape != (count + 1,) or splits[0] != 0 or splits[-1] != shard["tokens"]:
            raise FormatError(
                f"{path} is damaged: its boundaries are not those of {SHARD}. Run check_corpus to find all damages."
            )
        return splits

    def _joined(self, parts: list[np.ndarray]) -> np.ndarray:
        if len(parts) == 1:
            return parts[0]
        ends = [part[1:] + start for part, start in zip(parts, self._starts, strict=False)]
        return np.concatenate([np.zeros(1, np.int64), *ends])

    @functools.cached_property
    def document_splits(self) -> np.ndarray:
        """Boundaries of documents, int64 (D + 1,), over all shards, one after the other."""
        return self._joined(self._documents)

    @functools.cached_property
    def sentence_splits(self) -> np.ndarray | None:
        """Boundaries of sentences, int64 (N + 1,), those of documents among them; None where they were not looked for."""
        return None if self._sentences is None else self._joined(self._sentences)

    @property
    def content_hash(self) -> str:
        """Of all tokens and boundaries, and of the tokenizer."""
        hashes = [facts["sha256"] for shard in self.manifest["shards"] for _, facts in sorted(shard["files"].items())]
        return hash_of(self.manifest["made_from"]["tokenizer"], *hashes)

    @functools.cached_property
    def tokenizer(self) -> Any:
        """The tokenizer that made the tokens; needs TensorFlow to tokenise, not to know the vocabulary."""
        return read_tokenizer(self.path)

    def token_counts(self) -> np.ndarray:
        """How often each token occurs, int64 (V,)."""
        counts = np.zeros(len(self.vocabulary), np.int64)
        for ids in self._ids:
            for start in range(0, len(ids), _AT_ONCE):
                counts += np.bincount(ids[start : start + _AT_ONCE], minlength=len(counts))[: len(counts)]
        return counts

    def read(self, start: int, stop: int) -> np.ndarray:
        """The ids of tokens `start` to `stop`, int32, counted over all shards.

        Raises:
            ValueError: a stretch outside the corpus, or across shards; documents never are.
        """
        shard = int(np.searchsorted(self._starts, start, side="right")) - 1
        if start == stop:
            shard = min(shard, len(self._ids) - 1)
        if not 0 <= start <= stop <= self.tokens or stop > self._starts[shard + 1]:
            raise ValueError(
                f"start and stop must be within one document of {self.tokens:,} tokens. Received: start={start}, stop={stop}"
            )
        first = self._starts[shard]
        return self._ids[shard][start - first : stop - first].astype(np.int32)


def _memory_mapped_ids(folder: pathlib.Path, count: int, dtype: str) -> np.ndarray:
    if not count:
        return np.zeros(0, dtype)  # an empty file cannot be mapped
    return np.memmap(folder / TOKENS, dtype, "r", shape=(count,))


def _memory_mapped_array(path: pathlib.Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"{path} is damaged: {error!s:.200}. Run check_corpus to find all damages.") from error


def _checked_manifest(path: pathlib.Path) -> dict[str, Any]:
    """What the manifest says; all names and types that are used later are there."""
    manifest = read_json(path / CORPUS_MANIFEST)
    try:
        if manifest["format"] != CORPUS_FORMAT:
            raise FormatError(
                f"{path} was prepared in format {manifest['format']!r:.100}; this version reads format {CORPUS_FORMAT}. "
                "Prepare it again, or use the version of keras_bert_lab that wrote it."
            )
        shards, totals = manifest["shards"], manifest["totals"]
        counts = ["documents", "tokens", "unknown", *([] if totals["sentences"] is None else ["sentences"])]
        for index, shard in enumerate(shards):
            if shard["name"] != shard_name(index, len(shards)):
                raise ValueError(f"shard {index} is called {shard['name']!r:.100}")
            if not {TOKENS, DOCUMENTS, SHARD, *([SENTENCES] if "sentences" in counts else [])} <= set(shard["files"]):
                raise ValueError(f"shard {index} has the files {list(shard['files'])!r:.200}")
        for name in counts:
            if not all(type(each[name]) is int and each[name] >= 0 for each in (totals, *shards)):
                raise ValueError(f"the numbers of {name} are no numbers")
            if sum(shard[name] for shard in shards) != totals[name]:
                raise ValueError(f"the numbers of {name} do not add up")
        files = [each for of in (manifest, *shards) for each in of["files"].values()]
        if not shards or not all(type(each["bytes"]) is int and type(each["sha256"]) is str for each in files):
            raise ValueError("no shards, or files without size and hash")
        if manifest["dtype"] not in ("uint16", "uint32") or not {TOKENIZER, WORD_STARTS} <= set(manifest["files"]):
            raise ValueError(f"dtype {manifest['dtype']!r:.100}, files {list(manifest['files'])!r:.200}")
        size = np.dtype(manifest["dtype"]).itemsize
        for shard in shards:
            if shard["files"][TOKENS]["bytes"] != size * shard["tokens"]:
                raise ValueError(f"{shard['name']} has {shard['files'][TOKENS]['bytes']!r} bytes for {shard['tokens']} tokens")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{path / CORPUS_MANIFEST} is damaged: {type(error).__name__}: {error!s:.300}. Remove it, and run the command that "
            "prepared the corpus again: whole shards are kept."
        ) from error
    return manifest


def _refuse_incomplete(path: pathlib.Path) -> None:
    """Say what is missing where the manifest is."""
    names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
    shards = sorted(filter(None, map(shard_numbers, names)))
    if not shards and TOKENIZER not in names:
        raise FormatError(
            f"{path} must be the folder of a prepared corpus. Received: "
            f"{f'a folder with {sorted(names)[:5]}' if path.is_dir() else 'no folder'}. "
            "Make one: keras-bert-lab prepare TEXTS --output FOLDER."
        )
    there = {index for index, _ in shards}
    missing = [shard_name(index, shards[0][1]) for index in range(shards[0][1]) if index not in there] if shards else []
    raise FormatError(
        f"{path} is not complete: {CORPUS_MANIFEST} is missing{f', and so are {missing[:5]}' if missing else ''}. "
        "Run the command that prepares it again: it goes on where it stopped."
    )


def open_corpus(path: str | pathlib.Path) -> Corpus:
    """Open a prepared corpus. Sizes and the manifest are checked; `check_corpus` also checks every byte.

    Args:
        path: the folder that `keras-bert-lab prepare` wrote.

    Raises:
        FormatError: no prepared corpus, one that is not complete, or a damaged file, which is named.
    """
    path = pathlib.Path(path)
    if not (path / CORPUS_MANIFEST).is_file():
        _refuse_incomplete(path)
    manifest = _checked_manifest(path)
    check_sizes(path, manifest["files"])
    for shard in manifest["shards"]:
        check_sizes(path / shard["name"], shard["files"])
    word_starts = _memory_mapped_array(path / WORD_STARTS)
    try:
        if word_starts.dtype != bool or word_starts.ndim != 1:
            raise ValueError(f"{word_starts.dtype} {word_starts.shape}")
        vocabulary = VocabularyTable.from_dict(manifest["vocabulary"], np.array(word_starts))
    except (ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"{path}: {WORD_STARTS} and {CORPUS_MANIFEST} do not fit: {error!s:.300}") from error
    return Corpus(path, manifest, vocabulary)


def check_corpus(path: str | pathlib.Path) -> Corpus:
    """Open a prepared corpus and compare every byte with the hashes that were written with it.

    Raises:
        FormatError: as `open_corpus`; all damaged files are named.
    """
    path = pathlib.Path(path)
    if not (path / CORPUS_MANIFEST).is_file():
        _refuse_incomplete(path)
    manifest = _checked_manifest(path)
    found = damages(path, manifest["files"], hashes=True)
    for shard in manifest["shards"]:
        found += damages(path / shard["name"], shard["files"], hashes=True)
        if not found and _without_files(read_json(path / shard["name"] / SHARD)) != _without_files(shard):
            found.append(f"{path / shard['name'] / SHARD} is not that of {CORPUS_MANIFEST}")
    if found:
        raise FormatError(
            f"{len(found)} damaged file(s): {'; '.join(found)}. Remove {'these shards' if len(found) > 1 else 'its shard'} and "
            f"{CORPUS_MANIFEST}, and run the command that prepared the corpus again: the other shards are kept."
        )
    return open_corpus(path)


def _without_files(shard: Mapping[str, Any]) -> str:
    return json.dumps({name: shard.get(name) for name in ("documents", "sentences", "tokens", "unknown")})
