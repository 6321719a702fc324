"""The card of an exported model: what it is, how it was trained, what was measured, how it is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rlsr.config import RunConfig
from rlsr.evaluation import MetricChange
from rlsr.hub import is_hub_id
from rlsr.pipeline.model_card import LIMITS, heldout_table, training_in_words, usage
from rlsr.pipeline.stages_summary import changes_over_all, summarise_run
from rlsr.runs.lineage import TrainedModel

NO_LICENCE = "Under which licence the model that training began with may be used was not to be found: find out before you pass this one on."


@dataclass(frozen=True)
class TrainingStep:
    """One of the runs that a model comes from."""

    config: RunConfig
    """Of the run; its data and its model are named as others may read it."""
    num_steps: int
    """Optimiser steps."""
    kept: str | None
    """Which weights it has kept, in words."""
    changes: tuple[MetricChange, ...]
    """Held-out metrics before and after it."""


@dataclass(frozen=True)
class Facts:
    """What a card says."""

    name: str
    """Of the directory or the repository."""
    origin: str
    """What training began with."""
    steps: Sequence[TrainingStep]
    """In their order."""
    changes_over_all: Sequence[MetricChange]
    """Held-out metrics before the first and after the last; empty where they were not measured in the same way, or there is one."""
    adapters_on: str | None
    """The model that adapters stand on; None where the weights are whole."""
    licence: Mapping[str, Any]
    """As ``find_licence`` returns it."""
    published_decoding: Mapping[str, Any]
    """By which others' programs will answer otherwise than was measured."""


def training_steps(trained: TrainedModel) -> tuple[TrainingStep, ...]:
    """Read what the runs have done that a model comes from.

    Args:
        trained: The model.

    Raises:
        RunError: A run is not complete.
    """
    steps = []
    for run in trained.line:
        done, config = summarise_run(run.path), run.read_config()
        data = config.data.model_copy(update={"path": for_others(config.data.path)})
        kept = None if done.kept is None else done.kept.in_words
        shown = config.model_copy(update={"data": data})
        steps.append(TrainingStep(shown, done.num_steps, kept, done.changes))
    # A stage that took no step has left the model as it was.
    return tuple(step for step in steps if step.num_steps) or tuple(steps[-1:])


def changes_over_line(
    trained: TrainedModel, steps: Sequence[TrainingStep]
) -> tuple[MetricChange, ...]:
    """Compare what training began with and what it has left, where several runs have trained.

    Args:
        trained: The model.
        steps: What they have done.
    """
    if len(steps) < 2:
        return ()
    return changes_over_all(trained.line[0], trained.run, steps[-1].changes)


def for_others(name: str) -> str:
    """Name data or a model without the directories of this machine."""
    return Path(name).name if Path(name).is_absolute() else name


def write_card(facts: Facts) -> str:
    """Compose the card.

    Args:
        facts: What it says.

    Returns:
        Markdown, with a head that the Hugging Face hub reads.
    """
    last = facts.steps[-1].config
    titles = ", then ".join(step.config.method.cited_title for step in facts.steps)
    decoding = ", ".join(f"{key} {value}" for key, value in facts.published_decoding.items())
    lines = [
        "---",
        yaml.safe_dump(_head(facts), sort_keys=False, allow_unicode=True).rstrip(),
        "---",
        f"# {facts.name}",
        "",
        f"{for_others(facts.origin)} after {titles}.",
        "",
        *_training(facts.steps),
        *_tables(facts),
        "## Use",
        "",
        *usage(facts.name, last, adapters_on=facts.adapters_on),
        "",
        *([f"`generation_config.json` has what the first model was published with ({decoding}); the numbers above are of answers without it.", ""] if decoding else []),
        LIMITS[last.method.makes],
        *([] if facts.licence else ["", NO_LICENCE]),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _head(facts: Facts) -> dict[str, Any]:
    last = facts.steps[-1].config
    scores, adapters = last.method.makes == "scorer", facts.adapters_on is not None
    base = facts.adapters_on or facts.origin
    has_base = is_hub_id(base) and not Path(base).exists()
    tags = dict.fromkeys(step.config.method.hub_tag for step in facts.steps)
    return {
        "library_name": "peft" if adapters else "transformers",
        "pipeline_tag": "text-classification" if scores else "text-generation",
        **facts.licence,
        **({"base_model": base} if has_base else {}),
        "tags": ["rlsr", *tags],
    }


def _training(steps: Sequence[TrainingStep]) -> list[str]:
    lines = []
    for step in steps:
        kept = "" if step.kept is None else f" Kept are {step.kept}."
        lines += [f"{training_in_words(step.config, step.num_steps)}{kept}", ""]
    return lines


def _tables(facts: Facts) -> list[str]:
    last = facts.steps[-1]
    if not facts.changes_over_all:
        return heldout_table(last.changes, last.config.evaluation)
    return [
        *heldout_table(facts.changes_over_all, last.config.evaluation, "Held-out prompts, all of training"),
        *heldout_table(last.changes, last.config.evaluation, f"Held-out prompts, the last step: {last.config.method.cited_title}"),
    ]  # fmt: skip
