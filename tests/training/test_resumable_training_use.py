"""How a resumable training is begun, ended and refused."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_bert_lab import ResumableTraining, ResumeError
from keras_bert_lab.training.checkpoints import CheckpointFolder
from tests.conftest import ROOT
from tests.training.small_training import (
    BATCH,
    CLASSES,
    EPOCHS,
    STEPS,
    Counts,
    Dies,
    Killed,
    arrays,
    assert_same,
    network,
    state,
    train,
)

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(autouse=True)
def _same_handlers() -> Iterator[None]:
    """Of trainings that were killed, as no process is here, some would stay."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


def began(folder: Path, after: int = 7, **settings: Any) -> None:
    """A training that was killed in its first epoch."""
    with pytest.raises(Killed):
        train(folder, network(1), [Dies(after)], **settings)


class Signals(keras.callbacks.Callback):
    """Sends itself a signal in the middle of an event."""

    def __init__(self, number: signal.Signals, event: str, at: int) -> None:
        super().__init__()
        self.number = number
        self.at = at
        setattr(self, f"on_{event}", self._send)

    def _send(self, number: int, logs: Any = None) -> None:
        if number == self.at:
            self.at = -1
            signal.raise_signal(self.number)


# --- what ends it -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
@pytest.mark.parametrize(
    ("event", "at"),
    [("train_batch_begin", 3), ("train_batch_end", 4), ("test_batch_end", 0), ("epoch_end", 1), ("epoch_end", EPOCHS - 1)],
)
def test_a_signal_saves_and_ends(
    tmp_path: Path, number: signal.Signals, end: type[BaseException], event: str, at: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    expected = state(train(tmp_path / "reference", network(1)))
    training = ResumableTraining(tmp_path / "stopped", every=1000)
    with pytest.raises(end) as error:
        train(tmp_path, network(1), [Signals(number, event, at)], training)
    if end is SystemExit:
        assert error.value.code == 143  # type: ignore[attr-defined]
    assert training.stop.received is number
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert at == EPOCHS - 1 or f"Saved in {tmp_path / 'stopped'}: the same call goes on" in capfd.readouterr().err
    again = ResumableTraining(tmp_path / "stopped", every=1000)
    assert_same(state(train(tmp_path, network(2), training=again)), expected)
    assert "Going on from" in capfd.readouterr().out


@pytest.mark.parametrize(("event", "at"), [("test_batch_end", 1), ("train_batch_end", 4)])
def test_exchanged_weights(tmp_path: Path, event: str, at: int) -> None:
    """Evaluated, and left at the end of an epoch, are averages; where the training goes on is none of them."""

    def fit(folder: str, seed: int, *others: Any) -> keras.Model:
        model = network(seed, keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.7))
        return train(tmp_path / folder, model, [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), *others])

    expected = state(fit("reference", 1))
    with pytest.raises(KeyboardInterrupt):
        fit("stopped", 1, Signals(signal.SIGINT, event, at))
    assert_same(state(fit("stopped", 2)), expected)


def test_the_same_object_goes_on_after_an_interruption(tmp_path: Path) -> None:
    """As where the cell of a notebook is run again: with the model that the interruption has left."""
    expected = state(train(tmp_path / "reference", network(1), [Counts()]))
    training, model = ResumableTraining(tmp_path / "stopped", every=1000), network(1)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, model, [Signals(signal.SIGINT, "train_batch_end", 2), Counts()], training)
    assert_same(state(train(tmp_path, model, [Counts()], training)), expected)
    assert training.stop.received is None


def test_metrics_without_a_name_of_their_own(tmp_path: Path) -> None:
    """Keras calls them mean_io_u the first time, then mean_io_u_1: the history has one column all the same."""
    histories = []
    for life in range(2):
        model = network(1, metrics=[keras.metrics.MeanIoU(CLASSES, sparse_y_pred=False)])
        with contextlib.suppress(KeyboardInterrupt):
            train(tmp_path, model, [] if life else [Signals(signal.SIGINT, "train_batch_end", STEPS + 2)])
        histories.append(model.history.history)
    before, after = histories
    assert {len(values) for values in after.values()} == {EPOCHS}
    assert set(before) != set(after)
    assert len(before) == len(after)


def test_another_training_is_given_up_where_that_is_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Killed):
        train(tmp_path / "runs", network(1), [Dies(20)])
    expected = state(train(tmp_path / "reference", network(1), epochs=EPOCHS + 1))
    capfd.readouterr()
    training = ResumableTraining(tmp_path / "runs", overwrite=True)
    assert_same(state(train(tmp_path, network(1), training=training, epochs=EPOCHS + 1)), expected)
    assert "Given up: another training in" in capfd.readouterr().out
    train(tmp_path, network(1), training=ResumableTraining(tmp_path / "runs", overwrite=True), epochs=EPOCHS + 1)
    assert "Going on from the end" in capfd.readouterr().out  # it is the same one


def test_errors_do_not_pile_up(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    for life in range(3):
        with pytest.raises(Killed):
            train(tmp_path / f"{life}", network(1), [Dies(3)])
    train(tmp_path / "whole", network(1))
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    heard: list[Any] = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(_))
    try:
        training, model = ResumableTraining(tmp_path / "stopped", every=0), network(1)
        with pytest.raises(Killed):
            train(tmp_path, model, [Dies(9)], training)
        signal.raise_signal(signal.SIGINT)  # acts as before: no training runs that could be stopped
        assert len(heard) == 1
        assert training.stop.received is None
    finally:
        signal.signal(signal.SIGINT, before)
        training.stop.__exit__()
        signal.signal(signal.SIGINT, before)
    x, y = arrays()
    assert model.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]  # without it: from the first epoch
    expected = state(train(tmp_path / "reference", network(1)))
    found = state(train(tmp_path, network(2), training=training))
    assert_same(found, expected)


def test_after_the_end_the_finished_model_comes_back(tmp_path: Path) -> None:
    stopping = [keras.callbacks.EarlyStopping("loss", patience=0, mode="max", restore_best_weights=True)]
    first = train(tmp_path / "runs", network(1), stopping)
    assert first.history.epoch == [0, 1]  # ended by the callback
    expected = state(first)
    model = network(2)
    again = train(tmp_path / "runs", model, [keras.callbacks.EarlyStopping("loss", patience=0, mode="max")])
    found = state(again)
    assert found["epochs"] == expected["epochs"]
    assert found["history"] == expected["history"]
    for one, other in zip(model.get_weights(), first.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert model._initial_epoch is None


def test_a_full_disk_costs_the_checkpoint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    expected = state(train(tmp_path / "reference", network(1)))
    save, tries = CheckpointFolder.save, []

    def full(self: CheckpointFolder, *what: Any) -> Any:
        tries.append(1)
        if len(tries) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, *what)

    monkeypatch.setattr(CheckpointFolder, "save", full)
    with caplog.at_level(logging.ERROR):
        assert_same(state(train(tmp_path / "full", network(1))), expected)
    assert "No space left on device" in caplog.text
    assert str(tmp_path / "full") in caplog.text
    monkeypatch.undo()
    assert_same(state(train(tmp_path / "full", network(2))), expected)


def test_checkpoints_are_made_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("keras_bert_lab.training.resumable_training.time.monotonic", lambda: now[0])
    saves: list[float] = []
    save = CheckpointFolder.save

    def slow(self: CheckpointFolder, *what: Any) -> Any:
        saves.append(now[0])
        now[0] += 0.5
        return save(self, *what)

    monkeypatch.setattr(CheckpointFolder, "save", slow)
    clock = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: now.__setitem__(0, now[0] + 20.0))
    training = ResumableTraining(tmp_path / "runs", every=30.0)
    train(tmp_path, network(1), [clock], training)
    # Each batch takes 20 s, a checkpoint 0.5 s: after 40 s the first, then not before 50 s have gone by; and one at the end.
    assert saves == [40.0, 100.5, 161.0, 221.5, 282.0, 302.5]
    assert training.save_seconds == 0.5


def test_it_prints_where_it_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    began(tmp_path / "runs", after=2 * STEPS + 12)
    train(tmp_path / "runs", network(2))
    assert "Going on from epoch 2, batch 2 of 5, saved in" in capfd.readouterr().out
    train(tmp_path / "runs", network(2))
    assert "Going on from the end, saved in" in capfd.readouterr().out


def test_keras_shows_the_right_batches(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    began(tmp_path / "runs", after=2 * STEPS + 12)
    capfd.readouterr()
    train(tmp_path / "runs", network(2), verbose=2)
    shown = capfd.readouterr().out
    assert "Epoch 1/3" not in shown
    assert "Epoch 2/3" in shown
    assert shown.count("5/5 - ") == 2


def test_earlier_seconds_add_up(tmp_path: Path) -> None:
    began(tmp_path / "runs")
    training = ResumableTraining(tmp_path / "runs", every=0)
    train(tmp_path, network(2), training=training)
    assert training.earlier_seconds > 0


def test_it_learns_as_keras_does(tmp_path: Path) -> None:
    """On data in their own order, nothing is different from fit without it."""
    x, y = arrays()
    x = x.astype(np.float64)
    weights = np.linspace(0.5, 1.5, len(x))
    ours, theirs = network(1), network(1)
    training = ResumableTraining(tmp_path / "runs")
    data = training.data(x, y, weights, batch_size=BATCH, shuffle=False)
    ours.fit(data, epochs=2, verbose=0, callbacks=[training])
    theirs.fit(x, y, sample_weight=weights, batch_size=BATCH, shuffle=False, epochs=2, verbose=0)
    assert ours.history.history == theirs.history.history
    training = ResumableTraining(tmp_path / "more")
    data = training.data(x, y, batch_size=BATCH, shuffle=False)
    for model, arguments in ((ours, {"x": data, "callbacks": [training]}), (theirs, {"x": x, "y": y, "shuffle": False})):
        model.fit(**arguments, batch_size=None if model is ours else BATCH, class_weight={0: 2.0, 1: 0.5}, epochs=2, verbose=0)
    assert ours.history.history == theirs.history.history


def test_an_initial_epoch(tmp_path: Path) -> None:
    expected = state(train(tmp_path / "reference", network(1), initial_epoch=1))
    assert expected["epochs"] == [1, 2]
    began(tmp_path / "runs", initial_epoch=1)
    assert_same(state(train(tmp_path / "runs", network(2), initial_epoch=1)), expected)
    began(tmp_path / "others")
    with pytest.raises(ResumeError, match=r"goes on in epoch 0\. Received: initial_epoch=2"):
        train(tmp_path / "others", network(2), initial_epoch=2)


# --- what is refused ----------------------------------------------------------------------------------------------------------


def _wider() -> keras.Model:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _less_dropout() -> keras.Model:
    model = network(2)
    model.layers[1].rate = 0.2
    return model


def _frozen() -> keras.Model:
    model = network(2)
    model.layers[0].trainable = False
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model


CHANGES: dict[str, tuple[Callable[[], keras.Model], dict[str, Any], str]] = {
    "model": (_wider, {}, r"model\.layers\[2\]\.kind: \"Dropout\" before, \"Dense\" now"),
    "dropout": (_less_dropout, {}, r"model\.layers\[2\]\.rate: 0\.3 before, 0\.2 now"),
    "frozen": (_frozen, {}, r"model\.layers\[1\]\.trainable: true before, false now"),
    "learning rate": (
        lambda: network(2, keras.optimizers.Adam(0.02)),
        {},
        r"\.learning_rate: 0\.01 before, 0\.02 now",
    ),
    "optimizer": (lambda: network(2, "sgd"), {}, r"optimizers\[0\]\.kind: \"Adam\" before, \"SGD\" now"),
    "steps in one": (lambda: network(2, steps_per_execution=2), {}, r"model\.steps_per_execution: 1 before, 2 now"),
    "epochs": (lambda: network(2), {"epochs": 4}, r"epochs: 3 before, 4 now"),
    "class_weight": (lambda: network(2), {"class_weight": {0: 2.0}}, r"class_weight: null before, not there now"),
    "callbacks": (
        lambda: network(2),
        {"others": [keras.callbacks.EarlyStopping("loss")]},
        r"callbacks: \[\] before, \[\"EarlyStopping\"\] now",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_training_is_refused(tmp_path: Path, name: str) -> None:
    began(tmp_path / "runs")
    model, settings, message = CHANGES[name]
    with pytest.raises(ResumeError, match=message):
        train(tmp_path / "runs", model(), **settings)
    with pytest.raises(
        ResumeError, match="can only go on as it was begun.*Call it as before; or, to begin anew, name another folder"
    ):
        train(tmp_path / "runs", model(), **settings)
    train(tmp_path / "runs", network(3))  # still there, and free


DATA: dict[str, tuple[dict[str, Any], str]] = {
    "one number": (
        {"x": lambda x: x + np.eye(*x.shape, 2, dtype=np.float32) * 1e-6},
        r"data: \"\w{16}\" before, \"\w{16}\" now",
    ),
    "a label": ({"y": lambda y: (y + (np.arange(len(y)) == 9)) % 3}, r"data: "),
    "a row": ({"x": lambda x: x[:-1], "y": lambda y: y[:-1]}, r"data: "),
    "the seed": ({"seed": 4}, r"data: "),
    "the order": ({"shuffle": False}, r"data: "),
    "the batch size": (
        {"batch_size": 6},
        r"steps_per_epoch: 5 before, 4 now; batch\[0\]: \[5, 5, \"float32\"\] before, \[6,",
    ),
}


@pytest.mark.parametrize("name", DATA)
def test_other_data_are_refused(tmp_path: Path, name: str) -> None:
    began(tmp_path / "runs")
    changes, message = DATA[name]
    x, y = arrays()
    changes = dict(changes)
    x, y = changes.pop("x", np.asarray)(x), changes.pop("y", np.asarray)(y)
    training = ResumableTraining(tmp_path / "runs")
    with pytest.raises(ResumeError, match=message):
        network(2).fit(
            training.data(x, y, **({"batch_size": BATCH, "seed": 3} | changes)), epochs=EPOCHS, verbose=0, callbacks=[training]
        )


def test_other_settings_are_refused(tmp_path: Path) -> None:
    how: dict[str, Any] = {"lesson": {"name": "a", "parts": (1, 2)}}
    with pytest.raises(Killed):
        train(tmp_path, network(1), [Dies(7)], ResumableTraining(tmp_path / "runs", 0, settings=how))
    other = ResumableTraining(tmp_path / "runs", settings={"lesson": {"name": "a", "parts": [1, 3]}})
    with pytest.raises(ResumeError, match=r"settings\.lesson\.parts: \[1, 2\] before, \[1, 3\] now"):
        train(tmp_path, network(2), training=other)
    train(tmp_path, network(2), training=ResumableTraining(tmp_path / "runs", settings=how))


def test_many_differences_are_counted(tmp_path: Path) -> None:
    began(tmp_path / "runs")
    with pytest.raises(ResumeError, match=r"; and \d+ more\. Call it as before"):
        train(tmp_path / "runs", _wider())


def test_another_environment_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    began(tmp_path / "runs")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "17")
    with caplog.at_level(logging.WARNING):
        train(tmp_path / "runs", network(2))
    assert "another environment, so the last bits of its weights may differ: switches.TF_ENABLE_ONEDNN_OPTS" in caplog.text


def test_a_folder_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    program = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print('held', flush=True); input()"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "lock")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(ResumeError, match=f"Another process trains in {tmp_path}"):
                train(tmp_path, network(1))
        finally:
            other.communicate(b"\n")
    train(tmp_path, network(1))


def test_data_of_its_own(tmp_path: Path) -> None:
    x, y = arrays()
    training = ResumableTraining(tmp_path / "runs")
    with pytest.raises(ValueError, match="must know the place in the data. Received: fit on data of its own"):
        network(1).fit(x, y, callbacks=[training], verbose=0)
    training.data(x, y)
    with pytest.raises(ValueError, match="Received: fit on data of its own"):
        network(1).fit(x, y, callbacks=[training], verbose=0)
    assert not (tmp_path / "runs").exists()


def test_part_of_an_epoch(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold all batches of the data, 5\. Received: steps_per_epoch=3"):
        train(tmp_path / "runs", network(1), steps_per_epoch=3)


def test_backup_and_restore(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes the place of BackupAndRestore. Received: both"):
        train(tmp_path / "runs", network(1), [keras.callbacks.BackupAndRestore(tmp_path / "theirs")])


class OwnLoop(keras.Sequential):
    def fit(self, data: Any, callbacks: Any, **settings: Any) -> None:
        keras.callbacks.CallbackList(callbacks, model=self, epochs=1).on_train_begin()


def test_a_loop_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="around a OwnLoop. Override train_step instead of fit"):
        train(tmp_path / "runs", OwnLoop([keras.layers.Dense(3)]))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"every": -1}, ValueError, "every must be a number of seconds, at least 0. Received: every=-1"),
        ({"every": float("nan")}, ValueError, "every=nan"),
        ({"keep": 1}, ValueError, "keep must be at least 2: a checkpoint can be damaged. Received: keep=1"),
        ({"keep": 2.5}, ValueError, r"keep=2\.5"),
        ({"settings": {"path": Path("a")}}, TypeError, r"settings must be plain data, as for JSON. Received: \{'path'"),
    ],
)
def test_arguments_out_of_range(tmp_path: Path, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ResumableTraining(tmp_path, **settings)


def test_a_callback_that_remembers_more_than_plain_data(tmp_path: Path) -> None:
    callback = Counts()
    callback.seen = np.zeros(3)  # type: ignore[assignment]
    with pytest.raises(TypeError, match="get_state of a callback must give a dict of plain data. Received: of Counts"):
        train(tmp_path / "runs", network(1), [callback])


def test_an_optimizer_without_variables(tmp_path: Path) -> None:
    model = network(1)
    model.another = keras.optimizers.SGD(0.1)
    with pytest.raises(ValueError, match="must be built before fit. Received: a SGD without variables"):
        train(tmp_path / "runs", model)


TOLD = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.training.small_training import network, train
from tests.training.test_resumable_training_use import Signals
train(Path(sys.argv[1]), network(1), [Signals(signal.Signals(int(sys.argv[2])), "train_batch_end", 3)])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_process_that_is_told_to_end(tmp_path: Path, number: signal.Signals, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TOLD, str(tmp_path / "runs"), str(int(number))],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr[-2000:]
    assert "the same call goes on from here" in done.stderr
    assert ("KeyboardInterrupt" in done.stderr) is (number is signal.SIGINT)
    assert_same(state(train(tmp_path / "runs", network(2))), state(train(tmp_path / "reference", network(1))))
