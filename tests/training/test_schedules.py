"""The learning rate goes up in a straight line, then down in a straight line."""

import keras
import numpy as np
import pytest

import keras_bert_lab as kbl


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.2),  # the first step already moves the weights: 1/5 of the way
        (1, 0.4),
        (3, 0.8),
        (4, 1.0),  # end of the warm-up
        (5, 1.0),  # the way down starts here: 20 steps from 25
        (10, 0.75),
        (15, 0.5),
        (24, 0.05),
        (25, 0.0),
        (26, 0.0),
        (1009, 0.0),
    ],
)
def test_by_hand(step, rate):
    schedule = kbl.LinearWarmupDecay(3e-4, total_steps=25, warmup_steps=5)
    np.testing.assert_allclose(float(schedule(step)), 3e-4 * rate, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("step", "rate"), [(0, 1.0), (1, 0.8), (4, 0.2), (5, 0.0), (7, 0.0)])
def test_without_warm_up(step, rate):
    np.testing.assert_allclose(float(kbl.LinearWarmupDecay(7.0, 5)(step)), 7 * rate, rtol=1e-6)


@pytest.mark.parametrize(("step", "rate"), [(0, 0.2), (2, 0.6), (4, 1.0), (5, 0.0), (11, 0.0)])
def test_only_warm_up(step, rate):
    np.testing.assert_allclose(float(kbl.LinearWarmupDecay(7.0, 5, 5)(step)), 7 * rate, rtol=1e-6)


def test_highest_rate_is_the_peak_and_is_reached():
    schedule = kbl.LinearWarmupDecay(0.3, 101, 13)
    rates = [float(schedule(step)) for step in range(107)]
    assert max(rates) == pytest.approx(0.3)
    assert min(rates) == 0.0
    assert np.argmax(rates) == 12
    assert (np.diff(rates[:13]) > 0).all()
    assert (np.diff(rates[13:102]) < 0).all()


def test_float32_from_integer_and_tensor_steps():
    schedule = kbl.LinearWarmupDecay(0.3, 101, 13)
    for step in (7, np.int64(7), keras.ops.convert_to_tensor(7, "int64"), keras.Variable(7, dtype="int32", trainable=False)):
        rate = schedule(step)
        assert rate.dtype == "float32"
        assert float(rate) == pytest.approx(0.3 * 8 / 13)


def test_in_an_optimizer():
    optimizer = kbl.AdamW(kbl.LinearWarmupDecay(0.3, 11, 3), weight_decay=0.0, global_clipnorm=None)
    weight = keras.Variable([0.0])
    optimizer.build([weight])
    moved = []
    for _ in range(12):
        before = float(weight[0])
        optimizer.apply([keras.ops.ones((1,))], [weight])
        moved.append(before - float(weight[0]))
    # with equal gradients Adam moves by exactly the learning rate
    wanted = [0.1, 0.2, 0.3, *(0.3 * left / 8 for left in range(8, 0, -1)), 0.0]
    np.testing.assert_allclose(moved, wanted, rtol=1e-4, atol=1e-6)


def test_config_round_trip():
    schedule = kbl.LinearWarmupDecay(0.3, 101, 13, accumulate=3)
    assert schedule.get_config() == {"peak": 0.3, "total_steps": 101, "warmup_steps": 13, "accumulate": 3}
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert isinstance(copy, kbl.LinearWarmupDecay)
    assert copy.get_config() == schedule.get_config()
    assert float(copy(57)) == float(schedule(57))


@pytest.mark.parametrize("peak", [0, 0.0, -1e-4, float("nan")])
def test_impossible_peaks_are_refused(peak):
    with pytest.raises(ValueError, match=rf"peak must be above 0\. Received: peak={peak!r}"):
        kbl.LinearWarmupDecay(peak, 101)


@pytest.mark.parametrize(("total_steps", "warmup_steps"), [(0, 0), (-7, 0), (11, 13), (11, -1)])
def test_impossible_steps_are_refused(total_steps, warmup_steps):
    with pytest.raises(ValueError, match=rf"Received: total_steps={total_steps}, warmup_steps={warmup_steps}$"):
        kbl.LinearWarmupDecay(0.3, total_steps, warmup_steps)


def test_batches_of_one_step_have_its_rate():
    """Keras counts batches where the optimizer accumulates gradients."""
    one, three = kbl.LinearWarmupDecay(0.3, 23, 7), kbl.LinearWarmupDecay(0.3, 23, 7, accumulate=3)
    assert [float(three(batch)) for batch in range(75)] == [float(one(batch // 3)) for batch in range(75)]


def test_a_step_has_a_batch():
    with pytest.raises(ValueError, match="accumulate must be an integer of at least 1. Received: accumulate=0"):
        kbl.LinearWarmupDecay(0.3, 23, 7, accumulate=0)
