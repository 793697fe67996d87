"""A table of labelled texts and an encoder in, a text classifier out."""

from __future__ import annotations

import pathlib
from typing import Any, Literal

import keras
import numpy as np

from keras_bert_lab.config import OptimizerConfig, check_integer, check_share
from keras_bert_lab.data import check_known_labels, check_labels, read_table
from keras_bert_lab.encoder import set_trainable
from keras_bert_lab.evaluation import classification_report, plot_learning_curves, tfidf_baseline
from keras_bert_lab.formats import open_source
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.recipes.models import is_ours, with_rate
from keras_bert_lab.recipes.runs import LARGEST_SEED, plain, run_of
from keras_bert_lab.recipes.tables import announce_dropped, texts_of
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.training import build_adamw

__all__ = ["train"]

_OPTIMIZER = OptimizerConfig(learning_rate=None)
_RATE = 5e-4

model_selection = LazyModule("sklearn.model_selection", install="scikit-learn")


def _split(table: Any, share: float, seed: int, kind: str) -> tuple[Any, Any]:
    """Rows to learn from and rows to validate on, each label with the same share of both where it has enough rows."""
    if not share:
        return table, None
    if not 1 <= round(share * len(table)) < len(table):
        raise ValueError(
            f"validation_split must leave rows on both sides. Received: validation_split={share} of {len(table)} rows. "
            "Give a larger share, 0, or a table of its own with --validation."
        )
    held_out = max(round(share * len(table)), 1)
    labels = None if kind == "regression" else table["label"]
    if labels is not None and (labels.value_counts().min() < 2 or held_out < labels.nunique()):
        labels = None
    rows = np.arange(len(table))
    learned, kept = model_selection.train_test_split(rows, test_size=held_out, random_state=seed, stratify=labels)
    return table.iloc[np.sort(learned)].reset_index(drop=True), table.iloc[np.sort(kept)].reset_index(drop=True)


def _best_epoch(kind: str) -> keras.callbacks.Callback:
    """Brings back the weights of the epoch with the best validation result."""
    watched = "val_mae" if kind == "regression" else "val_accuracy"
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
    kind: Literal["auto", "binary", "multi_class", "regression"] = "auto",
    validation: pathlib.Path | None = None,
    validation_split: float = 0.1,
    max_length: int | None = None,
    truncate: Literal["round_robin", "waterfall", "longest_first", "head_tail"] | None = None,
    pooling: Literal["cls", "mean", "max"] = "mean",
    dropout: float = 0.1,
    trainable: str = "all",
    optimizer: OptimizerConfig = _OPTIMIZER,
    epochs: int = 3,
    batch_size: int = 32,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
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
        kind: of the answer: one of two labels, one of several, or a number; auto = by the number of labels.
        validation: another table to validate on; else `validation_split` of the rows is held out.
        validation_split: share of the rows to validate on, drawn with `seed`; the epoch with the best result is kept. 0 = none,
            the last epoch is kept.
        max_length: tokens of a text that are read, the rest is cut off; by default as in pretraining.
        truncate: what is cut off: the end, with pairs in one of three ways, or the middle (head_tail: a quarter of what is
            kept is the beginning of the text, which helps with long reviews); by default as in pretraining.
        pooling: how the states of all tokens become one: of the first token, mean, or maximum.
        dropout: share of states, attention weights and pooled states set to 0 in training.
        trainable: which of the encoder's weights are trained: all, none, the last blocks ("last 2"), or those whose names fit a
            pattern.
        optimizer: learning rate (by default 5e-4 for an encoder of ours, 5e-5 for other people's, 2e-5 for large ones),
            warm-up, decay.
        epochs: how often the table is read.
        batch_size: texts in a batch.
        precision: float32, or mixed_bfloat16: faster on processors and GPUs that have it.
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
    with run_of("train", output, overwrite, settings) as run:
        keras.utils.set_random_seed(seed)
        columns: dict[str, Any] = {"text": text, "label": label, "text_pair": text_pair, "encoding": encoding}
        columns |= {"separator": separator, "sheet": sheet, "drop_unusable": drop_unusable}
        columns |= {"label_type": "number" if kind == "regression" else "name"}
        source = open_source(encoder)
        data = read_table(table, **columns)
        announce_dropped(data)
        if kind != "regression":
            check_labels(data["label"], keep_similar=keep_similar_labels)
        if validation is None:
            learned, kept = _split(data, validation_split, seed, kind)
        else:
            learned, kept = data, read_table(validation, **columns)
            announce_dropped(kept)
            if kind != "regression":
                check_known_labels(kept["label"], sorted(set(data["label"])))
        model = TextClassifier.from_opened(
            source,
            None if kind == "regression" else sorted(set(data["label"])),
            kind,
            pooling=pooling,
            dropout=dropout,
            encoder_dropout=dropout,
            max_length=max_length,
            truncate=truncate,
            dtype=precision,
            pairs=text_pair is not None,
        )
        counts = set_trainable(model.encoder, trainable)
        print(
            f"{len(learned):,} texts to learn from, {0 if kept is None else len(kept):,} to validate on; "
            + (f"labels {model.labels}" if model.labels else "numbers"),
            flush=True,
        )
        print(counts, flush=True)
        optimizer = with_rate(optimizer, _RATE if is_ours(source) else None, model.encoder)
        model.compile(build_adamw(optimizer, epochs * -(-len(learned) // batch_size)))
        history = run.fit(
            model,
            texts_of(learned),
            learned["label"],
            batch_size=batch_size,
            epochs=epochs,
            validation_data=None if kept is None else (texts_of(kept), kept["label"]),
            seed=seed,
            callbacks=[] if kept is None else [_best_epoch(model.kind)],
        )
        run.figures |= {
            "learning_rate": optimizer.learning_rate,
            "kind": model.kind,
            "labels": model.labels,
            "texts": len(learned),
            "history": history,
        }
        if kept is not None and run.stopped_by is None:
            with run.measuring():
                run.figures |= _validated(model, learned, kept, baseline)
        if history.get("loss"):
            plot_learning_curves(history, "mae" if model.kind == "regression" else "accuracy").figure.savefig(
                run.folder / "learning_curves.png", dpi=120
            )
        run.save(model)
    state = "Interrupted: what was learned so far is saved" if run.figures["interrupted_by"] else "Saved"
    print(f"{state} in {run.output} after {run.figures['seconds']:.0f} s.")
    return run.figures


def _validated(model: TextClassifier, learned: Any, kept: Any, baseline: bool) -> dict[str, Any]:
    """How good the model is on the rows that it was validated on, printed and as plain data."""
    answers = model.predict_text(texts_of(kept)).label
    if model.kind == "regression":
        mean = np.abs(kept["label"] - learned["label"].mean()).mean()
        errors = {"mae": float(np.abs(kept["label"] - answers).mean()), "mae_of_the_mean": float(mean)}
        print(f"mean absolute error  {errors['mae']:.4g}  (always the mean: {errors['mae_of_the_mean']:.4g})")
        return {"validation": errors}
    report = classification_report(kept["label"], answers, model.labels)
    print(f"\nOn the texts to validate on, by which the epoch was chosen\n{report}")
    figures = {"validation": report.to_dict()}
    if baseline and "text_pair" not in learned:
        try:
            guessed = tfidf_baseline(learned["text"], learned["label"], kept["text"])
        except ValueError as error:  # no words to count, or one label only: no reason to lose the trained model
            print(f"\nNo TF-IDF + logistic regression to compare with: {error}")
            return figures
        simple = classification_report(kept["label"], guessed, model.labels)
        print(f"\nTF-IDF + logistic regression, on the same texts\n{simple}")
        figures["validation_tfidf"] = simple.to_dict()
    return figures
