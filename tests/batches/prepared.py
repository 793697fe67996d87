"""A small corpus in every size of document, for the tests of prepared corpora."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras

from keras_bert_lab.batches import text_blocks
from keras_bert_lab.batches.corpus import Corpus
from keras_bert_lab.batches.prepare_corpus import prepare_corpus
from keras_bert_lab.text import WordPieceTokenizer

SHARD_FILES = ("tokens.bin", "documents.npy", "sentences.npy", "shard.json")
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "!", "a", "film", "##s", "play", "##ed", "good", "old", "they"]


@functools.cache
def tokenizer() -> Any:
    return WordPieceTokenizer(TOKENS)


@functools.cache
def documents_of() -> list[str]:
    """641 documents of 1 to 13 sentences, some of them of two lines."""
    words = ("A film", "They played", "Good old films", "A zebra", "Films")
    return [
        "".join(
            words[(document * sentence + sentence) % 5] + "!.."[sentence % 3] + "   \n"[sentence % 4]
            for sentence in range(1 + document % 13)
        ).strip()
        for document in range(641)
    ]


def corpus_file(folder: Path) -> Path:
    path = folder / "texts.txt"
    path.write_text("\n\n".join(documents_of()) + "\n", encoding="utf-8")
    return path


def prepared(folder: Path, name: str = "corpus", **settings: Any) -> Corpus:
    """The corpus of `documents_of`: eleven blocks."""
    assert text_blocks.BLOCK_DOCUMENTS == 64
    found = prepare_corpus(corpus_file(folder), tokenizer(), folder / name, show_progress=False, **settings)
    assert found is not None
    assert keras.backend.backend() == "tensorflow"
    return found
