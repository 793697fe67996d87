"""Worker of the encoder benchmark: transformers on torch, eager, its default settings. See encoder_step.py."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.encoder_cases import PRODUCTS, Case, batch
from benchmarks.measure import serve, time_steps, timed_run

_BATCHES = 8


def write_model(case: str, folder: str) -> str:
    """A BERT with random weights, saved for all peers. Biases and norms are random too, so that none can be forgotten."""
    torch.manual_seed(0)
    sizes = Case.from_json(case)
    config = transformers.BertConfig(
        vocab_size=sizes.vocab_size,
        hidden_size=sizes.hidden_size,
        num_hidden_layers=sizes.num_layers,
        num_attention_heads=sizes.num_heads,
        intermediate_size=sizes.intermediate_size,
    )
    model = transformers.BertForPreTraining(config)  # the masked LM model has no pooler
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.02)
    model.save_pretrained(folder)
    return folder


class Commands:
    """What the parent may ask. Workloads: "forward" and "train"."""

    def __init__(self, case: Case, precision: str, folder: Path) -> None:
        self.case = case
        self.precision = precision
        self.model = transformers.BertForMaskedLM.from_pretrained(folder)
        self.pooled = transformers.BertModel.from_pretrained(folder).eval()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
        self.steps: dict[str, Callable[[], Any]] = {}

    def _autocast(self) -> Any:
        return torch.autocast("cpu", torch.bfloat16) if self.precision == "bfloat16" else contextlib.nullcontext()

    @staticmethod
    def _inputs(data: dict[str, Any]) -> dict[str, Any]:
        names = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
        return {theirs: torch.from_numpy(data[ours]).long() for theirs, ours in names.items()}

    def gate(self, results: str) -> str:
        """Outputs of one padded batch in evaluation mode, written to a file."""
        data = batch(self.case, padding=True)
        self.model.eval()
        with torch.inference_mode():
            hidden = self.pooled(**self._inputs(data))
            logits = self.model(**self._inputs(data)).logits.numpy()
        np.savez(
            results,
            sequence=hidden.last_hidden_state.numpy(),
            pooled=hidden.pooler_output.numpy(),
            logits=np.take_along_axis(logits, data["positions"][:, :, None], axis=1),
        )
        return results

    def _forward(self) -> Callable[[], Any]:
        endless = itertools.cycle([self._inputs(batch(self.case, seed)) for seed in range(_BATCHES)])

        def step() -> Any:
            with torch.inference_mode(), self._autocast():
                return self.pooled(**next(endless)).pooler_output

        return step

    def _train(self) -> Callable[[], Any]:
        data = []
        for seed in range(_BATCHES):
            one = batch(self.case, seed)
            labels = np.full(one["ids"].shape, -100)
            np.put_along_axis(labels, one["positions"], one["targets"], axis=1)
            data.append(self._inputs(one) | {"labels": torch.from_numpy(labels)})
        endless = itertools.cycle(data)
        self.model.train()

        def step() -> float:
            self.optimizer.zero_grad(set_to_none=True)
            with self._autocast():
                loss = self.model(**next(endless)).loss
            loss.backward()
            self.optimizer.step()
            return loss.item()

        return step

    def warm_up(self, workload: str) -> dict[str, Any]:
        """Run three times; not part of the result, but reported."""
        start = time.perf_counter()
        self.steps[workload] = {"forward": self._forward, "train": self._train}[workload]()
        return {"prepare": time.perf_counter() - start, "seconds": time_steps(self.steps[workload], 3)}

    def run(self, workload: str, steps: int) -> dict[str, Any]:
        return timed_run(self.steps[workload], steps)

    def drop(self, workload: str) -> None:
        """Free what a workload holds."""
        del self.steps[workload]

    def about(self) -> dict[str, Any]:
        return {"attention": self.model.config._attn_implementation}


def product(shape: tuple[int, int, int], precision: str, repeats: int) -> float:
    """Operations per second of the fastest of some matrix products."""
    rows, inner, columns = shape
    left, right = (torch.randn(size).to(getattr(torch, precision)) for size in ((rows, inner), (inner, columns)))

    def step() -> Any:
        return left @ right

    with torch.inference_mode():
        return 2 * rows * inner * columns / min(time_steps(step, repeats + 2)[2:])


def products(precision: str, repeats: int = 15) -> dict[str, float]:
    return {"x".join(map(str, shape)): product(shape, precision, repeats) for shape in PRODUCTS}


def main() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    if sys.argv[1] == "products":
        serve({"products": products, "write_model": write_model})
        return
    _, case, precision, folder = sys.argv[1:]
    commands = Commands(Case.from_json(case), precision, Path(folder))
    serve({name: getattr(commands, name) for name in ("gate", "warm_up", "run", "drop", "about")})


if __name__ == "__main__":
    main()
