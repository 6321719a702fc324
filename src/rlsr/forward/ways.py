"""The two ways of a policy's passes: by groups, a prompt read once for all its responses, or plainly, a row a response."""

from typing import Literal

Way = Literal["auto", "grouped", "plain"]


def wants_groups(way: Way, device: str) -> bool:
    """Decide whether passes shall go by groups; whether the policy allows it is for ``rlsr.forward.support`` to say.

    Args:
        way: What was asked for.
        device: The kind of device, as in ``cuda``.

    Returns:
        For ``auto``, whether it is a CPU or CUDA, where passes by groups were measured to be faster (docs/scale.md).
    """
    return way == "grouped" or (way == "auto" and device in {"cpu", "cuda"})
