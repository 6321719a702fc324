"""Comparisons: what is run, what is reused, what an interruption or a failure leaves, what is found."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comparisons import PROMPTS, answers, finish, make_plan, read_lines, recipe_of, scores
from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import Comparison, Validated, read_comparison
from rlsr.comparison.run import open_comparison, run_comparison
from rlsr.errors import ConfigError, RunError
from rlsr.interruption import Interrupted
from rlsr.runs.owner import OWNER_FILE, owned


class Runner:
    """Stands for the processes of the cells.

    Args:
        codes: Exit codes by name of the cell; the others come to their end.
    """

    def __init__(self, codes: dict[str, int] | None = None) -> None:
        self.codes = codes or {}
        self.started: list[str] = []
        self.commands: list[list[str]] = []

    def __call__(self, cell: Cell, say: Say) -> int:
        self.started.append(cell.name)
        self.commands.append(cell.command)
        say("step 1")
        if cell.name in self.codes:
            return self.codes[cell.name]
        finish(cell)
        return 0


def silent(line: str) -> None:
    pass


def compare(plan: ComparisonPlan, path: Path, runner: Runner | None = None) -> Comparison:
    return run_comparison(plan, path, silent, execute=runner or Runner())


ORDER = [
    "base",
    "sft, seed 0",
    "rlsr, seed 0",
    "sft+rlsr, seed 0",
    "sft, seed 1",
    "rlsr, seed 1",
    "sft+rlsr, seed 1",
]


def test_the_untrained_policy_runs_once_and_seeds_in_rounds(tmp_path: Path) -> None:
    runner = Runner()
    lines: list[str] = []
    run_comparison(make_plan(), tmp_path / "out", lines.append, execute=runner)
    assert runner.started == ORDER
    assert "[1/7] base" in lines
    assert "[sft, seed 1] step 1" in lines


def test_answers_of_the_untrained_policy_are_not_generated_again(tmp_path: Path) -> None:
    path = tmp_path / "out"
    runner = Runner()
    compare(make_plan(), path, runner)
    own = read_lines(path / "runs/base/seed-0/evaluation/after.jsonl")
    for place in ("sft/seed-0", "rlsr/seed-1", "sft+rlsr/seed-0/1-sft"):
        assert read_lines(path / "runs" / place / "evaluation/before.jsonl") == own
    # What was prepared is gone on with; nothing else is.
    assert runner.commands[0][0] == "evaluate"
    assert "--resume" not in runner.commands[0]
    for command in runner.commands[1:]:
        assert command[:2] == ["train", "--resume"]


def test_without_an_untrained_recipe_the_first_run_gives_its_answers(tmp_path: Path) -> None:
    path, runner = tmp_path / "out", Runner()
    recipes = {"sft": {"method": "sft"}, "rlsr": {"method": "rlsr"}}
    found = compare(make_plan(recipes=recipes), path, runner)
    assert found.baseline == "sft"
    assert runner.commands[0] == [
        "train",
        str(path / "configs/sft.seed-0.yaml"),
        "--out",
        str(path / "runs/sft/seed-0"),
    ]
    assert all(command[1] == "--resume" for command in runner.commands[1:])


@pytest.mark.parametrize(
    "recipe",
    [
        {"method": "rlsr", "model": {"name": "another"}},
        {"method": "rlsr", "reward": {"similarity": {"variant": "blend"}}},
        {"method": "rlsr", "embedding": "builtin:minilm"},
    ],
    ids=str,
)
def test_answers_of_another_policy_or_with_other_scores_are_not_taken(
    recipe: dict[str, Any], tmp_path: Path
) -> None:
    runner = Runner()
    compare(make_plan(recipes={"base": {}, "own": recipe}), tmp_path / "out", runner)
    assert not any("--resume" in command for command in runner.commands[:2])
    # The second seed takes those of the first.
    assert "--resume" in runner.commands[2]


def test_what_was_found_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "out"
    found = compare(make_plan(), path)
    assert read_comparison(path / "compare.json") == found
    assert (found.baseline, found.seeds, found.num_prompts) == ("base", (0, 1), PROMPTS)
    assert found.primary == ("chrf", "bleu", "reward")
    assert found.num_comparisons == 9
    assert found.adjusted_confidence == pytest.approx(1 - 0.05 / 9)
    for recipe in found.recipes[1:]:
        read = {name for name, metric in recipe.metrics.items() if metric.verdict is not None}
        assert read == set(found.primary)
    verdicts = {recipe.name: recipe.metrics["chrf"].verdict for recipe in found.recipes}
    assert verdicts == {
        "base": "baseline",
        "sft": "higher",
        "rlsr": "no difference shown",
        "sft+rlsr": "lower",
    }
    sft = recipe_of(found, "sft")
    mean = sum(sum(scores("sft", seed)) for seed in (0, 1)) / (2 * PROMPTS)
    assert sft.metrics["reward"].mean.mean == pytest.approx(mean)
    assert sft.metrics["reward"].mean.num == 2 * PROMPTS
    assert recipe_of(found, "base").metrics["reward"].mean.num == PROMPTS
    assert sft.methods == ("sft",)
    assert [run.path for run in sft.runs] == ["runs/sft/seed-0", "runs/sft/seed-1"]
    assert (sft.seconds, sft.tokens, sft.num_steps, sft.peak_memory_gb) == (20, 500, 10, 2.0)
    both = recipe_of(found, "sft+rlsr")
    assert both.methods == ("sft", "rlsr")
    assert (both.seconds, both.tokens, both.num_steps) == (20, 500, 10)


def test_wins_are_counted_by_scorers_that_no_reward_has_seen(tmp_path: Path) -> None:
    found = compare(make_plan(), tmp_path / "cosine")
    assert set(recipe_of(found, "sft").wins) == {"chrf", "bleu"}
    assert recipe_of(found, "sft").wins["chrf"].win == 1
    assert recipe_of(found, "sft").wins["chrf"].margin == 1.0
    assert recipe_of(found, "base").wins == {}
    blend = {
        "method": {"max_response_tokens": 8},
        "evaluation": {"independent_embedding": None, "num_resamples": 500},
    }
    found = compare(make_plan(base=blend), tmp_path / "blend")
    assert set(recipe_of(found, "sft").wins) == {"bleu"}
    assert {metric.name: metric.in_reward for metric in found.metrics}["chrf"] is True


def test_the_file_has_the_keys_that_reports_read(tmp_path: Path) -> None:
    path = tmp_path / "out"
    compare(make_plan(), path)
    table = json.loads((path / "compare.json").read_text(encoding="utf-8"))
    assert list(table) == [
        "version", "rlsr", "created", "commit", "machine", "experiment", "budget", "baseline", "seeds", "num_prompts",
        "confidence", "adjusted_confidence", "num_comparisons", "metrics", "recipes", "notes",
        "choices", "curves", "scores", "primary",
    ]  # fmt: skip
    assert table["version"] == 1
    assert table["budget"] == {"by": "steps", "amount": 10}
    assert table["metrics"][0] == {"name": "reward", "in_reward": True, "better": "higher"}
    base, sft = table["recipes"][:2]
    assert set(sft) == {
        "name", "methods", "runs", "metrics", "wins", "seconds", "tokens", "num_steps", "peak_memory_gb",
    }  # fmt: skip
    assert set(sft["runs"][0]) == {
        "seed", "path", "num_steps", "seconds", "tokens", "peak_memory_gb",
    }  # fmt: skip
    assert set(sft["metrics"]["chrf"]) == {"mean", "difference", "verdict"}
    assert set(sft["metrics"]["chrf"]["difference"]) == {"mean", "low", "high", "num"}
    assert set(sft["wins"]["chrf"]) == {"win", "tie", "loss", "margin"}
    assert base["metrics"]["chrf"]["difference"] is None
    assert base["methods"] == []
    assert base["peak_memory_gb"] is None
    assert table["machine"]["processor"] == "abacus"
    assert table["experiment"] == json.loads((path / "experiment.json").read_text(encoding="utf-8"))


def test_a_failed_cell_does_not_stop_the_others_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    path, plan = tmp_path / "out", make_plan()
    runner = Runner({"rlsr, seed 0": 1, "sft, seed 1": -9})
    with pytest.raises(RunError) as caught:
        compare(plan, path, runner)
    message = str(caught.value)
    assert runner.started == ORDER
    assert "2 of 7 runs" in message
    for part in ("rlsr, seed 0: exit code 1", "sft, seed 1: exit code -9", "same command", f"--out {path}", "logs"):  # fmt: skip
        assert part in message
    assert not (path / "compare.json").exists()
    again = Runner()
    found = compare(plan, path, again)
    assert again.started == ["rlsr, seed 0", "sft, seed 1"]
    assert recipe_of(found, "sft").metrics["chrf"].verdict == "higher"


def test_a_cell_that_ends_well_without_a_result_has_failed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="exit code 0"):
        compare(make_plan(), tmp_path / "out", Runner({"sft, seed 0": 0}))


def test_an_interrupted_cell_ends_the_comparison_at_once(tmp_path: Path) -> None:
    runner = Runner({"rlsr, seed 0": 130})
    with pytest.raises(KeyboardInterrupt):
        compare(make_plan(), tmp_path / "out", runner)
    assert runner.started == ORDER[:3]
    again = Runner()
    compare(make_plan(), tmp_path / "out", again)
    assert again.started == ORDER[2:]


def test_a_comparison_has_one_owner_and_one_that_is_asked_to_end_says_so(tmp_path: Path) -> None:
    path = tmp_path / "out"
    runner = Runner()
    with owned(path):
        with pytest.raises(RunError, match="works in this directory"):
            compare(make_plan(), path, runner)
        assert [file.name for file in path.iterdir()] == [OWNER_FILE]
    assert runner.started == []
    with pytest.raises(Interrupted) as caught:
        compare(make_plan(), path, Runner({"rlsr, seed 0": 143}))
    assert caught.value.number == signal.SIGTERM
    assert not (path / OWNER_FILE).exists()


def test_a_complete_comparison_is_read_and_nothing_is_run(tmp_path: Path) -> None:
    found = compare(make_plan(), tmp_path / "out")
    again = Runner()
    assert compare(make_plan(), tmp_path / "out", again) == found
    assert again.started == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"seeds": [0, 2]}, "seeds"),
        ({"budget": {"by": "steps", "amount": 12}}, "budget.amount"),
        ({"confidence": 0.9}, "confidence"),
        ({"recipes": {"base": {}, "sft": {"method": "sft"}}}, "recipes.rlsr"),
        (
            {"recipes": {"base": {}, "sft": {"method": "sft", "training": {"learning_rate": 1.0}}}},
            "recipes.sft.stages.0.training.learning_rate",
        ),
    ],
    ids=str,
)
def test_another_experiment_in_the_same_directory_is_refused(
    changes: dict[str, Any], key: str, tmp_path: Path
) -> None:
    open_comparison(make_plan().table, tmp_path / "out")
    with pytest.raises(ConfigError) as caught:
        compare(make_plan(**changes), tmp_path / "out")
    assert key in str(caught.value)
    assert "--out" in str(caught.value)


def test_a_directory_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match="a new comparison needs"):
        compare(make_plan(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("keep", [False, True])
def test_checkpoints_of_complete_runs_go_unless_they_are_wanted(keep: bool, tmp_path: Path) -> None:
    compare(make_plan(keep_checkpoints=keep), tmp_path)
    assert bool(list(tmp_path.rglob("checkpoint-5"))) is keep


def test_checkpoints_of_a_run_that_failed_stay(tmp_path: Path) -> None:
    def crash(cell: Cell, say: Say) -> int:
        if cell.name == "sft, seed 0":
            (cell.path / "checkpoints" / "checkpoint-1").mkdir(parents=True)
            return 1
        finish(cell)
        return 0

    with pytest.raises(RunError):
        run_comparison(make_plan(), tmp_path, silent, execute=crash)
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("checkpoint-*")] == [
        "runs/sft/seed-0/checkpoints/checkpoint-1"
    ]


def test_answers_to_other_prompts_are_refused(tmp_path: Path) -> None:
    def mixed(cell: Cell, say: Say) -> int:
        ids = (
            [f"prompt-{PROMPTS - 1 - place}" for place in range(PROMPTS)]
            if cell.seed == 1
            else None
        )
        finish(cell, ids=ids)
        return 0

    with pytest.raises(RunError, match="other held-out prompts"):
        run_comparison(make_plan(), tmp_path, silent, execute=mixed)


def test_a_missing_evaluation_is_named(tmp_path: Path) -> None:
    def forgetful(cell: Cell, say: Say) -> int:
        finish(cell)
        (cell.runs[-1].evaluation / "after.jsonl").unlink()
        return 0

    with pytest.raises(RunError, match=r"after\.jsonl is missing"):
        run_comparison(make_plan(), tmp_path, silent, execute=forgetful)


def with_notes(change: Callable[[Cell], None], plan: ComparisonPlan, path: Path) -> str:
    def run(cell: Cell, say: Say) -> int:
        finish(cell)
        change(cell)
        return 0

    return "\n".join(run_comparison(plan, path, silent, execute=run).notes)


def test_notes_say_what_a_reader_should_know(tmp_path: Path) -> None:
    def nothing(cell: Cell) -> None:
        pass

    assert with_notes(nothing, make_plan(seeds=[3]), tmp_path / "one").startswith(
        "seeds were not varied"
    )
    two = with_notes(nothing, make_plan(), tmp_path / "two")
    assert "2 seeds tell little" in two
    assert "something may surprise" in two
    assert "seeds" not in with_notes(nothing, make_plan(seeds=[0, 1, 2, 3, 4]), tmp_path / "five")

    def over(cell: Cell) -> None:
        if cell.recipe == "sft":
            for step in range(11, 16):
                cell.runs[0].append_metrics({"step": step, "time/step": 1, "tokens/trained": 1})

    assert "sft used 15 of 10 steps" in with_notes(over, make_plan(), tmp_path / "over")

    def elsewhere(cell: Cell) -> None:
        if cell.name == "sft, seed 1":
            cell.runs[0].write_provenance({"processor": "slide rule", "accelerator": "hand"})

    moved = with_notes(elsewhere, make_plan(), tmp_path / "moved")
    assert "different machines" in moved
    assert "abacus, slide rule and hand" in moved


def test_answers_are_scored_as_null_where_they_could_not_be(tmp_path: Path) -> None:
    def unscored(cell: Cell, say: Say) -> int:
        finish(cell)
        rows = answers(scores(cell.recipe, cell.seed))
        for row in rows:
            row["scores"]["bleu"] = None
        rows[0]["scores"]["chrf"] = None
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (cell.runs[-1].evaluation / "after.jsonl").write_text(text, encoding="utf-8")
        return 0

    found = run_comparison(make_plan(), tmp_path, silent, execute=unscored)
    sft = recipe_of(found, "sft").metrics
    assert (sft["chrf"].mean.num, sft["bleu"].mean.num) == (2 * PROMPTS - 2, 0)
    assert sft["bleu"].verdict is None
    text = (tmp_path / "compare.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    again = recipe_of(read_comparison(tmp_path / "compare.json"), "sft")
    assert again.metrics["bleu"].mean.mean != again.metrics["bleu"].mean.mean
    assert again.wins["bleu"].win != again.wins["bleu"].win


def along(cell: Cell, share: float = 0.5) -> None:
    """Write what a run would have answered along the way: to all prompts but the last four, halfway through each stage."""
    finish(cell)
    for run in () if cell.is_untrained else cell.runs:
        steps = run.read_metrics()
        step = int(steps[round(share * len(steps)) - 1]["step"])
        level = 0.1 if cell.recipe == "rlsr" else 0.0
        rows = answers([value + level for value in scores(cell.recipe, cell.seed)])[:-4]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (run.evaluation / f"step-{step:06d}.jsonl").write_text(text, encoding="utf-8")


def test_what_was_measured_along_the_way_becomes_curves(tmp_path: Path) -> None:
    def run(cell: Cell, say: Say) -> int:
        along(cell)
        return 0

    found = run_comparison(make_plan(), tmp_path, silent, execute=run)
    assert found.curves is not None
    assert read_comparison(tmp_path / "compare.json") == found
    curves = {curve.recipe: curve for curve in found.curves.recipes}
    assert (found.curves.num_prompts, found.curves.rival) == (PROMPTS - 4, "sft")
    assert [(p.what, p.seconds, p.num_steps, p.tokens) for p in curves["sft"].points] == [
        ("before training", 0, 0, 0), ("along the way", 10, 5, 250), ("after training", 20, 10, 500),
    ]  # fmt: skip
    # Stages go on counting.
    assert [(p.what, p.seconds, p.num_steps, p.tokens) for p in curves["sft+rlsr"].points] == [
        ("before training", 0, 0, 0), ("along the way", 4, 2, 100), ("after 1-sft", 10, 5, 250),
        ("along the way", 14, 7, 350), ("after training", 20, 10, 500),
    ]  # fmt: skip
    assert [point.what for point in curves["base"].points] == ["before training"]
    # All points are of the prompts that were answered along the way, the last one too.
    for name, curve in curves.items():
        seeds = (0, 1) if name != "base" else (0,)
        last = curve.points[-1].metrics["chrf"]
        expected = [100 * value for seed in seeds for value in scores(name, seed)[:-4]]
        assert last.num == len(expected)
        assert last.mean == pytest.approx(sum(expected) / len(expected))
    step = found.curves.sft_step
    assert step is not None
    assert (step.seconds, step.prompts) == (2.0, make_plan().recipes[1].stages[0].training.prompts_per_step)  # fmt: skip


def test_the_row_before_the_first_step_is_no_step(tmp_path: Path) -> None:
    def run(cell: Cell, say: Say) -> int:
        along(cell)
        if cell.recipe == "sft":
            file = cell.runs[0].metrics_file
            first = json.dumps({"step": 0, "time/validation": 3.0})
            file.write_text(f"{first}\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
        return 0

    found = run_comparison(make_plan(), tmp_path, silent, execute=run)
    assert found.curves is not None
    sft = next(curve for curve in found.curves.recipes if curve.recipe == "sft")
    assert [(point.seconds, point.num_steps) for point in sft.points] == [(0, 0), (13, 5), (23, 10)]
    assert found.curves.sft_step is not None
    assert found.curves.sft_step.seconds == 2.0


def test_runs_without_anything_along_the_way_have_begin_and_end(tmp_path: Path) -> None:
    found = compare(make_plan(), tmp_path / "out")
    assert found.curves is not None
    assert found.curves.num_prompts == PROMPTS
    sft = next(curve for curve in found.curves.recipes if curve.recipe == "sft")
    assert [point.what for point in sft.points] == ["before training", "after training"]


def test_what_was_kept_is_known_by_its_validation(tmp_path: Path) -> None:
    def run(cell: Cell, say: Say) -> int:
        finish(cell)
        if not cell.is_untrained:
            rows = cell.runs[-1].read_metrics()
            reached = {1: 0.25, 3: 0.5 + cell.seed, 5: 0.375}
            text = "".join(
                json.dumps(
                    {
                        **row,
                        **(
                            {"validation/reward": reached[step]}
                            if (step := int(row["step"])) in reached
                            else {}
                        ),
                    }
                )
                + "\n"
                for row in rows
            )
            cell.runs[-1].metrics_file.write_text(text, encoding="utf-8")
        return 0

    recipes = {
        "base": {},
        "sft": {"method": "sft", "validation": {"num_prompts": 4}},
        "both": {"method": ["sft", "rlsr"], "validation": {"num_prompts": 4}},
        "plain": {"method": "rlsr"},
    }
    found = run_comparison(make_plan(recipes=recipes), tmp_path, silent, execute=run)
    assert found.validation == {name: Validated("reward", (0.5, 1.5)) for name in ("sft", "both")}
    assert read_comparison(tmp_path / "compare.json") == found


def test_the_scores_of_every_prompt_at_the_end_are_kept(tmp_path: Path) -> None:
    found = compare(make_plan(), tmp_path / "out")
    for name, seeds in (("base", [0]), ("sft", [0, 1])):
        for kept, seed in zip(found.scores[name]["reward"], seeds, strict=True):
            assert kept == pytest.approx(scores(name, seed), rel=1e-4)
    text = (tmp_path / "out" / "compare.json").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 3500, "the scores of a run stand in one line"


def test_prompts_that_changed_between_runs_are_refused(tmp_path: Path) -> None:
    def run(cell: Cell, say: Say) -> int:
        along(cell)
        if cell.name == "rlsr, seed 1":
            file = next(cell.runs[0].evaluation.glob("step-*.jsonl"))
            text = file.read_text(encoding="utf-8").replace("prompt-", "other-")
            file.write_text(text, encoding="utf-8")
        return 0

    with pytest.raises(RunError, match="no held-out prompt was answered in every measurement"):
        run_comparison(make_plan(), tmp_path, silent, execute=run)
