"""What the hardware computes in."""


def computes_in_bfloat16(device: str) -> bool:
    """Say whether bfloat16 is faster than float32 on a device, and not merely possible.

    Args:
        device: The device, as in ``cuda`` or ``cuda:1``.

    Returns:
        For CPUs, whether they have instructions for it (AVX512-BF16 or AMX); emulated bfloat16 is slower than
        float32.
    """
    import torch

    kind = device.partition(":")[0]
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "mps":
        return False
    capability = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))
