"""SavedModels on the disk that are damaged, cut short or none are refused with one sentence, quickly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from keras_bert_lab import hub
from keras_bert_lab.errors import FormatError
from keras_bert_lab.sealed_models import SealedModel
from tests.small_hub_models import write_encoder, write_preprocessor, write_tf1_encoder

GRAPH, DATA, INDEX = "saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("hub") / "encoder")


def cut(name: str, end: int = -100) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:end])


def edit(change: Callable[[saved_model_pb2.SavedModel], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        graph = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
        change(graph)
        (folder / GRAPH).write_bytes(graph.SerializeToString())

    return damage


def _absurd_shape(graph: saved_model_pb2.SavedModel) -> None:
    node = next(node for node in graph.meta_graphs[0].object_graph_def.nodes if node.variable.name.startswith("word_"))
    node.variable.shape.dim[0].size = 10**12


def _other_shape(graph: saved_model_pb2.SavedModel) -> None:
    node = next(node for node in graph.meta_graphs[0].object_graph_def.nodes if node.variable.name.startswith("word_"))
    node.variable.shape.dim[0].size -= 1


def _outside(graph: saved_model_pb2.SavedModel) -> None:
    graph.meta_graphs[0].asset_file_def[0].filename = "../../../etc/passwd"


DAMAGES = {
    "no graph": (lambda folder: (folder / GRAPH).unlink(), r"is no SavedModel: it holds no saved_model\.pb"),
    "graph cut": (cut(GRAPH), r"saved_model\.pb is damaged or truncated"),
    "graph empty": (lambda folder: (folder / GRAPH).write_bytes(b""), "holds no model"),
    "graph of text": (lambda folder: (folder / GRAPH).write_text("hello " * 50), r"saved_model\.pb is damaged or truncated"),
    "no values": (lambda folder: shutil.rmtree(folder / "variables"), "its variables need"),
    "no index": (lambda folder: (folder / INDEX).unlink(), "the values in variables/ are missing, damaged"),
    "values cut": (cut(DATA), "the values in variables/ are missing, damaged"),
    "values cut in the middle": (cut(DATA, 1000), r"need \d+ bytes, the files variables/variables.data-\* have \d+"),
    "index cut": (cut(INDEX), "the values in variables/ are missing, damaged"),
    "index of text": (lambda folder: (folder / INDEX).write_text("hello " * 50), "the values in variables/ are missing"),
    "no vocabulary": (lambda folder: (folder / "assets/vocab.txt").unlink(), r"needs the file assets/vocab\.txt"),
    "absurd shape": (edit(_absurd_shape), r"its variables need 60000000\d+ bytes"),
    "other shape": (edit(_other_shape), "the values in variables/ are missing, damaged or those of another model"),
    "file outside": (edit(_outside), r"needs the file assets/../../../etc/passwd, which is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused(encoder: Path, tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(encoder, tmp_path / "copy")
    change, text = DAMAGES[damage]
    change(folder)
    with pytest.raises(FormatError, match=text) as caught:
        hub.KerasLayer(folder)
    assert str(caught.value).startswith(str(folder))


def test_a_damaged_preprocessor_is_refused(tmp_path: Path) -> None:
    folder = write_preprocessor(tmp_path / "preprocessor")
    cut(INDEX)(folder)
    with pytest.raises(FormatError, match="preprocessor cannot be opened as a SavedModel"):
        hub.KerasLayer(folder)


def test_the_folder_one_step_further_is_named(encoder: Path) -> None:
    with pytest.raises(FormatError, match=f"holds no saved_model.pb. Give {encoder}."):
        SealedModel.read(encoder.parent)


def test_what_a_model_is_without_opening_it(encoder: Path, tmp_path: Path) -> None:
    sealed = SealedModel.read(encoder)
    assert (sealed.takes_strings, sealed.is_tf1) == (False, False)
    assert {"mlm", "do_lower_case", "regularization_losses", "vocab_file", "__call__"} <= sealed.members
    assert set(sealed.files) == {GRAPH, "assets/vocab.txt"}
    texts = SealedModel.read(write_preprocessor(tmp_path / "preprocessor"), with_values=True)
    assert (texts.takes_strings, texts.is_tf1) == (True, False)
    assert {"tokenize", "bert_pack_inputs"} <= texts.members
    assert {GRAPH, "assets/vocab.txt", INDEX, DATA} == set(texts.files)
    old = SealedModel.read(write_tf1_encoder(tmp_path / "tf1"))
    assert (old.takes_strings, old.is_tf1, old.members) == (False, True, set())


def test_packed_and_unpacked_it_is_the_same(encoder: Path) -> None:
    sealed = SealedModel.read(encoder)
    again = SealedModel.unpack(sealed.pack(), "here")
    assert again.files == sealed.files
    assert again.source == "here"
    assert again.pack() == sealed.pack()
    assert isinstance(again.open(), type(tf.saved_model.load(str(encoder))).__mro__[1])


def test_a_packed_file_that_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, encoder: Path) -> None:
    packed = SealedModel.read(encoder).pack()
    monkeypatch.setattr("keras_bert_lab.sealed_models._LARGEST", 1000)
    with pytest.raises(FormatError, match=r"saved_model\.pb is truncated or too large"):
        SealedModel.unpack(packed, "here")
