"""Writing shards of a prepared corpus: segments first, each whole or not there, then the shard out of them."""

from __future__ import annotations

import json
import pathlib
import re
import tempfile
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from keras_bert_lab.batches.corpus_files import CORPUS_FORMAT, DOCUMENTS, SENTENCES, SHARD, TOKENS, facts_of, shard_name
from keras_bert_lab.data.atomic_files import atomic_file
from keras_bert_lab.durable_files import sync
from keras_bert_lab.errors import DataError, FormatError

__all__ = ["PARTS", "ShardFiles"]

PARTS = ".parts"
"""Folder of the segments of shards that are not finished."""

_SEGMENT = re.compile(r"(\d{6,})\.npz")


class ShardFiles:
    """One shard of a corpus while it is written.

    Args:
        corpus: folder of the corpus.
        index: which shard.
        count: number of shards.
        dtype: of the tokens, "uint16" or "uint32".
        sentences: whether boundaries of sentences are kept.
    """

    def __init__(self, corpus: pathlib.Path, index: int, count: int, dtype: str, sentences: bool) -> None:
        self.corpus = corpus
        self.name = shard_name(index, count)
        self.parts = corpus / PARTS / self.name
        self.dtype = dtype
        self.sentences = sentences

    def segments(self) -> list[int]:
        """The segments that are there, in order."""
        found = (_SEGMENT.fullmatch(path.name) for path in (self.parts.iterdir() if self.parts.is_dir() else ()))
        return sorted(int(match[1]) for match in found if match)

    def write_segment(
        self, segment: int, tokens: np.ndarray, documents: np.ndarray, sentences: np.ndarray, unknown: int
    ) -> None:
        """Keep a segment.

        Args:
            segment: its number.
            tokens: (T,).
            documents: int64, where documents end, ascending, counted in tokens from the start of the segment.
            sentences: int64, where sentences end.
            unknown: how many of the tokens are [UNK].

        Raises:
            DataError: the disk is full or fails.
        """
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.parts} cannot be made: {error.strerror}.") from error
        counts = np.array([len(tokens), len(documents), len(sentences), unknown], np.int64)
        with atomic_file(self.parts / f"{segment:06}.npz", overwrite=True) as file:
            np.savez(file, counts=counts, tokens=tokens, documents=documents, sentences=sentences)

    def _read(self, segment: int, name: str) -> np.ndarray:
        path = self.parts / f"{segment:06}.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return arrays[name]  # its checksum is compared
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            path.unlink(missing_ok=True)
            raise FormatError(f"{path} was damaged and is removed: {error!s:.200}. Run the same command again.") from error

    def finish(self, made_from: Mapping[str, Any]) -> None:
        """Make the shard out of its segments; it appears whole or not at all, and its segments go.

        Args:
            made_from: kept with the shard.

        Raises:
            FormatError: a segment is damaged.
            DataError: the disk is full or fails.
        """
        target = self.corpus / self.name
        try:
            beside = tempfile.TemporaryDirectory(prefix=f".{self.name}.new-", dir=self.corpus, ignore_cleanup_errors=True)
            with beside as scratch:
                fresh = pathlib.Path(scratch, self.name)
                fresh.mkdir()
                self._write(fresh, made_from)
                sync([*fresh.iterdir(), fresh])
                try:
                    fresh.rename(target)
                except OSError:
                    if not (target / SHARD).is_file():  # else another worker was faster: its shard is the same
                        raise
            sync([self.corpus])
        except OSError as error:
            raise DataError(f"{target} could not be written: {error.strerror or error}. There is no new shard.") from error
        self.remove_segments()

    def _write(self, folder: pathlib.Path, made_from: Mapping[str, Any]) -> None:
        segments = self.segments()
        counts = np.sum([np.zeros(4, np.int64), *(self._read(segment, "counts") for segment in segments)], axis=0).tolist()
        tokens, documents, sentences, unknown = counts
        with (folder / TOKENS).open("wb") as file:
            for segment in segments:
                file.write(self._read(segment, "tokens").astype(self.dtype, copy=False).data)
        self._write_splits(folder / DOCUMENTS, "documents", documents, segments)
        if self.sentences:
            self._write_splits(folder / SENTENCES, "sentences", sentences, segments)
        about = {
            "format": CORPUS_FORMAT,
            "name": self.name,
            "documents": documents,
            "sentences": sentences if self.sentences else None,
            "tokens": tokens,
            "unknown": unknown,
            "files": {path.name: facts_of(path) for path in sorted(folder.iterdir())},
            "made_from": made_from,
        }
        (folder / SHARD).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _write_splits(self, path: pathlib.Path, name: str, count: int, segments: list[int]) -> None:
        """Ends of documents or sentences as a .npy file, segment by segment, with a 0 before them."""
        with path.open("wb") as file:
            _write_header(file, count + 1)
            file.write(bytes(8))
            start = 0
            for segment in segments:
                file.write((self._read(segment, name) + start).data)
                start += int(self._read(segment, "counts")[0])

    def remove_segments(self) -> None:
        """Forget the segments."""
        for segment in self.segments():
            (self.parts / f"{segment:06}.npz").unlink(missing_ok=True)
        for folder in (self.parts, self.parts.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _write_header(file: BinaryIO, count: int) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.int64)), "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)
