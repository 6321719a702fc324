"""What a run starts from and is judged by, besides its data: the same names may stand for something else when it is resumed."""

import logging
from collections.abc import Mapping
from pathlib import Path

from rlsr.config import RunConfig
from rlsr.config.combined import single_rewards
from rlsr.config.reward import LogicReward
from rlsr.config.translator import ModelTranslator
from rlsr.errors import RunError
from rlsr.models.identity import identity_of_directory, identity_of_file, identity_of_policy
from rlsr.pipeline.plan import RunPlan
from rlsr.rewards import reward_kind
from rlsr.runs import RunDirectory

logger = logging.getLogger(__name__)

FACT = "starts_from"
"""The name of these facts in ``provenance.json``."""

CODE = "reward_code"
"""The name of those about the user's code that scores. It may be mended between two sessions, which is said."""

Identities = dict[str, dict[str, str]]
"""Facts of ``rlsr.models.identity`` by setting."""


def identities(config: RunConfig) -> Identities:
    """Say what the policy is, the encoders and the translator that lie in directories, and the files that the reward reads.

    Args:
        config: Of the run.

    Raises:
        ModelError: The policy cannot be found.
    """
    found = {"model.name": identity_of_policy(config.model)}
    encoders = {
        "embedding.model": config.embedding.model,
        "evaluation.independent_embedding": config.independent_embedding,
    }
    for setting, name in encoders.items():
        if isinstance(name, str) and Path(name).is_dir():
            found[setting] = identity_of_directory(Path(name))
    for setting, name in reward_kind(config).reads(config).items():
        if Path(name).is_dir():
            found[setting] = identity_of_directory(Path(name))
        elif Path(name).is_file():
            found[setting] = identity_of_file(Path(name))
    for setting, reward in single_rewards(config.reward).items():
        translator = reward.translator if isinstance(reward, LogicReward) else None
        if isinstance(translator, ModelTranslator) and Path(translator.name).is_dir():
            found[f"{setting}.translator.name"] = identity_of_policy(translator.language_model)
    return found


def same_beginnings(run: RunDirectory | None, plan: RunPlan) -> dict[str, Identities]:
    """Say what a run starts from and what code scores it, and refuse to go on from something else than it was begun with.

    Args:
        run: The run that is resumed; None for a new one.
        plan: What is to be done now.

    Returns:
        What ``identities`` returns as ``FACT``, and the same of the reward's own code as ``CODE``; both empty in a process that
        writes no files.

    Raises:
        ModelError: The policy cannot be found.
        RunError: Something has changed.
    """
    if not plan.processes.is_main:
        return {FACT: {}, CODE: {}}
    now = identities(plan.config)
    files = reward_kind(plan.config).own_code(plan.config)
    code = {setting: identity_of_file(Path(file)) for setting, file in files.items()}
    if run is not None:
        require_same_beginnings(run, now)
        tell_changed_code(run, code)
    return {FACT: now, CODE: code}


def require_same_beginnings(run: RunDirectory, now: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse to go on from another policy, or to be judged by another model, than the run was begun with.

    Args:
        run: The run.
        now: What ``identities`` returned.

    Raises:
        RunError: Something has changed.
    """
    sessions = run.read_sessions()
    if not sessions:
        return
    if FACT not in sessions[0]:
        logger.warning(
            "%s: the run was begun when it was not yet written down what model it starts from; that it is still the same is not checked",
            run.path,
        )
        return
    changed = _changed(sessions[0][FACT], now)
    if changed:
        raise RunError(
            f"{run.path}: what the run was begun with has changed since: {', '.join(changed)}; put it back as it was (provenance.json "
            "has the SHA-256 of files and the commit of a hub's model), or start a new run"
        )


def tell_changed_code(run: RunDirectory, now: Mapping[str, Mapping[str, str]]) -> None:
    """Say where the reward's own code has changed since the session before.

    Args:
        run: The run.
        now: SHA-256 of its files by setting.
    """
    sessions = run.read_sessions()
    changed = _changed(sessions[-1].get(CODE, {}), now) if sessions else []
    if changed:
        logger.warning(
            "%s: the code of the reward has changed since the run was last begun or resumed: %s; steps so far were rewarded by the "
            "code of then",
            run.path,
            ", ".join(changed),
        )


def _changed(
    then: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> list[str]:
    return [
        f"{setting} ({', '.join(names)})"
        for setting, known in then.items()
        if (names := _differing(known, now.get(setting, {})))
    ]


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
