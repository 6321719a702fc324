"""Every mistake of a user ends with one message that says where and how to get on, exit code 2, and nothing written."""

import json
import shutil
from pathlib import Path

import pytest

from tiny import Cli

GOOD = {"prompt": "Say hello", "response": "Hello there"}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A directory with data and configs, good and bad."""
    rows = {
        "good.jsonl": [GOOD, {"prompt": "Say goodbye", "response": "Goodbye then"}, {"prompt": "Count", "response": "One two"}],
        "empty_response.jsonl": [GOOD, {"prompt": "Say bye", "response": "  "}],
        "conflict.jsonl": [GOOD, {"prompt": "Say hello", "response": "Good day"}],
        "one.jsonl": [GOOD],
    }  # fmt: skip
    for name, lines in rows.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "broken.jsonl").write_text(
        '{"prompt": "a", "response": "b"}\n{"prompt": ', encoding="utf-8"
    )
    (tmp_path / "typo.yaml").write_text("method:\n  num_generation: 4\n", encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("method: [1,\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train"], ["nothing to train on", "--data"]),
        (["train", "nothere.yaml"], ["nothere.yaml", "no such config file"]),
        (["train", "typo.yml"], ["typo.yml", "did you mean", "typo.yaml"]),
        (["train", "broken.yaml"], ["broken.yaml", "not valid YAML"]),
        (["train", "typo.yaml"], ["method.num_generation", "did you mean method.num_generations?"]),
        (["train", "good.jsonl"], ["good.jsonl", "--data"]),
        (["train", "--data", "good.jsonl", "method.num_generations=1"], ["method.num_generations", "got 1"]),
        (["train", "--data", "good.jsonl", "training.micro_batch=4"], ["training.micro_batch", "training.tokens_per_pass"]),
        (["train", "--data", "good.jsonl", "training.tokens_per_pass=0"], ["training.tokens_per_pass", "got 0"]),
        (["train", "--data", "good.jsonl", "method.max_prompt_tokens=3"], ["good.jsonl:1", "prompt too long", "max_prompt_tokens"]),
        (["train", "--data", "good.jsonl", "method=rlsr", "engine.options.beta=0.1"], ["engine.options.beta", "rlsr sets"]),
        (["train", "--data", "good.jsonl", "engine.options.tempo=1"], ["engine.options.tempo", "no such field"]),
        (["train", "--data", "good.jsonl", "evaluation.independent_embedding=builtin:wordllama"], ["independent_embedding"]),
        (["train", "--data", "good.jsonl", "embedding.max_tokens=64"], ["embedding.max_tokens", "embedding.model=builtin:minilm"]),
        (["train", "--data", "good.jsonl", "device=cuda"], ["device", "cuda"]),
        (["train", "--data", "good.jsonl", "--model", "builtin:nothing"], ["builtin:nothing", "builtin:smollm2-135m"]),
        (["train", "--data", "good.jsonl", "--model", "./no/such/model"], ["./no/such/model", "cannot be loaded"]),
        (["train", "--data", "goood.jsonl"], ["goood.jsonl", "good.jsonl"]),
        (["train", "--data", "empty_response.jsonl"], ["empty_response.jsonl:2", "empty response", "data.on_bad_row=skip"]),
        (["train", "--data", "broken.jsonl"], ["broken.jsonl:2", "broken JSON"]),
        (["train", "--data", "conflict.jsonl", "data.same_prompt=error"], ["conflict.jsonl:2", "conflict.jsonl:1"]),
        (["train", "--data", "conflict.jsonl", "data.same_prompt=foo"], ["data.same_prompt", "'merge', 'keep' or 'error'", "foo"]),
        (["train", "--data", "good.jsonl", "reward.type=python", "reward.function=nowhere:f"], ["reward.function", "nowhere", "start rlsr in the directory"]),
        (["train", "--resume"], ["--resume", "--out"]),
        (["train", "--resume", "--out", "nowhere"], ["nowhere", "no run was begun here"]),
        (["data", "check", "broken.jsonl"], ["broken.jsonl:2"]),
        (["data", "check", "good.jsonl", "data.layout=messages"], ["messages"]),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_one_message(
    cli: Cli, tiny_model: Path, workplace: Path, arguments: list[str], parts: list[str]
) -> None:
    before = sorted(workplace.rglob("*"))
    if "--data" in arguments and "--model" not in arguments:
        arguments = [*arguments, "--model", str(tiny_model)]
    result = cli(*arguments, cwd=workplace)
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stderr.count("error:") == 1
    assert "Traceback" not in result.stderr
    for part in parts:
        assert part in result.stderr
    assert sorted(workplace.rglob("*")) == before, "nothing may be written"


def test_an_encoder_that_cannot_be_loaded_leaves_no_run_directory(
    cli: Cli, tiny_model: Path, workplace: Path
) -> None:
    result = cli(
        "train", "--data", "good.jsonl", "--model", tiny_model, "embedding=./no/encoder", "--out", "run",
        cwd=workplace,
    )  # fmt: skip
    assert result.returncode == 2
    assert "embedding.model" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (workplace / "run").exists()


def test_what_the_policy_cannot_hold_is_refused(
    cli: Cli, tiny_model: Path, workplace: Path
) -> None:
    result = cli(
        "train", "--data", "good.jsonl", "--model", tiny_model, "method.max_response_tokens=600",
        cwd=workplace,
    )  # fmt: skip
    assert result.returncode == 2
    assert "method.max_response_tokens" in result.stderr
    assert "512" in result.stderr


def test_a_template_that_refuses_a_row_makes_it_a_bad_row(
    cli: Cli, tiny_model: Path, workplace: Path
) -> None:
    strict = shutil.copytree(tiny_model, workplace / "strict")
    template = strict / "chat_template.jinja"
    refusal = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
    )
    template.write_text(refusal + template.read_text(encoding="utf-8"), encoding="utf-8")
    row = {"prompt": "a", "response": "b", "system": "be brief"}
    (workplace / "system.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = cli("train", "--data", "system.jsonl", "--model", strict, cwd=workplace)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "system.jsonl:1" in result.stderr
    assert "No system role" in result.stderr


def test_a_check_lists_every_problem(cli: Cli, workplace: Path) -> None:
    rows = "".join(json.dumps({"prompt": f"p{n}", "response": ""}) + "\n" for n in range(25))
    (workplace / "many.jsonl").write_text(rows, encoding="utf-8")
    result = cli("data", "check", "many.jsonl", cwd=workplace)
    assert result.returncode == 2
    assert [line.partition(": ")[0] for line in result.stdout.splitlines()] == [
        f"many.jsonl:{n}" for n in range(1, 26)
    ]
    assert "... and 5 more" in result.stderr


def test_skipped_rows_are_counted_in_the_report(
    cli: Cli, tiny_model: Path, workplace: Path
) -> None:
    rows = (workplace / "good.jsonl").read_text(encoding="utf-8")
    (workplace / "mixed.jsonl").write_text(
        rows + '{"prompt": "x", "response": ""}\n', encoding="utf-8"
    )
    result = cli(
        "train", "--data", "mixed.jsonl", "--model", tiny_model, "data.on_bad_row=skip", "training.steps=1",
        "training.prompts_per_step=1", "method=rlsr", "method.max_response_tokens=8", "evaluation.enabled=false", "--out", "run",
        cwd=workplace,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    manifest = json.loads((workplace / "run" / "manifest.json").read_text(encoding="utf-8"))
    (line,) = manifest["data"]["skipped"]
    assert "mixed.jsonl:4" in line
    (row,) = (workplace / "run" / "skipped_rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(row) == {
        "location": "mixed.jsonl:4",
        "kind": "empty_response",
        "message": "`response` holds no text; write an answer or remove the row",
    }
    assert "1 of 4 rows cannot be used: 1 empty response; they are skipped" in result.stderr
    assert "1 bad row" in result.stdout
