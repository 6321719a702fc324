"""Scores between measurements."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.statistics.course import Course, knots, scores_at
from rlsr.statistics.resamples import Floats

NAN = float("nan")


def course(times: list[float], scores: list[list[float]], until: float | None = None) -> Course:
    return Course(np.array(times), np.array(scores), times[-1] if until is None else until)


@st.composite
def courses(draw: st.DrawFn) -> Course:
    gaps = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=5))
    times = np.cumsum([0.0, *gaps])
    numbers = st.lists(st.floats(-10, 10), min_size=3, max_size=3)
    scores = draw(st.lists(numbers, min_size=len(times), max_size=len(times)))
    return Course(times, np.array(scores), float(times[-1]) + draw(st.sampled_from([0.0, 2.0])))


@given(courses(), st.lists(st.floats(-1, 20), min_size=1, max_size=6))
def test_it_is_linear_between_measurements_and_unknown_outside(
    own: Course, at: list[float]
) -> None:
    found = own.at(np.array(at))
    for row, time in zip(found, at, strict=True):
        if not 0 <= time <= own.until:
            assert np.isnan(row).all()
            continue
        for prompt, value in enumerate(row):
            assert value == pytest.approx(plain(own, prompt, time), abs=1e-9)


def plain(own: Course, prompt: int, time: float) -> float:
    """The same with numpy's own interpolation; of equal times the last counts."""
    last = {
        float(t): float(score) for t, score in zip(own.times, own.scores[:, prompt], strict=True)
    }
    return float(np.interp(time, list(last), list(last.values())))


@given(courses())
def test_a_measurement_is_what_was_measured(own: Course) -> None:
    last = {float(time): place for place, time in enumerate(own.times)}
    found = own.at(np.array(list(last)))
    np.testing.assert_array_equal(found, own.scores[list(last.values())])


def test_what_is_unscored_stays_so_and_says_nothing_of_its_neighbours() -> None:
    own = course([0, 1, 2], [[1, 1], [NAN, 3], [5, 5]])
    found = own.at(np.array([0, 0.5, 1, 1.5, 2]))
    np.testing.assert_array_equal(found[:, 0], [1, NAN, NAN, NAN, 5])
    np.testing.assert_array_equal(found[:, 1], [1, 2, 3, 4, 5])


def test_a_run_that_ended_by_itself_stands_still() -> None:
    own = course([0, 2], [[1], [3]], until=10)
    np.testing.assert_array_equal(own.at(np.array([2, 9, 10, 10.1]))[:, 0], [3, 3, 3, NAN])


def test_an_untrained_policy_is_the_same_for_ever() -> None:
    own = course([0], [[2]], until=np.inf)
    np.testing.assert_array_equal(own.at(np.array([0, 1e9]))[:, 0], [2, 2])


def test_the_mean_of_seeds_bends_where_any_of_them_does() -> None:
    one, two = course([0, 1, 4], [[0], [1], [0]]), course([0, 2, 5], [[0], [0], [0]])
    times = knots([one, two], 4)
    np.testing.assert_array_equal(times, [0, 1, 2, 4])
    assert scores_at([one, two], times).shape == (2, 1, 4)


def test_the_mean_begins_where_all_are_known() -> None:
    times: Floats = knots([course([0, 3], [[0], [0]]), course([1, 3], [[0], [0]])], 2.5)
    np.testing.assert_array_equal(times, [1, 2.5])
