"""What this package raises beside Python's own errors.

    Exception
    ├── KerasBertLabError            base of the family: `except kbl.KerasBertLabError`
    │   ├── DataError                a file, a table, a text or a label is not usable
    │   ├── ExportError              an exported model is missing, damaged or gives other answers
    │   ├── FormatError              a saved model is missing, damaged or of another kind
    │   ├── MissingPackageError      an optional package is not installed (also an ImportError)
    │   └── ResumeError              a training cannot go on where it stopped
    ├── ValueError                   an argument has an impossible value
    └── TypeError                    an argument has an impossible type

Every text names the argument, the rule, the value received and the cure.
"""

from __future__ import annotations

__all__ = ["DataError", "ExportError", "FormatError", "KerasBertLabError", "MissingPackageError", "ResumeError"]


class KerasBertLabError(Exception):
    """Base of all errors that only this package raises."""


class DataError(KerasBertLabError, ValueError):
    """A file, a table, a text or a label is not usable."""


class ExportError(KerasBertLabError):
    """An exported model is missing, damaged or gives other answers than the original."""


class FormatError(KerasBertLabError):
    """A saved model is missing, damaged or of another kind."""


class MissingPackageError(KerasBertLabError, ImportError):
    """An optional package is needed here and not installed."""


class ResumeError(KerasBertLabError):
    """A training cannot go on where it stopped: other settings or data, a folder in use, no whole checkpoint left."""
