"""A run and an audit of the reward for formulas, through the command line."""

import json
from pathlib import Path

from rlsr.runs import RunDirectory
from tiny import Cli


def write_formulas(file: Path) -> Path:
    rows = [
        {"prompt": f"All A{row} are B.", "response": f"∀x (A{row}(x) → B(x))"} for row in range(12)
    ]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return file


def test_a_policy_is_trained_on_formulas(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    data = write_formulas(tmp_path / "formulas.jsonl")
    result = cli(
        "train", *tiny_settings, f"data.path={data}", "data.heldout=4", "reward=logic",
        "training.steps=1", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "logic similarity (in the reward)" in result.stdout
    run = RunDirectory(tmp_path / "run")
    (row,) = run.read_metrics()
    assert row["reward/share_unparsable_reference"] == 0
    # A random policy writes no formulas.
    assert row["reward/share_unparsable"] == 1
    assert row["reward/mean"] == -0.5
    assert row["reward/num_unscored"] == 0
    assert "logic similarity (model_sampling" in (run.final / "README.md").read_text()


def test_the_reward_for_formulas_is_audited(cli: Cli, tmp_path: Path) -> None:
    data = write_formulas(tmp_path / "formulas.jsonl")
    result = cli("audit", data, "reward=logic", "--model", "none", "--out", tmp_path / "audit")
    assert result.returncode in {0, 1}, result.stderr
    assert "logic (model_sampling) with a BLEU share of 0.5" in result.stdout
