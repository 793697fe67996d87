"""What Keras's own callbacks remember between batches, as plain data and arrays, and back again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_bert_lab.errors import ResumeError

__all__ = ["callback_states", "check_callbacks", "is_known", "restore_callbacks"]

_REMEMBERED: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.ModelCheckpoint: ("best", "_current_epoch", "_batches_seen_since_last_saving", "_last_batch_seen"),
}


def _names(callback: keras.callbacks.Callback) -> tuple[str, ...] | None:
    return next((names for kind, names in _REMEMBERED.items() if isinstance(callback, kind)), None)


def is_known(callback: Any) -> bool:
    """Whether it is one of Keras's callbacks that remember something."""
    return _names(callback) is not None


def check_callbacks(callbacks: Sequence[Any]) -> None:
    """Refuse callbacks that nothing is known of.

    Raises:
        ValueError: such a callback.
    """
    for callback in callbacks:
        if _names(callback) is None and not (hasattr(callback, "get_state") and hasattr(callback, "set_state")):
            known = [kind.__name__ for kind in _REMEMBERED]
            raise ValueError(
                f"callbacks must be some of {known}, or have get_state() -> dict of plain data and set_state(dict). "
                f"Received: {type(callback).__name__}"
            )


def callback_states(callbacks: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """What each remembers.

    Returns:
        Plain data, one dict for each; and named arrays.

    Example:
        >>> plain, arrays = callback_states([keras.callbacks.ReduceLROnPlateau("loss")])
        >>> plain[0]["kind"], plain[0]["wait"], arrays
        ('ReduceLROnPlateau', 0, {})
    """
    plain: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for number, callback in enumerate(callbacks):
        names = _names(callback)
        state = callback.get_state() if names is None else {name: getattr(callback, name, None) for name in names}
        best = state.pop("best_weights", None) if names is not None else None
        for place, array in enumerate(best or ()):
            arrays[f"callbacks/{number}/{place:05}"] = np.asarray(array)
        if names is not None:
            state = {name: value if value is None else float(value) for name, value in state.items()}
            state |= {name: int(value) for name, value in state.items() if name != "best" and value is not None}
        plain.append({"kind": type(callback).__name__, **state, "arrays": None if best is None else len(best)})
    return plain, arrays


def restore_callbacks(callbacks: Sequence[Any], plain: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Bring back what `callback_states` gave.

    Raises:
        ResumeError: these are others.
    """
    found, expected = [type(callback).__name__ for callback in callbacks], [state["kind"] for state in plain]
    if found != expected:
        raise ResumeError(f"callbacks must be those of before, {expected}. Received: {found}")
    for number, (callback, state) in enumerate(zip(callbacks, plain, strict=True)):
        values = {name: value for name, value in state.items() if name not in ("kind", "arrays")}
        if _names(callback) is None:
            callback.set_state(values)
            continue
        if state["arrays"] is not None:
            callback.best_weights = [arrays[f"callbacks/{number}/{place:05}"] for place in range(state["arrays"])]
        for name, value in values.items():
            if value is not None or hasattr(callback, name):
                setattr(callback, name, value)
