"""Progress shows and records how many real tokens a training sees in a second, and how much padding."""

import itertools
import types

import keras
import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.batches import ExampleBatches, TokenRows, as_dataset
from keras_bert_lab.training import progress as module

# 7 texts in batches of 3: the short ones padded to 16, the last one to 32
LENGTHS = [5, 11, 7, 3, 16, 13, 17]
REAL, SLOTS = 72, 3 * 16 + 3 * 16 + 1 * 32


@pytest.fixture
def batches():
    ids = np.arange(sum(LENGTHS), dtype=np.int32) % 31
    rows = TokenRows(ids, np.zeros_like(ids), np.cumsum([0, *LENGTHS]))
    return ExampleBatches(rows, 0, 3, np.arange(7, dtype=np.float32)[:, None] % 2)


@pytest.fixture
def model():
    inputs = {key: keras.Input((None,), dtype="int32", name=key) for key in ("input_word_ids", "input_mask", "input_type_ids")}
    states = keras.layers.Embedding(31, 5)(inputs["input_word_ids"])
    found = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(states)))
    found.compile("sgd", loss="mse")
    return found


@pytest.fixture
def half_second_steps(monkeypatch):
    """A clock that goes on by half a second whenever it is read."""
    ticks = itertools.count(start=100.0, step=0.5)
    monkeypatch.setattr(module, "time", types.SimpleNamespace(perf_counter=lambda: next(ticks)))


def epoch(callback, number, steps=3, **logs):
    callback.on_epoch_begin(number)
    for step in range(steps):
        callback.on_train_batch_begin(step)
        callback.on_train_batch_end(step, {"loss": 0.5, **logs})
    found = {"loss": 0.25, **logs}
    callback.on_epoch_end(number, found)
    return found


@pytest.mark.usefixtures("half_second_steps")
def test_numbers_by_hand(batches, capsys):
    callback = kbl.Progress(batches, label="pretraining")
    callback.set_params({"epochs": 2})
    logs = epoch(callback, 0, learning_rate=0.125)
    assert logs == {"loss": 0.25, "learning_rate": 0.125, "tokens_per_second": REAL / 1.5, "padding": 1 - REAL / SLOTS}
    shown = capsys.readouterr().out
    assert "pretraining 1/2: 100%" in shown
    assert "3/3" in shown
    assert "loss 0.250, 48 tokens/s, padding 43.8%" in shown
    assert "learning_rate" not in shown


@pytest.mark.usefixtures("half_second_steps")
def test_share_of_the_peak_and_time_left(batches, capsys):
    """128 slots in 1.5 seconds, 30 operations each, on a machine that does 12,800 in a second: a fifth of the peak."""
    callback = kbl.Progress(batches, flops_per_slot=30.0, peak=12_800.0)
    callback.set_params({"epochs": 3, "steps": 3})
    assert epoch(callback, 0)["share_of_peak"] == pytest.approx(SLOTS * 30 / 1.5 / 12_800)
    shown = capsys.readouterr().out
    assert "20% of peak, 00:03 left" in shown  # two more epochs of three steps
    epoch(callback, 2)
    assert "left" not in capsys.readouterr().out.split("\r")[-1]


@pytest.mark.usefixtures("half_second_steps")
def test_an_epoch_can_be_as_long_as_one_likes(batches, capsys):
    """Two steps in what `fit` calls an epoch: the second one begins with the third batch, the third with the second again."""
    callback = kbl.Progress(batches)
    callback.set_params({"epochs": 4, "steps": 2})
    padding = [epoch(callback, number, steps=2)["padding"] for number in range(3)]
    counts = [batches.counts(step) for step in range(6)]
    for number, found in enumerate(padding):
        (real, slots), (more_real, more_slots) = counts[2 * number : 2 * number + 2]
        assert found == pytest.approx(1 - (real + more_real) / (slots + more_slots))
    assert "2/2" in capsys.readouterr().out


@pytest.mark.usefixtures("half_second_steps")
def test_each_epoch_counts_anew(batches, capsys):
    callback = kbl.Progress(batches)
    callback.set_params({"epochs": 5})
    assert epoch(callback, 0) == epoch(callback, 1) == epoch(callback, 4)
    shown = capsys.readouterr().out
    assert all(f"training {number}/5: 100%" in shown for number in (1, 2, 5))


@pytest.mark.usefixtures("half_second_steps")
def test_epoch_broken_off_counts_what_was_seen(batches):
    callback = kbl.Progress(batches)
    assert epoch(callback, 0, steps=1) == {"loss": 0.25, "tokens_per_second": 23 / 0.5, "padding": 1 - 23 / 48}


def test_in_fit(batches, model, capsys, tmp_path):
    history = model.fit(
        as_dataset(batches),
        steps_per_epoch=batches.steps_per_epoch,
        epochs=2,
        verbose=0,
        shuffle=False,
        callbacks=[kbl.Progress(batches), keras.callbacks.CSVLogger(tmp_path / "log.csv")],
    ).history
    assert sorted(history) == ["loss", "padding", "tokens_per_second"]
    assert history["padding"] == [1 - REAL / SLOTS] * 2
    assert all(speed > 0 for speed in history["tokens_per_second"])
    shown = capsys.readouterr().out
    for part in ("training 1/2", "training 2/2", "tokens/s", "padding 43.8%", "loss "):
        assert part in shown
    assert (tmp_path / "log.csv").read_text().startswith("epoch,loss,padding,tokens_per_second")


def test_in_fit_from_a_later_epoch(batches, model, capsys):
    model.fit(
        as_dataset(batches, first_step=2 * batches.steps_per_epoch),
        steps_per_epoch=batches.steps_per_epoch,
        initial_epoch=2,
        epochs=3,
        verbose=0,
        shuffle=False,
        callbacks=[kbl.Progress(batches)],
    )
    assert "training 3/3: 100%" in capsys.readouterr().out


def test_several_batches_in_one_call_count_all(batches, model, capsys):
    model.compile("sgd", loss="mse", steps_per_execution=2)
    history = model.fit(as_dataset(batches, epochs=1), verbose=0, shuffle=False, callbacks=[kbl.Progress(batches)]).history
    assert history["padding"] == [1 - REAL / SLOTS]
    assert "3/3" in capsys.readouterr().out


def test_validation_shows_in_the_summary(batches, model, capsys):
    history = model.fit(
        as_dataset(batches, epochs=1),
        verbose=0,
        shuffle=False,
        callbacks=[kbl.Progress(batches)],
        validation_data=as_dataset(batches, epochs=1),
    ).history
    assert "val_loss" in history
    assert f"val_loss {history['val_loss'][0]:.3f}" in capsys.readouterr().out


def test_no_output_but_the_bar_when_nothing_ran(batches, capsys):
    callback = kbl.Progress(batches)
    callback.on_train_end()
    assert capsys.readouterr().out == ""
