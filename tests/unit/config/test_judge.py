"""Settings of the reward ``judge``: what is refused, and what is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config import RunConfig, load_config
from rlsr.config.differences import is_budget
from rlsr.config.judge import AGAINST_REFERENCE, ALONE, OF_TWO, PLACEHOLDERS, JudgeReward
from rlsr.config.larger_budget import sets_budget, with_budgets
from rlsr.config.stages import load_stages
from rlsr.errors import ConfigError

ENDPOINT = "{url: 'http://localhost:8000/v1', model: m}"
JUDGE = ("reward.type=judge", f"reward.endpoint={ENDPOINT}")


def judge(*settings: str) -> JudgeReward:
    config = load_config(overrides=[*JUDGE, *settings])
    assert isinstance(config.reward, JudgeReward)
    return config.reward


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("reward.range=[10, 0]", "reward.range: must be the lowest score and a higher one, as in [0, 10], got [10.0, 0.0]"),
        ("reward.range=[1, 1]", "reward.range: must be the lowest score and a higher one"),
        ("reward.temperature=3", "reward.temperature: must be less than or equal to 2, got 3"),
        ("reward.mode=listwise", "reward.mode: must be 'pointwise' or 'pairwise', got 'listwise'"),
        ("reward.request={model: n}", "reward.request: must not set model, which is the reward's own; use reward.endpoint"),
        ("reward.endpoint.budget.calls=0", "reward.endpoint.budget.calls: must be greater than or equal to 1, got 0"),
        ("reward.endpoint.keep_answers=often", "reward.endpoint.keep_answers: must be 'at_temperature_0', 'always' or 'never'"),
        ("reward.prompt='Grade {response}.'", "reward.prompt: must have {reference}, {response} with reward.mode=pointwise and reward.against_reference=true, got none of {reference}"),
        ("reward.prompt='{response} {reference} {first}'", "reward.prompt: must not have {first} with"),
        ("reward={mode: pairwise, prompt: '{response} {reference}'}", "reward.prompt: must have {first}, {second} with reward.mode=pairwise"),
        ("reward={mode: pairwise, prompt: '{first} {second} {lowest}'}", "reward.prompt: must not have {lowest} with reward.mode=pairwise"),
        ("reward={mode: pairwise, against_reference: false}", "reward.against_reference: a pairwise judge compares with the reference, got false; use reward.mode=pointwise"),
        ("reward={against_reference: false, prompt: '{response} {reference}'}", "reward.prompt: must not have {reference} with"),
        ("reward.budget.calls=3", "reward.budget: unknown setting"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_setting_the_rule_and_the_way_out(
    setting: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        judge(setting)
    assert message in str(caught.value)


def test_a_judge_needs_a_server() -> None:
    with pytest.raises(ConfigError, match=r"reward\.endpoint: is missing"):
        load_config(overrides=["reward=judge"])


def test_each_mode_has_its_prompt() -> None:
    assert judge().template == AGAINST_REFERENCE
    assert judge("reward.against_reference=false").template == ALONE
    assert judge("reward.mode=pairwise").template == OF_TWO
    assert judge("reward.prompt='{response} {reference} {other}'").template == "{response} {reference} {other}"  # fmt: skip


@given(
    texts=st.fixed_dictionaries(
        {name: st.sampled_from([f"{{{other}}}" for other in PLACEHOLDERS]) for name in PLACEHOLDERS}
    )
)
def test_a_text_that_looks_like_a_placeholder_stays_as_it_is(texts: dict[str, str]) -> None:
    settings = judge("reward.prompt='{response}|{reference}|{prompt}|{\"score\": {highest}}'")
    asked = settings.question(texts)
    assert asked == f'{texts["response"]}|{texts["reference"]}|{texts["prompt"]}|{{"score": {texts["highest"]}}}'  # fmt: skip


def test_ways_of_asking_decide_nothing() -> None:
    same = judge().endpoint.decisive()
    further = "reward.endpoint={retries: 9, concurrency: 2, timeout_s: 1, budget: {calls: 3}, keep_answers: never, api_key_env: K}"
    assert judge(further).endpoint.decisive() == same == {"url": "http://localhost:8000/v1", "model": "m"}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("reward.endpoint.budget.calls", True),
        ("reward.translator.budget.tokens", True),
        ("budget.calls", True),
        ("reward.endpoint.budget.call", False),
        ("training.max_tokens", False),
        ("reward.endpoint.mybudget.calls", False),
    ],
)
def test_which_settings_are_budgets(key: str, expected: bool) -> None:
    assert is_budget(key) is expected
    assert sets_budget(f"{key}=3") is expected


def budgets(config: RunConfig) -> tuple[int | None, int | None]:
    assert isinstance(config.reward, JudgeReward)
    return config.reward.endpoint.budget.calls, config.reward.endpoint.budget.tokens


def test_a_run_gets_a_larger_budget_and_keeps_all_else() -> None:
    staged = load_stages(overrides=["method=rlsr", *JUDGE, "reward.endpoint.budget.calls=3"])
    larger = with_budgets(
        staged, ["reward.endpoint.budget.calls=8", "reward.endpoint.budget.tokens=90"]
    )
    assert budgets(larger.configs[0]) == (8, 90)
    again = with_budgets(
        larger, ["reward.endpoint.budget.calls=3", "reward.endpoint.budget.tokens=null"]
    )
    assert again == staged
    with pytest.raises(ConfigError, match="greater than or equal to 1, got 0"):
        with_budgets(staged, ["reward.endpoint.budget.calls=0"])


def test_stages_without_a_server_keep_what_they_have() -> None:
    staged = load_stages(
        overrides=[f"stages=[{{method: sft}}, {{method: rlsr, reward: {{type: judge, endpoint: {ENDPOINT}}}}}]"]
    )  # fmt: skip
    larger = with_budgets(staged, ["reward.endpoint.budget.calls=8"])
    assert larger.configs[0] == staged.configs[0]
    assert budgets(larger.configs[1]) == (8, None)
    with pytest.raises(ConfigError, match=r"reward\.translator"):
        with_budgets(staged, ["reward.translator.budget.calls=8"])
