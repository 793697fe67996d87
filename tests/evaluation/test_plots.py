from __future__ import annotations

import re
from pathlib import Path

import matplotlib.figure
import matplotlib.pyplot
import numpy as np
import pytest

from keras_bert_lab import ClassificationReport, classification_report, plot_confusion_matrix, plot_learning_curves

HISTORY = {"loss": [0.7, 0.5, 0.2], "val_loss": [0.8, 0.6, 0.6], "accuracy": [0.5, 0.75, 1.0]}
REPORT = classification_report(["a", "a", "b", "c", "c"], ["a", "b", "b", "c", "a"], ["a", "b", "c"])
PNG = b"\x89PNG"


def test_curves_of_training_and_validation() -> None:
    ax = plot_learning_curves(HISTORY)
    assert [line.get_label() for line in ax.lines] == ["training", "validation"]
    assert [line.get_ydata().tolist() for line in ax.lines] == [HISTORY["loss"], HISTORY["val_loss"]]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1, 2, 3]] * 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]


def test_a_metric_without_validation_has_one_curve() -> None:
    ax = plot_learning_curves(HISTORY, "accuracy")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.5, 0.75, 1.0]]
    assert ax.get_ylabel() == "accuracy"


def test_an_unknown_metric_is_refused() -> None:
    message = "metric must be one of ['accuracy', 'loss', 'val_loss']. Received: metric='f1'"
    with pytest.raises(ValueError, match=re.escape(message)):
        plot_learning_curves(HISTORY, "f1")


def test_the_confusion_matrix_shows_its_numbers() -> None:
    ax = plot_confusion_matrix(REPORT)
    shown = [text.get_text() for text in ax.texts]
    assert shown == ["1", "1", "0", "0", "1", "0", "1", "0", "1"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("answer", "true label", "accuracy 0.600 on 5 texts")


def test_the_colour_is_the_share_of_the_row() -> None:
    image = plot_confusion_matrix(REPORT).images[0]
    np.testing.assert_allclose(image.get_array(), [[0.5, 0.5, 0], [0, 1, 0], [0.5, 0, 0.5]])
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)


def matrix_of(labels: list[str]) -> ClassificationReport:
    numbers = np.arange(len(labels)).repeat(3)
    return classification_report(numbers, np.where(np.arange(len(numbers)) % 3, numbers, 0), labels)


def test_of_many_labels_shares_are_shown_and_names_are_turned() -> None:
    ax = plot_confusion_matrix(matrix_of([f"label {place}" for place in range(50)]))
    assert [text.get_text() for text in ax.texts] == ["100", *["33", "67"] * 49]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90.0}
    assert ax.get_title().endswith("on 150 texts\ncells: % of the true label")
    assert min(text.get_fontsize() for text in [*ax.texts, *ax.get_yticklabels()]) >= 6
    width, height = ax.figure.get_size_inches()
    assert width == height > 15
    small = plot_confusion_matrix(matrix_of([f"label {place}" for place in range(50)]), matplotlib.figure.Figure().subplots())
    assert len(small.texts) == 0  # no room


def test_long_names_are_turned_and_cut() -> None:
    ax = plot_confusion_matrix(matrix_of(["short", "a name that is far too long to be read", "another one"]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["short", "a name that is far too …", "another one"]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {45.0}


def test_the_axes_that_are_given_are_drawn_on(tmp_path: Path) -> None:
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert plot_learning_curves(HISTORY, ax=left) is left
    assert plot_confusion_matrix(REPORT, ax=right) is right
    assert (len(left.lines), len(right.images)) == (2, 1)
    figure.savefig(tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes().startswith(PNG)


def test_pictures_are_written_and_nothing_is_shown(tmp_path: Path) -> None:
    before = matplotlib.pyplot.get_fignums()  # Keras imports pyplot by itself; what pyplot knows of, it shows
    plot_learning_curves(HISTORY).figure.savefig(tmp_path / "curves.png")
    plot_confusion_matrix(REPORT).figure.savefig(tmp_path / "matrix.png")
    assert all((tmp_path / name).read_bytes().startswith(PNG) for name in ("curves.png", "matrix.png"))
    assert matplotlib.pyplot.get_fignums() == before
