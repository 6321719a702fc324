"""``rlsr graders`` says what a file grades, what it gives one response, and what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chat_server import Reply, chat_server
from rlsr.cli.commands import app
from rlsr.errors import ConfigError

BOTH = {
    "type": "multi",
    "graders": {
        "email": {"type": "string_check", "input": "{{sample.output_json.email}}", "reference": "{{item.email}}", "operation": "eq"},
        "near": {"type": "text_similarity", "name": "n", "input": "{{sample.output_text}}", "reference": "{{item.name}}", "evaluation_metric": "bleu", "pass_threshold": 0.9},
    },
    "calculate_output": "(2 * email + near) / 3",
}  # fmt: skip
SCORE = {"type": "score_model", "model": "m", "input": [{"role": "user", "content": "{{sample.output_text}}"}]}  # fmt: skip
CODE = {"type": "python", "source": "def grade(sample, item): return 1", "image_tag": "2025-05-08"}
ITEM = '{"email": "a@b", "name": "Ann"}'


def file_of(tmp_path: Path, grader: Any) -> str:
    file = tmp_path / "grader.json"
    file.write_text(json.dumps(grader), encoding="utf-8")
    return str(file)


def run(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["graders", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def refused(*arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        run(*arguments)
    return str(caught.value)


def test_a_right_file_is_described(tmp_path: Path) -> None:
    file = file_of(tmp_path, BOTH)
    assert run("validate", file) == [
        f"{file}: a grader that can be trained on",
        "  the multigrader (2 * email + near) / 3, where email is string_check (eq), near is text_similarity (bleu)",
        "  graders.near.pass_threshold: is for evals, and has no effect on a reward",
        "  asks of every row for item.email, item.name",
    ]


def test_what_a_grader_needs_is_said(tmp_path: Path) -> None:
    assert run("validate", file_of(tmp_path, SCORE))[1:] == [
        "  the grader score_model (m, 0 to 1)",
        "  needs a server: reward.endpoint={url: ..., api_key_env: ...}",
    ]
    assert run("validate", file_of(tmp_path, CODE))[1:] == [
        "  the grader python code",
        "  image_tag: has no effect; the code finds the packages that are installed here",
        "  holds Python code: read it, then reward.allow_python=true",
    ]


def test_every_mistake_of_a_file_is_listed_with_its_key(tmp_path: Path) -> None:
    file = file_of(tmp_path, {**BOTH, "calculate_output": "emial", "x": 1})
    assert refused("validate", file).splitlines() == [f"{file}: x: unknown key; the keys here are calculate_output, graders, name, type"]  # fmt: skip
    file = file_of(tmp_path, {**BOTH, "calculate_output": "emial"})
    assert refused("validate", file) == f"{file}: calculate_output: there is no grader 'emial': there are email, near; did you mean email?"  # fmt: skip


def test_one_response_is_graded(tmp_path: Path) -> None:
    file, item, sample = file_of(tmp_path, BOTH), tmp_path / "item.json", tmp_path / "sample.txt"
    item.write_text(ITEM, encoding="utf-8")
    sample.write_text('{"email": "a@b"}', encoding="utf-8")
    expected = ["score 0.666667", "  grader_email 1", "  grader_near 0", "  missing 0"]
    assert run("run", file, "--item", ITEM, "--sample", '{"email": "a@b"}') == expected
    assert run("run", file, "--item", str(item), "--sample", str(sample)) == expected
    assert run("run", file, "--item", ITEM, "--sample", "Ann")[0] == "score 0.333333"


def test_settings_name_the_server(tmp_path: Path) -> None:
    with chat_server(lambda text, _: Reply('{"result": 0.25}' if text == "yes" else "?")) as server:
        ask = ["run", file_of(tmp_path, SCORE), f"reward.endpoint.url={server.url}"]
        assert run(*ask, "--sample", "yes")[0] == "score 0.25"
        assert run(*ask, "--sample", "no") == ["score unscored", "  missing 0", "  clipped 0"]


@pytest.mark.parametrize(
    ("grader", "arguments", "message"),
    [
        (BOTH, [], "--item: has no item.email, or it is null, and graders.email.reference asks for it; it has nothing"),
        (BOTH, ["--item", '{"emial": "a"}'], "it has emial; did you mean emial?"),
        (BOTH, ["--item", "{"], "--item: must be a JSON object, or a file that holds one:"),
        (BOTH, ["--item", "nowhere.json"], "--item: 'nowhere.json' cannot be read as a file of UTF-8: No such file or directory"),
        (SCORE, ["--sample", "a"], "endpoint: score_model and label_model ask a model, and there is no server"),
        (CODE, ["--sample", "a"], "allow_python: the grader holds Python code"),
        (CODE, ["reward.allow_pyton=true"], "reward.allow_pyton: unknown setting; did you mean reward.allow_python?"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(tmp_path: Path, grader: Any, arguments: list[str], message: str) -> None:  # fmt: skip
    assert message in refused("run", file_of(tmp_path, grader), *arguments)
