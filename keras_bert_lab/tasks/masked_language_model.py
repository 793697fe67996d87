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
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.formats import Checkpoint, open_source
from keras_bert_lab.formats.head_weights import head_slots
from keras_bert_lab.heads import MaskedLMHead, NextSentenceHead
from keras_bert_lab.tasks import pretraining_figures as figures
from keras_bert_lab.tasks.fill_mask import candidates
from keras_bert_lab.tasks.parts import check_fit
from keras_bert_lab.tasks.pretraining_task import PretrainingTask
from keras_bert_lab.tasks.text_inputs import some_texts
from keras_bert_lab.text import Preprocessor

__all__ = ["MaskedLanguageModel"]

logger = logging.getLogger("keras_bert_lab")

_DEFAULT_LENGTH = 128


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class MaskedLanguageModel(PretrainingTask, keras.Model):
    """A Keras model that predicts masked tokens: pretraining, and filling gaps.

        loss = sum of the cross-entropies of masked tokens / their number  (+ the same of pairs of sentences)

    `fit` and `evaluate` take texts, a prepared corpus or numbered batches; texts are packed into full rows and masked anew in
    every epoch. Logs and results tell, for all tokens of the epoch together, `loss`, `accuracy` (share predicted right) and
    `perplexity`, exp(loss per masked token). With pairs of sentences, `loss` is the sum of `masked_lm_loss` and `pair_loss`,
    and `pair_accuracy` the share of pairs told right.

    Args:
        encoder: an Encoder.
        preprocessor: makes token ids for this encoder.
        next_sentence: whether it also has a NextSentenceHead, as models of the original pretraining do. The head and the
            encoder's pooler learn from batches with pairs of sentences, see `sentence_pairs` in `fit`; others do not change
            them.

    Call arguments:
        inputs: the contract dict with `masked_lm_positions`, int32 (B, P).
        training: whether dropout is on.

    Returns:
        Logits, float32 (B, P, V). With next_sentence=True and inputs that hold `input_example_starts` (B, K) a dict, with the
        keys of the targets: `masked_lm_ids` (B, P, V) and `next_sentence_labels` (B, K, 2).

    Raises:
        ValueError: a preprocessor that does not fit the encoder.

    Reference: Devlin et al. 2018, section 3.1; sentence order: Lan et al. 2019, section 3.1; packing: Krell et al. 2021.
    """

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
        self.next_sentence = self.uses_pooler = next_sentence
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
        if not figures.without_pairs() or not self.next_sentence:
            return super()._idle_layers()
        return [layer for layer in (self.encoder.pooler, self.next_sentence_head) if layer is not None]

    def call(self, inputs: dict[str, Any], training: bool | None = None) -> Any:
        if contract.MASKED_POSITIONS not in inputs:
            raise ValueError(
                f"inputs must have the key {contract.MASKED_POSITIONS!r}. Received: {sorted(inputs)}. "
                "Use fit, evaluate or fill_mask on texts, or batches(texts)."
            )
        hidden = self.encoder({key: value for key, value in inputs.items() if key != contract.MASKED_POSITIONS})
        logits = self.head(hidden[contract.SEQUENCE_OUTPUT], inputs[contract.MASKED_POSITIONS])
        if self.next_sentence_head is None or contract.EXAMPLE_STARTS not in inputs:
            return logits
        pairs = self.next_sentence_head(hidden[contract.POOLED_OUTPUT])
        return {contract.MASKED_IDS: logits, contract.NEXT_SENTENCE_LABELS: pairs}

    def _new_means(self) -> figures.Means | None:
        return figures.Means("pair_loss", "pair_accuracy") if self.next_sentence else None

    def _loss_of(self, token_loss: Any, means: dict[str, Any]) -> Any:
        return token_loss + means["pair_loss"]

    def train_step(self, *state_and_data: Any) -> Any:
        # A first batch without pairs must not leave the optimizer without room for what only pairs train.
        if self.next_sentence and self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        with figures.batch_without_pairs(state_and_data[-1]):
            return super().train_step(*state_and_data)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        del x, training
        target, logits, weights = figures.of_masked_tokens(y, y_pred, sample_weight)
        loss = figures.mean_over_replicas(figures.cross_entropy(target, logits), weights)
        pairs = figures.of_pairs(y, y_pred, sample_weight)
        if pairs is not None:
            labels, logits, weights = pairs
            loss += figures.mean_over_replicas(figures.cross_entropy(labels, logits), weights)
        return loss + sum(self.losses) if self.losses else loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        if self._means is not None:
            found = figures.of_pairs(y, y_pred, sample_weight)
            self._means.update(None if found is None else figures.loss_and_accuracy(*found))
        return super().compute_metrics(x, *figures.of_masked_tokens(y, y_pred, sample_weight))

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
