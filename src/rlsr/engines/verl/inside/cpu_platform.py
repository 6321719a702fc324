"""A machine without a GPU, as verl's platforms describe one; collectives go over gloo."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed
from verl.plugin.platform import PlatformBase, PlatformRegistry


class _CpuModule:
    """``torch.cpu`` with what verl asks a module of a device for: memory that is not counted, and generators."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.cpu, name)

    def is_available(self) -> bool:
        return False

    def get_device_name(self, *_: Any, **__: Any) -> str:
        return "CPU"

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def get_rng_state(self, *_: Any, **__: Any) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, *_: Any, **__: Any) -> None:
        torch.set_rng_state(state)

    def mem_get_info(self, *_: Any, **__: Any) -> tuple[int, int]:
        return (0, 0)

    def _nothing(self, *_: Any, **__: Any) -> int:
        return 0

    empty_cache = synchronize = set_device = reset_peak_memory_stats = _nothing
    memory_allocated = memory_reserved = max_memory_allocated = max_memory_reserved = _nothing


@PlatformRegistry.register(platform="cpu")
class CpuPlatform(PlatformBase):
    """Chosen by ``VERL_PLATFORM=cpu``, and never found by itself."""

    device_name = "cpu"
    vendor_name = "cpu"
    device_module = _CpuModule()

    def is_available(self) -> bool:
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:
        return False

    def current_device(self) -> torch.device:
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def get_device_capability(self, device_index: int = 0) -> tuple[None, None]:
        return (None, None)

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    def ray_resource_name(self) -> str:
        # verl counts workers in GPUs; Ray is started with as many that do not exist.
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return []

    def is_ipc_supported(self) -> bool:
        return False

    def cudart(self) -> None:
        return None

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        yield

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def _nothing(self, *_: Any, **__: Any) -> None:
        """There is no such thing here."""

    set_device = synchronize = set_allocator_settings = empty_cache = _nothing
    profiler_start = profiler_stop = _nothing


def use_gloo() -> None:
    """Let torch understand the backend that verl puts together, which names the CPU twice here."""
    begin = torch.distributed.init_process_group

    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(backend, str) and backend.startswith("cpu:gloo,cpu:"):
            backend = "gloo"
        begin(backend, *args, **kwargs)

    torch.distributed.init_process_group = init_process_group
