"""From a config to a policy and its tokenizer."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlsr.config.model import ModelConfig
from rlsr.errors import EngineError, MissingPackageError, ModelError
from rlsr.forward.precision import computes_in_bfloat16
from rlsr.hub import is_hub_id
from rlsr.models.adapters import find_adapters, put_adapters_on
from rlsr.models.builtin import resolve_model_name
from rlsr.models.chat import prepare_chat_template
from rlsr.models.finite import require_finite
from rlsr.processes import launched_processes
from rlsr.runs.checksums import CHECKSUMS, find_damage

logger = logging.getLogger(__name__)

Device = Literal["cpu", "cuda", "mps"]

WEIGHTS = "*.safetensors"
"""The files of a saved policy that nobody looks at: they have checksums. What stands beside them may be edited."""


@dataclass(frozen=True)
class Policy:
    """A language model that answers prompts, with its tokenizer."""

    model: Any
    """A ``transformers`` causal language model, or a ``PeftModel`` around one where it has adapters."""
    tokenizer: Any
    """Its tokenizer, padding on the left and with a chat template."""
    source: str
    """Where transformers loaded it from: a directory or a Hugging Face id."""
    published_generation: Any = None
    """The decoding settings that the model was published with; put back before it is saved."""


def choose_device(
    wanted: Literal["auto", "cpu", "cuda", "mps"], *, trains_here: bool = False
) -> Device:
    """Choose the device of a run.

    Args:
        wanted: The config's ``device``.
        trains_here: Whether this process trains; one that only measures takes the first of several GPUs.

    Returns:
        ``auto`` becomes CUDA where there is one, else the CPU; MPS only on request, since the same run is not
        equally well tried there.

    Raises:
        EngineError: The device that was asked for is not there.
    """
    torch = _torch()
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count()
    if trains_here and wanted == "cuda" and count > 1 and launched_processes() == 1:
        raise EngineError(
            f"device: one process trains on one GPU, but {count} are visible; take --processes {count} for all of them, or set "
            "CUDA_VISIBLE_DEVICES=0 for one"
        )
    if wanted == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            "device: must be one that is there, got 'cuda' without a CUDA device; use device=cpu"
        )
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise EngineError(
            "device: must be one that is there, got 'mps' outside Apple silicon; use device=cpu"
        )
    return wanted


def choose_dtype(config: ModelConfig, device: Device) -> Any:
    """Choose the type of the policy's weights.

    Args:
        config: Its ``dtype`` may be ``auto``.
        device: Where the policy will run.

    Returns:
        A ``torch.dtype``.
    """
    torch = _torch()
    if config.dtype == "auto":
        return torch.bfloat16 if computes_in_bfloat16(device) else torch.float32
    return getattr(torch, config.dtype)


def load_tokenizer(config: ModelConfig) -> Any:
    """Load the policy's tokenizer alone; quick, for counting tokens before anything heavy is loaded.

    Args:
        config: The policy.

    Returns:
        A tokenizer that pads on the left, with a chat template.

    Raises:
        ModelError: It cannot be found or loaded.
    """
    from transformers import AutoTokenizer

    adapters = find_adapters(config)
    source = config if adapters is None or adapters.have_tokenizer else adapters.base
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            resolve_model_name(source.name),
            revision=source.revision,
            trust_remote_code=config.trust_remote_code,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load(config, "tokenizer", error) from error
    tokenizer.padding_side = "left"
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"model.name: the tokenizer of {config.name!r} has no end-of-sequence token, so no response would ever end; "
            "set `eos_token` in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    prepare_chat_template(tokenizer, config)
    return tokenizer


def load_model_config(config: ModelConfig) -> Any:
    """Load the description of the policy without its weights.

    Args:
        config: The policy.

    Returns:
        A ``transformers`` config; of a policy that is saved as adapters the base model's.

    Raises:
        ModelError: It cannot be found or is no language model.
    """
    from transformers import AutoConfig

    adapters = find_adapters(config)
    whole = config if adapters is None else adapters.base
    try:
        return AutoConfig.from_pretrained(
            resolve_model_name(whole.name),
            revision=whole.revision,
            trust_remote_code=whole.trust_remote_code,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise cannot_load(whole, "config", error) from error


def load_policy(config: ModelConfig, device: Device) -> Policy:
    """Load the policy with its tokenizer.

    Args:
        config: Which model, in which type. A directory with adapters, as a run with LoRA leaves it, is loaded with the
            base model that it names.
        device: Where to.

    Returns:
        The policy in evaluation mode, all weights as they were published.

    Raises:
        ModelError: It cannot be found or loaded, its weights were damaged since a run saved them, or its adapters do not fit
            their base model.
    """
    from transformers import GenerationConfig

    require_undamaged(config)
    tokenizer = load_tokenizer(config)
    adapters = find_adapters(config)
    described = load_model_config(config)
    if is_classifier(described):
        raise ModelError(
            f"model.name: {config.name} is a sequence classifier, which scores answers and writes none; name a policy, or take it as the "
            "reward with reward=preference_model reward.model=DIR"
        )
    model = _load_weights(config if adapters is None else adapters.base, device)
    published = model.generation_config
    # transformers fills what a call leaves open from here: a repetition penalty that a model was published with would
    # make evaluation and rollouts decode differently.
    model.generation_config = GenerationConfig(
        bos_token_id=published.bos_token_id,
        eos_token_id=published.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    if adapters is not None:
        model = put_adapters_on(model, adapters)
        require_finite(model, config.name)
    return Policy(
        model=model.eval(),
        tokenizer=tokenizer,
        source=resolve_model_name(config.name),
        published_generation=published,
    )


def _load_weights(config: ModelConfig, device: Device) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            resolve_model_name(config.name),
            revision=config.revision,
            dtype=choose_dtype(config, device),
            trust_remote_code=config.trust_remote_code,
            # No pickles, which are read by running what they say.
            use_safetensors=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise cannot_load(config, "model", error) from error
    require_finite(model, config.name)
    return model.to(device)


def require_undamaged(config: ModelConfig) -> None:
    """Refuse weights that have changed since a run saved them.

    Args:
        config: Which model.

    Raises:
        ModelError: They have.
    """
    damage = find_damage(Path(resolve_model_name(config.name)))
    if damage is not None:
        raise ModelError(
            f"model.name: {damage}: the weights were damaged since they were saved; put back a copy of them, train them again, or, "
            f"where they were changed on purpose, remove {CHECKSUMS} beside them"
        )


def is_classifier(model_config: Any) -> bool:
    """Say whether a model is a sequence classifier, which answers no prompts.

    Args:
        model_config: Its transformers config.
    """
    names = getattr(model_config, "architectures", None) or ()
    return any(name.endswith("ForSequenceClassification") for name in names)


def cannot_load(config: ModelConfig, part: str, error: Exception) -> ModelError:
    """Say of a model that a part of it cannot be loaded, and what to do about it.

    Args:
        config: Which model.
        part: What of it.
        error: What the library said.
    """
    if "trust_remote_code" in str(error):
        return ModelError(
            f"model.trust_remote_code: {config.name!r} comes with Python code of its own, which runs only where the config says "
            "so; read that code, then set it to true, or name another model"
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "/" in config.name and not is_hub_id(config.name) and not Path(config.name).exists():
        reason = "there is no such directory"
    return ModelError(
        f"model.name: the {part} of {config.name!r} cannot be loaded: {reason.rstrip('.')}. Check the name, give a local "
        "directory, or use builtin:smollm2-135m, which needs no network"
    )


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError("torch", "run a policy", "pip install 'rlsr[train]'") from error
    return torch


def count_parameters(model_config: Any, config: ModelConfig) -> int:
    """Count the weights of a model by building it without memory for them.

    Args:
        model_config: What ``load_model_config`` returned.
        config: Which model.

    Returns:
        The number of its weights.
    """
    torch = _torch()
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(
            model_config, trust_remote_code=config.trust_remote_code
        )
    return sum(weight.numel() for weight in built.parameters())
