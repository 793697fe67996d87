"""Texts -> a prepared corpus."""

from __future__ import annotations

import pathlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from keras_bert_lab.batches.corpus import open_corpus
from keras_bert_lab.batches.corpus_files import CORPUS_MANIFEST, TOKENIZER, read_tokenizer
from keras_bert_lab.batches.prepare_corpus import check_corpus_folder, prepare_corpus
from keras_bert_lab.config import VocabularyConfig, check_integer
from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.formats import load_preprocessor
from keras_bert_lab.formats.wordpiece_files import is_lowercase
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.text import WordPieceTokenizer, WordTokenizer, read_vocabulary, train_wordpiece

__all__ = ["learn_tokenizer", "prepare"]

tf = LazyModule("tensorflow")

_VOCABULARY = VocabularyConfig()
_SHARD = re.compile(r"(\d+)/(\d+)")


def learn_tokenizer(documents: Iterable[str], config: VocabularyConfig) -> Any:
    """A tokenizer for these documents, which are read one by one and never held together.

    Args:
        documents: what the vocabulary is learned from; can be gone through more than once.
        config: how.
    """
    if config.file is not None:
        return WordPieceTokenizer(read_vocabulary(config.file), lowercase=config.lowercase)
    if config.kind == "wordpiece":
        return WordPieceTokenizer(train_wordpiece(documents, config.size, config.lowercase), lowercase=config.lowercase)

    def one_by_one() -> Iterator[list[str]]:
        for document in documents:
            yield [document]

    tokenizer = WordTokenizer(standardize="lower_and_strip_punctuation" if config.lowercase else "strip_punctuation")
    signature = tf.TensorSpec((None,), tf.string)
    tokenizer.adapt(tf.data.Dataset.from_generator(one_by_one, output_signature=signature), vocab_size=config.size)
    return tokenizer


def _named_tokenizer(source: str) -> Any:
    path = pathlib.Path(source)
    if path.is_file():
        tokens = read_vocabulary(path)
        return WordPieceTokenizer(tokens, lowercase=is_lowercase(tokens, [path.absolute().parent.name, path.name], path))
    if (path / CORPUS_MANIFEST).is_file():
        return open_corpus(path).tokenizer
    return load_preprocessor(source).tokenizer


def _tokenizer(
    stream: DocumentStream, source: str | None, vocabulary: VocabularyConfig, output: pathlib.Path, overwrite: bool, alone: bool
) -> Any:
    is_there = (output / TOKENIZER).is_file() and not overwrite
    if source is not None:
        if vocabulary != _VOCABULARY:
            raise ValueError(f"vocabulary is for a new tokenizer. Received: tokenizer={source!r} too. Leave out one of them.")
        return _named_tokenizer(source)
    if is_there:
        if vocabulary != _VOCABULARY:
            raise ValueError(
                f"vocabulary is for a new tokenizer, and {output} was begun with one. Received: {vocabulary}. Leave it out, or "
                "begin anew with --overwrite."
            )
        return read_tokenizer(output)
    if not alone:
        raise ValueError("shard needs a tokenizer, the same for all workers. Received: none. Name one with --tokenizer.")
    print(f"learning a vocabulary of {vocabulary.size:,} tokens", flush=True)
    return learn_tokenizer(stream, vocabulary)


def prepare(
    corpus: Sequence[str | pathlib.Path],
    output: pathlib.Path,
    *,
    text: str | None = None,
    tokenizer: str | None = None,
    vocabulary: VocabularyConfig = _VOCABULARY,
    sentences: bool = True,
    line_ends: bool = True,
    shards: int | None = None,
    shard: str | None = None,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Tokenise texts of any size once, for pretraining; goes on where it was stopped.

    Args:
        corpus: text files, plain or packed, with a blank line between documents; with `text` tables.
        output: folder of the corpus.
        text: the column of texts, where the corpus is one or more tables.
        tokenizer: a folder of ours, of Hugging Face or of a prepared corpus, or a vocab.txt; by default a vocabulary is learned
            from the corpus.
        vocabulary: how it is learned.
        sentences: keep the boundaries of sentences, for next-sentence and sentence-order objectives.
        line_ends: whether a line end ends a sentence; no where lines were broken to a width.
        shards: into how many parts the corpus is divided; by default one, on Ray one for each core.
        shard: make one of them only, such as 3/16; the first is 0/16. Other processes make the others, in any order.
        workers: threads that tokenise; by default as many as cores.
        engine: local, or ray: on the workers of a running Ray cluster that shares the folders.
        encoding: of the files.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows of tables whose text is empty, missing or no text, instead of stopping.
        overwrite: remove an earlier corpus in `output` first.

    Returns:
        The figures, as plain data.

    Raises:
        DataError: a file that cannot be used.
        FormatError: an output that holds something else, or a corpus that is made otherwise.
        ValueError: a number out of range, or settings that contradict each other.
    """
    began = time.perf_counter()
    one = None
    if shard is not None:
        match = _SHARD.fullmatch(shard)
        if match is None:
            raise ValueError(f"shard must be its number and how many there are, such as 3/16. Received: shard={shard!r}")
        one = int(match[1]), int(match[2])
        check_integer("shard", one[0], 0, one[1] - 1)
    output = check_corpus_folder(output)
    how: dict[str, Any] = {"separator": separator, "sheet": sheet, "drop_unusable": drop_unusable}
    stream = DocumentStream(corpus, text=text, encoding=encoding, **how)
    found = _tokenizer(stream, tokenizer, vocabulary, output, overwrite, one is None)
    prepared = prepare_corpus(
        stream,
        found,
        output,
        sentences=sentences,
        line_ends=line_ends,
        shards=shards,
        shard=one,
        workers=workers,
        engine=engine,
        overwrite=overwrite,
    )
    for reason, count in stream.dropped.items():
        print(f"left out {count:,} rows: {reason}", flush=True)
    figures: dict[str, Any] = {"output": str(output), "finished": prepared is not None}
    if prepared is None:
        print(f"Shard {shard} is in {output}; others are still missing.")
    else:
        figures |= prepared.manifest["totals"] | {"shards": len(prepared.manifest["shards"])}
        print(
            f"{prepared.documents:,} documents"
            + ("" if prepared.sentences is None else f", {prepared.sentences:,} sentences")
            + f", {prepared.tokens:,} tokens ({figures['unknown'] / max(1, prepared.tokens):.2%} unknown) in {output}"
        )
    return figures | {"seconds": round(time.perf_counter() - began, 1)}
