"""A corpus in, a masked language model out."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np

from keras_bert_lab.config import (
    ArchitectureConfig,
    MaskingConfig,
    OptimizerConfig,
    VocabularyConfig,
    check_integer,
    check_share,
)
from keras_bert_lab.data import read_corpus, read_table
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import DataError
from keras_bert_lab.recipes.models import OpenedModel, open_model, with_rate
from keras_bert_lab.recipes.prepare import learn_tokenizer
from keras_bert_lab.recipes.runs import LARGEST_SEED, plain, run_of
from keras_bert_lab.recipes.tables import announce_dropped
from keras_bert_lab.tasks import MaskedLanguageModel
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import build_adamw

__all__ = ["pretrain"]

_VOCABULARY = VocabularyConfig()
_ENCODER = ArchitectureConfig()
_MASKING = MaskingConfig()
_OPTIMIZER = OptimizerConfig(learning_rate=None)
_RATE = 1e-3


def _documents(corpus: Sequence[str | pathlib.Path], text: str | None, encoding: str, **how: Any) -> list[str]:
    if text is None:
        return read_corpus(corpus, encoding=encoding)
    tables = [read_table(path, text, None, encoding=encoding, **how) for path in corpus]
    for table in tables:
        announce_dropped(table)
    return [document for table in tables for document in table["text"]]


def _split(documents: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """The documents to learn from, and those held out: at least one of each, where any are to be held out."""
    count = max(1, round(share * len(documents))) if share else 0
    if count >= len(documents):
        raise DataError(
            f"The corpus has {len(documents)} document(s); none is left to learn from when {count} are held out. Separate its "
            "documents by blank lines, or hold out nothing with --held_out 0."
        )
    order = np.random.default_rng(seed).permutation(len(documents))
    held_out = set(order[:count].tolist())
    return (
        [document for place, document in enumerate(documents) if place not in held_out],
        [document for place, document in enumerate(documents) if place in held_out],
    )


def _new_model(
    documents: list[str], vocabulary: VocabularyConfig, encoder: ArchitectureConfig, length: int, precision: str
) -> MaskedLanguageModel:
    tokenizer = learn_tokenizer(documents, vocabulary)
    tokens = tokenizer.vocabulary
    config = encoder.encoder_config(vocab_size=len(tokens), max_positions=length, pad_id=tokens.pad_id)
    return MaskedLanguageModel(Encoder(config, dtype=precision), Preprocessor(tokenizer, max_length=length))


def _refuse_ignored(opened: OpenedModel, **given: Any) -> None:
    """Refuse settings of a new model that an earlier one does not have; its own, and the defaults, are no contradiction."""
    defaults = {"vocabulary": _VOCABULARY, "encoder": _ENCODER}
    for name, value in given.items():
        if value != defaults[name] and plain(value) != opened.settings.get(name):
            raise ValueError(
                f"{name} is for a new model, and start={opened.source} brings its own. Received: {name}={plain(value)}. "
                "Leave out one of them."
            )


def _earlier_model(opened: OpenedModel, length: int, precision: str) -> MaskedLanguageModel:
    model = opened.load()
    longest = model.encoder.config.max_positions
    if length > longest:
        raise DataError(
            f"sequence_length must be at most {longest}, the positions of {opened.source}. Received: sequence_length={length}"
        )
    if precision != model.dtype_policy.name:
        encoder = model.encoder.copy(dtype=precision)
        same = MaskedLanguageModel(encoder, model.preprocessor, next_sentence=model.next_sentence)
        same.set_weights(model.get_weights())
        return same
    return model


def pretrain(
    corpus: Sequence[str | pathlib.Path],
    output: pathlib.Path,
    *,
    text: str | None = None,
    start: str | None = None,
    vocabulary: VocabularyConfig = _VOCABULARY,
    encoder: ArchitectureConfig = _ENCODER,
    sequence_length: int = 128,
    masking: MaskingConfig = _MASKING,
    optimizer: OptimizerConfig = _OPTIMIZER,
    epochs: int = 3,
    batch_size: int = 32,
    held_out: float = 0.02,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
    seed: int = 0,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Learn a vocabulary and pretrain a BERT on your own text: predict masked words.

    Args:
        corpus: text files, plain or gzipped, with a blank line between documents; with `text` tables.
        output: new folder for the model, its settings and its log.
        text: the column of texts, where the corpus is one or more tables.
        start: a pretraining to go on from, instead of a new vocabulary and encoder: a folder of ours, or a masked language
            model of other libraries.
        vocabulary: how the vocabulary is learned.
        encoder: size and shape of the new encoder.
        sequence_length: S, tokens in a row; longer documents are cut into pieces, short ones share a row.
        masking: how tokens are masked.
        optimizer: learning rate (by default 1e-3; 5e-5 to go on from a model of other people's), warm-up, decay.
        epochs: how often the corpus is read; 0 = save the vocabulary and an untrained encoder.
        batch_size: rows in a batch.
        held_out: share of the documents that is not learned from and shows the progress; 0 = none.
        precision: float32, or mixed_bfloat16: faster on processors and GPUs that have it.
        seed: of weights, held-out documents, order, masks and dropout.
        encoding: of the files.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows of tables whose text is empty, missing or no text, instead of stopping.
        overwrite: replace the results of an earlier run in `output`.

    Returns:
        The figures, as plain data.

    Raises:
        DataError: a file that cannot be used.
        FormatError: an output that is there already, or a `start` that is no whole masked language model.
        ValueError: a number out of range; a vocabulary or an encoder other than those of `start`.
    """
    settings = plain(locals())
    check_integer("sequence_length", sequence_length, 4)
    check_integer("epochs", epochs, 0)
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0, LARGEST_SEED)
    check_share("held_out", held_out)
    with run_of("pretrain", output, overwrite, settings) as run:
        keras.utils.set_random_seed(seed)
        model, from_ours = None, True
        if start is not None:
            opened = open_model(start, MaskedLanguageModel)
            _refuse_ignored(opened, vocabulary=vocabulary, encoder=encoder)
            model, from_ours = _earlier_model(opened, sequence_length, precision), opened.is_ours
        files = [corpus] if isinstance(corpus, (str, pathlib.Path)) else corpus
        documents = _documents(files, text, encoding, drop_unusable=drop_unusable, separator=separator, sheet=sheet)
        learned, kept = _split(documents, held_out, seed)
        print(f"{len(learned):,} documents to learn from, {len(kept):,} held out", flush=True)
        if model is None:
            model = _new_model(learned, vocabulary, encoder, sequence_length, precision)
        how: dict[str, Any] = {
            "batch_size": batch_size,
            "sequence_length": sequence_length,
            "masking": masking,
            "seed": seed,
        }
        batches = model.batches(learned, **how)
        steps = epochs * batches.steps_per_epoch
        print(
            f"{model.encoder.count_params():,} weights, {len(model.preprocessor.tokenizer.vocabulary):,} tokens, "
            f"{steps:,} steps",
            flush=True,
        )
        optimizer = with_rate(optimizer, _RATE if from_ours else None, model.encoder)
        model.compile(build_adamw(optimizer, steps))
        history = run.fit(model, batches, epochs=epochs, validation_data=kept or None, callbacks=[], **how) if epochs else {}
        run.figures |= {
            "documents": len(learned),
            "held_out_documents": len(kept),
            "weights": model.encoder.count_params(),
            "tokens": len(model.preprocessor.tokenizer.vocabulary),
            "learning_rate": optimizer.learning_rate,
            "steps": int(model.optimizer.iterations.numpy()),
            "history": history,
        }
        run.save(model)
    _print_end(run.output, run.figures)
    return run.figures


def _print_end(output: pathlib.Path, figures: dict[str, Any]) -> None:
    state = "Interrupted: what was learned so far is saved" if figures["interrupted_by"] else "Saved"
    print(f"{state} in {output} after {figures['seconds']:.0f} s.")
    last = {name: values[-1] for name, values in figures["history"].items() if values}
    if "val_loss" in last:
        print(
            f"held out: loss {last['val_loss']:.3f} a masked token, accuracy {last['val_accuracy']:.1%}, "
            f"perplexity {last['val_perplexity']:.1f}"
        )
