"""The command `keras-bert-lab`."""

from __future__ import annotations

import contextlib
import json
import pathlib
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import keras_bert_lab
from keras_bert_lab.cli.commands import COMMANDS
from keras_bert_lab.cli.parser import build_parser, settings_of, words_last
from keras_bert_lab.cli.show_config import show_config
from keras_bert_lab.errors import KerasBertLabError
from keras_bert_lab.recipes.runs import plain
from keras_bert_lab.training.distribution import is_main
from keras_bert_lab.training.stop_signals import Terminated, terminated_like_interrupted

__all__ = ["main"]

_PACKAGE = pathlib.Path(keras_bert_lab.__file__).parent


def _is_refusal(error: ValueError) -> bool:
    """Whether the package itself refused a value, in words that say all; else it is a mistake that needs its traceback."""
    return _PACKAGE in pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename).parents


def _run(command: str, settings: dict[str, Any]) -> int:
    as_json = settings.pop("json")
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        figures = COMMANDS[command].run(**settings)
    if as_json and is_main():
        print(json.dumps(plain(figures), indent=2, ensure_ascii=False, allow_nan=False))
    interrupted_by = figures.get("interrupted_by")
    return 128 + signal.Signals[interrupted_by] if interrupted_by else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the words after `keras-bert-lab`; None = those of the process.

    Returns:
        The exit code: 0 = done, 1 = a file or a setting is not usable, 2 = wrong usage, 128 + the number of the signal =
        interrupted (Ctrl-C: 130), with what was learned saved if the training had begun.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser()
    command = arguments[0] if arguments else ""
    try:
        with terminated_like_interrupted():
            if command == "show-config" and len(arguments) > 1 and not arguments[1].startswith("-"):
                return show_config(parser, arguments[1:])
            namespace = parser.instantiate(parser.parse_args(words_last(arguments)))
            return _run(namespace.command, settings_of(parser, namespace[namespace.command], namespace.command))
    except (KerasBertLabError, OSError) as error:
        print(f"keras-bert-lab {command}: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        if not _is_refusal(error):
            raise
        print(f"keras-bert-lab {command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print(f"keras-bert-lab {command}: interrupted", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
