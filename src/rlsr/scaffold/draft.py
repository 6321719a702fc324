"""A first config, checked by the very plan that ``rlsr train --dry-run`` makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.config import RunConfig, StagedConfig
from rlsr.config.layers import merge_layers
from rlsr.config.recipes import SFT_THEN_RLSR
from rlsr.config.stages import check_stages
from rlsr.errors import DataError, RlsrError
from rlsr.pipeline import estimate_run, plan_stages
from rlsr.scaffold.commented_yaml import Line, as_table, commented_yaml
from rlsr.scaffold.suggest import StageTime, suggest
from rlsr.scaffold.survey import Survey, survey

_MINUTES_SHOWN = 600
"""Above it hours are shown."""


@dataclass(frozen=True)
class Draft:
    """A config to be written."""

    survey: Survey
    """What it follows from."""
    lines: tuple[Line, ...]
    """Its settings."""
    times: tuple[StageTime, ...]
    """What its plan has estimated; empty where no plan could be made."""
    unsure: tuple[str, ...]
    """What the user should look at, in sentences."""

    @property
    def text(self) -> str:
        """The file."""
        found, data = self.survey, self.survey.config.data
        head = [
            f"A first config for {data.path}, by `rlsr init`: what is here follows from the data and this machine, with the reason beside it. "
            "Everything else has its default: `rlsr config explain KEY`, docs/settings.md.",
            f"This machine: {found.machine.in_words}. {time_in_words(self.times)}".strip(),
        ]
        return commented_yaml([*head, *(f"unsure: {one}" for one in found.unknown)], self.lines)


def draft(config: RunConfig) -> Draft:
    """Look at data, policy and machine, and choose settings.

    Args:
        config: It names data and policy.

    Raises:
        RlsrError: The data cannot be used.
    """
    found = survey(config)
    lines = suggest(found)
    times: tuple[StageTime, ...] = ()
    unplanned = None
    try:
        lines, times = _planned(found, lines)
    except RlsrError as error:
        unplanned = f"no plan could be made yet: {str(error).partition(chr(10))[0]}"
    guesses = [f"{line.key}: {line.why}" for line in lines if line.is_guess]
    unsure = (*guesses, *found.unknown, *([unplanned] if unplanned else []))
    return Draft(found, tuple(lines), times, unsure)


def _planned(found: Survey, lines: Sequence[Line]) -> tuple[list[Line], tuple[StageTime, ...]]:
    """Plan the settings, leave out rows where they ask for it, and bound the time."""
    skipping = []
    try:
        times = _times(checked(lines))
    except DataError as error:
        if any(line.key == "data.on_bad_row" for line in lines):
            raise
        why = f"{str(error).partition(chr(10))[0].partition(': ')[2]}; these rows are left out, and the run lists them"
        skipping = [Line("data.on_bad_row", "skip", why, is_guess=True)]
        times = _times(checked([*lines, *skipping]))
    bounded = [*suggest(found, times), *skipping]
    # A limit of time needs no plan of its own.
    checked(bounded)
    return bounded, times


def checked(lines: Sequence[Line]) -> StagedConfig:
    """Read settings as ``rlsr train`` reads the file of them.

    Args:
        lines: The settings.

    Raises:
        ConfigError: One breaks a rule.
    """
    return check_stages(merge_layers([as_table(lines)], [], recipe=SFT_THEN_RLSR))


def _times(staged: StagedConfig) -> tuple[StageTime, ...]:
    times = []
    for name, plan in plan_stages(staged).items():
        estimate = estimate_run(plan)
        times.append(StageTime(name, plan.num_steps, estimate.step_seconds, estimate.total_minutes))
    return tuple(times)


def time_in_words(times: Sequence[StageTime]) -> str:
    """Say how long the stages would take without a limit.

    Args:
        times: Of each stage; nothing is said where there are none.
    """
    if not times:
        return ""
    stages = ", ".join(
        f"{one.name} at most {one.num_steps:,} steps of {_short(one.step_seconds)} s"
        for one in times
    )
    minutes = sum(one.total_minutes for one in times)
    total = (
        f"{_short(minutes / 60)} hours"
        if minutes > _MINUTES_SHOWN
        else f"{_short(minutes)} minutes"
    )
    return f"Without a limit: {stages}; {total} in all, good to a factor of two."


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
