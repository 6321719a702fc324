"""What the pipeline asks of an engine, and what it gives it to train.

An engine may train in this process, in several, or on a cluster in an environment of its own. It therefore gets the name or the
directory of a model to start from, and returns the directory of the trained one; no loaded policy crosses this seam.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.engines.along_the_way import WITHOUT_STAGES, PlaceInPipeline
from rlsr.engines.estimate import TimeEstimate, Workload
from rlsr.engines.memory import MemoryPlan, StepCut
from rlsr.engines.observer import TrainingObserver
from rlsr.models import Device, Policy
from rlsr.processes import ALONE, Processes
from rlsr.rewards import Reward
from rlsr.rewards.protocol import Scores
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow


@dataclass(frozen=True)
class TrainingJob:
    """What is to be trained, on what, for what reward, and where it is written."""

    config: RunConfig
    """The resolved config; its ``model`` is what training starts from."""
    records: Sequence[PromptRecord]
    """The training prompts with their references, and with worse answers where the method learns from pairs."""
    reward: Reward
    """Scores rollouts in this process; an engine that scores them elsewhere opens the config's reward there."""
    run: RunDirectory
    """Where metrics, samples, checkpoints and the final model go."""
    device: Device
    """The run's device."""
    num_steps: int
    """Optimiser steps of the run."""
    cut: StepCut
    """How a step is cut to fit into memory."""
    processes: Processes = ALONE
    """Those that train together."""
    validate: Callable[[Policy], Mapping[str, Scores]] | None = None
    """Measures a policy on validation prompts: by the name in ``MEASURES`` what ``validation.metric`` says, and what else is
    measured of the same answers, each a number a prompt or one number of all; NaN is not scored. All processes call it together and get the same. None where
    there are none."""
    answer_heldout: Callable[[Policy], Sequence[HeldoutRow]] | None = None
    """Lets a policy answer the held-out prompts that are answered along the way, all processes together; None where none are."""
    place: PlaceInPipeline = WITHOUT_STAGES
    """Of the run among the stages of a pipeline."""


class Engine(Protocol):
    """Turns a method into updates of a policy."""

    def check(self, config: RunConfig, *, device: Device, processes: Processes) -> None:
        """Refuse what the engine cannot do, before anything is loaded or written.

        Args:
            config: The resolved config.
            device: Where the run will be.
            processes: Those that train together.

        Raises:
            RlsrError: A setting or a combination of settings cannot be honoured, or something the engine needs is missing.
        """
        ...

    def plan(
        self, config: RunConfig, *, longest_prompt: int, device: Device, processes: Processes
    ) -> MemoryPlan:
        """Cut a step so that it fits into memory.

        Args:
            config: The resolved config.
            longest_prompt: Tokens of the longest prompt.
            device: Where the run will be.
            processes: Those that train together.

        Returns:
            The cut, and what it needs.
        """
        ...

    def estimate(self, config: RunConfig, work: Workload, *, device: Device) -> TimeEstimate:
        """Estimate the time of a run.

        Args:
            config: The resolved config.
            work: How much there is to compute.
            device: Where the run will be.
        """
        ...

    def train(self, job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Path:
        """Train a policy; write metrics, samples and checkpoints of every step, and the model at the end.

        Args:
            job: What is to be done.
            resume: Whether to go on from the newest checkpoint, if there is one.
            observer: Who watches.

        Returns:
            Where the trained model or adapters lie, as transformers and PEFT load them: ``job.run.final``.

        Raises:
            Interrupted: A signal came, and what was trained is saved (``rlsr.interruption``).
            RlsrError: The model cannot be loaded, or training fails.
        """
        ...
