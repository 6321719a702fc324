"""An export, written beside its place and named once it is whole."""

import shutil
from pathlib import Path

from rlsr.config.model import ModelConfig
from rlsr.export.card import Facts, changes_over_line, training_steps, write_card
from rlsr.export.description import (
    decoding_settings,
    describe_generation,
    describe_model,
    what_servers_miss,
)
from rlsr.export.licence import find_licence
from rlsr.export.marker import complete_export
from rlsr.export.merge import MERGED_IN, write_merged
from rlsr.export.plan import ExportPlan
from rlsr.models import load_tokenizer
from rlsr.models.adapters import CONFIG_FILE
from rlsr.models.weight_files import cast_weights, model_files
from rlsr.runs.whole_directory import write_directory


def write_export(plan: ExportPlan, *, name: str | None = None) -> list[str]:
    """Write what was planned.

    Args:
        plan: What ``plan_export`` returned.
        name: What the card calls the model; the directory's name if not given.

    Returns:
        What others should know of it, a sentence each.

    Raises:
        RlsrError: The model cannot be loaded or merged, does not fit into the type, or cannot be written; what stood there stays.
    """
    notices: list[str] = []
    write_directory(
        plan.target, lambda place: notices.extend(_fill(plan, place, name or plan.target.name))
    )
    return notices


def _fill(plan: ExportPlan, place: Path, name: str) -> list[str]:
    if plan.form == "merged":
        write_merged(plan.trained.config, place)
    else:
        for file in model_files(plan.trained.directory):
            shutil.copyfile(file, place / file.name)
    if plan.casts or (plan.form == "merged" and plan.dtype != MERGED_IN):
        cast_weights(place, plan.dtype)
    describe_model(place, plan.dtype)
    if plan.is_whole and plan.makes == "policy":
        describe_generation(place, load_tokenizer(ModelConfig(name=str(place))))
    facts = _facts(plan, place, name)
    complete_export(
        place,
        write_card(facts),
        {"run": plan.trained.run.path.resolve().name, "form": plan.form, "dtype": plan.dtype},
    )
    return _notices(plan, place, facts)


def _facts(plan: ExportPlan, place: Path, name: str) -> Facts:
    trained = plan.trained
    steps = training_steps(trained)
    return Facts(
        name=name,
        origin=trained.origin.name,
        steps=steps,
        changes_over_all=changes_over_line(trained, steps),
        adapters_on=plan.adapters.base.name if plan.adapters and not plan.is_whole else None,
        licence=find_licence(trained.origin),
        published_decoding=decoding_settings(place) if plan.makes == "policy" else {},
    )


def _notices(plan: ExportPlan, place: Path, facts: Facts) -> list[str]:
    notices = what_servers_miss(place) if plan.is_whole else []
    if not facts.licence:
        notices.append(
            "the licence of the model that training began with was not to be found; add `license:` to the head of README.md before you pass it on"
        )
    if facts.adapters_on is not None and Path(facts.adapters_on).is_absolute():
        notices.append(
            f"the adapters stand on {facts.adapters_on}, which is on this machine alone: --merge makes a model of its own, or set base_model_name_or_path in "
            f"{CONFIG_FILE}"
        )
    if facts.adapters_on is not None and facts.adapters_on.startswith("builtin:"):
        notices.append(
            f"the adapters stand on {facts.adapters_on}, which needs rlsr to be loaded: --merge makes a model of its own"
        )
    return notices
