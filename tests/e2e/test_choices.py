"""``rlsr compare`` with a choice to make on a tiny policy: the trials, what is chosen, and where it shows."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlsr.comparison.choice_table import choice_in_words
from rlsr.comparison.choices import read_choices
from rlsr.comparison.experiment import load_experiment
from rlsr.comparison.result import read_comparison
from rlsr.errors import RlsrError
from rlsr.runs import RunDirectory
from tiny import Cli

RATE = "training.learning_rate"


@pytest.fixture
def experiment(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> Path:
    """Supervised training at a rate that teaches nothing or at one that does, and stages that take what it chooses."""
    table: dict[str, Any] = {
        "base": {
            "model": {"name": str(tiny_model), "dtype": "float32", "lora": None},
            "data": str(tiny_data),
            "embedding": "builtin:wordllama",
            "validation": {"num_prompts": 3, "every_steps": 1, "metric": "nll"},
            "evaluation": {"independent_embedding": None, "num_resamples": 200, "during": [0.5]},
            "method": {"num_generations": 2, "max_response_tokens": 8},
            "training": {"prompts_per_step": 2, "warmup_steps": 0, "save_every": 1},
        },
        "recipes": {
            "base": {},
            "sft": {"method": "sft", "choose": {RATE: [1e-9, 0.01]}},
            "sft+rlsr": {
                "stages": [{"method": "sft"}, {"method": "rlsr", "training": {"learning_rate": 1e-4}}],
                "choose": "sft",
            },
        },
        "seeds": [3],
        "budget": {"by": "steps", "amount": 4},
    }  # fmt: skip
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.slow
def test_what_trials_choose_is_trained_compared_and_shown(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    dry = cli("compare", experiment, "--out", path, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    said = " ".join(dry.stdout.split())
    for part in (
        "5 training and 4 held-out prompts",
        "sft: sft (learning rate to be chosen, 4 steps)",
        "chooses by negative log-likelihood of the references on 3 validation prompts, after 2 trials of 2 steps:",
        "training.learning_rate=1e-09 training.learning_rate=0.01",
        "sft+rlsr: sft (learning rate to be chosen, 2 steps), then rlsr (learning rate 0.0001, 2 steps); takes the choice of sft",
    ):
        assert part in said
    assert "no choice to make" not in said
    assert not path.exists()

    result = cli("compare", experiment, "--out", path)
    assert result.returncode == 0, result.stdout + result.stderr
    (choice,) = read_choices(path / "choices.json")
    assert (choice.chosen, choice.seed, choice.num_prompts) == (1, 3, 3)
    assert choice.trial.values == {RATE: 0.01}
    assert choice.trial.best < choice.trials[0].best
    for number, trial in enumerate(choice.trials, start=1):
        run = RunDirectory(path / "trials" / "sft" / f"trial-{number}")
        assert trial.path == str(run.path.relative_to(path))
        manifest = run.read_manifest()
        assert (trial.num_steps, trial.best_step) == (2, manifest["best_step"])
        assert trial.best == manifest["validation"]["value"]
        assert run.read_evaluation("after") is None
        assert not run.final.exists()
        _same_prompts(run, RunDirectory(path / "runs" / "sft" / "seed-3"))
    rates = {
        place: RunDirectory(path / "runs" / place).read_config().training.learning_rate
        for place in ("sft/seed-3", "sft+rlsr/seed-3/1-sft", "sft+rlsr/seed-3/2-rlsr")
    }
    assert list(rates.values()) == [0.01, 0.01, 1e-4]
    assert read_comparison(path / "compare.json").choices == (choice,)
    words = choice_in_words(choice)
    assert words in " ".join(result.stdout.split())
    assert words in (path / "compare.md").read_text(encoding="utf-8")

    page = cli("report", path)
    assert page.returncode == 0, page.stderr
    html = (path / "report.html").read_text(encoding="utf-8")
    assert '<section id="choices">' in html
    assert "sft has chosen training.learning_rate=0.01" in html
    assert ">chosen<" in html


def _same_prompts(one: RunDirectory, other: RunDirectory) -> None:
    """The policy before the first step is measured alike in a trial and in a run: on the same prompts."""
    first, second = (
        json.loads(run.metrics_file.read_text(encoding="utf-8").splitlines()[0])
        for run in (one, other)
    )
    assert first["step"] == second["step"] == 0
    assert first["validation/nll"] == second["validation/nll"]


def test_a_wrong_choice_ends_with_one_message_and_nothing_written(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    result = cli("compare", experiment, "base.validation.num_prompts=0", "--out", tmp_path / "out")
    assert result.returncode == 2, result.stdout + result.stderr
    assert "recipes.sft: choose: is made on validation prompts" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_only_the_engine_refuses_is_refused_for_every_combination(experiment: Path) -> None:
    from rlsr.comparison.plan import plan_comparison

    choose = "recipes.sft.choose.engine.options.beta=[0.1]"
    with pytest.raises(RlsrError) as caught:
        plan_comparison(load_experiment(experiment, [choose]))
    assert str(caught.value).startswith("recipes.sft: engine.options.beta")


def test_supervised_recipes_without_a_choice_are_named_before_anything_runs(
    cli: Cli, experiment: Path
) -> None:
    result = cli(
        "compare",
        experiment,
        "recipes.sft.choose=null",
        "recipes.sft+rlsr.choose=null",
        "recipes.dft.method=dft",
        "--dry-run",
    )
    assert result.returncode == 0, result.stderr
    assert "warning: recipes sft, dft have no choice to make" in " ".join(result.stdout.split())
