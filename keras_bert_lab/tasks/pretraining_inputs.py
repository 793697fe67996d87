"""Texts, corpora or numbered batches -> what `keras.Model.fit` takes, for the tasks that pretrain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches import Batches, MemoryCorpus, PretrainingBatches, TokenRows, as_dataset, tokenize_rows
from keras_bert_lab.config import check_integer
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.parts import refuse_settings
from keras_bert_lab.tasks.text_inputs import is_texts, some_texts
from keras_bert_lab.text.sentences import split_sentences
from keras_bert_lab.training import Progress, training_data

__all__ = ["check_pairs", "evaluation_arguments", "fit_arguments", "pretraining_batches"]

tf = LazyModule("tensorflow")

_DEFAULT_LENGTH = 128


@dataclasses.dataclass
class _Paced:
    """Numbered batches with another number of them in an epoch."""

    batches: Batches
    steps_per_epoch: int

    @property
    def target_shape(self) -> Any:
        return self.batches.target_shape

    def batch(self, step: int) -> tuple[Any, ...]:
        return self.batches.batch(step)

    def counts(self, step: int) -> tuple[int, int]:
        return self.batches.counts(step)

    @property
    def content_hash(self) -> str:
        return getattr(self.batches, "content_hash", "")


def _is_corpus(x: Any) -> bool:
    return hasattr(x, "document_splits") and hasattr(x, "read")


def _is_numbered(x: Any) -> bool:
    return all(hasattr(x, name) for name in ("batch", "counts", "steps_per_epoch"))


def check_pairs(task: Any, batches: Batches) -> None:
    """Refuse batches with pairs of sentences for a task that cannot learn from them.

    Raises:
        ValueError: such batches and a task without next-sentence head.
    """
    if isinstance(batches.target_shape, Mapping) and not task.next_sentence:
        raise ValueError(
            "Pairs of sentences are learned by a MaskedLanguageModel with next_sentence=True. Received: batches with "
            f"{contract.NEXT_SENTENCE_LABELS} for {_named(task)}. Make the batches with sentence_pairs='none'."
        )


def _named(task: Any) -> str:
    return f"a {type(task).__name__} with next_sentence={task.next_sentence}"


def _corpus_of(texts: Any, preprocessor: Any, sentences: bool) -> MemoryCorpus:
    """Texts, cleaned and tokenised; with boundaries of sentences where they are asked for."""
    tokenizer = preprocessor.tokenizer
    columns = some_texts(texts)
    if len(columns) != 1:
        raise ValueError("A MaskedLanguageModel takes single texts. Received: pairs of texts.")
    column = preprocessor.cleaned(columns[0])
    splits = np.zeros(0, np.int64)
    if sentences:
        parts = [split_sentences(text.decode()) for text in column.numpy()]
        splits = np.cumsum([0, *map(len, parts)])
        column = tf.constant([sentence for part in parts for sentence in part], tf.string)
    rows = tokenize_rows(lambda part: (tokenizer.tokenize(part),) * 2, int(column.shape[0]), lambda chosen: column[chosen])
    if not sentences:
        return MemoryCorpus(rows, tokenizer.vocabulary)
    documents = TokenRows(rows.ids, rows.types, rows.splits[splits])
    return MemoryCorpus(documents, tokenizer.vocabulary, np.unique(rows.splits))


def _check_vocabulary(corpus: Any, tokenizer: Any) -> None:
    """Refuse a corpus in which token ids stand for other tokens than in the model.

    Raises:
        ValueError: another tokenizer prepared it.
    """
    ours, theirs = tokenizer.vocabulary, corpus.vocabulary
    found = None
    tokens = getattr(getattr(corpus, "tokenizer", corpus).vocabulary, "tokens", None)
    if len(theirs) > len(ours):
        found = f"{len(theirs)} tokens in the corpus, {len(ours)} in the model"
    elif tokens is not None:
        different = [index for index, pair in enumerate(zip(tokens, ours.tokens, strict=False)) if pair[0] != pair[1]]
        if different:
            first = different[0]
            found = f"id {first} is {tokens[first]!r} in the corpus, {ours.tokens[first]!r} in the model"
    for name in ("pad_id", "unk_id", "cls_id", "sep_id", "mask_id"):
        if found is None and getattr(theirs, name) != getattr(ours, name):
            found = f"{name} {getattr(theirs, name)} in the corpus, {getattr(ours, name)} in the model"
    if found is not None:
        raise ValueError(
            f"The corpus must be made with the model's tokenizer. Received: {found}. Make the model with the tokenizer of "
            "the corpus, Preprocessor(corpus.tokenizer), or prepare the texts again."
        )


def pretraining_batches(
    task: Any,
    source: Any,
    batch_size: int = 32,
    sequence_length: int | None = None,
    masking: Any = None,
    sentence_pairs: Any = "none",
    seed: int = 0,
    documents: Any = None,
) -> PretrainingBatches:
    """See `MaskedLanguageModel.batches`."""
    longest = task.encoder.config.max_positions
    length = sequence_length or min(_DEFAULT_LENGTH, task.preprocessor.row_length)
    if not isinstance(length, int) or not 3 <= length <= longest:
        raise ValueError(f"sequence_length must be between 3 and max_positions={longest}. Received: sequence_length={length!r}")
    if sentence_pairs != "none" and not task.next_sentence:
        raise ValueError(
            "sentence_pairs must be 'none' but for a MaskedLanguageModel with next_sentence=True. Received: "
            f"sentence_pairs={sentence_pairs!r} for {_named(task)}."
        )
    tokenizer = task.preprocessor.tokenizer
    if _is_corpus(source):
        _check_vocabulary(source, tokenizer)
        corpus = source
    else:
        corpus = _corpus_of(source, task.preprocessor, sentences=sentence_pairs != "none")
    return PretrainingBatches(
        corpus, length, batch_size, masking, sentence_pairs, seed, documents=documents, fill_last_batch=False
    )


def _numbered(task: Any, x: Any, batch_size: int | None, how: Mapping[str, Any]) -> Batches | None:
    """Texts, a corpus or numbered batches as numbered batches that the task can learn from; None for anything else."""
    if is_texts(x) or _is_corpus(x):
        x = task.batches(x, batch_size or 32, **how)
    elif not _is_numbered(x):
        return None
    check_pairs(task, x)
    return x


def fit_arguments(
    task: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: Any,
    callbacks: Any,
    validation_data: Any,
    how: Mapping[str, Any],
    others: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of `keras.Model.fit` for texts, a corpus or numbered batches; anything else stays as it is.

    Args:
        task: a PretrainingTask.
        x, y, batch_size, verbose, callbacks, validation_data: of the task's `fit`.
        how: settings of `batches`.
        others: of the task's `fit`, for Keras.

    Raises:
        ValueError: a setting that follows from the batches, targets, or batches that the task cannot learn from.
    """
    arguments = {**others, "y": y, "batch_size": batch_size, "verbose": verbose, "callbacks": list(callbacks or [])}
    ours = is_texts(x) or _is_corpus(x) or _is_numbered(x)
    steps = None
    if ours:
        if not is_texts(x):
            steps = arguments.pop("steps_per_epoch", None)
        refuse_settings(arguments)
        if y is not None:
            raise ValueError(f"A {type(task).__name__} makes its own targets. Received: y={y!r:.60}. Leave it out.")
        if steps is not None:
            check_integer("steps_per_epoch", steps, 1)
    held_out = _numbered(task, validation_data, batch_size, how)
    arguments["validation_data"] = validation_data if held_out is None else as_dataset(held_out, epochs=1)
    train = _numbered(task, x, batch_size, how) if ours else None
    if train is None:
        return arguments | {"x": x}
    if steps is not None:
        train = _Paced(train, steps)
    if verbose:
        arguments["callbacks"].append(Progress(train, task.label))
    return arguments | {
        "x": training_data(train, arguments["callbacks"], others.get("initial_epoch", 0)),
        "batch_size": None,
        "verbose": 0,
        "steps_per_epoch": train.steps_per_epoch,
        "shuffle": False,  # the batches come shuffled
    }


def evaluation_arguments(
    task: Any, x: Any, y: Any, batch_size: int | None, how: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of `keras.Model.evaluate` for texts, a corpus or numbered batches; anything else stays as it is."""
    batches = _numbered(task, x, batch_size, how)
    if batches is None:
        return {**others, "x": x, "y": y, "batch_size": batch_size}
    return {**others, "x": as_dataset(batches, epochs=1), "y": None, "batch_size": None}
