"""All monitors, and how they are asked."""

from rlsr.errors import EngineError
from rlsr.monitors.blind_reward import cut_by_encoder, unscored, untranslated
from rlsr.monitors.lost_policy import lost_policy, skipped_updates
from rlsr.monitors.monitor import Monitor, Rows
from rlsr.monitors.no_signal import no_signal

MONITORS = (
    Monitor("lost_policy", lost_policy, ends_training=True),
    Monitor("skipped_updates", skipped_updates),
    Monitor("cut_by_encoder", cut_by_encoder),
    Monitor("unscored", unscored),
    Monitor("untranslated", untranslated),
    Monitor("no_signal", no_signal),
)
"""A sign of failure is a line here and a function beside this file."""


def findings(rows: Rows) -> list[str]:
    """Find in the numbers of a run what would otherwise pass unseen.

    Args:
        rows: All of ``metrics.jsonl``.

    Returns:
        One sentence a finding.
    """
    found = (monitor.look(rows) for monitor in MONITORS if not monitor.ends_training)
    return [finding for finding in found if finding is not None]


def require_sound(rows: Rows) -> None:
    """End training where going on is pointless.

    Args:
        rows: Of all steps so far, not empty.

    Raises:
        EngineError: A monitor that ends training has found something.
    """
    for monitor in MONITORS:
        if monitor.ends_training and (finding := monitor.look(rows)) is not None:
            raise EngineError(finding)
