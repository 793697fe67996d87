"""What callbacks remember between batches, as plain data and arrays, and back again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

__all__ = ["callback_states", "remembering", "restore_callbacks"]

_REMEMBERED: dict[type, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
    keras.callbacks.ModelCheckpoint: ("best", "_batches_seen_since_last_saving", "_last_batch_seen"),
}


def _has_own(callback: Any) -> bool:
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def _names(callback: Any) -> tuple[str, ...]:
    return next((names for kind, names in _REMEMBERED.items() if isinstance(callback, kind)), ())


def remembering(callbacks: Sequence[Any]) -> list[Any]:
    """Those that remember something: Keras's EarlyStopping, ReduceLROnPlateau, SwapEMAWeights and ModelCheckpoint, and all with
    `get_state()` -> dict of plain data and `set_state(dict)`.

    Example:
        >>> found = [keras.callbacks.TerminateOnNaN(), keras.callbacks.EarlyStopping()]
        >>> remembering(found) == found[1:]
        True
    """
    return [callback for callback in callbacks if _has_own(callback) or _names(callback)]


def callback_states(callbacks: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """What each of them remembers.

    Args:
        callbacks: those that `remembering` finds.

    Returns:
        Plain data, one dict for each; and named arrays.

    Raises:
        TypeError: a `get_state` that gives more than plain data.

    Example:
        >>> plain, arrays = callback_states([keras.callbacks.ReduceLROnPlateau("loss")])
        >>> plain, arrays
        ([{'wait': 0, 'best': None, 'cooldown_counter': 0}], {})
    """
    plain: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for number, callback in enumerate(callbacks):
        if _has_own(callback):
            plain.append(_checked(callback))
            continue
        state = {name: getattr(callback, name, None) for name in _names(callback)}
        for place, array in enumerate(state.pop("best_weights", None) or ()):
            arrays[f"callbacks/{number}/{place:05}"] = np.asarray(array)
        plain.append({name: _number(value) for name, value in state.items()})
    return plain, arrays


def _number(value: Any) -> int | float | None:
    return value if value is None or isinstance(value, int) else float(value)


def _checked(callback: Any) -> dict[str, Any]:
    state = callback.get_state()
    try:
        if not isinstance(state, dict):
            raise TypeError(f"a {type(state).__name__}")
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"get_state of a callback must give a dict of plain data. Received: of {type(callback).__name__}, {error}"
        ) from error
    return state


def restore_callbacks(callbacks: Sequence[Any], plain: Sequence[Mapping[str, Any]], arrays: Mapping[str, np.ndarray]) -> None:
    """Bring back what `callback_states` gave.

    Args:
        callbacks: as many, of the same kinds, in the same order.
        plain, arrays: what it gave.
    """
    for number, (callback, state) in enumerate(zip(callbacks, plain, strict=True)):
        if _has_own(callback):
            callback.set_state(dict(state))
            continue
        for name, value in state.items():
            setattr(callback, name, value)
        best = [arrays[name] for name in sorted(arrays) if name.startswith(f"callbacks/{number}/")]
        if "best_weights" in _names(callback):
            callback.best_weights = best or None
