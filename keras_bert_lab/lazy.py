"""Packages that load at first use, so that `import keras_bert_lab` costs what `import keras` costs."""

from __future__ import annotations

import importlib
from typing import Any

from keras_bert_lab.errors import MissingPackageError

__all__ = ["LazyModule"]


class LazyModule:
    """Stand-in for a module, imported when its first attribute is read.

    Args:
        name: the module's import name.
        install: what to give to `pip install` when it is missing; by default the import name.

    Raises:
        MissingPackageError: at first use, when the module cannot be imported.

    Example:
        >>> json = LazyModule("json")
        >>> json.dumps([1])
        '[1]'
    """

    def __init__(self, name: str, install: str | None = None) -> None:
        self._name = name
        self._install = install or name

    def __getattr__(self, attribute: str) -> Any:
        # Python itself asks for __wrapped__, __setstate__, ... (inspect, doctest, copy): that is no use of the module.
        if attribute.startswith("__") and attribute not in ("__name__", "__version__"):
            raise AttributeError(attribute)
        try:
            module = importlib.import_module(self._name)
        except ImportError as error:
            raise MissingPackageError(
                f"{self._name} is needed here and could not be imported ({error}). Install it: pip install {self._install}"
            ) from error
        return getattr(module, attribute)
