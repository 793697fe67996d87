"""What is exported answers as the model does.

Each export starts two processes to check itself. Only two exports here do, of a classifier and a language model; for the others
(fixture `checked_here`) the check loads the SavedModel in this process. `-m slow` has them all checked in fresh processes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert_lab import ExportError, MaskedLanguageModel, TextClassifier, export_saved_model, load_exported
from keras_bert_lab.export import saved_model
from keras_bert_lab.export.fresh_process import answers_of_fresh_process
from tests.samples import numpy, randomise
from tests.tasks.small_tasks import TEXTS, WORDS, classifier, encoder, language_model, preprocessor

NEW = ["a very good film", "", "Bad !", "東京", "walking " * 31]
PAIRS = list(zip(NEW, reversed(NEW), strict=True))
IDS = np.array([[2, 5, 8, 3, 0], [2, 6, 3, 0, 0], [2, 9, 13, 4, 3]], np.int32)
TOKENS = {"input_word_ids": IDS, "input_mask": (IDS > 0).astype(np.int32), "input_type_ids": np.zeros_like(IDS)}


def _random_classifier(labels: Any = ("neg", "pos"), **settings: Any) -> TextClassifier:
    return randomise(classifier(labels, compiled=False, **settings))


def _here(folder: Path, inputs: dict[str, np.ndarray], needs_text_ops: bool) -> dict[str, np.ndarray]:
    """`answers_of_fresh_process` without the process."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return {name: value.numpy() for name, value in serve(**{key: tf.constant(array) for key, array in inputs.items()}).items()}


@pytest.fixture
def checked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", _here)


@pytest.fixture(scope="module")
def sorter() -> TextClassifier:
    return _random_classifier(name="sorter")


@pytest.fixture(scope="module")
def exported(sorter: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a classifier's version 1, checked in fresh processes."""
    return export_saved_model(sorter, tmp_path_factory.mktemp("saved_models") / "new" / "sorter")


@pytest.fixture(scope="module")
def filler() -> MaskedLanguageModel:
    return randomise(language_model())


@pytest.fixture(scope="module")
def exported_filler(filler: MaskedLanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_saved_model(filler, tmp_path_factory.mktemp("saved_models") / "filler")


def _tokens_folder(folder: Path) -> Path:
    return folder.parent.with_name(f"{folder.parent.name}-tokens") / folder.name


def _answers_on_tokens(folder: Path) -> dict[str, np.ndarray]:
    return _here(_tokens_folder(folder), TOKENS, needs_text_ops=False)


def test_two_folders_appear_and_nothing_else(exported: Path) -> None:
    root = exported.parent.parent
    assert exported == root / "sorter" / "1"
    assert sorted(str(path.relative_to(root)) for path in root.glob("*/*")) == ["sorter-tokens/1", "sorter/1"]
    assert [path.name for path in root.iterdir() if path.name.startswith(".")] == []
    assert all((root / name / "1" / "saved_model.pb").is_file() for name in ("sorter", "sorter-tokens"))


def test_a_classifier_answers_as_before(exported: Path, sorter: TextClassifier) -> None:
    answers = load_exported(exported)(NEW)
    chance = sorter.predict(NEW)[:, 0]
    assert set(answers) == {"label", "score", "probabilities"}
    assert np.ptp(chance) > 0.01
    np.testing.assert_allclose(answers["probabilities"], np.stack([1 - chance, chance], axis=1), atol=1e-5)
    np.testing.assert_allclose(answers["score"], np.maximum(chance, 1 - chance), atol=1e-5)
    assert answers["label"].tolist() == ["pos" if probability > 0.5 else "neg" for probability in chance]


def test_its_table_is_that_of_the_model(exported: Path, sorter: TextClassifier) -> None:
    found, expected = load_exported(exported).predict_text(NEW), sorter.predict_text(NEW)
    assert found.columns.tolist() == expected.columns.tolist()
    assert found.label.tolist() == expected.label.tolist()
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
    for ours, theirs in zip(found.probabilities, expected.probabilities, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_token_ids_give_the_same_answers(exported: Path, sorter: TextClassifier) -> None:
    chance = sorter.predict(TOKENS)[:, 0]
    np.testing.assert_allclose(_answers_on_tokens(exported)["probabilities"][:, 1], chance, atol=1e-5)


@pytest.mark.slow  # each export has checked the same with probes of its own
def test_a_process_without_tensorflow_text_runs_the_tokens(exported: Path, sorter: TextClassifier) -> None:
    answers = answers_of_fresh_process(_tokens_folder(exported), TOKENS, needs_text_ops=False)
    np.testing.assert_allclose(answers["probabilities"][:, 1], sorter.predict(TOKENS)[:, 0], atol=1e-5)
    assert answers["label"].dtype.kind == "S"


def test_saved_model_cli_runs_the_tokens(exported: Path, sorter: TextClassifier, tmp_path: Path) -> None:
    np.savez(tmp_path / "tokens.npz", **TOKENS)
    inputs = ";".join(f"{name}={tmp_path}/tokens.npz[{name}]" for name in TOKENS)
    command = [
        str(Path(sys.executable).parent / "saved_model_cli"),
        "run",
        "--dir",
        str(_tokens_folder(exported)),
        "--tag_set",
        "serve",
    ]
    command += ["--signature_def", "serving_default", "--inputs", inputs, "--outdir", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy")[:, 1], sorter.predict(TOKENS)[:, 0], atol=1e-5)


def test_it_says_what_it_is(exported: Path) -> None:
    description = load_exported(exported).description
    expected = {"package": "keras_bert_lab", "model": "TextClassifier", "name": "sorter", "input": "text", "inputs": ["text"]}
    assert expected | {"kind": "binary", "labels": ["neg", "pos"]} == {
        key: description[key] for key in [*expected, "kind", "labels"]
    }
    assert description["versions"] == {"tensorflow": tf.__version__, "keras": keras.version()}
    of_tokens = json.loads((_tokens_folder(exported) / "assets.extra" / "keras_bert_lab.json").read_text())
    assert (of_tokens["input"], of_tokens["inputs"]) == ("tokens", list(TOKENS))


def test_a_language_model_fills_gaps_as_before(exported_filler: Path, filler: MaskedLanguageModel) -> None:
    texts = ["the [MASK] was [MASK] .", "[MASK]", "walk[MASK]"]
    answers = load_exported(exported_filler)(texts)
    table = filler.fill_mask(texts, top_k=5)
    assert {name: value.shape for name, value in answers.items()} == {"tokens": (3, 2, 5), "scores": (3, 2, 5)}
    for (row, gap), group in table.groupby(["row", "mask"]):
        assert answers["tokens"][row, gap].tolist() == group.token.tolist()
        np.testing.assert_allclose(answers["scores"][row, gap], group.score, atol=1e-5)
    assert answers["tokens"][1, 1].tolist() == [""] * 5  # no second gap there
    assert answers["scores"][1, 1].tolist() == [0] * 5


def test_a_language_model_takes_token_ids(exported_filler: Path, filler: MaskedLanguageModel) -> None:
    answers = _answers_on_tokens(exported_filler)
    logits = filler({**TOKENS, "masked_lm_positions": np.array([[0], [0], [3]], np.int32)})
    expected = np.sort(numpy(keras.ops.softmax(logits))[2, 0])[::-1][:5]
    assert answers["scores"].shape == (3, 1, 5)
    np.testing.assert_allclose(answers["scores"][2, 0], expected, atol=1e-5)
    assert answers["tokens"][:2].tolist() == [[[b""] * 5]] * 2


@pytest.mark.usefixtures("checked_here")
def test_a_language_model_with_more_ids_than_tokens(tmp_path: Path) -> None:
    model = randomise(language_model(vocab_size=29))
    answers = load_exported(export_saved_model(model, tmp_path / "filler"))(["the [MASK]"] * 3)
    assert answers["tokens"][0, 0].tolist() == model.fill_mask("the [MASK]").token.tolist()
    assert set(answers["tokens"].reshape(-1)) < set(WORDS)


@pytest.mark.usefixtures("checked_here")
@pytest.mark.parametrize("kind", [pytest.param("multi_class", marks=pytest.mark.slow), "multi_label"])
def test_several_labels(kind: str, tmp_path: Path) -> None:
    labels = ["a", "b", "ç"]
    model = _random_classifier(labels, kind=kind, pooling="max")
    version = export_saved_model(model, tmp_path / "sorter")
    answers, outputs, found = load_exported(version)(NEW), model.predict(NEW), load_exported(version).predict_text(NEW)
    np.testing.assert_allclose(answers["probabilities"], outputs, atol=1e-5)
    assert answers["label"].tolist() == [labels[place] for place in outputs.argmax(1)]
    expected = model.predict_text(NEW)
    assert found.label.tolist() == expected.label.tolist()
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
    np.testing.assert_allclose(_answers_on_tokens(version)["probabilities"], model.predict(TOKENS), atol=1e-5)


@pytest.mark.usefixtures("checked_here")
def test_a_regression(tmp_path: Path) -> None:
    model = _random_classifier(None, kind="regression", pooling="mean")
    version = export_saved_model(model, tmp_path / "scorer")
    answers = load_exported(version)(NEW)
    assert set(answers) == {"score"}
    np.testing.assert_allclose(answers["score"], model.predict(NEW)[:, 0], atol=1e-5)
    found, expected = load_exported(version).predict_text(NEW), model.predict_text(NEW)
    np.testing.assert_allclose(found.score, expected.score, atol=1e-5)
    np.testing.assert_allclose(found.label, expected.label, atol=1e-5)
    assert found.probabilities.tolist() == expected.probabilities.tolist()


@pytest.mark.usefixtures("checked_here")
def test_pairs_of_texts(tmp_path: Path) -> None:
    model = _random_classifier(pairs=True)
    served = load_exported(export_saved_model(model, tmp_path / "pairs"))
    assert served.description["inputs"] == ["text", "text_pair"]
    found = served.predict_text(PAIRS)
    np.testing.assert_allclose(found.score, model.predict_text(PAIRS).score, atol=1e-5)
    with pytest.raises(ValueError, match=re.escape("The model takes text and text_pair. Received: 1 column(s) of texts")):
        served(NEW)


def _composed(outputs: Any) -> keras.Model:
    """Preprocessor, encoder and heads that the user put together: one string input."""
    keras.utils.set_random_seed(5)
    text = keras.Input((), dtype="string", name="review")
    hidden = encoder()(preprocessor()(text))
    return randomise(keras.Model(text, outputs(hidden["pooled_output"])))


@pytest.mark.usefixtures("checked_here")
def test_a_composed_model(tmp_path: Path) -> None:
    model = _composed(lambda x: {"mood": keras.layers.Dense(3)(x), "length": keras.layers.Dense(1)(x)})
    version = export_saved_model(model, tmp_path / "composed")
    served, expected = load_exported(version), model.predict(tf.constant(NEW), verbose=0)
    texts = tf.constant(["the good film", "bad", "dull , seen"])
    inputs = {name: values.numpy() for name, values in preprocessor()(texts).items()}
    on_tokens, of_texts = _here(_tokens_folder(version), inputs, needs_text_ops=False), model(texts)
    assert set(served(NEW)) == set(on_tokens) == {"mood", "length"}
    for name, values in expected.items():
        np.testing.assert_allclose(served(NEW)[name], values, atol=1e-5)
        np.testing.assert_allclose(on_tokens[name], of_texts[name], atol=1e-5)
    with pytest.raises(ExportError, match=re.escape("predict_text needs a classifier.")):
        served.predict_text(NEW)


@pytest.mark.usefixtures("checked_here")
def test_a_composed_model_of_fixed_length(tmp_path: Path) -> None:
    fixed = preprocessor(sequence_length=13)
    text = keras.Input((), dtype="string")
    states = encoder()(fixed(text))["sequence_output"]
    model = randomise(keras.Model(text, keras.layers.Dense(1, name="mood")(keras.layers.Flatten()(states))))
    version = export_saved_model(model, tmp_path / "fixed")
    inputs = {name: values.numpy() for name, values in fixed(NEW).items()}
    on_tokens = _here(_tokens_folder(version), inputs, needs_text_ops=False)
    np.testing.assert_allclose(on_tokens["mood"], model.predict(tf.constant(NEW), verbose=0), atol=1e-5)


@pytest.mark.usefixtures("checked_here")
def test_a_composed_model_that_shares_its_preprocessor(tmp_path: Path) -> None:
    texts = [keras.Input((), dtype="string") for _ in range(2)]
    shared = preprocessor()
    models = [keras.Model(text, keras.layers.Dense(1)(encoder()(shared(text))["pooled_output"])) for text in texts]
    for model in map(randomise, models):
        version = export_saved_model(model, tmp_path / "composed")
        (answer,) = load_exported(version)(NEW).values()
        np.testing.assert_allclose(answer, model.predict(tf.constant(NEW), verbose=0), atol=1e-5)
        assert _tokens_folder(version).is_dir()
    assert version.name == "2"


@pytest.mark.slow
@pytest.mark.usefixtures("checked_here")
def test_composed_models_for_two_texts(tmp_path: Path) -> None:
    first, second = (keras.Input((), dtype="string", name=name) for name in ("question", "answer"))
    bert, shared = encoder(), preprocessor()
    together = keras.Model([first, second], keras.layers.Dense(1, name="fit")(bert(shared([first, second]))["pooled_output"]))
    apart = [bert(shared(text))["pooled_output"] for text in (first, second)]
    siamese = keras.Model([first, second], {"likeness": keras.layers.Dot(1)(apart)})
    columns = [tf.constant(list(column)) for column in zip(*PAIRS, strict=True)]
    for model, name in ((randomise(together), "fit"), (randomise(siamese), "likeness")):
        version = export_saved_model(model, tmp_path / name)
        served = load_exported(version)
        expected = keras.tree.flatten(model.predict(columns, verbose=0))[0]
        np.testing.assert_allclose(served(PAIRS)[name], expected, atol=1e-4)
        assert served.description["inputs"] == ["text", "text_pair"]
        assert _tokens_folder(version).is_dir() is (name == "fit")  # two rows of ids cannot stand for one


@pytest.mark.usefixtures("checked_here")
def test_versions_count_on(sorter: TextClassifier, tmp_path: Path) -> None:
    path = tmp_path / "sorter"
    assert export_saved_model(sorter, str(path)) == path / "1"
    (path / "5").mkdir()  # a version of another maker
    (path / "notes").mkdir()
    assert export_saved_model(sorter, path) == path / "6"
    (tmp_path / "sorter-tokens" / "7").mkdir()
    assert export_saved_model(sorter, path) == path / "8"  # both folders count together
    assert sorted(entry.name for entry in (tmp_path / "sorter-tokens").iterdir()) == ["1", "6", "7", "8"]
    assert load_exported(path).folder == path / "8"
    assert load_exported(path / "1").folder == path / "1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda found: found | {"score": found["score"] + 0.01},
            "The exported model's 'score' differs from the original's by 0.01",
        ),
        (lambda found: found | {"score": found["score"] * np.nan}, "'score' differs from the original's by nan"),
        (lambda found: {"score": found["score"]}, "must answer ['label', 'probabilities', 'score']. It answers ['score']"),
    ],
)
def test_nothing_is_left_of_a_model_with_other_answers(
    wrong: Any, message: str, sorter: TextClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_model, "answers_of_fresh_process", lambda *given, **named: wrong(_here(*given, **named)))
    with pytest.raises(ExportError, match=re.escape(message)):
        export_saved_model(sorter, tmp_path / "sorter")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_run_in_a_fresh_process_is_shown(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"does not run in a fresh process(.|\n)*SavedModel file does not exist"):
        answers_of_fresh_process(tmp_path, {}, needs_text_ops=False)


def test_models_without_texts_are_refused(tmp_path: Path) -> None:
    numbers = keras.Input((3,))
    with pytest.raises(
        ValueError, match="model must take one or two string inputs, to be exported with raw text. Received inputs:"
    ):
        export_saved_model(keras.Model(numbers, numbers * 2), tmp_path / "numbers")
    texts, shared = [keras.Input((), dtype="string") for _ in range(3)], preprocessor()
    three = keras.Model(texts, [shared(text) for text in texts])
    with pytest.raises(ValueError, match="model must take one or two string inputs"):
        export_saved_model(three, tmp_path / "three")
    with pytest.raises(TypeError, match=re.escape("Received: Encoder")):
        export_saved_model(encoder(), tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_exported_model_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=re.escape(f"There is no exported model in {tmp_path}.")):
        load_exported(tmp_path)
    with pytest.raises(ExportError, match=re.escape(f"{_tokens_folder(exported)} takes token ids, not texts.")):
        load_exported(_tokens_folder(exported))
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").touch()
    with pytest.raises(ExportError, match=re.escape(f"{tmp_path / '3'} was not written by export_saved_model")):
        load_exported(tmp_path)


def test_exported_models_take_texts_in_all_usual_containers(exported: Path) -> None:
    served = load_exported(exported)
    expected = served(TEXTS)["score"]
    for texts in (np.array(TEXTS), tf.constant(TEXTS)):
        np.testing.assert_array_equal(served(texts)["score"], expected)
    np.testing.assert_allclose(served("good")["score"], expected[TEXTS.index("good")], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: _random_classifier(["a", "b", "c"]),
        lambda: _random_classifier(["a", "b", "c"], kind="multi_label", pooling="mean"),
        lambda: _random_classifier(None, kind="regression"),
        lambda: _random_classifier(pairs=True),
        lambda: _composed(lambda x: {"mood": keras.layers.Dense(3)(x), "length": keras.layers.Dense(1)(x)}),
        lambda: randomise(classifier(encoder=encoder("mixed_bfloat16"), compiled=False)),
    ],
    ids=["multi_class", "multi_label", "regression", "pairs", "composed", "half_precision"],
)
def test_every_kind_passes_the_check_in_fresh_processes(make: Any, tmp_path: Path) -> None:
    version = export_saved_model(make(), tmp_path / "model")
    assert (version / "saved_model.pb").is_file()
    assert (_tokens_folder(version) / "saved_model.pb").is_file()
