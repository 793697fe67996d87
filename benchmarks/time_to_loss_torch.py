"""Worker of the benchmark time_to_loss.py: transformers on torch, written as its users write it.

`BertForMaskedLM` with its default attention, rows as in the library's own example run_mlm.py: every paragraph with [CLS] and
[SEP], all of them one after the other, cut into rows of 128, no padding; `DataCollatorForLanguageModeling`; autocast to
bfloat16; torch's fused AdamW. With "compiled" the model is compiled by torch.compile.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from benchmarks.fine_tuning_torch import decay_groups
from benchmarks.measure import serve, timed_run
from benchmarks.time_to_loss_case import Case

_PARAGRAPHS = 2000  # that are tokenised at once


class Rows(torch.utils.data.Dataset):
    """Rows of ids (R, S), as a collator of transformers takes them."""

    def __init__(self, ids: np.ndarray, special: tuple[int, ...]) -> None:
        self.ids = ids
        self.special = special

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.ids[index].astype(np.int64)
        return {"input_ids": row, "special_tokens_mask": np.isin(row, self.special).astype(np.int64)}


def tokenised(tokenizer: Any, text: Path) -> np.ndarray:
    """All paragraphs with [CLS] and [SEP], one after the other, int32 (T,)."""

    def parts() -> Iterator[list[str]]:
        with text.open(encoding="utf-8") as file:
            lines = [line for line in file if not line.isspace()]
        for start in range(0, len(lines), _PARAGRAPHS):
            yield lines[start : start + _PARAGRAPHS]

    rows = (row for part in parts() for row in tokenizer(part, return_attention_mask=False)["input_ids"])
    return np.concatenate([np.array(row, np.int32) for row in rows])


class Commands:
    """What the parent may ask.

    Args:
        case: the training.
        initial: folder of the untrained model and its tokenizer.
        compiled: whether torch.compile is used.
        state: file for weights and optimizer, to go on from after an interruption.
    """

    def __init__(self, case: Case, initial: Path, compiled: bool, state: Path) -> None:
        self.case = case
        self.state = state
        transformers.logging.set_verbosity_error()
        torch.manual_seed(case.seed)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(initial)
        self.tokenizer.model_max_length = int(1e9)  # rows are cut after the paragraphs were joined
        self.model = transformers.BertForMaskedLM.from_pretrained(initial).train()
        self.called = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(
            decay_groups(self.model, case.weight_decay), lr=case.learning_rate, eps=case.epsilon, fused=True
        )
        self.done = 0

    def prepare(self, text: str, rows: str, ours: str) -> dict[str, int]:
        """Tokenise the text into rows, where that was not done yet, after a check that both sides read the same tokens.

        Args:
            text: the text file.
            rows: .npy for the rows.
            ours: .npy with the tokens that the other side reads.

        Raises:
            ValueError: the tokens differ.
        """
        if not Path(rows).exists():
            ids = tokenised(self.tokenizer, Path(text))
            bare = ids[~np.isin(ids, (self.tokenizer.cls_token_id, self.tokenizer.sep_token_id))]
            if not np.array_equal(bare, np.load(ours)):
                raise ValueError(f"Both sides must read the same tokens. Received: {len(bare)} and {len(np.load(ours))} tokens")
            length = self.case.sequence_length
            np.save(rows, ids[: len(ids) // length * length].reshape(-1, length).astype(np.uint16))
        special = (self.tokenizer.cls_token_id, self.tokenizer.sep_token_id)
        self.rows = Rows(np.load(rows), special)
        return {"rows": len(self.rows)}

    def _autocast(self) -> Any:
        return torch.autocast("cpu", torch.bfloat16)

    def evaluate(self, path: str) -> float:
        """Loss for each masked token of the held-out rows."""
        rows, total = np.load(path), 0.0
        self.model.eval()
        with torch.inference_mode(), self._autocast():
            for start in range(0, len(rows["ids"]), self.case.batch_size):
                ids, mask, positions, targets, weights = (
                    torch.from_numpy(rows[name][start : start + self.case.batch_size])
                    for name in ("ids", "mask", "positions", "targets", "weights")
                )
                logits = self.model(input_ids=ids.long(), attention_mask=mask.long()).logits
                chosen = logits[torch.arange(len(ids))[:, None], positions.long()].float()
                each = torch.nn.functional.cross_entropy(chosen.flatten(0, 1), targets.long().flatten(), reduction="none")
                total += float((each * weights.flatten()).sum())
        self.model.train()
        return total / float(rows["weights"].sum())

    def _batches(self, steps: int) -> Any:
        """The next batches; the order of an epoch is a function of seed and epoch, so that a restart finds its place."""
        size, order = self.case.batch_size, []
        while len(order) < (self.done + steps) * size:
            generator = torch.Generator().manual_seed(self.case.seed + len(order) // len(self.rows))
            order += torch.randperm(len(self.rows), generator=generator).tolist()
        collator = transformers.DataCollatorForLanguageModeling(
            self.tokenizer, mlm_probability=self.case.masked, seed=self.case.seed + 1 + self.done
        )
        chosen = order[self.done * size : (self.done + steps) * size]
        return torch.utils.data.DataLoader(self.rows, batch_size=size, sampler=chosen, collate_fn=collator)

    def advance(self, steps: int) -> dict[str, Any]:
        """Train on the next batches."""
        losses: list[float] = []

        def train() -> None:
            for batch in self._batches(steps):
                for group in self.optimizer.param_groups:
                    group["lr"] = self.case.rate(self.done)
                self.optimizer.zero_grad(set_to_none=True)
                with self._autocast():
                    loss = self.called(**batch).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.case.clip_norm)
                self.optimizer.step()
                losses.append(loss.item())
                self.done += 1

        processor = time.process_time()
        found = timed_run(train, 1) | {"processor": time.process_time() - processor}
        return found | {"loss": float(np.mean(losses)), "tokens": steps * self.case.batch_size * self.case.sequence_length}

    def save(self) -> None:
        """Keep weights and optimizer; untimed."""
        unfinished = self.state.with_suffix(".part")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "done": self.done}, unfinished)
        unfinished.rename(self.state)

    def restore(self) -> int:
        """Go on from what was kept; gives the number of steps that were made."""
        kept = torch.load(self.state)
        self.model.load_state_dict(kept["model"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.done = kept["done"]
        return self.done


def main() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    case, initial, compiled, state = sys.argv[1:]
    commands = Commands(Case.from_json(case), Path(initial), compiled == "compiled", Path(state))
    serve({name: getattr(commands, name) for name in ("prepare", "evaluate", "advance", "save", "restore")})


if __name__ == "__main__":
    main()
