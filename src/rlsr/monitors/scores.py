"""Whether the reward still tells responses apart, and whether training still raises it."""

from functools import partial

from rlsr.monitors.monitor import Monitor, Rows
from rlsr.monitors.window import beginning, change, recent
from rlsr.runs.step_metrics import GROUP_SPREAD, MEAN_REWARD, SHARE_UNSCORED, WITHOUT_SIGNAL


def reward_lost(rows: Rows) -> float | None:
    """Say how far the reward has fallen since the first steps, in units of what told responses apart there.

    Args:
        rows: Of a run.

    Returns:
        Spreads within a group; 0 where it has not fallen by three times its error, None where there is nothing to compare.
    """
    reward, spread = change(rows, MEAN_REWARD), beginning(rows, GROUP_SPREAD)
    if reward is None or not spread:
        return None
    return (reward.then - reward.now) / spread if reward.falls else 0.0


MONITORS = (
    Monitor(
        "no_signal",
        partial(recent, name=WITHOUT_SIGNAL),
        warn=0.5,
        alarm=0.9,
        found="{:.0%} of the last groups had no signal: their responses all got the same reward",
        meaning="share of the groups whose responses all got the same reward (`advantage/share_without_signal`)",
        reason="healthy runs have 0 to 6 %; from half on most of the sampling teaches nothing, and at 90 % the run stands still",
        way_out="raise method.temperature or method.num_generations, or take a reward that tells responses apart",
    ),
    Monitor(
        "unscored",
        partial(recent, name=SHARE_UNSCORED),
        warn=0.1,
        alarm=0.5,
        found="{:.0%} of the last responses could not be scored",
        meaning="share of the responses without a score (`reward/share_unscored`)",
        reason="a reward of texts scores all; what a tenth of the responses miss is missed by a kind of response, and the policy "
        "is free in all that it is not scored for",
        way_out="samples/ of the run has such responses; training.max_unscored_share makes it an error",
    ),
    Monitor(
        "falling_reward",
        reward_lost,
        warn=0.5,
        alarm=1.5,
        found="the reward has fallen by {:.1f} of its spread within a group",
        meaning="fall of the mean reward since the first steps, in standard deviations within a group, where it is three times "
        "its error (`reward/mean`, `reward/group_std`)",
        reason="training raises what it aims at; in healthy runs it does not fall beyond its error",
        way_out="lower training.learning_rate: the steps are larger than what they were learnt from",
    ),
)
"""In the order in which they are shown."""
