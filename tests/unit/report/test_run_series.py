"""The table of all steps: one line a seed, their mean, stages one after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from report_sample import step_rows, write_run, write_sample_pipeline
from rlsr.report.report_data import ReportedRecipe
from rlsr.report.run_series import Series, step_series
from rlsr.runs.json_file import write_json_lines
from rlsr.runs.record import read_run


def recipe(
    tmp_path: Path, *seeds: Sequence[dict[str, Any]], method: str = "rlsr"
) -> ReportedRecipe:
    runs = {
        seed: read_run(write_run(tmp_path / str(seed), steps=rows, method=method))
        for seed, rows in enumerate(seeds)
    }
    return ReportedRecipe("mine", runs)


def rows(*values: float | None, seconds: float = 2.0) -> list[dict[str, Any]]:
    return [
        {"step": step, "time/step": seconds, "reward/mean": value}
        for step, value in enumerate(values, start=1)
    ]


def line(series: Series, seed: str, *columns: str) -> list[tuple[Any, ...]]:
    names = series.columns
    return [
        tuple(row[names.index(column)] for column in columns)
        for row in series.rows
        if row[names.index("seed")] == seed
    ]


def test_one_seed_stands_for_its_recipe(tmp_path: Path) -> None:
    series = step_series([recipe(tmp_path, rows(0.1, None, 0.3))])
    found = line(series, "0", "main", "step", "seconds", "reward/mean")
    assert found == [(1, 1, 2.0, 0.1), (1, 2, 4.0, None), (1, 3, 6.0, 0.3)]
    assert line(series, "mean", "step") == []
    assert series.has("reward/mean")
    assert not series.has_seeds("reward/mean")


def test_several_seeds_have_their_mean_as_far_as_all_have_come(tmp_path: Path) -> None:
    series = step_series([recipe(tmp_path, rows(0.1, 0.3, 0.9), rows(0.3, None, seconds=4.0))])
    assert line(series, "mean", "main", "step", "seconds", "reward/mean") == [
        (1, 1, 3.0, pytest.approx(0.2)),
        (1, 2, 6.0, 0.3),
    ]
    assert [row[0] for row in line(series, "0", "main")] == [0, 0, 0]
    assert series.has_seeds("reward/mean")


def test_a_seed_that_has_not_begun_holds_nobody_up(tmp_path: Path) -> None:
    series = step_series([recipe(tmp_path, rows(0.1, 0.3), [])])
    assert len(line(series, "0", "main")) == 2
    assert series.numbers("reward/mean") == [0.1, 0.3]


def test_stages_go_on_counting(tmp_path: Path) -> None:
    run = read_run(write_sample_pipeline(tmp_path / "pipe", num_steps=3))
    series = step_series([ReportedRecipe("pipe", {0: run})])
    found = line(series, "0", "method", "step")
    assert found == [("sft", 1), ("sft", 2), ("sft", 3), ("rlsr", 4), ("rlsr", 5), ("rlsr", 6)]
    seconds = [row[0] for row in line(series, "0", "seconds")]
    assert seconds == sorted(seconds)
    assert series.methods_with("reward/mean") == ["rlsr"]
    assert series.methods_with("optim/loss") == ["sft", "rlsr"]
    assert series.methods_with("none/such") == []


def test_validation_takes_time_too(tmp_path: Path) -> None:
    steps = rows(0.1, 0.2)
    steps[0]["time/validation"] = 1.5
    assert line(step_series([recipe(tmp_path, steps)]), "0", "seconds") == [(3.5,), (5.5,)]


def test_a_long_run_is_thinned_by_means(tmp_path: Path) -> None:
    values = [float(step % 2) for step in range(1000)]
    series = step_series([recipe(tmp_path, rows(*values))])
    assert series.steps_per_point == 4
    found = line(series, "0", "step", "seconds", "reward/mean")
    assert len(found) == 250
    assert found[0] == (4, 8.0, 0.5)
    assert found[-1] == (1000, 2000.0, 0.5)


def test_numbers_are_rounded_to_what_can_be_seen(tmp_path: Path) -> None:
    series = step_series([recipe(tmp_path, rows(0.123456789))])
    assert series.numbers("reward/mean") == [0.12346]


def test_nothing_gives_an_empty_table() -> None:
    series = step_series([])
    assert (series.rows, series.steps_per_point) == ((), 1)
    assert not series.has("reward/mean")


def test_recipes_are_told_apart(tmp_path: Path) -> None:
    one = recipe(tmp_path / "a", step_rows(2))
    two = ReportedRecipe(
        "other", recipe(tmp_path / "b", step_rows(3, method="sft"), method="sft").runs
    )
    series = step_series([one, two])
    assert len(series.numbers("optim/loss", recipe="other")) == 3
    assert series.numbers("reward/mean", recipe="other") == []


def measured_run(path: Path, values: dict[str, Sequence[float | None]]) -> Path:
    """A run of four steps that was measured on validation prompts and answered held-out prompts along the way."""
    steps = [
        {**row, "validation/reward": 0.5} if row["step"] == 2 else row for row in rows(*[0.1] * 4)
    ]
    begin = {"step": 0, "validation/reward": 0.25, "time/validation": 1.0}
    write_run(path, steps=[begin, *steps])
    for name, scores in values.items():
        found = [
            {
                "id": str(row),
                "prompt": f"p{row}",
                "reference": "r",
                "response": "a",
                "scores": {"chrf": score},
            }
            for row, score in enumerate(scores)
        ]
        write_json_lines(path / "evaluation" / f"{name}.jsonl", found)
    return path


def test_held_out_metrics_are_of_the_prompts_that_were_answered_along_the_way(
    tmp_path: Path,
) -> None:
    path = measured_run(
        tmp_path / "run",
        {
            "before": [1, 3, 80],
            "step-000002": [5, None],
            "step-000009": [9, 9],
            "after": [6, 8, 90],
        },
    )
    series = step_series([ReportedRecipe("mine", {0: read_run(path)})])
    assert line(series, "0", "step", "seconds", "heldout/chrf", "validation/reward") == [
        (0, 1.0, 2.0, 0.25), (1, 3.0, None, None), (2, 5.0, 5.0, 0.5), (3, 7.0, None, None), (4, 9.0, 7.0, None),
    ]  # fmt: skip
    assert [metric.words for metric in series.metrics if metric.head == "heldout"] == ["chrF"]


def test_without_validation_the_policy_before_training_has_a_point_of_its_own(
    tmp_path: Path,
) -> None:
    path = measured_run(tmp_path / "run", {"before": [1, 3], "step-000001": [5, 5]})
    write_json_lines(path / "metrics.jsonl", rows(0.1, 0.2))
    series = step_series([ReportedRecipe("mine", {0: read_run(path)})])
    assert line(series, "0", "step", "seconds", "heldout/chrf", "reward/mean") == [
        (0, 0.0, 2.0, None), (1, 2.0, 5.0, 0.1), (2, 4.0, None, 0.2),
    ]  # fmt: skip


def test_a_mean_over_seeds_is_of_all_seeds_or_not_there(tmp_path: Path) -> None:
    runs = {
        seed: read_run(
            measured_run(
                tmp_path / str(seed), {"step-000001": [seed], f"step-00000{2 + seed}": [9]}
            )
        )
        for seed in (0, 1)
    }
    series = step_series([ReportedRecipe("mine", runs)])
    assert line(series, "mean", "step", "heldout/chrf", "validation/reward") == [
        (0, None, 0.25), (1, 0.5, None), (2, None, 0.5), (3, None, None), (4, None, None),
    ]  # fmt: skip
