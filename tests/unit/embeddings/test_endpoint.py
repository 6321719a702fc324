"""An encoder behind a server, against one on this machine that really encodes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_server import (
    WIDTH,
    EmbeddingServer,
    Reply,
    Rule,
    embedding_process,
    embedding_server,
    encoder,
)
from rlsr.config.embedding import EndpointEmbedding
from rlsr.embeddings import Encoding, ReferenceCache
from rlsr.embeddings.endpoint import EndpointEmbedder
from rlsr.errors import ConfigError, RemoteError
from rlsr.remote.embeddings import vectors_of

PROBE = "All cats are animals."
TEXTS = ["the cat", "a dog ran", "the cat", "", " \n", "one half", "sun and moon"]


def open_at(url: str, **settings: Any) -> EndpointEmbedder:
    table = {"url": url, "model": "m", "retries": 0, **settings}
    return EndpointEmbedder(EndpointEmbedding.model_validate(table), "embedding")


def local(texts: list[str]) -> Encoding:
    return encoder().encode(texts)


def assert_same(found: Encoding, texts: list[str]) -> None:
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(found.vectors, local(texts).vectors, atol=1e-6)


def failing(*bad: str, reply: Reply) -> Rule:
    """Give a reply to requests that hold one of some texts."""
    return lambda texts, _, right: reply if set(bad) & set(texts) else right


def test_vectors_are_those_of_the_encoder_in_the_order_of_the_texts() -> None:
    with embedding_server() as server:
        found = open_at(server.url, texts_per_request=2).encode(TEXTS)
    assert_same(found, TEXTS)
    assert not found.truncated.any()
    lengths = np.linalg.norm(found.vectors, axis=1)
    np.testing.assert_allclose(lengths[[0, 1, 5]], 1, atol=1e-6)
    assert not lengths[[3, 4]].any(), "nothing to encode"
    # Each distinct visible text once, after the short sentence.
    assert sorted(server.texts) == sorted([PROBE, "the cat", "a dog ran", "one half", "sun and moon"])  # fmt: skip
    assert sorted(len(request["input"]) for request in server.requests) == [1, 2, 2]


def test_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", " secret\n")
    settings = {
        "prompt": "Query: ", "dimensions": 64, "options": {"truncate_prompt_tokens": -1}, "api_key_env": "KEY_OF_TEST",
    }  # fmt: skip
    with embedding_server() as server:
        embedder = open_at(server.url, **settings)
        found = embedder.encode(["the cat"])
    assert found.vectors.shape == (1, 64)
    assert server.requests[-1] == {
        "path": "/v1/embeddings",
        "model": "m",
        "input": ["Query: the cat"],
        "encoding_format": "float",
        "dimensions": 64,
        "truncate_prompt_tokens": -1,
    }
    assert set(server.keys) == {"Bearer secret"}
    assert "secret" not in embedder.identity


def test_a_key_that_is_not_set_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY_OF_TEST", raising=False)
    with pytest.raises(ConfigError, match=r"embedding\.api_key_env: .* KEY_OF_TEST must hold"):
        open_at("http://localhost:9/v1", api_key_env="KEY_OF_TEST")


def test_no_texts_are_an_empty_encoding_of_the_right_width() -> None:
    with embedding_server() as server:
        embedder = open_at(server.url)
        assert embedder.encode([]).vectors.shape == (0, WIDTH)
        assert embedder.encode(["", " "]).vectors.tolist() == [[0.0] * WIDTH] * 2
    assert server.texts == [PROBE]


@pytest.mark.slow
def test_of_a_thousand_requests_that_go_wrong_in_all_ways_none_is_lost_or_mismatched() -> None:
    texts = [f"text {row} of {row * 7919 % 1000} and the cat {row % 13}" for row in range(2000)]
    with embedding_process("mixed") as url:
        embedder = open_at(url, texts_per_request=2, concurrency=64, retries=8)
        found = embedder.encode(texts)
    assert_same(found, texts)


def test_of_requests_that_go_wrong_in_all_ways_none_is_lost_or_mismatched() -> None:
    texts = [f"text {row} and the cat {row % 13}" for row in range(150)]
    with embedding_process("mixed") as url:
        assert_same(
            open_at(url, texts_per_request=2, concurrency=32, retries=8).encode(texts), texts
        )


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(status=500, body="overload"), "status 500, overload"),
        (Reply(body="<html>"), "no JSON in the answer"),
        (Reply(body='{"data": {}}'), "no list `data` in the answer"),
        (Reply([]), "0 vectors in the answer to 1 texts"),
        (Reply([{"index": 0, "embedding": [1.0]}]), "vectors of 1 numbers where 256 was expected"),
        (Reply([{"embedding": [1.0] * WIDTH}]), "do not each have an `index` of their own"),
        (Reply([{"index": 0, "embedding": "AAAA"}]), "no list of numbers"),
        (Reply([{"index": 0, "embedding": [1.0] * 255 + ["x"]}]), "something else than numbers"),
        (Reply(delay_s=1.6), "timed out"),
    ],
)
def test_what_fails_after_all_retries_is_unscored(
    reply: Reply, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    with embedding_server(failing("bad", reply=reply)) as server:
        found = open_at(server.url, texts_per_request=1, timeout_s=1).encode(["good", "bad", "fine"])  # fmt: skip
    assert np.isnan(found.vectors[1]).all()
    assert_same(Encoding(found.vectors[[0, 2]], found.truncated[[0, 2]]), ["good", "fine"])
    assert f"1 of 3 texts could not be encoded by {server.url} and are left unscored" in caplog.text
    assert cause in caplog.text


@pytest.mark.parametrize(
    ("number", "expected"), [(0.0, 0.0), (float("nan"), np.nan), (1e39, np.nan), (None, np.nan), (10**400, np.nan)]
)  # fmt: skip
def test_a_vector_without_a_direction_is_unscored(number: Any, expected: float) -> None:
    row = {"index": 0, "embedding": [number] * WIDTH}
    with embedding_server(failing("bad", reply=Reply([row]))) as server:
        found = open_at(server.url).encode(["bad"])
    np.testing.assert_array_equal(found.vectors, np.full((1, WIDTH), expected))


def test_where_nothing_is_answered_any_more_it_ends_with_one_message() -> None:
    def then_no_more(texts: Any, _: int, right: Reply) -> Reply:
        return Reply(status=503, body="bye") if server.times["a dog"] else right

    with embedding_server(then_no_more) as server:
        embedder = open_at(server.url)
        embedder.encode(["the cat"])
        with pytest.raises(RemoteError) as caught:
            embedder.encode(["a dog", "a tree"])
    assert str(caught.value) == (
        f"embedding.url: no vector of a short sentence could be had at {server.url} (status 503, bye); see that the server runs "
        "and can keep up, and that it has this model and these settings, then go on with --resume or begin again"
    )


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(RemoteError, match=r"embedding\.url: no vector .*Connection"):
        open_at("http://127.0.0.1:9/v1").encode(["a"])


def test_texts_that_all_fail_do_not_end_it_where_the_server_answers() -> None:
    with embedding_server(failing("x", "y", reply=Reply(status=500))) as server:
        assert np.isnan(open_at(server.url).encode(["x", "y"]).vectors).all()


def test_a_text_that_is_refused_is_named_by_its_length() -> None:
    def short(texts: Any, _: int, right: Reply) -> Reply:
        is_long = any(len(text) > 50 for text in texts)
        return replace(right, status=400, body="maximum context length is 8") if is_long else right

    texts = ["short", "x" * 60, "fine", "y" * 1500]
    with embedding_server(short) as server:
        with pytest.raises(RemoteError) as caught:
            open_at(server.url).encode(texts)
        assert str(caught.value).startswith(
            f"embedding.max_characters: a text of 1,500 characters is refused at {server.url} (status 400, maximum context "
            "length is 8); set it, or lower it, to what the model reads, or let the server cut (vLLM by embedding.options="
            "{truncate_prompt_tokens: -1}"
        )
        with pytest.raises(RemoteError, match="of 1,500 characters, cut to 51, is refused"):
            open_at(server.url, max_characters=51).encode(texts)
        found = open_at(server.url, max_characters=50).encode(texts)
    assert_same(found, ["short", "x" * 50, "fine", "y" * 50])
    assert found.truncated.tolist() == [False, True, False, True]


def test_a_server_that_takes_few_texts_at_once_gets_few() -> None:
    def two(texts: Any, _: int, right: Reply) -> Reply:
        return right if len(texts) <= 2 else Reply(status=422, body="batch size 5 > 2")

    texts = ["a cat", "b", "c", "d", "e"]
    with embedding_server(two) as server:
        assert_same(open_at(server.url).encode(texts), texts)


def test_other_dimensions_than_asked_for_end_it() -> None:
    cut = failing(PROBE, reply=Reply([{"index": 0, "embedding": [1.0] * 9}]))
    with embedding_server(cut) as server, pytest.raises(RemoteError) as caught:
        open_at(server.url, dimensions=64).encode(["a"])
    assert str(caught.value) == (
        f"embedding.dimensions: vectors must have the 64 numbers that are asked for at {server.url} (the server gave 9); take a "
        "model that can be cut to fewer, or leave dimensions out, then go on with --resume or begin again"
    )


@pytest.mark.parametrize(("status", "setting"), [(401, "api_key_env"), (404, "model")])
def test_a_refusal_of_key_or_model_ends_it(status: int, setting: str) -> None:
    with (
        embedding_server(lambda *_: Reply(status=status)) as server,
        pytest.raises(RemoteError, match=rf"embedding\.{setting}: .*status {status}"),
    ):
        open_at(server.url).encode(["a"])


def test_what_failed_is_asked_for_again_and_what_did_not_is_kept(tmp_path: Path) -> None:
    def once(texts: Any, before: int, right: Reply) -> Reply:
        return Reply(status=500) if "bad" in texts and not before else right

    def cache(server: EmbeddingServer) -> ReferenceCache:
        return ReferenceCache(open_at(server.url, texts_per_request=1), tmp_path)

    with embedding_server(once) as server:
        first = cache(server)
        assert np.isnan(first.encode(["good", "bad"]).vectors[1]).all()
        assert_same(first.encode(["good", "bad"]), ["good", "bad"])
        assert_same(cache(server).encode(["good", "bad"]), ["good", "bad"])
    assert server.times["good"] == 1
    assert server.times["bad"] == 2


SETTINGS: dict[str, Any] = {
    "url": "http://h:2/v1", "model": "n", "dimensions": 2, "prompt": "Q", "max_characters": 9, "options": {"a": 1},
}  # fmt: skip


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_identity_holds_what_vectors_depend_on(setting: str) -> None:
    one, other = open_at("http://h:1/v1"), open_at(**{"url": "http://h:1/v1", setting: SETTINGS[setting]})  # fmt: skip
    assert one.identity != other.identity


def test_the_identity_leaves_out_how_a_server_is_asked() -> None:
    other = open_at("http://h/v1", timeout_s=3, concurrency=2, texts_per_request=1, retries=7)
    assert open_at("http://h/v1").identity == other.identity


# --- what an answer may be ----------------------------------------------------------------------


@given(st.permutations(range(5)), st.integers(1, 4))
def test_vectors_are_found_by_their_index(order: list[int], width: int) -> None:
    data = [{"index": index, "embedding": [float(index)] * width} for index in order]
    found = vectors_of({"data": data}, 5, width)
    assert [vector.tolist() for vector in found] == [[float(row)] * width for row in range(5)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "index", "embedding", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, st.integers(0, 3))
def test_any_other_answer_is_a_value_error(content: Any, count: int) -> None:
    try:
        found = vectors_of(content, count, None)
    except ValueError:
        return
    assert len(found) == count
    assert {row["index"] for row in content["data"]} == set(range(count))
    assert json.dumps(content)
