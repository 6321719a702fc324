"""verl as an engine: on Ray, in an environment of its own, on one machine or a cluster."""

from pathlib import Path

from rlsr.config.run import RunConfig
from rlsr.engines.estimate import TimeEstimate, Workload, estimate
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import MemoryPlan, StepCut
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.sizes import policy_size, rollout_size
from rlsr.engines.verl.environment import require_environment
from rlsr.engines.verl.requirements import num_workers, require_possible, training_device
from rlsr.models import Device, load_model_config
from rlsr.processes import Processes

_TOKENS_PER_PASS = {"cuda": 16_384, "cpu": 4096}
"""verl's default on a GPU; on a CPU more keeps nothing busier."""

_SECONDS_BETWEEN_LOOKS = 2.0
"""verl looks so often whether the responses of a step are there, so that no step is shorter."""


class VerlTraining:
    """What ``rlsr.engines.job.Engine`` asks for, done by verl in another process."""

    def check(self, config: RunConfig, *, device: Device, processes: Processes) -> None:
        """Refuse what verl cannot honour, and an environment or a cluster that is not there.

        Args:
            config: The resolved config.
            device: Where the run will be.
            processes: Those that train together.

        Raises:
            ConfigError: A setting cannot be honoured; the message names it.
            MissingPackageError: verl's environment lacks something.
            EngineError: The cluster cannot be reached, or has too few GPUs.
        """
        require_possible(config, device=device, processes=processes)
        require_environment(config, device=device)

    def plan(
        self, config: RunConfig, *, longest_prompt: int, device: Device, processes: Processes
    ) -> MemoryPlan:
        """Choose the tokens of a pass; how they fit into the memory of another machine, verl finds out.

        Args:
            config: The resolved config.
            longest_prompt: Tokens of the longest prompt.
            device: Where the run will be.
            processes: Those that train together.

        Returns:
            The cut of a step in each worker.
        """
        wanted = (
            config.training.tokens_per_pass or _TOKENS_PER_PASS[training_device(config, device)]
        )
        row = rollout_size(config, longest_prompt).row_tokens
        size = policy_size(load_model_config(config.model), config, device)
        # Weights, their gradient and the two moments in float32, over all workers, and a copy that writes.
        held = size.num_parameters * (16 / num_workers(config) + size.bytes_per_weight) / 1e9
        return MemoryPlan(StepCut(max(wanted, row)), peak_gb=held, notices=())

    def estimate(self, config: RunConfig, work: Workload, *, device: Device) -> TimeEstimate:
        """Estimate the time of a run from two short measurements of this machine, which on a cluster say nothing of the steps.

        Args:
            config: The resolved config.
            work: How much there is to compute.
            device: Where the run will be.
        """
        policy = policy_size(load_model_config(config.model), config, device)
        found = estimate(config, policy, work, device=device, reads_prompts_once=False)
        seconds = max(found.step_seconds, _SECONDS_BETWEEN_LOOKS)
        more = (seconds - found.step_seconds) * work.num_steps / 60
        return TimeEstimate(
            step_seconds=seconds,
            total_minutes=found.total_minutes + more,
            validation_seconds=found.validation_seconds,
            counted_minutes=found.counted_minutes + more,
        )

    def train(self, job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Path:
        """Train with verl.

        Args:
            job: What is to be done.
            resume: Whether to go on from the newest checkpoint, if there is one.
            observer: Who watches.
        """
        from rlsr.engines.verl.train import VerlRun

        return VerlRun(job, observer).train(resume=resume)
