"""The mean of what LoRA adapters do to one model, as adapters again.

The mean of their factors would be something else. But with the factors of n adapters side by side, ``[B1 ... Bn] [A1; ...; An] = B1 A1 + ... + Bn An``, and
PEFT multiplies the product by alpha / rank: n times the rank with the same alpha makes the mean, exactly. Adapters that these began as stand beside them with
a negative weight where the mean is scaled.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlsr.config.model import ModelConfig
from rlsr.errors import ModelError
from rlsr.models.adapters import CONFIG_FILE, find_adapters
from rlsr.models.weight_files import WEIGHTS, tensors_in
from rlsr.runs.json_file import read_json, write_json

_INNER, _OUTER = ".lora_A.weight", ".lora_B.weight"


def are_adapters(model: Path) -> bool:
    """Say whether a directory has adapters, not a whole model."""
    return (model / CONFIG_FILE).is_file()


def require_plain_adapters(model: Path) -> None:
    """Refuse adapters that do more than add a product of two factors to a weight.

    Args:
        model: A directory with adapters.

    Raises:
        ModelError: They have no mean as adapters, or cannot be used.
    """
    find_adapters(ModelConfig(name=str(model)))
    more = [name for name, _ in tensors_in(model) if not name.endswith((_INNER, _OUTER))]
    if read_json(model / CONFIG_FILE).get("use_rslora"):
        more.append("use_rslora")
    if more:
        raise ModelError(
            f"{model}: must have plain LoRA, whose mean is adapters again, got {more[0]}; merge each into its base model, and average those"
        )


def require_same_base(first: Path, other: Path) -> None:
    """Refuse adapters that stand on another model, or are scaled otherwise.

    Args:
        first: A directory with adapters.
        other: Another.

    Raises:
        ModelError: They have no mean.
    """
    one, two = (read_json(model / CONFIG_FILE) for model in (first, other))
    for key in ("base_model_name_or_path", "revision", "lora_alpha", "alpha_pattern"):
        if one.get(key) != two.get(key):
            raise ModelError(
                f"{other}: must have the {key} of {first}, {one.get(key)!r}, got {two.get(key)!r}; merge each into its base model "
                "(`rlsr export RUN --merge --to DIR`), and average those"
            )


def write_mean_of_adapters(
    models: Sequence[Path], place: Path, begun: Sequence[Path], scale: float
) -> tuple[float, ...]:
    """Write the factors of adapters side by side, and their rank as the sum of all.

    Args:
        models: Directories with plain adapters of one form on one model.
        place: A directory with the small files of the first one.
        begun: What they began as, where that was adapters of their form.
        scale: As of ``write_mean``.

    Returns:
        How far what each adds to the weights is from what the first one adds: the length of the difference over that of the latter.
    """
    import torch
    from safetensors.torch import save_file

    weights = [
        {name: reader.get_tensor(name) for name, reader in tensors_in(model)}
        for model in (*models, *begun)
    ]
    longer = len(weights) / len(models)
    factors = [longer * scale] * len(models) + [longer * (1 - scale)] * len(begun)
    beside = {
        name: torch.cat([one[name] for one in weights])
        if name.endswith(_INNER)
        else torch.cat([f * one[name].float() for f, one in zip(factors, weights, strict=True)], 1)
        for name in weights[0]
    }
    (file,) = models[0].glob(WEIGHTS)
    save_file(beside, place / file.name, metadata={"format": "pt"})
    config = read_json(place / CONFIG_FILE)
    config["r"] *= len(weights)
    ranks = config.get("rank_pattern") or {}
    config["rank_pattern"] = {name: rank * len(weights) for name, rank in ranks.items()}
    write_json(place / CONFIG_FILE, config)
    return tuple(_distance(one, weights[0]) for one in weights[: len(models)])


def _distance(weights: dict[str, Any], first: dict[str, Any]) -> float:
    length = _product(first, first)
    square = _product(weights, weights) - 2 * _product(weights, first) + length
    return float((max(square, 0.0) / length) ** 0.5) if length else float("nan")


def _product(weights: dict[str, Any], others: dict[str, Any]) -> float:
    """Add up the products of what two adapters do, weight by weight, without making the weights: ``tr (B A)^T D C = sum (B^T D) * (A C^T)``."""
    total = 0.0
    for inner in (name for name in weights if name.endswith(_INNER)):
        outer = inner.removesuffix(_INNER) + _OUTER
        (a, b), (c, d) = ((one[inner].double(), one[outer].double()) for one in (weights, others))
        total += float(((b.T @ d) * (a @ c.T)).sum())
    return total
