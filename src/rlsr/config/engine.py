"""Which engine trains."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rlsr.config.base import ConfigTable


class TrlEngine(ConfigTable):
    """TRL's trainers, on one machine."""

    trains_here: ClassVar[bool] = True
    """Whether the process of the run trains, so that it has to be told which of several GPUs is its own."""

    type: Literal["trl"] = "trl"
    passes: Literal["auto", "grouped", "plain"] = "auto"
    """``grouped``: a prompt passes once for its whole group and nothing is padded, in rollouts and updates; ``plain``: as TRL
    does it; ``auto``: grouped on a CPU and on CUDA, where it is measured, if the policy's attention is known."""
    rollout: Literal["auto", "grouped", "vllm", "generate"] = "auto"
    """What writes responses. ``grouped``: the policy, a prompt read once for its whole group; ``generate``: transformers' own loop;
    ``vllm``: vLLM on the GPUs that train, given the weights of each step (``pip install 'trl[vllm]'``; its settings are
    ``engine.options.vllm_...``); ``auto``: grouped where passes are, else generate."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further fields of ``trl.GRPOConfig``, checked by it; those that rlsr sets itself are refused."""


class VerlEngine(ConfigTable):
    """verl on Ray, on one machine or a cluster, in a Python environment of its own."""

    trains_here: ClassVar[bool] = False

    type: Literal["verl"] = "verl"
    python: str | None = Field(default=None, min_length=1)
    """The Python of the environment with verl, as in ``/opt/verl/bin/python``; null is the one that runs rlsr."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where verl trains; ``auto`` is CUDA on a cluster, else the run's own device. The policy is evaluated on the run's own."""
    ray_address: str | None = Field(default=None, min_length=1)
    """An existing Ray cluster, as in ``auto`` or ``10.0.0.1:6379``, whose nodes all see the run directory; null starts one on this
    machine."""
    nodes: int = Field(default=1, ge=1)
    """Nodes that train."""
    gpus_per_node: int = Field(default=1, ge=1)
    """GPUs of each node that train; on a CPU as many processes."""
    rollout: Literal["vllm", "sglang"] = "vllm"
    """What writes responses on GPUs; without effect on a CPU, where transformers does."""
    tensor_parallel: int = Field(default=1, ge=1)
    """GPUs that one copy of the policy is spread over when it writes; without effect on a CPU."""
    gpu_memory_utilization: float = Field(default=0.6, gt=0, lt=1)
    """Share of a GPU's memory that rollouts may take; without effect on a CPU."""
    reward_workers: int = Field(default=1, ge=1)
    """Processes that score responses, each with the reward loaded, on a CPU."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Further settings of verl by their dotted names, as in ``{actor_rollout_ref.model.use_remove_padding: true}``, checked by verl;
    those that rlsr sets itself are refused."""


EngineConfig = Annotated[TrlEngine | VerlEngine, Field(discriminator="type")]
"""The engines; which methods and settings an engine can honour it says itself, before a run begins."""
