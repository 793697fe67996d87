"""A model, its texts, and all that one does with them until the model can be trusted."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from keras_bert_lab.config import check_integer
from keras_bert_lab.data import check_known_labels, check_labels
from keras_bert_lab.data.splits import split_rows
from keras_bert_lab.encoder import set_trainable
from keras_bert_lab.encoder.set_trainable import TrainableCounts
from keras_bert_lab.evaluation import (
    TemperatureScaling,
    calibrate,
    choose_threshold,
    compare_baselines,
    most_uncertain,
    plot_learning_curves,
    plot_learning_rate_search,
    top_losses,
)
from keras_bert_lab.lab.run_folder import keep_run
from keras_bert_lab.lab.table_reports import report_on, texts_of
from keras_bert_lab.tasks import TextClassifier
from keras_bert_lab.training import (
    AdamW,
    AutofitResult,
    GradualUnfreezing,
    LearningRateSearch,
    autofit,
    learning_rates_of,
    lr_find,
    named_schedule,
)

__all__ = ["Lab"]


class Lab:
    """Trains a text classifier on a table, looks at it and measures it, step by step; every part works without the others.

        lab = kbl.Lab(model, train, validation=0.1)
        lab.lr_find()
        lab.fit_one_cycle(lr=5e-5, epochs=3)
        print(lab.report(test))

    The model stays an ordinary Keras model: `lab.model.fit` may be called in between, and nothing is hidden from it.

    Args:
        model: a TextClassifier. Each `fit` of the lab compiles it with a new optimizer and goes on with its weights.
        train: a DataFrame as `read_table` gives it: columns `text`, `label` and, for pairs, `text_pair`.
        validation: share of the rows that is held out, the same of each label; or a table of its own; 0 = none.
        batch_size: texts in a batch.
        seed: of the split, the order and dropout.
        class_weight: weights by label, or "balanced".
        optimizer: makes the optimizer from a learning rate or schedule, such as `keras.optimizers.Adam`, or
            `functools.partial(kbl.AdamW, layer_decay=0.9)`.
        loss: "auto" = the loss of the model's kind; or such as `kbl.FocalLoss()`.
        metrics: as in `TextClassifier.compile`.

    Attributes:
        train, validation: the tables; `validation` is None where there is none.
        history: figures of all epochs so far, as `History.history`.
        steps: what was done: dicts with `step`, its settings, `seconds`.
        search: what `lr_find` found last, or None.

    Raises:
        DataError: labels that cannot be learned from.
        TypeError: no TextClassifier, or no table.
        ValueError: a number out of range.
    """

    def __init__(
        self,
        model: TextClassifier,
        train: Any,
        validation: Any = 0.1,
        *,
        batch_size: int = 32,
        seed: int = 0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        optimizer: Callable[[Any], keras.optimizers.Optimizer] = AdamW,
        loss: Any = "auto",
        metrics: Any = "auto",
    ) -> None:
        if not isinstance(model, TextClassifier):
            raise TypeError(f"model must be a TextClassifier. Received: {type(model).__name__}")
        check_integer("batch_size", batch_size, 1)
        check_integer("seed", seed, 0)
        self.model = model
        self.batch_size = batch_size
        self.seed = seed
        self.class_weight = class_weight
        self.train, self.validation = self._split(_checked("train", train), validation)
        for table in (self.train, self.validation):
            self._check_labels(table)
        self._how: dict[str, Any] = {"loss": loss, "metrics": metrics}
        self._optimizer = optimizer
        self.history: dict[str, list[Any]] = {}
        self.steps: list[dict[str, Any]] = []
        self.search: LearningRateSearch | None = None

    def _split(self, train: Any, validation: Any) -> tuple[Any, Any]:
        if hasattr(validation, "columns"):
            return train, _checked("validation", validation)
        if not validation:
            return train, None
        labels = train["label"].tolist() if self.model.kind in ("binary", "multi_class") else None
        learned, kept = split_rows(len(train), validation, self.seed, labels)
        return train.iloc[learned].reset_index(drop=True), train.iloc[kept].reset_index(drop=True)

    def _check_labels(self, table: Any) -> None:
        if table is None or self.model.kind == "regression":
            return
        if table is self.train:
            check_labels(table["label"], keep_similar=True)
        check_known_labels(table["label"], self.model.labels)

    def _table(self, table: Any) -> Any:
        """The table that was given, else the one that is validated on."""
        if table is not None:
            return _checked("table", table)
        if self.validation is None:
            raise ValueError("table must be given where there are no rows to validate on. Received: table=None, validation=0")
        return self.validation

    def _note(self, step: str, began: float, **settings: Any) -> None:
        self.steps.append({"step": step, **settings, "seconds": round(time.perf_counter() - began, 1)})

    def _compile(self, rate: Any) -> None:
        self.model.compile(self._optimizer(rate), **self._how)

    def set_trainable(self, what: str | Sequence[str]) -> TrainableCounts:
        """Choose what of the encoder is trained from now on: "all", "none" (the head alone), "last 2", or patterns."""
        counts = set_trainable(self.model.encoder, what)
        self._note("set_trainable", time.perf_counter(), what=what)
        return counts

    def learning_rates(self, lr: float) -> Any:
        """How fast each layer would learn with this rate: a table, see `learning_rates_of`."""
        self._compile(lr)
        return learning_rates_of(self.model)

    def lr_find(self, **settings: Any) -> LearningRateSearch:
        """Search for a learning rate; the model stays as it is.

        Args:
            **settings: as in `keras_bert_lab.lr_find`: `start`, `stop`, `steps`, ...
        """
        began = time.perf_counter()
        self._compile(1e-3)
        how = {"batch_size": self.batch_size, "seed": self.seed, "class_weight": self.class_weight} | settings
        self.search = lr_find(self.model, texts_of(self.train), self.train["label"], **how)
        self._note("lr_find", began, suggestion=self.search.suggestion)
        return self.search

    def fit(
        self,
        lr: float,
        epochs: int = 1,
        schedule: str = "linear",
        callbacks: Sequence[keras.callbacks.Callback] = (),
        verbose: Any = "auto",
    ) -> keras.callbacks.History:
        """Train for some epochs.

        Args:
            lr: the highest learning rate.
            epochs: how often the texts are read.
            schedule: "linear" or "cosine", both after a warm-up of a tenth of the steps; "one_cycle"; "triangular", up and down
                in each epoch; "constant".
            callbacks: of Keras; `ResumableTraining` among them.
            verbose: as in `fit`.

        Raises:
            ValueError: a number out of range, or an unknown schedule.
        """
        check_integer("epochs", epochs, 1)
        began = time.perf_counter()
        steps = -(-len(self.train) // self.batch_size)
        self._compile(named_schedule(schedule, lr, epochs * steps, steps_per_epoch=steps))
        found = self.model.fit(
            texts_of(self.train),
            self.train["label"],
            batch_size=self.batch_size,
            epochs=epochs,
            validation_data=None if self.validation is None else (texts_of(self.validation), self.validation["label"]),
            class_weight=self.class_weight,
            seed=self.seed + len(self.steps),  # another order than in an earlier fit
            callbacks=list(callbacks),
            verbose=verbose,
        )
        self._remember(found.history)
        self._note("fit", began, lr=lr, epochs=epochs, schedule=schedule)
        return found

    def _remember(self, history: Mapping[str, Sequence[Any]]) -> None:
        for name, values in history.items():
            self.history.setdefault(name, []).extend(values)

    def fit_one_cycle(self, lr: float, epochs: int = 1, **settings: Any) -> keras.callbacks.History:
        """`fit` with one cycle of the learning rate over all epochs.

        Reference: Smith 2018, "A disciplined approach to neural network hyper-parameters".
        """
        return self.fit(lr, epochs, schedule="one_cycle", **settings)

    def fit_gradually(self, lr: float, epochs: int = 4, **settings: Any) -> keras.callbacks.History:
        """`fit` that trains the head alone at first, and one more block of the encoder in each epoch, the last ones first.

        Reference: Howard and Ruder 2018, "ULMFiT", section 3.3.
        """
        return self.fit(lr, epochs, callbacks=[GradualUnfreezing()], **settings)

    def autofit(self, lr: float | None = None, **settings: Any) -> AutofitResult:
        """Train until it gets no better, without choosing anything.

        Args:
            lr: the highest learning rate; None = that of `lr_find`.
            **settings: as in `keras_bert_lab.autofit`: `max_epochs`, `patience`, ...
        """
        began = time.perf_counter()
        self._compile(lr or 5e-5)
        validation = self._table(None)
        how = {"batch_size": self.batch_size, "seed": self.seed, "class_weight": self.class_weight, "rate": lr} | settings
        found = autofit(
            self.model,
            texts_of(self.train),
            self.train["label"],
            validation=(texts_of(validation), validation["label"]),
            **how,
        )
        self._remember(found.history)
        self._note("autofit", began, lr=found.rate, best_epoch=found.best_epoch, reason=found.reason)
        return found

    def report(self, table: Any = None) -> Any:
        """How good the model is on a table, or on the rows that it is validated on; see `report_on`."""
        return report_on(self.model, self._table(table), seed=self.seed)

    def top_losses(self, n: int = 10, table: Any = None) -> Any:
        """The texts that the model gets most wrong, see `keras_bert_lab.top_losses`."""
        table = self._table(table)
        return top_losses(self.model, texts_of(table), table["label"], n)

    def most_uncertain(self, n: int = 10, table: Any = None) -> Any:
        """The texts that the model is least sure of, see `keras_bert_lab.most_uncertain`."""
        return most_uncertain(self.model, texts_of(self._table(table)), n)

    def calibrate(self) -> TemperatureScaling:
        """Make the probabilities fit how often the model is right on the rows that it is validated on; see `calibrate`."""
        began, table = time.perf_counter(), self._table(None)
        found = calibrate(self.model, texts_of(table), table["label"])
        self._note("calibrate", began, temperature=found.temperature)
        return found

    def choose_threshold(self, metric: str = "mcc") -> Any:
        """The threshold above which a label is given, chosen on the rows that are validated on; the model keeps it.

        For "binary" and "multi_label"; see `keras_bert_lab.choose_threshold`.
        """
        began, table = time.perf_counter(), self._table(None)
        outputs = self.model.predict(texts_of(table))
        self.model.threshold = choose_threshold(table["label"], outputs, metric, self.model.labels)
        self._note("choose_threshold", began, metric=metric, threshold=self.model.threshold)
        return self.model.threshold

    def baselines(self, table: Any = None, pretrained: TextClassifier | None = None) -> Any:
        """The model beside simple ones that learn from the same texts: is BERT worth it here? See `compare_baselines`.

        Args:
            table: to measure on; None = the rows that it is validated on.
            pretrained: a classifier with the encoder as it was before, for the row of a frozen encoder.
        """
        seconds = sum(step["seconds"] for step in self.steps if step["step"] in ("fit", "autofit"))
        return compare_baselines(
            self.train, self._table(table), pretrained, self.model, fine_tuned_seconds=seconds, seed=self.seed
        )

    def plot_history(self, metric: str = "loss", ax: Any = None) -> Any:
        """A figure over all epochs so far; gives the axes."""
        return plot_learning_curves(self.history, metric, ax)

    def plot_lr_find(self, ax: Any = None) -> Any:
        """The picture of the last `lr_find`; gives the axes.

        Raises:
            ValueError: there was none.
        """
        if self.search is None:
            raise ValueError("plot_lr_find needs a search. Received: none yet. Call lr_find() first.")
        return plot_learning_rate_search(self.search, ax)

    def keep(self, folder: str | pathlib.Path, test: Any = None, overwrite: bool = False) -> pathlib.Path:
        """Write the model, what was done, figures, pictures and a model card into a new folder; see `keep_run`."""
        tables = {"validation": self.validation} | ({} if test is None else {"test": _checked("test", test)})
        return keep_run(
            self.model,
            folder,
            settings={"batch_size": self.batch_size, "seed": self.seed, "class_weight": self.class_weight},
            steps=self.steps,
            history=self.history,
            train=self.train,
            tables={name: table for name, table in tables.items() if table is not None},
            search=self.search,
            overwrite=overwrite,
        )

    def __repr__(self) -> str:
        held_out = 0 if self.validation is None else len(self.validation)
        return f"<Lab: {self.model.name}, {len(self.train):,} texts to learn from, {held_out:,} to validate on>"


def _checked(name: str, table: Any) -> Any:
    if not hasattr(table, "columns") or not {"text", "label"} <= set(table.columns):
        received = list(table.columns) if hasattr(table, "columns") else type(table).__name__
        raise TypeError(f"{name} must be a table with the columns text and label, as read_table gives it. Received: {received}")
    return table
