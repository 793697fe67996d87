"""Texts in, words for the gaps out; pretraining."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Collection
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.batches import MemoryCorpus, PretrainingBatches, as_dataset, tokenize_rows
from keras_bert_lab.config import MaskingConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.formats import Checkpoint, open_source
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.heads import MaskedLMHead, NextSentenceHead
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.fill_mask import candidates
from keras_bert_lab.tasks.parts import Task, check_fit, refuse_settings
from keras_bert_lab.tasks.text_inputs import is_texts, some_texts
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import AdamW, Progress

__all__ = ["MaskedLanguageModel"]

tf = LazyModule("tensorflow")

logger = logging.getLogger("keras_bert_lab")

_DEFAULT_LENGTH = 128


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class MaskedLanguageModel(Task, keras.Model):
    """A Keras model that predicts masked tokens: pretraining, and filling gaps.

    `fit` and `evaluate` take texts, pack them into full rows and mask them anew in every epoch. The loss is the sum of the
    cross-entropies of the masked tokens divided by their number, over all replicas; `loss` in logs and results is that of
    all tokens of the epoch, `accuracy` the share predicted right, `perplexity` exp(loss).

    Args:
        encoder: an Encoder.
        preprocessor: makes token ids for this encoder.
        next_sentence: whether it also has a NextSentenceHead, as models of the original pretraining do; `fit` does not train
            it.

    Call arguments:
        inputs: the contract dict with `masked_lm_positions`, int32 (B, P).
        training: whether dropout is on.

    Returns:
        Logits, float32 (B, P, V).

    Raises:
        ValueError: a preprocessor that does not fit the encoder.

    Reference: Devlin et al. 2018, section 3.1, task 1; packing: Krell et al. 2021.
    """

    uses_pooler = False

    def __init__(
        self,
        encoder: Encoder,
        preprocessor: Preprocessor,
        next_sentence: bool = False,
        name: str | None = "masked_language_model",
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", getattr(encoder, "dtype_policy", None))
        super().__init__(name=name, **kwargs)
        check_fit(encoder, preprocessor)
        self.encoder = encoder
        self.preprocessor = preprocessor
        self.next_sentence = next_sentence
        self.head = MaskedLMHead(encoder, name="head")
        self.next_sentence_head = (
            NextSentenceHead(encoder.config.initializer_range, dtype=self.dtype_policy, name="next_sentence_head")
            if next_sentence
            else None
        )
        self.build()

    def build(self, input_shape: Any = None) -> None:
        if self.next_sentence_head is not None:
            self.next_sentence_head.build((None, self.encoder.config.hidden_size))

    @classmethod
    def from_pretrained(cls, source: str | pathlib.Path, ignore: Collection[str] = (), **kwargs: Any) -> MaskedLanguageModel:
        """A masked language model with a pretrained encoder, and with the source's head where it has one.

        Args:
            source: see `load_encoder`.
            ignore: settings of a config file that are known to be harmless.
            **kwargs: of the model, e.g. `name`.

        Raises:
            FormatError: nothing there, nothing known; a file that is damaged, not complete, or does not fit.
        """
        opened = open_source(source, ignore)
        if isinstance(opened, Checkpoint):
            return cls.from_checkpoint(opened, **kwargs)
        task = opened.load()
        return task if isinstance(task, cls) else cls(task.encoder, task.preprocessor, **kwargs)

    @classmethod
    def from_checkpoint(cls, opened: Checkpoint, **kwargs: Any) -> MaskedLanguageModel:
        """The same from a checkpoint that was looked at already."""
        heads = [opened.head(task) for task in ("masked_lm", "next_sentence")]
        model = cls(opened.encoder(), opened.preprocessor(None), next_sentence=heads[1] is not None, **kwargs)
        for head, layer in zip(heads, (model.head, model.next_sentence_head), strict=True):
            if head is not None:
                opened.fill_head(head.table, head_slots(layer))
        if heads[0] is None:
            logger.warning("%s has no masked LM head: the model gets a new one, which is not trained yet.", opened.path)
        return model

    def _idle_layers(self) -> list[keras.layers.Layer]:
        return super()._idle_layers() + ([] if self.next_sentence_head is None else [self.next_sentence_head])

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        if contract.MASKED_POSITIONS not in inputs:
            raise ValueError(
                f"inputs must have the key {contract.MASKED_POSITIONS!r}. Received: {sorted(inputs)}. "
                "Use fit, evaluate or fill_mask on texts, or batches(texts)."
            )
        hidden = self.encoder({key: value for key, value in inputs.items() if key != contract.MASKED_POSITIONS})
        return self.head(hidden[contract.SEQUENCE_OUTPUT], inputs[contract.MASKED_POSITIONS])

    def compile(self, optimizer: Any = "auto", loss: Any = None, weighted_metrics: Any = "auto", **kwargs: Any) -> None:
        """Like `keras.Model.compile`; the loss is that of the task.

        Args:
            optimizer: "auto" = AdamW with a learning rate of 1e-4.
            loss: the task has its own; anything but None is refused.
            weighted_metrics: "auto" = loss per token and accuracy.
            **kwargs: as in `keras.Model.compile`.
        """
        if loss is not None:
            raise ValueError(f"loss of a MaskedLanguageModel is its own. Received: loss={loss!r}. Leave it out.")
        if isinstance(weighted_metrics, str) and weighted_metrics == "auto":
            weighted_metrics = [
                keras.metrics.SparseCategoricalCrossentropy(name="token_loss", from_logits=True),
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            ]
        super().compile(
            optimizer=AdamW(1e-4) if isinstance(optimizer, str) and optimizer == "auto" else optimizer,
            weighted_metrics=weighted_metrics,
            **kwargs,
        )

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        del x, training
        each = ops.sparse_categorical_crossentropy(y, y_pred, from_logits=True)  # (B, P)
        weights = ops.ones_like(each) if sample_weight is None else ops.cast(sample_weight, each.dtype)
        loss = ops.sum(each * weights) / ops.maximum(_total(ops.sum(weights)), 1.0)
        return loss + sum(self.losses) if self.losses else loss

    def get_metrics_result(self) -> dict[str, Any]:
        results = super().get_metrics_result()
        if "token_loss" in results:
            results["loss"] = results.pop("token_loss")
            results["perplexity"] = ops.exp(results["loss"])
        return results

    def batches(
        self,
        texts: Any,
        batch_size: int = 32,
        sequence_length: int | None = None,
        masking: MaskingConfig | None = None,
        seed: int = 0,
    ) -> PretrainingBatches:
        """Texts, tokenised once, as numbered batches of packed and masked rows.

        Args:
            texts: texts or documents; long ones are cut into pieces.
            batch_size: rows in a batch.
            sequence_length: S, slots in a row; by default 128 or what the preprocessor and the encoder allow.
            masking: how tokens are masked; 15 %, 80/10/10 by default.
            seed: of order, packing and masks.

        Raises:
            ValueError: a `sequence_length` beyond what the encoder has positions for.
        """
        longest = self.encoder.config.max_positions
        length = sequence_length or min(_DEFAULT_LENGTH, self.preprocessor.row_length)
        if not isinstance(length, int) or not 3 <= length <= longest:
            raise ValueError(
                f"sequence_length must be between 3 and max_positions={longest}. Received: sequence_length={length!r}"
            )
        columns = some_texts(texts)
        if len(columns) != 1:
            raise ValueError("A MaskedLanguageModel takes single texts. Received: pairs of texts.")
        (column,) = columns
        tokenize = self.preprocessor.tokenizer.tokenize
        rows = tokenize_rows(lambda part: (tokenize(part),) * 2, int(column.shape[0]), lambda rows: column[rows])
        corpus = MemoryCorpus(rows, self.preprocessor.tokenizer.vocabulary)
        return PretrainingBatches(corpus, length, batch_size, masking, seed=seed, fill_last_batch=False)

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
        **kwargs: Any,
    ) -> Any:
        """Pretrain on texts; on anything else exactly as `keras.Model.fit`.

        Args:
            x: texts or documents, or what `batches` made of them.
            y: not used with texts.
            batch_size: rows in a batch; 32 by default.
            epochs, verbose, callbacks: as in `keras.Model.fit`; with `verbose` a `Progress` bar is shown.
            validation_data: texts that are masked the same way in each validation.
            sequence_length, masking, seed: as in `batches`; batches that are there already keep their own.
            **kwargs: as in `keras.Model.fit`.
        """
        callbacks = list(callbacks or [])
        settings: dict[str, Any] = {"sequence_length": sequence_length, "masking": masking, "seed": seed}
        if is_texts(validation_data):
            held_out = self.batches(validation_data, batch_size or 32, **settings)
            validation_data = as_dataset(held_out, epochs=1)
        if is_texts(x) or isinstance(x, PretrainingBatches):
            refuse_settings(kwargs)
            if y is not None:
                raise ValueError(f"A MaskedLanguageModel makes its own targets. Received: y={y!r:.60}. Leave it out.")
            train = x if isinstance(x, PretrainingBatches) else self.batches(x, batch_size or 32, **settings)
            if verbose:
                callbacks.append(Progress(train, "pretraining"))
            x = as_dataset(train, first_step=kwargs.get("initial_epoch", 0) * train.steps_per_epoch)
            y, batch_size, verbose = None, None, 0
            kwargs |= {"steps_per_epoch": train.steps_per_epoch, "shuffle": False}  # the batches come shuffled
        return super().fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            **kwargs,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        sequence_length: int | None = None,
        masking: MaskingConfig | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> Any:
        """Loss per masked token, accuracy and perplexity on texts; on anything else exactly as `keras.Model.evaluate`.

        The same seed masks the same tokens.
        """
        if is_texts(x):
            batches = self.batches(x, batch_size or 32, sequence_length, masking, seed)
            x, y, batch_size = as_dataset(batches, epochs=1), None, None
        return super().evaluate(x, y, batch_size=batch_size, **kwargs)

    def fill_mask(self, texts: Any, top_k: int = 5) -> Any:
        """The most probable tokens for each [MASK] in the texts.

        Args:
            texts: texts with at least one [MASK] (or what the tokenizer calls it) each.
            top_k: candidates for each gap.

        Returns:
            A pandas DataFrame with a row for each candidate, best first: `row` (number of the text), `mask` (number of the
            gap in it), `token`, `score` (probability), `text` (with this gap filled).

        Raises:
            DataError: a text without a gap, or with one beyond the longest row.
        """
        return candidates(self, texts, top_k)

    def predict_next_sentence(self, pairs: Any) -> np.ndarray:
        """How probable it is that the second text of each pair follows the first.

        Args:
            pairs: as `Preprocessor` takes them: two columns, or a list of (first, second).

        Returns:
            float32 (B,). A model trained on the order of sentences (ALBERT) tells how probable it is that they are not swapped.

        Raises:
            ValueError: a model without a NextSentenceHead, or single texts.
        """
        if self.next_sentence_head is None:
            raise ValueError("predict_next_sentence needs a model with next_sentence=True. Received: next_sentence=False")
        columns = some_texts(pairs)
        if len(columns) != 2:
            raise ValueError("predict_next_sentence takes pairs of texts. Received: single texts")
        hidden = self.encoder(self.preprocessor(columns))
        logits = self.next_sentence_head(hidden[contract.POOLED_OUTPUT])
        return ops.convert_to_numpy(ops.softmax(logits, axis=-1))[:, 0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"next_sentence": self.next_sentence}


def _total(count: Any) -> Any:
    """Sum of a number over all replicas of a `tf.distribute` strategy; the number itself outside of one."""
    if keras.backend.backend() == "tensorflow" and tf.distribute.in_cross_replica_context() is False:
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            return context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return count
