"""Weights that are no numbers are found before anything is trained."""

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from rlsr.config.model import ModelConfig
from rlsr.errors import ModelError
from rlsr.models import load_policy


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_number_is_named(
    tiny_model: Path, tmp_path: Path, value: float
) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    weights[name][3, 4] = value
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"got NaN or infinity in {name} of {tmp_path}"):
        load_policy(ModelConfig(name=str(tmp_path), dtype="float32"), "cpu")


def test_of_several_the_first_is_named(tiny_model: Path) -> None:
    policy = load_policy(ModelConfig(name=str(tiny_model), dtype="float32"), "cpu")
    from rlsr.models.finite import require_finite

    require_finite(policy.model, "m")
    for weight in list(policy.model.parameters())[:3]:
        weight.data.view(-1)[0] = float("nan")
    with pytest.raises(ModelError, match="and 2 more of m;"):
        require_finite(policy.model, "m")
