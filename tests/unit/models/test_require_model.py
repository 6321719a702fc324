"""Directories whose model cannot be loaded, for reasons that their files show."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rlsr.config import load_config
from rlsr.config.model import ModelConfig
from rlsr.errors import ModelError
from rlsr.models import load_model_config, load_policy
from rlsr.runs import RunDirectory, collect_provenance


def test_pickled_weights_are_refused_with_what_converts_them(
    tiny_model: Path, tmp_path: Path
) -> None:
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    torch.save(weights, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    config = ModelConfig(name=str(tmp_path), dtype="float32")
    with pytest.raises(ModelError, match="pickled Python alone") as caught:
        load_policy(config, "cpu")
    command = re.search(r'python -c "(.*)"', str(caught.value))
    assert command is not None
    exec(command[1], {})
    assert load_policy(config, "cpu").model.num_parameters() > 0


def test_the_directory_of_a_run_is_no_model(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, load_config())
    run.write_provenance(collect_provenance())
    with pytest.raises(ModelError) as caught:
        load_model_config(ModelConfig(name=str(tmp_path)))
    assert str(caught.value) == (
        f"model.name: {tmp_path} is the directory of a run and no model; name its model: {tmp_path / 'final'}"
    )


def test_a_directory_that_is_not_there_is_no_id_of_the_hub(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model_config(ModelConfig(name=str(tmp_path / "gone" / "final")))
    assert str(caught.value) == (
        f"model.name: the config of '{tmp_path}/gone/final' cannot be loaded: there is no such directory. Check the name, give a "
        "local directory, or use builtin:smollm2-135m, which needs no network"
    )
