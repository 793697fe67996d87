"""Dropout with half the random numbers."""

from __future__ import annotations

from typing import Any

import keras

from keras_bert_lab.lazy import LazyModule

__all__ = ["Dropout"]

tf = LazyModule("tensorflow")


@keras.saving.register_keras_serializable(package="keras_bert_lab")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout`, drawing 16 random bits for each value instead of 32: drawing is most of its cost on the CPU.

    The rate is rounded to 1/65536; what is kept is scaled by the rounded rate, so that the expectation is exact.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        if keras.backend.backend() != "tensorflow" or self.noise_shape is not None:
            return super().call(inputs, training=training)
        if not training or not self.rate:
            return inputs
        count = tf.size(inputs)
        seed = tf.cast(self.seed_generator.next(), "int32")
        words = tf.random.stateless_uniform(((count + 1) // 2,), seed, None, None, "int32")  # full range
        bits = tf.reshape(tf.bitcast(words, "uint16"), (-1,))[:count]
        dropped = round(self.rate * 65536)
        kept = tf.reshape(bits >= tf.constant(dropped, "uint16"), tf.shape(inputs))
        return tf.where(kept, inputs * tf.cast(65536 / (65536 - dropped), inputs.dtype), tf.zeros((), inputs.dtype))
