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
from keras_bert_lab.heads import ClassificationHead
from keras_bert_lab.heads.kinds import check_loss, kind_of
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.labels import encode_labels, label_names
from keras_bert_lab.tasks.parts import Task, check_fit, refuse_settings
from keras_bert_lab.tasks.pretrained import classifier_parts
from keras_bert_lab.tasks.text_inputs import (
    check_class_weight,
    is_dataset,
    is_texts,
    sample_weights,
    some_texts,
    split_batches,
    tokenized,
)
from keras_bert_lab.text import Preprocessor
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

    Call arguments:
        inputs: string tensor (B,), a list of two such tensors, or the contract dict.
        training: whether dropout is on.

    Returns:
        Probabilities float32: (B, 1) for binary (of the second label), (B, C) else; regression: numbers (B, 1).

    Raises:
        ValueError: a preprocessor that does not fit the encoder, or labels that do not fit the kind.

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
        ignore: Collection[str] = (),
        **kwargs: Any,
    ) -> TextClassifier:
        """A classifier with a pretrained encoder and a new head; `load_task` brings a head that is trained already.

        Args:
            source: see `load_encoder`.
            labels, kind, pooling, dropout: as in `TextClassifier`; with pooling "cls" the head is that of the encoder's family.
            max_length: tokens of a text that are read, the rest is cut off; by default what the source says.
            truncate: what is cut off, see `Preprocessor`; by default what the source says, else "round_robin".
            ignore: settings of a config file that are known to be harmless.
            **kwargs: of the model, e.g. `dtype`, `name`.

        Raises:
            FormatError: nothing there, nothing known; a file that is damaged, not complete, or does not fit.
        """
        settings: dict[str, Any] = {"pooling": pooling, "dropout": dropout, "max_length": max_length, "truncate": truncate}
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
        dtype: Any = None,
        **kwargs: Any,
    ) -> TextClassifier:
        """The same from a model that was looked at already; `encoder_dropout` is the encoder's own, None = as in the source."""
        encoder, preprocessor, transform = classifier_parts(opened, pooling, encoder_dropout, max_length, truncate, dtype)
        return cls(encoder, preprocessor, labels, kind, pooling=pooling, dropout=dropout, transform=transform, **kwargs)

    def build(self, input_shape: Any = None) -> None:
        if not self.built:
            self.head.build({contract.SEQUENCE_OUTPUT: (None, None, self.encoder.config.hidden_size)})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not isinstance(inputs, Mapping):
            inputs = self.preprocessor(inputs)
        return self.head(self.encoder(inputs), padding_mask=inputs[contract.MASK])

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
    ) -> ExampleBatches:
        """Texts, tokenised once, as numbered batches of similar length; for `as_dataset` and own training loops.

        Args:
            texts: texts or pairs of texts.
            labels: one for each text, by name or number; None = no targets.
            batch_size: texts in a batch.
            seed: shuffles; None = no shuffling.
            class_weight: weights by label name or number; or "balanced": all labels weigh the same in sum.
            sample_weight: one number for each text.
        """
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
        rows = tokenized(self.preprocessor, columns)
        pad_id = self.preprocessor.tokenizer.vocabulary.pad_id
        return ExampleBatches(rows, pad_id, batch_size, targets, weights, seed, self.preprocessor.row_length)

    def _dataset_of(self, x: Any) -> Any:
        """A `tf.data.Dataset` of (texts, labels) batches -> one of (token ids, targets) batches; others stay as they are."""
        if isinstance(_texts_of(x), Mapping):
            return x

        def prepared(texts: Any, *rest: Any) -> Any:
            inputs = self.preprocessor(texts)
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
            x: texts or pairs of texts (lists, Series, arrays, tensors), or a `tf.data.Dataset` of (texts, targets) batches.
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
            if self.pairs is None and not isinstance(_texts_of(x), Mapping):
                self.pairs = isinstance(_texts_of(x), tuple)
            x = self._dataset_of(x)
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
        train = self.batches(x, y, size, seed, sample_weight=sample_weight)
        self.pairs = len(some_texts(x)) == 2  # only now: what is refused decides nothing
        if is_dataset(validation_data):
            validation_data = self._dataset_of(validation_data)
        elif validation_data is not None:
            texts, targets, *weights = validation_data
            held_out = self.batches(texts, targets, size, sample_weight=weights[0] if weights else None)
            validation_data = as_dataset(held_out, epochs=1)
        elif validation_split:
            train, held_out = split_batches(train, validation_split, seed, self.kind)
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
        """Outputs for texts, in their order, as a NumPy array; for anything else exactly as `keras.Model.predict`."""
        if not is_texts(x):
            x = self._dataset_of(x) if is_dataset(x) else x
            return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)
        batches = self.batches(x, batch_size=batch_size or 64)
        found = super().predict(as_dataset(batches, epochs=1), verbose=verbose, **kwargs)
        order = np.concatenate([batches.indices(step) for step in range(batches.steps_per_epoch)])
        outputs = np.empty_like(found)
        outputs[order] = found
        return outputs

    def predict_text(self, texts: Any, batch_size: int = 64) -> Any:
        """A table with one row for each text, in their order.

        Returns:
            A pandas DataFrame: `label` (the most probable one; a list of those above 0.5 for multi_label; the number for
            regression), `score` (its probability; the highest one for multi_label), `probabilities` (dict: label ->
            probability).
        """
        outputs = self.predict(texts, batch_size=batch_size)
        if self.kind == "regression":
            numbers = outputs[:, 0].astype(float)
            return pd.DataFrame({"label": numbers, "score": numbers, "probabilities": [{} for _ in numbers]})
        if self.kind == "binary":
            outputs = np.concatenate([1.0 - outputs, outputs], axis=1)
        tables = [dict(zip(self.labels, map(float, row), strict=True)) for row in outputs]
        best: list[Any] = [self.labels[place] for place in outputs.argmax(axis=1)]
        if self.kind == "multi_label":
            best = [[label for label, probability in table.items() if probability > 0.5] for table in tables]
        return pd.DataFrame({"label": best, "score": outputs.max(axis=1).astype(float), "probabilities": tables})

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "labels": self.labels or None,
            "kind": self.kind,
            "pooling": self.pooling,
            "dropout": self.dropout,
            "pairs": self.pairs,
            "transform": self.transform,
        }


def _texts_of(dataset: Any) -> Any:
    """What the first part of a data set's batches is: a spec of texts, a tuple of two, or a dict of token ids."""
    return dataset.element_spec[0] if isinstance(dataset.element_spec, tuple) else dataset.element_spec


def _in_order(labels: Any) -> list[str]:
    """Names given in an order of their own stay in it; a column of labels is reduced to its different names."""
    values = list(labels)
    if values and all(isinstance(value, str) for value in values) and len(set(values)) == len(values):
        return values
    return label_names(labels)
