from __future__ import annotations

import copy
import inspect
import re
import sys

import pytest

from keras_bert_lab.errors import KerasBertLabError, MissingPackageError
from keras_bert_lab.lazy import LazyModule


@pytest.fixture
def module_on_disk(tmp_path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "a_module_of_this_test"
    (tmp_path / f"{name}.py").write_text("answer = 43\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_module_is_imported_when_its_first_attribute_is_read(module_on_disk: str) -> None:
    lazy = LazyModule(module_on_disk)
    assert module_on_disk not in sys.modules
    assert lazy.answer == 43
    assert module_on_disk in sys.modules


def test_unknown_attribute_is_an_attribute_error(module_on_disk: str) -> None:
    with pytest.raises(AttributeError, match="question"):
        _ = LazyModule(module_on_disk).question


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("no_such_module",), "pip install no_such_module"),
        (("no_such_module", "no-such-package"), "pip install no-such-package"),
    ],
)
@pytest.mark.parametrize("family", [MissingPackageError, KerasBertLabError, ImportError])
def test_missing_package_names_the_cure(arguments: tuple[str, ...], cure: str, family: type[Exception]) -> None:
    lazy = LazyModule(*arguments)
    with pytest.raises(family, match=re.escape("no_such_module is needed here")) as caught:
        _ = lazy.anything
    assert str(caught.value).endswith(f"Install it: {cure}")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_pythons_own_questions_do_not_import_the_module() -> None:
    lazy = LazyModule("no_such_module")
    assert inspect.unwrap(lazy) is lazy  # type: ignore[arg-type]
    assert isinstance(copy.copy(lazy), LazyModule)


def test_name_and_version_are_those_of_the_module(module_on_disk: str) -> None:
    lazy = LazyModule(module_on_disk)
    assert lazy.__name__ == module_on_disk
    assert module_on_disk in sys.modules
