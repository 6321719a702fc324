"""Runs and audits of the reward for formulas, written or translated, through the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from chat_server import PROMPT, ChatServer, Reply, chat_server, formula_by_rule
from interrupted import numbers_of
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
    assert "logic (model_sampling) with a BLEU share of" in (run.final / "README.md").read_text()


def test_the_reward_for_formulas_is_audited(cli: Cli, tmp_path: Path) -> None:
    data = write_formulas(tmp_path / "formulas.jsonl")
    result = cli("audit", data, "reward=logic", "--model", "none", "--out", tmp_path / "audit")
    assert result.returncode in {0, 1}, result.stderr
    assert "logic (model_sampling) with a BLEU share of 0.5" in result.stdout


# --- free text through a translator --------------------------------------------------------------


def endpoint(server: ChatServer) -> list[str]:
    return [
        "reward=logic",
        f"reward.translator={{type: endpoint, url: '{server.url}', model: m, retries: 0, prompt: '{PROMPT}'}}",
    ]


def read_rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_free_text_is_trained_on_and_resumed_through_an_endpoint(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    with chat_server() as server:
        result = cli("train", *tiny_settings, *endpoint(server), "--out", whole)
        assert result.returncode == 0, result.stderr
        # The run was interrupted in its third step.
        shutil.copytree(whole, broken)
        shutil.rmtree(broken / "final")
        shutil.rmtree(broken / "checkpoints" / "checkpoint-3")
        (broken / "manifest.json").unlink()
        asked = len(server.requests)
        result = cli("train", "--resume", "--out", broken)
        assert result.returncode == 0, result.stderr
    assert numbers_of(broken) == numbers_of(whole)
    assert len(server.requests) == asked, "what was translated before the interruption is kept"
    assert max(server.times.values()) == 1
    rows = RunDirectory(whole).read_metrics()
    assert all(row["reward/share_untranslated"] == 0 for row in rows)
    assert all(row["reward/share_unparsable"] < 1 for row in rows)
    assert any(row["reward/p95"] != row["reward/p05"] for row in rows)
    listed = [*read_rows(whole / "evaluation" / "after.jsonl"), *read_rows(next((whole / "samples").iterdir()))]  # fmt: skip
    for row in listed:
        assert row["reference_formula"] == formula_by_rule(row["reference"])
        assert row["formula"] == (formula_by_rule(row["response"]) if row["response"].strip() else "")  # fmt: skip
    card = (whole / "final" / "README.md").read_text()
    assert f"formulas translated by m at {server.url}, none is left unscored" in card


def test_a_server_that_fails_ends_the_run_with_a_way_out(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "run"
    with chat_server(lambda *_: Reply(status=500, body="down")) as server:
        result = cli("train", *tiny_settings, *endpoint(server), "--out", path)
        assert result.returncode == 2
        assert f"texts could be translated at {server.url} (status 500, down)" in result.stderr
        assert "--resume" in result.stderr
        assert "Traceback" not in result.stderr


def test_some_requests_that_fail_are_counted(
    cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    def every_other(text: str, _: int) -> Reply:
        return Reply(formula_by_rule(text), status=400 if len(text) % 3 == 1 else 200)

    with chat_server(every_other) as server:
        result = cli("train", *tiny_settings, *endpoint(server), "training.steps=1", "--out", tmp_path / "run")  # fmt: skip
    assert result.returncode == 0, result.stderr
    (row,) = RunDirectory(tmp_path / "run").read_metrics()
    assert 0 < row["reward/share_untranslated"] < 1
    assert row["reward/num_unscored"] >= 8 * row["reward/share_untranslated"]
    warnings = RunDirectory(tmp_path / "run").read_manifest()["warnings"]
    assert any("could not be translated" in warning for warning in warnings)


def test_a_model_whose_translations_are_no_formulas_leaves_all_unscored_and_ends_the_run(
    cli: Cli, tiny_settings: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    settings = [*tiny_settings, "reward=logic", "training.steps=1"]
    plain, translated = tmp_path / "plain", tmp_path / "translated"
    for path, own in (
        (plain, ()),
        (translated, (f"reward.translator={tiny_model}", "reward.translator.max_tokens=8")),
    ):
        result = cli("train", *settings, *own, "--out", path)
        assert result.returncode == 2
        assert result.stderr.count("error: ") == 1
        assert "no response of this step was scored" in result.stderr
    (row,) = RunDirectory(translated).read_metrics()
    assert row["reward/num_unscored"] == 8
    assert row["reward/share_unparsable_reference"] == 1
    # The translator draws nothing: the policy is asked the same and answers the same.
    first, second = (
        [row["response"] for row in read_rows(next((path / "samples").iterdir()))]
        for path in (plain, translated)
    )
    assert first == second


@pytest.mark.parametrize(
    ("translator", "message"),
    [
        ("no/where", "reward.translator.name: the config of 'no/where'"),
        (
            "{type: endpoint, url: 'http://localhost:1/v1', model: m, api_key_env: RLSR_NO_SUCH_KEY}",
            "the environment variable RLSR_NO_SUCH_KEY must hold the key",
        ),
    ],
)
def test_a_translator_that_is_not_there_leaves_nothing_behind(
    cli: Cli, tiny_settings: list[str], tmp_path: Path, translator: str, message: str
) -> None:
    path = tmp_path / "run"
    result = cli("train", *tiny_settings, "reward=logic", f"reward.translator={translator}", "--out", path)  # fmt: skip
    assert result.returncode == 2
    assert message in result.stderr
    assert not path.exists()


def write_answered(file: Path) -> Path:
    rows = [
        {
            "prompt": f"Tell me about number {row}.",
            "response": f"The {'abcdefghij'[row % 10] * 3} of row {row} is red. Its end is blue.",
            "second_reference": f"Row {row} has a red {'abcdefghij'[row % 10] * 3}. It ends in blue.",
        }
        for row in range(30)
    ]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return file


@pytest.mark.slow
def test_the_reward_for_free_text_is_audited(cli: Cli, tmp_path: Path) -> None:
    data = write_answered(tmp_path / "data.jsonl")
    with chat_server() as server:
        result = cli("audit", data, *endpoint(server), "--model", "none", "--out", tmp_path / "audit")  # fmt: skip
    assert result.returncode in {0, 1}, result.stderr
    assert f"formulas translated by m at {server.url}, none is left unscored" in result.stdout


@pytest.mark.slow
def test_an_audit_survives_a_translator_that_writes_no_formulas(
    cli: Cli, tiny_model: Path, tmp_path: Path
) -> None:
    data = write_answered(tmp_path / "data.jsonl")
    result = cli("audit", data, "reward=logic", f"reward.translator={tiny_model}", "reward.translator.max_tokens=8", "--model", "none", "--out", tmp_path / "audit")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "none is left unscored" in result.stdout
    assert "texts without a formula" in result.stdout
