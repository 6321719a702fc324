"""A translator behind an address, against a server on this machine."""

from pathlib import Path

import pytest

from chat_server import PROMPT, ChatServer, Reply, chat_server, formula_by_rule
from rlsr.config.translator import EndpointTranslator
from rlsr.errors import ConfigError, RemoteError, RlsrError
from rlsr.rewards.endpoint_translator import EndpointTranslatorClient


def client(server: ChatServer, **settings: object) -> EndpointTranslatorClient:
    table = {"url": server.url, "model": "m", "prompt": PROMPT, "retries": 0, **settings}
    return EndpointTranslatorClient(EndpointTranslator.model_validate(table))


def test_what_is_asked_and_what_comes_back() -> None:
    with chat_server() as server:
        found = client(server, max_tokens=7).translate(["the cat", "a {text} \ud83d"])
    assert found == [formula_by_rule("the cat"), formula_by_rule("text")]
    request = next(request for request in server.requests if "cat" in str(request))
    assert request == {
        "path": "/v1/chat/completions",
        "model": "m",
        "messages": [{"role": "user", "content": "Translate: the cat"}],
        "max_tokens": 7,
        "temperature": 0,
    }
    assert server.keys == [None, None]


def test_nothing_is_asked_about_nothing() -> None:
    with chat_server() as server:
        assert client(server).translate([]) == []
    assert server.requests == []


def test_answers_come_in_the_order_of_the_texts_whoever_is_first() -> None:
    texts = [f"word{'x' * row}" for row in range(12)]

    def slowest_first(text: str, _: int) -> Reply:
        return Reply(formula_by_rule(text), delay_s=(12 - texts.index(text)) / 100)

    with chat_server(slowest_first) as server:
        found = client(server, concurrency=6).translate(texts)
    assert found == [formula_by_rule(text) for text in texts]
    assert sorted(server.texts) == sorted(texts)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    def second_time(text: str, before: int) -> Reply:
        return (
            Reply(text, status=status, headers={"Retry-After": "0"}) if not before else Reply("P")
        )

    with chat_server(second_time) as server:
        assert client(server, retries=1).translate(["a", "b"]) == ["P", "P"]
    assert server.times == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500, body="overload"),
        Reply(status=400, body="too long"),
        Reply(body="<html>"),
        Reply(body='{"choices": []}'),
        Reply(body='["choices"]'),
        Reply(delay_s=0.6),
    ],
    ids=["500", "400", "no json", "no choice", "a list", "slow"],
)
def test_a_request_that_fails_is_no_translation(
    reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    with chat_server(lambda text, _: reply if text == "bad" else Reply("P")) as server:
        found = client(server, timeout_s=0.3).translate(["good", "bad", "fine"])
    assert found == ["P", None, "P"]
    assert "1 of 3 texts could not be translated" in caplog.text


def test_a_model_that_says_nothing_has_answered() -> None:
    with chat_server(lambda *_: Reply(None)) as server:
        assert client(server).translate(["a"]) == [""]


def test_where_nothing_succeeds_the_cause_is_told() -> None:
    with chat_server(lambda *_: Reply(status=500, body="out of\nmemory")) as server:
        with pytest.raises(RemoteError) as caught:
            client(server, retries=1).translate(["a", "b"])
        assert str(caught.value) == (
            f"reward.translator.url: none of 2 texts could be translated at {server.url} (status 500, out of memory); see that "
            "the server runs and can keep up, then go on with --resume: what was translated before is kept"
        )
        assert server.times == {"a": 2, "b": 2, "All cats are animals.": 2}
    with pytest.raises(RemoteError, match=r"none of 1 .*Connection"):
        client(server).translate(["a"])


def test_texts_that_the_server_cannot_read_do_not_end_it() -> None:
    def short(text: str, _: int) -> Reply:
        return Reply("P", status=400 if len(text) > 30 else 200)

    with chat_server(short) as server:
        asked = client(server)
        assert asked.translate(["long " * 20, "longer " * 20]) == [None, None]
        assert asked.translate(["short", "long " * 20]) == ["P", None]


@pytest.mark.parametrize(
    ("status", "setting", "way_out"),
    [
        (401, "api_key_env", "name the variable that holds a key"),
        (403, "api_key_env", "name the variable that holds a key"),
        (404, "model", "check the address, and that the server has 'm'"),
    ],
)
def test_a_refusal_ends_it_at_once(status: int, setting: str, way_out: str) -> None:
    texts = [f"t{number}" for number in range(50)]
    with (
        chat_server(lambda *_: Reply(status=status, delay_s=0.02)) as server,
        pytest.raises(RemoteError) as caught,
    ):
        client(server, retries=3, concurrency=2).translate(texts)
    assert str(caught.value).startswith(f"reward.translator.{setting}: ")
    assert f"status {status}" in str(caught.value)
    assert way_out in str(caught.value)
    assert isinstance(caught.value, RlsrError)
    assert len(server.requests) < 25


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", " secret\n")
    with chat_server() as server:
        asked = client(server, api_key_env="KEY_OF_TEST")
        asked.translate(["the cat"])
    assert server.keys == ["Bearer secret"]
    assert "secret" not in asked.identity
    monkeypatch.setenv("KEY_OF_TEST", "")
    with pytest.raises(ConfigError, match="variable KEY_OF_TEST must hold the key, but is not set"):
        client(server, api_key_env="KEY_OF_TEST")


def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", "secret")
    with (
        chat_server(lambda *_: Reply(status=401)) as server,
        pytest.raises(RemoteError, match="check the key in KEY_OF_TEST") as caught,
    ):
        client(server, api_key_env="KEY_OF_TEST").translate(["a"])
    assert "secret" not in str(caught.value)


def test_no_other_credentials_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    with chat_server() as server:
        client(server).translate(["the cat"])
    assert server.keys == [None]


def test_what_changes_a_translation_is_in_the_identity() -> None:
    with chat_server() as server:
        same = client(server).identity
        assert client(server, retries=3, concurrency=2, timeout_s=1.0).identity == same
        for change in ({"model": "n"}, {"prompt": "{text}"}, {"max_tokens": 3}):
            assert client(server, **change).identity != same
