"""Directories of complete runs with a tiny policy in them, made without training, for what is done with a model afterwards."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlsr.config import load_config
from rlsr.config.model import ModelConfig
from rlsr.models.load import Policy, load_policy
from rlsr.models.save import save_policy
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow

PROMPTS = ("the cat sat on", "a small dog", "red and green")
METRIC = {"low": 0.1, "high": 0.3, "num": 64}


def write_run(
    path: Path,
    model: Path | str,
    *,
    rank: int | None = None,
    dtype: str = "float32",
    overrides: Sequence[str] = (),
    system: str | None = None,
) -> RunDirectory:
    """Write a run of one step that has left the model as it was, or with random adapters on it."""
    lora = "model.lora=null" if rank is None else f"model.lora.rank={rank}"
    config = load_config(
        overrides=[
            "stages=null", f"model.name={model}", f"model.dtype={dtype}", lora, "device=cpu", "data.path=/home/me/mine.jsonl",
            "embedding=builtin:wordllama", "evaluation.independent_embedding=null", "method.max_response_tokens=8", *overrides,
        ]
    )  # fmt: skip
    run = RunDirectory.create(path, config)
    run.write_provenance({})
    save_policy(_trained(config.model, rank), run.final)
    for when, score in (("before", 0.1), ("after", 0.25)):
        run.write_evaluation(when, (_row(prompt, system, score) for prompt in PROMPTS))
    run.write_manifest(_manifest(config.method.type))
    return run


def _trained(model: ModelConfig, rank: int | None) -> Policy:
    policy = load_policy(model, "cpu")
    if rank is None:
        return policy
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    # Not the usual zeros: what is merged must be seen.
    adapters = LoraConfig(
        r=rank,
        lora_alpha=32,
        target_modules="all-linear",
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    whole = policy.model
    whole = whole.merge_and_unload() if hasattr(whole, "peft_config") else whole
    return Policy(
        get_peft_model(whole, adapters, autocast_adapter_dtype=False).to(whole.dtype),
        policy.tokenizer,
        policy.source,
        policy.published_generation,
    )


def _row(prompt: str, system: str | None, score: float) -> HeldoutRow:
    asked = prompt if system is None else f"system: {system}\n\nuser: {prompt}"
    return HeldoutRow(
        id=prompt,
        prompt=asked,
        reference="the cat",
        response="the dog",
        scores={"reward": score, "similarity": score, "chrf": 100 * score},
    )


def _manifest(method: str) -> dict[str, Any]:
    changes = [
        {
            "name": name,
            "before": {"mean": 0.1, **METRIC},
            "after": {"mean": 0.25, **METRIC},
            "difference": {"mean": 0.15, **METRIC},
            "in_reward": name == "reward",
            "is_primary": name == "chrf",
            "confidence": 0.95,
        }
        for name in ("reward", "similarity", "chrf")
    ]
    return {
        "num_steps": 1,
        "stopped": None,
        "validation": None,
        "method": method,
        "heldout": changes,
        "warnings": [],
        "final": "final",
    }


def read_table(file: Path) -> dict[str, Any]:
    """Read a file of JSON."""
    found = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
