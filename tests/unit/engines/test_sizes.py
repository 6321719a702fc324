"""What a run holds in memory beside the policy."""

from pathlib import Path

import pytest

from rlsr.config import load_config
from rlsr.engines.memory import held_gb
from rlsr.engines.sizes import policy_size
from rlsr.errors import ModelError
from rlsr.models import load_model_config, load_policy


def test_the_translators_weights_are_counted(tiny_model: Path) -> None:
    overrides = [f"model={tiny_model}", "reward=logic"]
    plain = load_config(overrides=overrides)
    translated = load_config(
        overrides=[*overrides, f"reward.translator={{name: {tiny_model}, dtype: bfloat16}}"]
    )
    description = load_model_config(plain.model)
    without, beside = (policy_size(description, config, "cpu") for config in (plain, translated))
    weights = sum(one.numel() for one in load_policy(plain.model, "cpu").model.parameters())
    assert without.translator_gb == 0
    assert beside.translator_gb == pytest.approx(2 * weights / 1e9)
    assert held_gb(translated, beside) - held_gb(plain, without) == pytest.approx(2 * weights / 1e9)


def test_a_missing_translator_is_named_before_anything_is_loaded(tiny_model: Path) -> None:
    config = load_config(
        overrides=[f"model={tiny_model}", "reward=logic", "reward.translator=no/where"]
    )
    with pytest.raises(ModelError, match=r"^reward\.translator\.name: the config of 'no/where'"):
        policy_size(load_model_config(config.model), config, "cpu")
