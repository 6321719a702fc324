"""``rlsr init`` writes a config that ``rlsr train --dry-run`` takes, for data of every layout."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from rlsr.cli.commands import app
from rlsr.config import load_stages
from rlsr.errors import ConfigError, DataError
from tiny import Cli

SHARED = Path(__file__).parents[3] / "shared" / "data"
TURNS = [{"role": "user", "content": "Say {}."}, {"role": "assistant", "content": "It is {}."}]


def filled(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.format(number)
    if isinstance(value, list):
        return [filled(one, number) for one in value]
    return {key: filled(held, number) for key, held in value.items()}


LAYOUTS: dict[str, dict[str, Any]] = {
    "prompt_response": {"prompt": "Say {}.", "response": "It is {}."},
    "prompt_completion": {"prompt": "Say {}.", "completion": "It is {}."},
    "instruction": {"instruction": "Say {}.", "input": "of many", "output": "It is {}."},
    "messages": {"messages": TURNS},
    "conversations": {
        "conversations": [{"from": "human", "value": "Say {}."}, {"from": "gpt", "value": "{}."}]
    },
    "preference": {"prompt": "Say {}.", "chosen": "It is {}.", "rejected": "No {}."},
    "columns of no layout": {"question": "Say {}.", "answer": "It is {}."},
    "numbers": {"prompt": "Say {}.", "response": "{}"},
    "some long prompts": {"prompt": "Say {}.", "response": "It is {}."},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_what_it_writes_is_a_plan(name: str, cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "my data.jsonl", tmp_path / "config.yaml"
    rows = [filled(LAYOUTS[name], number) for number in range(48)]
    if name == "some long prompts":
        for row in rows[::4]:
            row["prompt"] += " again" * 150  # more than the policy has room for
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    written = cli("init", data, "--model", tiny_model, "--out", out)
    assert written.returncode == 0, written.stderr
    assert written.stdout.splitlines()[-1] == f"next: rlsr train {out} --dry-run"
    assert "no plan" not in written.stdout
    table = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert table["data"]["path"] == str(data)
    planned = cli("train", out, "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "what stage 2-rlsr would do" in planned.stdout
    if name == "columns of no layout":
        assert table["data"]["columns"] == {"prompt": "question", "response": "answer"}
        assert "unsure: data.columns" in written.stdout
    if name == "some long prompts":
        assert table["data"]["on_bad_row"] == "skip"
        assert table["method"]["max_prompt_tokens"] < 512
        assert "unsure: data.on_bad_row: 12 of 48 rows cannot be used: 12 prompt too long" in written.stdout  # fmt: skip
    if name == "numbers":
        assert table["reward"] == "numeric"


@pytest.mark.slow
def test_without_data_it_is_a_template(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    result = cli("init", "--model", tiny_model, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    config = load_stages([tmp_path / "config.yaml"]).configs[0]
    assert config.data.path == "builtin:instructions"
    assert "rlsr train config.yaml --dry-run" in result.stdout
    again = cli("init", "--model", tiny_model, cwd=tmp_path)
    assert again.returncode == 2
    assert "config.yaml: is there already, and nothing is ever overwritten" in again.stderr


@pytest.mark.slow
def test_without_the_policy_lengths_are_in_words(cli: Cli, tiny_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "config.yaml"
    result = cli("init", tiny_data, "--model", "./no/model", "--out", out)
    assert result.returncode == 0, result.stderr
    assert "words" in result.stdout
    assert "unsure: lengths are in words" in result.stdout
    assert "unsure: no plan could be made yet" in result.stdout
    load_stages([out])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["alpaca_claude_t45_5k", "dolly_3k_filtered", "dpo_en_demo_300", "folio_nl_fol_pairs", "gsm8k_train", "self_instruct_seed_175", "truthfulqa_817"],
)  # fmt: skip
def test_real_sets(name: str, cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    """As they are, but for the number of rows, which is time and nothing else."""
    file = SHARED / f"{name}.jsonl.gz"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        rows = [line for line, _ in zip(stream, range(300), strict=False)]
    data, out = tmp_path / "data.jsonl", tmp_path / "config.yaml"
    data.write_text("".join(rows), encoding="utf-8")
    result = cli("init", data, "--model", tiny_model, "--out", out)
    assert result.returncode == 0, result.stderr
    planned = cli("train", out, "--dry-run")
    assert planned.returncode == 0, f"{planned.stderr}\n{out.read_text(encoding='utf-8')}"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["no.jsonl"], DataError, "no.jsonl: no such file"),
        (["training.steps=3"], ConfigError, "drafted by settings of data and model"),
        (["my.jsonl", "reward=numeric"], ConfigError, "drafted by settings of data and model"),
        (["--out", "no/config.yaml"], ConfigError, "the directory no does not exist"),
        (["--out", "config.txt"], ConfigError, "a config's name ends in .yaml, got config.txt"),
        (["--out", "mine.yaml"], ConfigError, "mine.yaml: is there already"),
        (["data.limti=3"], ConfigError, "did you mean data.limit"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(
    arguments: list[str],
    error: type[Exception],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("seed: 1\n", encoding="utf-8")
    with pytest.raises(error, match=message):
        CliRunner().invoke(app, ["init", *arguments], catch_exceptions=False)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "seed: 1\n"
