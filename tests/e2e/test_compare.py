"""``rlsr compare`` and ``rlsr evaluate`` on a tiny policy: recipes, stages, resuming, refusals."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from comparisons import recipe_of
from rlsr.comparison.experiment import load_experiment
from rlsr.comparison.result import read_comparison
from rlsr.errors import RlsrError
from rlsr.runs import RunDirectory
from tiny import Cli


@pytest.fixture
def experiment(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> Path:
    """The policy before training, one method, and stages, with two seeds and four steps each."""
    base = {
        "model": {"name": str(tiny_model), "dtype": "float32", "lora": None},
        "data": str(tiny_data),
        "embedding": "builtin:wordllama",
        "evaluation": {
            "independent_embedding": None,
            "num_resamples": 200,
            "during": [0.5],
            "during_prompts": 3,
        },
        "method": {"num_generations": 4},
        "training": {
            "prompts_per_step": 2,
            "tokens_per_pass": 150,
            "learning_rate": 0.01,
            "warmup_steps": 0,
            "save_every": 1,
        },
    }
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base), encoding="utf-8")
    table = {
        "base": "base.yaml",
        "recipes": {
            "base": {},
            "sft": {"method": "sft"},
            "sft+rlsr": {"method": ["sft", "rlsr"]},
        },
        "seeds": [0, 1],
        "budget": {"by": "steps", "amount": 4},
    }
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    return path


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_recipes_are_compared_over_an_interruption_and_a_failure(
    cli: Cli, experiment: Path, tmp_path: Path, private_cache: Path
) -> None:
    path = tmp_path / "out"
    dry = cli("compare", experiment, "--out", path, "--dry-run", "--jobs", "2")
    assert dry.returncode == 0, dry.stderr
    for part in ("2 trained recipes x 2 seeds", "sft+rlsr: sft (learning rate 0.01, 2 steps), then rlsr", "(baseline)",
                 "2 runs at once"):  # fmt: skip
        assert part in dry.stdout
    assert not path.exists()

    code, said = _interrupt_at("[sft, seed 0] step 1/4", experiment, path, private_cache)
    assert code == 130, said
    assert f"rlsr compare {experiment} --out {path} --jobs 2` goes on where it was" in said
    assert "Traceback" not in said
    assert (path / "runs" / "base" / "seed-0" / "manifest.json").is_file()
    assert not (path / "runs" / "sft" / "seed-0" / "manifest.json").exists()

    in_the_way = path / "runs" / "sft" / "seed-1" / "mine.txt"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("mine", encoding="utf-8")
    failed = cli("compare", experiment, "--out", path, "-j", "2")
    assert failed.returncode == 2, failed.stdout + failed.stderr
    assert "Traceback" not in failed.stderr
    for part in ("1 of 5 runs", "sft, seed 1: exit code 2", "logs", "same command"):
        assert part in failed.stderr
    assert not (path / "compare.json").exists()
    assert in_the_way.read_text(encoding="utf-8") == "mine"
    finished = (path / "runs" / "sft" / "seed-0" / "manifest.json").stat().st_mtime_ns

    in_the_way.unlink()
    result = cli("compare", experiment, "--out", path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert (path / "runs" / "sft" / "seed-0" / "manifest.json").stat().st_mtime_ns == finished
    for part in ("4 held-out prompts, 2 seeds, after 4 steps", "- sft+rlsr:", "against base", "[sft, seed 1] step 4/4",
                 "BLEU over time", "- sft+rlsr ahead of sft: BLEU"):  # fmt: skip
        assert part in result.stdout
    _check_numbers(path)
    _check_directories(path)

    again = cli("compare", experiment, "--out", path)
    assert again.returncode == 0
    assert "the comparison is complete; nothing was run" in again.stdout
    other = cli("compare", experiment, "budget.amount=6", "--out", path)
    assert other.returncode == 2
    for part in ("another comparison", "budget.amount", "recipes.sft.stages.0.training.steps"):
        assert part in other.stderr


def _interrupt_at(line: str, experiment: Path, path: Path, cache: Path) -> tuple[int, str]:
    """Press Ctrl-C as a terminal does while two runs go at once: all processes of the group are told."""
    # Where tests run in the background Ctrl-C is ignored, and a process would take that over.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "rlsr.cli.main", "compare", str(experiment), "--out", str(path), "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    with process:
        for text in process.stdout:
            said.append(text)
            if line in text:
                os.killpg(process.pid, signal.SIGINT)
                break
        said.append(process.stdout.read())
    return process.returncode, "".join(said)


def _check_numbers(path: Path) -> None:
    found = read_comparison(path / "compare.json")
    assert [(recipe.name, recipe.methods) for recipe in found.recipes] == [
        ("base", ()),
        ("sft", ("sft",)),
        ("sft+rlsr", ("sft", "rlsr")),
    ]
    assert (found.num_prompts, found.num_comparisons) == (4, 2 * len(found.primary))
    read = [metric.verdict for recipe in found.recipes[1:] for metric in recipe.metrics.values()]
    assert set(read) == {None}, "four prompts are too few"
    assert "| base | sft | sft+rlsr |" in (path / "compare.md").read_text(encoding="utf-8")
    for recipe in found.recipes[1:]:
        assert [run.num_steps for run in recipe.runs] == [4, 4]
        assert recipe.seconds > 0
        assert recipe.tokens is not None
        assert recipe.tokens > 0
        assert recipe.peak_memory_gb is not None
    sft = recipe_of(found, "sft").runs
    rows = [RunDirectory(path / run.path).read_evaluation("after") for run in sft]
    assert rows[0] is not None
    assert rows[1] is not None
    chrf = [row.scores["chrf"] for run in rows for row in run or ()]
    assert recipe_of(found, "sft").metrics["chrf"].mean.mean == pytest.approx(sum(chrf) / 8)
    assert rows[0] != rows[1], "another seed is another run"
    assert found.curves is not None
    assert found.curves.num_prompts == 3
    curves = {curve.recipe: curve.points for curve in found.curves.recipes}
    assert [(point.what, point.num_steps) for point in curves["sft"]] == [
        ("before training", 0), ("along the way", 2), ("after training", 4),
    ]  # fmt: skip
    # Halfway through the whole is the end of the first stage.
    assert [(point.what, point.num_steps) for point in curves["sft+rlsr"]] == [
        ("before training", 0), ("along the way", 2), ("after 1-sft", 2), ("after training", 4),
    ]  # fmt: skip


def _check_directories(path: Path) -> None:
    """The answers before training were generated once; checkpoints are gone, models are there."""
    untrained = RunDirectory(path / "runs" / "base" / "seed-0")
    assert untrained.read_manifest()["num_steps"] == 0
    assert untrained.read_evaluation("before") is None
    before = untrained.read_evaluation("after")
    for place in ("sft/seed-0", "sft/seed-1", "sft+rlsr/seed-0/1-sft", "sft+rlsr/seed-1/1-sft"):
        run = RunDirectory(path / "runs" / place)
        assert run.read_evaluation("before") == before
        assert "evaluation_before" not in run.read_manifest()["seconds"]
        assert not run.checkpoints.exists()
        assert (run.final / "model.safetensors").is_file()
    assert {file.name for file in (path / "configs").iterdir()} == {
        f"{name}.yaml"
        for name in (
            "base.seed-0",
            "sft.seed-0",
            "sft.seed-1",
            "sft+rlsr.seed-0",
            "sft+rlsr.seed-1",
        )
    }
    stages = read(path / "runs" / "sft+rlsr" / "seed-1" / "pipeline.json")["stages"]
    assert [stage["name"] for stage in stages] == ["1-sft", "2-rlsr"]
    assert [stage["config"]["training"]["steps"] for stage in stages] == [2, 2]
    assert {stage["config"]["seed"] for stage in stages} == {1}


@pytest.mark.slow
def test_a_comparison_by_seconds_and_by_tokens_ends_by_its_budget(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    table = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    table["recipes"] = {"sft": {"method": "sft"}, "rlsr": {"method": "rlsr"}}
    for by, amount in (("tokens", 200.0), ("wall_clock", 0.5)):
        table |= {"budget": {"by": by, "amount": amount}, "seeds": [3]}
        experiment.write_text(yaml.safe_dump(table), encoding="utf-8")
        path = tmp_path / by
        result = cli("compare", experiment, "--out", path)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "seeds were not varied" in result.stdout
        found = read_comparison(path / "compare.json")
        assert found.baseline == "rlsr"
        for recipe in found.recipes:
            (run,) = recipe.runs
            metrics = RunDirectory(path / run.path).read_metrics()
            assert run.num_steps == len(metrics)
            spent = [
                row["tokens/trained"] if by == "tokens" else row["time/step"] for row in metrics
            ]
            assert sum(spent) >= amount
            assert sum(spent[:-1]) < amount


@pytest.mark.slow
def test_stages_that_end_by_validation_share_the_seconds(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    table = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    del table["recipes"]["sft"]
    table |= {"budget": {"by": "wall_clock", "amount": 1.5}, "seeds": [0]}
    experiment.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    validation = "base.validation={num_prompts: 2, every_steps: 1, patience: 2}"
    path = tmp_path / "out"
    result = cli("compare", experiment, validation, "--out", path)
    assert result.returncode == 0, result.stdout + result.stderr
    for part in ("of 1.5 s for all stages", "sft ends when validation no longer rises, rlsr has the rest"):  # fmt: skip
        assert part in result.stdout
    found = read_comparison(path / "compare.json")
    both = recipe_of(found, "sft+rlsr")
    stages = sorted((path / both.runs[0].path).glob("*-*/config.json"))
    for config in stages:
        assert read(config)["pipeline"]["max_seconds"] == 1.5
        assert read(config)["training"]["max_seconds"] is None
    assert set(found.validation) == {"sft+rlsr"}
    assert found.curves is not None
    curve = found.curves.recipes[1]
    seconds = [point.seconds for point in curve.points]
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(both.seconds)
    assert [point.what for point in curve.points if point.what != "along the way"] == [
        "before training", "after 1-sft", "after training",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["recipes.sft.method=stf"], ["recipes.sft", "'stf'", "did you mean sft?"]),
        (["recipes.sft.trainig={}"], ["recipes.sft", "trainig"]),
        (["recipes.sft.data.seed=4"], ["recipes.sft", "data.seed", "put them into base"]),
        (["recipes.sft.model.name=no/such"], ["recipes.sft", "no/such", "cannot be loaded"]),
        (["recipes.sft.engine.options.beta=1"], ["recipes.sft", "engine.options.beta"]),
        (["base.data=no.jsonl"], ["no.jsonl"]),
        (["base.evaluation.enabled=false"], ["evaluation.enabled"]),
        (["base.method.max_prompt_tokens=3"], ["prompt too long"]),
        (["budget.by=hours"], ["budget.by"]),
        (["baseline=dpo"], ["baseline", "'dpo'"]),
    ],
    ids=str,
)
def test_mistakes_show_before_anything_runs(
    experiment: Path, overrides: list[str], parts: list[str]
) -> None:
    from rlsr.comparison.plan import plan_comparison

    with pytest.raises(RlsrError) as caught:
        plan_comparison(load_experiment(experiment, overrides))
    for part in parts:
        assert part in str(caught.value)


def test_a_mistake_ends_with_one_message_and_nothing_written(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    for mistake, part in (
        ("recipes.sft.trainig={}", "trainig"),
        ("another.yaml", "one experiment"),
    ):
        result = cli("compare", experiment, mistake, "--out", tmp_path / "out")
        assert result.returncode == 2, result.stdout + result.stderr
        assert part in result.stderr
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "out").exists()


def test_without_held_out_rows_nothing_is_measured(
    cli: Cli, experiment: Path, tiny_data: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in tiny_data.read_text(encoding="utf-8").splitlines()]
    data = tmp_path / "all.jsonl"
    text = "".join(
        json.dumps({key: row[key] for key in ("prompt", "response")}) + "\n" for row in rows
    )
    data.write_text(text, encoding="utf-8")
    for command in (
        ["compare", experiment, f"base.data.path={data}", "base.data.heldout=0"],
        ["evaluate", experiment.parent / "base.yaml", "--data", data, "data.heldout=0"],
    ):
        result = cli(*command, "--out", tmp_path / "out")
        assert result.returncode == 2, result.stdout
        assert "no row is held out" in result.stderr
        assert not (tmp_path / "out").exists()


def test_evaluate_measures_a_policy_as_train_does(
    cli: Cli, tiny_settings: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    trained = RunDirectory(tmp_path / "trained")
    assert cli("train", *tiny_settings, "--out", trained.path).returncode == 0
    others = [setting for setting in tiny_settings if not setting.startswith("model.name=")]
    for name, model in (("before", tiny_model), ("after", trained.final)):
        own = RunDirectory(tmp_path / name)
        result = cli("evaluate", *others, "--model", model, "--out", own.path)
        assert result.returncode == 0, result.stderr
        assert "chrF" in result.stdout
        assert "4 held-out prompts" in result.stdout
        assert own.read_evaluation("after") == trained.read_evaluation(name)
        assert own.read_evaluation("before") is None
        assert own.read_metrics() == []
        manifest = own.read_manifest()
        assert manifest["num_steps"] == 0
        assert set(manifest) == set(trained.read_manifest())
        means = {metric["name"]: metric["after"] for metric in manifest["heldout"]}
        expected = {change["name"]: change[name] for change in trained.read_manifest()["heldout"]}
        assert means == expected


def test_an_interrupted_evaluation_goes_on(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    own = RunDirectory(tmp_path / "own")
    assert cli("evaluate", *tiny_settings, "--out", own.path).returncode == 0
    taken = cli("evaluate", *tiny_settings, "--out", own.path)
    assert taken.returncode == 2
    assert "does not exist or is empty" in taken.stderr
    complete = cli("evaluate", "--resume", "--out", own.path)
    assert complete.returncode == 2
    assert "nothing to resume" in complete.stderr
    manifest = own.read_manifest()
    (own.path / "manifest.json").unlink()
    result = cli("evaluate", "--resume", "--out", own.path)
    assert result.returncode == 0, result.stderr
    assert own.read_manifest()["heldout"] == manifest["heldout"]
    nothing = cli("evaluate")
    assert nothing.returncode == 2
    assert "nothing to evaluate" in nothing.stderr
