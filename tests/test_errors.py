from __future__ import annotations

import pytest

from keras_bert_lab import errors


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (errors.DataError, ValueError),
        (errors.ExportError, Exception),
        (errors.FormatError, Exception),
        (errors.MissingPackageError, ImportError),
    ],
)
def test_the_family_is_caught_by_its_base_and_by_pythons_own(error: type[Exception], also: type[Exception]) -> None:
    assert issubclass(error, errors.KerasBertLabError)
    assert issubclass(error, also)


def test_public_names_are_the_whole_family() -> None:
    family = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert errors.__all__ == sorted(family)
