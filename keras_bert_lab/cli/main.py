"""The command `keras-bert-lab`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import jsonargparse

import keras_bert_lab
from keras_bert_lab.errors import KerasBertLabError
from keras_bert_lab.recipes import quickstart

__all__ = ["main"]

_COMMANDS = {"quickstart": quickstart}

_DESCRIPTION = """Build, pretrain, fine-tune and export BERT in Keras 3.

examples:
  keras-bert-lab quickstart
  keras-bert-lab quickstart --output /tmp/first-try --seed 1 --small true
"""


def _parser() -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(
        prog="keras-bert-lab",
        description=_DESCRIPTION,
        version=keras_bert_lab.__version__,
        formatter_class=jsonargparse.DefaultHelpFormatter,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    for name, function in _COMMANDS.items():
        command = jsonargparse.ArgumentParser(description=(function.__doc__ or "").split("\n")[0])
        command.add_function_arguments(function)
        commands.add_subcommand(name, command, help=command.description)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the words after `keras-bert-lab`; None = those of the process.

    Returns:
        The exit code: 0 = done, 1 = a file or a setting is not usable, 2 = wrong usage, 130 = interrupted.
    """
    parser = _parser()
    settings = parser.instantiate_classes(parser.parse_args(arguments))
    command = settings.command
    try:
        _COMMANDS[command](**settings[command].as_dict())
    except (KerasBertLabError, OSError) as error:
        print(f"keras-bert-lab {command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"keras-bert-lab {command}: interrupted", file=sys.stderr)
        return 130
    return 0
