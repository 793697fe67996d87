"""The low-rank update as a layer, and beside attention, where torch says what its gradients and its first step are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab.encoder import SelfAttention
from keras_bert_lab.encoder.late_layers import join, leave
from keras_bert_lab.encoder.low_rank_update import LowRankUpdate
from tests.samples import B, H, S, numpy, randomise, states


@pytest.mark.parametrize(
    ("rank", "alpha", "scale"), [(1, None, 1.0), (3, None, 1.0), (3, 4.5, 1.5), (4, 1, 0.25), (29, 58, 2.0)]
)
def test_the_formula(rank: int, alpha: Any, scale: float) -> None:
    layer = LowRankUpdate(13, rank, alpha, dtype="float64")
    layer.build((None, H))
    randomise(layer)
    a, b = map(numpy, layer.weights)
    assert a.shape == (H, rank)
    assert b.shape == (rank, 13)
    x = states().astype("float64")
    np.testing.assert_allclose(numpy(layer(x)), scale * np.einsum("bsi,ir,ro->bso", x, a, b), atol=1e-12)


def test_where_it_starts() -> None:
    layer = LowRankUpdate(13, 512)
    layer.build((None, 64))
    a = numpy(layer.a)
    assert np.abs(a).max() == pytest.approx(1 / 8, rel=1e-3)  # uniform within 1 / sqrt(64), as in loralib and peft
    assert a.std() == pytest.approx(1 / 8 / np.sqrt(3), rel=0.01)
    assert not numpy(layer.b).any()


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, None])
def test_impossible_ranks(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"rank must be an integer of at least 1. Received: rank={wrong}"):
        LowRankUpdate(13, wrong)
    with pytest.raises(ValueError, match=f"units must be an integer of at least 1. Received: units={wrong}"):
        LowRankUpdate(wrong)


@pytest.mark.parametrize("wrong", [0, -1.5, float("nan"), float("inf"), True, "8"])
def test_impossible_alphas(wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"alpha must be a finite number above 0.*Received: alpha={wrong!r}"):
        LowRankUpdate(13, 3, wrong)


def test_it_joins_a_built_layer_and_leaves_it() -> None:
    layer = SelfAttention(3, 5, name="attention")
    layer.build((B, S, H))
    weights, children = [weight.path for weight in layer.weights], sorted(layer._trackable_children())
    join(layer, "output_lora", LowRankUpdate(H, 2, name="output_lora"), H)
    assert [weight.path for weight in layer.weights] == [*weights, "attention/output_lora/a", "attention/output_lora/b"]
    with pytest.raises(ValueError, match="cannot add new elements of state"):  # it is closed again
        layer.more = keras.layers.Dense(1)
    leave(layer, "output_lora")
    assert layer.output_lora is None
    assert [weight.path for weight in layer.weights] == weights
    assert sorted(layer._trackable_children()) == children  # TensorFlow's own list, for SavedModels


# --- beside attention ---------------------------------------------------------------------------------------------------------

# In torch 2.13, float64, with modules that compute what peft's `lora.Linear` computes for lora_dropout=0,
#     result = base(x) + lora_B(lora_A(x)) * (alpha / r)
# around frozen query and value, scaled_dot_product_attention between, and torch.optim.AdamW(lr=0.01, weight_decay=0.1,
# eps=1e-12):
LOSS = 0.29653991083312037
OUTPUT = [-0.5316576673056538, -0.4902970238171704, -0.2183420289251522, 0.15630263385867413, 0.45743572564274415]
# Norm of the gradient, three of its numbers in the second row of A or B; after one step: the sum, the same three numbers.
TORCH = {
    "query a": (
        (0.03621639752625663, [-0.012215569429947132, 0.0029757375563689383, 0.00667816062727651]),
        (0.894380711677266, [0.46102333795956024, 0.47324836918925456, 0.2781941414207048]),
    ),
    "query b": (
        (0.01450609098957431, [0.0012414084674311782, 0.0007790396904518677, -4.9723625777885346e-05]),
        (1.382483928173426, [-0.15128545749587746, -0.4267070224679222, -0.48614476375916127]),
    ),
    "value a": (
        (0.08377625255976151, [0.032903137257097884, -0.02964803454468338, 0.022267483256191142]),
        (0.6426674417833503, [0.11119806980105507, -0.20947329036829743, -0.46692293271139773]),
    ),
    "value b": (
        (0.11796338522433457, [0.02182125577041697, -0.02657453858207294, 0.027950552963282006]),
        (-0.4516441597507243, [-0.4516865417982734, -0.17754611108862198, 0.14480018615617957]),
    ),
}


def _wave(*shape: int, start: int) -> np.ndarray:
    return 0.5 * np.sin(0.7 * np.arange(start, start + np.prod(shape))).reshape(shape)


def test_gradients_and_a_step_are_those_of_torch() -> None:
    batch, length, hidden, heads, width, rank = 2, 3, 5, 2, 7, 3
    layer = SelfAttention(heads, width, dtype="float64")
    layer.build((batch, length, hidden))
    wide = heads * width
    layer.qkv.set_weights([_wave(hidden, 3 * wide, start=0), _wave(3 * wide, start=300)])
    layer.output_dense.set_weights([_wave(wide, hidden, start=400), _wave(hidden, start=500)])
    layer.trainable = False
    for name, start in (("query_lora", 600), ("value_lora", 800)):
        join(layer, name, LowRankUpdate(wide, rank, alpha=4.5, dtype="float64"), hidden)
        getattr(layer, name).set_weights([_wave(hidden, rank, start=start), _wave(rank, wide, start=start + 100)])
    layer.query_lora.trainable = layer.value_lora.trainable = True
    weights = dict(zip(TORCH, [*layer.query_lora.weights, *layer.value_lora.weights], strict=True))

    x = tf.constant(6 * _wave(batch, length, hidden, start=1000))
    with tf.GradientTape() as tape:
        outputs = layer(x, x)
        loss = tf.reduce_mean((outputs - _wave(batch, length, hidden, start=1100)) ** 2)
    gradients = tape.gradient(loss, [weight.value for weight in weights.values()])
    assert float(loss) == pytest.approx(LOSS, rel=1e-12)
    np.testing.assert_allclose(numpy(outputs)[1, 2], OUTPUT, rtol=1e-12)
    for (norm, numbers), gradient in zip((theirs[0] for theirs in TORCH.values()), map(numpy, gradients), strict=True):
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-9)
        np.testing.assert_allclose(gradient[1, :3], numbers, rtol=1e-9)

    keras.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-12).apply(gradients, list(weights.values()))
    for name, (_, (total, numbers)) in TORCH.items():
        # A step is about 0.01 for each number; Keras computes it with rates in float32, 1e-7 beside those of torch.
        np.testing.assert_allclose(numpy(weights[name])[1, :3], numbers, atol=3e-7)
        assert numpy(weights[name]).sum() == pytest.approx(total, abs=3e-7 * weights[name].value.shape.num_elements()), name
