"""A folder imports only folders before it, and importing the package loads nothing that is used only now and then."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "keras_bert_lab"
ORDER = [
    "data", "text", "batches", "encoder", "heads", "training", "formats",
    "tasks", "evaluation", "export", "explain", "lab", "recipes", "cli",
]  # fmt: skip
BASE = {"_version", "archives", "config", "contract", "durable_files", "errors", "handles", "lazy", "sealed_models"}
# What each base module may import of the package.
BASE_IMPORTS = {
    "_version": set(), "config": set(), "contract": set(), "durable_files": set(), "errors": set(), "lazy": {"errors"},
    "archives": {"errors"}, "handles": {"archives", "errors", "lazy"}, "sealed_models": {"errors", "lazy"},
}  # fmt: skip
# Modules for the user beside the folders: nothing of the package imports them, but for its `__init__`.
DOORS = {"hub": {"encoder", "handles", "sealed_models", "text"}}

AT_FIRST_USE = {
    "tensorflow_text", "tensorflow_hub", "tf_keras", "kagglehub", "keras_hub", "keras_nlp", "tokenizers", "jsonargparse",
    "transformers", "torch", "safetensors", "openpyxl", "tqdm", "ray",
}  # fmt: skip
# Keras itself imports these where they are installed; the package must not add to it.
AT_FIRST_USE_OR_BY_KERAS = {"pandas", "pyarrow", "matplotlib", "sklearn", "scipy", "huggingface_hub"}


def imported(path):
    """What a module imports of the package: the first name below `keras_bert_lab`, at any depth of the code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # "from keras_bert_lab import contract" names a module too
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {(name + ".").split(".")[1] for name in names if name.split(".")[0] == "keras_bert_lab"}
    return found


def modules_of(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def test_every_folder_has_its_place():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and modules_of(path.name)}
    assert folders <= set(ORDER)
    assert {"data", "text", "batches", "encoder", "heads", "training", "tasks"} <= folders


def test_every_base_module_is_known():
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"} == BASE | set(DOORS)


@pytest.mark.parametrize("module", sorted(DOORS))
def test_module_for_the_user_imports_what_it_joins(module):
    assert imported(PACKAGE / f"{module}.py") == DOORS[module]


@pytest.mark.parametrize("folder", [folder for folder in ORDER if (PACKAGE / folder).is_dir()])
def test_folder_imports_only_folders_before_it(folder):
    allowed = BASE | set(ORDER[: ORDER.index(folder) + 1])
    if folder == ORDER[-1]:
        allowed |= {""}  # the command line may use the package as its users do
    wrong = {str(path.relative_to(PACKAGE)): extra for path in modules_of(folder) if (extra := imported(path) - allowed)}
    assert wrong == {}


@pytest.mark.parametrize("module", sorted(BASE))
def test_base_module_imports_no_folder(module):
    assert imported(PACKAGE / f"{module}.py") <= BASE_IMPORTS[module]


def test_the_walk_sees_all_ways_to_import(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import keras\nimport keras_bert_lab\nimport keras_bert_lab.tasks.parts as p\n"
        "from keras_bert_lab import contract, heads\n"
        "def f():\n    from keras_bert_lab.cli.main import main\n",
        encoding="utf-8",
    )
    assert imported(path) == {"", "tasks", "contract", "heads", "cli"}


@pytest.fixture(scope="module")
def loaded():
    """Top-level modules after `import keras` with TensorFlow, and those that `import keras_bert_lab` adds."""
    script = (
        "import sys, keras\n"
        "before = {name.split('.')[0] for name in sys.modules}\n"
        "import keras_bert_lab\n"
        "after = {name.split('.')[0] for name in sys.modules}\n"
        "print(*sorted(before)); print(*sorted(after - before))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path]), "KERAS_BACKEND": "tensorflow"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    before, added = found.stdout.splitlines()
    return set(before.split()), set(added.split())


def test_import_loads_nothing_that_is_used_only_now_and_then(loaded):
    before, added = loaded
    assert "keras_bert_lab" in added
    assert (before | added) & AT_FIRST_USE == set()


def test_import_adds_nothing_to_what_keras_loads(loaded):
    _, added = loaded
    assert added & AT_FIRST_USE_OR_BY_KERAS == set()
    assert added - set(sys.stdlib_module_names) == {"keras_bert_lab"}
