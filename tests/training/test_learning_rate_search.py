"""The rule that suggests a rate: known valleys, noise, curves without one; and the picture."""

import json

import matplotlib.figure
import numpy as np
import pytest

import keras_bert_lab as kbl
from keras_bert_lab.training.learning_rate_search import evaluate_search

STEPS = 100
RATES = np.geomspace(1e-7, 1.0, STEPS)


def valley(middle, noise=0.0, seed=0):
    """Flat at 0.7, down to 0.3 around `middle` within about a decade, up again two decades later."""
    loss = 0.7 - 0.4 / (1 + (middle / RATES) ** 1.5) + (RATES / (100 * middle)) ** 1.5
    loss += noise * np.random.default_rng(seed).normal(size=STEPS)
    over = np.flatnonzero(loss > 3)
    count = over[0] + 1 if len(over) else STEPS
    return RATES[:count], loss[:count], "diverged" if len(over) else "end"


@pytest.mark.parametrize("middle", [1e-5, 1e-4, 1e-3, 7e-3])
@pytest.mark.parametrize(("noise", "decades"), [(0.0, 0.15), (0.03, 0.4), (0.1, 0.7)])
def test_the_middle_of_a_known_valley(middle, noise, decades):
    for seed in range(20):
        found = evaluate_search(*valley(middle, noise, seed))
        assert found.suggestion is not None, found.reason
        assert abs(np.log10(found.suggestion / middle)) < decades


def test_the_number_of_steps_does_not_matter():
    rates, loss, _ = valley(1e-3)
    fine = np.geomspace(rates[0], rates[-1], 1009)
    found = evaluate_search(fine, np.interp(np.log(fine), np.log(rates), loss), "diverged")
    assert abs(np.log10(found.suggestion / evaluate_search(rates, loss, "diverged").suggestion)) < 0.1


def test_one_wild_batch_changes_nothing():
    rates, loss, ended = valley(1e-3, 0.03)
    wanted = evaluate_search(rates, loss, ended).suggestion
    for place in (3, 20, len(loss) - 20):
        wild = loss.copy()
        wild[place] = 50.0
        assert abs(np.log10(evaluate_search(rates, wild, ended).suggestion / wanted)) < 0.2


def test_noise_alone_gives_no_rate():
    rng = np.random.default_rng(5)
    found = [evaluate_search(RATES, 0.7 + 0.1 * rng.normal(size=STEPS), "end") for _ in range(200)]
    assert sum(each.suggestion is not None for each in found) <= 2
    none = next(each for each in found if each.suggestion is None)
    assert none.reason.startswith("no rate can be told: the loss fell no further than from 0.")
    assert "within its noise" in none.reason
    assert none.reason.endswith("all rates were tried. Take more steps, larger batches or a wider range of rates")


def test_a_loss_that_only_rises_gives_no_rate():
    found = evaluate_search(RATES, 0.7 + (RATES / 0.01) ** 2, "diverged")
    assert found.suggestion is None
    assert found.reason == (
        "no rate can be told: the loss never fell; then the loss rose far above where it was. Begin with a lower rate"
    )


def test_a_fall_within_the_noise_before_it_diverges_asks_for_more_steps():
    rng = np.random.default_rng(7)
    losses = 0.7 - 0.01 * (RATES > 1e-4) + (RATES / 0.01) ** 2 + 0.1 * rng.normal(size=STEPS)
    kept = losses < 3
    found = evaluate_search(RATES[kept], losses[kept], "diverged")
    assert found.suggestion is None
    assert found.reason.endswith("then the loss rose far above where it was. Take more steps or larger batches")


def test_a_loss_that_does_not_move_gives_no_rate():
    assert evaluate_search(RATES, np.full(STEPS, 0.7), "end").suggestion is None
    assert evaluate_search(RATES, 0.7 - 1e-4 * np.linspace(0, 1, STEPS), "end").suggestion is None


def test_a_loss_that_falls_to_the_end_gives_a_rate_and_says_so():
    found = evaluate_search(RATES, 0.7 - 0.05 * np.log10(RATES / 1e-7), "end")
    assert 1e-4 < found.suggestion < 1e-3  # the middle of 7 decades
    assert found.reason.endswith("it was still falling at the highest rate: a search up to a higher one tells more")


@pytest.mark.parametrize(
    ("losses", "ended", "reason"),
    [
        ([0.7, 0.9, 2.0, 9.0], "diverged", "from 4 steps, at least 10 are needed: then the loss rose far above where it was"),
        ([], "not finite", "from 0 steps, at least 10 are needed: then the loss was not finite"),
        ([0.7] * 9, "end", "from 9 steps, at least 10 are needed: all rates were tried. Take more steps"),
    ],
)
def test_too_few_steps_give_no_rate(losses, ended, reason):
    found = evaluate_search(RATES[: len(losses)], losses, ended)
    assert found.suggestion is None
    assert reason in found.reason
    assert len(found.smoothed) == len(losses)


def test_a_negative_loss_has_a_valley_too():
    rates, loss, ended = valley(1e-3)
    wanted = evaluate_search(rates, loss, ended)
    found = evaluate_search(rates, loss - 5.0, ended)
    assert abs(np.log10(found.suggestion / wanted.suggestion)) < 0.3


def test_smoothed_by_hand():
    """A decade between rates: weights exp(-1 / 0.3) = 0.03567 for neighbours, its square for the next."""
    w = np.exp(-1 / 0.3)
    found = evaluate_search([1e-3, 1e-2, 1e-1], [1.0, 2.0, 1.0], "end")
    ends = (1 + 2 * w + w**2) / (1 + w + w**2)
    np.testing.assert_allclose(found.smoothed, [ends, (2 + 2 * w) / (1 + 2 * w), ends], rtol=1e-12)


def test_plain_data():
    found = evaluate_search(*valley(1e-3))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["rates"] == list(found.rates)
    assert set(plain) == {"rates", "losses", "smoothed", "suggestion", "reason", "ended"}
    assert (plain["suggestion"], plain["reason"], plain["ended"]) == (found.suggestion, str(found), "diverged")
    assert kbl.LearningRateSearch(**plain).suggestion == found.suggestion


# The picture ----------------------------------------------------------------------------------------------------------


def test_the_picture(tmp_path):
    found = evaluate_search(*valley(1e-3))
    ax = kbl.plot_learning_rate_search(found)
    losses, smoothed, mark = ax.lines
    assert losses.get_xdata().tolist() == smoothed.get_xdata().tolist() == list(found.rates)
    assert losses.get_ydata().tolist() == list(found.losses)
    assert smoothed.get_ydata().tolist() == list(found.smoothed)
    assert mark.get_xdata() == [found.suggestion] * 2
    assert (ax.get_xscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "learning rate", "loss")
    ax.figure.savefig(tmp_path / "search.png")
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_without_a_suggestion_on_axes_that_are_given():
    axes = matplotlib.figure.Figure().subplots()
    assert kbl.plot_learning_rate_search(evaluate_search(RATES, np.full(STEPS, 0.7), "end"), ax=axes) is axes
    assert len(axes.lines) == 2
    assert axes.get_title() == "no rate can be suggested"
    assert len(kbl.plot_learning_rate_search(evaluate_search([], [], "not finite")).lines) == 2


def test_the_picture_needs_a_search():
    with pytest.raises(TypeError, match="found must be what lr_find gives. Received: a dict"):
        kbl.plot_learning_rate_search({})
