"""What is asked and answered over HTTP, as JSON."""

import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.errors import DataError
from rlsr.serving.contracts import (
    read_queries,
    read_rows,
    read_texts,
    write_rewards,
    write_scores,
    write_vectors,
)
from rlsr.serving.openrlhf import read_query
from rlsr.serving.service import RowScore

CHATML = "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_a_row_has_everything_that_a_reward_reads() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    body = {
        "rows": [
            {"prompt": messages, "response": "", "references": ["a", "b", "a"], "ended": False, "tolerance": 3},
            {"prompt": "Why?", "response": "So.", "reference": "b", "references": ["a", "b"]},
        ]
    }  # fmt: skip
    first, second = read_rows(body)
    assert first.record.prompt.startswith("Be brief.") or "Be brief." in first.record.prompt
    assert first.record.references == ("a", "b")
    assert first.record.columns == {"tolerance": 3}
    assert (first.response, first.ended) == ("", False)
    assert second.record.references == ("b", "a"), "the one that is named stands first"
    assert second.ended is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "rows: must be a list.*got a list"),
        ({}, "rows: must be a list.*got null"),
        ({"rows": ["a"]}, "row 1: must be an object.*got the text"),
        ({"rows": [{"prompt": "a", "reference": "b"}]}, "row 1: the response must be a text"),
        ({"rows": [{"prompt": "a", "response": "b"}]}, "row 1: missing field: `reference`"),
        ({"rows": [{"response": "b", "reference": "c"}]}, "row 1: missing field: `prompt`"),
        ({"rows": [{"prompt": "a", "response": "b", "references": []}]}, "`references` must be a list of texts"),
        ({"rows": [{"prompt": "a", "response": "b", "references": ["c", ""]}]}, "reference 2 of `references` holds no text"),
        ({"rows": [{"prompt": "a", "response": "b", "references": [1]}]}, "reference 1 of `references` must be text"),
        ({"rows": [{"prompt": "a", "response": "\ud800", "reference": "c"}]}, "half of a surrogate pair"),
        ({"rows": [{"prompt": "a", "response": "b", "reference": "c", "ended": "no"}]}, "`ended` must be true, false or null"),
        ({"rows": [{"prompt": "a", "response": "b", "reference": "c", "x": math.inf}]}, "JSON cannot hold"),
    ],
)  # fmt: skip
def test_rows_of_another_form_are_refused(body: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(body)


def test_unscored_is_null_and_never_0() -> None:
    scores = [RowScore(0.0, {"cosine": None}), RowScore(None, {"cosine": 0.5})]
    written = json.loads(json.dumps(write_scores(scores)))
    assert written == {
        "rows": [
            {"score": 0.0, "parts": {"cosine": None}},
            {"score": None, "parts": {"cosine": 0.5}},
        ]
    }
    assert write_rewards(scores, None) == {"rewards": [0.0, None], "scores": [0.0, None]}
    assert write_rewards(scores, -1.0)["rewards"] == [0.0, -1.0]


@given(
    question=TEXTS,
    response=st.text("ab <|>/s\n.", max_size=60),
    end=st.sampled_from(["<|im_end|>", "</s>", "<|eot_id|>\n", "<|im_end|>\n<|endoftext|>", ""]),
    lost=st.integers(0, 30),
)
def test_a_response_is_found_behind_its_prompt_with_or_without_its_end(
    question: str, response: str, end: str, lost: int
) -> None:
    prompt = CHATML.format(question=question)
    # Whatever a response ends with that looks like a special token is taken for one.
    bare = read_query(prompt + response, prompt, "reference", place="it").response
    read = read_query(prompt[lost:] + bare + end, prompt, "reference", place="it")
    assert read.response.rstrip() == bare.rstrip()
    assert response.startswith(bare)
    if end:
        assert read.ended
    if "<" not in response and not end:
        assert (read.response, read.ended) == (response, False)


def test_openrlhf_asks_in_lists() -> None:
    prompt = CHATML.format(question="Why?")
    body = {"query": [f"{prompt}So.<|im_end|>"], "prompts": [prompt], "labels": [["a", "b"]]}
    (row,) = read_queries(body)
    assert (row.response, row.ended, row.record.references) == ("So.", True, ("a", "b"))
    assert read_queries({"query": [], "prompts": [], "labels": []}) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"prompts": [], "labels": []}, "query: must be a list"),
        ({"query": ["a"], "prompts": ["a"], "labels": []}, "one entry a response, got 1, 1, 0"),
        ({"query": ["b"], "prompts": ["a"], "labels": ["c"]}, "query 1: the query must begin with its prompt"),
        ({"query": [1], "prompts": ["a"], "labels": ["c"]}, "query 1: query and prompt must be texts"),
        ({"query": ["ab"], "prompts": ["a"], "labels": [None]}, "--data.label_key"),
    ],
)  # fmt: skip
def test_queries_of_another_form_are_refused(body: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_queries(body)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8))
def test_vectors_come_back_to_the_last_bit(numbers: list[float]) -> None:
    vector = np.array(numbers, dtype=np.float32)
    for as_base64 in (True, False):
        (row,) = json.loads(json.dumps(write_vectors([vector], "m", as_base64=as_base64)))["data"]
        given_back = row["embedding"]
        if as_base64:
            back = np.frombuffer(base64.b64decode(given_back), dtype="<f4")
        else:
            back = np.array(given_back, dtype=np.float32)
        np.testing.assert_array_equal(back, vector)


def test_what_is_no_number_is_null_in_a_vector() -> None:
    vector = np.array([np.nan, 1], dtype=np.float32)
    assert write_vectors([vector], "m", as_base64=False)["data"][0]["embedding"] == [None, 1.0]


def test_texts_come_alone_or_in_a_list() -> None:
    assert read_texts({"input": "a", "model": "any"}) == (["a"], False)
    assert read_texts({"input": ["a", ""], "encoding_format": "base64"}) == (["a", ""], True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "input: must be a list, a text or a list of texts"),
        ([], "input: must be a list"),
        ({"input": [1]}, "input: text 1 must be text"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format: must be float or base64"),
        ({"input": "a", "dimensions": 8}, "dimensions: the vectors have those of the encoder"),
    ],
)
def test_texts_of_another_form_are_refused(body: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_texts(body)
