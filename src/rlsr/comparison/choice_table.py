"""What was chosen, in words and as a table, as a terminal, a page and a Markdown file show it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.comparison.choices import Choice, Trial
from rlsr.comparison.choose import in_words, value_in_words
from rlsr.comparison.words import duration, listing
from rlsr.runs.validation import MEASURES
from rlsr.statistics.in_words import number

_DIGITS = 4
"""Decimals of what trials reached, one more than tables of results have: trials may lie close together."""


@dataclass(frozen=True)
class ChoiceTable:
    """The trials of a recipe, one a row."""

    columns: tuple[str, ...]
    """The settings first."""
    rows: tuple[tuple[str, ...], ...]
    """In the order of the trials."""


def choice_table(choice: Choice) -> ChoiceTable:
    """Lay out what each trial has reached and taken."""
    settings = tuple(choice.trials[0].values)
    measured = f"{MEASURES[choice.metric].words}, {choice.better} is better"
    columns = (*settings, measured, "reached after step", "steps", "wall-clock", "")
    rows = (
        _row(trial, settings, is_chosen=place == choice.chosen)
        for place, trial in enumerate(choice.trials)
    )
    return ChoiceTable(columns, tuple(rows))


def _row(trial: Trial, settings: Sequence[str], *, is_chosen: bool) -> tuple[str, ...]:
    return (
        *(value_in_words(trial.values[name]) for name in settings),
        number(trial.best, _DIGITS),
        number(trial.best_step, 0),
        f"{trial.num_steps:,}",
        duration(trial.seconds),
        "chosen" if is_chosen else "",
    )


def choice_in_words(choice: Choice) -> str:
    """Say what a recipe has chosen, from how many combinations, by what, and what the trials took."""
    trial, count = choice.trial, len(choice.trials)
    what = f"{choice.recipe} has chosen {in_words(trial.values)}"
    if choice.taken_by:
        what += f", and {listing(choice.taken_by)} with it"
    return (
        f"{what}: of {count} trial{'s' if count > 1 else ''} with seed {choice.seed} the best by "
        f"{MEASURES[choice.metric].words} on {choice.num_prompts} validation prompts "
        f"({number(trial.best, _DIGITS)} after step {trial.best_step}); they took {duration(choice.seconds)} beside the budget"
    )


def choice_notes(choice: Choice) -> list[str]:
    """Say where a choice tells less than it seems to: at the end of what was tried, or where no trial has gained anything."""
    if choice.trial.best_step == 0:
        return [
            f"the trial that {choice.recipe} has chosen never became better than what it began with, so that the choice says "
            "nothing about training"
        ]
    found = []
    for name, value in choice.trial.values.items():
        tried = {trial.values[name] for trial in choice.trials if _is_number(trial.values[name])}
        if len(tried) < 2 or not _is_number(value) or min(tried) < value < max(tried):
            continue
        end, beyond = ("largest", "larger") if value == max(tried) else ("smallest", "smaller")
        found.append(
            f"{choice.recipe} has chosen the {end} {name} that was tried, {value_in_words(value)}: a {beyond} one may be better yet"
        )
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
