"""Secrets are found in settings, and taken out of what people and files get to see."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config import load_config
from rlsr.config.load import config_from_table
from rlsr.errors import ConfigError
from rlsr.secrets import places_of_secrets, redact

SECRET = "s3cr3t-Value/99"
NONE: dict[str, str] = {}


@pytest.mark.parametrize(
    "text",
    [
        "https://user:{}@host/v1", "https://{}@host/v1", "GET /v1?api_key={}&n=1 failed", "http://h/v1?n=1&token={}", "http://h/?key={}",
        "reward.options.api_key={}", "api_key: '{}'" .replace("api_key", "'api_key'"), '{{"openai_api_key": "{}", "n": 1}}', "{{n: 1, hf_token: {}}}",
        "--password={}", "Authorization: Bearer {}", "HUB_TOKEN = '{}'",
    ],
)  # fmt: skip
def test_what_stands_where_a_secret_stands_is_taken_out(text: str) -> None:
    secret = SECRET.replace("/", "-")
    found = redact(text.format(secret), environment=NONE)
    assert secret not in found
    assert "[secret]" in found
    assert redact(found, environment=NONE) == found, "once is enough"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop1234", "hf_abcdefghijklmnopqrst", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeKKF2Q", "xoxb-123456789012-abc", "AIzaSyA0123456789abcdefghijklmnopqrstu",
    ],
)  # fmt: skip
def test_keys_are_known_by_the_way_that_they_are_written(secret: str) -> None:
    assert redact(f"it said: {secret}.", environment=NONE) == "it said: [secret]."


@settings(max_examples=30)
@given(st.text(min_size=1), st.text(alphabet="abcdefgh0123456789-_/+=", min_size=8), st.text())
def test_values_of_variables_are_taken_out_wherever_they_stand(
    before: str, secret: str, after: str
) -> None:
    secret = f"x{secret}"
    found = redact(f"{before}{secret}{after}", environment={"OPENAI_API_KEY": secret})
    assert secret not in found.replace("[secret]", "\0")


@pytest.mark.parametrize(
    "text",
    [
        "reward.options.api_key: must hold no key, password or token", "api_key_env: name the variable, as in OPENAI_API_KEY", "max_tokens=128",
        "tokens/response: 12", "the eos_token is <|im_end|>", "eos_token=<|im_end|>", "http://localhost:8000/v1/chat/completions",
        "hf://datasets/user/set@main", "user@host.example", "token", "a bearer of news", "seed=3 method.num_generations=4",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text, environment=NONE) == text


def test_short_values_and_paths_of_variables_stay() -> None:
    environment = {"API_KEY": "on", "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json", "PWD": "/home/me/work", "LANG": "en_GB.UTF-8"}  # fmt: skip
    text = "on /home/me/key.json in /home/me/work, en_GB.UTF-8"
    assert redact(text, environment=environment) == text


@pytest.mark.parametrize("text", ["x" * 100_000, "a." * 50_000, "api_" * 25_000, "'" * 50_000, ",{" * 50_000])  # fmt: skip
def test_long_texts_take_no_time(text: str) -> None:
    started = time.process_time()
    redact(text, environment=NONE)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("reward={type: python, function: a:b, options: {api_key: abc}}", "reward.options.api_key"),
        ("reward={type: python, function: a:b, options: {headers: [{Authorization: Basic abc}]}}", "reward.options.headers.0.Authorization"),
        ("reward={type: python, function: a:b, options: {note: sk-abcdefghijklmnopqrst}}", "reward.options.note"),
        ("reward={type: python, function: a:b, options: {token: abcdefgh-12345678}}", "reward.options.token"),
        ("engine.options.hub_token=hf_abcdefghijklmnopqrst", "engine.options.hub_token"),
        ("data.path=https://me:abcabc@host/rows.jsonl", "data.path"),
        ("model.name=https://host/model?token=abcabc", "model.name"),
    ],
)  # fmt: skip
def test_a_config_holds_no_secret(override: str, place: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(overrides=[override])
    assert str(error.value).startswith(f"{place}: must hold no key")
    assert "environment variable" in str(error.value)
    assert "abc" not in str(error.value).replace("api_key", ""), "the secret is not shown"


def test_a_config_holds_no_value_of_a_secret_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCORES_TOKEN", "quite-unsuspicious")
    reward = {"type": "python", "function": "a:b", "options": {"extra": "=quite-unsuspicious"}}
    with pytest.raises(ConfigError, match=r"^reward\.options\.extra: must hold no key"):
        config_from_table({"reward": reward})


def test_names_of_variables_and_of_tokens_are_settings() -> None:
    options = {"api_key_env": "OPENAI_API_KEY", "token": "[SEP]", "pad_token": "<pad>", "secret": "", "password_file": "/run/x", "api_key": None}  # fmt: skip
    assert not list(places_of_secrets({"reward": {"options": options}}))


@pytest.mark.parametrize("query", ["?api_key=abcabc", "?api-version=abcabc", "#abcabc"])
def test_an_endpoint_has_no_query(query: str) -> None:
    endpoint = f"{{type: endpoint, model: m, url: 'http://h/v1{query}'}}"
    with pytest.raises(ConfigError) as error:
        load_config(overrides=[f"reward={{type: logic, translator: {endpoint}}}"])
    assert "reward.translator.url: must" in str(error.value)
    assert "abcabc" not in str(error.value)
