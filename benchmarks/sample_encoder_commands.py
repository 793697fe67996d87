"""The commands that made a pretraining, from the settings that it kept."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from keras_bert_lab.cli.parser import build_parser, settings_of, words_last
from keras_bert_lab.config import VocabularyConfig
from keras_bert_lab.recipes import prepare, pretrain
from keras_bert_lab.recipes.runs import plain

__all__ = ["prepare_command", "pretrain_command", "shown_settings"]

CORPUS, RUN = "corpora/books", "runs/books"
# They change nothing of the weights, and lie in folders of whoever ran the command.
_WITHOUT_EFFECT = ("gaps", "tensorboard")


def shown_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a pretraining with the paths of the card in place of those of one machine."""
    return {**settings, "corpus": [CORPUS], "output": RUN, **dict.fromkeys(_WITHOUT_EFFECT)}


def _changed(given: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _changed(value, defaults[name], f"{prefix}{name}.")
        elif value != defaults.get(name):
            yield prefix + name, value


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool) and "." not in name:
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]


def _command(recipe: Any, words: list[str], settings: Mapping[str, Any]) -> str:
    """The shortest command with these settings, proved by the parser."""
    parameters = inspect.signature(recipe).parameters.values()
    defaults = {each.name: plain(each.default) for each in parameters if each.default is not inspect.Parameter.empty}
    options = [part for name, value in _changed(settings, defaults) for part in _option(name, value)]
    arguments = [recipe.__name__, *words, *options]
    parser = build_parser()
    namespace = parser.instantiate(parser.parse_args(words_last(arguments)))
    found = settings_of(parser, namespace[namespace.command], namespace.command)
    wrong = {name: (value, plain(found.get(name))) for name, value in settings.items() if plain(found.get(name)) != value}
    if wrong:
        raise ValueError(
            f"The command must give the settings of the run. Received: {shlex.join(arguments)}, which gives {wrong}"
        )
    return f"keras-bert-lab {shlex.join(arguments)}"


def prepare_command(made_from: Mapping[str, Any], lowercase: bool) -> str:
    """The command that prepared a corpus with a vocabulary learned from it.

    Args:
        made_from: what the manifest of the corpus says.
        lowercase: whether its vocabulary is lower case.
    """
    settings = {name: made_from[name] for name in ("sentences", "line_ends", "text", "encoding")}
    settings["vocabulary"] = plain(VocabularyConfig(size=made_from["tokens"], lowercase=lowercase))
    if made_from["shards"] != 1:
        settings["shards"] = made_from["shards"]
    files = [source["name"] for source in made_from["sources"]]
    return _command(prepare, [*files, "--output", CORPUS], settings)


def pretrain_command(settings: Mapping[str, Any]) -> str:
    """The command of a pretraining.

    Args:
        settings: from `shown_settings`.
    """
    rest = {name: value for name, value in settings.items() if name not in ("corpus", "output")}
    return _command(pretrain, [CORPUS, "--output", RUN], rest)
