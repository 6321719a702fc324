"""Encoders behind servers, as configs name them."""

from typing import Any

import pytest

from rlsr.config import RunConfig, load_config
from rlsr.config.embedding import (
    EndpointEmbedding,
    SentenceTransformersEmbedding,
    StaticEmbedding,
    embedding_named,
    vector_settings,
)
from rlsr.config.load import config_from_table
from rlsr.errors import ConfigError

URL = "http://localhost:8000/v1"
SERVER = EndpointEmbedding(url=URL, model="m")
INDEPENDENT = "evaluation.independent_embedding"


def message_of(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=list(overrides))
    return str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [f"embedding={URL}#m"],
        [f"embedding.model={URL}/#m"],
        [f"embedding.url={URL}", "embedding.model=m"],
        ["embedding.model=m", f"embedding.url={URL}"],
        ["embedding.type=endpoint", f"embedding.url={URL}", "embedding.model=m"],
        ["embedding.model=m", f"embedding.url={URL}", "embedding.type=endpoint"],
        ["embedding.model=m", "embedding.type=endpoint", f"embedding.url={URL}"],
        ["embedding=builtin:minilm", "embedding.max_tokens=64", f"embedding={URL}#m"],
        [f"embedding={URL}#other", "embedding.model=m"],
        [f"embedding={{url: '{URL}', model: m}}"],
    ],
)
def test_ways_to_name_one(overrides: list[str]) -> None:
    assert load_config(overrides=overrides).embedding == SERVER


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ("builtin:minilm", SentenceTransformersEmbedding(model="builtin:minilm")),
        ("builtin:wordllama", StaticEmbedding()),
        (f"{URL}#org/b:latest", EndpointEmbedding(url=URL, model="org/b:latest")),
    ],
)
def test_an_encoder_of_its_own_place_takes_the_place_of_a_server(
    encoder: str, expected: object
) -> None:
    settings = ["evaluation.independent_embedding=null", f"embedding={URL}#m", "embedding.prompt=Q"]
    found = load_config(overrides=[*settings, f"embedding={encoder}"]).embedding
    if isinstance(found, EndpointEmbedding):
        found = found.model_copy(update={"prompt": None})
    assert found == expected


@pytest.mark.parametrize(
    "value",
    [f"{URL}#m", f"{{type: endpoint, url: '{URL}', model: m}}", f"{{url: '{URL}', model: m}}"],
)
def test_the_independent_encoder_may_be_one(value: str) -> None:
    config = load_config(overrides=[f"{INDEPENDENT}={value}"])
    assert config.independent_embedding == SERVER
    assert config_from_table(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"embedding={URL}"], "embedding.model: is missing"),
        ([f"embedding.url={URL}"], "embedding.model: is missing"),
        ([f"{INDEPENDENT}={URL}"], f"{INDEPENDENT}.model: is missing"),
        ([f"{INDEPENDENT}.url={URL}/embeddings", f"{INDEPENDENT}.model=m"], f"{INDEPENDENT}.url: must end before /embeddings, which is added"),
        ([f"{INDEPENDENT}={{url: '{URL}', model: m, dimension: 3}}"], f"{INDEPENDENT}.dimension: unknown setting; did you mean {INDEPENDENT}.dimensions?"),
        ([f"{INDEPENDENT}=5"], f"{INDEPENDENT}: must be a valid string, got 5"),
        (["embedding.type=endpoint", "embedding.model=m"], "embedding.url: is missing"),
        ([f"embedding={URL}#m", "embedding.dimensions=0"], "embedding.dimensions: must be greater than or equal to 1, got 0"),
        ([f"embedding={URL}#m", "embedding.max_tokens=64"], "embedding.max_tokens: a setting of the embedding sentence-transformers, and the embedding is endpoint"),
        (["embedding.dimensions=64"], "embedding.dimensions: a setting of the embedding endpoint, and the embedding is static; name it as well"),
        ([f"embedding={URL}#m", f"{INDEPENDENT}=http://other/v1#m"], f"{INDEPENDENT}: must not be the reward's encoder 'm'"),
    ],
)  # fmt: skip
def test_what_is_refused(overrides: list[str], message: str) -> None:
    assert message in message_of(*overrides)


@pytest.mark.parametrize("key", ["embedding", INDEPENDENT])
def test_a_password_in_an_address_is_refused_and_not_shown(key: str) -> None:
    message = message_of(f"{key}=http://me:hunter2secret@host/v1#m")
    assert "hunter2" not in message
    with pytest.raises(ConfigError, match="as in http://localhost") as caught:
        embedding_named("http://me:hunter2secret@host/v1#m")
    assert "hunter2" not in str(caught.value)


def test_a_name_alone() -> None:
    assert embedding_named(f"{URL}#m") == SERVER == embedding_named(SERVER)
    assert SERVER.name == f"{URL}#m"
    with pytest.raises(ConfigError, match=r"is named as in .*; model: is missing"):
        embedding_named(URL)


@pytest.mark.parametrize(
    ("change", "is_the_same"),
    [
        ({"timeout_s": 3.0, "retries": 1, "concurrency": 2, "texts_per_request": 1, "api_key_env": "K"}, True),
        ({"dimensions": 3}, False),
        ({"prompt": "Q"}, False),
        ({"url": "http://other/v1"}, False),
    ],
)  # fmt: skip
def test_how_it_is_asked_makes_no_other_scorer(change: dict[str, Any], is_the_same: bool) -> None:
    other = EndpointEmbedding.model_validate({**SERVER.model_dump(), **change})
    assert (vector_settings(other) == vector_settings(SERVER)) is is_the_same


def test_where_the_rewards_encoder_is_one_the_independent_is_built_in() -> None:
    assert RunConfig(embedding=SERVER).independent_embedding == "builtin:wordllama"
