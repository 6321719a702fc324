"""Going on with a run: only as what it was begun as, and cut into the same passes."""

from dataclasses import asdict
from pathlib import Path

from rlsr.config.differences import differing_keys, may_change
from rlsr.engines.memory import StepCut
from rlsr.errors import ConfigError, RunError
from rlsr.models.load import choose_dtype
from rlsr.pipeline.plan import RunPlan
from rlsr.runs import RunDirectory


def open_for_resume(path: Path, plan: RunPlan) -> RunDirectory:
    """Open a run that was interrupted.

    Args:
        path: Its directory.
        plan: What is to be done now.

    Raises:
        ConfigError: The plan's config is another than the run's.
        RunError: There is no run, it is complete, or its data has changed.
    """
    run = RunDirectory.open(path)
    if run.is_complete:
        raise RunError(f"{path}: the run is complete; there is nothing to resume")
    before, now = run.read_config().model_dump(), plan.config.model_dump()
    changed = differing_keys(before, now)
    differing = [key for key in changed if not may_change(key)]
    if differing:
        raise ConfigError(
            f"{path}: a resumed run must keep its config, but these settings differ: {', '.join(differing)}; "
            "leave them out (`rlsr train --resume --out DIR` alone takes the run's own), or start a new run"
        )
    check_same_data(run, plan)
    if changed:
        # It was given another budget at a server, which the next session shall find.
        run.write_config(plan.config)
    return run


def check_same_data(run: RunDirectory, plan: RunPlan) -> None:
    """Refuse to go on with other rows than the run was begun with.

    Args:
        run: The run.
        plan: What is to be done now.

    Raises:
        RunError: The data has changed.
    """
    sessions, data = run.read_sessions(), plan.dataset
    if sessions and (
        sessions[0]["data_sha256"] != data.sha256
        # A run that was begun when further columns were dropped has no hash of them.
        or sessions[0].get("columns_sha256", data.columns_sha256) != data.columns_sha256
    ):
        names = [plan.config.data.path, plan.config.data.heldout_path]
        raise RunError(
            f"{run.path}: {' or '.join(name for name in names if name)} has changed since the run was begun; "
            "put the old data back, or start a new run"
        )


def step_cut(run: RunDirectory, plan: RunPlan) -> StepCut:
    """Cut steps as the first session of the run did, where that still fits.

    Another cut of the update gives the same numbers but for rounding, and other draws where rollouts are cut; a resumed
    run shall repeat them to the bit.

    Args:
        run: The run, new or begun before.
        plan: With the cut that fits into memory now.

    Returns:
        The cut to train with.
    """
    now = plan.memory.cut
    sessions = run.read_sessions()
    if not sessions or "tokens_per_pass" not in sessions[0]:
        return now
    first = StepCut(**{name: sessions[0][name] for name in asdict(now)})
    fits = not plan.memory.notices or first.tokens_per_pass <= now.tokens_per_pass
    return first if fits else now


def threads_of_decoding(run: RunDirectory, plan: RunPlan) -> int:
    """Decode on as many threads as the first session of the run did: its number was measured, and another one rounds otherwise.

    Args:
        run: The run, new or begun before.
        plan: With the policy and its device.

    Returns:
        The number of threads; 1 away from a CPU.
    """
    sessions = run.read_sessions()
    if sessions and "decoding_threads" in sessions[0]:
        return int(sessions[0]["decoding_threads"])
    import torch

    from rlsr.forward.threads import fastest_threads

    most = torch.get_num_threads()
    if plan.device != "cpu" or most == 1:
        return 1
    return fastest_threads(most, choose_dtype(plan.config.model, plan.device))
