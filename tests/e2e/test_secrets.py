"""No secret of the environment, of a setting or of a library's message is in anything that a run writes or says."""

import sys
from pathlib import Path

import pytest

from tiny import Cli

SECRETS = {
    "HF_TOKEN": "hf_PlantedPlantedPlanted01", "OPENAI_API_KEY": "planted-0123456789abcdef", "SCORER_PASSWORD": "planted,hunter2",
}  # fmt: skip
"""Planted in the environment."""
NO_SECRET = {"SOME_SETTING": "planted-in-the-environment"}
"""What a run has no reason to write down either."""
PLANTED = (*SECRETS.values(), *NO_SECRET.values(), "planted-pass", "planted-in-a-query")
OWN = '''
import logging
import os


def talkative(completions, fails=False, **columns):
    """Score by length, and say more than is good."""
    said = f"asked https://me:planted-pass@scorer.example/v1?api_key=planted-in-a-query&n=1 with {os.environ['OPENAI_API_KEY']}"
    said += f", Authorization: Bearer {os.environ['HF_TOKEN']}, {os.environ['SCORER_PASSWORD']}"
    logging.getLogger("own").warning(said)
    if fails:
        raise RuntimeError(said)
    return [len(completion[0]["content"]) / 50 for completion in completions]
'''


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a reward of the user's own, and an environment with secrets."""
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in {**SECRETS, **NO_SECRET}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def has_planted(content: str) -> list[str]:
    return [planted for planted in PLANTED if planted in content]


def require_clean(directory: Path) -> int:
    """Look into every file, whatever its kind."""
    files = [file for file in directory.rglob("*") if file.is_file()]
    for file in files:
        assert not has_planted(file.read_bytes().decode("utf-8", "replace")), file
    return len(files)


def test_nothing_that_a_run_writes_or_says_holds_a_secret(
    cli: Cli, tiny_settings: list[str], workplace: Path
) -> None:
    settings = [*tiny_settings, "training.steps=1", "reward.type=python", "reward.function=own:talkative"]  # fmt: skip
    trained = cli("train", *settings, "--out", "run", cwd=workplace)
    assert trained.returncode == 0, trained.stderr
    assert "asked https://[secret]@scorer.example/v1?api_key=[secret]&n=1 with [secret]" in (
        workplace / "run" / "log.txt"
    ).read_text(encoding="utf-8")
    failed = cli("train", *settings, "reward.options.fails=true", "--out", "failed", cwd=workplace)
    assert failed.returncode == 2, failed.stderr
    reported = cli("report", "run", cwd=workplace)
    assert reported.returncode == 0, reported.stderr
    for result in (trained, failed, reported):
        assert not has_planted(result.stdout + result.stderr)
    assert require_clean(workplace / "run") > 10
    assert "RuntimeError" in (workplace / "failed" / "log.txt").read_text(encoding="utf-8")
    require_clean(workplace / "failed")


@pytest.mark.parametrize(
    "setting",
    [
        "reward={type: python, function: own:talkative, options: {api_key: planted-pass}}",
        "reward={type: python, function: own:talkative, options: {headers: {X-Auth: planted-0123456789abcdef}}}",
        "reward={type: logic, translator: {type: endpoint, model: m, url: 'https://me:planted-pass@h/v1'}}",
        "reward={type: logic, translator: {type: endpoint, model: m, url: 'https://h/v1?api_key=planted-in-a-query'}}",
        "reward={type: logic, translator: {type: endpoint, model: m, url: 'https://h/v1', api_key_env: hf_PlantedPlantedPlanted01}}",
        "reward={type: judge, endpoint: {model: m, url: 'https://me:planted-pass@h/v1'}}",
        "reward={type: judge, endpoint: {model: m, url: 'https://h/v1', api_key_env: hf_PlantedPlantedPlanted01}}",
        "reward={type: judge, endpoint: {model: m, url: 'https://h/v1'}, request: {api_key: planted-pass}}",
        "engine.options.hub_token=hf_PlantedPlantedPlanted01",
    ],
)  # fmt: skip
def test_a_secret_in_a_setting_is_refused_and_not_shown(
    cli: Cli, workplace: Path, tiny_model: Path, tiny_data: Path, setting: str
) -> None:
    result = cli(
        "train", "--data", tiny_data, "--model", tiny_model, setting, "--out", "run", cwd=workplace
    )
    assert result.returncode == 2
    assert result.stderr.count("error:") == 1
    assert "must hold no key" in result.stderr
    assert "environment variable" in result.stderr
    assert not has_planted(result.stdout + result.stderr)
    assert not (workplace / "run").exists()


def test_a_secret_in_an_experiment_is_refused_and_not_shown(cli: Cli, workplace: Path) -> None:
    (workplace / "experiment.yaml").write_text(
        "recipes: {a: {}, b: {method: rlsr, reward: {type: python, function: own:talkative, options: {password: planted-pass}}}}\n"
        "budget: {by: steps, amount: 2}\n",
        encoding="utf-8",
    )
    result = cli("compare", "experiment.yaml", "--out", "run", cwd=workplace)
    assert result.returncode == 2
    assert "recipes.b" in result.stderr
    assert "must hold no key" in result.stderr
    assert not has_planted(result.stdout + result.stderr)
