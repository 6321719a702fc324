"""``rlsr compare`` with ``again`` on a tiny policy: what was trained is measured by drawn answers and on other prompts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rlsr.comparison.result import Comparison, read_comparison
from tiny import Cli

AGAIN = {
    "sampled": {"evaluation": {"temperature": 1.0, "likelihood": True}},
    "elsewhere": {"data": {"path": "other.jsonl", "heldout": 3}},
}


@pytest.fixture(scope="module")
def experiment(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("again")
    other = directory / "other.jsonl"
    rows = [{"prompt": f"Name {place}", "response": f"It is {place}."} for place in range(6)]
    other.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    table: dict[str, Any] = {
        "base": {
            "model": {"name": str(tiny_model), "dtype": "float32", "lora": None},
            "data": str(tiny_data),
            "embedding": "builtin:wordllama",
            "evaluation": {"independent_embedding": None, "num_resamples": 200},
            "method": {"num_generations": 2, "max_response_tokens": 8},
            "training": {"prompts_per_step": 2, "warmup_steps": 0, "learning_rate": 0.01},
        },
        "recipes": {
            "base": {},
            "sft": {"method": "sft"},
            "adapters": {"method": "sft", "model": {"lora": {"rank": 2}}},
        },
        "seeds": [3, 4],
        "budget": {"by": "steps", "amount": 3},
    }
    path = directory / "experiment.yaml"
    path.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    return path


def with_again(experiment: Path) -> Path:
    table = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    other = str(experiment.parent / "other.jsonl")
    again = {**AGAIN, "elsewhere": {"data": {"path": other, "heldout": 3}}}
    path = experiment.with_name("with-again.yaml")
    path.write_text(
        yaml.safe_dump({**table, "again": again, "average": True}, sort_keys=False),
        encoding="utf-8",
    )
    return path


@pytest.mark.slow
def test_what_a_complete_comparison_has_trained_is_measured_once_more(
    cli: Cli, experiment: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    first = cli("compare", experiment, "--out", path)
    assert first.returncode == 0, first.stdout + first.stderr
    weights = path / "runs" / "sft" / "seed-3" / "final" / "model.safetensors"
    trained = weights.read_bytes()

    result = cli("compare", with_again(experiment), "--out", path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the comparison is complete; nothing was run" in result.stdout
    for words in ("[sampled 1/5] base, seed 3, sampled", "[elsewhere 4/5] sft, seed 4, elsewhere"):
        assert words in result.stdout
    assert weights.read_bytes() == trained

    plain = read_comparison(path / "compare.json")
    sampled = read_comparison(path / "again" / "sampled" / "compare.json")
    elsewhere = read_comparison(path / "again" / "elsewhere" / "compare.json")
    assert (plain.num_prompts, sampled.num_prompts, elsewhere.num_prompts) == (4, 4, 3)
    assert sampled.notes[0] == (
        "sampled: the same policies measured once more, with evaluation.temperature=1.0, evaluation.likelihood=True"
    )
    # What training took stays beside the numbers.
    assert [recipe.num_steps for recipe in sampled.recipes] == [0, 3, 3]
    assert answers(sampled, path / "again" / "sampled") != answers(plain, path)
    (base,), seeds = sampled.scores["base"]["reference_nll"], sampled.scores["sft"]["reference_nll"]
    assert np.isfinite([*base, *seeds[0], *seeds[1]]).all()
    # Three steps on references of the same kind make these likelier.
    assert np.mean(seeds) < np.mean(base)
    assert "reference_nll" not in plain.scores["base"]

    averaged = read_comparison(path / "again" / "averaged" / "compare.json")
    assert "[averaged] sft: 2 seeds, " in result.stdout
    assert "[averaged 2/3] sft, averaged" in result.stdout
    assert averaged.scores["base"] == plain.scores["base"]
    assert [len(recipe.runs) for recipe in averaged.recipes] == [1, 1, 1]
    mean = path / "again" / "averaged" / "models" / "sft"
    assert answers(averaged, path / "again" / "averaged") != answers(plain, path)
    assert "[averaged] adapters: 2 seeds, " in result.stdout
    of_adapters = (mean.with_name("adapters") / "adapter_config.json").read_text(encoding="utf-8")
    assert json.loads(of_adapters)["r"] == 4
    assert cli("evaluate", path / "runs" / "sft" / "seed-3", mean, "--out", tmp_path / "beside").returncode == 0  # fmt: skip

    again = cli("compare", with_again(experiment), "--out", path)
    assert again.returncode == 0, again.stderr
    assert "[sampled 1/5]" not in again.stdout
    assert (path / "again" / "sampled" / "compare.md").is_file()
    for name in ("sampled", "averaged"):
        assert cli("report", path / "again" / name).returncode == 0

    changed = cli(
        "compare", with_again(experiment), "again.sampled.evaluation.temperature=0.5", "--out", path
    )
    assert changed.returncode == 2
    assert "evaluation.temperature" in changed.stderr


def answers(comparison: Comparison, directory: Path) -> list[str]:
    """List what every policy has answered."""
    files = [
        directory / run.path / "evaluation" / "after.jsonl"
        for recipe in comparison.recipes
        for run in recipe.runs
    ]
    return [
        json.loads(line)["response"]
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
