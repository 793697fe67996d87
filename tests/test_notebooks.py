"""The notebooks are in step with their sources, show their output, and run from top to bottom in a tiny setting."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9]*.py"))
by_name = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def cells(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def rendered(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def texts_of(output: nbformat.NotebookNode) -> list[str]:
    return [output.get("text", ""), *(str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/"))]


def test_every_notebook_is_there_in_both_forms() -> None:
    names = ["01_from_scratch", "02_compose_layers", "03_plug_in_pretrained", "04_pretraining"]
    assert [path.stem for path in SOURCES] == names
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == [path.stem for path in SOURCES]


@by_name
def test_the_notebook_has_the_cells_of_its_source(source: Path) -> None:
    assert cells(rendered(source)) == cells(jupytext.read(source, fmt="py:percent")), "run: python notebooks/render.py"


@by_name
def test_the_output_is_complete_and_clean(source: Path) -> None:
    notebook = rendered(source)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert len(outputs) > len(code) // 2
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    for shown in (text for output in outputs for text in texts_of(output)):
        assert not any(place in shown for place in ("/home/", "/root/", "/tmp/", "/work/", "site-packages", "WARNING"))
    assert source.with_suffix(".ipynb").stat().st_size < 300_000


@by_name
def test_a_notebook_runs(source: Path, tmp_path: Path) -> None:
    working, scratch = tmp_path / "working", tmp_path / "scratch"
    working.mkdir()
    scratch.mkdir()
    before = sorted(FOLDER.iterdir())
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:__main__", str(source)],
        cwd=working,
        env=os.environ
        | {
            "KERAS_BERT_LAB_TINY": "1",
            "PYTHONPATH": str(ROOT),
            "MPLBACKEND": "Agg",
            "TMPDIR": str(scratch),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Warning" not in done.stderr, done.stderr[-3000:]
    assert sorted(working.iterdir()) == []
    assert [path for path in scratch.iterdir() if "keras" not in path.name] == []
    assert sorted(FOLDER.iterdir()) == before
