from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors
from safetensors.numpy import load_file, save_file

from keras_bert_lab import FormatError
from keras_bert_lab.formats.tensor_files import in_precision, read_json, regular_file, safetensors_in, write_safetensors
from tests.formats import huggingface_folders as hf


def test_tensors_are_seen_before_they_are_read(tmp_path: Path) -> None:
    given = {
        "a": np.arange(6, dtype="float32").reshape(2, 3),
        "b": np.array([0.5, -2.0], "float16"),
        "c": np.asarray(1 / 3),
        "d": np.arange(5),
        "e": np.array([True]),
        "empty": np.zeros((0, 7), "float32"),
    }
    save_file(given, tmp_path / "model.safetensors")
    found, others = safetensors_in(tmp_path)
    assert found.where == tmp_path
    assert found.shapes == {"a": (2, 3), "b": (2,), "c": (), "empty": (0, 7)}
    assert others == {"d", "e"}
    for name in found.shapes:
        values = found.read(name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, given[name].astype("float32"))


def test_each_reading_opens_the_file_anew(tmp_path: Path) -> None:
    """Nothing stays open or in memory: the file can be replaced, and then its numbers are those of the new one."""
    save_file({"a": np.ones(3, "float32")}, tmp_path / "model.safetensors")
    found, _ = safetensors_in(tmp_path)
    found.read("a")[:] = 7
    np.testing.assert_array_equal(found.read("a"), np.ones(3))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(FormatError, match=r"model.safetensors is damaged"):
        found.read("a")


def test_one_file_goes_before_parts(tmp_path: Path) -> None:
    hf.shard(hf.write(tmp_path))
    save_file({"alone": np.ones(3, "float32")}, tmp_path / "model.safetensors")
    assert list(safetensors_in(tmp_path)[0].shapes) == ["alone"]


def test_parts_may_hold_numbers_of_other_kinds(tmp_path: Path) -> None:
    save_file({"a": np.ones(3, "float32"), "ids": np.arange(4)}, tmp_path / "x.safetensors")
    save_file({"b": np.ones(2, "float32")}, tmp_path / "y.safetensors")
    hf.write_index(tmp_path, {"a": "x.safetensors", "ids": "x.safetensors", "b": "y.safetensors"})
    found, others = safetensors_in(tmp_path)
    assert (dict(found.shapes), others) == ({"a": (3,), "b": (2,)}, {"ids"})
    np.testing.assert_array_equal(found.read("b"), np.ones(2))


def test_too_large_for_float32_becomes_infinite(tmp_path: Path) -> None:
    save_file({"a": np.array([1e300, -1e300, 3.0])}, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(safetensors_in(tmp_path)[0].read("a"), [np.inf, -np.inf, 3.0])


def test_the_messages_of_an_index_name_both_sides(tmp_path: Path) -> None:
    index = hf.shard(hf.write(tmp_path))
    one, other = sorted(set(index.values()))[:2]
    name = next(name for name, file in index.items() if file == one)
    hf.write_index(tmp_path, index | {name: other})
    with pytest.raises(FormatError, match=rf"not where it says \['{name}'\], not listed \[\]"):
        safetensors_in(tmp_path)
    del index[name]
    hf.write_index(tmp_path, index)
    with pytest.raises(FormatError, match=rf"not where it says \[\], not listed \['{name}'\]"):
        safetensors_in(tmp_path)


def test_what_is_written_is_in_order_and_of_pytorch(tmp_path: Path) -> None:
    """The library writes memory as it lies: views would come out wrong."""
    whole = np.arange(35, dtype="float32").reshape(5, 7)
    write_safetensors({"transposed": whole.T, "part": whole[:, 2:4], "reversed": whole[::-1]}, tmp_path / "x")
    found = load_file(tmp_path / "x")
    np.testing.assert_array_equal(found["transposed"], whole.T)
    np.testing.assert_array_equal(found["part"], whole[:, 2:4])
    np.testing.assert_array_equal(found["reversed"], whole[::-1])
    with safetensors.safe_open(tmp_path / "x", framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_what_is_written_can_be_read_by_whom_the_folder_allows(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_safetensors({"a": np.ones(3, "float32")}, tmp_path / "x")
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_precisions() -> None:
    """Rounded to the nearest, ties to even, as IEEE 754 has it; and nothing becomes infinite."""
    values = np.array([1 + 2**-11, 1 + 3 * 2**-11, -65519, 2**-25, 1e-30, np.inf], "float32")
    np.testing.assert_array_equal(in_precision("x", values, "float16").astype("f8"), [1, 1 + 2**-9, -65504, 0, 0, np.inf])
    values = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1e-30, -7e4], "float32")
    found = in_precision("x", values, "bfloat16")
    assert found.dtype.name == "bfloat16"
    np.testing.assert_array_equal(found[:2].astype("f8"), [1, 1 + 2**-6])
    np.testing.assert_allclose(found.astype("f8"), values, rtol=2**-8)
    assert in_precision("x", values, "float32") is values
    with pytest.raises(FormatError, match=r"^x must hold numbers of at most 65504 .* Received: 1 larger ones, up to 65520\."):
        in_precision("x", np.array([65519, -65520, np.inf, np.nan], "float32"), "float16")


def test_json(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"größe": [1, null]}', encoding="utf-8")
    assert read_json(tmp_path / "x.json") == {"größe": [1, None]}
    (tmp_path / "x.json").write_text(json.dumps([{"a": 1}]))
    with pytest.raises(FormatError, match=r"x.json must hold a JSON object. Received: list"):
        read_json(tmp_path / "x.json")
    with pytest.raises(FormatError, match=r"y.json' cannot be read: No such file"):
        read_json(tmp_path / "y.json")
    (tmp_path / "x.json").write_bytes(b'"' + b"x" * 16 * 2**20 + b'"')
    with pytest.raises(FormatError, match=r"at most 16777216 bytes long. Received: 16777218 bytes"):
        read_json(tmp_path / "x.json")


def test_only_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert regular_file(tmp_path / name) == tmp_path / name
    with pytest.raises(FormatError, match=r"must be a file. Received: a folder, a pipe or a device"):
        regular_file(tmp_path)
    with pytest.raises(FormatError, match=r"embedded null"):
        regular_file(Path("a\0b"))
