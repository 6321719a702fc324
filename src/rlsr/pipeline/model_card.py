"""The README that lies beside a trained model."""

from collections.abc import Sequence
from pathlib import Path

import rlsr
from rlsr.config import RunConfig
from rlsr.config.method import RlsrMethod, SgrpoMethod
from rlsr.config.preference import DpoMethod
from rlsr.evaluation import MetricChange
from rlsr.evaluation.metrics import describe, labelled
from rlsr.rewards import reward_kind
from rlsr.statistics import Estimate

_LOAD_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""

_LOAD_ADAPTER = """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""

TITLES = {
    "rlsr": "RLSR",
    "sgrpo": "S-GRPO (arXiv 2512.14100)",
    "sft": "SFT",
    "dft": "DFT (arXiv 2508.05629)",
    "iw_sft": "iw-SFT (arXiv 2507.12856)",
    "pear": "PEAR (arXiv 2602.01058)",
    "dpo": "DPO",
}
"""Names of the methods in a card."""

TAGS = {"rlsr": "grpo", "sgrpo": "grpo", "dpo": "dpo"}
"""Tags of the hub by method, where it is not supervised."""


def write_model_card(
    directory: Path, config: RunConfig, changes: Sequence[MetricChange], num_steps: int
) -> Path:
    """Write the model card of a trained model.

    Args:
        directory: Where the model lies.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.
        num_steps: Optimiser steps that were taken.

    Returns:
        The card.
    """
    file = directory / "README.md"
    file.write_text(model_card(directory.name, config, changes, num_steps), encoding="utf-8")
    return file


def model_card(
    directory: str, config: RunConfig, changes: Sequence[MetricChange], num_steps: int
) -> str:
    """Compose a model card.

    Args:
        directory: Name of the model's directory, for the lines that load it.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.
        num_steps: Optimiser steps that were taken.

    Returns:
        Markdown with the metadata that the Hugging Face hub reads.
    """
    adapter = config.model.lora is not None
    template = _LOAD_ADAPTER if adapter else _LOAD_MODEL
    lines = [
        "---",
        f"library_name: {'peft' if adapter else 'transformers'}",
        *([] if config.model.name.startswith("builtin:") else [f"base_model: {config.model.name}"]),
        f"tags: [rlsr, {TAGS.get(config.method.type, 'sft')}]",
        "---",
        f"# {config.model.name} after {TITLES[config.method.type]}",
        "",
        f"{'LoRA adapters' if adapter else 'All weights'} trained by rlsr {rlsr.__version__} on {config.data.path}: "
        f"{_training(config)}, {num_steps} steps of {config.training.prompts_per_step} prompts, learning rate "
        f"{config.learning_rate:g}.",
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


def _training(config: RunConfig) -> str:
    """Say in words what the method has done."""
    method = config.method
    if isinstance(method, RlsrMethod):
        subset = method.update_subset
        chosen = "" if subset is None else f" on the {subset} whose rewards vary most"
        return (
            f"{method.num_generations} responses to each prompt, rewarded by {reward_kind(config).describe(config)}, "
            f"optimised by GRPO{chosen} (KL coefficient {method.kl_coefficient:g}){_label_term(method)}"
        )
    if isinstance(method, DpoMethod):
        return f"the reference preferred to a worse response by DPO (beta {method.beta:g})"
    return "the references' tokens made likelier" + (
        "" if method.type == "sft" else f", weighted as in {TITLES[method.type]}"
    )


def _label_term(method: RlsrMethod) -> str:
    """List what is learnt from the references beside their reward."""
    if not isinstance(method, SgrpoMethod):
        return ""
    ways = []
    if method.label_in_group:
        ways.append("the references as responses of their groups")
    if method.prefix_ratios is not None:
        shares = ", ".join(f"{ratio:g}" for ratio in method.prefix_ratios)
        ways.append(f"prefixes of the references given to the responses (shares {shares})")
    if method.initial_label_weight:
        weight = f"weight {method.initial_label_weight:g}"
        if method.label_schedule != "constant":
            weight += f", {method.label_schedule} to 0"
        ways.append(f"a supervised term on the references ({method.label_loss}, {weight})")
    return f" with {' and '.join(ways)}" if ways else ""


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
            f"| {labelled(change.name, in_reward=change.in_reward)} | "
            f"{_interval(change.before, digits)} | {_interval(change.after, digits)} | "
            f"{_interval(change.difference, digits, sign=True)} |"
            for change, digits in ((change, describe(change.name).digits) for change in changes)
        ),
        "",
    ]


def _interval(estimate: Estimate, digits: int, *, sign: bool = False) -> str:
    form = f"{'+' if sign else ''}.{digits}f"
    return f"{estimate.mean:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"
