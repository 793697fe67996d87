"""The settings of a command or of a run, as YAML."""

from __future__ import annotations

import contextlib
import io
import pathlib
from collections.abc import Sequence
from typing import Any

import yaml

from keras_bert_lab.cli.commands import COMMANDS
from keras_bert_lab.cli.parser import merge_words
from keras_bert_lab.formats import read_task_folder

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
    if subject in COMMANDS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            parser.parse_args([subject, *rest, "--print_config"])  # prints and leaves
        if not printed.getvalue():
            return 2  # wrong usage: the parser has said so
        settings = merge_words(yaml.safe_load(printed.getvalue()), COMMANDS[subject])
    else:
        settings = read_task_folder(pathlib.Path(subject)).about.get("settings", {})
    print(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), end="")
    return 0
