"""The small files beside exported weights: as others' programs read them, and without what is this machine's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlsr.models.weight_files import Dtype
from rlsr.runs.json_file import read_json, write_json

_OF_THIS_MACHINE = ("_name_or_path", "_model_name_or_path", "is_local", "local_files_only")
_BESIDE_SCALING = ("rope_theta", "partial_rotary_factor")
_SERVED = ("ForCausalLM", "ForConditionalGeneration", "ForSequenceClassification")


def describe_model(directory: Path, dtype: Dtype) -> None:
    """Put the settings of a model right.

    Args:
        directory: With the model or adapters, and the tokenizer; changed in place.
        dtype: Of the weights.
    """
    config = directory / "config.json"
    _change(config, {"dtype": dtype, "use_cache": True})
    if config.is_file():
        write_json(config, with_older_names(read_json(config)))
    file = directory / "tokenizer_config.json"
    # transformers before 5 has this class under its older name alone, which the newer ones know, too.
    is_new = file.is_file() and read_json(file).get("tokenizer_class") == "TokenizersBackend"
    _change(file, {"tokenizer_class": "PreTrainedTokenizerFast"} if is_new else {})


def with_older_names(config: Mapping[str, Any]) -> dict[str, Any]:
    """Say once more, as transformers before 5 wrote it, what other programs may look for there alone.

    llama.cpp takes a wavelength of rotary positions that it does not find for the usual one, and the model answers worse without a word.

    Args:
        config: Of a model, as transformers 5 writes it.

    Returns:
        The same with further keys, which transformers 5 reads as it reads the newer ones.
    """
    older = {"torch_dtype": config["dtype"]}
    rotary = config.get("rope_parameters")
    if isinstance(rotary, dict) and not is_by_layer(rotary):
        older |= {key: rotary[key] for key in _BESIDE_SCALING if key in rotary}
        if rotary.get("rope_type", "default") != "default":
            scaling = {key: value for key, value in rotary.items() if key not in _BESIDE_SCALING}
            older["rope_scaling"] = scaling
    return {**config, **older}


def is_by_layer(rotary: Mapping[str, Any]) -> bool:
    """Say whether rotary positions differ from layer to layer, for which there was no common way to write it."""
    return any(isinstance(value, dict) for value in rotary.values())


def describe_generation(directory: Path, tokenizer: Any) -> None:
    """Let answers end where those ended that were trained and measured.

    Args:
        directory: With a policy; its published decoding settings stay.
        tokenizer: The policy's.
    """
    file = directory / "generation_config.json"
    found = read_json(file) if file.is_file() else {}
    declared = found.get("eos_token_id")
    ends = [declared] if isinstance(declared, int) else list(declared or [])
    if tokenizer.eos_token_id not in ends:
        ends.append(tokenizer.eos_token_id)
    changed = {
        **found,
        "eos_token_id": ends[0] if len(ends) == 1 else ends,
        "pad_token_id": tokenizer.pad_token_id,
    }
    write_json(file, {key: value for key, value in changed.items() if key != "_from_model_config"})


def decoding_settings(directory: Path) -> dict[str, Any]:
    """List the published settings by which a model would answer otherwise than it was measured.

    Args:
        directory: With a policy.
    """
    neutral = {"temperature": 1.0, "top_p": 1.0, "repetition_penalty": 1.0, "do_sample": False}
    file = directory / "generation_config.json"
    found = read_json(file) if file.is_file() else {}
    return {
        key: found[key]
        for key in ("do_sample", "temperature", "top_p", "top_k", "min_p", "repetition_penalty")
        if found.get(key) is not None and found[key] != neutral.get(key)
    }


def what_servers_miss(directory: Path) -> list[str]:
    """Look for what keeps servers such as vLLM from loading a model.

    Args:
        directory: With a whole model.

    Returns:
        A sentence for each thing; nothing where all is as they read it.
    """
    config = read_json(directory / "config.json")
    missing = []
    names = config.get("architectures") or []
    if not any(name.endswith(_SERVED) for name in names):
        missing.append(
            f"config.json: architectures must name a class that servers know, got {names or 'none'}"
        )
    if "quantization_config" in config:
        missing.append(
            "config.json: quantization_config says that the weights are quantised, and they are not"
        )
    if "auto_map" in config:
        missing.append(
            "config.json: the model comes with code of its own, so that servers need --trust-remote-code"
        )
    if is_by_layer(config.get("rope_parameters") or {}):
        missing.append(
            "config.json: rope_parameters differ by layer and are written as transformers 5 does it; older programs may read them wrongly without a word"
        )
    if not list(directory.glob("*.safetensors")):
        missing.append("there are no weights as safetensors")
    if not any((directory / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        missing.append("there is no tokenizer.json")
    return missing


def _change(file: Path, settings: dict[str, Any]) -> None:
    if file.is_file():
        kept = {key: value for key, value in read_json(file).items() if key not in _OF_THIS_MACHINE}
        write_json(file, {**kept, **settings})
