"""What a pretraining learns from, and what is held out."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_bert_lab.batches.corpus import open_corpus
from keras_bert_lab.data import read_corpus, read_table
from keras_bert_lab.errors import DataError
from keras_bert_lab.recipes.tables import announce_dropped

__all__ = ["Documents", "gaps_in", "read_documents"]

_SHORTEST = 4


@dataclasses.dataclass(frozen=True)
class Documents:
    """Documents in two parts.

    Attributes:
        corpus: texts, or a prepared corpus.
        learned: numbers of the documents to learn from, ascending.
        held_out: numbers of the others.
    """

    corpus: Any
    learned: np.ndarray
    held_out: np.ndarray

    @property
    def is_prepared(self) -> bool:
        """Whether they are tokens already."""
        return not isinstance(self.corpus, list)

    def arguments(self, numbers: np.ndarray) -> dict[str, Any]:
        """Some of them, for `MaskedLanguageModel.batches`."""
        if self.is_prepared:
            return {"texts": self.corpus, "documents": numbers}
        return {"texts": self.texts(numbers)}

    def texts(self, numbers: np.ndarray) -> list[str]:
        """The texts of some of them, where they are texts."""
        return [self.corpus[number] for number in numbers.tolist()]


def _prepared(files: Sequence[str | pathlib.Path]) -> pathlib.Path | None:
    """The folder of a prepared corpus, if that is what was named."""
    folders = [path for path in map(pathlib.Path, files) if path.is_dir()]
    if not folders:
        return None
    if len(files) > 1:
        raise DataError(
            "corpus must be text files, or the folder of one prepared corpus. Received: "
            f"{[str(path) for path in files][:5]}. Prepare all texts together: keras-bert-lab prepare TEXTS --output FOLDER."
        )
    return folders[0]


def read_documents(
    corpus: Sequence[str | pathlib.Path],
    text: str | None,
    held_out: float,
    seed: int,
    encoding: str,
    least: int = 1,
    **how: Any,
) -> Documents:
    """Read, and hold out a share of the documents.

    Args:
        corpus: files, or the folder of a prepared corpus.
        text: the column of texts, where files are tables.
        held_out: share.
        seed: of the choice.
        encoding: of the files.
        least: how many documents are held out at least, where any are.
        **how: see `read_table`.

    Raises:
        DataError: a file that cannot be used, or none is left to learn from.
        FormatError: a folder that is no whole prepared corpus.
    """
    files = [corpus] if isinstance(corpus, (str, pathlib.Path)) else list(corpus)
    folder = _prepared(files)
    found: Any
    if folder is not None:
        if text is not None:
            raise ValueError(f"text is for tables, and {folder} is prepared already. Received: text={text!r}. Leave it out.")
        found = open_corpus(folder)
        count = found.documents
    else:
        found = _texts(files, text, encoding, **how)
        count = len(found)
    return Documents(found, *_split(count, held_out, seed, least))


def _texts(files: Sequence[str | pathlib.Path], text: str | None, encoding: str, **how: Any) -> list[str]:
    if text is None:
        return read_corpus(files, encoding=encoding)
    tables = [read_table(path, text, None, encoding=encoding, **how) for path in files]
    for table in tables:
        announce_dropped(table)
    return [document for table in tables for document in table["text"]]


def _split(documents: int, share: float, seed: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    count = max(least, round(share * documents)) if share else 0
    if count >= documents:
        raise DataError(
            f"The corpus has {documents} document(s); none is left to learn from when {count} are held out. Separate its "
            "documents by blank lines, or hold out nothing with --held_out 0."
        )
    order = np.random.default_rng(seed).permutation(documents)
    return np.sort(order[count:]), np.sort(order[:count])


def gaps_in(corpus: Any, documents: np.ndarray, vocabulary: Any, count: int, longest: int) -> list[tuple[str, str]]:
    """Sentences of some documents, each with one whole word masked, and these words.

    Args:
        corpus: a `Corpus` or `MemoryCorpus`.
        documents: numbers of the documents to choose from: the beginning of each, then later places.
        vocabulary: a `text.Vocabulary`.
        count: how many, at most.
        longest: most tokens of each.
    """
    found: list[tuple[str, str]] = []
    for turn in range(count):
        for document in documents[:count].tolist():
            start, end = corpus.document_splits[document : document + 2].tolist()
            start += (end - start) * turn // count
            if turn and corpus.sentence_splits is not None:
                start = int(corpus.sentence_splits[np.searchsorted(corpus.sentence_splits, start)])
            gap = _gap(corpus.read(start, min(end, start + longest)), vocabulary)
            if gap is not None and len(found) < count:
                found.append(gap)
    return found


def _gap(ids: np.ndarray, vocabulary: Any) -> tuple[str, str] | None:
    """These tokens as a text in which the most central whole word is masked, and the word; None where there is none."""
    words = [vocabulary.tokens[index] for index in ids.tolist()]
    begins = [*np.asarray(vocabulary.word_starts)[ids].tolist(), True]
    whole = [
        place
        for place, word in enumerate(words)
        if begins[place] and begins[place + 1] and word.isalpha() and len(word) >= _SHORTEST
    ]
    if not whole:
        return None
    place = min(whole, key=lambda place: abs(place - len(words) // 2))
    before, after = vocabulary.to_text(ids[:place]), vocabulary.to_text(ids[place + 1 :])
    return f"{before} {vocabulary.tokens[vocabulary.mask_id]} {after}".strip(), words[place]
