"""A corpus in, a masked language model out."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np

from keras_bert_lab.batches import PretrainingBatches
from keras_bert_lab.config import (
    ArchitectureConfig,
    MaskingConfig,
    OptimizerConfig,
    ProcessesConfig,
    VocabularyConfig,
    check_integer,
    check_share,
)
from keras_bert_lab.data.input_files import existing_file
from keras_bert_lab.data.text_files import open_text
from keras_bert_lab.errors import DataError, MissingPackageError
from keras_bert_lab.recipes.models import open_model, with_rate
from keras_bert_lab.recipes.pretraining_data import gaps_in, read_documents
from keras_bert_lab.recipes.pretraining_models import ENCODER, VOCABULARY, earlier_model, new_model, student
from keras_bert_lab.recipes.pretraining_pace import Pace, shared
from keras_bert_lab.recipes.pretraining_presets import PRESETS, completed
from keras_bert_lab.recipes.runs import LARGEST_SEED, Run, plain, run_of
from keras_bert_lab.tasks import Distillation, MaskedLanguageModel
from keras_bert_lab.training import FillMaskExamples, Progress, build_adamw, matmul_rate, training_flops
from keras_bert_lab.training.distribution import device_count, is_main, joined

__all__ = ["pretrain"]

_MASKING = MaskingConfig()
_OPTIMIZER = OptimizerConfig(learning_rate=None, warmup=None)
_PROCESSES = ProcessesConfig()
_GAPS = 3
_GAP_TOKENS = 24


def _tensorboard(folder: pathlib.Path | None) -> list[keras.callbacks.Callback]:
    if folder is None:
        return []
    try:
        import tensorboard  # noqa: F401  # without it TensorFlow fails only when the first figure is written
    except ImportError as error:
        raise MissingPackageError("tensorboard needs a package. Install it: pip install keras-bert-lab[tensorboard]") from error
    return [keras.callbacks.TensorBoard(str(folder), write_graph=False)]


def pretrain(
    corpus: Sequence[str | pathlib.Path],
    output: pathlib.Path,
    *,
    text: str | None = None,
    start: str | None = None,
    teacher: str | None = None,
    vocabulary: VocabularyConfig = VOCABULARY,
    encoder: ArchitectureConfig = ENCODER,
    sequence_length: int = 128,
    masking: MaskingConfig = _MASKING,
    sentence_pairs: Literal["none", "next", "order"] | None = None,
    recipe: Literal["plain", "original", "short_budget"] = "plain",
    optimizer: OptimizerConfig = _OPTIMIZER,
    epochs: int = 3,
    steps: int | None = None,
    batch_size: int | None = None,
    batch_ramp: float | None = None,
    accumulate: int = 1,
    held_out: float = 0.02,
    validate_every: int | None = None,
    gaps: pathlib.Path | None = None,
    tensorboard: pathlib.Path | None = None,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
    processes: ProcessesConfig = _PROCESSES,
    seed: int = 0,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Pretrain a BERT on your own text: predict masked words, and whether sentences follow each other.

    Args:
        corpus: the folder of a prepared corpus, or text files, plain or gzipped, with a blank line between documents; with
            `text` tables.
        output: new folder for the model, its settings and its log.
        text: the column of texts, where the corpus is one or more tables.
        start: a pretraining to go on from, instead of a new vocabulary and encoder: a folder of ours, or a masked language
            model of other libraries.
        teacher: a masked language model to learn from, named as `start`: the new one gets its vocabulary and every other one
            of its layers (or as many as encoder.num_layers says), and learns to answer like it.
        vocabulary: how the vocabulary is learned.
        encoder: size and shape of the new encoder.
        sequence_length: S, tokens in a row; longer documents are cut into pieces, short ones share a row.
        masking: how tokens are masked.
        sentence_pairs: what else is learned: next = whether the second of two stretches of sentences follows the first, order =
            whether they are swapped, none; by default as the recipe says.
        recipe: what is done where it is left open. plain: learning rate 1e-3, 10 % of the steps to warm up, batches of 32.
            original: as BERT was trained, 1e-4, 1 %, batches of 256, dropout 0.1, next sentence. short_budget: for minutes
            or hours, 2e-3 in one cycle, batches that grow to 64.
        optimizer: learning rate (5e-5 to go on from a model of other people's), warm-up, decay.
        epochs: how often the corpus is read; 0 = save the vocabulary and an untrained encoder.
        steps: changes of the weights, instead of `epochs`.
        batch_size: rows in a batch.
        batch_ramp: share of all steps in which the batch grows from an eighth of `batch_size`.
        accumulate: parts in which a batch is worked through, to save memory.
        held_out: share of the documents that is not learned from and shows the progress; 0 = none.
        validate_every: steps from one validation to the next; by default once an epoch.
        gaps: a file with texts that hold a [MASK], one a line, that are filled after each validation; by default sentences that
            are held out.
        tensorboard: folder for the figures that TensorBoard shows.
        precision: float32, or mixed_bfloat16: faster on processors and GPUs that have it.
        processes: which of several processes this one is, where a training is spread over machines or GPUs (JAX alone).
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
        FormatError: an output that is there already, a damaged corpus, or a `start` that is no whole masked language model.
        ValueError: a number out of range; settings that contradict each other or those of `start`.
        ConnectionError: several processes that do not find each other.
    """
    settings = {name: value for name, value in plain(locals()).items() if name != "processes"}  # the others' differ
    preset = PRESETS[recipe]
    pairs = preset.sentence_pairs if sentence_pairs is None else sentence_pairs
    check_integer("sequence_length", sequence_length, 4)
    check_integer("seed", seed, 0, LARGEST_SEED)
    check_share("held_out", held_out)
    pace = Pace(
        epochs=epochs,
        steps=steps,
        batch_size=preset.batch_size if batch_size is None else batch_size,
        batch_ramp=preset.batch_ramp if batch_ramp is None else batch_ramp,
        accumulate=accumulate,
        validate_every=validate_every,
    )
    if teacher is not None and (start is not None or pairs != "none"):
        raise ValueError(
            f"teacher is for a new model that learns no pairs. Received: teacher={teacher!r}, start={start!r}, "
            f"sentence_pairs={pairs!r}"
        )
    more, lines = _tensorboard(tensorboard), _lines(gaps)
    with joined(processes, pace.part, seed) as share, run_of("pretrain", output, overwrite, settings) as run:
        keras.utils.set_random_seed(seed)
        model: MaskedLanguageModel | None = None
        lesson: Distillation | None = None
        own_rate: float | None = preset.learning_rate
        if start is not None:
            opened = open_model(start, MaskedLanguageModel)
            model = earlier_model(opened, vocabulary, encoder, sequence_length, precision, pairs != "none")
            own_rate = preset.learning_rate if opened.is_ours else None
        elif teacher is not None:
            master = open_model(teacher, MaskedLanguageModel).load()
            model = student(master, encoder, sequence_length, precision)
            lesson = Distillation(model, master)
        how: dict[str, Any] = {"separator": separator, "sheet": sheet, "drop_unusable": drop_unusable}
        least = 2 if pairs == "next" else 1  # a second text that does not follow is one of another document
        documents = read_documents(corpus, text, held_out, seed, encoding, least, **how)
        print(f"{len(documents.learned):,} documents to learn from, {len(documents.held_out):,} held out", flush=True)
        optimizer, encoder = completed(preset, with_rate(optimizer, own_rate, model and model.encoder), encoder)
        if model is None:
            model = new_model(documents, vocabulary, encoder, sequence_length, precision, pairs != "none")
        about: dict[str, Any] = {"sequence_length": sequence_length, "masking": masking, "sentence_pairs": pairs, "seed": seed}
        base = model.batches(**documents.arguments(documents.learned), batch_size=pace.small, **about)
        kept = None
        if len(documents.held_out):
            kept = model.batches(**documents.arguments(documents.held_out), batch_size=pace.batch_size, **about)
            if device_count() > 1:
                kept = shared(kept, share)
        total = pace.total(base.steps_per_epoch)
        print(
            f"{model.encoder.count_params():,} weights, {len(model.preprocessor.tokenizer.vocabulary):,} tokens, "
            f"{total:,} steps of {pace.batch_size} rows, {base.filled:.1%} of the slots filled",
            flush=True,
        )
        learner = model if lesson is None else lesson
        learner.compile(build_adamw(optimizer, total, accumulate))
        history: dict[str, list[float]] = {}
        if total:
            examples = _examples(lines, base if kept is None else kept, model)
            history = _learn(run, learner, base, kept, pace, total, share, [examples, *(more if is_main() else [])])
        run.figures |= {
            "documents": len(documents.learned),
            "held_out_documents": len(documents.held_out),
            "weights": model.encoder.count_params(),
            "tokens": len(model.preprocessor.tokenizer.vocabulary),
            "learning_rate": optimizer.learning_rate,
            "steps": int(keras.ops.convert_to_numpy(learner.optimizer.iterations)),
            "slots_filled": base.filled,
            "history": history,
        }
        run.save(model)
    if is_main():
        _print_end(run.output, run.figures)
    return run.figures


def _learn(
    run: Run,
    learner: Any,
    base: PretrainingBatches,
    kept: PretrainingBatches | None,
    pace: Pace,
    total: int,
    share: tuple[int, int],
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """Train, with progress beside what the machine could do."""
    batches, (rounds, each) = pace.batches(base, total), pace.rounds(total)
    flops = training_flops(learner.encoder.config, base.sequence_length, base.masked_positions) / base.sequence_length
    run.figures["matmul_rate"] = matmul_rate(learner.compute_dtype) * device_count()
    return run.fit(
        learner,
        pace.batches(base, total, share),
        epochs=rounds,
        steps_per_epoch=each * pace.accumulate,
        validation_data=kept,
        verbose=0,
        callbacks=[Progress(batches, "pretraining", flops, run.figures["matmul_rate"]), *callbacks],
    )


def _lines(path: pathlib.Path | None) -> list[str]:
    if path is None:
        return []
    try:
        with open_text(existing_file(path)) as file:
            return [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} must be text in UTF-8 ({error}). Save it so.") from error


def _examples(gaps: list[str], batches: PretrainingBatches, model: MaskedLanguageModel) -> FillMaskExamples:
    if gaps:
        model.fill_mask(gaps)  # so that an error comes now
        return FillMaskExamples(gaps, task=model)
    numbers = np.arange(batches.corpus.documents) if batches.documents is None else batches.documents
    longest = min(_GAP_TOKENS, model.preprocessor.row_length - 2)
    found = gaps_in(batches.corpus, numbers, model.preprocessor.tokenizer.vocabulary, _GAPS, longest)
    kept = []
    for text, answer in found:
        with contextlib.suppress(DataError):  # spelled out, tokens can be more than they were
            model.fill_mask([text])
            kept.append((text, answer))
    return FillMaskExamples([text for text, _ in kept], [answer for _, answer in kept], task=model)


def _print_end(output: pathlib.Path, figures: dict[str, Any]) -> None:
    state = "Interrupted: what was learned so far is saved" if figures["interrupted_by"] else "Saved"
    print(f"{state} in {output} after {figures['seconds']:.0f} s.")
    last = {name: values[-1] for name, values in figures["history"].items() if values}
    if "val_loss" in last:
        shown = (
            f"held out: loss {last.get('val_masked_lm_loss', last['val_loss']):.3f} a masked token, "
            f"accuracy {last['val_accuracy']:.1%}, perplexity {last['val_perplexity']:.1f}"
        )
        if "val_pair_accuracy" in last:
            shown += f"; pairs: loss {last['val_pair_loss']:.3f}, accuracy {last['val_pair_accuracy']:.1%}"
        print(shown)
