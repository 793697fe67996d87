"""A table of labelled texts and an encoder in, a text classifier out."""

from __future__ import annotations

import pathlib
from typing import Any, Literal

import keras
import numpy as np

from keras_bert_lab.config import OptimizerConfig, check_integer, check_share
from keras_bert_lab.encoder import merge_lora
from keras_bert_lab.evaluation import calibrate as calibrate_model
from keras_bert_lab.evaluation import choose_threshold, classification_report, tfidf_baseline
from keras_bert_lab.formats import open_source
from keras_bert_lab.lab import report_on, texts_of
from keras_bert_lab.recipes.models import is_ours, with_rate
from keras_bert_lab.recipes.runs import LARGEST_SEED, plain, run_of
from keras_bert_lab.recipes.train_files import write_card_and_pictures
from keras_bert_lab.recipes.training_tables import read_training_tables
from keras_bert_lab.recipes.tuning import adds_lora, cleaner_of, extra_columns_of, kind_of_labels, loss_of, make_trainable
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.training import build_adamw

__all__ = ["train"]

_OPTIMIZER = OptimizerConfig(learning_rate=None)
_RATE = 5e-4


def _best_epoch(kind: str) -> keras.callbacks.Callback:
    """Brings back the weights of the epoch with the best validation result."""
    watched = {"regression": "val_mae", "multi_label": "val_f1"}.get(kind, "val_accuracy")
    mode = "min" if kind == "regression" else "max"
    return keras.callbacks.EarlyStopping(watched, mode=mode, patience=10**6, restore_best_weights=True)


def train(
    table: pathlib.Path,
    output: pathlib.Path,
    encoder: str,
    *,
    text: str = "text",
    label: str = "label",
    text_pair: str | None = None,
    kind: Literal["auto", "binary", "multi_class", "multi_label", "regression"] = "auto",
    label_separator: str | None = None,
    validation: pathlib.Path | None = None,
    validation_split: float = 0.1,
    max_length: int | None = None,
    truncate: Literal["round_robin", "waterfall", "longest_first", "head_tail"] | None = None,
    clean: str = "",
    windows: int | None = None,
    columns: str = "",
    pooling: Literal["cls", "mean", "max"] = "mean",
    dropout: float = 0.1,
    trainable: str = "all",
    optimizer: OptimizerConfig = _OPTIMIZER,
    loss: Literal["auto", "focal"] = "auto",
    focal_gamma: float = 2.0,
    label_smoothing: float = 0.0,
    class_weight: Literal["none", "balanced"] = "none",
    epochs: int = 3,
    batch_size: int = 32,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
    calibrate: bool = False,
    threshold: Literal["half", "f1", "accuracy", "mcc"] = "half",
    baseline: bool = True,
    seed: int = 0,
    encoding: str = "utf-8",
    separator: str | None = None,
    sheet: int | str = 0,
    drop_unusable: bool = False,
    keep_similar_labels: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Fine-tune a pretrained encoder on a table of texts and labels.

    Args:
        table: CSV, TSV, XLSX, JSONL or Parquet, also gzipped; one row for each text.
        output: new folder for the model, its settings and its log.
        encoder: what is fine-tuned, with its tokenizer: a folder of `pretrain` or `train`; or of Hugging Face, of the
            original BERT code, of KerasHub, or a TF-Hub encoder; or hf://organisation/name, preset:name, a tfhub.dev or
            Kaggle address; or sample:encoder, the one that comes with the package.
        text: the column of texts.
        label: the column of labels.
        text_pair: the column of second texts, for pairs.
        kind: of the answer: one of two labels, one of several, any of several (multi_label), or a number; auto = by the number
            of labels, multi_label with a `label_separator`.
        label_separator: between the labels of a text, where it can have several: "|" for cells such as "price|service".
        validation: another table to validate on; else `validation_split` of the rows is held out.
        validation_split: share of the rows to validate on, drawn with `seed`; the epoch with the best result is kept. 0 = none,
            the last epoch is kept.
        max_length: tokens of a text that are read, the rest is cut off; by default as in pretraining.
        truncate: what is cut off: the end, with pairs in one of three ways, or the middle (head_tail: a quarter of what is
            kept is the beginning of the text, which helps with long reviews); by default as in pretraining.
        clean: steps of cleaning that become part of the model, in their order, separated by commas: html, urls, emails,
            mentions, numbers, punctuation, repeats, lowercase, accents, whitespace. Empty = texts are taken as they are.
        windows: texts longer than `max_length` are read in up to this many windows; by default they are cut.
        columns: columns that are read beside the text, with their kinds: price:number,brand:category.
        pooling: how the states of all tokens become one: of the first token, mean, or maximum.
        dropout: share of states, attention weights and pooled states set to 0 in training.
        trainable: which of the encoder's weights are trained: all, none, the last blocks ("last 2"), those whose names fit a
            pattern; "gradual": none in the first epoch, then one more block in each, the last ones first; or "lora 8",
            "adapters 64": small matrices beside weights that are frozen.
        optimizer: learning rate (by default 5e-4 for an encoder of ours, 5e-5 for other people's, 2e-5 for large ones),
            its schedule, decay.
        loss: auto = cross-entropy, or squared error for numbers; focal = cross-entropy that weighs what is hard more.
        focal_gamma: how much more; 0 = not at all.
        label_smoothing: share of the certainty that is taken from the labels.
        class_weight: balanced = rare labels weigh as much as frequent ones.
        epochs: how often the table is read.
        batch_size: texts in a batch.
        precision: float32, or mixed_bfloat16: faster on processors and GPUs that have it.
        calibrate: scale the logits, so that the probabilities fit how often the model is right on the rows to validate on.
        threshold: choose the probability above which a label is given, on the rows to validate on, by F1, accuracy or MCC; for
            two labels and multi_label. half = 0.5.
        baseline: also train TF-IDF + logistic regression, to compare.
        seed: of the head's weights, the split, order and dropout.
        encoding: of the files.
        separator: between the cells of a .csv or .tsv; by default comma or tab.
        sheet: of an .xlsx: its number, from 0, or its name.
        drop_unusable: leave out rows with empty, missing or unreadable texts or labels, instead of stopping.
        keep_similar_labels: labels that differ only in case or blanks are meant to be different.
        overwrite: replace the results of an earlier run in `output`.

    Returns:
        The figures, as plain data.

    Raises:
        DataError: a table that cannot be used.
        FormatError: an output that is there already, or an encoder that is no whole model of this package.
        ValueError: a number out of range.
    """
    settings = plain(locals())
    if max_length is not None:
        check_integer("max_length", max_length, 4)
    check_integer("epochs", epochs, 1)
    check_integer("batch_size", batch_size, 1)
    check_integer("seed", seed, 0, LARGEST_SEED)
    check_share("validation_split", validation_split)
    check_share("dropout", dropout)
    known_kind = kind_of_labels(kind, label_separator)
    loss_function = loss_of(known_kind, loss, focal_gamma, label_smoothing)
    cleaner, beside = cleaner_of(clean), extra_columns_of(columns)
    with run_of("train", output, overwrite, settings) as run:
        keras.utils.set_random_seed(seed)
        source = open_source(encoder)
        how: dict[str, Any] = {
            "text": text,
            "label": label,
            "text_pair": text_pair,
            "columns": beside or (),
            "encoding": encoding,
        }
        how |= {"separator": separator, "sheet": sheet, "drop_unusable": drop_unusable}
        tables = read_training_tables(
            table, validation, known_kind, label_separator, validation_split, seed, keep_similar_labels, how
        )
        learned, kept = tables.learned, tables.kept
        _check_afterwards(tables.kind, kept is not None, calibrate, threshold)
        model = TextClassifier.from_opened(
            source,
            tables.labels,
            tables.kind,
            pooling=pooling,
            dropout=dropout,
            encoder_dropout=dropout,
            max_length=max_length,
            truncate=truncate,
            dtype=precision,
            pairs=text_pair is not None,
            cleaner=cleaner,
            windows=windows,
            columns=beside,
        )
        counts, callbacks = make_trainable(model, trainable)
        print(
            f"{len(learned):,} texts to learn from, {0 if kept is None else len(kept):,} to validate on; "
            + (f"labels {model.labels}" if model.labels else "numbers"),
            flush=True,
        )
        print(counts, flush=True)
        optimizer = with_rate(optimizer, _RATE if is_ours(source) else None, model.encoder)
        steps = -(-len(learned) // batch_size)
        model.compile(build_adamw(optimizer, epochs * steps, steps_per_epoch=steps), loss=loss_function)
        history = run.fit(
            model,
            texts_of(learned),
            learned["label"],
            batch_size=batch_size,
            epochs=epochs,
            validation_data=None if kept is None else (texts_of(kept), kept["label"]),
            class_weight=None if class_weight == "none" else class_weight,
            seed=seed,
            callbacks=callbacks if kept is None else [*callbacks, _best_epoch(model.kind)],
        )
        run.figures |= {
            "learning_rate": optimizer.learning_rate,
            "kind": model.kind,
            "labels": model.labels,
            "texts": len(learned),
            "history": history,
        }
        if adds_lora(trainable):
            merge_lora(model)
        report = None
        if kept is not None and run.stopped_by is None:
            with run.measuring():
                run.figures |= _adjusted(model, kept, calibrate, threshold)
                report = report_on(model, kept, seed=seed)
                run.figures |= _validated(report, learned, kept, model, baseline)
        write_card_and_pictures(run, model, history, learned, kept, report)
        run.save(model)
    state = "Interrupted: what was learned so far is saved" if run.figures["interrupted_by"] else "Saved"
    print(f"{state} in {run.output} after {run.figures['seconds']:.0f} s.")
    return run.figures


def _check_afterwards(kind: str, has_kept: bool, calibrate: bool, threshold: str) -> None:
    """Refuse what could not be done after the training, before it begins.

    Raises:
        ValueError: no rows to validate on, or a kind that has no probabilities, or no threshold.
    """
    if (calibrate or threshold != "half") and not has_kept:
        raise ValueError(
            "calibrate and threshold need rows to validate on. Received: validation_split=0. Give a share, or --validation."
        )
    if calibrate and kind == "regression":
        raise ValueError("calibrate needs probabilities. Received: kind='regression'")
    if threshold != "half" and kind not in ("binary", "multi_label"):
        raise ValueError(
            "threshold is for two labels, or for any of several. "
            f"Received: threshold={threshold!r}, kind={kind!r}. Leave it out."
        )


def _adjusted(model: TextClassifier, kept: Any, calibrate: bool, threshold: str) -> dict[str, Any]:
    """Fit the probabilities, then the threshold, to the rows that are validated on: what was found, as plain data."""
    figures: dict[str, Any] = {}
    if calibrate:
        scaled = calibrate_model(model, texts_of(kept), kept["label"])
        print(f"\nCalibration\n{scaled}")
        figures["calibration"] = scaled.to_dict()
    if threshold != "half":
        model.threshold = choose_threshold(kept["label"], model.predict(texts_of(kept)), threshold, model.labels)
        print(f"\nThreshold, by {threshold}: {model.threshold}")
        figures["threshold"] = plain(model.threshold)
    return figures


def _validated(report: Any, learned: Any, kept: Any, model: TextClassifier, baseline: bool) -> dict[str, Any]:
    """How good the model is on the rows that it was validated on, printed and as plain data."""
    figures = {"validation": report.to_dict()}
    print(f"\nOn the texts to validate on, by which the epoch was chosen\n{report}")
    if model.kind == "regression":
        always = float(np.abs(kept["label"] - learned["label"].mean()).mean())
        figures["validation"]["mae_of_the_mean"] = always
        print(f"mean absolute error of always the mean: {always:.4g}")
    elif baseline and model.kind != "multi_label" and "text_pair" not in learned:
        try:
            guessed = tfidf_baseline(learned["text"], learned["label"], kept["text"])
        except ValueError as error:  # no words to count, or one label only: no reason to lose the trained model
            print(f"\nNo TF-IDF + logistic regression to compare with: {error}")
            return figures
        simple = classification_report(kept["label"], guessed, model.labels)
        print(f"\nTF-IDF + logistic regression, on the same texts\n{simple}")
        figures["validation_tfidf"] = simple.to_dict()
    return figures
