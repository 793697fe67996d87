"""Adapters in the blocks of an encoder."""

from __future__ import annotations

import keras

from keras_bert_lab.config import check_integer
from keras_bert_lab.encoder import kernels
from keras_bert_lab.encoder.added_layers import add_layers, added_layers, train_added_layers
from keras_bert_lab.encoder.late_layers import begin_anew
from keras_bert_lab.encoder.set_trainable import TrainableCounts, own_encoder_in

__all__ = ["add_adapters"]


def add_adapters(layer: keras.layers.Layer, size: int = 64, activation: str = "gelu", norms: bool = True) -> TrainableCounts:
    """Freeze an encoder, and train small layers within its blocks instead.

    Each block gets two: behind the attention and behind the feed-forward part, after dropout, before the residual connection.

        x + activation(x W1 + b1) W2 + b2

    W2 starts from zeros: outputs are what they were until the first step of training. Heads beside the encoder are left as they
    are. `.keras` files, our own folders, copies, exports and `ResumableTraining` keep the adapters; the formats of other
    libraries have no place for them.

    Args:
        layer: the model that is to be trained, or its Encoder. Give the model if it is compiled or has predicted: it is
            compiled again with the same settings, and its optimizer begins anew.
        size: width of the middle. One adapter has 2 * H * size + size + H numbers.
        activation: "gelu" (exact), "gelu_tanh" or "relu".
        norms: whether the layer normalisations of the encoder are trained too, as in the paper.

    Returns:
        The numbers of trained and frozen weights of `layer`.

    Raises:
        TypeError: a HubEncoder, which is sealed.
        ValueError: no encoder or several; an impossible size or an unknown activation; an encoder that has adapters already.

    Reference: Houlsby et al. 2019, "Parameter-Efficient Transfer Learning for NLP".

    Example:
        >>> from keras_bert_lab.config import EncoderConfig
        >>> from keras_bert_lab.encoder import Encoder
        >>> encoder = Encoder(EncoderConfig.preset("bert_tiny", vocab_size=100))
        >>> print(add_adapters(encoder, size=16, norms=False))  # 2 blocks * 2 * (2 * 128 * 16 + 16 + 128)
        16,960 of 508,864 parameters are trained (16 of 47 weights)
    """
    encoder = own_encoder_in(layer)
    check_integer("size", size, 1)
    if activation not in kernels.ACTIVATIONS:
        raise ValueError(f"activation must be one of {sorted(kernels.ACTIVATIONS)}. Received: activation={activation!r}")
    present = added_layers(encoder).get("adapters")
    if present is not None:
        raise ValueError(
            f"layer must have no adapters yet. Received: {encoder.name!r} with adapters of size={present['size']}. "
            "Choose what is trained with set_trainable, or add them to the encoder as it was loaded."
        )
    add_layers(encoder, adapters={"size": size, "activation": activation})
    train_added_layers(encoder, norms)
    begin_anew(layer)
    return TrainableCounts.of(layer)
