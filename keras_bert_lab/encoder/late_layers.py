"""Layers that join another one after it was built, and leave it again."""

from __future__ import annotations

import contextlib

import keras

__all__ = ["begin_anew", "join", "leave"]


def join(owner: keras.layers.Layer, attribute: str, layer: keras.layers.Layer, width: int) -> None:
    """Make a layer part of another that is built, as if it had been made with it.

    Args:
        owner: the layer that calls it, if it is there.
        attribute: under which name.
        layer: the new part; it is built, if it is not yet, for states (B, S, width).
        width: of its inputs.
    """
    if not layer.built:
        with contextlib.ExitStack() as scopes:
            for part in owner.path.split("/"):  # the names of its weights tell where it stands
                scopes.enter_context(keras.name_scope(part))
            layer.build((None, None, width))
    owner._tracker.unlock()  # Keras's own enable_lora does it in this way
    try:
        setattr(owner, attribute, layer)
    finally:
        owner._tracker.lock()


def leave(owner: keras.layers.Layer, attribute: str) -> None:
    """Take away what has joined: the attribute is again what the owner's class says."""
    owner._tracker.untrack(getattr(owner, attribute))
    delattr(owner, attribute)


def begin_anew(layer: keras.layers.Layer) -> None:
    """Have the models in a layer take notice of parts that have come or gone.

    Their graphs and their optimizers are those of before: what is compiled is compiled again with the same settings, and its
    optimizer begins anew. Where an optimizer cannot say its settings, the model is no longer compiled.
    """
    for model in layer._flatten_layers():
        if isinstance(model, keras.Model):
            model.train_function = model.test_function = model.predict_function = None
            if model.compiled:
                _compile_again(model)


def _compile_again(model: keras.Model) -> None:
    settings = model._compile_config.config
    optimizer = settings["optimizer"]
    try:
        fresh = type(optimizer).from_config(optimizer.get_config())
    except (NotImplementedError, TypeError, ValueError):  # a schedule of the user's own without get_config
        model.compiled = False  # so that `fit` asks for `compile`
        return
    model.compile(**(settings | {"optimizer": fresh}))
    if optimizer.built:
        model.optimizer.build(model.trainable_variables)
