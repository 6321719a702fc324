"""A reward under which one text for all prompts does as well as the policy is found out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.auditing.checks import MIN_GROUPS
from rlsr.auditing.one_answer import FIXED, NUM_SAMPLES, one_answer_check, one_answers

TEXTS = ["Yes", "No", "Here is " + "a long answer " * 20]


def rewards(*means: float, num: int = 40, spread: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([mean + spread * rng.normal(size=num) for mean in means])


@pytest.mark.parametrize(("mean", "verdict"), [(0.3, "ok"), (0.57, "warn"), (0.7, "fail")])
def test_the_best_text_is_judged_against_the_policy(mean: float, verdict: str) -> None:
    check = one_answer_check(TEXTS, rewards(0.2, mean, 0.1), rewards(0.6)[0])
    assert check.verdict == verdict
    assert check.value == pytest.approx(mean - 0.6, abs=0.02)
    assert check.num == 20
    assert check.reason.startswith("“No” to every prompt")
    assert check.details["one_answer"] == pytest.approx(mean, abs=0.02)
    assert check.details["policy"] == pytest.approx(0.6, abs=0.02)


def test_the_best_of_many_does_not_win_by_luck() -> None:
    """Fifty texts that are all as good as the policy: the luckiest on some prompts is not better on others."""
    rng = np.random.default_rng(1)
    texts = [str(number) for number in range(50)]
    found, luckiest = [], []
    for _ in range(30):
        many, own = rng.normal(0.5, 0.3, (50, 60)), rng.normal(0.5, 0.3, 60)
        found.append(one_answer_check(texts, many, own).value or 0.0)
        luckiest.append((many - own).mean(axis=1).max())
    assert np.mean(luckiest) > 0.05
    assert abs(np.mean(found)) < 0.03


def test_unscored_texts_and_prompts_take_no_part() -> None:
    own, scores = rewards(0.6)[0], rewards(np.nan, 0.7, 0.65)
    own[:10] = np.nan
    scores[1, 30:] = np.nan
    check = one_answer_check(TEXTS, scores, own)
    assert check.num == 10
    assert "“No”" in check.reason
    nothing = one_answer_check(TEXTS, np.full((3, 40), np.nan), own)
    assert nothing.verdict == "left out"


def test_too_few_prompts_leave_it_out() -> None:
    num = 2 * MIN_GROUPS - 1
    check = one_answer_check(TEXTS, rewards(0.1, 0.2, 0.3, num=num), rewards(0.5, num=num)[0])
    assert check.verdict == "left out"
    assert f"at least {2 * MIN_GROUPS} prompts" in check.reason
    assert f"got {num}" in check.reason
    without = one_answer_check(TEXTS, np.empty((3, 0)), np.empty(0))
    assert (without.verdict, without.value) == ("left out", None)


def test_long_texts_are_cut_in_the_reason() -> None:
    check = one_answer_check(TEXTS, rewards(0.1, 0.1, 0.4), rewards(0.6)[0])
    assert "…" in check.reason
    assert len(check.reason) < 150


@given(
    st.lists(st.lists(st.text(max_size=3), min_size=1, max_size=4), max_size=20), st.integers(0, 9)
)
def test_texts_are_distinct_and_of_the_policy(samples: list[list[str]], seed: int) -> None:
    found = one_answers(samples, seed)
    assert found[: len(FIXED)] == list(FIXED)
    assert len(found) == len(set(found)) <= len(FIXED) + NUM_SAMPLES
    own = {text for texts in samples for text in texts}
    assert set(found[len(FIXED) :]) <= own
    assert all(text.strip() for text in found)
    assert found == one_answers(samples, seed)
