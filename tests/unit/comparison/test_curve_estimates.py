"""Curves of recipes over time: points, what lies between them, differences and who passes whom."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curve_sample import COURSES, LENGTH, PROMPTS, SETTINGS, SIMILARITY, measured, sample_curves
from rlsr.comparison.curve import AFTER, ALONG, BEFORE, Curves, Race
from rlsr.comparison.curve_estimates import trace_curves
from rlsr.comparison.measured_run import MeasuredRun
from rlsr.errors import RunError
from rlsr.evaluation.metrics import SharedMetric


def race_of(curves: Curves, recipe: str, rival: str) -> Race:
    return next(race for race in curves.races if (race.recipe, race.rival) == (recipe, rival))


def exact(**courses: list[tuple[str, float, float]]) -> dict[str, list[MeasuredRun]]:
    """Runs of one seed whose every prompt scores the mean."""
    return {name: [measured(name, course, noise=0)] for name, course in courses.items()}


def test_a_recipe_has_the_points_that_every_seed_has_in_order_of_time() -> None:
    curves = sample_curves()
    both = next(curve for curve in curves.recipes if curve.recipe == "sft+rlsr")
    assert [point.what for point in both.points] == [BEFORE, ALONG, "after 1-sft", ALONG, AFTER]
    assert [point.seconds for point in both.points] == [0, 60, 80, 121, 244]
    assert [point.num_steps for point in both.points] == [0, 10, 20, 30, 40]
    assert [point.tokens for point in both.points] == [0, 100, 200, 300, 400]
    found = both.points[-1].metrics["independent_similarity"]
    assert found.num == 2 * PROMPTS
    assert found.low < found.mean < found.high
    assert found.mean == pytest.approx(0.7, abs=0.05)


def test_seconds_of_seeds_are_averaged_and_a_point_that_one_lacks_is_left_out() -> None:
    one = measured("sft", [(BEFORE, 0, 0), (ALONG, 10, 1), (ALONG, 20, 2), (AFTER, 40, 4)], noise=0)
    other = measured("sft", [(BEFORE, 0, 0), (ALONG, 14, 1), (AFTER, 44, 4)], noise=0)
    base = measured("base", [(BEFORE, 0, 0)], noise=0)
    curves = trace_curves({"base": [base], "sft": [one, other]}, [SIMILARITY], SETTINGS)
    points = curves.recipes[1].points
    assert [(point.what, point.seconds) for point in points] == [
        (BEFORE, 0),
        (ALONG, 12),
        (AFTER, 42),
    ]
    # Between the points each seed is read off its own line.
    at_half = next(point for point in curves.recipes[1].at_times if point.seconds == 20)
    assert at_half.metrics["independent_similarity"].mean == pytest.approx((2 + 1 + 3 * 6 / 30) / 2)


def test_an_untrained_policy_is_the_same_at_all_times_and_runs_no_race() -> None:
    curves = sample_curves()
    base = curves.recipes[0]
    assert [point.what for point in base.points] == [BEFORE]
    assert len({point.metrics["bleu"].mean for point in base.at_times}) == 1
    assert {race.recipe for race in curves.races} == set(COURSES) - {"base"}
    assert {(race.recipe, race.rival) for race in curves.races_with_rival()} == {
        ("dpo", "sft"), ("rlsr", "sft"), ("sft+rlsr", "sft"),
    }  # fmt: skip
    assert len(curves.races) == 3 + 4


def test_recipes_are_shown_up_to_where_all_are_known() -> None:
    curves = sample_curves()
    for curve in curves.recipes:
        assert [point.seconds for point in curve.at_times] == [0, 60, 120, 240]
    race = race_of(curves, "rlsr", "base")
    assert race.differences[-1].seconds == 250, "a race goes on as far as its two are known"


def test_the_difference_by_time_is_that_of_the_lines() -> None:
    runs = exact(
        base=[(BEFORE, 0, 0.0)],
        sft=[(BEFORE, 0, 0.0), (ALONG, 100, 1.0), (AFTER, 200, 1.0)],
        rlsr=[(BEFORE, 0, 0.0), (ALONG, 110, 0.55), (AFTER, 220, 2.2)],
    )
    race = race_of(trace_curves(runs, [SIMILARITY], SETTINGS), "rlsr", "sft")
    found = {at.seconds: at.metrics["independent_similarity"].mean for at in race.differences}
    assert found == pytest.approx({0: 0, 50: -0.25, 100: -0.5, 200: 0.55 + 90 * 0.015 - 1})
    assert race.crossings["independent_similarity"].seconds == pytest.approx(110 + 0.45 / 0.015)


def test_a_length_is_ahead_where_it_is_nearer_to_one() -> None:
    runs = exact(
        base=[(BEFORE, 0, 2.0)],
        sft=[(BEFORE, 0, 2.0), (ALONG, 100, 1.5), (AFTER, 200, 1.5)],
        rlsr=[(BEFORE, 0, 2.0), (ALONG, 100, 2.0), (AFTER, 200, 0.9)],
    )
    crossed = race_of(trace_curves(runs, [LENGTH], SETTINGS), "rlsr", "sft").crossings[
        "length_ratio"
    ]
    assert crossed.seconds == pytest.approx(100 + 100 * 0.5 / 1.1)


def test_what_has_no_better_side_has_differences_and_no_crossing() -> None:
    own = SharedMetric("independent_similarity", False, None)
    race = race_of(
        trace_curves({name: [measured(name, COURSES[name])] for name in ("base", "sft")}, [own], SETTINGS),
        "sft", "base",
    )  # fmt: skip
    assert race.crossings == {}
    assert race.differences[-1].metrics["independent_similarity"].mean > 0


def test_beginning_and_end_alone_are_a_curve() -> None:
    runs = exact(base=[(BEFORE, 0, 0.0)], sft=[(BEFORE, 0, 0.0), (AFTER, 50, 1.0)])
    curves = trace_curves(runs, [SIMILARITY], replace(SETTINGS, shares=()))
    assert [point.what for point in curves.recipes[1].points] == [BEFORE, AFTER]
    assert [point.seconds for point in curves.recipes[1].at_times] == [0, 50]
    assert race_of(curves, "sft", "base").crossings["independent_similarity"].seconds == 0


def test_policies_that_nothing_changes_have_one_time() -> None:
    runs = exact(base=[(BEFORE, 0, 0.0)], other=[(BEFORE, 0, 1.0)])
    curves = trace_curves(runs, [SIMILARITY], replace(SETTINGS, rival="base"))
    assert curves.races == ()
    assert [point.seconds for point in curves.recipes[0].at_times] == [0]


def test_a_run_that_stopped_by_itself_keeps_what_it_has() -> None:
    early = measured(
        "sft", [(BEFORE, 0, 0.0), (ALONG, 50, 1.0), (AFTER, 60, 1.0)], noise=0, amount=200
    )
    late = measured(
        "rlsr", [(BEFORE, 0, 0.0), (ALONG, 100, 0.5), (AFTER, 201, 2.0)], noise=0, amount=200
    )
    curves = trace_curves(
        {"sft": [early], "rlsr": [late]}, [SIMILARITY], replace(SETTINGS, baseline="sft")
    )
    race = race_of(curves, "rlsr", "sft")
    assert race.differences[-1].seconds == 200
    assert race.crossings["independent_similarity"].seconds == pytest.approx(100 + 101 / 3)


def test_only_prompts_of_every_measurement_count_and_none_is_an_error() -> None:
    run = measured("sft", COURSES["sft"])
    few = replace(
        run.measurements[1],
        answers={
            key: row for key, row in run.measurements[1].answers.items() if key[0] in {"p1", "p3"}
        },
    )
    some = replace(run, measurements=(run.measurements[0], few, *run.measurements[2:]))
    base = [measured("base", COURSES["base"])]
    assert trace_curves({"base": base, "sft": [some]}, [SIMILARITY], SETTINGS).num_prompts == 2
    none = replace(some, measurements=(*some.measurements[:1], replace(few, answers={})))
    with pytest.raises(RunError, match="no held-out prompt was answered in every measurement"):
        trace_curves({"base": base, "sft": [none]}, [SIMILARITY], SETTINGS)


steps = st.lists(st.integers(1, 50), min_size=1, max_size=4)


@settings(max_examples=30)
@given(steps, steps, st.integers(0, 100))
def test_who_is_ahead_at_the_end_of_a_race_is_who_the_last_difference_says(
    one: list[int], other: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    runs = {
        name: [
            measured(
                name,
                [(BEFORE, 0, 0.3), *((ALONG, second, float(rng.normal())) for second in np.cumsum(gaps)), (AFTER, 300, float(rng.normal()))],
            )
        ]
        for name, gaps in (("sft", one), ("rlsr", other))
    }  # fmt: skip
    curves = trace_curves(runs, [SIMILARITY], replace(SETTINGS, baseline="sft", num_resamples=100))
    race = race_of(curves, "rlsr", "sft")
    last = race.differences[-1].metrics["independent_similarity"]
    crossed = race.crossings["independent_similarity"]
    assert (crossed.seconds is not None) == (last.mean > 0)
    assert crossed.until == race.differences[-1].seconds
