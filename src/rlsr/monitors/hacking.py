"""The reward goes up while something else says that the responses became worse."""

from rlsr.monitors.monitor import Monitor, Rows
from rlsr.monitors.window import change
from rlsr.runs.step_metrics import MEAN_REWARD, OVERLAP, STEP_METRICS, VALIDATION_REWARD
from rlsr.runs.step_totals import scored
from rlsr.runs.validation import MEASURES, best_measurement

_SMALL = 0.05
"""A measure that begins lower than this is divided by this: near 0 a share of it says nothing."""
_REWARD = "reward/"
_OVERLAP_PART = "reward/overlap"
_INDEPENDENT = ("independent_similarity", "chrf")
"""What validation may measure that a reward has not seen."""


def independent_lost(rows: Rows) -> float | None:
    """Say which share of an independent measure is lost while the reward went up.

    Where validation measures similarity by an independent encoder or chrF, it is that, since its best measurement, and the
    reward is that of the same answers: on the same prompts the two can be compared. Else it is the overlap of the step's own
    responses with their references in character n-grams, since the first steps. Neither overlap nor chrF counts where the
    reward has them.

    Args:
        rows: Of a run.

    Returns:
        A share; 0 where nothing was lost, or the reward did not rise. None where there is nothing to compare.
    """
    ends = (*rows[:1], *rows[-1:])
    for metric in _INDEPENDENT:
        if any(MEASURES[metric].column in row for row in ends):
            return _lost_on_validation(rows, metric)
    overlap, reward = change(rows, OVERLAP), change(rows, MEAN_REWARD)
    if overlap is None or reward is None or _OVERLAP_PART in rows[-1]:
        return None
    return _lost(overlap.then, overlap.now) if overlap.falls and reward.rises else 0.0


def part_lost(rows: Rows) -> float | None:
    """Say which share of its worst part the reward has lost while it went up as a whole.

    Args:
        rows: Of a run.

    Returns:
        A share of what the part was in the first steps; 0 where none fell by three times its error, or the reward did not
        rise by twice its own. None where there is nothing to compare, or no part.
    """
    reward = change(rows, MEAN_REWARD)
    parts = [name for name in rows[-1] if _is_part(name)] if rows else []
    if reward is None or not parts:
        return None
    changes = [found for name in parts if (found := change(rows, name)) is not None]
    lost = [_lost(found.then, found.now) for found in changes if found.falls]
    return max(lost, default=0.0) if reward.rises else 0.0


def _lost_on_validation(rows: Rows, metric: str) -> float | None:
    best, column = best_measurement(rows, metric), MEASURES[metric].column
    if best is None or not scored(rows[-1:], column):
        return None
    if metric == "chrf" and any(_OVERLAP_PART in row for row in rows):
        return None
    reward = scored(
        [row for row in rows if row["step"] in (best.step, rows[-1]["step"])], VALIDATION_REWARD
    )
    if len(reward) < 2:
        return None
    return _lost(best.value, rows[-1][column]) if reward[-1] > reward[0] else 0.0


def _lost(then: float, now: float) -> float:
    return (then - now) / max(abs(then), _SMALL)


def _is_part(name: str) -> bool:
    is_share = name.startswith(f"{_REWARD}share_")
    return name.startswith(_REWARD) and name not in STEP_METRICS and not is_share


MONITORS = (
    Monitor(
        "hacking",
        independent_lost,
        warn=0.05,
        alarm=0.08,
        found="{:.0%} of an independent measure is lost since its best while the reward went up",
        meaning="share lost of the similarity on validation prompts by an encoder that the reward never saw, or of chrF where that "
        "is measured, since its best measurement, while the reward of the same answers rose (`validation/independent_similarity`, "
        "`validation/chrf`, `validation/reward`, at the steps that measure them); without it, of the overlap of the responses with their references (`text/overlap`), unless the reward has that",
        reason="32 validation prompts give a mean to about 3 % of itself: 5 % may be chance, 8 % is hardly; healthy runs lose "
        "up to 4 %, and a run at twice the rate of the demo lost 9 % by its second measurement",
        way_out="the reward may be gamed: look at samples/ and rlsr audit, stop, and keep the best weights of validation",
    ),
    Monitor(
        "reward_parts",
        part_lost,
        warn=0.1,
        alarm=0.3,
        found="a part of the reward has lost {:.0%} while the whole went up",
        meaning="largest share that a part of the reward has lost since the first steps, by three times its error, while the "
        "whole rose (the parts in `reward/`)",
        reason="parts of a good reward go up together; in healthy runs none falls beyond its error",
        way_out="the charts of the reward's parts show which one is paid for with another; change their weights",
    ),
)
"""In the order in which they are shown."""
