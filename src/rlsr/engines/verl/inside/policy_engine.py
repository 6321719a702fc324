"""verl's engine of the policy with rlsr's schedule of the learning rate and S-GRPO's references, and able to run without a GPU."""

from functools import partial
from typing import Any

import torch
import torch.distributed
from verl.utils.device import get_device_id
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp import transformer_impl
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from rlsr.config.method import SgrpoMethod
from rlsr.engines.schedule import rate_factor
from rlsr.engines.verl.inside.references import REFERENCE, WEIGHT
from rlsr.engines.verl.inside.run import this_run
from rlsr.engines.verl.inside.supervised_term import LossWithReferences, with_references


@EngineRegistry.register(
    model_type="language_model", backend="fsdp2", device="cuda", vendor="nvidia"
)
class ScheduledEngine(FSDPEngineWithLMHead):
    """The first step learns already, and ``linear`` is known; verl's schedules begin with a rate of 0. Updates may read references."""

    def _build_lr_scheduler(self, optimizer: Any) -> Any:
        run = this_run()
        factor = partial(
            rate_factor,
            warmup_steps=run.config.training.warmup_steps,
            num_steps=run.num_steps,
            schedule=run.config.training.lr_schedule,
        )
        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def forward_backward_batch(
        self, data: Any, loss_function: Any, forward_only: bool = False
    ) -> Any:
        """Read the references that a mini-batch carries, which it does for an update."""
        if REFERENCE in data:
            method = this_run().method
            assert isinstance(method, SgrpoMethod), "other methods give no references"
            loss_function = LossWithReferences(
                loss_function,
                method,
                weight=data[WEIGHT],
                num_tokens=self._over_workers(data[REFERENCE].values().numel()),
            )
            data = with_references(data)
        return super().forward_backward_batch(data, loss_function, forward_only=forward_only)

    def _over_workers(self, number: int) -> int:
        """Add up what each worker has, as verl does with the tokens of a mini-batch."""
        total = torch.tensor(number, device=get_device_id())
        torch.distributed.all_reduce(total, group=self.get_data_parallel_group())
        return int(total)


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
