"""Choices by trials: what is run, what is chosen, what an interruption or a failure leaves, and what is shown of it."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from comparisons import finish, make_plan
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.choice_table import choice_in_words, choice_notes, choice_table
from rlsr.comparison.choices import Choice, Trial, read_choices, write_choices
from rlsr.comparison.markdown import comparison_markdown
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import Comparison, read_comparison
from rlsr.comparison.run import run_comparison
from rlsr.errors import ConfigError, RunError
from rlsr.report.report_data import read_report_data
from rlsr.report.report_page import report_page

NAN = math.nan
RATE = "training.learning_rate"
RECIPES: dict[str, Any] = {
    "base": {},
    "sft": {"method": "sft", "choose": {RATE: [1e-5, 1e-4, 1e-3]}},
    "rlsr": {"method": "rlsr"},
    "sft+rlsr": {"method": ["sft", "rlsr"], "choose": "sft"},
}
MEASURED = {"sft, trial 1": [0.1, 0.2], "sft, trial 2": [0.1, 0.5, 0.4], "sft, trial 3": [0.1, NAN, 0.3]}  # fmt: skip
TRIALS = list(MEASURED)
RUNS = [
    "base",
    "sft, seed 0",
    "rlsr, seed 0",
    "sft+rlsr, seed 0",
    "sft, seed 1",
    "rlsr, seed 1",
    "sft+rlsr, seed 1",
]


def plan_of(recipes: Mapping[str, Any] = RECIPES, metric: str = "nll", **changes: Any) -> ComparisonPlan:  # fmt: skip
    base = {
        "method": {"max_response_tokens": 8},
        "evaluation": {"independent_embedding": None, "num_resamples": 500},
        "reward": {"similarity": {"variant": "cosine"}},
        "validation": {"num_prompts": 4, "metric": metric},
    }
    return make_plan(**{"recipes": recipes, "base": base, **changes})


class Runner:
    """Stands for the processes of the cells; the trials of sft reach what they are told to."""

    def __init__(
        self,
        codes: Mapping[str, int] | None = None,
        measured: Mapping[str, Sequence[float]] = MEASURED,
    ) -> None:
        self.codes = codes or {}
        self.measured = measured
        self.started: list[str] = []
        self.rates: dict[str, list[float | None]] = {}

    def __call__(self, cell: Cell, say: Say) -> int:
        self.started.append(cell.name)
        self.rates[cell.name] = [stage.training.learning_rate for stage in cell.stages]
        if cell.name in self.codes:
            return self.codes[cell.name]
        finish(cell, measured=self.measured.get(cell.name, ()))
        return 0


def compare(plan: ComparisonPlan, path: Path, runner: Runner | None = None) -> Comparison:
    return run_comparison(plan, path, lambda line: None, execute=runner or Runner())


@pytest.mark.parametrize(
    ("metric", "place", "rate", "best", "step"),
    [("reward", 1, 1e-4, 0.5, 1), ("nll", 0, 1e-5, 0.1, 0)],
)
def test_the_best_on_validation_prompts_is_what_all_seeds_and_followers_train_with(
    metric: str, place: int, rate: float, best: float, step: int, tmp_path: Path
) -> None:
    runner = Runner()
    lines: list[str] = []
    found = run_comparison(plan_of(metric=metric), tmp_path, lines.append, execute=runner)
    assert runner.started == [*TRIALS, *RUNS]
    assert [runner.rates[name] for name in TRIALS] == [[1e-5], [1e-4], [1e-3]]
    for seed in (0, 1):
        assert runner.rates[f"sft, seed {seed}"] == [rate]
        assert runner.rates[f"rlsr, seed {seed}"] == [None]
        assert runner.rates[f"sft+rlsr, seed {seed}"] == [rate, None]
    (choice,) = found.choices
    assert (choice.recipe, choice.taken_by, choice.chosen) == ("sft", ("sft+rlsr",), place)
    assert (choice.metric, choice.num_prompts, choice.seed) == (metric, 4, 0)
    assert (choice.trial.best, choice.trial.best_step) == (best, step)
    assert [trial.num_steps for trial in choice.trials] == [1, 2, 2]
    assert [trial.seconds for trial in choice.trials] == [4, 7, 7]
    assert choice.seconds == 18
    assert "[trial 2/3] sft, trial 2" in lines
    assert choice_in_words(choice) in lines
    assert read_choices(tmp_path / "choices.json") == (choice,)
    assert read_comparison(tmp_path / "compare.json").choices == (choice,)


def test_what_a_trial_took_is_no_cost_of_a_run(tmp_path: Path) -> None:
    found = compare(plan_of(metric="reward"), tmp_path)
    without = compare(plan_of({**RECIPES, "sft": {"method": "sft"}, "sft+rlsr": {"method": ["sft", "rlsr"]}}), tmp_path / "b")  # fmt: skip
    costs = [[(r.seconds, r.num_steps) for r in one.recipes] for one in (found, without)]
    assert costs[0] == costs[1]
    assert without.choices == ()
    assert not (tmp_path / "b" / "choices.json").exists()


def test_trials_stand_apart_and_leave_no_weights(tmp_path: Path) -> None:
    compare(plan_of(metric="reward"), tmp_path)
    places = [tmp_path / "trials" / "sft" / f"trial-{place}" for place in (1, 2, 3)]
    assert sorted((tmp_path / "trials" / "sft").iterdir()) == places
    for place in places:
        assert not (place / "evaluation" / "after.jsonl").exists()
        assert not (place / "final").exists()
        assert not (place / "checkpoints").exists()
    assert (tmp_path / "runs" / "sft" / "seed-0" / "final").is_dir()
    assert (tmp_path / "configs" / "sft.trial-3.yaml").is_file()
    kept = tmp_path / "kept"
    compare(plan_of(metric="reward", keep_checkpoints=True), kept)
    assert (kept / "trials" / "sft" / "trial-1" / "final").is_dir()


def test_the_experiment_says_what_was_asked(tmp_path: Path) -> None:
    compare(plan_of(metric="reward"), tmp_path)
    table = json.loads((tmp_path / "experiment.json").read_text(encoding="utf-8"))
    assert table["trial_share"] == 0.5
    assert table["recipes"]["sft"]["choose"] == {RATE: [1e-5, 1e-4, 1e-3]}
    assert table["recipes"]["sft+rlsr"]["choose"] == "sft"
    assert "choose" not in table["recipes"]["rlsr"]
    plain = make_plan().table
    assert "trial_share" not in plain
    assert "choose" not in plain["recipes"]["sft"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"trial_share": 0.25}, "trial_share"),
        ({"recipes": {**RECIPES, "sft": {"method": "sft", "choose": {RATE: [1e-5, 1e-4]}}}}, "recipes.sft.choose.training.learning_rate"),
        ({"recipes": {**RECIPES, "sft+rlsr": {"method": ["sft", "rlsr"]}}}, "recipes.sft+rlsr.choose"),
    ],
    ids=str,
)  # fmt: skip
def test_another_choice_in_the_same_directory_is_refused(
    changes: dict[str, Any], key: str, tmp_path: Path
) -> None:
    compare(plan_of(metric="reward"), tmp_path)
    with pytest.raises(ConfigError) as caught:
        compare(plan_of(metric="reward", **changes), tmp_path)
    assert key in str(caught.value)


def test_interrupted_trials_go_on_one_by_one(tmp_path: Path) -> None:
    plan, runner = plan_of(metric="reward"), Runner({"sft, trial 2": 130})
    with pytest.raises(KeyboardInterrupt):
        compare(plan, tmp_path, runner)
    assert runner.started == TRIALS[:2]
    assert not (tmp_path / "choices.json").exists()
    again = Runner({"rlsr, seed 0": 130})
    with pytest.raises(KeyboardInterrupt):
        compare(plan, tmp_path, again)
    assert again.started == [*TRIALS[1:], *RUNS[:3]]
    last = Runner()
    assert compare(plan, tmp_path, last).choices[0].chosen == 1
    assert last.started == RUNS[2:]


def test_a_choice_that_was_made_holds(tmp_path: Path) -> None:
    plan = plan_of(metric="reward")
    with pytest.raises(RunError):
        compare(plan, tmp_path, Runner({"sft, seed 1": 1}))
    (choice,) = read_choices(tmp_path / "choices.json")
    # Somebody has removed what is no longer needed.
    for file in sorted((tmp_path / "trials").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    again = Runner()
    assert compare(plan, tmp_path, again).choices == (choice,)
    assert again.started == ["sft, seed 1"]
    assert again.rates["sft, seed 1"] == [1e-4]


def test_a_failed_trial_stops_what_waits_for_it_and_nothing_else(tmp_path: Path) -> None:
    plan, runner = plan_of(metric="reward"), Runner({"sft, trial 2": 1, "rlsr, seed 1": 2})
    with pytest.raises(RunError) as caught:
        compare(plan, tmp_path, runner)
    assert runner.started == [*TRIALS, "base", "rlsr, seed 0", "rlsr, seed 1"]
    message = str(caught.value)
    for part in ("2 of 10 runs", "sft, trial 2: exit code 1", "sft.trial-2.txt", "not begun, since a trial of their choice is missing: sft, sft+rlsr", "same command"):  # fmt: skip
        assert part in message
    again = Runner()
    compare(plan, tmp_path, again)
    assert again.started == [
        "sft, trial 2",
        *(name for name in RUNS if name not in {"base", "rlsr, seed 0"}),
    ]


def test_without_a_score_nothing_is_chosen(tmp_path: Path) -> None:
    nothing = Runner(measured={name: [NAN, NAN] for name in TRIALS})
    with pytest.raises(RunError) as caught:
        compare(plan_of(metric="reward"), tmp_path, nothing)
    for part in ("trials/sft", "nothing can be chosen for sft", "scored", "in place of choose"):
        assert part in str(caught.value)
    assert nothing.started == TRIALS


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda table: table.update(version=2), "expected version 1 of the format, got 2"),
        (lambda table: table["choices"][0].update(chosen=3), "sft has chosen trial 3 of 3"),
        (lambda table: table["choices"][0].pop("metric"), "damaged: 0.metric"),
        (lambda table: table.pop("choices"), "damaged"),
        (lambda table: table["choices"][0]["trials"].pop(), "from other values"),
    ],
)
def test_changed_choices_are_refused(change: Any, part: str, tmp_path: Path) -> None:
    plan, file = plan_of(metric="reward"), tmp_path / "choices.json"
    with pytest.raises(RunError):
        compare(plan, tmp_path, Runner({"base": 1}))
    table = json.loads(file.read_text(encoding="utf-8"))
    change(table)
    file.write_text(json.dumps(table), encoding="utf-8")
    again = Runner()
    with pytest.raises(RunError) as caught:
        compare(plan, tmp_path, again)
    assert part in str(caught.value)
    assert str(file) in str(caught.value)
    assert again.started == []


def test_a_pipeline_is_measured_at_its_last_stage_and_costs_all_of_them(tmp_path: Path) -> None:
    both = {"method": ["sft", "rlsr"], "choose": {f"stages.1.{RATE}": [1e-5, 1e-4]}}
    measured = {"both, trial 1": [0.1, 0.2, 0.9], "both, trial 2": [0.5, 0.4, 0.3]}

    def execute(cell: Cell, say: Say) -> int:
        finish(cell, measured=measured.get(cell.name, ()))
        return 0

    plan = plan_of({"base": {}, "both": both}, "reward")
    (choice,) = run_comparison(plan, tmp_path, lambda line: None, execute=execute).choices
    assert [trial.best for trial in choice.trials] == [0.9, 0.5]
    assert [trial.num_steps for trial in choice.trials] == [4, 4]
    assert [trial.seconds for trial in choice.trials] == [14, 14]


def make_choice(values: Sequence[Any], best: Sequence[float], chosen: int, **changes: Any) -> Choice:  # fmt: skip
    trials = tuple(
        Trial({RATE: value}, f"trials/sft/trial-{place}", found, 0 if changes.get("unmoved") else 30, 55, 65.0)
        for place, (value, found) in enumerate(zip(values, best, strict=True), start=1)
    )  # fmt: skip
    return Choice("sft", changes.get("taken_by", ()), "reward", "higher", 32, 0, trials, chosen)


def test_a_choice_in_words_and_as_a_table() -> None:
    choice = make_choice([1e-5, 1e-4], [0.25, NAN], 0, taken_by=("a", "b"))
    assert choice_in_words(choice) == (
        "sft has chosen training.learning_rate=1e-05, and a and b with it: of 2 trials with seed 0 the best by reward on 32 "
        "validation prompts (0.2500 after step 30); they took 2 min 10 s beside the budget"
    )
    table = choice_table(choice)
    assert table.columns == (
        RATE,
        "reward, higher is better",
        "reached after step",
        "steps",
        "wall-clock",
        "",
    )
    assert table.rows == (
        ("1e-05", "0.2500", "30", "55", "1 min 5 s", "chosen"),
        ("0.0001", "\N{EN DASH}", "30", "55", "1 min 5 s", ""),
    )


@pytest.mark.parametrize(
    ("values", "chosen", "expected"),
    [
        ([1.0, 2.0, 3.0], 1, []),
        ([1.0, 2.0, 3.0], 2, ["the largest training.learning_rate that was tried, 3.0: a larger one"]),
        ([3.0, 1.0, 2.0], 1, ["the smallest training.learning_rate that was tried, 1.0: a smaller one"]),
        ([1.0], 0, []),
        (["a", "b"], 0, []),
        ([True, False], 0, []),
        ([None, 1.0], 1, []),
    ],
    ids=str,
)  # fmt: skip
def test_a_choice_at_the_end_of_what_was_tried_is_noted(
    values: list[Any], chosen: int, expected: list[str]
) -> None:
    found = choice_notes(make_choice(values, [0.5] * len(values), chosen))
    assert len(found) == len(expected)
    for note, part in zip(found, expected, strict=True):
        assert part in note


def test_a_choice_without_any_gain_is_noted() -> None:
    (note,) = choice_notes(make_choice([1.0, 2.0], [0.5, 0.5], 0, unmoved=True))
    assert "never became better than what it began with" in note


def test_markdown_shows_values_trials_and_measures(tmp_path: Path) -> None:
    found = compare(plan_of(metric="reward"), tmp_path)
    text = comparison_markdown(found)
    assert choice_in_words(found.choices[0]) in text
    assert f"| {RATE} | reward, higher is better |" in text
    assert "| 0.0001 | 0.5000 | 1 | 2 | 7.0 s | chosen |" in text


def test_the_page_shows_values_trials_and_measures(tmp_path: Path) -> None:
    choice = compare(plan_of(metric="reward"), tmp_path).choices[0]
    page = report_page(read_report_data([tmp_path]))
    section = page.partition('<section id="choices">')[2].partition("</section>")[0]
    assert choice_in_words(choice) in section
    for value in ("0.0001", "0.5000", "7.0 s", "chosen"):
        assert f">{value}</span>" in section
    assert section.count("<tr>") == 1 + len(choice.trials)
    without = tmp_path / "without"
    compare(make_plan(), without)
    assert '<section id="choices">' not in report_page(read_report_data([without]))


def test_choices_are_written_and_read_back_with_what_is_unscored(tmp_path: Path) -> None:
    choice = make_choice([{"rank": 8}, None], [NAN, 0.5], 1)
    write_choices(tmp_path / "choices.json", [choice])
    (found,) = read_choices(tmp_path / "choices.json")
    assert math.isnan(found.trials[0].best)
    assert found.trials[1] == choice.trials[1]
    assert found.trials[0].values == {RATE: {"rank": 8}}
    assert read_choices(tmp_path / "nothing.json") == ()
