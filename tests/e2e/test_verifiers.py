"""A verifier, a form and the similarity as one reward, through the whole way: training, resuming, report, evaluation, audit."""

import json
from pathlib import Path

import pytest

from interrupted import interrupt_after, numbers_of
from rlsr.config import load_config
from rlsr.pipeline import plan_run, train_run
from rlsr.runs import RunDirectory
from tiny import Cli

COMBINED = [
    "reward={type: combined, members: {close: {reward: similarity, weight: 0.5}, number: numeric, form: {reward: {type: regex, pattern: '(?s).*[a-m]$'}, weight: 0.5}}}",
    "reward.members.close.gate={member: form, otherwise: -1}",
    "reward.normalise=group",
]


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rows with a number each, four of them held out."""
    path = tmp_path_factory.mktemp("sums") / "sums.jsonl"
    rows = [
        {"question": f"What is {n} + 1?", "answer": f"It is {n + 1}.\n#### {n + 1}", "split": "heldout" if n % 3 == 0 else "train"}
        for n in range(12)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def settings(tiny_settings: list[str], sums: Path) -> list[str]:
    columns = "data.columns={prompt: question, response: answer}"
    return [*tiny_settings, f"data.path={sums}", columns, *COMBINED]


def test_a_combined_reward_trains_resumes_and_shows_every_member(
    settings: list[str], tmp_path: Path
) -> None:
    config = load_config(overrides=[*settings, "training.steps=2", "training.keep_checkpoints=9"])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    summary = train_run(plan_run(config), whole)
    names = {change.name for change in summary.changes}
    assert {"reward", "reward_close", "reward_number", "reward_form", "similarity"} <= names
    rows = RunDirectory(whole).read_metrics()
    assert all(0 <= row["reward/form/score"] <= 1 and row["reward/num_unscored"] == 0 for row in rows)  # fmt: skip
    # What is logged is the sum itself; what is learnt from is 0 in the mean of every group.
    for row in rows:
        members = 0.5 * row["reward/form/score"] + row["reward/number/score"]
        assert members - 0.5 <= row["reward/mean"] <= members + 0.5
    assert any(abs(row["reward/mean"]) > 1e-3 for row in rows)
    interrupt_after(1, whole, broken)
    train_run(plan_run(config), broken, resume=True)
    assert numbers_of(broken) == numbers_of(whole)


@pytest.mark.slow
def test_a_combined_reward_is_reported_evaluated_audited_and_compared(
    settings: list[str], sums: Path, tmp_path: Path, cli: Cli
) -> None:
    run = tmp_path / "run"
    train_run(plan_run(load_config(overrides=settings)), run)
    result = cli("report", run, "--out", tmp_path / "page.html")
    assert result.returncode == 0, result.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Reward number" in page
    assert "reward/form/score" in page
    result = cli("evaluate", run / "config.json", "--model", run, "--data", sums, "--out", tmp_path / "evaluation")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "reward number" in result.stdout
    own = [one for one in settings if not one.startswith(("stages", "data.path"))]
    result = cli("audit", sums, "--model", "none", *own, "--out", tmp_path / "audit")
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "audit" / "audit.json").read_text(encoding="utf-8"))
    assert found["reward"].startswith("the sum of 0.5 times close (similarity")
