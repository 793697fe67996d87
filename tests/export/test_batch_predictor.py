"""A predictor travels by the name of its model, and answers as the model does, whatever holds the texts."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from keras_bert_lab import (
    BatchPredictor,
    DataError,
    ExportError,
    FormatError,
    TextClassifier,
    export_saved_model,
    load_task,
    save_task,
)
from keras_bert_lab.export import loaded_classifiers
from tests.conftest import ROOT
from tests.samples import randomise
from tests.tasks.small_tasks import TEXTS, classifier, language_model

ABOUT = {"settings": {"text": "review", "label": "mood", "text_pair": None}}
KINDS: dict[str, dict[str, Any]] = {
    "binary": {"labels": ("neg", "pos")},
    "multi_class": {"labels": ("a", "b", "c")},
    "multi_label": {"labels": ("a", "b", "c"), "kind": "multi_label"},
    "regression": {"labels": None, "kind": "regression"},
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved model of each kind."""
    where = tmp_path_factory.mktemp("models")
    made = {kind: randomise(classifier(compiled=False, pairs=False, **settings)) for kind, settings in KINDS.items()}
    made["pairs"] = randomise(classifier(labels=("no", "perhaps", "yes"), compiled=False, pairs=True))
    found = {kind: save_task(model, where / kind, about=ABOUT if kind == "binary" else None) for kind, model in made.items()}
    return found | {"language_model": save_task(language_model(compiled=False), where / "language_model")}


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    labels = expected["label"].tolist()
    assert found["label"].tolist() == (pytest.approx(labels, rel=1e-5) if expected["label"].dtype == float else labels)
    assert found["score"].tolist() == pytest.approx(expected["score"].tolist(), rel=1e-5)
    for ours, theirs in zip(found["probabilities"], expected["probabilities"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_frames_and_arrays_get_the_answers_of_the_model(kind: str, folders: dict[str, Path]) -> None:
    expected = load_task(folders[kind]).predict_text(TEXTS)
    predictor = BatchPredictor(str(folders[kind]), batch_size=3, text="words")
    for texts in (TEXTS, pd.Series(TEXTS, index=range(7, 18)), np.array(TEXTS), np.array(TEXTS, object)):
        assert_same(predictor(texts), expected)
    frame = pd.DataFrame({"words": TEXTS, "n": range(11)}, index=range(30, 41))
    before = frame.copy()
    found = predictor(frame)
    assert found.columns.tolist() == ["words", "n", "label", "score", "probabilities"]
    assert found.index.tolist() == frame.index.tolist()
    assert_same(found, expected)
    pd.testing.assert_frame_equal(frame, before)
    arrays = predictor({"n": np.arange(11), "words": np.array([text.encode() for text in TEXTS], object)})
    assert arrays["n"].tolist() == list(range(11))
    assert all(isinstance(column, np.ndarray) and len(column) == 11 for column in arrays.values())
    assert arrays["score"].tolist() == pytest.approx(expected["score"].tolist(), rel=1e-5)
    if kind == "regression":
        assert arrays["label"].dtype == float
        assert "probabilities" not in arrays
        assert predictor.labels == []
    else:
        assert arrays["label"].tolist() == expected["label"].tolist()
        assert arrays["probabilities"].dtype == np.float32
        theirs = [[row[label] for label in predictor.labels] for row in expected["probabilities"]]
        np.testing.assert_allclose(arrays["probabilities"], theirs, rtol=1e-5)


def test_tokens_and_places_are_counted(folders: dict[str, Path]) -> None:
    """4, 4, 19, 3 tokens: two batches of two, padded to 16 and to 19, the model's longest row."""
    predictor = BatchPredictor(folders["binary"], batch_size=2)
    seen: list[int] = []
    predictor.predict_text(["a film", "bad film", TEXTS[2], "bad"], watch=seen.append)
    assert (predictor.tokens, predictor.slots) == (4 + 4 + 19 + 3, 2 * 16 + 2 * 19)
    assert seen == [2, 2]
    predictor.predict_text("bad")
    assert (predictor.tokens, predictor.slots) == (33, 70 + 16)


def test_columns_are_named_as_in_training(folders: dict[str, Path]) -> None:
    frame = pd.DataFrame({"text": TEXTS[::-1], "review": TEXTS})
    expected = load_task(folders["binary"]).predict_text(TEXTS)
    assert_same(BatchPredictor(folders["binary"])(frame), expected)
    assert_same(BatchPredictor(folders["binary"], text="text")(frame)[::-1], expected)
    with pytest.raises(DataError, match=r"columns 'review'. Received: 'x', 'y'. Name those of the texts with text="):
        BatchPredictor(folders["binary"])({"x": np.array(["a"]), "y": np.array([1])})


def test_pairs(folders: dict[str, Path]) -> None:
    pair = (TEXTS, TEXTS[::-1])
    expected = load_task(folders["pairs"]).predict_text(pair)
    predictor = BatchPredictor(folders["pairs"], text="a", text_pair="b")
    assert_same(predictor(pair), expected)
    assert_same(predictor(list(zip(*pair, strict=True))), expected)
    assert_same(predictor(pd.DataFrame({"b": pair[1], "a": pair[0]})), expected)
    with pytest.raises(ValueError, match=r"Each row of pairs must have both texts. Received: 11 first, 1 second ones"):
        predictor((TEXTS, TEXTS[:1]))
    with pytest.raises(ValueError, match=r"made for pairs of texts. Received: single texts"):
        predictor(TEXTS)


@pytest.mark.parametrize("kind", ["binary", "multi_label", "regression"])
def test_rows_without_a_text(kind: str, folders: dict[str, Path]) -> None:
    texts = ["good", None, " ", "bad", 4.5, "\ud800", b"\xff"]
    expected = load_task(folders[kind]).predict_text(["good", "bad"])
    with pytest.raises(DataError, match=r"missing in row 2; empty in row 3; not a text in rows 5, 7; not valid Unicode"):
        BatchPredictor(folders[kind])(texts)
    predictor = BatchPredictor(folders[kind], text="t", drop_unusable=True, prefix="predicted_")
    found = predictor(pd.DataFrame({"t": texts, "label": 1}))
    assert found.columns.tolist() == ["t", "label", "predicted_label", "predicted_score", "predicted_probabilities"]
    assert_same(found.iloc[[0, 3]].rename(columns=lambda name: name.removeprefix("predicted_")).iloc[:, -3:], expected)
    assert found["predicted_label"].isna().tolist() == [False, True, True, False, True, True, True]
    assert found["predicted_score"].isna().tolist() == found["predicted_label"].isna().tolist()
    arrays = predictor({"t": np.array(texts, object)})
    assert np.isnan(arrays["predicted_score"]).tolist() == found["predicted_label"].isna().tolist()
    nothing = predictor([" ", None])
    assert nothing["label"].isna().all()
    assert len(predictor([])) == 0
    assert len(predictor({"t": np.array([], object)})["predicted_score"]) == 0


def test_what_is_no_batch_or_would_be_overwritten(folders: dict[str, Path]) -> None:
    predictor = BatchPredictor(folders["binary"])
    with pytest.raises(TypeError, match=r"batch must be a dict of arrays, a pandas DataFrame, or texts. Received: int"):
        predictor(3)
    with pytest.raises(DataError, match=r"must not have the columns that are added. Received: \['label'\]. Rename"):
        predictor(pd.DataFrame({"review": ["good"], "label": ["pos"]}))


def test_what_is_no_model(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"model must name a folder, .* Received: TextClassifier. Save it with"):
        BatchPredictor(classifier(compiled=False))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"batch_size must be an integer of at least 1"):
        BatchPredictor(folders["binary"], batch_size=0)
    nowhere = BatchPredictor(tmp_path / "nowhere")  # it may be there on the machine that uses it
    with pytest.raises(FormatError, match=r"There is no folder"):
        nowhere(["good"])
    with pytest.raises(FormatError, match=r"A TextClassifier was expected. Received: .*, which holds a MaskedLanguageModel"):
        BatchPredictor(folders["language_model"])(["good"])


def test_it_is_pickled_by_name_and_loaded_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folders["binary"].parent)
    predictor = BatchPredictor("binary", batch_size=3, drop_unusable=True)
    expected = predictor(TEXTS)
    sent = pickle.dumps(predictor)
    assert len(sent) < 1000
    monkeypatch.chdir(tmp_path)  # a worker stands elsewhere
    monkeypatch.setattr(loaded_classifiers, "open_source", lambda *_: pytest.fail("it is loaded again"))
    copy = pickle.loads(sent)
    assert (copy.batch_size, copy.drop_unusable, copy.tokens) == (3, True, 0)
    assert_same(copy(TEXTS), expected)


def test_a_folder_with_other_contents_is_loaded_anew(folders: dict[str, Path], tmp_path: Path) -> None:
    first = BatchPredictor(save_task(load_task(folders["binary"]), tmp_path / "m"))
    assert first(TEXTS).label.isin(["neg", "pos"]).all()
    save_task(load_task(folders["multi_class"]), tmp_path / "m", overwrite=True)
    assert first(TEXTS).label.isin(["neg", "pos"]).all()  # it keeps what it began with
    assert BatchPredictor(tmp_path / "m").labels == ["a", "b", "c"]


def test_answers_do_not_depend_on_what_came_before(folders: dict[str, Path]) -> None:
    """To the last bit, also where TensorFlow makes a graph for the first batch and another one for the rest."""
    parts = [TEXTS[:4], TEXTS[4:9], TEXTS[2:3], TEXTS[9:] * 3]
    found: list[dict[int, list[float]]] = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        loaded_classifiers._loaded.cache_clear()
        predictor = BatchPredictor(folders["binary"])
        found.append({part: predictor(parts[part])["score"].tolist() for part in order})
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_fresh_process(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "predictor.pickle").write_bytes(pickle.dumps(BatchPredictor(folders["binary"])))
    program = """
        import pickle, pathlib, sys
        predictor = pickle.loads(pathlib.Path("predictor.pickle").read_bytes())
        assert predictor._loaded is None
        predictor(sys.argv[1:]).to_json("found.json")
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), *TEXTS], cwd=tmp_path, env=environment, check=True)
    expected = load_task(folders["binary"]).predict_text(TEXTS)
    assert_same(pd.read_json(tmp_path / "found.json"), expected)


@pytest.mark.slow
def test_exported_models(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind in ("binary", "multi_label", "pairs", "regression"):
        version = export_saved_model(load_task(folders[kind]), tmp_path / kind)
        texts = (TEXTS, TEXTS[::-1]) if kind == "pairs" else TEXTS
        expected = load_task(folders[kind]).predict_text(texts)
        for folder in (tmp_path / kind, version):
            predictor = BatchPredictor(folder, batch_size=3)
            found = predictor(texts)
            assert found.index.tolist() == list(range(11))
            assert found.score.tolist() == pytest.approx(expected.score.tolist(), rel=1e-4)
            assert predictor.labels == load_task(folders[kind]).labels
            assert predictor.slots == 0
    export_saved_model(load_task(folders["language_model"]), tmp_path / "language_model")
    with pytest.raises(ExportError, match="A classifier was expected. Received: .* which holds a MaskedLanguageModel"):
        BatchPredictor(tmp_path / "language_model")(["good"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_data(folders: dict[str, Path], tmp_path: Path) -> None:
    """As actors that each load the model once, from a folder that the driver's pickles never hold."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    paths = os.pathsep.join([str(ROOT), *sys.path])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}})
    try:
        rows = [{"row": row, "review": text} for row, text in enumerate(TEXTS * 5)]
        for form in ("numpy", "pandas"):
            table = ray.data.from_items(rows).map_batches(
                BatchPredictor,
                fn_constructor_args=(str(folders["binary"]),),
                fn_constructor_kwargs={"prefix": "predicted_"},
                batch_size=13,
                batch_format=form,
                concurrency=1,
            )
            found = table.to_pandas().sort_values("row")
            expected = load_task(folders["binary"]).predict_text(TEXTS * 5)
            assert found["review"].tolist() == TEXTS * 5
            assert found["predicted_label"].tolist() == expected.label.tolist()
            assert found["predicted_score"].tolist() == pytest.approx(expected.score.tolist(), rel=1e-5)
    finally:
        ray.shutdown()


def test_predict_takes_batches_that_are_ready(folders: dict[str, Path]) -> None:
    model: TextClassifier = load_task(folders["multi_class"])
    batches = model.batches(TEXTS, batch_size=3)
    np.testing.assert_allclose(model.predict(batches), model.predict(TEXTS, batch_size=3), rtol=1e-5)
