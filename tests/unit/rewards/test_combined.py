"""Several rewards as one."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from judge_server import judge_server, verdict_by_rule
from plugin_packages import write_package
from rlsr.config import RunConfig, config_from_table, load_config
from rlsr.config.combined import CombinedReward, single_rewards
from rlsr.data.record import Message, PromptRecord
from rlsr.errors import BudgetError, ConfigError, RewardError
from rlsr.remote.spending import spending_in
from rlsr.rewards import FormulaResult, RewardBatch, open_reward, reward_kind
from rlsr.rewards.combined import CombinedResult

NAN = float("nan")
MEMBERS = "reward={type: combined, members: {close: {reward: similarity, gate: form}, number: {reward: numeric, weight: 0.5}, form: {reward: {type: regex, pattern: '.*so.*'}, weight: 0}}}"
RECORD = PromptRecord("1", (Message("user", "Q"),), "it is so 18", "my.jsonl:1")
RESPONSES = ["it is so 18", "it is 18", "so what", "nothing"]


def combined(*settings: str) -> tuple[RunConfig, CombinedResult, tuple[str, ...]]:
    """Score some responses to one prompt."""
    config = load_config(overrides=[MEMBERS, *settings])
    kind = reward_kind(config)
    kind.check(config, [RECORD])
    with closing(open_reward(config, "cpu")) as reward:
        result = reward.score(RewardBatch([RECORD] * 4, RESPONSES))
        assert isinstance(result, CombinedResult)
        assert tuple(reward.parts) == kind.parts(config)
    parts = kind.parts(config)
    assert {*result.components} == {part.name for part in parts}
    assert len({part.column for part in parts}) == len(parts)
    assert {*result.heldout} == {*kind.heldout_metrics(config)}
    return config, result, tuple(part.column for part in parts)


def test_a_sum_has_weights_and_gates_and_shows_every_member() -> None:
    _, result, columns = combined()
    close, number, form = (result.components[name] for name in ("close", "number", "form"))
    assert form.tolist() == [1, 0, 1, 0]
    assert number.tolist() == [1, 1, 0, 0]
    assert_allclose(result.scores, np.where(form == 1, close, 0) + 0.5 * number)
    assert_array_equal(result.heldout["reward_number"], number)
    assert columns[:3] == ("reward/close/score", "reward/similarity", "reward/cosine")
    assert {"reward/share_cut_by_encoder", "reward/number/share_undecided", "reward/form/share_undecided"} < {*columns}  # fmt: skip


def test_a_product_takes_no_two_bad_scores_for_a_good_one() -> None:
    _, result, _ = combined("reward.how=product", "reward.members.number.weight=1", "reward.gate={member: form, otherwise: -1}")  # fmt: skip
    close, number = result.components["close"], result.components["number"]
    assert_allclose(result.scores, [close[0] * number[0], -1, 0, -1])


def test_learning_scores_are_relative_to_the_group_and_nothing_else_is() -> None:
    config, result, _ = combined("reward.normalise=group")
    _, plain, _ = combined()
    assert_array_equal(result.scores, plain.scores)
    with closing(open_reward(config, "cpu")) as reward:
        learnt = reward.learning_scores([RECORD] * 4, result)
        apart = [PromptRecord(str(n), RECORD.messages, "18", "x") for n in range(4)]
        assert reward.learning_scores(apart, result).tolist() == [0, 0, 0, 0]
    close = np.where(result.components["form"] == 1, result.components["close"], 0)
    expected = (close - close.mean()) / close.std() + 0.5 * np.array([1, 1, -1, -1])
    assert_allclose(learnt, expected)


def test_an_unscored_member_leaves_the_sum_unscored_unless_it_does_not_count() -> None:
    slow = "{type: regex, pattern: '(o+)+', time_limit_s: 0.1}"
    record = PromptRecord("1", RECORD.messages, "18", "x")
    for weight, expected in ((1, [NAN, 1]), (0, [1, 1])):
        members = f"{{slow: {{reward: {slow}, weight: {weight}}}, number: numeric}}"
        config = load_config(overrides=[f"reward={{type: combined, members: {members}}}"])
        with closing(open_reward(config, "cpu")) as reward:
            found = reward.score(RewardBatch([record] * 2, ["o" * 40 + " 18", "18"]))
        assert_array_equal(found.scores, expected)
        assert found.num_unscored == weight


def test_results_of_members_are_found_and_taken() -> None:
    members = "{formula: logic, number: numeric}"
    config = load_config(overrides=[f"reward={{type: combined, members: {members}}}"])
    record = PromptRecord("1", RECORD.messages, "P(a1) & Q", "x")
    with closing(open_reward(config, "cpu")) as reward:
        found = reward.score(RewardBatch([record] * 2, ["P(a1) & Q", "nothing"]))
    formulas = found.take([1]).find(FormulaResult)
    assert formulas is not None
    assert len(formulas.pairs) == 1
    assert {"parsed", "equivalent", "logic", "reward_formula"} < {*reward_kind(config).heldout_metrics(config)}  # fmt: skip
    _, other, _ = combined()
    assert other.find(FormulaResult) is None


def test_it_describes_itself_and_what_it_has_seen() -> None:
    config = load_config(overrides=[MEMBERS, "reward.normalise=group"])
    kind = reward_kind(config)
    words = kind.describe(config)
    assert words.startswith("the sum of close (similarity (blend, builtin:wordllama)")
    assert "where form has 1); 0.5 times number (the same number" in words
    assert words.endswith("form (not counted, a response that matches '.*so.*' as a whole), each in standard deviations within its group")  # fmt: skip
    assert {"chrf", "repetition"} < kind.seen_metrics(config)
    unseen = load_config(overrides=[MEMBERS, "reward.members.close.weight=0"])
    assert "chrf" not in reward_kind(unseen).seen_metrics(unseen)
    assert kind.memory_gb(config, "cpu") == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("reward=combined", "reward.members: is missing"),
        ("reward={type: combined, members: {}}", "reward.members: .*at least 1"),
        ("reward={type: combined, members: {'a b': numeric}}", r"reward.members: a name must be letters, digits and underscores.*got 'a b'"),
        ("reward={type: combined, members: {a: {reward: numeric, gate: b}}}", r"reward.members.a.gate.member: must be another member, of which there is none, got 'b'"),
        ("reward={type: combined, members: {a: {reward: numeric, gate: a}, c: exact}}", r"reward.members.a.gate.member: must be another member, c, got 'a'"),
        ("reward={type: combined, gate: b, members: {a: numeric}}", r"reward.gate.member: must be another member, a, got 'b'"),
        ("reward={type: combined, members: {a: {reward: numeric, weight: 0}}}", r"reward.members: at least one must have a weight other than 0"),
        ("reward={type: combined, how: product, members: {a: {reward: numeric, weight: 2}}}", r"reward.members.a.weight: .*must be 1, or 0 to leave the member out, got 2"),
        ("reward={type: combined, how: product, normalise: group, members: {a: numeric}}", r"reward.normalise: is for sums"),
        ("reward={type: combined, gate: a, normalise: group, members: {a: numeric}}", r"reward.gate: .*each member must have its own"),
        ("reward={type: combined, members: {a: combined}}", r"reward.members.a.reward.type: must be 'similarity', .*got 'combined'"),
        ("reward={type: combined, members: {a: numerik}}", r"reward.members.a.reward.type: .*did you mean numeric\?"),
        ("reward={type: combined, members: {a: {reward: numeric, wieght: 1}}}", r"reward.members.a.wieght: unknown setting; did you mean reward.members.a.weight\?"),
        ("reward={type: combined, members: {a: {weight: 1}}}", r"reward.members.a.reward: is missing"),
        ("reward={type: combined, members: {a: {reward: {type: numeric, tolerence: 1}}}}", r"reward.members.a.reward.tolerence: unknown setting; did you mean reward.members.a.reward.tolerance\?"),
        ("reward={type: combined, members: {a: {reward: {type: numeric, tolerance: -1}}}}", r"reward.members.a.reward.tolerance: must be greater than or equal to 0, got -1"),
        ("reward={type: combined, members: {a: {reward: {tolerance: 1}}}}", r"reward.members.a.reward.tolerance: a setting of the reward numeric, and the reward is similarity; .*reward.members.a.reward.type=numeric"),
    ],
)  # fmt: skip
def test_mistakes_name_the_setting_of_the_member(settings: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        load_config(overrides=[settings])


def test_short_forms_defaults_and_layers_reach_members() -> None:
    config = load_config(
        overrides=[
            "reward={type: combined, members: {a: numeric, b: {reward: {type: logic, translator: some/model}}, c: {reward: {empty_score: 0}}}}",
            "reward.members.a.reward.tolerance=1",
            "reward.members.b.reward.translator.max_tokens=7",
            "reward.members.c.weight=2",
        ]
    )
    a, b, c = single_rewards(config.reward).values()
    assert (a.tolerance, b.translator.max_tokens, c.type) == (1, 7, "similarity")  # type: ignore[attr-defined]
    assert config_from_table(config.model_dump(mode="json")) == config
    changed = load_config(overrides=["reward={type: combined, members: {a: {reward: {type: numeric, tolerance: 1}}}}", "reward.members.a.reward.type=exact"])  # fmt: skip
    assert single_rewards(changed.reward)["reward.members.a.reward"].type == "exact"  # type: ignore[attr-defined]


PACKAGE = '''
def score(completions, right="x", **_):
    """Scores one text."""
    return [float(one[-1]["content"] == right) for one in completions]
'''


def test_a_reward_of_a_package_and_a_function_are_members(packages: Path) -> None:
    write_package(packages, "rlsr-own", PACKAGE, rlsr_rewards={"own": "rlsr_own:score"})
    function = "{type: python, function: 'rlsr_own:score', options: {right: b}}"
    members = f"{{a: {{reward: {{type: own, options: {{right: a}}}}}}, b: {{reward: {function}}}, c: {{reward: similarity, weight: 0}}}}"
    config = load_config(overrides=[f"reward={{type: combined, members: {members}}}"])
    assert isinstance(config.reward, CombinedReward)
    assert config_from_table(config.model_dump(mode="json")) == config
    kind = reward_kind(config)
    kind.check(config, [RECORD])
    with closing(open_reward(config, "cpu")) as reward:
        found = reward.score(RewardBatch([RECORD] * 3, ["a", "b", "c"]))
    assert found.scores.tolist() == [1, 1, 0]


def test_what_a_member_refuses_names_its_place() -> None:
    refused = "reward={type: combined, members: {a: {reward: {type: numeric, reference_column: x}}}}"  # fmt: skip
    config = load_config(overrides=[refused])
    with pytest.raises(ConfigError, match=r"^reward.members.a.reward.reference_column: must be"):
        reward_kind(config).check(config, [RECORD])
    own = "reward={type: combined, members: {n: numeric, a: {reward: {type: python, function: 'collections:Counter', options: {iterable: 1}}}}}"
    config = load_config(overrides=[own])
    with pytest.raises((ConfigError, RewardError), match=r"reward\.members\.a\.reward\.(function|options)"):  # fmt: skip
        open_reward(config, "cpu")


def test_a_normalised_sum_refuses_a_reference_in_the_group() -> None:
    config = load_config(overrides=["method={type: sgrpo, label_in_group: true}", MEMBERS, "reward.normalise=group"])  # fmt: skip
    with pytest.raises(ConfigError, match=r"^reward.normalise: .*method.label_in_group"):
        reward_kind(config).check(config, [RECORD])


def test_servers_of_members_are_named_asked_and_paid_for_apart() -> None:
    def verdict(question: str) -> object:
        return (
            {"steps": [], "result": 0.5}
            if question.startswith("Grade")
            else verdict_by_rule(question)
        )

    with judge_server(verdict=verdict) as server:
        endpoint = f"endpoint: {{url: '{server.url}', model: m, retries: 0}}"
        model = "{type: score_model, model: g, input: [{role: user, content: 'Grade {{ sample.output_text }}'}]}"
        config = load_config(
            overrides=[
                f"reward={{type: combined, members: {{judge: {{reward: {{type: judge, {endpoint}}}}}, grade: {{reward: {{type: grader, {endpoint}}}}}}}}}",
                f"reward.members.grade.reward.grader={model}",
                "reward.members.grade.reward.endpoint.budget.calls=2",
            ]
        )  # fmt: skip
        kind, batch = reward_kind(config), RewardBatch([RECORD] * 2, RESPONSES[:2])
        places = [f"reward.members.{name}.reward.endpoint" for name in ("judge", "grade")]
        assert [*kind.endpoints(config)] == places
        assert {place: len(asked) for place, asked in kind.questions(config, batch).items()} == dict.fromkeys(places, 2)  # fmt: skip
        with spending_in(None) as account, closing(open_reward(config, "cpu")) as reward:
            assert not np.isnan(reward.score(batch).scores).any()
            assert [account.spent(place).calls for place in places] == [2, 2]
            with pytest.raises(BudgetError) as caught:
                reward.score(RewardBatch([RECORD], ["more"]))
        assert caught.value.way_out == f"{places[1]}.budget.calls=4"
