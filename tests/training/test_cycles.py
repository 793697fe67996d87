"""OneCycle, Triangular and WarmupCosine: numbers by hand, and those that torch 2.13 and transformers 5.23 give."""

import keras
import numpy as np
import pytest

import keras_bert_lab as kbl


def rates(schedule, steps):
    return [float(schedule(step)) for step in range(steps)]


# torch.optim.lr_scheduler.OneCycleLR(max_lr=0.3, total_steps=.., pct_start=.., div_factor=.., final_div_factor=..,
# anneal_strategy="cos" or "linear", cycle_momentum=False), torch 2.13
ONE_CYCLE = [
    (
        {"total_steps": 13, "rise": 0.3, "divide": 10.0, "final_divide": 1e4},
        [0.03, 0.101764861, 0.240760254, 0.299910622, 0.289313543, 0.262276989, 0.221991402, 0.173210668, 0.121691144,
         0.0735123742, 0.0343596802, 0.00885326319, 3e-06],
    ),
    (
        {"total_steps": 11, "rise": 0.5, "divide": 25.0, "final_divide": 100.0, "shape": "linear"},
        [0.012, 0.076, 0.14, 0.204, 0.268, 0.272738182, 0.218214545, 0.163690909, 0.109167273, 0.0546436364, 0.00012],
    ),
    (
        {"total_steps": 7, "rise": 0.05, "divide": 10.0, "final_divide": 1e4, "shape": "linear"},
        [0.270676985, 0.225564654, 0.180452323, 0.135339992, 0.0902276617, 0.0451153308, 3e-06],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "wanted"), ONE_CYCLE)
def test_one_cycle_equals_torch(settings, wanted):
    np.testing.assert_allclose(rates(kbl.OneCycle(0.3, **settings), len(wanted)), wanted, rtol=2e-6, atol=1e-8)


def test_one_cycle_by_hand():
    """Up from 1 to 5 in steps 0 to 4, down to 0.01 in step 9."""
    schedule = kbl.OneCycle(5.0, 10, rise=0.5, divide=5.0, final_divide=100.0, shape="linear")
    np.testing.assert_allclose(rates(schedule, 6)[:5], [1, 2, 3, 4, 5], rtol=1e-6)
    np.testing.assert_allclose([float(schedule(step)) for step in (5, 9, 10, 1007)], [4.002, 0.01, 0.01, 0.01], rtol=1e-5)


def test_one_cycle_without_a_way_up_begins_at_the_peak_of_a_step_before():
    np.testing.assert_allclose(rates(kbl.OneCycle(2.0, 4, rise=0.0, shape="linear"), 4)[:3], [1.5, 1.0, 0.5], rtol=1e-4)


def test_one_cycle_of_one_step():
    assert 0 <= rates(kbl.OneCycle(2.0, 1), 1)[0] <= 2.0


# torch.optim.lr_scheduler.CyclicLR(base_lr=0.03, max_lr=0.3, cycle_momentum=False, ...), torch 2.13
TRIANGULAR = [
    (  # step_size_up=3, step_size_down=4
        {"period": 7, "rise": 3 / 7},
        [0.03, 0.12, 0.21, 0.3, 0.2325, 0.165, 0.0975, 0.03, 0.12, 0.21, 0.3, 0.2325, 0.165, 0.0975, 0.03, 0.12, 0.21],
    ),
    (  # step_size_up=2, step_size_down=3, mode="triangular2"
        {"period": 5, "rise": 0.4, "shrink": 0.5},
        [0.03, 0.165, 0.3, 0.21, 0.12, 0.03, 0.0975, 0.165, 0.12, 0.075, 0.03, 0.06375, 0.0975, 0.075, 0.0525, 0.03],
    ),
]


@pytest.mark.parametrize(("settings", "wanted"), TRIANGULAR)
def test_triangular_equals_torch(settings, wanted):
    np.testing.assert_allclose(rates(kbl.Triangular(0.3, **settings), len(wanted)), wanted, rtol=1e-6)


def test_triangular_by_hand_far_on():
    """Whole steps beyond 2^24 are not told apart by float32."""
    schedule = kbl.Triangular(5.0, period=8, divide=5.0)
    wanted = [1, 2, 3, 4, 5, 4, 3, 2, 1, 2]
    np.testing.assert_allclose(rates(schedule, 10), wanted, rtol=1e-6)
    far = 8 * 3_000_001
    np.testing.assert_allclose([float(schedule(far + step)) for step in range(10)], wanted, rtol=1e-6)


# transformers 5.23, the optimizer's lr=0.3: get_cosine_schedule_with_warmup(optimizer, 3, 13),
# get_cosine_with_hard_restarts_schedule_with_warmup(optimizer, 3, 13, num_cycles=2) and (optimizer, 0, 11, num_cycles=3)
COSINE = [
    (3, 13, 1, [0.0, 0.1, 0.2, 0.3, 0.292658477, 0.271352549, 0.238167788, 0.196352549, 0.15, 0.103647451, 0.0618322122,
                0.0286474508, 0.00734152256, 0.0]),
    (3, 13, 2, [0.0, 0.1, 0.2, 0.3, 0.271352549, 0.196352549, 0.103647451, 0.0286474508, 0.3, 0.271352549, 0.196352549,
                0.103647451, 0.0286474508, 0.0, 0.0, 0.0]),
    (0, 11, 3, [0.3, 0.24822911, 0.128652774, 0.0238119701, 0.293923946, 0.212312252, 0.087687748, 0.00607605396, 0.27618803,
                0.171347226, 0.0517708899, 0.0, 0.0]),
]  # fmt: skip


@pytest.mark.parametrize(("warmup", "total", "waves", "wanted"), COSINE)
def test_warmup_cosine_equals_transformers(warmup, total, waves, wanted):
    """In the warm-up theirs is one step behind: their step 0 does nothing."""
    found = rates(kbl.WarmupCosine(0.3, total, warmup, waves), len(wanted))
    np.testing.assert_allclose(found[:warmup], wanted[1 : warmup + 1], rtol=1e-6)
    np.testing.assert_allclose(found[warmup:], wanted[warmup:], rtol=1e-5, atol=1e-7)


def test_warmup_cosine_by_hand():
    schedule = kbl.WarmupCosine(8.0, 10, 4)
    wanted = [2, 4, 6, 8, 8, 4 + 2 * 3**0.5, 6, 4, 2, 4 - 2 * 3**0.5, 0, 0]
    np.testing.assert_allclose(rates(kbl.WarmupCosine(8.0, 10, 4), 12)[:5], wanted[:5], rtol=1e-6)
    np.testing.assert_allclose(rates(kbl.WarmupCosine(8.0, 6), 7), [8, *wanted[5:10], 0], rtol=1e-5, atol=1e-6)
    assert float(schedule(10)) == float(schedule(1007)) == 0.0


def test_a_warm_up_is_that_of_linear_warmup_decay():
    one, other = kbl.WarmupCosine(0.3, 29, 7), kbl.LinearWarmupDecay(0.3, 29, 7)
    assert rates(one, 7) == rates(other, 7)


SCHEDULES = [
    kbl.OneCycle(0.3, 23, rise=0.4, divide=7.0, final_divide=11.0, shape="linear"),
    kbl.OneCycle(0.3, 23),
    kbl.Triangular(0.3, 7, divide=3.0, rise=0.3, shrink=0.9),
    kbl.WarmupCosine(0.3, 23, 5, waves=2),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda each: type(each).__name__)
def test_what_all_of_them_keep(schedule):
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert type(copy) is type(schedule)
    assert copy.get_config() == schedule.get_config()
    assert rates(copy, 25) == rates(schedule, 25)
    steps = (7, np.int64(7), keras.ops.convert_to_tensor(7, "int64"), keras.Variable(7, dtype="int64", trainable=False))
    assert len({float(schedule(step)) for step in steps}) == 1
    assert schedule(steps[2]).dtype == "float32"
    three = type(schedule)(**{**schedule.get_config(), "accumulate": 3})
    assert rates(three, 60) == [rate for rate in rates(schedule, 20) for _ in range(3)]


def test_in_an_optimizer_that_is_compiled_and_saved(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(kbl.AdamW(kbl.OneCycle(0.3, 23)), loss="mse")
    model.fit(np.ones((5, 3)), np.ones((5, 2)), batch_size=2, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer._learning_rate, kbl.OneCycle)
    assert float(loaded.optimizer.learning_rate) == rates(kbl.OneCycle(0.3, 23), 4)[3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: kbl.OneCycle(0.0, 23), r"peak must be a finite number above 0\. Received: peak=0\.0"),
        (lambda: kbl.OneCycle(0.3, 0), "total_steps must be an integer of at least 1. Received: total_steps=0"),
        (lambda: kbl.OneCycle(0.3, 23, rise=1.0), "rise must be a number of at least 0 and below 1. Received: rise=1.0"),
        (lambda: kbl.OneCycle(0.3, 23, divide=-1), "divide must be a finite number above 0. Received: divide=-1"),
        (lambda: kbl.OneCycle(0.3, 23, final_divide=float("inf")), "final_divide must be .* Received: final_divide=inf"),
        (lambda: kbl.OneCycle(0.3, 23, shape="cos"), "shape must be 'cosine' or 'linear'. Received: shape='cos'"),
        (lambda: kbl.OneCycle(0.3, 23, accumulate=0), "accumulate must be .* Received: accumulate=0"),
        (lambda: kbl.Triangular(True, 7), "peak must be a finite number above 0. Received: peak=True"),
        (lambda: kbl.Triangular(0.3, 1), "period must be an integer of at least 2. Received: period=1"),
        (lambda: kbl.Triangular(0.3, 7, divide=0), "divide must be .* Received: divide=0"),
        (lambda: kbl.Triangular(0.3, 7, rise=0.0), "rise must be a finite number above 0. Received: rise=0.0"),
        (lambda: kbl.Triangular(0.3, 7, rise=1.0), "rise must be below 1. Received: rise=1.0"),
        (lambda: kbl.Triangular(0.3, 7, shrink=1.5), "shrink must be at most 1. Received: shrink=1.5"),
        (lambda: kbl.Triangular(0.3, 7, accumulate=1.5), "accumulate must be .* Received: accumulate=1.5"),
        (lambda: kbl.WarmupCosine(float("nan"), 7), "peak must be .* Received: peak=nan"),
        (lambda: kbl.WarmupCosine(0.3, -1), "total_steps must be .* Received: total_steps=-1"),
        (lambda: kbl.WarmupCosine(0.3, 7, 8), "warmup_steps must be an integer from 0 to 7. Received: warmup_steps=8"),
        (lambda: kbl.WarmupCosine(0.3, 7, waves=0), "waves must be an integer of at least 1. Received: waves=0"),
        (lambda: kbl.WarmupCosine(0.3, 7, accumulate=0), "accumulate must be .* Received: accumulate=0"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
