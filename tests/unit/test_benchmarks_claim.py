"""benchmarks/claim.py: from kept comparisons to the claim and its tables."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bootstrap_oracle import scores_by_seed
from curve_sample import comparison_with_curves
from rlsr.comparison.result import Comparison, Validated, write_comparison
from rlsr.errors import RunError
from rlsr.statistics.resamples import Floats

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAN = float("nan")
METRIC = "independent_similarity"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script's module; benchmarks are no package."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Five recipes with curves and the scores of every prompt."""
    found = comparison_with_curves(tmp_path_factory.mktemp("claim") / "cmp")
    kept = {
        recipe.name: {
            metric.name: tuple(
                map(tuple, level + scores_by_seed(max(1, len(recipe.runs)), 40, seed=place).round(4))
            )
            for metric in found.metrics
        }
        for place, (recipe, level) in enumerate(zip(found.recipes, (0, 0.4, 0.3, 0.5, 0.8), strict=True))
    }  # fmt: skip
    return replace(found, scores=kept)


def entry_of(module: Any, comparison: Comparison, metric: str = METRIC) -> Any:
    return next(
        e for e in module("claim_entries").entries("mine", comparison) if e.metric == metric
    )


def test_an_entry_a_metric_has_the_parts_of_the_claim(module: Any, comparison: Comparison) -> None:
    found = module("claim_entries").entries("mine", comparison)
    assert {entry.metric for entry in found} == {metric.name for metric in comparison.metrics}
    assert [entry.in_reward for entry in found] == sorted(entry.in_reward for entry in found)
    entry = entry_of(module, comparison)
    assert (entry.set, entry.budget_s, entry.seeds, entry.heldout) == ("mine", 120, 2, 40)
    means = {recipe.name: recipe.metrics[METRIC].mean.mean for recipe in comparison.recipes}
    assert (entry.base, entry.sft, entry.rlsr, entry.sft_rlsr) == tuple(
        means[name] for name in ("base", "sft", "rlsr", "sft+rlsr")
    )
    ours, sft = (np.array(comparison.scores[name][METRIC]) for name in ("sft+rlsr", "sft"))
    mean, low, high = entry.sft_rlsr_minus_sft
    assert mean == pytest.approx((ours - sft).mean())
    assert low < mean < high


def test_sgrpo_after_sft_stands_where_rlsr_does(module: Any, comparison: Comparison) -> None:
    *others, last = comparison.recipes
    assert last.methods == ("sft", "rlsr")
    labelled = replace(comparison, recipes=(*others, replace(last, methods=("sft", "sgrpo"))))
    assert entry_of(module, labelled) == entry_of(module, comparison)


def test_the_best_sft_is_that_of_the_validation_prompts(
    module: Any, comparison: Comparison
) -> None:
    *_, last = comparison.recipes
    dft = replace(comparison.recipes[1], name="dft", methods=("dft",))
    more = replace(comparison, recipes=(*comparison.recipes[:-1], dft, last))
    validated = {
        "sft": Validated("independent_similarity", (0.5, 0.6)),
        "dft": Validated("independent_similarity", (0.7, 0.8)),
    }
    assert entry_of(module, replace(more, validation=validated)).sft_recipe == "dft"
    losses = {name: replace(one, metric="nll") for name, one in validated.items()}
    assert entry_of(module, replace(more, validation=losses)).sft_recipe == "sft"
    # What held-out prompts say chooses nothing, and neither do measures that do not compare.
    assert entry_of(module, more).sft_recipe == "sft"
    mixed = {**validated, "sft": losses["sft"]}
    assert entry_of(module, replace(more, validation=mixed)).sft_recipe == "sft"
    unscored = {**validated, "sft": Validated("independent_similarity", (NAN, 0.5))}
    assert entry_of(module, replace(more, validation=unscored)).sft_recipe == "sft"


def test_what_is_missing_is_null(module: Any, comparison: Comparison) -> None:
    few = replace(comparison, recipes=comparison.recipes[:2])
    entry = entry_of(module, few)
    assert (entry.rlsr, entry.sft_rlsr, entry.sft_rlsr_minus_sft) == (None, None, None)
    assert entry.rlsr_gain_over_sft_gain is None
    assert entry.sft is not None


def test_without_scores_of_prompts_there_is_no_interval(
    module: Any, comparison: Comparison
) -> None:
    entry = entry_of(module, replace(comparison, scores={}))
    mean, *ends = entry.sft_rlsr_minus_sft
    assert mean == pytest.approx(entry.sft_rlsr - entry.sft)
    assert ends == [None, None]
    assert (entry.rlsr_gain_over_sft_gain, entry.sft_rlsr_gain_over_sft_gain) == (None, None)


tables = arrays(np.float64, (2, 5), elements=st.floats(0.5, 2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(tables, st.sampled_from(["higher", "lower"]), st.floats(0.2, 5), st.floats(-2, 2))
def test_a_ratio_of_gains_knows_no_unit_and_no_origin(
    module: Any, noise: Floats, better: str, unit: float, shift: float
) -> None:
    statistics = module("claim_statistics")
    sign = 1 if better == "higher" else -1
    base = np.linspace(0, 1, 5)[None]
    sft, ours = base + sign * noise, base + sign * 2 * noise
    found = statistics.gain_ratio(ours, sft, base, better=better, confidence=0.95)
    assert found == pytest.approx((2, 2, 2))
    moved = [unit * table + shift for table in (ours, sft, base)]
    again = statistics.gain_ratio(*moved, better=better, confidence=0.95)
    assert again == pytest.approx(found)


def test_the_ratio_is_that_of_a_plain_bootstrap(module: Any) -> None:
    base = scores_by_seed(1, 30, seed=1)
    sft, ours = (
        base + 0.3 + scores_by_seed(3, 30, seed=2) / 4,
        base + 0.4 + scores_by_seed(3, 30, seed=3) / 4,
    )
    ratio, low, high = module("claim_statistics").gain_ratio(
        ours, sft, base, better="higher", confidence=0.95
    )
    assert ratio == pytest.approx((ours - base).mean() / (sft - base).mean())
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(3000):
        seeds, prompts = rng.integers(3, size=3), rng.integers(30, size=30)
        gains = [(table[seeds][:, prompts] - base[:, prompts]).mean() for table in (ours, sft)]
        drawn.append(gains[0] / gains[1])
    expected = np.quantile(drawn, [0.025, 0.975])
    assert [low, high] == pytest.approx(expected, abs=0.1 * float(expected[1] - expected[0]))


def test_a_length_gains_by_coming_nearer_to_one(module: Any) -> None:
    base, sft, ours = (np.full((1, 4), value) for value in (2.0, 1.5, 0.9))
    found = module("claim_statistics").gain_ratio(
        ours, sft, base, better="near_one", confidence=0.95
    )
    assert found == pytest.approx((0.9 / 0.5,) * 3)


def test_what_sft_has_not_gained_divides_nothing(module: Any) -> None:
    gain_ratio = module("claim_statistics").gain_ratio
    base = np.zeros((1, 20))
    noise = np.random.default_rng(0).normal(0, 1, (1, 20))
    assert gain_ratio(base + 1, base - 0.1, base, better="higher", confidence=0.95) is None
    doubtful = noise - noise.mean() + 0.05
    ratio, low, high = gain_ratio(base + 1, doubtful, base, better="higher", confidence=0.95)
    assert ratio == pytest.approx(20)
    assert (low, high) == (None, None)
    assert gain_ratio(base * NAN, base + 1, base, better="higher", confidence=0.95) is None
    one = np.ones((1, 1))
    assert gain_ratio(2 * one, one, 0 * one, better="higher", confidence=0.95) == (2, None, None)


def test_the_page_and_the_file_are_written_from_what_is_kept(
    module: Any, comparison: Comparison, tmp_path: Path
) -> None:
    claim = module("claim")
    write_comparison(tmp_path / "claim-builtin.json", comparison)
    write_comparison(tmp_path / "claim-dolly.json", replace(comparison, scores={}, curves=None))
    page = tmp_path / "claim.md"
    shutil.copy(BENCHMARKS / "claim.md", page)
    found = claim.write_claim(tmp_path, page)
    table = json.loads((tmp_path / "claim.json").read_text(encoding="utf-8"))
    assert len(table) == len(found) == 2 * len(comparison.metrics)
    assert list(table[0])[:11] == [
        "set", "metric", "in_reward", "budget_s", "seeds", "heldout", "base", "sft", "rlsr", "sft_rlsr", "sft_rlsr_minus_sft",
    ]  # fmt: skip
    assert len(table[0]["sft_rlsr_minus_sft"]) == 3
    assert table[-1]["sft_rlsr_minus_sft"][1:] == [None, None]
    text = page.read_text(encoding="utf-8")
    for part in ("**builtin**: 40 held-out prompts, 2 seeds, 120 s each", "the best SFT is sft", "### dolly",
                 "Nothing was measured along the way.", "rlsr ahead of sft: independent similarity"):  # fmt: skip
        assert part in text
    assert "No comparison is kept yet" not in text
    # Written again it stays as it is: the comparison that it wrote itself is not read as one.
    claim.write_claim(tmp_path, page)
    assert page.read_text(encoding="utf-8") == text


def test_mistakes_are_named_and_nothing_is_written(
    module: Any, comparison: Comparison, tmp_path: Path
) -> None:
    claim = module("claim")
    page = tmp_path / "claim.md"
    page.write_text("<!-- begin: claim -->\n<!-- end: claim -->\n", encoding="utf-8")
    with pytest.raises(RunError, match=r"expected the compare\.json of a comparison for each set"):
        claim.write_claim(tmp_path, page)
    write_comparison(tmp_path / "claim-builtin.json", comparison)
    with pytest.raises(RunError, match=r"begin: over-time -->.*once each, got 0 and 0"):
        claim.write_claim(tmp_path, page)
    assert not (tmp_path / "claim.json").exists()
    (tmp_path / "claim-dolly.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match=r"dolly\.json: expected version 1"):
        claim.write_claim(tmp_path, page)


@pytest.mark.parametrize(
    "text",
    ["<!-- end: a --><!-- begin: a -->", "<!-- begin: a -->", "<!-- begin: a -->" * 2 + "<!-- end: a -->"],
)  # fmt: skip
def test_markers_stand_once_and_in_order(module: Any, text: str) -> None:
    with pytest.raises(RunError, match="once each"):
        module("claim_tables").put_between_markers(text, "a", "table", Path("page.md"))


def test_the_page_of_this_repository_has_the_markers(module: Any) -> None:
    page = BENCHMARKS / "claim.md"
    text = page.read_text(encoding="utf-8")
    for name in ("claim", "over-time", "full"):
        text = module("claim_tables").put_between_markers(text, name, "a table", page)
    assert text.count("a table") == 3
