"""TRL's trainers as an engine: in this process, or in several that train together."""

from pathlib import Path

from rlsr.config.engine import TrlEngine
from rlsr.config.run import RunConfig
from rlsr.engines.estimate import TimeEstimate, Workload, estimate
from rlsr.engines.job import TrainingJob
from rlsr.engines.memory import MemoryPlan, free_memory, free_memory_gb, plan_memory
from rlsr.engines.observer import TrainingObserver
from rlsr.engines.sizes import policy_size, rollout_size
from rlsr.engines.trl.trainers import trainer_of
from rlsr.forward.ways import wants_groups
from rlsr.models import Device, load_model_config
from rlsr.processes import Processes


class TrlTraining:
    """What ``rlsr.engines.job.Engine`` asks for, done by TRL, which is imported when it is needed."""

    def check(self, config: RunConfig, *, device: Device, processes: Processes) -> None:
        """Write the config in TRL's terms, which refuses what TRL does not know or what is ours to set.

        Args:
            config: The resolved config.
            device: Where the run will be.
            processes: Those that train together.

        Raises:
            ConfigError: ``engine.options`` cannot be used, or a step cannot be divided among the processes.
        """
        trainer_of(config).trl_config(
            config, output_dir="runs", device=device, num_steps=1, num_processes=processes.count
        )

    def plan(
        self, config: RunConfig, *, longest_prompt: int, device: Device, processes: Processes
    ) -> MemoryPlan:
        """Choose the tokens of a pass and the rows of a rollout for the memory that is free.

        Args:
            config: The resolved config.
            longest_prompt: Tokens of the longest prompt.
            device: Where the run will be.
            processes: Those that train together.

        Returns:
            The cut of a step in each process.
        """
        return plan_memory(
            config,
            policy_size(load_model_config(config.model), config, device),
            rollout_size(config, longest_prompt, processes.count),
            device=device,
            free_gb=free_memory_gb(device) / processes.sharing_memory(device),
        )

    def estimate(self, config: RunConfig, work: Workload, *, device: Device) -> TimeEstimate:
        """Estimate the time of a run from two short measurements of the device.

        Args:
            config: The resolved config.
            work: How much there is to compute.
            device: Where the run will be.

        Returns:
            The time in one process.
        """
        policy = policy_size(load_model_config(config.model), config, device)
        assert isinstance(config.engine, TrlEngine), "another engine is asked for"
        once = wants_groups(config.engine.passes, device)
        return estimate(config, policy, work, device=device, reads_prompts_once=once)

    def train(self, job: TrainingJob, *, resume: bool, observer: TrainingObserver) -> Path:
        """Train with the trainer of the method.

        Args:
            job: What is to be done.
            resume: Whether to go on from the newest checkpoint, if there is one.
            observer: Who watches.
        """
        # TRL takes seconds to import.
        from rlsr.engines.trl.train import train

        directory = train(job, resume=resume, observer=observer)
        free_memory()
        return directory
