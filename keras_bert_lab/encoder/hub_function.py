"""How the SavedModel of an encoder is called: several forms in, the contract dict out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from keras_bert_lab import contract
from keras_bert_lab.errors import FormatError
from keras_bert_lab.lazy import LazyModule
from keras_bert_lab.sealed_models import SealedModel

__all__ = ["HubFunction"]

tf = LazyModule("tensorflow")

# The names of the three inputs in modules of TensorFlow 1.
_TF1_KEYS = {contract.WORD_IDS: "input_ids", contract.MASK: "input_mask", contract.TYPE_IDS: "segment_ids"}
_DEFAULT = "default"


class HubFunction:
    """The function of an opened SavedModel that maps token ids to hidden states.

    Three forms exist: a function of a dict (TF-Hub text API), of a list [word ids, mask, type ids] that gives
    (pooled, sequence) (the first handles, /1 and /2), and a signature "tokens" (TensorFlow 1).

    Args:
        root: the opened SavedModel.
        sealed: what it was opened from.

    Raises:
        FormatError: it is no encoder of texts.
    """

    def __init__(self, root: Any, sealed: SealedModel) -> None:
        self.root = root
        self.sealed = sealed
        self._modes: set[bool] = set()
        if sealed.is_tf1:
            self._run = self._signature()
            return
        functions = root.__call__.concrete_functions if callable(root) else []
        if not functions:
            raise self._no_encoder("it has no function that was saved with it")
        arguments, _ = functions[0].structured_input_signature
        given = arguments[0] if arguments else None
        if isinstance(given, Mapping) and set(given) == set(contract.INPUT_KEYS):
            self._order, self._dtypes = None, {key: spec.dtype for key, spec in given.items()}
        elif isinstance(given, (list, tuple)) and len(given) == len(contract.INPUT_KEYS):
            self._order = _order_of([getattr(spec, "name", None) for spec in given])
            self._dtypes = {key: given[place].dtype for place, key in enumerate(self._order)}
        else:
            names = sorted(given) if isinstance(given, Mapping) else given
            raise self._no_encoder(f"it takes {names!r:.200}")
        names = list(functions[0].function_type.parameters)
        if "training" in names:
            place = names.index("training")
            self._modes = {bool(function.structured_input_signature[0][place]) for function in functions}
        self._check_outputs(functions[0].structured_outputs)
        self._run = self._call_root

    def _no_encoder(self, found: str) -> FormatError:
        return FormatError(
            f"{self.sealed.source} is no text encoder: {found}. An encoder takes {list(contract.INPUT_KEYS)} and gives "
            f"{contract.POOLED_OUTPUT!r} and {contract.SEQUENCE_OUTPUT!r}."
        )

    def _check_outputs(self, outputs: Any) -> None:
        try:
            self._contract(outputs)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._no_encoder(f"it gives {outputs!r:.300}") from error

    def _signature(self) -> Callable[[dict[str, Any], bool], Any]:
        for signature in self.root.signatures.values():
            _, inputs = signature.structured_input_signature
            if set(inputs) == set(_TF1_KEYS.values()):
                self._dtypes = {key: inputs[name].dtype for key, name in _TF1_KEYS.items()}
                self._check_outputs(signature.structured_outputs)
                return lambda ids, training: signature(**{name: ids[key] for key, name in _TF1_KEYS.items()})
        found = {name: sorted(function.structured_input_signature[1]) for name, function in self.root.signatures.items()}
        raise self._no_encoder(f"its signatures take {found}")

    def _call_root(self, ids: dict[str, Any], training: bool) -> Any:
        inputs = ids if self._order is None else [ids[key] for key in self._order]
        if not self._modes:
            return self.root(inputs)
        return self.root(inputs, training=training if training in self._modes else not training)

    @staticmethod
    def _contract(outputs: Any) -> dict[str, Any]:
        if isinstance(outputs, Mapping):
            found = {contract.POOLED_OUTPUT: outputs.get(contract.POOLED_OUTPUT, outputs.get(_DEFAULT))}
            found |= {key: outputs.get(key) for key in (contract.SEQUENCE_OUTPUT, contract.ENCODER_OUTPUT)}
        else:
            by_rank = {tensor.shape.rank: tensor for tensor in outputs}
            found = {contract.POOLED_OUTPUT: by_rank[2], contract.SEQUENCE_OUTPUT: by_rank.get(3)}
        found = {key: value for key, value in found.items() if value is not None}
        if contract.ENCODER_OUTPUT in found:
            found[contract.ENCODER_OUTPUT] = list(found[contract.ENCODER_OUTPUT])
        if found[contract.POOLED_OUTPUT].shape.rank != 2:
            raise ValueError("pooled_output must be (B, H)")
        return found

    def __call__(self, inputs: Mapping[str, Any], training: bool) -> dict[str, Any]:
        """Token ids -> the contract dict of hidden states, float32, with what is known of their shapes."""
        ids = {key: tf.cast(tf.convert_to_tensor(inputs[key]), self._dtypes[key]) for key in contract.INPUT_KEYS}
        outputs = self._contract(self._run(ids, training))
        batch, length = ids[contract.WORD_IDS].shape
        states = [outputs[contract.SEQUENCE_OUTPUT]] if contract.SEQUENCE_OUTPUT in outputs else []
        for tensor in (*states, *outputs.get(contract.ENCODER_OUTPUT, ())):
            tensor.set_shape((batch, length, None))
        outputs[contract.POOLED_OUTPUT].set_shape((batch, None))
        return outputs

    def variables(self) -> tuple[list[Any], set[int], list[Any]]:
        """The weights; the ids of those that are trained; and all other variables, such as those of `mlm` or flags."""
        listed = getattr(self.root, "variables", None)
        found = [part for part in tf.train.TrackableView(self.root).descendants() if isinstance(part, tf.Variable)]
        if listed is None:  # what the function itself uses
            used = _captured(self.root.__call__)
            listed = [variable for variable in found if used & _ids(variable)]
        weights = [variable for variable in _unique(listed) if variable.dtype.is_floating]
        trained = getattr(self.root, "trainable_variables", None)
        if self.sealed.is_tf1:
            trained = []
        elif trained is None:
            trained = [variable for variable in weights if variable.trainable]
        known = {id(variable) for variable in weights}
        rest = [variable for variable in _unique([*found, *listed]) if id(variable) not in known]
        return weights, {id(variable) for variable in trained}, [variable for variable in rest if variable.dtype != tf.string]

    def regularizers(self, variables: list[Any]) -> dict[int, Callable[[Any], Any]]:
        """The regularisation losses, each with the place of the weight that it is about."""
        losses: dict[int, list[Any]] = {}
        for loss in getattr(self.root, "regularization_losses", ()):
            captured = _captured(loss)
            owners = [place for place, variable in enumerate(variables) if captured & _ids(variable)]
            losses.setdefault(owners[0] if owners else 0, []).append(loss)
        return {place: functools.partial(_sum_of, parts) for place, parts in losses.items()}


def _sum_of(losses: list[Any], _: Any) -> Any:
    return tf.add_n([tf.reshape(loss(), ()) for loss in losses])


def _captured(function: Any) -> set[int]:
    """Ids of what a saved function uses beside its arguments."""
    return {id(part) for concrete in function.concrete_functions for part in concrete.captured_inputs}


def _ids(variable: Any) -> set[int]:
    """By which a function may know a variable: itself, or its handle. One that lies on several devices has no single handle."""
    is_distributed = isinstance(variable, tf.distribute.DistributedValues)
    return {id(variable)} if is_distributed else {id(variable), id(variable.handle)}


def _unique(variables: Any) -> list[Any]:
    return list({id(variable): variable for variable in variables}.values())


def _order_of(names: list[str | None]) -> list[str]:
    """Which key each part of a list is: by the names of the parts where these are the contract's, else in its order."""
    clean = [str(name).rpartition("/")[2] for name in names]
    return clean if sorted(clean) == sorted(contract.INPUT_KEYS) else list(contract.INPUT_KEYS)
