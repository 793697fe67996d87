"""Weights of classes and the share that is held out, in `fit`: which texts get which weight."""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from keras_bert_lab import FocalLoss, TextClassifier
from keras_bert_lab.batches import ExampleBatches
from keras_bert_lab.tasks import text_classifier
from keras_bert_lab.tasks.text_inputs import split_examples
from tests.samples import numpy
from tests.tasks.small_tasks import LABELS, NUMBERS, TEXTS, classifier, preprocessor

TEXTS_41 = (TEXTS * 4)[:41]
LABELS_41 = ["pos" if number % 5 == 0 else "neg" for number in range(41)]  # 9 and 32


class Seen:
    """The batches that `fit` learns from, and those it validates on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[ExampleBatches] = []
        monkeypatch.setattr(text_classifier, "as_dataset", self._held_out(text_classifier.as_dataset))
        monkeypatch.setattr(text_classifier, "training_data", self._learned(text_classifier.training_data))

    def _held_out(self, original: Any) -> Any:
        def seen(batches: ExampleBatches, **settings: Any) -> Any:
            self.held_out = batches
            return original(batches, **settings)

        return seen

    def _learned(self, original: Any) -> Any:
        def seen(batches: ExampleBatches, *settings: Any) -> Any:
            self.learned = batches
            return original(batches, *settings)

        return seen


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


def flat(batches: ExampleBatches) -> np.ndarray:
    assert batches.targets is not None
    return batches.targets.reshape(-1).astype(int)


def test_balanced_means_the_texts_that_are_learned_from(seen: Seen) -> None:
    model = classifier()
    own = np.linspace(1, 2, 41)
    given = {"validation_split": 0.3, "seed": 5, "class_weight": "balanced", "verbose": 0}
    model.fit(TEXTS_41, LABELS_41, **given)
    assert np.bincount(flat(seen.held_out)).tolist() == [9, 3]
    targets = flat(seen.learned)
    assert np.bincount(targets).tolist() == [23, 6]
    wanted = compute_class_weight("balanced", classes=np.array([0, 1]), y=targets)
    np.testing.assert_allclose(seen.learned.weights, wanted[targets], rtol=1e-6)
    assert seen.held_out.weights is None
    model.fit(TEXTS_41, LABELS_41, sample_weight=own, **given)
    assert seen.held_out.weights is not None
    both = np.concatenate([seen.learned.weights / wanted[targets], seen.held_out.weights])
    np.testing.assert_allclose(np.sort(both), own, rtol=1e-6)


def test_balanced_is_the_same_as_these_weights_by_label() -> None:
    def fitted(class_weight: Any) -> list[np.ndarray]:
        model = classifier()
        model.fit(TEXTS_41, LABELS_41, class_weight=class_weight, verbose=0)
        return model.get_weights()

    balanced, by_hand, even = (fitted(each) for each in ("balanced", {"neg": 41 / 64, "pos": 41 / 18}, None))
    assert max(np.abs(a - b).max() for a, b in zip(balanced, by_hand, strict=True)) == 0
    assert max(np.abs(a - b).max() for a, b in zip(balanced, even, strict=True)) > 1e-3


def test_texts_that_are_held_out_have_no_weights_of_classes_as_in_keras() -> None:
    tokens = {name: numpy(values).astype("int32") for name, values in preprocessor()(TEXTS).items()}
    history = {}
    for weights in (None, {0: 0.5, 1: 50.0}):
        ours, theirs = classifier(), classifier()
        ours.optimizer.learning_rate = theirs.optimizer.learning_rate = 0.0
        found = ours.fit(TEXTS, LABELS, validation_split=0.4, class_weight=weights, verbose=0)
        wanted = theirs.fit(tokens, np.array(NUMBERS), validation_split=0.4, class_weight=weights, verbose=0)
        history[weights is None] = [fit.history[name][0] for fit in (found, wanted) for name in ("loss", "val_loss")]
    weighed, even = history[False], history[True]
    assert [weighed[1], weighed[3]] == pytest.approx([even[1], even[3]])
    assert weighed[0] > 5 * even[0]
    assert weighed[2] > 5 * even[2]


@pytest.mark.parametrize("kind", ["binary", "multi_class", "multi_label", "regression"])
def test_labels_have_the_same_shares_of_both_parts(kind: str) -> None:
    labels: Any = {
        "binary": LABELS_41,
        "multi_class": ["abc"[number % 7 % 3] for number in range(41)],  # 18, 12, 11
        "multi_label": [["a"] if number < 30 else ["b", "c"] for number in range(41)],
        "regression": [float(number > 29) for number in range(41)],
    }[kind]
    names = {"binary": ["neg", "pos"], "regression": None}.get(kind, ["a", "b", "c"])
    model = classifier(names, kind=kind, compiled=False)
    batches = model.batches(TEXTS_41, labels)
    counts = set()
    for seed in range(11):
        learned, held_out = split_examples(batches.targets, 0.25, seed, kind)
        assert (len(learned), len(held_out)) == (31, 10)
        targets = batches.targets[held_out]
        column = targets[:, 0] if targets.ndim == 2 else targets
        counts.add(tuple(np.bincount(column.astype(int), minlength=3)))
    if kind in ("multi_label", "regression"):
        assert len(counts) > 2  # drawn at random
    else:
        shares = np.bincount(flat(batches), minlength=3) * 10 / 41
        assert all((np.abs(np.array(found) - shares) < 1).all() for found in counts)


def test_what_cannot_be_balanced_is_refused_before_any_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_classifier, "tokenized", lambda *_: pytest.fail("too late"))
    for labels, kind in ((["a", "b", "c"], "multi_label"), (None, "regression")):
        model = classifier(labels, kind=kind)
        with pytest.raises(ValueError, match=f"class_weight needs one label for each text.* Received: kind='{kind}'"):
            model.fit(TEXTS, [["a"]] * 11 if labels else [1.0] * 11, class_weight="balanced", verbose=0)
    with pytest.raises(ValueError, match="class_weight must be 'balanced' or weights by label. Received: class_weight='even'"):
        classifier().fit(TEXTS, LABELS, class_weight="even", verbose=0)
    with pytest.raises(ValueError, match=re.escape("labels among ['neg', 'pos'] or their numbers. Received: 'fair'")):
        classifier().fit(TEXTS, LABELS, class_weight={"fair": 2}, verbose=0)


def test_balanced_needs_texts() -> None:
    tokens = {name: numpy(values).astype("int32") for name, values in preprocessor()(TEXTS).items()}
    message = "class_weight must be weights by number where x holds no texts. Received: class_weight='balanced'"
    with pytest.raises(ValueError, match=message):
        classifier().fit(tokens, np.array(NUMBERS), class_weight="balanced", verbose=0)


@pytest.mark.parametrize(
    ("names", "kind", "labels"),
    [
        (["neg", "pos"], "binary", LABELS),
        (["neg", "pos"], "multi_class", LABELS),
        (["neg", "pos"], "multi_label", [[label] for label in LABELS]),
    ],
)
def test_a_classifier_learns_with_the_focal_loss(names: list[str], kind: str, labels: Any, tmp_path: Any) -> None:
    model: TextClassifier = classifier(names, kind=kind, compiled=False)
    model.compile(keras.optimizers.SGD(0.3), loss=FocalLoss(1.5, label_smoothing=0.1))
    losses = model.fit(TEXTS, labels, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss.get_config() == model.loss.get_config()
