"""verl's engine of the policy with rlsr's schedule of the learning rate, and able to run without a GPU."""

from functools import partial
from typing import Any

import torch
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp import transformer_impl
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from rlsr.engines.schedule import rate_factor
from rlsr.engines.verl.inside.run import this_run


@EngineRegistry.register(
    model_type="language_model", backend="fsdp2", device="cuda", vendor="nvidia"
)
class ScheduledEngine(FSDPEngineWithLMHead):
    """The first step learns already, and ``linear`` is known; verl's schedules begin with a rate of 0."""

    def _build_lr_scheduler(self, optimizer: Any) -> Any:
        run = this_run()
        factor = partial(
            rate_factor,
            warmup_steps=run.config.training.warmup_steps,
            num_steps=run.num_steps,
            schedule=run.config.training.lr_schedule,
        )
        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


@EngineRegistry.register(model_type="language_model", backend="fsdp2", device="cpu")
class CpuEngine(ScheduledEngine):
    """FSDP2 over gloo. Its policy that keeps weights in pinned memory of the host needs a GPU to pin it for."""

    def _build_fsdp_module(self, module: Any) -> Any:
        policy = transformer_impl.CPUOffloadPolicy
        transformer_impl.CPUOffloadPolicy = lambda pin_memory=True: None
        try:
            return super()._build_fsdp_module(module)
        finally:
            transformer_impl.CPUOffloadPolicy = policy
            self._uses_fsdp2_cpu_offload_policy = False
