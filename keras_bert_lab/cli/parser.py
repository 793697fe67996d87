"""The parser of the command line, made from the signatures and docstrings of the recipes."""

from __future__ import annotations

import argparse
import inspect
import itertools
import re
from collections.abc import Sequence
from typing import Any

import docstring_parser
import jsonargparse

import keras_bert_lab
from keras_bert_lab.cli.commands import COMMANDS, Command

__all__ = ["build_parser", "merge_words", "settings_of", "words_last"]

_DESCRIPTION = """Build, pretrain, fine-tune and export BERT in Keras 3.

examples:
  keras-bert-lab quickstart
  keras-bert-lab pretrain corpus.txt --output runs/my-bert
  keras-bert-lab train reviews.csv --encoder runs/my-bert --output runs/my-classifier
  keras-bert-lab predict runs/my-classifier "will see it again"
  keras-bert-lab train --help
"""
_SETTINGS_EXAMPLES = """\
  keras-bert-lab show-config pretrain > pretrain.yaml
  keras-bert-lab show-config train reviews.csv --encoder runs/my-bert --output runs/x --epochs 5
  keras-bert-lab show-config runs/my-bert"""
# Words without a name are kept apart from the settings of the same name: those may also come from a configuration file.
_WORDS = "words_"


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter):
    """Keeps the lines of the examples."""


def _add_words(parser: jsonargparse.ArgumentParser, command: Command, described: dict[str, str]) -> None:
    for place, name in enumerate(command.words):
        many = command.takes_many and place == len(command.words) - 1
        metavar = name.upper()
        parser.add_argument(_WORDS + name, nargs="*" if many else "?", type=str, metavar=metavar, help=described.get(name, ""))
        kind = list[str] if many else str
        parser.add_argument(f"--{name}", type=kind | None, default=None, help=f"{metavar}, for configuration files")


def _command_parser(command: Command) -> jsonargparse.ArgumentParser:
    docstring = docstring_parser.parse(command.run.__doc__ or "")
    described = {each.arg_name: each.description or "" for each in docstring.params}
    parser = jsonargparse.ArgumentParser(
        description=f"{docstring.short_description}\n\nexamples:\n{command.examples}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="a YAML file of settings; options after it go before it")
    _add_words(parser, command, described)
    switches = [each for each in inspect.signature(command.run).parameters.values() if isinstance(each.default, bool)]
    parser.add_function_arguments(command.run, skip={*command.words, *(switch.name for switch in switches)})
    for switch in switches:  # so that a plain --overwrite does it
        parser.add_argument(
            f"--{switch.name}",
            action=jsonargparse.ActionYesNo(no_prefix="no-"),
            default=switch.default,
            help=described.get(switch.name, ""),
        )
    parser.add_argument(
        "--json",
        action=jsonargparse.ActionYesNo(no_prefix="no-"),
        default=False,
        help="print the figures as JSON on standard output, and all else on standard error",
    )
    return parser


def build_parser() -> jsonargparse.ArgumentParser:
    """The parser of all commands."""
    parser = jsonargparse.ArgumentParser(
        prog="keras-bert-lab",
        description=_DESCRIPTION,
        version=keras_bert_lab.__version__,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    for name, command in COMMANDS.items():
        each = _command_parser(command)
        summary = (command.run.__doc__ or "").split("\n")[0]
        commands.add_subcommand(name, each, help=summary)
    summary = "Print the settings of a command, or of a run, as YAML."
    shown = jsonargparse.ArgumentParser(
        description=f"{summary}\n\nexamples:\n{_SETTINGS_EXAMPLES}", formatter_class=_HelpFormatter, allow_abbrev=False
    )
    shown.add_argument("subject", type=str, help="a command with its options, or the folder of a run")
    commands.add_subcommand("show-config", shown, help=summary)
    return parser


def words_last(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command with its words behind all options: argparse takes them in one piece only.

    Example:
        >>> words_last(["evaluate", "runs/x", "--json", "--text", "t", "test.csv"])
        ['evaluate', '--json', '--text', 't', 'runs/x', 'test.csv']
    """
    name, *rest = arguments or [""]
    if name not in COMMANDS:
        return list(arguments)
    parameters = inspect.signature(COMMANDS[name].run).parameters.values()
    switches = ["json", *(each.name for each in parameters if isinstance(each.default, bool))]
    bare = {"-h", "--help", "--print_config", *(f"--{no}{switch}" for no in ("", "no-") for switch in switches)}
    options: list[str] = []
    words: list[str] = []
    remaining = iter(rest)
    for argument in remaining:
        if argument == "--":
            words += remaining
        elif argument == "-h" or re.match(r"--[\w.+-]+(=|$)", argument):
            options.append(argument)
            if "=" not in argument and argument not in bare:
                options += itertools.islice(remaining, 1)
        else:
            words.append(argument)
    return [name, *options, *(["--"] if any(word.startswith("-") for word in words) else []), *words]


def merge_words(settings: dict[str, Any], command: Command) -> dict[str, Any]:
    """Settings in which the words without a name have their names; they go before those of a configuration file."""
    words = {name: settings.get(_WORDS + name) or settings.get(name) for name in command.words}
    return words | {name: value for name, value in settings.items() if name not in words and not name.startswith(_WORDS)}


def settings_of(parser: jsonargparse.ArgumentParser, namespace: Any, name: str) -> dict[str, Any]:
    """The arguments of a command's recipe, words without a name included.

    Leaves with a usage error where a word is missing.
    """
    command = COMMANDS[name]
    settings = merge_words(namespace.as_dict(), command)
    settings.pop("config", None)
    parameters = inspect.signature(command.run).parameters
    for word in command.words:
        if settings[word]:
            continue
        del settings[word]
        if parameters[word].default is inspect.Parameter.empty:
            parser.error(f"{word.upper()} is missing. See keras-bert-lab {name} --help.")
    return settings
