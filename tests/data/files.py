"""Small files for the tests of this folder."""

import gzip
import io
import zipfile

import openpyxl
import pytest

from keras_bert_lab.errors import DataError

ROWS = [("good", "pos"), ("bad", "neg"), ("so, so", "neg")]
CSV = 'text,label\ngood,pos\nbad,neg\n"so, so",neg\n'


def write(path, content):
    """Text (as UTF-8) or bytes, packed if the name ends in .gz."""
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_sheet(path, rows, **others):
    """An .xlsx of these rows; others: title -> rows of further sheets."""
    workbook = openpyxl.Workbook()
    for title, content in {"Sheet": rows, **others}.items():
        sheet = workbook.active if title == "Sheet" else workbook.create_sheet(title)
        for row in content:
            sheet.append(row)
    workbook.save(path)
    return path


def edit_zip(path, edit):
    """Replace the members of a zip file; edit: (name, content) -> content, None = leave out."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w") as new:
        for name in old.namelist():
            member = edit(name, old.read(name))
            if member is not None:
                new.writestr(name, member)
    path.write_bytes(content.getvalue())
    return path


def message_of(function, *arguments, **options):
    """The text of the DataError that a call raises."""
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def assert_says(message, *parts):
    """Each part stands in the message, in this order."""
    place = 0
    for part in map(str, parts):
        found = message.find(part, place)
        assert found >= 0, f"{part!r} is not where it should be in: {message}"
        place = found + len(part)
