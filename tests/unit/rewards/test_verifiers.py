"""Rewards that say whether an answer is right."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from rlsr.config import load_config
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import ConfigError, DataError, MissingPackageError
from rlsr.rewards import RewardBatch, RewardResult, open_reward, reward_kind

NAN = float("nan")


def record(reference: str, *, others: tuple[str, ...] = (), **columns: object) -> PromptRecord:
    return PromptRecord(
        "1",
        (Message("user", "Q"),),
        reference,
        "my.jsonl:1",
        other_references=others,
        columns=columns,
    )


def scored(record: PromptRecord, responses: Sequence[str], *settings: str) -> RewardResult:
    """Score responses to one prompt as training would: checked, opened, scored, closed."""
    config = load_config(overrides=list(settings))
    kind = reward_kind(config)
    kind.check(config, [record])
    with closing(open_reward(config, "cpu")) as reward:
        result = reward.score(RewardBatch([record] * len(responses), responses))
        assert tuple(reward.parts) == tuple(kind.parts(config))
    assert {*result.components} == {part.name for part in kind.parts(config)}
    assert {*result.heldout} == {*kind.heldout_metrics(config)}
    return result


def scores(record: PromptRecord, responses: Sequence[str], *settings: str) -> list[float]:
    return list(map(float, scored(record, responses, *settings).scores))


GSM8K = record("9 * 2 = 18\n#### 18", final="18")


def test_a_number_is_right_wherever_it_stands() -> None:
    found = scored(GSM8K, ["so $18.00", "17", "no idea", ""], "reward=numeric")
    assert found.scores.tolist() == [1, 0, 0, 0]
    assert found.components["no_answer"].tolist() == [0, 0, 1, 1]


def test_no_answer_may_be_worse_than_a_wrong_one_and_is_not_in_the_held_out_share() -> None:
    found = scored(GSM8K, ["18", "17", "?"], "reward=numeric", "reward.no_answer_score=-0.5")
    assert found.scores.tolist() == [1, 0, -0.5]
    assert found.heldout["reward"].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("place", "response"),
    [("boxed", r"1 \boxed{18} 2"), ("last_line", "3\nit is 18 eggs"), ('{after: "####"}', "1\n#### 18\n2"), ("{tag: answer}", "1 <answer>18</answer> 2"), ("{pattern: 'is (?P<answer>.+) eggs'}", "is 18 eggs, 2")],
)  # fmt: skip
def test_the_place_of_an_answer_is_a_setting(place: str, response: str) -> None:
    settings = ("reward=numeric", f"reward.answer={place}")
    assert scores(GSM8K, [response, "18 or 19"], *settings) == [1, 0]


def test_settings_of_numbers() -> None:
    assert scores(record("0.5"), ["50%", "0.5"], "reward=numeric") == [0, 1]
    assert scores(record("0.5"), ["50%"], "reward=numeric", "reward.percent=hundredth") == [1]
    assert scores(record("3,5"), ["x = 3,50"], "reward=numeric", "reward.decimal=comma") == [1]
    near = ("reward=numeric", "reward.tolerance=0.01", "reward.relative_tolerance=0.1")
    assert scores(record("10"), ["11", "11.01"], *near) == [1, 0]


def test_a_text_is_the_same_but_for_what_does_not_count() -> None:
    paris = record("Paris, France")
    assert scores(paris, ["paris,\n france", "Paris France"], "reward=exact") == [1, 0]
    strict = ("reward=exact", "reward.ignore=[]")
    assert scores(paris, ["Paris, France", "paris, France"], *strict) == [1, 0]
    loose = ("reward=exact", "reward.ignore=[punctuation]")
    assert scores(paris, ["Paris France.", "..."], *loose) == [1, 0]
    assert scores(record("cafe\u0301"), ["caf\u00e9"], *strict) == [1]


def test_mathematics_is_equal_or_not() -> None:
    settings = ("reward=math", "reward.answer=boxed", "reward.reference_column=answer")
    row = record("because", answer="x^2+2x+1")
    assert scores(row, [r"\boxed{(x+1)^2}", r"\boxed{x}", "(x+1)^2"], *settings) == [1, 0, 0]


def test_an_option_is_chosen_by_label_or_text() -> None:
    settings = ("reward=choice", "reward.options_column=options", "reward.labels=[A,B]")
    row = record("(B)", options=["London", "Paris"])
    assert scores(row, ["The answer is B.", "Paris", "London", "A or B"], *settings) == [1, 1, 0, 0]
    table = record("B", options={"A": "London", "B": "Paris"})
    assert scores(table, ["Paris"], *settings) == [1]


def test_a_form_is_a_pattern_and_what_must_and_must_not_be_there() -> None:
    pattern = r"(?s)<think>.+</think>\s*<answer>.+</answer>"
    settings = ("reward=regex", f"reward.pattern='{pattern}'", "reward.forbidden=['(?s)<think>.*<think>']", "reward.required=['\\d']")  # fmt: skip
    good = "<think>1 + 1\n</think>\n<answer>2</answer>"
    assert scores(GSM8K, [good, f"{good}!", "<think>a</think><answer>b</answer>", f"<think>{good}"], *settings) == [1, 0, 0, 0]  # fmt: skip
    search = ("reward=regex", "reward.pattern=b", "reward.match=search")
    assert scores(GSM8K, ["abc", "ac"], *search) == [1, 0]


def test_a_response_that_cannot_be_decided_in_time_is_unscored() -> None:
    settings = ("reward=regex", "reward.pattern=(a+)+", "reward.time_limit_s=0.1")
    found = scored(GSM8K, ["a" * 40 + "b", "aa"], *settings)
    np.testing.assert_array_equal(found.scores, [NAN, 1])
    np.testing.assert_array_equal(found.heldout["reward"], [NAN, 1])
    assert found.components["undecided"].tolist() == [1, 0]


def test_json_fits_a_schema_of_the_config_or_of_a_file(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["a"]}
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    for source in (f"reward.inline={json.dumps(schema)}", f"reward.file={path}"):
        found = scored(GSM8K, ['{"a": 1}', "{}", "no", '```\n{"a": 2}\n```'], "reward=json_schema", source)  # fmt: skip
        assert found.scores.tolist() == [1, 0, 0, 1]
        assert found.components["no_answer"].tolist() == [0, 0, 1, 0]


def test_any_of_several_references_or_of_a_list_may_be_right() -> None:
    both = record("18", others=("eighteen", "19"))
    assert scores(both, ["19", "18", "20"], "reward=exact") == [1, 1, 0]
    shares = scores(both, ["19"], "reward=exact", "reward.references=mean")
    assert shares == [pytest.approx(1 / 3)]
    row = record("x", right=[18, "eighteen", True, 2.5])
    settings = ("reward=exact", "reward.reference_column=right")
    assert scores(row, ["18", "Eighteen", "true", "2.5", "x"], *settings) == [1, 1, 1, 1, 0]


def test_a_reference_without_an_answer_is_unscored_where_no_check_has_refused_it() -> None:
    config = load_config(overrides=["reward=numeric"])
    with closing(open_reward(config, "cpu")) as reward:
        found = reward.score(RewardBatch([record("none"), record("18")], ["18", "18"]))
    np.testing.assert_array_equal(found.scores, [NAN, 1])
    assert found.components["no_reference"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("settings", "row", "problem"),
    [
        (("reward=numeric",), record("none"), "my.jsonl:1: no answer in 'none'"), (("reward=numeric", "reward.reference=boxed"), record("18"), "my.jsonl:1: no answer in '18'"),
        (("reward=numeric", "reward.reference_column=a"), record("18", a=None), "my.jsonl:1: no answer in None"), (("reward=choice",), record("F"), "no answer in 'F'"),
        (("reward=math",), record("no mathematics"), "no answer in 'no mathematics'"), (("reward=numeric", "reward.reference={pattern: '(a+)+$'}", "reward.time_limit_s=0.1"), record("a" * 40 + "b"), "took more than 0.1 s"),
    ],
)  # fmt: skip
def test_references_without_an_answer_are_refused_with_their_rows(
    settings: tuple[str, ...], row: PromptRecord, problem: str
) -> None:
    with pytest.raises(DataError, match="1 of 1 references have no answer") as caught:
        scored(row, [], *settings)
    assert problem in caught.value.problems[0]


def test_rows_without_options_are_refused() -> None:
    settings = ("reward=choice", "reward.options_column=o", "reward.labels=[A,B]")
    rows: list[object] = [None, [], ["x", "y", "z"], {"C": "x"}, {"A": []}, "xy"]
    for options in rows:
        with pytest.raises(DataError, match="1 of 1 rows have no options in the column 'o'") as caught:  # fmt: skip
            scored(record("A", o=options), [], *settings)
        assert "my.jsonl:1: the column o must have a list of at most 2" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("reward={type: numeric, answer: {after: a, tag: b}}", r"^reward.answer: must be one of find, after, tag and pattern, got after and tag; set"),
        ("reward={type: numeric, answer: {}}", r"got none of them"),
        ("reward={type: numeric, answer: nowhere}", r"^reward.answer.find: must be 'whole', 'last_line', 'last_number' or 'boxed', got 'nowhere'"),
        ("reward={type: numeric, answer: {pattern: '('}}", r"^reward.answer.pattern: must be a regular expression as Python's re has them, got '\('"),
        ("reward={type: numeric, answer: {tag: '<a>'}}", r"^reward.answer.tag: .*pattern"),
        ("reward={type: numeric, no_answer_score: 1}", r"^reward.no_answer_score: must be less than or equal to 0"),
        ("reward={type: choice, labels: [A, a]}", r"^reward.labels: must differ by more than upper and lower case.*'A', 'a'"),
        ("reward={type: choice, labels: [A, '(']}", r"^reward.labels: .*begin and end with a letter or a digit"),
        ("reward=regex", r"^reward: must have a pattern, or something required or forbidden"),
        ("reward={type: regex, forbidden: ['[']}", r"^reward.forbidden.0: must be a regular expression"),
        ("reward=json_schema", r"^reward: must have its schema either in inline or in file, got none"),
        ("reward={type: json_schema, inline: {}, file: a}", r"got both"),
    ],
)  # fmt: skip
def test_settings_that_say_nothing_are_refused(settings: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[settings])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("reward={type: numeric, reference_column: finl}", "reward.reference_column: must be a column of the data beside those of the prompt and the reference, of which there are final, got 'finl'"),
        ("reward={type: choice, options_column: o}", "reward.options_column: must be a column"), ("reward={type: json_schema, inline: {type: integr}}", "reward.inline: type: 'integr'"),
        ("reward={type: json_schema, file: /nowhere.json}", "reward.file: /nowhere.json is not there"), ("reward={type: json_schema, file: /}", "reward.file: / is a directory"),
    ],
)  # fmt: skip
def test_what_the_data_or_a_file_lack_is_refused(settings: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        scored(GSM8K, [], settings)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_no_json_is_no_schema(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"s\.json: must be a JSON file with a schema"):
        scored(GSM8K, [], f"reward={{type: json_schema, file: {path}}}")


@pytest.mark.parametrize(
    ("settings", "package"),
    [("reward=math", "math-verify"), ("reward={type: json_schema, inline: {}}", "jsonschema")],
)
def test_a_missing_package_is_named(
    settings: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlsr.rewards.verifiers.packages.package_directory", lambda module: None)
    with pytest.raises(MissingPackageError, match=rf"^{package} is not installed.*rlsr\[rewards\]"):
        scored(GSM8K, [], settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("reward=numeric", "the same number (the last number of the response, against the last number of the reference)"),
        ("reward={type: numeric, tolerance: 1, relative_tolerance: 0.1, answer: {after: '####'}, reference_column: final}", "the same number within 1 or 10.00% (what stands behind '####' of the response, against the last number of the column 'final')"),
        ("reward={type: exact, answer: {tag: a}}", "the same text, but for case and white space (what stands in <a> of the response, against the whole text of the reference)"),
        ("reward={type: math, answer: {pattern: x}}", "what is mathematically equal (what matches 'x' of the response, against the whole text of the reference)"),
        ("reward={type: choice, answer: boxed}", "the right choice of A, B, C, D, E (what is boxed of the response, against the whole text of the reference)"),
        ("reward={type: regex, pattern: a, required: [b], forbidden: [c]}", "a response that matches 'a' as a whole, has 'b', does not have 'c'"),
        ("reward={type: json_schema, inline: {type: integer}}", 'JSON that fits the schema {"type": "integer"}'),
    ],
)  # fmt: skip
def test_a_verifier_describes_itself(settings: str, words: str) -> None:
    config = load_config(overrides=[settings])
    assert reward_kind(config).describe(config) == words
