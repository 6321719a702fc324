"""AdamW for what is trained in bfloat16."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import torch
from torch.optim.adamw import adamw


class MasterWeightAdamW(torch.optim.Optimizer):
    """AdamW on float32 copies of the weights, which are rounded back after every step.

    A bfloat16 number has eight bits of precision: an update of one thousandth of a weight, usual in RL, would be lost
    in rounding. The copies and both moments are float32; forward, backward and rollout stay in bfloat16, which halves
    their memory traffic. Gradients are added up in the weights' type: with 8 micro-batches a bfloat16 sum is off by a
    third of a percent, with hundreds of them by percents.

    Args:
        params: Weights of any floating type, or groups of them with settings of their own.
        lr: Learning rate.
        betas: Decay rates of the moments, in [0, 1).
        eps: Added to the root of the second moment.
        weight_decay: Decoupled decay.

    Source:
        Loshchilov and Hutter, arXiv 1711.05101; master weights: Micikevicius et al., arXiv 1710.03740.
    """

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter] | Iterable[dict[str, Any]],
        *,
        lr: float,
        betas: tuple[float, float],
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not followed
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update the copies by AdamW and round them into the weights.

        Args:
            closure: Recomputes the loss; called first if given.

        Returns:
            The loss of the closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore copies and moments in float32.

        Args:
            state_dict: What ``state_dict`` returned.
        """
        super().load_state_dict(state_dict)
        # PyTorch has just rounded every tensor of the state to its weight's type; put the exact ones back.
        weights = [weight for group in self.param_groups for weight in group["params"]]
        keys = [key for group in state_dict["param_groups"] for key in group["params"]]
        for key, weight in zip(keys, weights, strict=True):
            for name, saved in state_dict["state"].get(key, {}).items():
                device = "cpu" if name == "step" else weight.device
                self.state[weight][name] = deepcopy(saved).to(device)

    def _update(self, weight: torch.nn.Parameter, group: dict[str, Any]) -> None:
        """Update one weight; one at a time, so that no float32 copy of all gradients is ever held."""
        state = self._state_of(weight)
        adamw(
            [state["master"]],
            [weight.grad.float()],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            foreach=False,
            # One pass over the memory instead of ten: a ninth of the time on a CPU (docs/log.md).
            fused=weight.device.type == "cpu",
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        weight.copy_(state["master"])

    def _state_of(self, weight: torch.nn.Parameter) -> dict[str, torch.Tensor]:
        state = self.state[weight]
        if not state:
            master = weight.detach().float().clone()
            state["step"] = torch.tensor(0.0)
            state["master"] = master
            state["exp_avg"] = torch.zeros_like(master)
            state["exp_avg_sq"] = torch.zeros_like(master)
        return state
