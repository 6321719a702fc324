"""Battles of Arena-Hard and its control for style: by other ways to count and to fit, and by what cannot matter."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import expit

from rlsr.evaluation.suites.judged.battles import (
    Battles,
    as_the_leaderboard,
    label_of,
    mean_of_all,
)
from rlsr.evaluation.suites.judged.style_control import controlled, style_differences, style_of

Floats = NDArray[np.float64]
LABELS = ["A>>B", "A>B", "A=B", "B>A", "B>>A"]
MIRRORED = dict(zip(LABELS, reversed(LABELS), strict=True))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("My final verdict is tie: [[A=B]]", "A=B"),
        ("[[A>B]], or rather [[b>>a]].", "B>>A"),
        ("Assistant A is better: [A>B]", "A>B"),
        ("[A>B], but [[B>A]] counts", "B>A"),
        ("I cannot say.", None),
        ("[[A>>>B]]", None),
        ("[[]] [[C]]", None),
        ("", None),
    ],
)
def test_the_last_label_is_the_verdict(text: str, label: str | None) -> None:
    assert label_of(text) == label


def test_a_clear_verdict_is_three_battles() -> None:
    # The baseline came first and was slightly worse; then the policy came first and was much better.
    found = Battles("B>A", "A>>B")
    assert (found.won, found.number, found.first_place) == (4.0, 4, 0.5)
    assert Battles("A>>B", "A=B").outcomes == [0.0, 0.0, 0.0, 0.5]
    # Whoever comes first wins.
    assert (Battles("A>B", "A>B").first_place, Battles("A>B", "A>B").won) == (1.0, 1.0)


@pytest.mark.parametrize("pair", itertools.product(LABELS, LABELS))
def test_the_baseline_wins_what_the_policy_loses(pair: tuple[str, str]) -> None:
    found = Battles(*pair)
    # The same verdicts about the two in each other's place.
    mirrored = Battles(MIRRORED[pair[0]], MIRRORED[pair[1]])
    assert mirrored.won == found.number - found.won
    assert mirrored.number == found.number
    assert found.won == sum(found.outcomes)


def test_a_share_is_over_battles_and_its_interval_over_prompts() -> None:
    rng = np.random.default_rng(0)
    battles = rng.choice([2.0, 4.0, 6.0], 400)
    won = rng.binomial(battles.astype(int), 0.3).astype(np.float64)
    found = mean_of_all(won, battles, confidence=0.9, num_resamples=2000)
    assert found.mean == won.sum() / battles.sum()
    rows = rng.integers(400, size=(2000, 400))
    drawn = won[rows].sum(axis=1) / battles[rows].sum(axis=1)
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, [0.05, 0.95]), abs=0.004)
    assert found.num == 400
    few = mean_of_all(won[:10], battles[:10], confidence=0.9, num_resamples=2000)
    assert (few.num, np.isnan(few.low)) == (10, True)
    nothing = mean_of_all(np.zeros(0), np.zeros(0), confidence=0.9, num_resamples=100)
    assert (nothing.num, np.isnan(nothing.mean)) == (0, True)


def test_the_leaderboard_resamples_single_battles() -> None:
    outcomes = [1.0] * 300 + [0.5] * 100 + [0.0] * 600
    found = as_the_leaderboard(outcomes)
    assert found.mean == pytest.approx(0.35, abs=0.005)
    width = 1.645 * np.std(outcomes) / np.sqrt(1000)
    assert [found.low, found.high] == pytest.approx([0.35 - width, 0.35 + width], abs=0.008)


def test_marks_inside_of_code_are_no_style() -> None:
    text = "# Title\n\n1. one\n2. **two**\n- three __four__\n```\n# a comment\n- x **y**\n```\n#no header"
    assert style_of(text)[1:].tolist() == [1, 3, 2]
    assert style_of("Two words.").tolist() == [3, 0, 0, 0]
    assert style_of("").tolist() == [0, 0, 0, 0]


texts = st.text("ab #*-1._`\n", max_size=60)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_differences_of_style_are_bounded_and_turn_round(pairs: list[tuple[str, str]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    found = style_differences(ours, theirs)
    assert (np.abs(found) <= 1).all()
    assert np.array_equal(found, -style_differences(theirs, ours))
    assert not style_differences(ours, ours).any()


def fitted_by_battles(differences: Floats, won: Floats, battles: Floats) -> float:
    """Fit as the authors do: one row a battle, a strength for each of the two, and no penalty; but without shifting the features."""
    rows = np.repeat(differences, battles.astype(int), axis=0)
    outcomes = np.concatenate(
        [
            [1.0] * int(w) + [0.5] * round(2 * (w % 1)) + [0.0] * (int(n) - int(w) - round(2 * (w % 1)))
            for w, n in zip(won, battles, strict=True)
        ]
    )  # fmt: skip
    design = np.hstack([np.ones((len(rows), 1)), -np.ones((len(rows), 1)), rows])

    def loss(coefficients: Floats) -> float:
        logits = design @ coefficients
        return float((np.logaddexp(0, logits) - outcomes * logits).sum())

    found = optimize.minimize(loss, np.full(design.shape[1], 0.5), method="BFGS", options={"gtol": 1e-6}).x  # fmt: skip
    return float(expit(found[0] - found[1]))


def made_up(number: int, strength: float, seed: int) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    differences = np.hstack([rng.normal(0.3, 0.3, (number, 1)), rng.normal(0.02, 0.05, (number, 3))])  # fmt: skip
    chance = expit(strength + 2 * differences[:, 0] + 5 * differences[:, 1])
    battles = rng.choice([2, 4, 6], number)
    won = rng.binomial(2 * battles, chance) / 2
    return differences, won, battles.astype(np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_the_strength_is_that_of_a_fit_by_battles(seed: int) -> None:
    differences, won, battles = made_up(120, -0.5, seed)
    found = controlled(differences, won, battles)
    assert found == pytest.approx(fitted_by_battles(differences, won, battles), abs=1e-4)


def test_a_taste_for_length_is_taken_out() -> None:
    differences, won, battles = made_up(3000, -0.5, 0)
    assert won.sum() / battles.sum() > 0.5
    assert controlled(differences, won, battles) == pytest.approx(expit(-0.5), abs=0.02)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.floats(-2, 2))
def test_roles_and_units_do_not_matter(seed: int, strength: float) -> None:
    differences, won, battles = made_up(60, strength, seed)
    found = controlled(differences, won, battles)
    assert 0 < found < 1
    assert controlled(-differences, battles - won, battles) == pytest.approx(1 - found, abs=1e-5)
    assert controlled(differences * [3, 0.1, 1, 7], won, battles) == pytest.approx(found, abs=1e-5)
    # Without a difference of style there is nothing to control.
    alike = controlled(np.zeros((60, 4)), won, battles)
    assert alike == pytest.approx(won.sum() / battles.sum(), abs=1e-5)


@pytest.mark.parametrize(("won", "near"), [(0.0, 0.0), (2.0, 1.0)])
def test_who_wins_or_loses_every_battle_has_a_score(won: float, near: float) -> None:
    differences, _, _ = made_up(40, 0.0, 0)
    found = controlled(differences, np.full(40, won), np.full(40, 2.0))
    assert found == pytest.approx(near, abs=1e-3)


def test_outcomes_that_style_tells_apart_have_a_score() -> None:
    differences = np.zeros((40, 4))
    differences[:, 0] = np.linspace(-1, 1, 40)
    won = np.where(differences[:, 0] > 0, 2.0, 0.0)
    assert 0 <= controlled(differences, won, np.full(40, 2.0)) <= 1
    assert np.isnan(controlled(differences, won, np.zeros(40)))
