"""What the README tells people to type works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.cli.parser import build_parser
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(*languages: str) -> list[str]:
    """The fenced blocks of these languages."""
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every `keras-bert-lab ...` in blocks of shell commands and in running text."""
    lines = [part for block in blocks("sh", "bash") for line in block.splitlines() for part in re.split(r"&&|;|\|", line)]
    lines += re.findall(r"`(keras-bert-lab [^`]+)`", README)
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip().startswith("keras-bert-lab")]


def run(program: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def five_steps() -> str:
    section = README.split("## Five steps from Python")[1]
    return re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)[0]


def test_there_is_something_to_try() -> None:
    assert commands()
    assert len(blocks("python")) >= 2


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_a_command_is_understood(arguments: list[str]) -> None:
    settings = build_parser().parse_args(arguments)
    assert settings.command == arguments[0]


@pytest.mark.parametrize("name", [name for block in blocks("sh", "bash") for name in re.findall(r"\.\[(\w+)\]", block)])
def test_extras_that_are_installed_exist(name: str) -> None:
    assert re.search(rf"^{name} =$", (ROOT / "setup.cfg").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ([\w.]+)", README))))
def test_modules_that_are_run_exist(module: str) -> None:
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_files_that_are_linked_exist(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[-1][:40])
def test_a_block_of_python_is_python(block: str) -> None:
    assert compile(block, "README.md", "exec").co_names


def test_the_five_steps_take_twelve_lines_and_run(tmp_path: Path) -> None:
    steps = five_steps()
    assert len([line for line in steps.splitlines() if line.strip()]) <= 12
    less = """
import keras_bert_lab
whole = keras_bert_lab.sample_data
keras_bert_lab.sample_data = lambda name: whole(name)[::23] if name == "corpus" else whole(name).iloc[::23]
"""
    run(f"{less}\n{steps.replace('vocab_size=4000', 'vocab_size=400')}", tmp_path)
    assert (tmp_path / "saved_models" / "reviews" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_the_five_steps_run_as_they_are_written(tmp_path: Path) -> None:
    run(f"{five_steps()}\nprint(kbl.load_exported('saved_models/reviews').predict_text(['a beautiful film']))", tmp_path)
    assert (tmp_path / "saved_models" / "reviews-tokens" / "1" / "saved_model.pb").is_file()


HUB = "https://tfhub.dev/tensorflow/"
MINILM = "hf://sentence-transformers/all-MiniLM-L6-v2"


def test_the_other_blocks_run(tmp_path: Path) -> None:
    others = [block for block in blocks("python") if block != five_steps() and HUB not in block and MINILM not in block]
    assert others
    for block in others:
        run(block, tmp_path)


def test_the_lab_runs(tmp_path: Path) -> None:
    """As it is written, but for the handle: there is no network, so the sample encoder stands in; on two short tables."""
    (block,) = [block for block in blocks("python") if MINILM in block]
    reviews = kbl.sample_data("reviews")
    table = pd.DataFrame({"Reviews": reviews.text.str[:60], "Sentiment": reviews.label})
    kbl.write_table(table[:60], tmp_path / "train.xlsx")
    kbl.write_table(table[60:90], tmp_path / "test.xlsx")
    run(block.replace(f'"{MINILM}"', "kbl.sample_encoder()"), tmp_path)


def test_the_code_of_the_hub_tutorials_runs(shared: Path, tmp_path: Path) -> None:
    """As it is written, but for the handles: there is no network, so the pair of the fixtures stands in."""
    (block,) = [block for block in blocks("python") if HUB in block]
    folder = shared / "fixtures" / "tfhub"
    block = block.replace(f"{HUB}bert_en_uncased_preprocess/3", str(folder / "bert_en_uncased_preprocess"))
    block = block.replace(f"{HUB}small_bert/bert_en_uncased_L-2_H-128_A-2/2", str(folder / "bert_en_uncased_L-2_H-128_A-2"))
    assert "tfhub.dev" not in block
    run(block, tmp_path)
