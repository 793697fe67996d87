"""What a user sees while a corpus is prepared."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from keras_bert_lab.data.document_streams import DocumentStream
from keras_bert_lab.lazy import LazyModule

__all__ = ["ShardProgress"]

tqdm = LazyModule("tqdm.auto", install="tqdm")


class ShardProgress:
    """A bar of the bytes read, with tokens and tokens per second; a context manager that is called with new tokens.

    Args:
        stream: what is read.
        shown: False = nothing is shown.
    """

    def __init__(self, stream: DocumentStream, shown: bool = True) -> None:
        self._stream = stream
        self._tokens = 0
        self._began = time.perf_counter()
        self._bar: Any = None
        if shown:  # tqdm alone, switched off, would still warn in notebooks that have no widgets
            self._bar = tqdm.tqdm(
                total=stream.bytes,
                desc="preparing",
                unit="B",
                unit_scale=True,
                file=sys.stdout,
                dynamic_ncols=True,
                mininterval=0.5,
            )

    def __call__(self, tokens: int) -> None:
        self._tokens += tokens
        if self._bar is None:
            return
        rate = self._tokens / max(1e-9, time.perf_counter() - self._began)
        self._bar.set_postfix_str(f"{self._tokens:,} tokens, {rate:,.0f} tokens/s", refresh=False)
        self._bar.update(max(0, self._stream.position - self._bar.n))

    def __enter__(self) -> ShardProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self(0)
        if self._bar is not None:
            self._bar.close()
