"""The books as prepared corpora, made once in a working folder, and the small BERT that the pretraining benchmarks train.

Four of the 200 books are held out by a seed. Parts:

| part | texts | vocabulary |
|---|---|---|
| all | all books | 8,192 pieces learned from them |
| learn | all but the held-out ones | 8,192 pieces learned from them |
| held_out | every 50th book of a random order | that of `learn` |
| few | a tenth of `learn`, for trainings that are to read their texts several times | that of `learn` |

Nothing but `keras-bert-lab prepare` makes them. With `quick` the 20 books of `books_small.txt.gz` take the place of all; one is
held out.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MINI", "PARTS", "about_corpus", "all_tokens", "mini_model", "prepared_books", "texts_of_books", "working_folder"]

PARTS = ("all", "learn", "held_out", "few")
MINI = {"num_layers": 4, "hidden_size": 256, "num_heads": 4, "intermediate_size": 1024}
"""Size of the model: BERT mini."""

_HELD_OUT_EVERY = 50
_FEW_EVERY = 10
_SEED = 0


def working_folder(work: Path | None, quick: bool) -> Path:
    """Where corpora and models are kept between runs; by default a folder of temporary files."""
    folder = (work or Path(tempfile.gettempdir()) / "keras_bert_lab_benchmarks") / ("quick" if quick else "books")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _source(data: Path, quick: bool) -> Path:
    return data / "books" / ("books_small.txt.gz" if quick else "books.txt.gz")


def texts_of_books(data: Path, work: Path, part: str, quick: bool) -> Path:
    """The text file of a part, with a blank line between books.

    Args:
        data: folder with books/.
        work: from `working_folder`.
        part: one of PARTS.
        quick: the 20 books.
    """
    if part == "all":
        return _source(data, quick)
    target = work / f"{part}.txt"
    if not target.exists():
        with gzip.open(_source(data, quick), "rt", encoding="utf-8") as file:
            books = [book for book in re.split(r"\n\s*\n", file.read()) if book.strip()]
        order = np.random.default_rng(_SEED).permutation(len(books))
        held_out = order[::_HELD_OUT_EVERY]
        learn = np.setdiff1d(order, held_out)
        chosen = {"held_out": np.sort(held_out), "learn": learn, "few": learn[::_FEW_EVERY]}[part]
        unfinished = target.with_suffix(".part")
        unfinished.write_text("\n\n".join(books[book].strip() for book in chosen) + "\n", encoding="utf-8")
        unfinished.rename(target)
    return target


def prepared_books(data: Path, work: Path, part: str, quick: bool) -> Path:
    """The folder of a prepared corpus; made by the command line where it is not there yet.

    Args:
        data: folder with books/.
        work: from `working_folder`.
        part: one of PARTS.
        quick: the 20 books.
    """
    folder = work / f"corpus_{part}"
    if not (folder / "keras_bert_lab_corpus.json").is_file():
        words = ["prepare", str(texts_of_books(data, work, part, quick)), f"--output={folder}"]
        if part in ("held_out", "few"):
            words.append(f"--tokenizer={prepared_books(data, work, 'learn', quick)}")
        print("keras-bert-lab", *words, file=sys.stderr, flush=True)
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        subprocess.run([sys.executable, "-m", "keras_bert_lab", *words], stdout=sys.stderr, check=True, env=environment)
    return folder


def about_corpus(folder: Path) -> dict[str, Any]:
    """Numbers of documents, sentences and tokens, for the results."""
    return json.loads((folder / "keras_bert_lab_corpus.json").read_text(encoding="utf-8"))["totals"]


def all_tokens(corpus: Any) -> np.ndarray:
    """The ids of a whole corpus in memory, int32 (T,)."""
    return np.concatenate([corpus.read(*bounds) for bounds in itertools.pairwise(corpus.document_splits.tolist())])


def mini_model(corpus: Any, sequence_length: int = 128, initializer_range: float = 0.05, seed: int = 0) -> Any:
    """A new masked language model of BERT mini's size in mixed bfloat16, without dropout, for the vocabulary of a corpus.

    Args:
        corpus: an opened corpus.
        sequence_length: S, the positions that it has.
        initializer_range: standard deviation of the weights; a small encoder learns sooner from larger ones than BERT's 0.02.
        seed: of the weights.
    """
    import keras

    import keras_bert_lab as kbl

    keras.utils.set_random_seed(seed)
    vocabulary = corpus.tokenizer.vocabulary
    config = kbl.EncoderConfig(
        **MINI,
        vocab_size=len(vocabulary),
        max_positions=sequence_length,
        pad_id=vocabulary.pad_id,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=initializer_range,
    )
    encoder = kbl.Encoder(config, dtype="mixed_bfloat16")
    return kbl.MaskedLanguageModel(encoder, kbl.Preprocessor(corpus.tokenizer, max_length=sequence_length))
