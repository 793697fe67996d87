"""Worker of the encoder benchmark: our layers or KerasHub's, on TensorFlow. See encoder_step.py."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks import encoder_weights
from benchmarks.encoder_cases import PRODUCTS, Case, batch
from benchmarks.measure import serve, time_steps, timed_run
from keras_bert_lab.config import EncoderConfig
from keras_bert_lab.encoder import Encoder
from keras_bert_lab.heads import MaskedLMHead
from keras_bert_lab.training import AdamW

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
_BATCHES = 8  # different batches, so that no step sees what the last one saw


def _gelu(x: Any) -> Any:
    return keras.ops.gelu(x, approximate=False)


class Ours:
    """keras_bert_lab: Encoder + MaskedLMHead."""

    def __init__(self, case: Case, policy: str, folder: Path) -> None:
        config = EncoderConfig(
            vocab_size=case.vocab_size,
            hidden_size=case.hidden_size,
            num_layers=case.num_layers,
            num_heads=case.num_heads,
            intermediate_size=case.intermediate_size,
        )
        self.encoder = Encoder(config, dtype=policy)
        head = MaskedLMHead(self.encoder)
        encoder_weights.fill_ours(self.encoder, head, folder)
        names = ("input_word_ids", "input_mask", "input_type_ids", "masked_lm_positions")
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
        states = self.encoder(inputs)["sequence_output"]
        self.model = keras.Model(inputs, head(states, inputs["masked_lm_positions"]))

    def inputs(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"input_word_ids": data["ids"], "input_mask": data["mask"], "input_type_ids": data["types"]}

    def masked_inputs(self, data: dict[str, Any]) -> dict[str, Any]:
        return self.inputs(data) | {"masked_lm_positions": data["positions"]}

    def optimizer(self) -> keras.optimizers.Optimizer:
        return AdamW(1e-4, weight_decay=0.01, global_clipnorm=None)  # the peers do not clip either


class KerasHub:
    """keras_hub: BertBackbone + BertMaskedLM, with the exact GELU in place of its tanh form, so that all compute the same."""

    def __init__(self, case: Case, policy: str, folder: Path) -> None:
        import keras_hub

        self.encoder = keras_hub.models.BertBackbone.from_preset(str(folder), dtype=policy)
        for layer in self.encoder.transformer_layers:
            layer._feedforward_intermediate_dense.activation = _gelu
        self.model = keras_hub.models.BertMaskedLM(self.encoder, preprocessor=None)
        head = self.model.masked_lm_head
        head._intermediate_dense.activation = _gelu
        head._intermediate_layer_norm.epsilon = 1e-12  # 1e-5 in KerasHub
        encoder_weights.fill_kerashub_head(head, folder)

    def inputs(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"token_ids": data["ids"], "padding_mask": data["mask"], "segment_ids": data["types"]}

    def masked_inputs(self, data: dict[str, Any]) -> dict[str, Any]:
        return self.inputs(data) | {"mask_positions": data["positions"]}

    def optimizer(self) -> keras.optimizers.Optimizer:
        return keras.optimizers.AdamW(1e-4, weight_decay=0.01)


class Commands:
    """What the parent may ask. Workloads: "forward" and "train", each also compiled by XLA as "forward_xla", "train_xla"."""

    def __init__(self, peer: str, case: Case, precision: str, folder: Path) -> None:
        self.case = case
        self.peer: Ours | KerasHub = (Ours if peer == "ours" else KerasHub)(case, _POLICIES[precision], folder)
        self.optimizer = self.peer.optimizer()
        self.steps: dict[str, Callable[[], Any]] = {}

    def gate(self, results: str) -> str:
        """Outputs of one padded batch in evaluation mode, written to a file."""
        data = batch(self.case, padding=True)
        hidden = self.peer.encoder(self.peer.inputs(data), training=False)
        logits = self.peer.model(self.peer.masked_inputs(data), training=False)
        outputs = {"sequence": hidden["sequence_output"], "pooled": hidden["pooled_output"], "logits": logits}
        np.savez(results, allow_pickle=False, **{name: np.asarray(value, "float32") for name, value in outputs.items()})
        return results

    def _forward(self, jit_compile: bool) -> Callable[[], Any]:
        encoder = self.peer.encoder

        @tf.function(jit_compile=jit_compile)
        def forward(inputs: dict[str, Any]) -> tuple[Any, Any]:
            hidden = encoder(inputs, training=False)
            return hidden["sequence_output"], hidden["pooled_output"]

        data = [
            {name: tf.constant(value) for name, value in self.peer.inputs(batch(self.case, seed)).items()}
            for seed in range(_BATCHES)
        ]
        endless = itertools.cycle(data)

        def step() -> Any:
            return forward(next(endless))[1].numpy()

        return step

    def _train(self, jit_compile: bool) -> Callable[[], Any]:
        model = self.peer.model
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(self.optimizer, loss, weighted_metrics=None, jit_compile=jit_compile)
        model.make_train_function(force=True)
        function = model.train_function  # what fit() calls for each step
        batches = [batch(self.case, seed) for seed in range(_BATCHES)]
        inputs = [self.peer.masked_inputs(data) for data in batches]
        stacked = {name: np.stack([one[name] for one in inputs]) for name in inputs[0]}
        targets = np.stack([data["targets"] for data in batches])
        iterator = iter(tf.data.Dataset.from_tensor_slices((stacked, targets)).repeat())

        def step() -> float:
            return float(function(iterator)["loss"])

        return step

    def warm_up(self, workload: str) -> dict[str, Any]:
        """Trace, compile and run three times; not part of the result, but reported."""
        kind, _, xla = workload.partition("_")
        start = time.perf_counter()
        self.steps[workload] = {"forward": self._forward, "train": self._train}[kind](bool(xla))
        return {"prepare": time.perf_counter() - start, "seconds": time_steps(self.steps[workload], 3)}

    def run(self, workload: str, steps: int) -> dict[str, Any]:
        return timed_run(self.steps[workload], steps)

    def drop(self, workload: str) -> None:
        """Free a workload's graph."""
        del self.steps[workload]


def product(shape: tuple[int, int, int], precision: str, repeats: int) -> float:
    """Operations per second of the fastest of some matrix products."""
    rows, inner, columns = shape
    left, right = (tf.cast(tf.random.normal(size), precision) for size in ((rows, inner), (inner, columns)))
    multiply = tf.function(tf.matmul)

    def step() -> Any:
        return multiply(left, right)[0, 0].numpy()

    return 2 * rows * inner * columns / min(time_steps(step, repeats + 2)[2:])


def products(precision: str, repeats: int = 15) -> dict[str, float]:
    return {"x".join(map(str, shape)): product(shape, precision, repeats) for shape in PRODUCTS}


def main() -> None:
    if sys.argv[1] == "products":
        serve({"products": products})
        return
    peer, case, precision, folder = sys.argv[1:]
    commands = Commands(peer, Case.from_json(case), precision, Path(folder))
    serve({name: getattr(commands, name) for name in ("gate", "warm_up", "run", "drop")})


if __name__ == "__main__":
    main()
