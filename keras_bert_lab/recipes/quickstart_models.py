"""The models of the quickstart: one that is pretrained on the spot, and classifiers made of any."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

import keras

from keras_bert_lab.config import EncoderConfig, MaskingConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.recipes.quickstart_settings import QuickstartSettings
from keras_bert_lab.tasks import MaskedLanguageModel, TextClassifier
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import AdamW, LinearWarmupDecay

__all__ = ["FineTuned", "fine_tune", "pretrain_here"]

_BATCH_SIZE = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuned:
    """A classifier, and how it was made.

    Attributes:
        name: of its encoder.
        language_model: what its encoder comes from.
        classifier: the classifier, with the weights of its best epoch.
        history: of the fine-tuning.
        seconds: of the fine-tuning.
    """

    name: str
    language_model: MaskedLanguageModel
    classifier: TextClassifier
    history: dict[str, list[float]]
    seconds: float

    @property
    def validation(self) -> tuple[float, float]:
        """Accuracy on the reviews held out of its training, and minus its loss there, in the epoch that was kept."""
        accuracies = self.history["val_accuracy"]
        kept = accuracies.index(max(accuracies))  # the first of the best, as EarlyStopping has it
        return accuracies[kept], -self.history["val_loss"][kept]


def pretrain_here(documents: list[str], tokenizer: Any, settings: QuickstartSettings, seed: int) -> MaskedLanguageModel:
    """A new language model, trained on the documents."""
    config = EncoderConfig(
        vocab_size=len(tokenizer.vocabulary),
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        num_heads=max(1, settings.hidden_size // 64),
        intermediate_size=4 * settings.hidden_size,
        max_positions=settings.max_length,
        dropout=0.0,  # few words and little time: what is seen should be learned
        attention_dropout=0.0,
    )
    model = MaskedLanguageModel(Encoder(config), Preprocessor(tokenizer, max_length=settings.max_length))
    how: dict[str, Any] = {
        "batch_size": settings.pretraining_batch_size,
        "sequence_length": settings.max_length,
        "masking": MaskingConfig(),
        "seed": seed,
    }
    steps = settings.pretraining_epochs * model.batches(documents, **how).steps_per_epoch
    model.compile(AdamW(LinearWarmupDecay(settings.pretraining_rate, steps, steps // 10)))
    model.fit(documents, epochs=settings.pretraining_epochs, **how)
    return model


def fine_tune(
    name: str,
    model: MaskedLanguageModel,
    train: Any,
    log: pathlib.Path,
    rate: float,
    epochs: int,
    settings: QuickstartSettings,
    seed: int,
) -> FineTuned:
    """A classifier with a copy of a language model's encoder, trained on labelled reviews.

    Args:
        name: of the encoder.
        model: the language model; it stays as it is.
        train: a table with columns `text` and `label`; with one seed, the same of its rows are always held out.
        log: file for the figures of each epoch.
        rate: highest learning rate.
        epochs: how often the reviews are read.
        settings: of the quickstart.
        seed: of order, dropout and the rows held out.
    """
    preprocessor = Preprocessor(model.preprocessor.tokenizer, max_length=settings.max_length)
    classifier = TextClassifier(model.encoder.copy(dropout=0.1), preprocessor, labels=train.label, pooling="mean")
    steps = epochs * -(-int(len(train) * (1 - settings.validation_split)) // _BATCH_SIZE)
    classifier.compile(AdamW(LinearWarmupDecay(rate, steps, steps // 10)))
    began = time.perf_counter()
    history = classifier.fit(
        train.text,
        train.label,
        batch_size=_BATCH_SIZE,
        epochs=epochs,
        validation_split=settings.validation_split,
        seed=seed,
        callbacks=[
            keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=4, restore_best_weights=True),
            keras.callbacks.CSVLogger(str(log)),
        ],
    )
    seconds = time.perf_counter() - began
    return FineTuned(name=name, language_model=model, classifier=classifier, history=history.history, seconds=seconds)
