"""The README that lies beside a trained model."""

from collections.abc import Sequence
from pathlib import Path

import rlsr
from rlsr.config import RunConfig
from rlsr.config.reward import LogicReward
from rlsr.evaluation import Estimate, MetricChange

_LOAD_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""

_LOAD_ADAPTER = """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""


def write_model_card(directory: Path, config: RunConfig, changes: Sequence[MetricChange]) -> Path:
    """Write the model card of a trained model.

    Args:
        directory: Where the model lies.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.

    Returns:
        The card.
    """
    file = directory / "README.md"
    file.write_text(model_card(directory.name, config, changes), encoding="utf-8")
    return file


def model_card(directory: str, config: RunConfig, changes: Sequence[MetricChange]) -> str:
    """Compose a model card.

    Args:
        directory: Name of the model's directory, for the lines that load it.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.

    Returns:
        Markdown with the metadata that the Hugging Face hub reads.
    """
    adapter = config.model.lora is not None
    template = _LOAD_ADAPTER if adapter else _LOAD_MODEL
    method = config.method
    lines = [
        "---",
        f"library_name: {'peft' if adapter else 'transformers'}",
        *([] if config.model.name.startswith("builtin:") else [f"base_model: {config.model.name}"]),
        "tags: [rlsr, grpo]",
        "---",
        f"# {config.model.name} after RLSR",
        "",
        f"{'LoRA adapters' if adapter else 'All weights'} trained by rlsr {rlsr.__version__}: {method.num_generations} "
        f"responses to each of {config.training.prompts_per_step} prompts a step, {config.training.steps} steps, rewarded by "
        f"their {_closeness(config)} to the references of "
        f"{config.data.path}, optimised by GRPO{_subset(config)} (learning rate {config.learning_rate:g}, KL coefficient {method.kl_coefficient:g}).",
        "",
        *_table(changes, config.evaluation.confidence),
        "## Use",
        "",
        "```python",
        template.format(directory=directory),
        "```",
        "",
        "The reward knows closeness to a reference and not truth: check facts before relying on them.",
        "",
    ]
    return "\n".join(lines)


def _subset(config: RunConfig) -> str:
    size = config.method.update_subset
    return (
        "" if size is None else f" on the {size} responses of each prompt whose rewards vary most"
    )


def _closeness(config: RunConfig) -> str:
    if isinstance(config.reward, LogicReward):
        return (
            f"logic similarity ({config.reward.variant}, BLEU share {config.reward.bleu_share:g})"
        )
    return f"similarity ({config.reward.similarity.variant}, {config.embedding.model})"


def _table(changes: Sequence[MetricChange], confidence: float) -> list[str]:
    if not changes:
        return ["No held-out evaluation was made.", ""]
    count = changes[0].difference.num
    return [
        "## Held-out prompts",
        "",
        f"Greedy responses to {count} prompts that were not trained on; {100 * confidence:g}% bootstrap intervals over prompts.",
        "",
        "| metric | before | after | difference |",
        "|---|---|---|---|",
        *(
            f"| {change.name} | {_interval(change.before)} | {_interval(change.after)} | "
            f"{_interval(change.difference, sign=True)} |"
            for change in changes
        ),
        "",
    ]


def _interval(estimate: Estimate, *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    return f"{estimate.mean:{plus}.3f} [{estimate.low:{plus}.3f}, {estimate.high:{plus}.3f}]"
