"""What holds for every measure of a forecast on any numbers and texts."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from rlsr.forecast import Forecast, Intervals, MetricScores, Samples, forecast, load_calibration
from rlsr.forecast.repeated_facts import repeated_facts
from rlsr.forecast.result import UNSEEN
from rlsr.forecast.selection import mean_of, of_best
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics.estimate import FEWEST_UNITS

Floats = NDArray[np.float64]

# Few values, so that ties and NaN are common.
values = st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0, float("nan")])


def answers(element: st.SearchStrategy[float] = values) -> st.SearchStrategy[tuple[Floats, Floats]]:
    shapes = array_shapes(min_dims=2, max_dims=2, max_side=6)
    return shapes.flatmap(
        lambda shape: st.tuples(
            arrays(np.float64, shape, elements=element), arrays(np.float64, shape, elements=element)
        )
    )


def best_by_hand(rewards: list[float], of_answers: list[float]) -> float:
    """Look at every answer, and average over all that no other one beats."""
    scored = [place for place, reward in enumerate(rewards) if not math.isnan(reward)]
    unbeaten = [
        of_answers[place]
        for place in scored
        if all(rewards[other] <= rewards[place] for other in scored)
        and not math.isnan(of_answers[place])
    ]
    return sum(unbeaten) / len(unbeaten) if unbeaten else math.nan


@given(answers())
def test_the_best_is_that_of_a_search(both: tuple[Floats, Floats]) -> None:
    rewards, of_answers = both
    expected = [
        best_by_hand(*row) for row in zip(rewards.tolist(), of_answers.tolist(), strict=True)
    ]
    np.testing.assert_allclose(of_best(rewards, of_answers), expected)


@given(answers(), st.data())
def test_neither_the_order_nor_the_scale_of_rewards_counts(
    both: tuple[Floats, Floats], data: st.DataObject
) -> None:
    rewards, of_answers = both
    order = data.draw(st.permutations(range(rewards.shape[1])))
    found = of_best(rewards, of_answers)
    np.testing.assert_allclose(of_best(rewards[:, order], of_answers[:, order]), found)
    np.testing.assert_allclose(of_best(np.exp(rewards) * 3, of_answers), found)


@given(answers(st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0])))
def test_the_best_by_a_measure_itself_is_its_highest(both: tuple[Floats, Floats]) -> None:
    of_answers, _ = both
    found = of_best(of_answers, of_answers)
    np.testing.assert_array_equal(found, of_answers.max(axis=1))
    assert (found >= mean_of(of_answers)).all()


words = st.text("abcdefgh", min_size=4, max_size=8)
facts = st.lists(st.lists(words, min_size=2, max_size=4), max_size=5)


def overlap_by_hand(clauses: list[list[str]]) -> float:
    largest = 0.0
    for place, clause in enumerate(clauses):
        for other in clauses[:place]:
            one, two = set(clause), set(other)
            if min(len(one), len(two)) >= 2:
                largest = max(largest, len(one & two) / min(len(one), len(two)))
    return largest


@given(facts, st.sampled_from([". ", ", ", " and ", "\n", "; "]))
def test_repeated_facts_are_the_largest_overlap_of_two_clauses(
    clauses: list[list[str]], joint: str
) -> None:
    text = joint.join(" ".join(clause) for clause in clauses)
    assert repeated_facts(text) == overlap_by_hand(clauses)


@given(st.text(max_size=200))
def test_any_text_has_an_overlap_and_said_twice_it_is_whole(text: str) -> None:
    found = repeated_facts(text)
    assert 0 <= found <= 1
    twice = repeated_facts(f"{text}\n{text}")
    assert twice >= found
    if found:
        assert twice == 1


@given(facts.flatmap(lambda clauses: st.tuples(st.just(clauses), st.permutations(clauses))))
def test_the_order_of_clauses_does_not_count(
    both: tuple[list[list[str]], list[list[str]]],
) -> None:
    one, other = (", ".join(" ".join(clause) for clause in clauses) for clauses in both)
    assert repeated_facts(one) == repeated_facts(other)


def samples(rewards: Floats, unseen: Floats, greedy: Floats) -> Samples:
    def scored(sampled: Floats, *, in_reward: bool = False) -> MetricScores:
        return MetricScores("a metric", 3, in_reward, greedy, sampled)

    return Samples(
        rewards=rewards,
        metrics={"reward": scored(rewards, in_reward=True), UNSEEN: scored(unseen)},
        reward="made up",
        encoder="builtin:wordllama",
        prompts="unknown",
    )


def predict(rewards: Floats, unseen: Floats, greedy: Floats) -> Forecast:
    return forecast(
        samples(rewards, unseen, greedy), load_calibration(), intervals=Intervals(0.95, 100)
    )


def with_greedy(both: tuple[Floats, Floats]) -> st.SearchStrategy[tuple[Floats, Floats, Floats]]:
    rewards, unseen = both
    return st.tuples(
        st.just(rewards), st.just(unseen), arrays(np.float64, len(rewards), elements=values)
    )


@settings(max_examples=30)
@given(answers().flatmap(with_greedy))
def test_a_forecast_survives_its_file(numbers: tuple[Floats, Floats, Floats]) -> None:
    found = predict(*numbers)
    table = to_table(found)
    np.testing.assert_equal(to_table(from_table(Forecast, table)), table)
    assert found.unseen.name == UNSEEN
    assert [metric.in_reward for metric in found.metrics] == [False, True]
    assert (found.num_prompts, found.num_generations) == numbers[0].shape


@settings(max_examples=20)
@given(answers().flatmap(with_greedy), st.sampled_from([0.0, 0.5]))
def test_rewards_that_tell_no_answer_apart_never_pay(
    numbers: tuple[Floats, Floats, Floats], equal: float
) -> None:
    # So often that there are enough of them for a verdict.
    unseen, greedy = np.tile(numbers[1], (FEWEST_UNITS, 1)), np.tile(numbers[2], FEWEST_UNITS)
    found = predict(np.full_like(unseen, equal), unseen, greedy)
    assert found.judgement.verdict != "pays"
    assert found.spread.share_without_signal in {1.0} or unseen.shape[1] == 1
    if np.count_nonzero(~np.isnan(mean_of(unseen) - greedy)) >= FEWEST_UNITS:
        assert found.judgement.rule == "no choice"
