"""Texts in, words for the gaps out; pretraining."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_bert_lab import contract
from keras_bert_lab.batches import MaskedBatches, as_dataset, tokenize_rows
from keras_bert_lab.config import MaskingConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.errors import DataError
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.tasks.parts import Task, check_fit, refuse_settings
from keras_bert_lab.tasks.text_inputs import is_texts, some_texts
from keras_bert_lab.text import Preprocessor
from keras_bert_lab.training import AdamW, Progress

__all__ = ["MaskedLanguageModel"]

pd = LazyModule("pandas")
tf = LazyModule("tensorflow")

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
        self, encoder: Encoder, preprocessor: Preprocessor, name: str | None = "masked_language_model", **kwargs: Any
    ) -> None:
        kwargs.setdefault("dtype", getattr(encoder, "dtype_policy", None))
        super().__init__(name=name, **kwargs)
        check_fit(encoder, preprocessor)
        self.encoder = encoder
        self.preprocessor = preprocessor
        self.head = MaskedLMHead(encoder, name="head")
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Nothing to do: the parts are built when they are made."""

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
    ) -> MaskedBatches:
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
        return MaskedBatches(rows, self.preprocessor.tokenizer.vocabulary, length, batch_size, masking, seed)

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
        if is_texts(x) or isinstance(x, MaskedBatches):
            refuse_settings(kwargs)
            if y is not None:
                raise ValueError(f"A MaskedLanguageModel makes its own targets. Received: y={y!r:.60}. Leave it out.")
            train = x if isinstance(x, MaskedBatches) else self.batches(x, batch_size or 32, **settings)
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
        vocabulary = self.preprocessor.tokenizer.vocabulary
        mask_token = vocabulary.special_tokens["mask"]
        if not isinstance(top_k, int) or not 1 <= top_k <= len(vocabulary):
            raise ValueError(f"top_k must be an integer between 1 and {len(vocabulary)}. Received: top_k={top_k!r}")
        (column,) = some_texts(texts)
        originals = [text.decode() for text in column.numpy()]
        inputs = self.preprocessor(column, special_tokens=True)
        found = ops.convert_to_numpy(inputs[contract.WORD_IDS]) == vocabulary.mask_id
        for row, text in enumerate(originals):
            if mask_token not in text:
                raise DataError(f"Every text must hold a {mask_token}. Received none in row {row}: {text!r:.80}")
            if found[row].sum() < text.count(mask_token):
                raise DataError(
                    f"Every {mask_token} must stand within the first {self.preprocessor.row_length} tokens. "
                    f"Received a text that is cut before one in row {row}: {text!r:.80}"
                )
        count = found.sum(axis=1)
        positions = np.zeros((len(found), int(count.max())), np.int32)
        real = np.arange(positions.shape[1]) < count[:, None]
        positions[real] = np.nonzero(found)[1]
        logits = self({**inputs, contract.MASKED_POSITIONS: positions})
        # An encoder may have more ids than the vocabulary has tokens.
        probabilities, best = ops.top_k(ops.softmax(logits, axis=-1)[:, :, : len(vocabulary)], k=top_k)
        probabilities, best = ops.convert_to_numpy(probabilities), ops.convert_to_numpy(best)
        candidates = []
        for row, gap in zip(*np.nonzero(real), strict=True):
            pieces = originals[row].split(mask_token)
            for rank in range(top_k):
                token = vocabulary.tokens[best[row, gap, rank]]
                filled = pieces[:]
                filled[gap : gap + 2] = [pieces[gap] + token.removeprefix("##") + pieces[gap + 1]]
                candidates.append(
                    {
                        "row": int(row),
                        "mask": int(gap),
                        "token": token,
                        "score": float(probabilities[row, gap, rank]),
                        "text": mask_token.join(filled),
                    }
                )
        return pd.DataFrame(candidates)


def _total(count: Any) -> Any:
    """Sum of a number over all replicas of a `tf.distribute` strategy; the number itself outside of one."""
    if keras.backend.backend() == "tensorflow" and tf.distribute.in_cross_replica_context() is False:
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            return context.all_reduce(tf.distribute.ReduceOp.SUM, count)
    return count
