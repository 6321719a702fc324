"""Settings of what installed packages add: validated like our own, imported only where they are named."""

import pickle
from contextlib import closing
from pathlib import Path

import pytest

from plugin_packages import forget, write_package
from rlsr.config import RunConfig, config_from_table, load_config, load_stages
from rlsr.errors import ConfigError
from rlsr.rewards import RewardKind, open_reward, reward_kind

TYPED = """
from typing import Literal

from pydantic import Field

from rlsr.config.base import ConfigTable
from rlsr.config.reward import ReferenceReward
from rlsr.rewards import Reward, RewardKind, RewardResult
import numpy as np


class Judge(ConfigTable):
    rubric: str = "short"


class LengthSettings(ReferenceReward):
    type: Literal["length"] = "length"
    target: int = Field(default=20, ge=1)
    judge: Judge = Judge()


class Length(Reward):
    def __init__(self, target):
        self.target = target

    def score(self, batch):
        return RewardResult(np.array([-abs(len(text) - self.target) / self.target for text in batch.responses]))


class LengthKind(RewardKind[LengthSettings]):
    config = LengthSettings

    def parts(self, config):
        return ()

    def describe(self, config):
        return f"closeness to {self.settings(config).target} characters"

    def open(self, config, device, *, keep=True):
        return Length(self.settings(config).target)
"""


def write_typed(directory: Path) -> None:
    write_package(
        directory, "rlsr-length", TYPED, rlsr_rewards={"length": "rlsr_length:LengthKind"}
    )


def test_a_reward_of_a_package_is_named_like_our_own(packages: Path) -> None:
    write_typed(packages)
    short = load_config(overrides=["reward=length"])
    for config in (load_config(overrides=["reward.type=length", "reward.target=20"]), short):
        assert isinstance(config, RunConfig)
        assert config.reward.model_dump() == {
            "type": "length", "target": 20, "judge": {"rubric": "short"}, "references": "mean",
        }  # fmt: skip
        assert reward_kind(config).describe(config) == "closeness to 20 characters"
        assert isinstance(reward_kind(config), RewardKind)
    with closing(open_reward(short, "cpu")) as reward:
        assert reward.parts == ()


def test_a_config_with_it_comes_back_as_it_was(packages: Path) -> None:
    write_typed(packages)
    config = load_config(overrides=["reward=length", "reward.judge.rubric=long", "seed=3"])
    assert config_from_table(config.model_dump(mode="json")) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert config != load_config(overrides=["reward=length", "seed=3"])
    staged = load_stages(overrides=["method=[sft,rlsr]", "reward=length"])
    assert [stage.reward.type for stage in staged.configs] == ["length"] * 2


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["reward=length", "reward.target=0"], "reward.target: must be greater than or equal to 1, got 0"),
        (["reward=length", "reward.targt=3"], "reward.targt: unknown setting; did you mean reward.target?"),
        (["reward=length", "reward.judge.rubrik=a"], "reward.judge.rubrik: unknown setting; did you mean reward.judge.rubric?"),
        (
            ["reward=length", "reward.bleu_share=0"],
            "reward.bleu_share: a setting of the reward logic, and the reward is length; name it as well, as in reward.type=logic",
        ),
        (
            ["reward=lenght"],
            "reward.type: must be 'similarity', 'logic', 'python', 'grader', or of an installed package 'length', got 'lenght'; did you mean "
            "length?",
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_its_wrong_settings(
    packages: Path, overrides: list[str], message: str
) -> None:
    write_typed(packages)
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=overrides)
    assert str(caught.value) == message


def test_a_function_of_a_package_needs_no_settings(packages: Path) -> None:
    code = "def shortness(completions, scale=1, **_):\n    return [-scale * len(one[0]['content']) for one in completions]\n"
    write_package(packages, "rlsr-short", code, rlsr_rewards={"short-one": "rlsr_short:shortness"})
    config = load_config(overrides=["reward=short-one", "reward.options.scale=2"])
    assert config.reward.model_dump() == {"type": "short-one", "options": {"scale": 2}}
    assert config_from_table(config.model_dump(mode="json")) == config
    kind = reward_kind(config)
    kind.check(config, [])
    assert kind.describe(config) == "the scores of the reward short-one"
    assert kind.seen_metrics(config) == {"reward"}


def test_a_method_of_a_package_has_its_own_settings(packages: Path) -> None:
    code = (
        "from typing import Literal\n"
        "from rlsr.config.supervised import SftMethod\n"
        "class Config(SftMethod):\n"
        "    type: Literal['rare'] = 'rare'\n"
        "    power: float = 0.5\n"
        "class Rare:\n"
        "    config = Config\n"
    )
    write_package(packages, "rlsr-rare", code, rlsr_methods={"rare": "rlsr_rare:Rare"})
    config = load_config(overrides=["method=rare", "method.power=2"])
    assert config.method.model_dump()["power"] == 2
    staged = load_stages(
        overrides=["method=[rare,rlsr]", "stages.0.method.power=3", "method.max_response_tokens=9"]
    )
    assert staged.configs[0].method.model_dump()["power"] == 3
    assert [stage.method.max_response_tokens for stage in staged.configs] == [9, 9]
    with pytest.raises(
        ConfigError, match=r"method.powr: unknown setting; did you mean method.power"
    ):
        load_config(overrides=["method=rare", "method.powr=2"])


WITHOUT_TYPE = (
    "from rlsr.config.base import ConfigTable\n"
    "class Settings(ConfigTable):\n    x: int = 1\n"
    "class Kind:\n    config = Settings\n"
)
METHOD_WITHOUT_TYPE = WITHOUT_TYPE.replace(
    "rlsr.config.base import ConfigTable",
    "rlsr.config.method_base import MethodTable as ConfigTable",
)


@pytest.mark.parametrize(
    ("code", "group", "override", "parts"),
    [
        ("raise OSError('no licence')", "rlsr_rewards", "reward=x", ["'x', which broken (broken:Kind) adds", "OSError: no licence"]),
        ("Kind = 3", "rlsr_rewards", "reward=x", ["must have an attribute `config`", "ConfigTable"]),
        (WITHOUT_TYPE, "rlsr_rewards", "reward=x", ["the settings Settings of 'x'", '`type: Literal["x"] = "x"`']),
        (METHOD_WITHOUT_TYPE, "rlsr_methods", "method=x", ["the settings Settings of 'x'", '`type: Literal["x"] = "x"`']),
        ("def Kind(): pass", "rlsr_methods", "method=x", ["must have an attribute `config`", "MethodTable"]),
    ],
    ids=["does not import", "is no reward", "reward without type", "method without type", "method without settings"],
)  # fmt: skip
def test_a_broken_package_is_named_where_it_is_used_and_breaks_nothing_else(
    packages: Path, code: str, group: str, override: str, parts: list[str]
) -> None:
    write_package(packages, "broken", code, **{group: {"x": "broken:Kind"}})
    assert load_config().reward.type == "similarity"
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=[override])
    for part in [group.replace("_", "."), "mend or uninstall that package", *parts]:
        assert part in str(caught.value)


def test_two_packages_of_one_name_are_refused_where_it_is_used(packages: Path) -> None:
    for name in ("one", "two"):
        write_package(packages, name, "def f(): pass", rlsr_rewards={"same": f"{name}:f"})
    assert load_config().reward.type == "similarity"
    with pytest.raises(
        ConfigError, match=r"several packages add 'same': .*one.*two.*uninstall all"
    ):
        load_config(overrides=["reward=same"])


def test_a_package_does_not_take_one_of_our_names(packages: Path) -> None:
    write_package(packages, "thief", "def f(): pass", rlsr_rewards={"logic": "thief:f"})
    assert load_config().reward.type == "similarity"
    with pytest.raises(
        ConfigError, match=r"'logic' is rlsr's own, and thief \(thief:f\) adds another"
    ):
        load_config(overrides=["reward=logic"])


def test_settings_that_no_kind_reads_are_a_mistake_of_the_package(packages: Path) -> None:
    code = WITHOUT_TYPE.replace("x: int = 1", "type: __import__('typing').Literal['x'] = 'x'")
    write_package(packages, "half", code, rlsr_rewards={"x": "half:Kind"})
    config = load_config(overrides=["reward=x"])
    with pytest.raises(
        ConfigError, match=r"must be a rlsr.rewards.RewardKind, got <class 'half.Kind'>"
    ):
        reward_kind(config)


def test_a_package_that_is_gone_is_missed_by_name(packages: Path) -> None:
    write_typed(packages)
    table = load_config(overrides=["reward=length"]).model_dump(mode="json")
    for file in packages.glob("*.dist-info/entry_points.txt"):
        file.unlink()
    forget()
    with pytest.raises(
        ConfigError,
        match=r"reward.type: must be 'similarity', 'logic', 'python', 'grader', got 'length'",
    ):
        config_from_table(table)
