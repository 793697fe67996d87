from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from keras_bert_lab import StopSignals
from keras_bert_lab.training.stop_signals import Terminated, terminated_like_interrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Model:
    stop_training = False


def listening() -> StopSignals:
    stop = StopSignals()
    stop.set_model(Model())
    return stop


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("end", ["on_train_batch_end", "on_epoch_end"])
def test_the_training_stops_after_the_batch_or_the_validation(
    number: signal.Signals, end: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening() as stop:
        getattr(stop, end)(0)
        assert not stop.model.stop_training
        signal.raise_signal(number)
        assert stop.received is number
        assert not stop.model.stop_training  # not in the middle of a batch
        getattr(stop, end)(1)
        assert stop.model.stop_training
    assert f"{number.name}: stopping after this batch; once more stops at once." in capsys.readouterr().err


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_acts_as_it_did_before(number: signal.Signals) -> None:
    heard = []
    before = signal.signal(number, lambda *_: heard.append(number))
    try:
        with listening() as stop:
            signal.raise_signal(number)
            assert heard == []
            signal.raise_signal(number)
            assert heard == [number]
            assert stop.received is number
    finally:
        signal.signal(number, before)


def test_ctrl_c_twice_interrupts() -> None:
    with listening():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("received", [False, True])
def test_the_handlers_are_those_from_before(received: bool) -> None:
    before = handlers()
    with listening():
        assert all(one is not other for one, other in zip(handlers(), before, strict=True))
        if received:
            signal.raise_signal(signal.SIGTERM)
            assert handlers() == before  # from now on
    assert handlers() == before
    with pytest.raises(RuntimeError, match="within"), listening():
        raise RuntimeError("within")
    assert handlers() == before


def test_blocks_may_stand_in_each_other() -> None:
    before = handlers()
    with listening() as outer:
        with listening() as inner:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)  # "at once": the one outside
            assert (inner.received, outer.received) == (signal.SIGINT, signal.SIGINT)
        assert handlers() == before
    assert handlers() == before


def test_in_a_thread_nothing_happens() -> None:
    before, found = handlers(), []

    def work() -> None:
        with listening() as stop, terminated_like_interrupted():
            stop.on_train_batch_end(0)
            found.append((handlers() == before, stop.received, stop.model.stop_training))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(True, None, False)]


class Gone(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("reentrant call inside BufferedWriter")])
def test_a_terminal_that_is_gone_costs_nothing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Gone(error))
    with listening() as stop:
        signal.raise_signal(signal.SIGTERM)
    assert stop.received is signal.SIGTERM


def test_sigterm_is_an_exception_while_a_command_runs() -> None:
    before = handlers()
    with pytest.raises(Terminated), terminated_like_interrupted():
        signal.raise_signal(signal.SIGTERM)
    assert handlers() == before
    with pytest.raises(KeyboardInterrupt) as caught, terminated_like_interrupted():
        signal.raise_signal(signal.SIGINT)
    assert not isinstance(caught.value, Terminated)
    assert handlers() == before


@pytest.mark.parametrize("number", SIGNALS)
def test_what_was_ignored_stays_ignored(number: signal.Signals) -> None:
    """As Ctrl-C is by a job in the background."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with listening() as stop:
            signal.raise_signal(number)
            assert stop.received is None
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
