"""Which trackers a config names, and what is said of one that cannot be."""

import pickle
from pathlib import Path

import pytest

from rlsr.config import load_config, load_stages
from rlsr.config.differences import differing_keys, may_change
from rlsr.config.larger_budget import sets_budget, with_budgets
from rlsr.config.load import config_from_table
from rlsr.config.tracking import TensorBoardTracker, WandbTracker
from rlsr.errors import ConfigError
from tracked_runs import write_trackers


@pytest.mark.parametrize(
    ("written", "types"),
    [
        ("tensorboard", ["tensorboard"]),
        ("[tensorboard, wandb]", ["tensorboard", "wandb"]),
        ("{type: mlflow, experiment: mine}", ["mlflow"]),
        ("[{type: trackio, project: mine}, tensorboard]", ["trackio", "tensorboard"]),
        ("[]", []),
    ],
)
def test_trackers_are_named_or_have_settings(written: str, types: list[str]) -> None:
    config = load_config(overrides=[f"tracking={written}"])
    assert [tracker.type for tracker in config.tracking] == types
    assert config_from_table(config.model_dump(mode="json")) == config


def test_a_run_is_tracked_nowhere_unless_asked() -> None:
    assert load_config().tracking == ()


def test_settings_reach_their_tracker() -> None:
    config = load_config(overrides=["tracking=[{type: wandb, project: mine, tags: [a]}]"])
    assert config.tracking == (WandbTracker(project="mine", tags=("a",)),)


def test_a_later_list_takes_the_place_of_an_earlier_one() -> None:
    config = load_config(overrides=["tracking=[wandb]", "tracking=[tensorboard]"])
    assert config.tracking == (TensorBoardTracker(),)


def test_all_stages_are_tracked() -> None:
    staged = load_stages(overrides=["method=[sft,rlsr]", "tracking=tensorboard"])
    assert [config.tracking for config in staged.configs] == [(TensorBoardTracker(),)] * 2


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "[wnadb]",
            "tracking.0.type: must be 'tensorboard', 'wandb', 'mlflow', 'trackio', got 'wnadb'; did you mean wandb?",
        ),
        (
            "[wandb, {project: mine}]",
            "tracking.1.type: is missing; it must be 'tensorboard', 'wandb', 'mlflow', 'trackio'",
        ),
        (
            "[wandb, tensorboard, wandb]",
            "tracking: wandb must stand there once, got wandb, tensorboard, wandb; keep one of them",
        ),
        (
            "3",
            "tracking: must be a list of trackers, as in [tensorboard, {type: wandb, project: mine}], or [] for none, got 3",
        ),
        ("[wandb, 3]", "or [] for none, got 3"),
        ("null", "or [] for none, got None"),
        (
            "[{type: wandb, projct: x}]",
            "tracking.0.projct: unknown setting; did you mean tracking.0.project?",
        ),
        (
            "[{type: wandb, tracking_uri: x}]",
            "tracking.0.tracking_uri: a setting of mlflow, and this is wandb; it goes into a table with that type, or out",
        ),
        (
            "[{type: wandb, samples: -1}]",
            "tracking.0.samples: must be greater than or equal to 0, got -1",
        ),
        (
            "[{type: mlflow, tracking_uri: 'https://me:secret@host'}]",
            "tracking.0.tracking_uri: must hold no key, password or token",
        ),
    ],
)
def test_what_is_no_tracker_is_said(written: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(overrides=[f"tracking={written}"])
    assert message in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_a_run_that_goes_on_may_be_told_to_others() -> None:
    staged = load_stages(overrides=["method=[sft,rlsr]", "tracking=wandb"])
    assert sets_budget("tracking=[tensorboard]")
    other = with_budgets(staged, ["tracking=[tensorboard]"])
    assert [config.tracking for config in other.configs] == [(TensorBoardTracker(),)] * 2
    for old, new in zip(staged.configs, other.configs, strict=True):
        differing = differing_keys(old.model_dump(mode="json"), new.model_dump(mode="json"))
        assert differing == ["tracking"]
        assert all(map(may_change, differing))
    assert not may_change("tracking.0.project")


def test_packages_add_trackers_with_their_settings(packages: Path) -> None:
    write_trackers(packages)
    config = load_config(
        overrides=["tracking=[{type: one, file: a}, wandb, {type: two, file: b, fails_at: 3}]"]
    )
    assert [tracker.type for tracker in config.tracking] == ["one", "wandb", "two"]
    assert config_from_table(config.model_dump(mode="json")) == config
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(ConfigError, match=r"tracking\.0\.fails: unknown setting"):
        load_config(overrides=["tracking=[{type: one, file: a, fails: 3}]"])
    with pytest.raises(ConfigError, match="or of an installed package 'one', 'two', got 'ona'"):
        load_config(overrides=["tracking=[ona]"])
