"""Which trackers there are: one line a tracker of our own, and those that installed packages add."""

import inspect
from functools import cache
from typing import Any, get_args

from rlsr.config.run import RunConfig
from rlsr.config.tracking import TrackerConfig, TrackerTable
from rlsr.errors import ConfigError
from rlsr.plugins import load_plugin, plugin_origins
from rlsr.tracking.mlflow import MlflowKind
from rlsr.tracking.tensorboard import TensorBoardKind
from rlsr.tracking.tracker import TrackerKind
from rlsr.tracking.trackio import TrackioKind
from rlsr.tracking.wandb import WandbKind

_KINDS: tuple[TrackerKind[Any], ...] = (
    TensorBoardKind(),
    WandbKind(),
    MlflowKind(),
    TrackioKind(),
)

_BY_TYPE = {kind.config.model_fields["type"].default: kind for kind in _KINDS}

assert {kind.config for kind in _KINDS} == set(get_args(get_args(TrackerConfig)[0])), (
    "every tracker of the config has its kind, and the other way round"
)


def tracker_kind(settings: TrackerTable) -> TrackerKind[Any]:
    """Find what is known of a tracker.

    Args:
        settings: Of the tracker.

    Raises:
        ConfigError: An installed package adds its settings, and no kind that reads them.
    """
    type_ = tracker_name(settings)
    own = _BY_TYPE.get(type_)
    return _added_kind(type_) if own is None else own


def tracker_name(settings: TrackerTable) -> str:
    """Name a tracker as the config does, as in ``wandb``."""
    return str(type(settings).model_fields["type"].default)


def require_trackers(config: RunConfig) -> None:
    """Make sure before any work that a run can be tracked as its config says.

    Args:
        config: The config of a run.

    Raises:
        RlsrError: A package is not installed, or a key is missing.
    """
    for settings in config.tracking:
        tracker_kind(settings).require(settings)


@cache
def _added_kind(name: str) -> TrackerKind[Any]:
    added = load_plugin("rlsr.trackers", name)
    if inspect.isclass(added) and issubclass(added, TrackerKind) and not inspect.isabstract(added):
        return added()
    if isinstance(added, TrackerKind):
        return added
    raise ConfigError(
        f"rlsr.trackers: {name!r}, which {plugin_origins('rlsr.trackers', name)} adds, must be a rlsr.tracking.tracker.TrackerKind "
        f"with all its methods, got {added!r}; mend or uninstall that package"
    )
