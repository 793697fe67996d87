"""Every system call by which checkpoints change files: seen, counted, made to fail, or the last one of its process.

Python's own functions are exchanged, because they can be made to fail in any way; that none is forgotten is proven with strace
(`seen_by_the_kernel`), where there is one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["NAMES", "Act", "Call", "Interception", "kill_at", "record", "seen_by_the_kernel"]

NAMES = ("mkdir", "open", "write", "fsync", "close", "rename", "unlink", "rmdir", "truncate")
_KERNEL = {"openat": "open", "renameat": "rename", "unlinkat": "unlink", "ftruncate": "truncate", "mkdirat": "mkdir"}
_LOOKING = ("fstat", "stat", "lstat", "newfstatat", "statx", "getdents64", "access", "readlink", "getcwd")
_HARMLESS = {*_LOOKING, "read", "pread64", "lseek", "close", "flock", "ioctl", "fcntl", "execve"}


@dataclasses.dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        number: from 0.
        name: one of NAMES, or "mark" for what the harness notes between calls.
        path: what it is about, relative to the root.
        to: the new name, of a rename.
        data: of a write.
        makes: whether an `open` may make the file.
    """

    number: int
    name: str
    path: str
    to: str = ""
    data: bytes = b""
    makes: bool = False

    def __str__(self) -> str:
        return f"call {self.number}: {self.name} {self.path}{f' -> {self.to}' if self.to else ''}"


Act = Callable[[Call, Callable[[], Any]], Any]


class Interception:
    """While the block runs, calls of this thread about files below a folder go through a function of one's own.

    Args:
        root: the folder.
        act: given the call and a function that makes it; returns what the caller gets, or raises what it shall see.
    """

    def __init__(self, root: Path, act: Act) -> None:
        self.root = os.path.realpath(root)
        self.act = act
        self.count = 0
        self._paths: dict[int, str] = {}
        self._real = {name: getattr(os, name) for name in NAMES}
        self._thread = threading.get_ident()

    def __enter__(self) -> Interception:
        for name in NAMES:
            setattr(os, name, self._instead(name))
        return self

    def __exit__(self, *error: object) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)

    def _place(self, path: Any, folder: int | None) -> str | None:
        """Relative to the root; None = outside."""
        if isinstance(path, int):
            return self._paths.get(path)
        if folder is not None:
            if folder not in self._paths:
                return None
            return str(Path(self._paths[folder], path))
        whole = Path(path)
        whole = Path(os.path.realpath(whole.parent)) / whole.name
        return str(whole.relative_to(self.root)) if whole.is_relative_to(self.root) else None

    def _instead(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(path: Any, *arguments: Any, **settings: Any) -> Any:
            folder = settings.get("dir_fd", settings.get("src_dir_fd"))
            place = self._place(path, folder) if threading.get_ident() == self._thread else None
            if place is None:
                return real(path, *arguments, **settings)
            about: dict[str, Any] = {}
            if name == "rename":
                about["to"] = self._place(arguments[0], settings.get("dst_dir_fd"))
            elif name == "write":
                about["data"] = bytes(arguments[0])
            elif name == "open":
                about["makes"] = bool(arguments[0] & os.O_CREAT)
            number = self.count
            self.count += 1

            def make(*others: Any) -> Any:
                result = real(path, *(others or arguments), **settings)
                if name == "open":
                    self._paths[result] = place
                return result

            try:
                return self.act(Call(number, name, place, **about), make)
            finally:
                if name == "close":
                    self._paths.pop(path, None)

        return call


def record(calls: list[Call]) -> Act:
    """Makes all calls and keeps them."""

    def act(call: Call, make: Callable[[], Any]) -> Any:
        result = make()
        calls.append(call)
        return result

    return act


def kill_at(number: int, torn: bool = False, before: Callable[[Call], Any] | None = None) -> Act:
    """Ends this process with SIGKILL when it comes to a call.

    Args:
        number: of the call, from 0.
        torn: a write brings half of its data first.
        before: told of the call.
    """

    def act(call: Call, make: Callable[..., Any]) -> Any:
        if call.number == number:
            if torn and call.name == "write":
                make(call.data[: len(call.data) // 2])
            if before is not None:
                before(call)
            os.kill(os.getpid(), signal.SIGKILL)
        return make()

    return act


def seen_by_the_kernel(module: str, arguments: Sequence[str], root: Path) -> Counter[str] | None:
    """How often a Python module makes each call that changes files below a folder, as strace sees it; None without strace."""
    program = shutil.which("strace")
    if program is None:
        return None
    words = [program, "-f", "-y", "-e", "trace=%file,%desc", "-s", "0", sys.executable, "-m", module, *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        if re.search(r"ptrace|PTRACE", done.stderr):
            return None  # it is there, but not allowed
        raise RuntimeError(f"{words} failed: {done.stderr[-2000:]}")
    found: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        matched = re.match(r"(?:\[pid +\d+\] )?(\w+)\(", line)
        if matched is None or os.path.realpath(root) not in line or "= -1 " in line:
            continue
        name = "rmdir" if "AT_REMOVEDIR" in line else _KERNEL.get(matched[1], matched[1])
        only_reads = name in _HARMLESS or (name == "open" and not re.search(r"O_(WRONLY|RDWR|CREAT)", line))
        if not only_reads:
            found[name] += 1
    return found
