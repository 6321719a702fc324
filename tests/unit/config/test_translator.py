"""The settings of a translator, and what is said of wrong ones."""

import pytest

from rlsr.config import config_from_table, load_config
from rlsr.config.reward import LogicReward
from rlsr.config.translator import EndpointTranslator, ModelTranslator
from rlsr.errors import ConfigError

ENDPOINT = "reward.translator={type: endpoint, url: 'http://h:1/v1/', model: m}"


def reward_of(*overrides: str) -> LogicReward:
    reward = load_config(overrides=["reward=logic", *overrides]).reward
    assert isinstance(reward, LogicReward)
    return reward


@pytest.mark.parametrize(
    "override",
    [
        "reward.translator=org/model",
        "reward.translator.name=org/model",
        "reward.translator={type: model, name: org/model}",
    ],
)
def test_a_translator_may_be_named_alone(override: str) -> None:
    assert reward_of(override).translator == ModelTranslator(name="org/model")


def test_a_translator_of_another_type_starts_anew() -> None:
    expected = EndpointTranslator(url="http://h:1/v1", model="m")
    assert reward_of(ENDPOINT).translator == expected
    first = ["reward.translator=org/model", "reward.translator.batch_size=3"]
    assert reward_of(*first, ENDPOINT).translator == expected
    assert reward_of(ENDPOINT, *first).translator == ModelTranslator(name="org/model", batch_size=3)
    assert reward_of(*first, "reward.translator=null").translator is None


def test_a_config_is_read_back_as_it_was() -> None:
    for override in ("reward.translator=org/model", ENDPOINT, "reward.translator=null"):
        config = load_config(overrides=["reward=logic", override])
        assert config_from_table(config.model_dump(mode="json")) == config


def test_the_text_takes_its_place_and_nothing_else_changes() -> None:
    translator = ModelTranslator(name="m", prompt='{"a": {}} {text} {x}')
    assert translator.question("{text} {y}") == '{"a": {}} {text} {y} {x}'
    assert ModelTranslator(name="m").question("Rain.").endswith("\n\nRain.")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "reward.translator={name: m, prompt: 'Say {texts}'}",
            "reward.translator.prompt: must have {text} exactly once, where the text comes, got it 0 times in 'Say {texts}'",
        ),
        (
            "reward.translator={name: m, prompt: '{text}{text}'}",
            "reward.translator.prompt: must have {text} exactly once, where the text comes, got it 2 times in '{text}{text}'",
        ),
        ("reward.translator={batch_size: 3}", "reward.translator.name: is missing"),
        (
            "reward.translator={name: m, promt: '{text}'}",
            "reward.translator.promt: unknown setting; did you mean reward.translator.prompt?",
        ),
        (
            "reward.translator={name: m, zzz: 1}",
            "reward.translator.zzz: unknown setting; the settings here are batch_size, chat_template_kwargs, dtype, max_tokens, "
            "name, prompt, revision, trust_remote_code, type",
        ),
        (
            "reward.translator={name: m, url: 'http://h'}",
            "reward.translator.url: a setting of the translator endpoint, and the translator is model; name it as well, as in "
            "reward.translator.type=endpoint",
        ),
        (
            "reward.translator={type: endpont}",
            "reward.translator.type: must be 'model', 'endpoint', got 'endpont'; did you mean endpoint?",
        ),
        ("reward.translator={type: endpoint, model: m}", "reward.translator.url: is missing"),
        (
            "reward.translator={type: endpoint, model: m, url: localhost}",
            "reward.translator.url: must be an address of http or https, as in http://localhost:8000/v1, got 'localhost'",
        ),
        (
            "reward.translator={type: endpoint, model: m, url: 'http://h/v1/chat/completions'}",
            "reward.translator.url: must end before /chat/completions, which is added, got 'http://h/v1/chat/completions'",
        ),
    ],
)
def test_what_is_said_of_a_wrong_translator(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reward_of(override)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("url: 'http://me:sk-secret@h/v1'", "must hold no key, password or token"),
        ("api_key_env: sk-secret", "must be the name of an environment variable"),
    ],
)
def test_a_secret_is_refused_and_not_shown(setting: str, rule: str) -> None:
    table = {"url: 'http://h'"} if "url" not in setting else set()
    with pytest.raises(ConfigError, match=rule) as caught:
        reward_of(f"reward.translator={{type: endpoint, model: m, {', '.join([setting, *table])}}}")
    assert "secret" not in str(caught.value)


def test_another_reward_has_no_translator() -> None:
    with pytest.raises(ConfigError, match=r"^reward\.translator: a setting of the reward logic"):
        load_config(overrides=["reward.translator=org/model"])


@pytest.mark.parametrize(
    ("overrides", "resolved", "sources"),
    [
        ([], "lowest", "formulas as written, none gets the least that a formula can get"),
        (["reward.unparsable=zero"], "zero", "formulas as written, none gets 0"),
        (
            [ENDPOINT],
            "unscored",
            "formulas translated by m at http://h:1/v1, none is left unscored",
        ),
        (
            ["reward.translator=org/model", "reward.unparsable=lowest"],
            "lowest",
            "formulas translated by org/model, none gets the least that a formula can get",
        ),
    ],
)
def test_what_is_done_about_no_formula(overrides: list[str], resolved: str, sources: str) -> None:
    reward = reward_of(*overrides)
    assert reward.resolved_unparsable == resolved
    assert reward.sources == sources
