"""A built wheel carries what the package needs beside its modules."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SAMPLES = "keras_bert_lab/data/samples"


@pytest.mark.slow  # makes a build environment, which needs a package index
def test_the_wheel_carries_the_sample_data_and_the_command(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("keras_bert_lab-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "keras-bert-lab = keras_bert_lab.cli:main" in archive.read(entry_points).decode()
        carried = {name: archive.getinfo(name).file_size for name in names if name.startswith(f"{SAMPLES}/encoder/")}
    encoder = {str(path.relative_to(ROOT)): path.stat().st_size for path in (ROOT / SAMPLES / "encoder").iterdir()}
    assert carried == encoder
    assert sum(encoder.values()) <= 16 * 2**20
    tables = {f"{SAMPLES}/{name}" for name in ("reviews.csv", "prose.txt")}
    assert tables | {"keras_bert_lab/py.typed", "keras_bert_lab/text/bert_characters.json"} <= names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "keras_bert_lab").rglob("*.py")}
    assert modules <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "examples/")) for name in names)
