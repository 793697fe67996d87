"""Texts in, labels out."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping
from typing import Any

import keras
import numpy as np

from keras_bert_lab import contract
from keras_bert_lab.batches import ExampleBatches, as_dataset
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.formats import Checkpoint, TaskFolder, open_source
from keras_bert_lab.heads import ClassificationHead, WindowPooling
from keras_bert_lab.heads.kinds import check_loss, kind_of
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.extra_columns import ExtraColumns
from keras_bert_lab.tasks.labels import encode_labels, label_names
from keras_bert_lab.tasks.parts import Task, check_fit, refuse_settings
from keras_bert_lab.tasks.pretrained import classifier_parts
from keras_bert_lab.tasks.table_inputs import check_table, column_vectors, learned_columns, row_vectors, with_columns
from keras_bert_lab.tasks.text_inputs import (
    check_class_weight,
    in_order_of_texts,
    is_dataset,
    is_table,
    is_texts,
    sample_weights,
    some_texts,
    split_examples,
    texts_of,
    tokenized,
)
from keras_bert_lab.tasks.thresholds import check_threshold, decisions
from keras_bert_lab.tasks.windows import as_rows, by_text, check_windows
from keras_bert_lab.text import Preprocessor, TextCleaner, TextWindows
from keras_bert_lab.training import AdamW, Progress, training_data

__all__ = ["TextClassifier"]

pd = LazyModule("pandas")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class TextClassifier(Task, keras.Model):
    """A Keras model that takes texts (or pairs of texts) and gives probabilities of labels.

    It stays an ordinary `keras.Model`: `fit`, `evaluate` and `predict` take texts as well as batches of token ids, and
    callbacks, `save` and `summary` work as always.

    Args:
        encoder: an Encoder; it is trained along unless `encoder.trainable = False`.
        preprocessor: makes token ids for this encoder.
        labels: names of the labels in the order of the outputs, or the column of labels to find them in; None for regression.
        kind: "binary", "multi_class", "multi_label", "regression", or "auto": binary for two labels, else multi_class.
        pooling: "cls", "mean" or "max".
        dropout: share of the pooled vector set to 0 in training.
        pairs: whether it takes pairs of texts; None = found out by the first `fit`.
        transform: of the head, see `ClassificationHead`.
        threshold: the probability above which `predict_text` and the exported model give the second of two labels, or each of
            several ("multi_label": one number, or one for each label); None = 0.5. An attribute too, see `choose_threshold`. It
            changes no probability, no score, and no metric that Keras watches.
        windows: a text that is longer than the preprocessor's rows is read in up to this many windows, each a row of its own,
            whose pooled vectors become one; None = texts are cut. For single texts, not for pairs.
        stride: most tokens between the beginnings of two windows, see `TextWindows`.
        window_pooling: "mean" or "max" of the windows' vectors.
        columns: what is read beside the text: name of a column -> "number" or "category", or `ExtraColumns`. `fit` on a table
            teaches it the rows that the model is trained on; the vector goes to the head behind the pooled one. All that takes
            texts then takes tables: a DataFrame or a dict with "text" ("text_pair") and these columns.

    Call arguments:
        inputs: string tensor (B,), a list of two such tensors, or the contract dict; with `windows` also the dict of
            `TextWindows`, (B, W, S); with `columns` a dict of tensors, or the contract dict with "input_columns".
        training: whether dropout is on.

    Returns:
        Probabilities float32: (B, 1) for binary (of the second label), (B, C) else; regression: numbers (B, 1).

    Raises:
        ValueError: a preprocessor that does not fit the encoder, labels that do not fit the kind, or impossible windows.

    Reference: Devlin et al. 2018, section 4.1.
    """

    def __init__(
        self,
        encoder: Encoder,
        preprocessor: Preprocessor,
        labels: Any = None,
        kind: str = "auto",
        pooling: str = "cls",
        dropout: float = 0.1,
        pairs: bool | None = None,
        transform: str | None = None,
        threshold: Any = None,
        windows: int | None = None,
        stride: int | None = None,
        window_pooling: str = "mean",
        columns: Mapping[str, str] | ExtraColumns | None = None,
        name: str | None = "text_classifier",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", getattr(encoder, "dtype_policy", None))
        super().__init__(name=name, **kwargs)
        check_fit(encoder, preprocessor)
        if labels is None and kind != "regression":
            raise ValueError(f"labels must name the labels, or hold the column of labels. Received: labels=None, kind={kind!r}")
        self.labels = [] if labels is None else _in_order(labels)
        if kind == "auto":
            kind = "binary" if len(self.labels) == 2 else "multi_class"
        kind_of(kind)
        self.kind = kind
        self.pooling = pooling
        self.uses_pooler = pooling == "cls"
        self.dropout = dropout
        self.pairs = pairs
        self.transform = transform
        self.threshold = threshold
        check_windows(windows, stride, window_pooling, pairs)
        self.windows = windows
        self.stride = stride
        self.window_pooling = window_pooling
        self.text_windows: TextWindows | None = None
        self.window_pooling_layer: WindowPooling | None = None
        if windows is not None:
            self.text_windows = TextWindows(preprocessor, windows, stride)
            self.window_pooling_layer = WindowPooling(window_pooling, dtype=self.dtype_policy, name="window_pooling")
        self.columns = columns if columns is None or isinstance(columns, ExtraColumns) else ExtraColumns(columns)
        self.encoder = encoder
        self.preprocessor = preprocessor
        self.head = ClassificationHead(
            len(self.labels) or 1,
            kind,
            pooling=pooling,
            dropout=dropout,
            initializer_range=encoder.config.initializer_range,
            transform=transform,
            dtype=self.dtype_policy,
            name="head",
        )
        self.build()

    @property
    def threshold(self) -> float | tuple[float, ...] | None:
        """The probability above which a label is given; None = 0.5."""
        return self._threshold

    @threshold.setter
    def threshold(self, threshold: Any) -> None:
        self._threshold = check_threshold(threshold, self.kind, self.labels)

    @classmethod
    def from_pretrained(
        cls,
        source: str | pathlib.Path,
        labels: Any = None,
        kind: str = "auto",
        pooling: str = "cls",
        dropout: float = 0.1,
        max_length: int | None = None,
        truncate: str | None = None,
        cleaner: TextCleaner | None = None,
        ignore: Collection[str] = (),
        **kwargs: Any,
    ) -> TextClassifier:
        """A classifier with a pretrained encoder and a new head; `load_task` brings a head that is trained already.

        Args:
            source: see `load_encoder`.
            labels, kind, pooling, dropout: as in `TextClassifier`; with pooling "cls" the head is that of the encoder's family.
            max_length: tokens of a text that are read, the rest is cut off; by default what the source says.
            truncate: what is cut off, see `Preprocessor`; by default what the source says, else "round_robin".
            cleaner: of the texts, part of the model; None = what the source says, as a rule none.
            ignore: settings of a config file that are known to be harmless.
            **kwargs: of the model, e.g. `windows`, `dtype`, `name`.

        Raises:
            FormatError: nothing there, nothing known; a file that is damaged, not complete, or does not fit.
        """
        settings: dict[str, Any] = {"pooling": pooling, "dropout": dropout, "max_length": max_length, "truncate": truncate}
        settings |= {"cleaner": cleaner}
        return cls.from_opened(open_source(source, ignore), labels, kind, **settings, **kwargs)

    @classmethod
    def from_opened(
        cls,
        opened: TaskFolder | Checkpoint,
        labels: Any = None,
        kind: str = "auto",
        pooling: str = "cls",
        dropout: float = 0.1,
        encoder_dropout: float | None = None,
        max_length: int | None = None,
        truncate: str | None = None,
        cleaner: TextCleaner | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> TextClassifier:
        """The same from a model that was looked at already; `encoder_dropout` is the encoder's own, None = as in the source."""
        encoder, preprocessor, transform = classifier_parts(
            opened, pooling, encoder_dropout, max_length, truncate, dtype, cleaner
        )
        return cls(encoder, preprocessor, labels, kind, pooling=pooling, dropout=dropout, transform=transform, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        if not self.built:
            more = 0 if self.columns is None else self.columns.width
            self.head.build((None, self.encoder.config.hidden_size + more))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not isinstance(inputs, Mapping) or is_table(inputs):
            inputs = self.inputs_of(inputs)
        if self.window_pooling_layer is None and self.columns is None:
            return self.head(self.encoder(inputs), padding_mask=inputs[contract.MASK])
        rows = {key: as_rows(inputs[key]) for key in contract.INPUT_KEYS}  # (B, W, S) -> (B W, S)
        vectors = self.head.pooling_layer(self.encoder(rows), padding_mask=rows[contract.MASK])  # (B W, H)
        if self.window_pooling_layer is not None:
            vectors = self.window_pooling_layer(*by_text(vectors, inputs[contract.MASK]))  # (B, H)
        if self.columns is not None:
            vectors = with_columns(vectors, inputs, self.columns.width)
        return self.head(vectors)

    def compile(self, optimizer: Any = "auto", loss: Any = "auto", metrics: Any = "auto", **kwargs: Any) -> None:
        """Like `keras.Model.compile`; what is left out follows from the kind.

        Args:
            optimizer: "auto" = AdamW with a learning rate of 5e-5.
            loss: "auto" = the loss of the kind; one of another kind is refused.
            metrics: "auto" = accuracy, or the mean absolute error for regression.
            **kwargs: as in `keras.Model.compile`.
        """
        chosen = kind_of(self.kind)
        if isinstance(loss, str) and loss == "auto":
            loss = chosen.loss()
        else:
            check_loss(chosen, loss)
        super().compile(
            optimizer=AdamW(5e-5) if isinstance(optimizer, str) and optimizer == "auto" else optimizer,
            loss=loss,
            metrics=chosen.metrics() if isinstance(metrics, str) and metrics == "auto" else metrics,
            **kwargs,
        )

    def batches(
        self,
        texts: Any,
        labels: Any = None,
        batch_size: int = 32,
        seed: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        sample_weight: Any = None,
        learned: ExtraColumns | None = None,
    ) -> ExampleBatches:
        """Texts, tokenised once, as numbered batches of similar length; for `as_dataset` and own training loops.

        Args:
            texts: texts or pairs of texts.
            labels: one for each text, by name or number; None = no targets.
            batch_size: texts in a batch.
            seed: shuffles; None = no shuffling.
            class_weight: weights by label name or number; or "balanced": all labels weigh the same in sum.
            sample_weight: one number for each text.
            learned: what the extra columns have learned, where it is not yet the model's.
        """
        check_table(self.columns, texts)
        columns = some_texts(texts)
        if self.pairs is not None and self.pairs != (len(columns) == 2):
            raise ValueError(
                f"This model was made for {'pairs of texts' if self.pairs else 'single texts'}. "
                f"Received: {'pairs' if len(columns) == 2 else 'single texts'}"
            )
        targets = weights = None
        if labels is not None:
            targets = encode_labels(labels, self.labels, self.kind)
            if len(targets) != int(columns[0].shape[0]):
                raise ValueError(
                    f"There must be one label for each text. Received: {int(columns[0].shape[0])} texts, {len(targets)} labels"
                )
            weights = sample_weights(targets, self.labels, class_weight, sample_weight, self.kind)
        vectors = row_vectors(learned or self.columns, texts, int(columns[0].shape[0]))
        rows = tokenized(self.text_windows or self.preprocessor, columns)
        pad_id = self.preprocessor.tokenizer.vocabulary.pad_id
        return ExampleBatches(rows, pad_id, batch_size, targets, weights, seed, self.preprocessor.row_length, vectors)

    def inputs_of(self, texts: Any) -> dict[str, Any]:
        """What the model takes, out of texts or a table: the contract dict, (B, S), or (B, W, S) with `windows`."""
        check_table(self.columns, texts)
        inputs = (self.text_windows or self.preprocessor)(texts_of(texts))
        return inputs if self.columns is None else {**inputs, contract.COLUMNS: column_vectors(self.columns, texts)}

    def _dataset_of(self, x: Any) -> Any:
        """A `tf.data.Dataset` of (texts, labels) batches -> one of (token ids, targets) batches; others stay as they are."""
        if isinstance(_texts_of(x), Mapping) and not is_table(_texts_of(x)):
            return x

        def prepared(texts: Any, *rest: Any) -> Any:
            inputs = self.inputs_of(texts)
            return (inputs, *rest) if rest else inputs

        return x.map(prepared)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: list[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
        sample_weight: Any = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Train on texts and labels; on anything else exactly as `keras.Model.fit`.

        Texts are tokenised once and put into batches of similar length; order and batches are a pure function of `seed`.

        Args:
            x: texts or pairs of texts (lists, Series, arrays, tensors), a table of them (a DataFrame or a dict with "text" and,
                for pairs, "text_pair"), or a `tf.data.Dataset` of (texts, targets) batches.
            y: labels, by name or number.
            batch_size: texts in a batch; 32 by default.
            epochs, verbose, callbacks: as in `keras.Model.fit`; with `verbose` a `Progress` bar is shown.
            validation_split: share of the texts held out, drawn with `seed`; of each label the same share, for one of several
                labels, unless there are too few texts.
            validation_data: (texts, labels) or (texts, labels, weights), or a `tf.data.Dataset`.
            class_weight: weights by label name or number; or "balanced": all labels weigh the same in sum. Texts that are held
                out have none, as in Keras.
            sample_weight: one number for each text.
            seed: of the order.
            **kwargs: as in `keras.Model.fit`.
        """
        callbacks = list(callbacks or [])
        if is_dataset(x):
            given, x = _texts_of(x), self._dataset_of(x)
            if self.pairs is None and (is_table(given) or not isinstance(given, Mapping)):
                self.pairs = isinstance(texts_of(given), tuple)
        if not is_texts(x):
            if isinstance(class_weight, str):
                raise ValueError(
                    f"class_weight must be weights by number where x holds no texts. Received: class_weight={class_weight!r}"
                )
            if is_dataset(validation_data):
                validation_data = self._dataset_of(validation_data)
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                validation_split=validation_split,
                validation_data=validation_data,
                class_weight=class_weight,
                sample_weight=sample_weight,
                **kwargs,
            )
        if y is None:
            raise ValueError("fit on texts needs their labels. Received: y=None")
        refuse_settings(kwargs)
        check_class_weight(class_weight, self.labels, self.kind)
        size = batch_size or 32
        parts = None
        if validation_split and validation_data is None:
            parts = split_examples(encode_labels(y, self.labels, self.kind), validation_split, seed, self.kind)
        learned = learned_columns(self.columns, x, None if parts is None else parts[0])
        train = self.batches(x, y, size, seed, sample_weight=sample_weight, learned=learned)
        self.pairs, self.columns = len(some_texts(x)) == 2, learned  # only now: what is refused decides nothing
        if is_dataset(validation_data):
            validation_data = self._dataset_of(validation_data)
        elif validation_data is not None:
            texts, targets, *weights = validation_data
            held_out = self.batches(texts, targets, size, sample_weight=weights[0] if weights else None)
            validation_data = as_dataset(held_out, epochs=1)
        elif parts is not None:
            train, held_out = train.subset(parts[0]), train.subset(parts[1], shuffle=False)
            validation_data = as_dataset(held_out, epochs=1)
        # Only now: "balanced" means the texts that are learned from, and texts that are held out count as they are.
        if class_weight is not None and train.targets is not None:
            train.weights = sample_weights(train.targets, self.labels, class_weight, train.weights, self.kind)
        if verbose:
            callbacks.append(Progress(train))
        return super().fit(
            training_data(train, callbacks, kwargs.get("initial_epoch", 0)),
            steps_per_epoch=train.steps_per_epoch,
            epochs=epochs,
            verbose=0,
            shuffle=False,  # the batches come shuffled
            callbacks=callbacks,
            validation_data=validation_data,
            **kwargs,
        )

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """Loss and metrics on texts and labels; on anything else exactly as `keras.Model.evaluate`."""
        if is_texts(x):
            if y is None:
                raise ValueError("evaluate on texts needs their labels. Received: y=None")
            x, y = as_dataset(self.batches(x, y, batch_size or 64, sample_weight=sample_weight), epochs=1), None
            batch_size = sample_weight = None
        elif is_dataset(x):
            x = self._dataset_of(x)
        return super().evaluate(x, y, batch_size=batch_size, sample_weight=sample_weight, **kwargs)

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = 0, **kwargs: Any) -> Any:
        """Outputs for texts, in their order, as a NumPy array; for anything else exactly as `keras.Model.predict`.

        Numbered batches that `batches` made go one by one through `predict_on_batch`: for tables of any size, since each data
        set that `keras.Model.predict` reads keeps some memory.
        """
        if hasattr(x, "indices") and hasattr(x, "steps_per_epoch"):
            found = np.concatenate([self.predict_on_batch(x.batch(step)[0]) for step in range(x.steps_per_epoch)])
            return in_order_of_texts(x, found)
        if not is_texts(x):
            x = self._dataset_of(x) if is_dataset(x) else x
            return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)
        batches = self.batches(x, batch_size=batch_size or 64)
        found = super().predict(as_dataset(batches, epochs=1), verbose=verbose, **kwargs)
        return in_order_of_texts(batches, found)

    def predict_text(self, texts: Any, batch_size: int = 64) -> Any:
        """A table with one row for each text, in their order.

        Returns:
            A pandas DataFrame: `label` (the most probable one, or what `threshold` makes of it; a list of those above it for
            multi_label; the number for regression), `score` (the highest probability), `probabilities` (dict: label ->
            probability).
        """
        outputs = self.predict(texts, batch_size=batch_size)
        if self.kind == "regression":
            numbers = outputs[:, 0].astype(float)
            return pd.DataFrame({"label": numbers, "score": numbers, "probabilities": [{} for _ in numbers]})
        if self.kind == "binary":
            outputs = np.concatenate([1.0 - outputs, outputs], axis=1)
        tables = [dict(zip(self.labels, map(float, row), strict=True)) for row in outputs]
        best = decisions(outputs, self.labels, self.kind, self.threshold)
        return pd.DataFrame({"label": best, "score": outputs.max(axis=1).astype(float), "probabilities": tables})

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "labels": self.labels or None,
            "kind": self.kind,
            "pooling": self.pooling,
            "dropout": self.dropout,
            "pairs": self.pairs,
            "transform": self.transform,
            "threshold": self.threshold,
            "windows": self.windows,
            "stride": self.stride,
            "window_pooling": self.window_pooling,
            "columns": None if self.columns is None else self.columns.get_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> TextClassifier:
        columns = config.get("columns")
        made = None if columns is None else ExtraColumns.from_config(columns)
        return super().from_config({**config, "columns": made}, custom_objects)


def _texts_of(dataset: Any) -> Any:
    """What the first part of a data set's batches is: a spec of texts, a tuple of two, or a dict of token ids."""
    return dataset.element_spec[0] if isinstance(dataset.element_spec, tuple) else dataset.element_spec


def _in_order(labels: Any) -> list[str]:
    """Names given in an order of their own stay in it; a column of labels is reduced to its different names."""
    values = list(labels)
    if values and all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
        return values
    return label_names(labels)
