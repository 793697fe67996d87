from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib.figure
import matplotlib.pyplot
import numpy as np
import pytest
from sklearn import metrics

from keras_bert_lab import (
    DataError,
    calibration,
    choose_threshold,
    plot_calibration,
    plot_metric_by_threshold,
    plot_precision_recall,
    plot_roc,
)
from tests.evaluation.test_classification_report import drawn

PNG = b"\x89PNG"


def named(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_roc_curve_is_that_of_scikit_learn() -> None:
    true, chances = drawn(41, 2)
    ax = plot_roc(true, chances[:, 1], ["neg", "pos"])
    area = metrics.roc_auc_score(true, chances[:, 1])
    (curve,) = [line for line in ax.lines if line.get_label() == f"pos  {area:.3f}"]
    false, found, _ = metrics.roc_curve(true, chances[:, 1])
    np.testing.assert_allclose(curve.get_xydata(), np.stack([false, found], axis=1))
    assert (ax.get_title(), named(ax)) == (f"AUROC {area:.3f}", [f"pos  {area:.3f}"])
    assert named(plot_roc(true, chances)) == [f"{area:.3f}"]


def test_a_curve_of_precision_and_recall_is_that_of_scikit_learn() -> None:
    true, chances = drawn(41, 3)
    ax = plot_precision_recall(true, chances, ["a", "b", "c"])
    areas = {name: metrics.average_precision_score(true == place, chances[:, place]) for place, name in enumerate("abc")}
    assert named(ax) == [f"{name}  {areas[name]:.3f}" for name in sorted(areas, key=areas.__getitem__)]
    assert ax.get_title() == f"mean average precision {np.mean(list(areas.values())):.3f}"
    (curve,) = [line for line in ax.lines if line.get_label().startswith("b ")]
    precision, recall, _ = metrics.precision_recall_curve(true == 1, chances[:, 1])
    np.testing.assert_allclose(curve.get_xydata(), np.stack([recall, precision], axis=1))
    assert curve.get_drawstyle() == "steps-post"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("recall", "precision")


def test_of_many_labels_the_lowest_are_named() -> None:
    true, chances = drawn(401, 11)
    areas = sorted(metrics.roc_auc_score(true == place, chances[:, place]) for place in range(11))
    ax = plot_roc(true, chances)
    assert [float(name.split()[-1]) for name in named(ax)] == pytest.approx(areas[:5], abs=5e-4)
    assert ax.get_legend().get_title().get_text() == "the 5 lowest of 11"
    assert len(ax.lines) == 12  # and the diagonal


def test_several_labels_and_labels_without_a_curve() -> None:
    true, chances = [["a"], ["a", "b"], ["a"]], np.array([[0.9, 0.2, 0.1], [0.8, 0.7, 0.1], [0.7, 0.1, 0.1]])
    assert named(plot_roc(true, chances, ["a", "b", "c"])) == ["b  1.000"]
    assert named(plot_precision_recall(true, chances, ["a", "b", "c"])) == ["a  1.000", "b  1.000"]
    ax = plot_roc([1, 1], [0.2, 0.3])
    assert (ax.get_title(), ax.get_legend()) == ("not defined: one label alone", None)


def test_calibration_shows_its_bins() -> None:
    found = calibration([1, 0, 1, 1], [[0.9], [0.8], [0.7], [0.95]], bins=5)
    ax = plot_calibration(found)
    bars, shares = ax.containers
    assert [bar.get_height() for bar in bars] == pytest.approx([0.5, 1.0])
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [pytest.approx((0.6, 0.2)), pytest.approx((0.8, 0.2))]
    assert [bar.get_height() for bar in shares] == pytest.approx([0.5, 0.5])
    assert [line.get_label() for line in ax.lines] == ["as sure as right", "mean confidence"]
    np.testing.assert_allclose(ax.lines[1].get_xydata(), [[0.75, 0.5], [0.925, 1.0]])
    assert ax.get_title() == f"ECE {found.ece:.3f}, MCE {found.mce:.3f}, 4 decisions"


def test_a_metric_by_its_threshold() -> None:
    true, chances = [0, 0, 1, 1], [0.25, 0.5, 0.375, 0.75]
    ax = plot_metric_by_threshold(true, chances, "accuracy")
    curve, mark = ax.lines[:2]
    np.testing.assert_allclose(
        curve.get_xydata(),
        [[0, 0.5], [0.25, 0.5], [0.25, 0.75], [0.375, 0.75], [0.375, 0.5], [0.5, 0.5], [0.5, 0.75], [0.75, 0.75], [0.75, 0.5],
         [1, 0.5]],
    )  # fmt: skip
    np.testing.assert_allclose(mark.get_xydata(), [[choose_threshold(true, chances, "accuracy"), 0.75]])
    assert (named(ax), ax.get_ylabel()) == (["0.62: 0.750"], "accuracy")
    ax = plot_metric_by_threshold(["n", "n", "y", "y"], chances, "accuracy", ["n", "y"], threshold=1.0)
    assert named(ax) == ["y, 1.00: 0.500"]


def test_a_metric_by_the_thresholds_of_several_labels() -> None:
    random = np.random.default_rng(1)
    true, chances = random.random((31, 3)) < 0.5, random.random((31, 3))
    ax = plot_metric_by_threshold(true, chances, labels=["a", "b", "c"])
    found = choose_threshold(true, chances)
    assert isinstance(found, list)
    assert [name.split(",")[0] for name in named(ax)] == ["a", "b", "c"]
    assert [line.get_xdata()[0] for line in ax.lines[1:6:2]] == pytest.approx(found)
    true, chances = random.random((31, 9)) < 0.5, random.random((31, 9))
    assert plot_metric_by_threshold(true, chances, lambda a, b: float((a == b).mean()), threshold=0.5).get_legend() is None


def test_the_axes_that_are_given_are_drawn_on_and_nothing_is_shown(tmp_path: Path) -> None:
    before = matplotlib.pyplot.get_fignums()
    true, chances = drawn(31, 2)
    figure = matplotlib.figure.Figure()
    axes = figure.subplots(2, 2).ravel()
    found = calibration(true, chances)
    assert plot_calibration(found, axes[0]) is axes[0]
    assert plot_roc(true, chances, ax=axes[1]) is axes[1]
    assert plot_precision_recall(true, chances, ax=axes[2]) is axes[2]
    assert plot_metric_by_threshold(true, chances, ax=axes[3]) is axes[3]
    figure.savefig(tmp_path / "all.png")
    plot_roc(true, chances).figure.savefig(tmp_path / "roc.png")
    assert all((tmp_path / name).read_bytes().startswith(PNG) for name in ("all.png", "roc.png"))
    assert matplotlib.pyplot.get_fignums() == before


def test_what_does_not_fit_is_refused() -> None:
    for plot in (plot_roc, plot_precision_recall):
        with pytest.raises(ValueError, match=re.escape("There must be at least one text. Received: none")):
            plot([], np.zeros((0, 3)))
        with pytest.raises(DataError, match=re.escape("label must be one of ['a', 'b', 'c']. Received: 'd' in row 0")):
            plot(["d"], [[0.5, 0.5, 0.0]], ["a", "b", "c"])
    for threshold in (None, 0.5):
        with pytest.raises(ValueError, match=re.escape("metric must be one of ['f1', 'accuracy', 'mcc'] or a function.")):
            plot_metric_by_threshold([0, 1], [0.2, 0.3], "recall", threshold=threshold)
