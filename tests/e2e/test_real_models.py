"""The embedded default for real: the converted policy, the encoder, one training step, the flat example."""

import subprocess
import sys
from pathlib import Path

import pytest

from rlsr.config.data import DataConfig
from rlsr.config.model import ModelConfig
from rlsr.data import load_dataset
from rlsr.models import load_policy
from rlsr.runs import RunDirectory
from rlsr.runs.json_file import write_json_lines
from tiny import Cli

ROOT = Path(__file__).parents[2]


def test_the_converted_policy_answers_in_english(private_cache: Path) -> None:
    from rlsr.evaluation.generate import answer_prompts

    policy = load_policy(ModelConfig(), "cpu")
    record = next(
        row
        for row in load_dataset(DataConfig()).train
        if row.prompt.startswith("Why does the sky turn red")
    )
    (response,), _ = answer_prompts(policy, [record], max_response_tokens=24, batch_size=1)
    assert "sky" in response.lower()


@pytest.mark.slow
def test_one_step_of_the_demo(cli: Cli, tmp_path: Path) -> None:
    path, data = tmp_path / "run", tmp_path / "few.jsonl"
    builtin = load_dataset(DataConfig())
    rows = [
        {"prompt": record.prompt, "response": record.reference, "split": split}
        for split, records in (("train", builtin.train[:12]), ("test", builtin.heldout[:6]))
        for record in records
    ]
    write_json_lines(data, rows)
    result = cli(
        "train", ROOT / "examples" / "demo.yaml", "training.steps=1", "stages.1.training.steps=1",
        "training.prompts_per_step=1", "method.max_response_tokens=16", f"data.path={data}", "--out", path,
        # So short that all are cut.
        "stages.1.method.advantage.cut=as_scored",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    row = RunDirectory(path / "2-rlsr").read_metrics()[-1]
    assert -1 <= row["reward/mean"] <= 1
    assert row["optim/grad_norm"] > 0
    assert "similarity by an independent encoder" in result.stdout


@pytest.mark.slow
def test_the_flat_example_runs(private_cache: Path) -> None:
    result = subprocess.run(
        [
            sys.executable, ROOT / "examples" / "minimal_rlsr.py",
            "--steps", "1", "--prompts", "1", "--generations", "4", "--tokens", "8",
        ],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("step 1: reward")


@pytest.mark.slow
def test_the_demo_improves_what_the_reward_never_saw(cli: Cli, tmp_path: Path) -> None:
    """Ten minutes: the table of the README; each stage is to gain."""
    path = tmp_path / "run"
    result = cli("train", ROOT / "examples" / "demo.yaml", "--out", path)
    assert result.returncode == 0, result.stderr
    for stage in ("1-sft", "2-rlsr"):
        manifest = RunDirectory(path / stage).read_manifest()
        changes = {change["name"]: change["difference"] for change in manifest["heldout"]}
        assert changes["similarity"]["mean"] > 0
        assert changes["independent_similarity"]["mean"] > 0
