"""The files of a model, and their weights in another type, one file in memory at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, Literal, get_args

from rlsr.errors import ModelError
from rlsr.runs.json_file import read_json, write_json

Dtype = Literal["bfloat16", "float16", "float32"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

_NAMES: dict[str, Dtype] = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
"""How safetensors calls them."""

WEIGHTS = "*.safetensors"
INDEX = "*.safetensors.index.json"

_COPIED = (
    *(WEIGHTS, INDEX, "config.json", "generation_config.json", "adapter_config.json", "*.py"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "vocab.txt", "merges.txt", "*.model", "*.tiktoken", "*.jinja"),
)
"""By name: what somebody else has put there might be uploaded."""


def model_files(directory: Path) -> Sequence[Path]:
    """List the files of a model that others need: no card, no checksums, no pickles, and nothing that is not of a model.

    Args:
        directory: As a run leaves it.
    """
    found = {file for pattern in _COPIED for file in directory.glob(pattern) if file.is_file()}
    return sorted(found)


def tensors_in(directory: Path) -> Iterator[tuple[str, Any]]:
    """List the weights in a directory, each with the open file that has it.

    Args:
        directory: With files of safetensors.
    """
    for file in sorted(directory.glob(WEIGHTS)):
        reader = opened(file)
        for name in reader.keys():  # noqa: SIM118 - no dictionary
            yield name, reader


def dtypes_of(directory: Path) -> Counter[Dtype]:
    """Count the weights in a directory by their types.

    Args:
        directory: With files of safetensors.

    Raises:
        ModelError: There are none of a type that weights are exported in.
    """
    found = Counter[Dtype]()
    for name, reader in tensors_in(directory):
        part = reader.get_slice(name)
        if (dtype := _NAMES.get(part.get_dtype())) is not None:
            found[dtype] += prod(part.get_shape())
    if not found:
        raise ModelError(
            f"{directory}: must hold weights in {', '.join(DTYPES)} as {WEIGHTS}, and has none; name the directory of a run that has ended"
        )
    return found


def sizes_in(directory: Path, dtype: Dtype | None) -> list[tuple[str, int]]:
    """List the files of a model that others need, with their bytes where weights are written in another type.

    Args:
        directory: As a run leaves it.
        dtype: The type; None leaves weights as they are.
    """
    return [
        (file.name, size_in(file, dtype) if dtype and file.match(WEIGHTS) else file.stat().st_size)
        for file in model_files(directory)
    ]


def size_in(file: Path, dtype: Dtype) -> int:
    """Say how many bytes the weights of a file take in another type; what is no floating-point number stays as it is.

    Args:
        file: Of safetensors.
        dtype: The type.
    """
    total = 0
    with opened(file) as tensors:
        for name in tensors.keys():  # noqa: SIM118 - no dictionary
            part = tensors.get_slice(name)
            is_float = part.get_dtype() in _NAMES
            each = bytes_of(dtype) if is_float else tensors.get_tensor(name).element_size()
            total += prod(part.get_shape()) * each
    return total


def bytes_of(dtype: Dtype) -> int:
    """Say how many bytes a weight takes."""
    return 4 if dtype == "float32" else 2


def cast_weights(directory: Path, dtype: Dtype) -> None:
    """Write the weights of a directory in another type, and say so in its config.

    Args:
        directory: Of a model or of adapters; its files are replaced.
        dtype: The type.

    Raises:
        ModelError: A weight is larger than the type can hold.
    """
    import torch
    from safetensors.torch import load_file, save_file

    wanted = getattr(torch, dtype)
    total = 0
    for file in sorted(directory.glob(WEIGHTS)):
        with opened(file) as tensors:
            metadata = tensors.metadata()
        cast: dict[str, Any] = {}
        for name, weight in load_file(file).items():
            cast[name] = weight.to(wanted) if weight.is_floating_point() else weight
            # Beyond 65,504 float16 has only infinity.
            if weight.is_floating_point() and not torch.isfinite(cast[name]).all():
                raise ModelError(
                    f"--dtype {dtype}: {name} has numbers that are too large for it; take bfloat16, which has the range of float32"
                )
        save_file(cast, file, metadata=metadata)
        total += sum(weight.nbytes for weight in cast.values())
    for index in directory.glob(INDEX):
        table = read_json(index)
        table["metadata"] = {**table.get("metadata", {}), "total_size": total}
        write_json(index, table)


def opened(file: Path) -> Any:
    """Open a file of safetensors, whose weights are read one by one."""
    from safetensors import safe_open

    return safe_open(file, framework="pt")
