"""The command `keras-bert-lab`."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Sequence

import docstring_parser
import jsonargparse

import keras_bert_lab
from keras_bert_lab.errors import KerasBertLabError
from keras_bert_lab.recipes import quickstart

__all__ = ["main"]

_COMMANDS = {"quickstart": quickstart}

_DESCRIPTION = """Build, pretrain, fine-tune and export BERT in Keras 3.

examples:
  keras-bert-lab quickstart
  keras-bert-lab quickstart --output /tmp/first-try --seed 1 --small
"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter):
    """Keeps the lines of the examples."""


def _parser() -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(
        prog="keras-bert-lab",
        description=_DESCRIPTION,
        version=keras_bert_lab.__version__,
        formatter_class=_HelpFormatter,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    for name, function in _COMMANDS.items():
        command = jsonargparse.ArgumentParser(description=(function.__doc__ or "").split("\n")[0])
        switches = [each for each in inspect.signature(function).parameters.values() if isinstance(each.default, bool)]
        command.add_function_arguments(function, skip={switch.name for switch in switches})
        described = {each.arg_name: each.description for each in docstring_parser.parse(function.__doc__ or "").params}
        for switch in switches:  # so that a plain --small does it
            command.add_argument(
                f"--{switch.name}",
                action=jsonargparse.ActionYesNo(no_prefix="no-"),
                default=switch.default,
                help=described.get(switch.name, ""),
            )
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
