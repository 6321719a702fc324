"""Graders over a rollout: texts against other counts of the same, models behind a server, code in its sandbox."""

import json
import logging
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server import Reply, chat_server
from rlsr.config import RunConfig
from rlsr.config.graders.schema import Metric
from rlsr.config.load import config_from_table
from rlsr.data.record import Message, PromptRecord
from rlsr.embeddings import load_embedder
from rlsr.errors import ConfigError, DataError, MissingPackageError, RewardError
from rlsr.rewards import RewardBatch, RewardResult, open_reward, reward_kind
from rlsr.rewards.graders.rows import item_of, sample_of
from rlsr.rewards.graders.texts import require_metric, similarities, string_checks

GUIDE = (
    "It is a guide to action which ensures that the military always obeys the commands of the party"
)
FORCED = "It is a guide to action that ensures that the military will forever heed Party commands"
INSURE = "It is to insure the troops forever hearing the activity guidebook that party direct"
ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")


def compared(metric: Metric, text: str, reference: str) -> float:
    return float(similarities(metric, None)([text], [reference])[0])


@pytest.mark.parametrize(
    ("operation", "text", "reference", "expected"),
    [
        ("eq", "a", "a", 1), ("eq", "a", "A", 0), ("ne", "a", "A", 1), ("neq", "a", "a", 0), ("like", "the Answer", "Answer", 1), ("like", "the answer", "Answer", 0),
        ("ilike", "the ANSWER", "answer", 1), ("ilike", "answer", "the answer", 0), ("ilike", "STRASSE", "straße", 1), ("like", "100%", "%", 1), ("like", "abc", "a%c", 0),
    ],
)  # fmt: skip
def test_strings_are_checked(operation: str, text: str, reference: str, expected: int) -> None:
    grader = reward_of({"type": "string_check", "input": "a", "reference": "b", "operation": operation})  # fmt: skip
    leaf: Any = grader.reward.parsed.leaves[""]  # type: ignore[union-attr]
    assert string_checks(leaf)([text], [reference]).tolist() == [expected]


@pytest.mark.parametrize(
    ("metric", "text", "reference", "expected"),
    [
        # The values that rouge-score, nltk and rapidfuzz have in their own documents.
        ("rouge_1", "The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 0.7058823529),
        ("rouge_l", "The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 0.5882352941),
        ("gleu", "the the the the the the the", "the cat is on the mat", 0.0909090909),
        ("gleu", GUIDE, FORCED, 0.4393939393),
        ("gleu", INSURE, FORCED, 0.1206896551),
        ("fuzzy_match", "this is a word", "THIS IS A WORD", 1.0),
        # All words of one are in the other, for which WRatio gives 0.95.
        ("fuzzy_match", "this is a word", "THIS IS A WORD 123", 0.95),
        ("bleu", "a b c d", "a b c d", 1.0),
        # Brevity alone: every n-gram is right, and 4 words stand for 6.
        ("bleu", "a b c d", "a b c d e f", math.exp(1 - 6 / 4)),
        ("bleu", "x", "a b c d", 0.0),
        *((metric, "", "something", 0.0) for metric in ("fuzzy_match", "bleu", "gleu", "rouge_1", "rouge_5", "rouge_l")),
    ],
)  # fmt: skip
def test_metrics_are_what_their_libraries_document(
    metric: Metric, text: str, reference: str, expected: float
) -> None:
    assert compared(metric, text, reference) == pytest.approx(expected, abs=1e-3 if metric == "fuzzy_match" else 1e-6)  # fmt: skip


WORDS = st.lists(st.sampled_from(["cat", "dog", "sat", "on", "mat"]), min_size=1, max_size=8)


@settings(max_examples=60)
@given(WORDS, WORDS, st.integers(1, 5))
def test_rouge_counts_shared_n_grams(text: list[str], reference: list[str], order: int) -> None:
    def grams(words: list[str]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(words[place : place + order]) for place in range(len(words) - order + 1))  # fmt: skip

    left, right = grams(text), grams(reference)
    shared = (left & right).total()
    expected = 2 * shared / (left.total() + right.total()) if shared else 0.0
    metrics: Sequence[Metric] = ("rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5")
    assert compared(metrics[order - 1], " ".join(text), " ".join(reference)) == pytest.approx(expected)  # fmt: skip


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_rouge_l_finds_the_longest_common_subsequence(
    text: list[str], reference: list[str]
) -> None:
    table = np.zeros((len(text) + 1, len(reference) + 1), dtype=int)
    for row, left in enumerate(text):
        for column, right in enumerate(reference):
            same = table[row, column] + 1
            table[row + 1, column + 1] = same if left == right else max(table[row, column + 1], table[row + 1, column])  # fmt: skip
    expected = 2 * table[-1, -1] / (len(text) + len(reference))
    assert compared("rouge_l", " ".join(text), " ".join(reference)) == pytest.approx(expected)


class NoSynonyms:
    """A WordNet that knows no word, so that METEOR sees words and their stems alone."""

    def synsets(self, _: str) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("text", "reference", "matches", "chunks"),
    [("the cat sat", "the cat sat", 3, 1), ("the cat sat", "sat the cat", 3, 2), ("cats sat", "the cat sat down", 2, 1), ("a b c d", "d c b a", 4, 4)],
)  # fmt: skip
def test_meteor_has_its_formula(text: str, reference: str, matches: int, chunks: int) -> None:
    precision, recall = matches / len(text.split()), matches / len(reference.split())
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    expected = mean * (1 - 0.5 * (chunks / matches) ** 3)
    found = similarities("meteor", None, NoSynonyms())([text], [reference])
    assert found[0] == pytest.approx(expected)


def test_meteor_without_wordnet_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import nltk

    monkeypatch.setattr(nltk.data, "path", ["/nowhere"])
    with pytest.raises(ConfigError) as caught:
        require_metric("meteor", "reward.grader.evaluation_metric")
    assert str(caught.value) == (
        "reward.grader.evaluation_metric: meteor needs WordNet, which nltk does not find; fetch it with: python -m nltk.downloader "
        "wordnet omw-1.4"
    )


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlsr.rewards.graders.texts.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"rapidfuzz is not installed; it is needed to compute fuzzy_match. Install it with: pip install 'rlsr\[rewards\]'"):  # fmt: skip
        require_metric("fuzzy_match", "x")
    require_metric("cosine", "x")


def test_a_cosine_is_that_of_the_run_s_encoder() -> None:
    embedder = load_embedder(RunConfig().embedding, "cpu")
    texts, references = ["a cat sat", "a dog ran", "", "x"], ["a cat sat", "the sun", "a cat", ""]
    found = similarities("cosine", embedder)(texts, references)
    vectors, others = embedder.encode(texts).vectors, embedder.encode(references).vectors
    assert found[0] == pytest.approx(1.0, abs=1e-6)
    assert found[1] == pytest.approx(float(vectors[1] @ others[1]), abs=1e-6)
    assert found[2:].tolist() == [0.0, 0.0]


def test_an_item_has_the_row_and_what_is_known_of_it() -> None:
    record = PromptRecord(
        "r1", (Message("system", "S"), Message("user", "Q")), "A", "f:1", "math", None, ("B",), {"answer": 4, "prompt": "other"}
    )  # fmt: skip
    assert item_of(record) == {
        "answer": 4,
        "prompt": record.prompt,
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Q"}],
        "reference": "A",
        "references": ["A", "B"],
        "id": "r1",
        "category": "math",
    }


@pytest.mark.parametrize(
    ("response", "expected"),
    [('{"a": [1]}', {"a": [1]}), (" [1, 2]\n", [1, 2]), ("4", None), ("null", None), ("text", None), ('{"a": NaN}', None), ("[" * 100_000, None), ('```json\n{"a": 1}\n```', None)],
)  # fmt: skip
def test_a_sample_has_json_where_it_is_some(response: str, expected: object) -> None:
    assert sample_of(response)["output_json"] == expected


def test_a_sample_has_the_calls_of_tools_and_one_choice() -> None:
    text = 'I look.\n<tool_call>\n{"name": "find", "arguments": {"q": "é"}}\n</tool_call><tool_call>{"name": 3}</tool_call>'
    sample = sample_of(text, ended=False)
    call = {"id": "call_0", "type": "function", "function": {"name": "find", "arguments": '{"q": "é"}'}}  # fmt: skip
    assert sample["output_tools"] == [call]
    (choice,) = sample["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"] == {"role": "assistant", "content": text, "tool_calls": [call]}
    assert sample_of("a", ended=True)["choices"][0]["finish_reason"] == "stop"
    assert sample_of("a")["choices"][0]["finish_reason"] is None


def records_of(count: int, **columns: object) -> list[PromptRecord]:
    return [
        PromptRecord(str(row), (Message("user", f"Q{row}"),), "the cat", f"my.jsonl:{row + 1}", columns=columns)
        for row in range(count)
    ]  # fmt: skip


def reward_of(grader: Mapping[str, Any], **more: Any) -> RunConfig:
    return config_from_table({"reward": {"type": "grader", "grader": dict(grader), **more}})


def scored(config: RunConfig, responses: Sequence[str], **columns: object) -> RewardResult:
    records = records_of(len(responses), **columns)
    reward_kind(config).check(config, records)
    reward = open_reward(config, "cpu")
    try:
        result = reward.score(RewardBatch(records, list(responses)))
        assert set(result.components) == {part.name for part in reward.parts}
        assert [part.name for part in reward.parts] == [part.name for part in reward_kind(config).parts(config)]  # fmt: skip
    finally:
        reward.close()
    return result


NAME = {"type": "string_check", "input": "{{ sample.output_json.name }}", "reference": "{{ item.name }}", "operation": "eq"}  # fmt: skip
NEAR = {"type": "text_similarity", "input": "{{ sample.output_text }}", "reference": "{{ item.reference }}", "evaluation_metric": "rouge_1"}  # fmt: skip
BOTH = {"type": "multi", "graders": {"name": NAME, "near": NEAR}, "calculate_output": "(name + near) / 2"}  # fmt: skip


def test_several_graders_are_put_together_by_the_formula() -> None:
    result = scored(reward_of(BOTH), ['{"name": "cat"}', "the cat", '{"name": null}'], name="cat")
    assert result.components["grader_name"].tolist() == [1, 0, 0]
    assert result.components["missing"].tolist() == [0, 1, 1]
    near = result.components["grader_near"]
    assert near[1] == 1
    assert result.scores == pytest.approx((result.components["grader_name"] + near) / 2)


def test_what_is_missing_may_be_left_unscored() -> None:
    config = reward_of(NAME, missing_output="unscored")
    result = scored(config, ['{"name": "dog"}', "text"], name="cat")
    assert result.scores[0] == 0
    assert math.isnan(result.scores[1])
    assert result.components["missing"].tolist() == [0, 1]


def test_a_formula_without_a_value_leaves_unscored(caplog: pytest.LogCaptureFixture) -> None:
    config = reward_of({**BOTH, "calculate_output": "name / near"})
    result = scored(config, ["zzz", '{"name": "cat"}'], name="cat")
    assert math.isnan(result.scores[0])
    assert result.scores[1] == 1 / result.components["grader_near"][1]
    assert "calculate_output has no value for 1 of 2 responses: name / near" in caplog.text


def test_a_row_without_what_is_asked_for_is_refused() -> None:
    config = reward_of(BOTH)
    rows = [*records_of(1, name="cat"), *records_of(2, nmae="cat"), *records_of(1, name=None)]
    with pytest.raises(DataError) as caught:
        reward_kind(config).check(config, rows)
    assert str(caught.value) == (
        "my.jsonl:1: reward.grader.graders.name.reference: the row has no item.name, or it is null; it has prompt, messages, reference, "
        "references, id, category, nmae; did you mean nmae?; the column that a layout reads as the answer is item.reference "
        "(3 of 4 rows lack such a value)"
    )
    assert len(caught.value.problems) == 3


SCORE = {
    "type": "score_model",
    "model": "of-the-file",
    "input": [
        {"role": "developer", "content": "{{ sample.output_text }}"},
        {"role": "user", "content": [{"type": "input_text", "text": "{{ item.reference }}"}, "!"]},
    ],
    "range": [-1, 2],
    "sampling_params": {"seed": 4, "max_completions_tokens": 99},
}


def answer(result: object) -> Reply:
    steps = [{"description": "d", "conclusion": "c"}]
    return Reply(json.dumps({"steps": steps, "result": result}))


REPLIES: Mapping[str, Reply] = {
    "good": answer(1.5),
    "integer": answer(1),
    "high": answer(3),
    "low": answer(-7.5),
    "words": Reply("I would say 0.7"),
    "text": answer("1"),
    "true": answer(True),
    "nan": Reply('{"result": NaN}'),
    "huge": Reply('{"result": 1' + "0" * 400 + "}"),
    "none": Reply("{}"),
    "list": Reply("[1]"),
    "empty": Reply(""),
    "broken": Reply(status=400),
}


def test_a_model_scores_and_nonsense_is_unscored(caplog: pytest.LogCaptureFixture) -> None:
    with chat_server(lambda text, _: REPLIES[text]) as server:
        config = reward_of(SCORE, endpoint={"url": server.url, "retries": 0})
        result = scored(config, list(REPLIES))
    expected = {"good": 1.5, "integer": 1, "high": 2, "low": -1}
    assert dict(zip(REPLIES, result.scores.tolist(), strict=True)) == pytest.approx(
        {name: expected.get(name, math.nan) for name in REPLIES}, nan_ok=True
    )
    assert result.num_unscored == len(REPLIES) - 4
    assert dict(zip(REPLIES, result.components["clipped"], strict=True)) == {name: float(name in {"high", "low"}) for name in REPLIES}  # fmt: skip
    assert f"the grader could not grade {len(REPLIES) - 4} of {len(REPLIES)} responses; the most frequent cause, of 1:" in caplog.text  # fmt: skip
    request = next(one for one in server.requests if one["messages"][0]["content"] == "good")
    assert request["model"] == "of-the-file"
    assert request["messages"] == [{"role": "developer", "content": "good"}, {"role": "user", "content": "the cat!"}]  # fmt: skip
    assert request["seed"] == 4
    assert request["max_completion_tokens"] == 99
    assert "temperature" not in request
    shape = request["response_format"]["json_schema"]
    assert shape["strict"] is True
    assert shape["schema"]["required"] == ["steps", "result"]
    assert shape["schema"]["properties"]["result"] == {"type": "number"}


def test_what_a_model_is_asked_for_is_a_schema_that_its_answer_holds() -> None:
    import jsonschema

    from rlsr.config.graders import parse_grader
    from rlsr.rewards.graders.models import request

    leaf: Any = parse_grader(SCORE).leaves[""]
    schema = request(leaf, ["a", "b", "c"], "m")["response_format"]["json_schema"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"steps": [{"description": "d", "conclusion": "c"}], "result": 1.5}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"steps": [], "result": "1"}, schema)


def test_a_model_chooses_labels() -> None:
    grader = {
        "type": "label_model",
        "model": "m",
        "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
        "labels": ["good", "fair", "bad"],
        "passing_labels": ["good", "fair"],
    }
    with chat_server(lambda text, _: answer(text)) as server:
        config = reward_of(grader, endpoint={"url": server.url, "model": "of-the-config"})
        result = scored(config, ["good", "fair", "bad", "Good", "other"])
    assert result.scores.tolist() == pytest.approx([1, 1, 0, math.nan, math.nan], nan_ok=True)
    assert {request["model"] for request in server.requests} == {"of-the-config"}
    assert set(server.keys) == {None}


def test_what_is_missing_is_not_asked_about() -> None:
    grader = {**SCORE, "input": [{"role": "user", "content": "{{ sample.output_json.x }}"}]}
    with chat_server(lambda text, _: answer(1)) as server:
        config = reward_of(grader, endpoint={"url": server.url})
        result = scored(config, ["no JSON", '{"x": "y"}'])
    assert result.scores.tolist() == [-1, 1]
    assert server.texts == ["y"]


def test_the_key_is_read_before_anything_is_loaded() -> None:
    config = reward_of(SCORE, endpoint={"url": "http://localhost:1/v1", "api_key_env": "NO_SUCH_KEY"})  # fmt: skip
    with pytest.raises(ConfigError, match=r"reward\.endpoint\.api_key_env: the environment variable NO_SUCH_KEY must hold the key"):  # fmt: skip
        reward_kind(config).check(config, [])


CODE = """
def grade(sample, item):
    if sample["output_text"] == "bad":
        raise ValueError("no")
    if sample["output_text"] == "nan":
        return float("nan")
    return item["weight"] * len(sample["choices"][0]["message"]["content"])
"""


@ON_LINUX
def test_code_grades_and_what_it_fails_on_is_unscored(caplog: pytest.LogCaptureFixture) -> None:
    config = reward_of({"type": "python", "source": CODE}, allow_python=True, sandbox="limits")
    with caplog.at_level(logging.WARNING):
        result = scored(config, ["abcd", "bad", "nan", ""], weight=0.5)
    assert result.scores.tolist() == pytest.approx([2, math.nan, math.nan, 0], nan_ok=True)
    assert "the grader could not grade 2 of 4 responses; the most frequent cause, of 1: ValueError: no, line 4" in caplog.text  # fmt: skip
    assert "the grader's Python code runs in the sandbox limits, which holds back its" in caplog.text  # fmt: skip


@ON_LINUX
def test_code_that_cannot_be_started_is_named() -> None:
    config = reward_of(
        {"type": "multi", "graders": {"a": {"type": "python", "source": "import nothing_there\ndef grade(a, b): return 1"}}, "calculate_output": "a"},
        allow_python=True, sandbox="limits",
    )  # fmt: skip
    with pytest.raises(RewardError) as caught:
        open_reward(config, "cpu")
    assert str(caught.value) == (
        "reward.grader.graders.a.source: it could not be started: ModuleNotFoundError: No module named 'nothing_there', line 1; mend the "
        "code, or what it imports"
    )


def test_a_grader_describes_itself() -> None:
    kind = reward_kind(reward_of(BOTH))
    assert kind.describe(reward_of(BOTH)) == (
        "the multigrader (name + near) / 2, where name is string_check (eq), near is text_similarity (rouge_1)"
    )
    cosine = reward_of({**NEAR, "evaluation_metric": "cosine"})
    assert kind.describe(cosine) == "the grader text_similarity (cosine, builtin:wordllama)"
    assert kind.seen_metrics(cosine) == {"reward", "similarity"}
    assert kind.seen_metrics(reward_of({**NEAR, "evaluation_metric": "bleu"})) == {"reward", "bleu"}
    assert kind.parts(cosine)[0].column == "reward/share_missing"
    assert [part.column for part in kind.parts(reward_of(BOTH))][:2] == ["reward/grader_name", "reward/grader_near"]  # fmt: skip


def test_ways_of_asking_change_no_scorer() -> None:
    kind = reward_kind(reward_of(NEAR))
    ask = {"url": "http://localhost:8000/v1"}
    one = reward_of(SCORE, endpoint=ask)
    other = reward_of(SCORE, endpoint={**ask, "concurrency": 2, "retries": 9})
    assert kind.heldout_metrics(one) == kind.heldout_metrics(other)
    assert kind.heldout_metrics(one) != kind.heldout_metrics(reward_of(SCORE, endpoint={**ask, "model": "b"}))  # fmt: skip
    assert kind.heldout_metrics(reward_of(NEAR)) != kind.heldout_metrics(reward_of(NEAR, missing_output="unscored"))  # fmt: skip
