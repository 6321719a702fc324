"""The length-controlled win rate: as alpaca_eval computes it, the least of what it should be the least of, and symmetric."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtri

from rlsr.errors import DataError
from rlsr.evaluation.suites.judged.length_control import (
    Floats,
    Gamed,
    Integers,
    fit,
    length_controlled,
    read_gamed,
)

PROMPTS = 805


class Sample(NamedTuple):
    """Made-up preferences about a policy and about the gamed baseline."""

    preferences: Floats
    baseline_lengths: Integers
    lengths: Integers
    difficulties: Floats
    gamed: Gamed


def noise(number: int, stream: int) -> Floats:
    """Draw normal numbers from a Weyl sequence, the same on every machine and with every library."""
    steps = np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0])
    drawn: Floats = ndtri((np.arange(1, number + 1) * steps[stream]) % 1)
    return drawn


def made_up(prompts: int, *, liking: float, of_length: float, longer: float) -> Sample:
    """Make preferences that follow the policy's merit, the lengths and the difficulty.

    Args:
        prompts: How many.
        liking: The log-odds by which the policy is preferred.
        of_length: How much the judge likes length.
        longer: Characters by which the policy is longer.
    """
    difficulties = 1.5 * noise(prompts, 0)
    baseline = (1800 + 600 * noise(prompts, 1)).clip(50).astype(np.int64)
    lengths = (baseline + longer + 700 * noise(prompts, 2)).clip(1).astype(np.int64)
    differences = (baseline - lengths) / (baseline - lengths).std(ddof=1)
    logits = liking - of_length * np.tanh(differences) + 0.7 * difficulties + noise(prompts, 3)
    shifts = np.repeat([-1.2, 1.2], prompts)
    of_gamed = noise(2 * prompts, 4) + shifts
    preferences = expit(-of_length * np.tanh(of_gamed) + 0.6 * noise(2 * prompts, 5))
    gamed = Gamed(
        preferences, of_gamed, np.tile(difficulties, 2), dict(enumerate(difficulties.tolist()))
    )
    return Sample(expit(logits), baseline, lengths, difficulties, gamed)


CASES = {
    "weaker and longer": {"prompts": PROMPTS, "liking": -1.0, "of_length": 1.0, "longer": 300},
    "better and shorter": {"prompts": 250, "liking": 0.5, "of_length": 1.0, "longer": -400},
    "hopeless": {"prompts": 250, "liking": -4.0, "of_length": 1.0, "longer": 300},
    "long-winded": {"prompts": PROMPTS, "liking": -1.0, "of_length": 3.0, "longer": 1500},
    "length is no matter": {"prompts": 250, "liking": 2.0, "of_length": 0.0, "longer": 300},
    "few prompts": {"prompts": 60, "liking": -1.0, "of_length": 1.0, "longer": 300},
}
# What get_length_controlled_winrate of alpaca_eval 0.6.6 returns for them, with scikit-learn 1.9: win_rate, length_controlled_winrate.
PUBLISHED = {
    "weaker and longer": (37.096138, 32.2711),
    "better and shorter": (52.655851, 58.0853),
    "hopeless": (5.584172, 4.1181),
    "long-winded": (76.775317, 31.3694),
    "length is no matter": (81.351069, 82.0127),
    "few prompts": (37.700001, 32.8052),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_what_alpaca_eval_computes(case: str) -> None:
    sample = made_up(**CASES[case])  # type: ignore[arg-type]
    raw, controlled = PUBLISHED[case]
    assert 100 * sample.preferences.mean() == pytest.approx(raw, abs=1e-6)
    assert 100 * length_controlled(*sample).mean() == pytest.approx(controlled, abs=0.1)


def test_it_is_what_the_package_computes_where_that_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glm = pytest.importorskip("alpaca_eval.metrics.glm_winrate", reason="alpaca_eval is not installed")  # fmt: skip
    sample = made_up(**CASES["weaker and longer"])  # type: ignore[arg-type]
    file = tmp_path / "df_gamed.csv"
    write_gamed(file, sample.gamed)
    monkeypatch.setattr(glm, "hf_hub_download", lambda **_: str(file))
    columns = zip(sample.baseline_lengths, sample.lengths, sample.preferences, strict=True)
    annotations = [
        {"output_1": "x" * baseline, "output_2": "x" * own, "preference": preference + 1, "generator_1": "a", "generator_2": "b"}
        for baseline, own, preference in columns
    ]  # fmt: skip
    theirs = glm.get_length_controlled_winrate(annotations, save_weights_dir=None)
    ours = length_controlled(*sample._replace(gamed=read_gamed(file)))
    assert 100 * ours.mean() == pytest.approx(theirs["length_controlled_winrate"], abs=0.1)


def write_gamed(file: Path, gamed: Gamed) -> None:
    prompts = len(gamed.difficulty_of)
    table = np.stack([gamed.preferences, gamed.length_differences, gamed.difficulties], axis=1)
    lines = [
        f"gamed,{number % prompts},{preference!r},{length!r},{difficulty!r},False"
        for number, (preference, length, difficulty) in enumerate(table.tolist())
    ]
    head = "model,index,preference,std_delta_len,instruction_difficulty,not_gamed_baseline"
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


finite = st.floats(-3, 3, allow_nan=False)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(finite, finite, st.floats(0, 1), st.sampled_from([0.1, 1.0])),
        min_size=6,
        max_size=40,
    ),
    st.sampled_from([1e-3, 0.05, 1.0, 20.0, 1e3]),
)
def test_no_other_coefficients_are_better(
    rows: list[tuple[float, float, float, float]], strength: float
) -> None:
    """The conditions of Karush, Kuhn and Tucker: a convex function is least where they hold, and nowhere else."""
    table = np.array(rows)
    features, targets, weights = table[:, :2], table[:, 2], table[:, 3]
    coefficients = fit(features, targets, weights, strength)
    slope = features.T @ (weights * (expit(features @ coefficients) - targets))
    for coefficient, own in zip(coefficients, slope, strict=True):
        if abs(coefficient) < 1e-7:
            assert abs(own) <= 1 / strength + 1e-3
        else:
            assert own == pytest.approx(-np.sign(coefficient) / strength, abs=1e-3)


def test_equal_lengths_leave_the_win_rate_as_it_is() -> None:
    sample = made_up(PROMPTS, liking=-1.0, of_length=1.0, longer=300)
    equal = sample._replace(lengths=sample.baseline_lengths)
    assert length_controlled(*equal).mean() == pytest.approx(sample.preferences.mean(), abs=0.005)


def test_a_judge_that_likes_length_alone_prefers_nobody() -> None:
    sample = made_up(PROMPTS, liking=0.0, of_length=3.0, longer=1500)
    assert sample.preferences.mean() > 0.75
    assert length_controlled(*sample).mean() == pytest.approx(0.5, abs=0.06)


def test_who_is_called_the_baseline_does_not_matter() -> None:
    sample = made_up(100, liking=-1.0, of_length=1.0, longer=300)
    gamed = sample.gamed
    mirrored = Sample(
        1 - sample.preferences, sample.lengths, sample.baseline_lengths, -sample.difficulties,
        Gamed(1 - gamed.preferences, -gamed.length_differences, -gamed.difficulties, {}),
    )  # fmt: skip
    assert length_controlled(*mirrored) == pytest.approx(1 - length_controlled(*sample), abs=1e-3)


def test_what_is_unscored_stays_so_and_changes_little() -> None:
    sample = made_up(250, liking=-1.0, of_length=1.0, longer=300)
    holes = sample.preferences.copy()
    holes[::20] = np.nan
    found = length_controlled(*sample._replace(preferences=holes))
    assert np.array_equal(np.isnan(found), np.isnan(holes))
    assert np.nanmean(found) == pytest.approx(length_controlled(*sample).mean(), abs=0.01)
    nothing = sample._replace(preferences=np.full(250, np.nan))
    assert np.isnan(length_controlled(*nothing)).all()


def test_the_published_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    gamed = made_up(20, liking=0.0, of_length=1.0, longer=0).gamed
    write_gamed(tmp_path / "df_gamed.csv", gamed)
    read = read_gamed(tmp_path / "df_gamed.csv")
    assert read.difficulty_of == gamed.difficulty_of
    for one, other in zip(_columns(read), _columns(gamed), strict=True):
        assert np.array_equal(one, other)


def _columns(gamed: Gamed) -> list[Floats]:
    return [gamed.preferences, gamed.length_differences, gamed.difficulties]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n1,2\n", "is no df_gamed.csv of AlpacaEval"),
        ("index,preference,std_delta_len,instruction_difficulty\n1,x,0,0\n", "could not convert"),
        ("index,preference,std_delta_len,instruction_difficulty\n", "holds no rows"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_another_file_is_refused(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "df_gamed.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_gamed(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)
