"""Models side by side: the numbers, their file, and what is said of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from kept_evaluations import RESAMPLES, kept, normal
from rlsr.comparison.side_by_side import (
    FILE,
    NO_HUMAN,
    SideBySide,
    read_side_by_side,
    side_by_side,
    suites_side_by_side,
    write_side_by_side,
)
from rlsr.comparison.side_by_side_words import level_in_words, losses_in_words, wins_in_words
from rlsr.comparison.table import table_of
from rlsr.comparison.words import findings, how_it_was_compared
from rlsr.errors import RunError
from rlsr.statistics.crossed import crossed_mean

BASE = kept("hub/base", heldout={"reward": normal(0.5), "bleu": normal(20, 1)}, sums={"right": normal(0.6, 2)})  # fmt: skip
SFT = kept("runs/sft", heldout={"reward": normal(0.7, 3), "bleu": normal(25, 4)}, sums={"right": normal(0.3, 5)})  # fmt: skip
RLSR = kept("runs/rlsr", heldout={"reward": normal(0.9, 6), "bleu": normal(20, 1)}, sums={"right": normal(0.6, 2)})  # fmt: skip
MODELS = {"base": BASE, "sft": SFT, "rlsr": RLSR}


@pytest.fixture(scope="module")
def found() -> SideBySide:
    return side_by_side(MODELS, "base")


def test_differences_are_paired_and_hold_together_over_suites(found: SideBySide) -> None:
    heldout, sums = found.suites["heldout"], found.suites["sums"]
    assert (heldout.primary, sums.primary) == (("bleu", "reward"), ("right",))
    assert heldout.num_comparisons == sums.num_comparisons == 2 * 3
    assert sums.adjusted_confidence == pytest.approx(1 - 0.05 / 6)
    scores = [one.suites["sums"].metrics[0].values for one in (BASE, SFT)]
    expected = crossed_mean((scores[1] - scores[0])[np.newaxis], confidence=1 - 0.05 / 6, num_resamples=RESAMPLES)  # fmt: skip
    sft = sums.recipes[1]
    assert sft.metrics["right"].difference == expected
    assert sft.metrics["right"].verdict == "lower"
    assert sft.compared_with == "base"
    assert sums.recipes[0].metrics["right"].verdict == "baseline"


def test_another_baseline_turns_signs_around(found: SideBySide) -> None:
    other = side_by_side(MODELS, "sft")
    assert [recipe.compared_with for recipe in other.suites["sums"].recipes] == ["sft", None, "sft"]
    there, back = (one.suites["sums"].recipes[place].metrics["right"].difference for one, place in ((found, 1), (other, 0)))  # fmt: skip
    assert there is not None
    assert back is not None
    assert back.mean == pytest.approx(-there.mean)


def test_wins_are_counted_by_what_no_reward_has_and_say_what_they_are(found: SideBySide) -> None:
    heldout, sums = found.suites["heldout"], found.suites["sums"]
    assert [set(recipe.wins) for recipe in heldout.recipes] == [set(), {"bleu"}, {"bleu"}]
    assert heldout.recipes[1].wins["bleu"].win == 1
    assert heldout.recipes[2].wins["bleu"].tie == 1
    assert heldout.notes == (NO_HUMAN,)
    assert sums.notes == ()
    sft, _ = wins_in_words(heldout)
    assert sft == "sft wins 100%, ties 0% and loses 0% by BLEU (a tie is within 1), of 40 held-out prompts"  # fmt: skip
    assert wins_in_words(sums) == []


def test_what_was_lost_is_said_and_what_was_not_is_said_too(found: SideBySide) -> None:
    sft, rlsr = losses_in_words(found)
    assert sft.startswith("sft has lost against base: right of sums (-0.3")
    assert sft.count(" of ") == 1
    assert rlsr == "rlsr shows no loss against base"
    assert level_in_words(found) == (
        "differences are from base, paired by prompt, with 99.17% intervals, at which all 6 readings hold together at 95%; only primary "
        "metrics are read"
    )


def test_too_few_prompts_show_no_loss_and_say_so() -> None:
    few = side_by_side(
        {name: kept(name, sums={"right": normal(mean, number=9)}) for name, mean in (("a", 0.9), ("b", 0.1))},
        "a",
    )  # fmt: skip
    assert losses_in_words(few) == []
    assert level_in_words(few).endswith("; 9 sums prompts are too few for intervals and readings, which take at least 32")  # fmt: skip


def test_a_page_has_its_words_for_every_suite(found: SideBySide) -> None:
    sums = found.suites["sums"]
    (group,) = table_of(sums).groups
    assert group.title == "Prompts of sums, by measures that are not in the reward"
    assert table_of(found.suites["heldout"]).groups[0].title.startswith("Held-out prompts, by ")
    assert [finding.name for finding in findings(sums)] == ["sft", "rlsr"]
    assert how_it_was_compared(sums).startswith("Means over 40 sums prompts. ")


def test_it_comes_back_from_its_file(found: SideBySide, tmp_path: Path) -> None:
    write_side_by_side(tmp_path / FILE, found)
    assert read_side_by_side(tmp_path / FILE) == found
    table = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert table["version"] == 1
    assert table["models"] == {"base": "hub/base", "sft": "runs/sft", "rlsr": "runs/rlsr"}
    for change, message in (
        ({"version": 2}, "expected version 1 of the format, got 2"),
        ({"suites": {"sums": {}}}, r"damaged: suites\.sums"),
        ({"suites": 3}, "damaged: suites"),
        ({"models": {"../x": "m"}, "baseline": "../x"}, "models have the names of directories"),
        ({"baseline": "nobody"}, "the baseline is one of them, got base, sft, rlsr and nobody"),
    ):
        (tmp_path / "changed.json").write_text(json.dumps({**table, **change}), encoding="utf-8")
        with pytest.raises(RunError, match=message):
            read_side_by_side(tmp_path / "changed.json")


def test_other_prompts_or_suites_do_not_stand_side_by_side() -> None:
    for other in (
        kept("x", prompts=list("0123456789" * 4), sums={"right": normal(0.5)}),
        kept("x", sums={"right": normal(0.5)}, more={"right": normal(0.5)}),
    ):
        base = kept("y", sums={"right": normal(0.5)})
        with pytest.raises(RunError, match="x and y were asked other prompts or suites"):
            side_by_side({"x": other, "y": base}, "y")


def test_what_is_scored_in_other_ways_is_left_out() -> None:
    scores = {"bleu": normal(0.5)}
    models = {name: kept(name, scorer=f"[{name}]", heldout=scores) for name in "ab"}
    assert side_by_side(models, "a").suites["heldout"].metrics == ()


def test_evaluations_one_by_one_are_put_side_by_side_where_they_can_be() -> None:
    others = kept("x", prompts=[f"q{place}" for place in range(40)], sums={"right": normal(0.5)})
    alone = kept("y", lists={"right": normal(0.5)})
    models = {**MODELS, "others": others, "alone": alone}
    suites, notices = suites_side_by_side(models, without=["heldout"])
    assert {name: [one.name for one in found.recipes] for name, found in suites.items()} == {
        "sums": ["base", "sft", "rlsr"],
        "lists": ["alone"],
    }
    assert suites["sums"].num_comparisons == 2
    assert notices == ("others answered other prompts of sums than base, and is left out there.",)
