"""Texts of any size -> a prepared corpus: tokenised once, memory-mapped, checked."""

from __future__ import annotations

import io
import json
import os
import pathlib
import shutil
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_bert_lab._version import __version__
from keras_bert_lab.batches.corpus import Corpus, open_corpus
from keras_bert_lab.batches.corpus_files import (
    CORPUS_FORMAT,
    CORPUS_MANIFEST,
    MADE_FROM,
    SHARD,
    TOKENIZER,
    WORD_STARTS,
    check_sizes,
    facts_of,
    read_json,
    shard_name,
    shard_numbers,
)
from keras_bert_lab.batches.made_from import differences_of, what_it_is_made_from
from keras_bert_lab.batches.ray_engine import make_shards_on_ray, ray_cores
from keras_bert_lab.batches.shard_files import PARTS
from keras_bert_lab.batches.shard_progress import ShardProgress
from keras_bert_lab.batches.shard_work import ShardPlan, cores, make_shards
from keras_bert_lab.batches.vocabulary_table import VocabularyTable
from keras_bert_lab.config import check_integer
from keras_bert_lab.data.atomic_files import atomic_file
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.errors import DataError, FormatError

__all__ = ["check_corpus_folder", "prepare_corpus"]

ENGINES = ("local", "ray")
_UINT16 = 1 << 16


def _is_ours(name: str) -> bool:
    own = {CORPUS_MANIFEST, MADE_FROM, TOKENIZER, WORD_STARTS, PARTS}
    return name in own or shard_numbers(name) is not None or name.startswith(".shard-")


def check_corpus_folder(output: str | pathlib.Path) -> pathlib.Path:
    """Whether a corpus may be prepared in this folder, before any work is done.

    Returns:
        The absolute path.

    Raises:
        FormatError: it is no folder, or holds something else.
    """
    output = pathlib.Path(output).absolute()
    if output.is_dir():
        names = sorted(entry.name for entry in output.iterdir())
        if names and not any(map(_is_ours, names)):
            raise FormatError(
                f"output must be a new folder, or that of a prepared corpus. Received: {output}, which holds {names[:5]}. "
                "Name another folder."
            )
    elif os.path.lexists(output):
        raise FormatError(f"output must be a folder. Received: the file or link {output}. Name another folder.")
    return output


def _clear(output: pathlib.Path) -> None:
    """Remove an earlier corpus; its manifest first, so that nothing takes the rest for whole."""
    (output / CORPUS_MANIFEST).unlink(missing_ok=True)
    for entry in output.iterdir():
        if entry.is_dir() and _is_ours(entry.name):
            shutil.rmtree(entry)
        elif _is_ours(entry.name):
            entry.unlink()


def _holds_tokens(output: pathlib.Path) -> bool:
    """Whether anything was tokenised, in whole shards or in segments."""
    return any(shard_numbers(entry.name) for entry in output.iterdir()) or any((output / PARTS).rglob("*.npz"))


def _write(path: pathlib.Path, content: bytes) -> None:
    with atomic_file(path, overwrite=True) as file:
        file.write(content)


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _begin(output: pathlib.Path, plan: ShardPlan, tokenizer: Any) -> None:
    """Write what all shards share, where it is not there yet."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"output must be in a folder that can be written to. Received: {output} ({error.strerror}).") from error
    if not (output / TOKENIZER).is_file():
        _write(output / TOKENIZER, _as_json(keras.saving.serialize_keras_object(tokenizer)))
    if not (output / WORD_STARTS).is_file():
        content = io.BytesIO()
        np.save(content, np.asarray(tokenizer.vocabulary.word_starts, bool))
        _write(output / WORD_STARTS, content.getvalue())
    if not (output / MADE_FROM).is_file():
        _write(output / MADE_FROM, _as_json(plan.made_from))


def _missing_shards(plan: ShardPlan) -> list[int]:
    """Shards that are not there.

    Raises:
        FormatError: one that is there is damaged, or was made from something else.
    """
    missing = []
    for index in range(plan.shards):
        folder = plan.corpus / shard_name(index, plan.shards)
        if not folder.exists():
            missing.append(index)
            continue
        about = read_json(folder / SHARD)
        files, made_from = about.get("files"), about.get("made_from")
        if not isinstance(files, dict) or not isinstance(made_from, dict):
            raise FormatError(f"{folder / SHARD} is damaged. Remove {folder}, and run the same command again.")
        check_sizes(folder, files)
        differences = differences_of(plan.made_from, made_from)
        if differences:
            raise FormatError(
                f"{folder} was made from something else: {'; '.join(differences)}. Remove it, and run the same command again."
            )
    return missing


def _finish(plan: ShardPlan, tokenizer: Any) -> None:
    """Write the manifest, now that all shards are there."""
    shards = []
    for index in range(plan.shards):
        folder = plan.corpus / shard_name(index, plan.shards)
        about = read_json(folder / SHARD)
        kept = {name: about[name] for name in ("name", "documents", "sentences", "tokens", "unknown", "files")}
        shards.append(kept | {"files": about["files"] | {SHARD: facts_of(folder / SHARD)}})
    totals = {
        name: sum(shard[name] for shard in shards) if name != "sentences" or plan.sentences else None
        for name in ("documents", "sentences", "tokens", "unknown")
    }
    manifest = {
        "format": CORPUS_FORMAT,
        "made_from": plan.made_from,
        "vocabulary": VocabularyTable.of(tokenizer.vocabulary).to_dict(),
        "dtype": plan.dtype,
        "totals": totals,
        "shards": shards,
        "files": {name: facts_of(plan.corpus / name) for name in (TOKENIZER, WORD_STARTS)},
        "versions": {"keras_bert_lab": __version__, "keras": keras.version(), "numpy": np.__version__},
    }
    _write(plan.corpus / CORPUS_MANIFEST, _as_json(manifest))
    for entry in plan.corpus.iterdir():  # of workers that were killed
        if entry.name == PARTS or entry.name.startswith(".shard-"):
            shutil.rmtree(entry, ignore_errors=True)


def _check_shards(shards: int | None, shard: tuple[int, int] | None, overwrite: bool) -> int | None:
    """How many shards there are to be; None = left open."""
    if shards is not None:
        check_integer("shards", shards, 1)
    if shard is None:
        return shards
    index, count = shard
    check_integer("number of shards", count, 1)
    check_integer("shard", index, 0, count - 1)
    if shards not in (None, count):
        raise ValueError(f"shards must be that of shard={index}/{count}. Received: shards={shards}. Leave it out.")
    if overwrite:
        raise ValueError(f"overwrite would remove the shards of other workers. Received: overwrite=True, shard={index}/{count}")
    return count


def prepare_corpus(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | DocumentStream,
    tokenizer: Any,
    output: str | pathlib.Path,
    *,
    text: str | None = None,
    sentences: bool = True,
    line_ends: bool = True,
    shards: int | None = None,
    shard: tuple[int, int] | None = None,
    workers: int | None = None,
    engine: str = "local",
    overwrite: bool = False,
    show_progress: bool = True,
) -> Corpus | None:
    """Tokenise texts into a folder that is read by memory mapping.

    The texts are read as a stream. What an interrupted call wrote is kept, and the same call goes on from there; once all is
    there, it changes nothing. Any number of processes, on any machines that share the folder, may make different shards.

    Args:
        source: text files (see `DocumentStream`), with `text` tables, or a DocumentStream.
        tokenizer: any tokenizer of this package.
        output: folder of the corpus: a new one, or one that was begun with the same settings.
        text: the column of texts, where the source is tables.
        sentences: keep the boundaries of sentences, which next-sentence and sentence-order objectives need.
        line_ends: whether a line end ends a sentence, see `split_sentences`.
        shards: into how many parts the corpus is divided; None = one, on Ray one for each core, or as in the folder.
        shard: (i, n): make only shard i, counted from 0, of n.
        workers: threads that tokenise; None = as many as cores, on Ray 1 for each shard.
        engine: "local", or "ray": shards are made by the workers of a running Ray cluster that shares the folder.
        overwrite: remove an earlier corpus in `output` first.
        show_progress: show a progress bar.

    Returns:
        The corpus; None while shards of other workers are missing.

    Raises:
        DataError: a text that cannot be used; the disk is full.
        FormatError: an output that holds something else, or a corpus of other texts, settings or tokens (the differences are
            told), or a damaged shard.
        ValueError: an impossible number, shard or engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {list(ENGINES)}. Received: engine={engine!r}")
    if engine == "ray" and shard is not None:
        raise ValueError(f"engine='ray' makes all shards. Received: shard={shard[0]}/{shard[1]}. Use engine='local' for one.")
    count = _check_shards(shards, shard, overwrite)
    if workers is not None:
        check_integer("workers", workers, 1)
    output = check_corpus_folder(output)
    stream = source if isinstance(source, DocumentStream) else DocumentStream(source, text=text)
    if overwrite and output.is_dir():
        _clear(output)
    there = read_json(output / MADE_FROM) if (output / MADE_FROM).is_file() else None
    if count is None:
        before = there.get("shards") if there else None
        count = before if isinstance(before, int) else 1 if engine == "local" else ray_cores()
    vocabulary = tokenizer.vocabulary
    made_from = what_it_is_made_from(stream, tokenizer, sentences=sentences, line_ends=line_ends, shards=count)
    differences = [] if there is None else differences_of(made_from, there)
    if differences and not _holds_tokens(output):  # an attempt that failed at once, such as with a wrong encoding
        _clear(output)
    elif differences:
        raise FormatError(
            f"{output} holds a corpus that is made otherwise: {'; '.join(differences)}. Name another folder, or remove that "
            "corpus with overwrite=True (--overwrite)."
        )
    plan = ShardPlan(
        corpus=output,
        shards=count,
        sentences=sentences,
        line_ends=line_ends,
        dtype="uint16" if len(vocabulary) <= _UINT16 else "uint32",
        unk_id=int(vocabulary.unk_id),
        made_from=made_from,
    )
    _begin(output, plan, tokenizer)
    missing = _missing_shards(plan)
    todo = missing if shard is None else [index for index in missing if index == shard[0]]
    if todo and engine == "ray":
        make_shards_on_ray(stream, plan, todo, workers or 1, show_progress)
    elif todo:
        with ShardProgress(stream, shown=show_progress) as progress:
            make_shards(stream, tokenizer, plan, todo, workers or cores(), progress)
    return _open_if_whole(plan, tokenizer, bool(todo))


def _open_if_whole(plan: ShardPlan, tokenizer: Any, changed: bool) -> Corpus | None:
    if _missing_shards(plan):
        return None
    if changed or not (plan.corpus / CORPUS_MANIFEST).is_file():
        _finish(plan, tokenizer)
    return open_corpus(plan.corpus)
