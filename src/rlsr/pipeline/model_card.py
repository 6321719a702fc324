"""The README that lies beside a trained model."""

from collections.abc import Sequence
from pathlib import Path

import rlsr
from rlsr.config import RunConfig
from rlsr.evaluation import MetricChange, how_to_read, num_scored
from rlsr.evaluation.metrics import describe, labelled
from rlsr.rewards import reward_kind
from rlsr.statistics.in_words import mean_with_interval, percent, too_few

_LOAD_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""

_LOAD_ADAPTER = """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""


def write_model_card(
    directory: Path,
    config: RunConfig,
    changes: Sequence[MetricChange],
    num_steps: int,
    *,
    kept: str | None = None,
) -> Path:
    """Write the model card of a trained model.

    Args:
        directory: Where the model lies.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.
        num_steps: Optimiser steps that were taken.
        kept: Which weights the model has, in words, where validation chose them.
    """
    file = directory / "README.md"
    file.write_text(
        model_card(directory.name, config, changes, num_steps, kept=kept), encoding="utf-8"
    )
    return file


def model_card(
    directory: str,
    config: RunConfig,
    changes: Sequence[MetricChange],
    num_steps: int,
    *,
    kept: str | None = None,
) -> str:
    """Compose a model card.

    Args:
        directory: Name of the model's directory, for the lines that load it.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.
        num_steps: Optimiser steps that were taken.
        kept: Which weights the model has, in words, where validation chose them.

    Returns:
        Markdown with the metadata that the Hugging Face hub reads.
    """
    adapter = config.model.lora is not None
    template = _LOAD_ADAPTER if adapter else _LOAD_MODEL
    lines = [
        "---",
        f"library_name: {'peft' if adapter else 'transformers'}",
        *([] if config.model.name.startswith("builtin:") else [f"base_model: {config.model.name}"]),
        f"tags: [rlsr, {config.method.hub_tag}]",
        "---",
        f"# {config.model.name} after {config.method.cited_title}",
        "",
        f"{'LoRA adapters' if adapter else 'All weights'} trained by rlsr {rlsr.__version__} on {config.data.path}: "
        f"{config.method.training_in_words(reward_kind(config).describe(config))}, {num_steps} steps of {config.training.prompts_per_step} prompts, learning rate "
        f"{config.learning_rate:g}.",
        *([] if kept is None else ["", f"Kept are {kept}."]),
        "",
        *_table(changes, config.evaluation.confidence),
        "## Use",
        "",
        "```python",
        template.format(directory=directory),
        "```",
        "",
        "Training knows closeness to references and not truth: check facts before relying on them.",
        "",
    ]
    return "\n".join(lines)


def _table(changes: Sequence[MetricChange], confidence: float) -> list[str]:
    if not changes:
        return ["No held-out evaluation was made.", ""]
    count, level = num_scored(changes), changes[0].confidence or confidence
    head = f"Greedy responses to {count} prompts that were not trained on"
    if not too_few(count, "prompts"):
        head += f"; {percent(confidence)} bootstrap intervals over prompts, of differences {percent(level)} ones"
    return [
        "## Held-out prompts",
        "",
        "; ".join(filter(None, (head, how_to_read(changes, confidence)))) + ".",
        "",
        "| metric | before | after | difference | reading |",
        "|---|---|---|---|---|",
        *(
            f"| {labelled(change.name, in_reward=change.in_reward)} | "
            f"{mean_with_interval(change.before, digits)} | {mean_with_interval(change.after, digits)} | "
            f"{mean_with_interval(change.difference, digits, sign=True)} | {change.reading} |"
            for change, digits in ((change, describe(change.name).digits) for change in changes)
        ),
        "",
    ]
