"""Runs of the methods that stand beside RLSR, through the command line."""

import json
from pathlib import Path

import pytest
import yaml

from rlsr.runs import RunDirectory
from tiny import Cli


def test_a_policy_ranks_its_samples_and_learns_its_references(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=rank", "training.steps=12",
        "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "BRIO ranking trains all weights" in result.stdout
    assert "2 x 4 responses and 2 references" in result.stdout
    assert "in order" in result.stdout
    run = RunDirectory(path)
    rows = run.read_metrics()
    assert rows[-1]["optim/label_nll"] < rows[0]["optim/label_nll"] - 0.3
    for row in rows:
        assert 0 <= row["rank/accuracy"] <= 1
        assert row["rank/loss"] >= 0
        assert row["optim/loss"] == pytest.approx(
            row["optim/label_nll"] + row["rank/loss"], rel=1e-3
        )
        assert row["tokens/trained"] > 0
    samples = [
        json.loads(line)
        for line in (run.path / "samples" / "step-000001.jsonl").read_text().splitlines()
    ]
    assert sum(sample["rank_slope"] for sample in samples[:4]) == 0
    assert all(sample["score"] < 0 for sample in samples)
    assert "likelier than the worse, ranked by" in (run.final / "README.md").read_text()


def test_a_policy_learns_behind_its_own_predictions(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    result = cli(
        "train", *shared, "method={type: ift, residual: 0.3, max_response_tokens: 8}",
        "training.steps=12", "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    run = RunDirectory(path)
    rows = run.read_metrics()
    assert rows[-1]["optim/nll"] < rows[0]["optim/nll"] - 0.3
    assert "of which 0.3 is the policy's own prediction" in (run.final / "README.md").read_text()


def test_a_policy_sharpens_by_its_own_responses(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method=osft", "method.temperature=0.2", "training.steps=12",
        "training.learning_rate=0.003", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "online SFT trains all weights" in result.stdout
    assert "2 x 4 responses" in result.stdout
    run = RunDirectory(path)
    rows = run.read_metrics()
    assert rows[-1]["optim/nll"] < rows[0]["optim/nll"] - 0.3
    for row in rows:
        assert row["optim/loss"] == pytest.approx(row["optim/nll"], rel=1e-3)
        assert row["tokens/trained"] > 0
    assert "chosen by no reward" in (run.final / "README.md").read_text()


def test_a_policy_learns_its_best_responses_beside_the_references(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    result = cli(
        "train", *tiny_settings, "method={type: raft, num_generations: 4, with_reference: true}",
        "training.steps=3", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "RAFT trains all weights" in result.stdout
    assert "the best of 4 responses to each of 2 prompts and 2 references" in result.stdout
    run = RunDirectory(path)
    for row in run.read_metrics():
        assert row["optim/loss"] == pytest.approx(row["optim/nll"], rel=1e-3)
        assert 0 < row["tokens/trained"] < 6 * 40
    assert "and the references' tokens made likelier" in (run.final / "README.md").read_text()


def test_a_policy_writes_the_next_sentence(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    data, path = tmp_path / "sentences.jsonl", tmp_path / "run"
    rows = [
        {
            "prompt": f"Tell me about {row}",
            "response": f"A cat sat on {row}. It ran. The sun is red.",
        }
        for row in range(8)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = cli(
        "train", *tiny_settings, f"data.path={data}", "data.heldout=2", "method=rlpt",
        "method.segment_tokens=8", "method.max_response_tokens=40", "training.steps=6", "--out", path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "2 x 4 responses of one sentence" in result.stdout
    run = RunDirectory(path)
    samples = [
        json.loads(line)
        for file in sorted(run.samples.iterdir())
        for line in file.read_text().splitlines()
    ]
    assert {sample["reference"] for sample in samples} >= {"It ran.", "The sun is red."}
    for sample in samples:
        assert sample["num_tokens"] <= 8
        whole = f"{sample['given']} {sample['reference']}".strip()
        assert any(row["response"].startswith(whole) for row in rows)
    assert "the next sentence of the references" in (run.final / "README.md").read_text()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["method=rank", "method.margin=-1"], "method.margin: must be greater than or equal to 0, got -1"),
        (["method=rank", "method.rank_weight=0"], "method.rank_weight: must be greater than 0, got 0"),
        (["method=rank", "method.num_generations=1"], "method.num_generations: must be greater than or equal to 2, got 1"),
        (["method=rlpt", "method.segment_tokens=0"], "method.segment_tokens: must be greater than or equal to 1, got 0"),
        (["method=rlpt", "engine.options.use_vllm=true"], "engine.options.use_vllm: cannot write the segments of rlpt; leave it out, or"),
        (["method=ift", "method.residual=2"], "method.residual: must be less than or equal to 1, got 2"),
        (["method=ift", "method.discount=-1"], "method.discount: must be greater than or equal to 0, got -1"),
        (["method=rank", "method.kl_coefficient=0"], "method.kl_coefficient: a setting of the methods rlsr, sgrpo and rlpt, and the method is rank"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, settings: list[str], message: str
) -> None:
    shared = [setting for setting in tiny_settings if not setting.startswith("method.")]
    result = cli("train", *shared, *settings, "--out", tmp_path / "run")
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_they_stand_in_one_comparison(
    cli: Cli, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    table = {
        "base": {
            "model": {"name": str(tiny_model), "dtype": "float32", "lora": None},
            "data": str(tiny_data),
            "embedding": "builtin:wordllama",
            "evaluation": {"independent_embedding": None, "num_resamples": 200},
            "method": {"max_response_tokens": 8},
            "training": {"prompts_per_step": 2, "warmup_steps": 0},
        },
        "recipes": {
            "sft": {"method": "sft"},
            "rank": {"method": {"type": "rank", "num_generations": 2}},
            "sft+rank": {"method": ["sft", "rank"]},
            "rlpt": {"method": "rlpt"},
            "ift": {"method": {"type": "ift", "residual": 0.1}},
        },
        "seeds": [0],
        "budget": {"by": "steps", "amount": 2},
    }
    experiment = tmp_path / "neighbours.yaml"
    experiment.write_text(yaml.safe_dump(table, sort_keys=False), encoding="utf-8")
    result = cli("compare", experiment, "--out", tmp_path / "out", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "sft+rank: sft (learning rate 2e-05, 1 steps), then rank" in result.stdout
    for part in ("ift: ift", "rlpt: rlpt"):
        assert part in result.stdout
