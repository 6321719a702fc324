"""Policies that were saved as adapters: the base model that they name, with the adapters on it."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.errors import ModelError

CONFIG_FILE = "adapter_config.json"


@dataclass(frozen=True)
class SavedAdapters:
    """LoRA adapters in a directory."""

    directory: Path
    """Where they lie, as PEFT saves them."""
    base: ModelConfig
    """The model that they were trained on."""
    rank: int | None
    """Their rank, as their config says it; None where it does not."""

    @property
    def have_tokenizer(self) -> bool:
        """Whether the tokenizer was saved beside them; if not it is the base model's."""
        return (self.directory / "tokenizer_config.json").is_file()


def find_adapters(config: ModelConfig) -> SavedAdapters | None:
    """Look whether a policy is a directory with adapters, as ``final/`` of a run with LoRA is.

    Args:
        config: The policy.

    Returns:
        The adapters; None where the name stands for a whole model.

    Raises:
        ModelError: The adapters cannot be used, or their base model is not where they say.
    """
    directory = Path(config.name)
    if not (directory / CONFIG_FILE).is_file():
        return None
    if config.revision is not None:
        raise ModelError(
            f"model.revision: {config.name} is a directory with adapters, which has no revisions, got {config.revision!r}; "
            f"leave it out; the base model's revision stands in {CONFIG_FILE}"
        )
    saved = _read_config(directory / CONFIG_FILE)
    base = saved.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(
            f"model.name: {directory / CONFIG_FILE} names no base model; set base_model_name_or_path there"
        )
    if Path(base).is_absolute() and not Path(base).is_dir():
        raise ModelError(
            f"model.name: {config.name} holds adapters for the model in {base}, and there is no such directory; put the "
            f"model back there, or set base_model_name_or_path in {directory / CONFIG_FILE} to where it is now"
        )
    revision = saved.get("revision")
    return SavedAdapters(
        directory.resolve(),
        config.model_copy(update={"name": base, "revision": revision}),
        saved.get("r"),
    )


def put_adapters_on(model: Any, adapters: SavedAdapters) -> Any:
    """Load adapters onto their base model.

    Args:
        model: The base model, on its device.
        adapters: What ``find_adapters`` found.

    Returns:
        A ``PeftModel`` whose adapters can be trained on; they have the type of the weights that they stand on.

    Raises:
        ModelError: They were made for a model of another architecture.
    """
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            # PEFT only warns of adapters that are missing, and says nothing of those that have no place.
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            loaded = PeftModel.from_pretrained(
                model,
                adapters.directory,
                is_trainable=True,
                # In the type of the other weights, so that nothing is cast in every layer.
                autocast_adapter_dtype=False,
                torch_device=str(model.device),
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _do_not_fit(adapters, str(error).strip().splitlines()[-1].strip()) from error
    lost = _saved_weights(adapters) ^ _loaded_weights(loaded)
    if lost:
        raise _do_not_fit(adapters, f"only one of the two has {min(lost)}")
    return loaded


def _read_config(file: Path) -> dict[str, Any]:
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"model.name: {file} cannot be read: {error}") from error
    kind = saved.get("peft_type") if isinstance(saved, dict) else None
    if kind != "LORA":
        raise ModelError(
            f"model.name: {file}: adapters must be of the type LORA, got {kind!r}; merge others into their base model"
        )
    return dict(saved)


def _saved_weights(adapters: SavedAdapters) -> set[str]:
    from peft.utils import load_peft_weights

    return _adapters_among(load_peft_weights(str(adapters.directory), device="cpu"))


def _loaded_weights(model: Any) -> set[str]:
    from peft import get_peft_model_state_dict

    return _adapters_among(get_peft_model_state_dict(model, save_embedding_layers=False))


def _adapters_among(weights: dict[str, Any]) -> set[str]:
    return {name for name in weights if "lora_" in name}


def _do_not_fit(adapters: SavedAdapters, reason: str) -> ModelError:
    return ModelError(
        f"model.name: the adapters in {adapters.directory} do not fit their base model {adapters.base.name}: {reason}. Give "
        "the model that they were trained on, in base_model_name_or_path of their adapter_config.json"
    )
