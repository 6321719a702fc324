"""Where the numbers of a run are shown besides its own directory; what each tracker does stands in ``rlsr.tracking``."""

from typing import Annotated, Literal

from pydantic import Field

from rlsr.config.base import ConfigTable


class TrackerTable(ConfigTable):
    """What every tracker has in common."""

    samples: int = Field(default=4, ge=0, le=1000)
    """Responses of a step that are sent with their prompt, reference and reward: the best and the worst of those that the run keeps in
    ``samples/``. 0 sends no text of the data and none of the policy."""


class TensorBoardTracker(TrackerTable):
    """Event files, which ``tensorboard --logdir DIRECTORY`` shows."""

    type: Literal["tensorboard"] = "tensorboard"
    directory: str | None = Field(default=None, min_length=1)
    """Where the event files of all runs go, each into a directory of its own there; null is ``tensorboard/`` in the run's own directory,
    where ``tensorboard --logdir runs`` finds those of all runs."""


class WandbTracker(TrackerTable):
    """Weights & Biases."""

    type: Literal["wandb"] = "wandb"
    project: str = Field(default="rlsr", min_length=1, max_length=128)
    """The project."""
    entity: str | None = Field(default=None, min_length=1)
    """The user or team; null is ``WANDB_ENTITY``, or else the default of the key's owner."""
    group: str | None = Field(default=None, min_length=1, max_length=128)
    """What runs stand together under; null is the comparison or the pipeline that the run belongs to."""
    tags: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    """Further tags besides method and stage."""
    mode: Literal["online", "offline"] | None = None
    """``offline`` keeps everything in the run's directory, for ``wandb sync``; null is ``WANDB_MODE``, or else ``online``."""


class MlflowTracker(TrackerTable):
    """MLflow."""

    type: Literal["mlflow"] = "mlflow"
    tracking_uri: str | None = Field(default=None, min_length=1)
    """A server as ``http://localhost:5000``, a database or a directory; null is ``MLFLOW_TRACKING_URI``, or else MLflow's own default. No
    user name and no password: those are read from ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``."""
    experiment: str = Field(default="rlsr", min_length=1, max_length=500)
    """The experiment; it is made where it is not there."""


class TrackioTracker(TrackerTable):
    """Trackio, on this machine or in a Space of Hugging Face."""

    type: Literal["trackio"] = "trackio"
    project: str = Field(default="rlsr", min_length=1, max_length=128)
    """The project."""
    space_id: str | None = Field(default=None, min_length=1)
    """The Space that shows it, as in ``user/space``; null keeps everything on this machine, for ``trackio show``."""


TrackerConfig = Annotated[
    TensorBoardTracker | WandbTracker | MlflowTracker | TrackioTracker,
    Field(discriminator="type"),
]
"""The trackers of our own."""
