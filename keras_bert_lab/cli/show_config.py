"""The settings of a command or of a run, as YAML."""

from __future__ import annotations

import contextlib
import difflib
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import yaml

from keras_bert_lab.cli.commands import COMMANDS
from keras_bert_lab.cli.parser import merge_words, words_last
from keras_bert_lab.errors import FormatError
from keras_bert_lab.recipes.models import open_model

__all__ = ["show_config"]


def show_config(parser: Any, arguments: Sequence[str]) -> int:
    """Print settings.

    Args:
        parser: of all commands.
        arguments: a command with its options, or the folder of a run.

    Returns:
        The exit code.
    """
    subject, *rest = arguments
    if subject in COMMANDS and {"-h", "--help"} & set(rest):
        parser.parse_args([subject, "--help"])  # prints and leaves
    if subject in COMMANDS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            parser.parse_args(words_last([subject, "--print_config", *rest]))  # prints and leaves
        if not printed.getvalue():
            return 2  # wrong usage: the parser has said so
        settings = merge_words(yaml.safe_load(printed.getvalue()), COMMANDS[subject])
    else:
        close = difflib.get_close_matches(subject, COMMANDS, n=1)
        if close and not pathlib.Path(subject).exists():
            raise FormatError(f"There is no command and no folder {subject}. Did you mean {close[0]}?")
        settings = dict(open_model(subject).settings)
    print(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), end="")
    return 0
