"""Weights in another type, file by file."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from rlsr.errors import ModelError
from rlsr.models.weight_files import DTYPES, Dtype, cast_weights, dtypes_of, size_in

SHAPES = st.lists(st.integers(1, 4), max_size=3)


def save(directory: Path, **tensors: torch.Tensor) -> Path:
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


@settings(max_examples=25)
@given(shape=SHAPES, has=st.sampled_from(DTYPES), wanted=st.sampled_from(DTYPES), seed=st.integers(0, 9))  # fmt: skip
def test_weights_are_rounded_as_torch_rounds_them(
    shape: list[int], has: Dtype, wanted: Dtype, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("weights")
    torch.manual_seed(seed)
    weight = torch.randn(shape).to(getattr(torch, has))
    steps = torch.arange(3)
    save(directory, weight=weight, steps=steps)
    assert dtypes_of(directory) == {has: weight.numel()}
    size = size_in(directory / "model.safetensors", wanted)
    cast_weights(directory, wanted)
    found = load_file(directory / "model.safetensors")
    assert torch.equal(found["weight"], weight.to(getattr(torch, wanted)))
    assert torch.equal(found["steps"], steps), "whole numbers stay"
    assert sum(one.nbytes for one in found.values()) == size


def test_shards_keep_their_index_and_what_they_say_of_themselves(tmp_path: Path) -> None:
    for number in (1, 2):
        save_file({f"part{number}": torch.ones(8, 4)}, tmp_path / f"model-0000{number}-of-00002.safetensors", metadata={"format": "pt"})  # fmt: skip
    index = tmp_path / "model.safetensors.index.json"
    weight_map = {f"part{number}": f"model-0000{number}-of-00002.safetensors" for number in (1, 2)}
    index.write_text(
        json.dumps(
            {"metadata": {"total_size": 256, "total_parameters": 64}, "weight_map": weight_map}
        ),
        encoding="utf-8",
    )
    cast_weights(tmp_path, "bfloat16")
    written = json.loads(index.read_text(encoding="utf-8"))
    assert written == {
        "metadata": {"total_size": 128, "total_parameters": 64},
        "weight_map": weight_map,
    }


def test_a_weight_that_is_too_large_is_refused_and_bfloat16_holds_it(tmp_path: Path) -> None:
    save(tmp_path, weight=torch.tensor([1.0, 7e4]))
    with pytest.raises(
        ModelError, match=r"^--dtype float16: weight has numbers that are too large"
    ):
        cast_weights(tmp_path, "float16")
    cast_weights(tmp_path, "bfloat16")


def test_a_directory_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="must hold weights in bfloat16, float16, float32 as"):
        dtypes_of(tmp_path)
    save(tmp_path, steps=torch.arange(3))
    with pytest.raises(ModelError, match="has none"):
        dtypes_of(tmp_path)
