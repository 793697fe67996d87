"""The scripts in `examples/` are short and run, one on what the other has made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def run(script: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_all_scripts_are_there() -> None:
    assert [path.name for path in SCRIPTS] == ["fine_tune.py", "mlm_from_scratch.py", "mlm_with_pairs.py"]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_at_most_40_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 128


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a corpus was read and a model written, as the first script's first line says; and what it printed."""
    folder = tmp_path_factory.mktemp("examples")
    sentences = ["the film was good .", "the film was bad .", "a play was seen and it was dull ."]
    (folder / "corpus.txt").write_text("\n\n".join(sentences * 31), encoding="utf-8")
    return folder, run("mlm_from_scratch.py", folder, "corpus.txt", "my-bert.keras", "--small")


def test_mlm_from_scratch(pretrained: tuple[Path, str]) -> None:
    folder, printed = pretrained
    assert (folder / "my-bert.keras").is_file()
    assert (folder / "pretraining.csv").read_text().startswith("epoch,")
    assert all(part in printed for part in ("pretraining 1/1", "perplexity", "token", "Saved my-bert.keras"))


def test_mlm_with_pairs(tmp_path: Path) -> None:
    documents = [f"The {word} was good. Then it was bad. It was seen again." for word in ("film", "play", "book")]
    (tmp_path / "corpus.txt").write_text("\n\n".join(documents * 17), encoding="utf-8")
    printed = run("mlm_with_pairs.py", tmp_path, "corpus.txt", "my-bert.keras", "--small")
    columns = (tmp_path / "pretraining.csv").read_text().splitlines()[0].split(",")
    assert {"masked_lm_loss", "pair_loss", "pair_accuracy", "val_pair_accuracy"} <= set(columns)
    assert (tmp_path / "my-bert.keras").is_file()
    assert "Saved my-bert.keras" in printed
    chances = re.findall(r"0\.\d+", printed.rsplit("in order:", 1)[1])
    assert len(chances) == 2


def test_fine_tune_goes_on_from_it(pretrained: tuple[Path, str]) -> None:
    folder, _ = pretrained
    rows = ["the film was good,pos", "the play was bad,neg", "a good play,pos", "a dull film,neg"] * 13
    (folder / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    printed = run("fine_tune.py", folder, "my-bert.keras", "reviews.csv", "--small")
    assert all(part in printed for part in ("training 1/2", "val_accuracy", "accuracy ", "confusion"))
    assert printed.strip().splitlines()[-1] == "saved_models/fine_tuned/1"
    assert (folder / "saved_models" / "fine_tuned" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("script", [path.name for path in SCRIPTS])
def test_a_script_runs_on_the_sample_data(script: str, tmp_path: Path) -> None:
    printed = run(script, tmp_path, "--small")
    assert "accuracy" in printed
