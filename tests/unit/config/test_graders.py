"""The JSON of graders: what OpenAI's guide shows is read, and anything else is refused with its key."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlsr.config import load_config
from rlsr.config.graders import GraderReward, parse_grader, read_grader_file
from rlsr.config.graders.schema import ScoreModel, StringCheck
from rlsr.config.load import config_from_table
from rlsr.errors import ConfigError

CHECK = {
    "type": "string_check",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.answer }}",
    "operation": "eq",
}
SIMILAR = {
    "type": "text_similarity",
    "name": "near",
    "input": "{{sample.output_json.name}}",
    "reference": "{{item.name}}",
    "evaluation_metric": "fuzzy_match",
    "pass_threshold": 0.9,
}
SCORE = {
    "type": "score_model",
    "name": "my_score_model",
    "input": [
        {"role": "system", "content": "You are an expert grader."},
        {"role": "user", "content": "Reference: {{ item.answer }}. Model answer: {{ sample.output_text }}"},
    ],
    "pass_threshold": 0.5,
    "model": "o4-mini-2025-04-16",
    "range": [0, 1],
    "sampling_params": {"max_completions_tokens": 32768, "top_p": 1, "reasoning_effort": "medium"},
}  # fmt: skip
LABEL = {
    "type": "label_model",
    "name": "tone",
    "model": "m",
    "input": [{"role": "user", "content": {"type": "input_text", "text": "{{ sample.output_text }}"}}],
    "labels": ["good", "bad"],
    "passing_labels": ["good"],
}  # fmt: skip
PYTHON = {
    "type": "python",
    "source": "def grade(sample, item):\n    return 1.0",
    "image_tag": "2025-05-08",
}
TOOLS = {
    "type": "multi",
    "graders": {
        "function_name": {
            "name": "function_name",
            "type": "string_check",
            "input": "get_acceptors",
            "reference": "{{sample.output_tools[0].function.name}}",
            "operation": "eq",
        },
        "arguments": {
            "name": "arguments",
            "type": "string_check",
            "input": '{"smiles": "{{item.smiles}}"}',
            "reference": "{{sample.output_tools[0].function.arguments}}",
            "operation": "eq",
        },
    },
    "calculate_output": "0.5 * function_name + 0.5 * arguments",
}
OF_THE_GUIDE = (CHECK, SIMILAR, SCORE, LABEL, PYTHON, TOOLS)


def multi(formula: str, **graders: Any) -> dict[str, Any]:
    return {"type": "multi", "name": "all", "graders": graders, "calculate_output": formula}


@pytest.mark.parametrize("grader", OF_THE_GUIDE, ids=lambda grader: str(grader["type"]))
def test_what_the_guide_shows_is_read(grader: dict[str, Any]) -> None:
    found = parse_grader(grader)
    assert (found.formula is None) == (grader["type"] != "multi")
    assert parse_grader(json.loads(json.dumps(grader))) == found or found.formula is not None


def test_one_grader_in_the_place_of_several_has_its_own_name() -> None:
    grader = {**TOOLS, "graders": {**SIMILAR}, "calculate_output": "near ^ 2"}
    assert list(parse_grader(grader).leaves) == ["near"]


def test_what_is_not_given_has_openai_s_default() -> None:
    leaf = parse_grader({key: value for key, value in SCORE.items() if key not in {"range", "sampling_params"}}).leaves[""]  # fmt: skip
    assert isinstance(leaf, ScoreModel)
    assert leaf.range == [0.0, 1.0]
    assert leaf.sampling_params.model_dump(exclude_none=True) == {}


def test_what_is_asked_of_a_row_is_known() -> None:
    found = [(key, path.written) for key, path in parse_grader(TOOLS).item_paths()]
    assert found == [("graders.arguments.input", "item.smiles")]
    assert [key for key, _ in parse_grader(SCORE).item_paths()] == ["input.1.content"]


@pytest.mark.parametrize(
    ("grader", "message"),
    [
        (3, "grader: must be a table with a type, got 3"),
        ({}, "type: is missing; it must be one of string_check, text_similarity, score_model, label_model, python, multi"),
        ({"grader": CHECK}, "give the grader itself, which stands under the key grader"),
        ({**CHECK, "type": "string_chek"}, "type: must be one of string_check, text_similarity, score_model, label_model, python, multi, got 'string_chek'; did you mean string_check?"),
        ({**CHECK, "type": ["a"]}, "got ['a']"),
        ({**CHECK, "operation": "equals"}, "operation: must be 'eq', 'ne', 'neq', 'like' or 'ilike', got 'equals'; did you mean eq?"),
        ({**CHECK, "refrence": "x"}, "refrence: unknown key; did you mean reference?"),
        ({**CHECK, "zzz": "x"}, "zzz: unknown key; the keys here are input, name, operation, reference, type"),
        ({key: value for key, value in CHECK.items() if key != "input"}, "input: is missing"),
        ({**CHECK, "input": 4}, "input: must be a valid string, got 4"),
        ({**CHECK, "input": "{{ sample.text }}"}, "input: sample has output_text, output_json, output_tools, choices, got 'sample.text'; did you mean output_text?"),
        ({**SIMILAR, "evaluation_metric": "rouge_6"}, "evaluation_metric: must be 'cosine', 'fuzzy_match', 'bleu', 'gleu', 'meteor', 'rouge_1', 'rouge_2', 'rouge_3', 'rouge_4', 'rouge_5' or 'rouge_l', got 'rouge_6'; did you mean rouge_"),
        ({**SCORE, "range": [1, 0]}, "range: must be the least and the most, as in [0, 1], got [1.0, 0.0]"),
        ({**SCORE, "range": [0]}, "range: List should have at least 2 items after validation, not 1, got [0]"),
        ({**SCORE, "range": [0, True]}, "range.1: must be a valid number, got True"),
        ({**SCORE, "range": [0, float("inf")]}, "range.1: must be a finite number, got inf"),
        ({**SCORE, "input": []}, "input: List should have at least 1 item after validation, not 0, got []"),
        ({**SCORE, "input": "text"}, "input: must be a valid list, got 'text'"),
        ({**SCORE, "input": [{"role": "usr", "content": "a"}]}, "input.0.role: must be 'user', 'assistant', 'system' or 'developer', got 'usr'; did you mean user?"),
        ({**SCORE, "input": [{"role": "user", "content": {"type": "input_image", "text": "a"}}]}, "input.0.content.0.type: must be 'input_text' or 'output_text', got 'input_image'; did you mean input_text?"),
        ({**SCORE, "sampling_params": {"max_tokens": 4}}, "sampling_params.max_tokens: unknown key; did you mean max_completions_tokens?"),
        ({**LABEL, "passing_labels": ["fine"]}, "passing_labels: must be among labels, good, bad, got 'fine'"),
        ({**PYTHON, "source": "x" * 300_000}, "source: must have at most 262,144 bytes, got 300,000"),
        ({**PYTHON, "source": "def grade("}, "source: must be Python: '(' was never closed"),
        ({**PYTHON, "source": "def score(sample, item): return 1"}, "source: must define a function grade(sample, item)"),
        ({**PYTHON, "source": "def grade(sample): return 1"}, "source: grade must take two arguments, sample and item, got grade(sample)"),
        ({**PYTHON, "source": "def grade(a, b, c): return 1"}, "source: grade must take two arguments"),
        (multi("a + c", a=CHECK, b=CHECK), "calculate_output: there is no grader 'c': there are a, b"),
        (multi("mean(a)", a=CHECK), "calculate_output: there is no function 'mean'"),
        (multi("a", a=TOOLS), "graders.a.type: a multigrader cannot stand inside of another; put its graders beside the others, and its formula in brackets"),
        (multi("a", a={**CHECK, "operation": "lik"}), "graders.a.operation: must be 'eq', 'ne', 'neq', 'like' or 'ilike', got 'lik'; did you mean like?"),
        (multi("a", **{"a": CHECK, "b c": CHECK}), "graders.b c: must have a name that a formula can use"),
        (multi("1", min=CHECK), "graders.min: must have a name that a formula can use"),
        (multi("1"), "graders: must be 1 to 100 graders, got 0"),
        (multi("a", a=7), "graders.a: must be a table with a type, got 7"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key(grader: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_grader(grader)
    assert any(message in line for line in str(caught.value).splitlines()), str(caught.value)


def test_all_mistakes_are_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_grader(multi("c", a={**CHECK, "operation": "x", "input": "{{"}, b={"type": "y"}))
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "graders.a.input", "graders.a.operation", "graders.b.type", "calculate_output",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "source",
    ["from grading import grade", "import grading\ngrade = grading.f", "from grading import *", "def grade(*both): return 1", "def grade(sample, item, more=1): return 1",
     "if True:\n    def grade(sample, item): return 1"],
)  # fmt: skip
def test_a_function_may_come_from_anywhere(source: str) -> None:
    parse_grader({**PYTHON, "source": source})


def reward(**settings: Any) -> GraderReward:
    found = config_from_table({"reward": {"type": "grader", **settings}}).reward
    assert isinstance(found, GraderReward)
    return found


def test_a_file_is_kept_as_what_stood_in_it(tmp_path: Path) -> None:
    file = tmp_path / "grader.json"
    file.write_text(json.dumps(TOOLS), encoding="utf-8")
    assert read_grader_file(file) == TOOLS
    config = load_config(overrides=["reward.type=grader", f"reward.file={file}"])
    file.unlink()
    again = config_from_table(config.model_dump(mode="json"))
    assert again == config
    assert isinstance(again.reward, GraderReward)
    assert again.reward.grader == TOOLS
    assert again.reward.file is None


def test_settings_of_one_grader_can_be_overridden() -> None:
    config = load_config(
        overrides=[f"reward={json.dumps({'type': 'grader', 'grader': CHECK})}", "reward.grader.operation=like"]
    )  # fmt: skip
    assert isinstance(config.reward, GraderReward)
    leaf = config.reward.parsed.leaves[""]
    assert isinstance(leaf, StringCheck)
    assert leaf.operation == "like"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "must be JSON in UTF-8"),
        ('{"type": "string_check", "type": 3}', "type: must be one of"),
        ("[" * 100_000, "must be JSON in UTF-8"),
        (json.dumps({**CHECK, "operation": "x", "input": "{{"}), "grader.json: operation: must be"),
    ],
)
def test_a_file_that_is_no_grader_is_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "grader.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        reward(file=str(file))
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_is_named_with_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "grader.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"graders\.json: there is no such file; did you mean .*/grader\.json\?"):  # fmt: skip
        reward(file=str(tmp_path / "graders.json"))
    with pytest.raises(ConfigError, match="is a directory, and a file is asked for; give a file with the JSON"):  # fmt: skip
        reward(file=str(tmp_path))


SERVER = {"url": "http://localhost:8000/v1"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "reward.grader: must be the JSON of a grader; or name a file with it, as in reward.file=grader.json"),
        ({"grader": {**CHECK, "operation": "x"}}, "reward.grader: operation: must be"),
        ({"grader": CHECK, "file": "x.json"}, "reward: file: a grader stands under grader, too"),
        ({"grader": SCORE}, "reward: endpoint: score_model and label_model ask a model, and there is no server"),
        ({"grader": CHECK, "endpoint": SERVER}, "reward: endpoint: no grader asks a model; take it away"),
        ({"grader": PYTHON}, "reward: allow_python: the grader holds Python code, which is run for every response; read it, then set reward.allow_python=true"),
        ({"grader": PYTHON, "allow_python": True, "python_limits": {"timeout_s": 0}}, "reward.python_limits.timeout_s: must be greater than 0"),
        ({"grader": CHECK, "sandbox": "docker"}, "reward.sandbox: must be 'auto', 'bubblewrap' or 'limits', got 'docker'"),
        ({"grader": SCORE, "endpoint": {**SERVER, "api_key_env": "sk-abcdefghijklmnopqrstuvwx"}}, "must hold no key"),
    ],
)  # fmt: skip
def test_a_reward_that_lacks_something_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reward(**settings)
    assert message in str(caught.value)


def test_a_reward_that_has_everything_is_read() -> None:
    assert reward(grader=SCORE, endpoint=SERVER).endpoint is not None
    assert reward(grader=PYTHON, allow_python=True).python_limits.timeout_s == 120
