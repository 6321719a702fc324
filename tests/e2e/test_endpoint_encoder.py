"""An encoder behind a server, through the command line: it gives what the same encoder gives in the process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedding_server import EmbeddingServer, embedding_server, mixed
from rlsr.runs import RunDirectory
from tiny import Cli


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(mixed) as server:
        yield server


def rewards(path: Path) -> list[float]:
    return [row["reward/mean"] for row in RunDirectory(path).read_metrics()]


def test_two_steps_are_those_with_the_encoder_in_the_process(
    cli: Cli, tiny_settings: list[str], server: EmbeddingServer, tmp_path: Path
) -> None:
    settings = [*tiny_settings, "training.steps=2", "evaluation.enabled=false"]
    remote = f"embedding={{type: endpoint, url: '{server.url}', model: m, texts_per_request: 2, retries: 8}}"
    for name, encoder in (("local", "embedding=builtin:wordllama"), ("remote", remote)):
        result = cli("train", *settings, encoder, "--out", tmp_path / name)
        assert result.returncode == 0, result.stderr
    local, remotely = rewards(tmp_path / "local"), rewards(tmp_path / "remote")
    assert len(local) == 2
    assert remotely == pytest.approx(local, abs=1e-6)
    assert [row["reward/num_unscored"] for row in RunDirectory(tmp_path / "remote").read_metrics()] == [0, 0]  # fmt: skip
    assert f"{server.url}#m" in (RunDirectory(tmp_path / "remote").final / "README.md").read_text()


def test_a_dry_run_and_doctor_say_whether_it_answers(
    cli: Cli, tiny_settings: list[str], server: EmbeddingServer
) -> None:
    both = [f"embedding={server.url}#m", f"evaluation.independent_embedding={server.url}#other"]
    shown = cli("train", *tiny_settings, *both, "--dry-run").stdout
    assert f"embedding: m at {server.url} answers with 256 numbers a text" in shown
    answers = f"evaluation.independent_embedding: other at {server.url} answers with 256 numbers a text"  # fmt: skip
    assert answers in shown
    assert answers in cli("doctor", *both).stdout
    assert "names no encoder behind a server" in cli("doctor", "seed=1").stdout


@pytest.mark.parametrize("key", ["embedding", "evaluation.independent_embedding"])
def test_a_server_that_is_not_there_ends_it_before_anything_is_written(
    key: str, cli: Cli, tiny_settings: list[str], tmp_path: Path
) -> None:
    missing = f"{key}={{type: endpoint, url: 'http://127.0.0.1:9/v1', model: m, retries: 0}}"
    for command in (["train", *tiny_settings, missing, "--out", tmp_path / "run"], ["doctor", missing]):  # fmt: skip
        result = cli(*command)
        assert result.returncode == 2
        assert f"error: {key}.url: no vector of a short sentence could be had at http://127" in result.stderr  # fmt: skip
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_it_audits_evaluates_resumes_and_reports(
    cli: Cli, tiny_settings: list[str], server: EmbeddingServer, tmp_path: Path
) -> None:
    run, named = tmp_path / "run", f"{server.url}#m"
    settings = [*tiny_settings, "embedding=builtin:minilm", f"evaluation.independent_embedding={named}"]  # fmt: skip
    assert cli("train", *settings, "training.steps=1", "--out", run).returncode == 0
    manifest: Any = json.loads((run / "manifest.json").read_text())
    assert manifest
    assert json.loads((run / "config.json").read_text())["evaluation"]["independent_embedding"]["url"] == server.url  # fmt: skip
    again = cli("evaluate", run, "--out", tmp_path / "evaluation")
    assert again.returncode == 0, again.stderr
    assert cli("report", run, "--out", tmp_path / "report").returncode == 0
    data = next(one for one in tiny_settings if one.startswith("data.path=")).removeprefix("data.path=")  # fmt: skip
    audit = cli("audit", data, "--model", "none", "--compare-encoders", named, "--out", tmp_path / "audit")  # fmt: skip
    assert audit.returncode in {0, 1}, audit.stderr
    assert named in audit.stdout.replace("\n", "")
