"""Graders of OpenAI's through the whole way: training, resuming, and what of the server's key is left anywhere."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from chat_server import Reply, chat_server
from interrupted import interrupt_after, numbers_of
from rlsr.config import load_config
from rlsr.pipeline import plan_run, train_run
from rlsr.runs import RunDirectory
from tiny import Cli

KEY = "planted-0123456789abcdef"
CODE = """
def grade(sample, item):
    if len(sample["output_text"]) % 5 == 0:
        raise ValueError(f"{len(sample['output_text'])} characters")
    return len(sample["output_text"]) / 100
"""
GRADER: dict[str, Any] = {
    "type": "multi",
    "graders": {
        "near": {"type": "text_similarity", "input": "{{sample.output_text}}", "reference": "{{item.reference}}", "evaluation_metric": "fuzzy_match"},
        "meaning": {"type": "text_similarity", "input": "{{sample.output_text}}", "reference": "{{item.reference}}", "evaluation_metric": "cosine"},
        "judge": {"type": "score_model", "model": "m", "input": [{"role": "user", "content": "{{sample.output_text}} | {{item.prompt}}"}]},
        "code": {"type": "python", "source": CODE},
    },
    "calculate_output": "near + max(meaning, 0) + judge + code",
}  # fmt: skip


def judged(text: str, _: int) -> Reply:
    """Give the share of vowels, now and then more than there can be, and now and then no number."""
    response = text.rpartition(" | ")[0]
    if len(response) % 7 == 0:
        return Reply("no idea")
    share = sum(letter in "aeiou" for letter in response) / len(response)
    return Reply(json.dumps({"steps": [], "result": 2.0 if len(response) % 11 == 0 else share}))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sandbox is Linux's")
def test_a_multigrader_trains_and_resumes_and_keeps_no_key(
    tiny_settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("GRADER_API_KEY", KEY)
    file = tmp_path / "grader.json"
    file.write_text(json.dumps(GRADER), encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with chat_server(judged) as server:
        config = load_config(
            overrides=[
                *tiny_settings, "training.steps=2", "training.keep_checkpoints=9", "reward.type=grader", f"reward.file={file}", "reward.allow_python=true",
                f"reward.endpoint={{url: '{server.url}', api_key_env: GRADER_API_KEY}}",
            ]
        )  # fmt: skip
        file.unlink()  # a run is of what stood there when it began
        train_run(plan_run(config), whole)
        interrupt_after(1, whole, broken)
        train_run(plan_run(load_config([broken / "config.json"])), broken, resume=True)
    assert set(server.keys) == {f"Bearer {KEY}"}
    assert numbers_of(broken) == numbers_of(whole)
    weights = Path("final") / "model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()
    rows = RunDirectory(whole).read_metrics()
    for row in rows:
        for name in ("near", "meaning", "judge", "code"):
            assert math.isfinite(row[f"reward/grader_{name}"])
        assert row["reward/share_missing"] == 0
    assert sum(row["reward/num_unscored"] for row in rows) > 0
    assert "the grader's Python code runs in the sandbox" in caplog.text
    log = (whole / "log.txt").read_text(encoding="utf-8")
    assert "grader judge could not grade" in log or "grader code could not grade" in log
    card = (whole / "final" / "README.md").read_text(encoding="utf-8")
    assert (
        "rewarded by the multigrader near + max(meaning, 0) + judge + code, where near is" in card
    )
    for left in (whole, broken):
        assert not [one for one in left.rglob("*") if one.is_file() and KEY.encode() in one.read_bytes()]  # fmt: skip


@pytest.mark.slow
def test_a_grader_is_audited_compared_evaluated_and_reported(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    grader = {**GRADER, "graders": {name: GRADER["graders"][name] for name in ("near", "code")}, "calculate_output": "near + code"}  # fmt: skip
    file = tmp_path / "grader.json"
    file.write_text(json.dumps(grader), encoding="utf-8")
    data = next(one.partition("=")[2] for one in tiny_settings if one.startswith("data.path="))
    reward = ["reward.type=grader", f"reward.file={file}", "reward.allow_python=true"]
    run = tmp_path / "run"
    steps = [one for one in tiny_settings if not one.startswith(("training.steps", "data.path"))]
    assert cli("train", *tiny_settings, *reward, "--out", run).returncode == 0
    audited = cli("audit", data, *steps, *reward, "--model", "none", "--out", tmp_path / "audit")
    assert audited.returncode == 0, audited.stderr
    assert "near + code" in (tmp_path / "audit" / "audit.json").read_text(encoding="utf-8")
    evaluated = cli("evaluate", run, "--out", tmp_path / "evaluated")  # fmt: skip
    assert evaluated.returncode == 0, evaluated.stderr
    reported = cli("report", run, "--out", tmp_path / "report.html")
    assert reported.returncode == 0, reported.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Grader near" in page
    refused = cli("train", *tiny_settings, "reward.type=grader", f"reward.file={file}", "--out", tmp_path / "no")  # fmt: skip
    assert refused.returncode == 2
    assert "reward: allow_python: the grader holds Python code" in refused.stderr
