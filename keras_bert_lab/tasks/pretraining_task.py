"""What the tasks that pretrain have in common: where their batches come from, and what is shown of their training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from keras_bert_lab.batches import PretrainingBatches
from keras_bert_lab.config import MaskingConfig
from keras_bert_lab.tasks import pretraining_figures as figures
from keras_bert_lab.tasks.parts import Task
from keras_bert_lab.tasks.pretraining_inputs import evaluation_arguments, fit_arguments, pretraining_batches
from keras_bert_lab.training import AdamW

__all__ = ["PretrainingTask"]


class PretrainingTask(Task):
    """Mixed into a `keras.Model` that learns from packed and masked rows.

    Attributes:
        next_sentence: whether it learns from pairs of sentences.
        label: shown in front of the progress bar.
    """

    next_sentence: bool
    label = "pretraining"
    _means: figures.Means | None = None

    def _new_means(self) -> figures.Means | None:
        """What is shown beside loss and accuracy of the masked tokens."""
        raise NotImplementedError

    def _loss_of(self, token_loss: Any, means: dict[str, Any]) -> Any:
        """The loss of the whole epoch, where there are such means."""
        raise NotImplementedError

    def compile(self, optimizer: Any = "auto", loss: Any = None, weighted_metrics: Any = "auto", **kwargs: Any) -> None:
        """Like `keras.Model.compile`; the loss is that of the task.

        Args:
            optimizer: "auto" = AdamW with a learning rate of 1e-4.
            loss: the task has its own; anything but None is refused.
            weighted_metrics: of the masked tokens; "auto" = loss per token and accuracy. With None or an empty list only the
                loss is shown.
            **kwargs: as in `keras.Model.compile`.
        """
        if loss is not None:
            raise ValueError(f"loss of a {type(self).__name__} is its own. Received: loss={loss!r}. Leave it out.")
        if isinstance(weighted_metrics, str) and weighted_metrics == "auto":
            weighted_metrics = figures.token_metrics()
        self._means = self._new_means() if weighted_metrics else None
        super().compile(  # type: ignore[misc]
            optimizer=AdamW(1e-4) if isinstance(optimizer, str) and optimizer == "auto" else optimizer,
            weighted_metrics=weighted_metrics,
            **kwargs,
        )

    @property
    def metrics(self) -> list[Any]:
        return [*super().metrics, *(() if self._means is None else self._means.metrics)]  # type: ignore[misc]

    def get_metrics_result(self) -> dict[str, Any]:
        results = super().get_metrics_result()  # type: ignore[misc]
        means = {} if self._means is None else self._means.take(results)
        if figures.LOSS_METRIC not in results:
            return results | means
        loss = results.pop(figures.LOSS_METRIC)
        shown = {"loss": self._loss_of(loss, means), "masked_lm_loss": loss, **means} if means else {"loss": loss}
        return results | shown | {"perplexity": ops.exp(loss)}

    def batches(
        self,
        texts: Any,
        batch_size: int = 32,
        sequence_length: int | None = None,
        masking: MaskingConfig | None = None,
        seed: int = 0,
        sentence_pairs: Literal["none", "next", "order"] = "none",
        documents: Sequence[int] | np.ndarray | None = None,
    ) -> PretrainingBatches:
        """Texts, tokenised once, or a prepared corpus as numbered batches of packed and masked rows.

        Args:
            texts: texts or documents, long ones are cut into pieces; or a `Corpus` or `MemoryCorpus`.
            batch_size: rows in a batch.
            sequence_length: S, slots in a row; by default 128 or what the preprocessor and the encoder allow.
            masking: how tokens are masked; 15 %, 80/10/10 by default.
            seed: of order, packing, pairs and masks.
            sentence_pairs: "next" or "order": rows hold pairs of stretches of sentences, see `PretrainingBatches`; texts are
                cut into sentences by rule, a corpus must hold them. Needs next_sentence=True.
            documents: numbers of the documents to use; None = all.

        Raises:
            ValueError: a `sequence_length` beyond what the encoder has positions for; pairs that the model cannot learn from; a
                corpus of another tokenizer; see also `PretrainingBatches`.
        """
        return pretraining_batches(self, texts, batch_size, sequence_length, masking, sentence_pairs, seed, documents)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: list[keras.callbacks.Callback] | None = None,
        validation_data: Any = None,
        sequence_length: int | None = None,
        masking: MaskingConfig | None = None,
        seed: int = 0,
        sentence_pairs: Literal["none", "next", "order"] = "none",
        **kwargs: Any,
    ) -> Any:
        """Pretrain on texts, a corpus or numbered batches; on anything else exactly as `keras.Model.fit`.

        Args:
            x: texts or documents, a prepared corpus, or numbered batches: what `batches` gives, or anything that has its
                `batch`, `counts`, `target_shape` and `steps_per_epoch`.
            y: not used with these.
            batch_size: rows in a batch; 32 by default.
            epochs, verbose, callbacks: as in `keras.Model.fit`; with `verbose` a `Progress` bar is shown.
            validation_data: as x; masked the same way in each validation.
            sequence_length, masking, seed, sentence_pairs: as in `batches`; batches that are there already keep their own.
            **kwargs: as in `keras.Model.fit`. `steps_per_epoch`, for a corpus or batches: batches in what is called an epoch
                here, by default those that hold each text once. Epoch e begins with batch e * steps_per_epoch.
        """
        how = _settings(sequence_length, masking, seed, sentence_pairs)
        arguments = fit_arguments(self, x, y, batch_size, verbose, callbacks, validation_data, how, kwargs)
        return super().fit(epochs=epochs, **arguments)  # type: ignore[misc]

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        sequence_length: int | None = None,
        masking: MaskingConfig | None = None,
        seed: int = 0,
        sentence_pairs: Literal["none", "next", "order"] = "none",
        **kwargs: Any,
    ) -> Any:
        """Loss per masked token, accuracy and perplexity on texts, a corpus or numbered batches.

        The same seed masks the same tokens. On anything else exactly as `keras.Model.evaluate`.
        """
        how = _settings(sequence_length, masking, seed, sentence_pairs)
        arguments = evaluation_arguments(self, x, y, batch_size, how, kwargs)
        return super().evaluate(**arguments)  # type: ignore[misc]


def _settings(sequence_length: Any, masking: Any, seed: int, sentence_pairs: str) -> dict[str, Any]:
    return {"sequence_length": sequence_length, "masking": masking, "seed": seed, "sentence_pairs": sentence_pairs}
