"""The encoder on variables with TF-Hub's names and shapes, as plain TensorFlow ops for a SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_bert_lab import contract
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.lazy import LazyModule

__all__ = ["HubGraph", "without_training"]

tf = LazyModule("tensorflow")

_HIDDEN = -1e9  # added to the scores of padding, as in the originals
_DEFAULT = "default"
_MLM_LOGITS = "mlm_logits"


class HubGraph:
    """The maths of `Encoder` and `MaskedLMHead`, post-norm, in float32.

    Args:
        config: of the encoder.
        weights: our names -> variables; those of attention have an axis for the heads: query kernel (H, N, D), attention output
            kernel (N, D, H).

    Einsum letters: b batch, s and t positions, h hidden, n heads, d width of a head.
    """

    def __init__(self, config: EncoderConfig, weights: Mapping[str, Any]) -> None:
        self.config = config
        self.weights = weights

    def _dense(self, name: str, states: Any, equation: str = "bsi,io->bso") -> Any:
        return tf.einsum(equation, states, self.weights[f"{name}.kernel"]) + self.weights[f"{name}.bias"]

    def _norm(self, name: str, states: Any) -> Any:
        mean, variance = tf.nn.moments(states, -1, keepdims=True)
        scale = tf.math.rsqrt(variance + self.config.layer_norm_eps)
        return (states - mean) * scale * self.weights[f"{name}.gamma"] + self.weights[f"{name}.beta"]

    def _activation(self, states: Any) -> Any:
        if self.config.activation == "relu":
            return tf.nn.relu(states)
        return tf.nn.gelu(states, approximate=self.config.activation == "gelu_tanh")

    @staticmethod
    def _dropout(states: Any, rate: float, training: bool) -> Any:
        return tf.nn.dropout(states, rate) if training and rate else states

    def _embed(self, inputs: Mapping[str, Any], training: bool) -> Any:
        ids = inputs[contract.WORD_IDS]
        states = tf.gather(self.weights["token.table"], ids)
        states += self.weights["position.table"][: tf.shape(ids)[1]]
        states += tf.gather(self.weights["segment.table"], inputs[contract.TYPE_IDS])
        states = self._dropout(self._norm("embeddings.norm", states), self.config.dropout, training)
        return self._dense("embeddings.projection", states) if "embeddings.projection.kernel" in self.weights else states

    def _attend(self, block: str, states: Any, bias: Any, training: bool) -> Any:
        query, key, value = (self._dense(f"{block}.{part}", states, "bsh,hnd->bsnd") for part in ("query", "key", "value"))
        scores = tf.einsum("bsnd,btnd->bnst", query * self.config.head_size**-0.5, key) + bias
        with tf.name_scope("self_attention"):  # so that a reader of the graph can tell the two shares of dropout apart
            seen = self._dropout(tf.nn.softmax(scores), self.config.attention_dropout, training)
        return self._dense(f"{block}.attention_output", tf.einsum("bnst,btnd->bsnd", seen, value), "bsnd,ndh->bsh")

    def _block(self, block: str, states: Any, bias: Any, training: bool) -> Any:
        attended = self._dropout(self._attend(block, states, bias, training), self.config.dropout, training)
        states = self._norm(f"{block}.attention_norm", states + attended)
        inner = self._dense(f"{block}.output", self._activation(self._dense(f"{block}.intermediate", states)))
        return self._norm(f"{block}.output_norm", states + self._dropout(inner, self.config.dropout, training))

    def outputs(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """The contract dict -> its outputs, with "default" as another name of "pooled_output".

        Args:
            inputs: int32 (B, S) each.
            training: whether dropout is on.
        """
        states = self._embed(inputs, training)
        seen = tf.cast(inputs[contract.MASK], tf.float32)[:, tf.newaxis, tf.newaxis, :]  # (B, S) -> (B, 1, 1, S)
        bias = (1.0 - seen) * _HIDDEN
        layers = []
        for index in range(self.config.num_layers):
            states = self._block(f"block.{0 if self.config.share_layers else index}", states, bias, training)
            layers.append(states)
        pooled = states[:, 0, :]
        if self.config.pooler:
            pooled = tf.tanh(self._dense("pooler", pooled, "bi,io->bo"))
        return {
            _DEFAULT: pooled,
            contract.POOLED_OUTPUT: pooled,
            contract.SEQUENCE_OUTPUT: states,
            contract.ENCODER_OUTPUT: layers,
        }

    def masked_lm_outputs(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Those of `outputs` but "default", and "mlm_logits" (B, P, V) for the positions `masked_lm_positions` (B, P)."""
        outputs = self.outputs(inputs, training)
        states = tf.gather(outputs[contract.SEQUENCE_OUTPUT], inputs[contract.MASKED_POSITIONS], batch_dims=1)
        states = self._norm("mlm.norm", self._activation(self._dense("mlm.transform", states)))
        logits = tf.einsum("bpe,ve->bpv", states, self.weights["token.table"]) + self.weights["mlm.bias"]
        return {name: value for name, value in outputs.items() if name != _DEFAULT} | {_MLM_LOGITS: logits}


def without_training(graph: HubGraph, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs for a signature, which cannot answer with a list: "encoder_outputs_0", "encoder_outputs_1", ..."""
    outputs = graph.outputs(inputs)
    layers = outputs.pop(contract.ENCODER_OUTPUT)
    return outputs | {f"{contract.ENCODER_OUTPUT}_{index}": states for index, states in enumerate(layers)}
