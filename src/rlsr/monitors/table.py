"""All monitors and signs: a line a family, and the monitors of installed packages."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from rlsr.errors import ConfigError, EngineError
from rlsr.monitors import hacking, lengths, policy, scores, texts
from rlsr.monitors.blind_reward import cut_by_encoder, unscored, untranslated
from rlsr.monitors.lost_policy import lost_policy, skipped_updates
from rlsr.monitors.monitor import Monitor, Rows, Sign
from rlsr.plugins import find_plugins, load_plugin, plugin_origins

GROUP: Final = "rlsr.monitors"
"""The group of entry points by which a package adds a monitor."""

BUILT_IN: Mapping[str, Monitor] = {
    monitor.name: monitor
    for monitor in (
        *hacking.MONITORS,
        *scores.MONITORS,
        *texts.MONITORS,
        *lengths.MONITORS,
        *policy.MONITORS,
    )
}
"""By name, in the order in which they are shown."""

SIGNS = (
    Sign("lost_policy", lost_policy, ends_training=True),
    Sign("skipped_updates", skipped_updates),
    Sign("cut_by_encoder", cut_by_encoder),
    Sign("unscored", unscored),
    Sign("untranslated", untranslated),
)
"""A sign of failure is a line here and a function beside this file."""


@cache
def all_monitors() -> Mapping[str, Monitor]:
    """List the monitors by name: our own, then those of installed packages.

    Raises:
        ConfigError: One of a package cannot be imported, is no monitor, or has a name that is taken.
    """
    return {**BUILT_IN, **{name: _load(name) for name in find_plugins(GROUP)}}


def _load(name: str) -> Monitor:
    origin = plugin_origins(GROUP, name)
    if name in BUILT_IN:
        raise ConfigError(
            f"{GROUP}: {origin} adds {name!r}, which is built in; give it another name there, or uninstall that package"
        )
    monitor = load_plugin(GROUP, name)
    if not isinstance(monitor, Monitor) or monitor.name != name:
        got = repr(monitor.name) if isinstance(monitor, Monitor) else type(monitor).__name__
        raise ConfigError(
            f"{GROUP}: {name!r}, which {origin} adds, must be a rlsr.monitors.Monitor of that name, got {got}; mend or "
            "uninstall that package"
        )
    return monitor


def findings(rows: Rows) -> list[str]:
    """Find in the numbers of a run what would otherwise pass unseen.

    Args:
        rows: All of ``metrics.jsonl``.

    Returns:
        One sentence a finding.
    """
    found = (sign.look(rows) for sign in SIGNS if not sign.ends_training)
    return [finding for finding in found if finding is not None]


def require_sound(rows: Rows) -> None:
    """End training where going on is pointless.

    Args:
        rows: Of all steps so far, not empty.

    Raises:
        EngineError: A sign that ends training was found.
    """
    for sign in SIGNS:
        if sign.ends_training and (finding := sign.look(rows)) is not None:
            raise EngineError(finding)
