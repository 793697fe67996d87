"""What the encoder benchmark computes: sizes, batches and the arithmetic that they need."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np

__all__ = ["CASES", "PRODUCTS", "Case", "batch"]

# Matrix products whose best rate in any library is the physical limit: one feed-forward product of BERT base over 4096
# tokens, and a square one. (M, K, N)
PRODUCTS = ((4096, 768, 3072), (2048, 2048, 2048))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One size of BERT and one batch.

    Args:
        name: of the size.
        num_layers, hidden_size, num_heads, intermediate_size: as in EncoderConfig.
        batch_size: B, rows in a batch; every row is full.
        sequence_length: S.
        predictions: P, masked positions in a row; 15 % of S, rounded up.
        vocab_size: V.
    """

    name: str
    num_layers: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    batch_size: int
    sequence_length: int = 128
    predictions: int = 20
    vocab_size: int = 30522

    @property
    def tokens(self) -> int:
        """T = B * S."""
        return self.batch_size * self.sequence_length

    def flops(self, workload: str) -> float:
        """Floating-point operations of one step, 2 for a multiply and add; elementwise work is not counted.

        forward: T * L * (24 H^2 + 4 S H);  train: 3 * (forward + B * P * (2 H^2 + 2 H V)), only predicted tokens projected.
        """
        width = self.hidden_size
        forward = self.tokens * self.num_layers * (24 * width**2 + 4 * self.sequence_length * width)
        if workload == "forward":
            return forward
        return 3 * (forward + self.batch_size * self.predictions * (2 * width**2 + 2 * width * self.vocab_size))

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Case:
        return cls(**json.loads(text))


CASES = {
    "mini": Case(name="mini", num_layers=4, hidden_size=256, num_heads=4, intermediate_size=1024, batch_size=32),
    "base": Case(name="base", num_layers=12, hidden_size=768, num_heads=12, intermediate_size=3072, batch_size=8),
}


def batch(case: Case, seed: int = 0, padding: bool = False) -> dict[str, Any]:
    """One batch of random tokens, the same for every peer.

    Args:
        case: sizes.
        seed: of the random numbers.
        padding: shorten the rows, row b by 3 b positions; otherwise all are full.

    Returns:
        `ids`, `mask`, `types` int32 (B, S); `positions`, `targets` int32 (B, P), positions ascending and real.
    """
    random = np.random.default_rng(seed)
    shape = (case.batch_size, case.sequence_length)
    ids = random.integers(1000, case.vocab_size, shape, dtype=np.int32)
    lengths = case.sequence_length - 3 * np.arange(case.batch_size) * padding
    mask = (np.arange(case.sequence_length) < lengths[:, None]).astype(np.int32)
    types = (np.arange(case.sequence_length) >= lengths[:, None] // 2).astype(np.int32) * mask
    positions = np.stack([np.sort(random.permutation(length)[: case.predictions]) for length in lengths]).astype(np.int32)
    targets = np.take_along_axis(ids, positions, axis=1)
    masked = ids.copy()
    np.put_along_axis(masked, positions, 103, axis=1)  # 103 = [MASK] in BERT's vocabulary
    return {"ids": masked * mask, "mask": mask, "types": types, "positions": positions, "targets": targets}
