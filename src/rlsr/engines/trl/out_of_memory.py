"""What does not fit into memory is tried again in smaller pieces, which give the same numbers but for rounding."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from rlsr.engines.memory import free_memory
from rlsr.errors import EngineError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# A CPU has no error of its own for it (c10/core/impl/alloc_cpu.cpp).
_ON_A_CPU = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error is a lack of memory, of a device, of torch on a CPU, or of Python.

    Args:
        error: Any.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _ON_A_CPU)


def try_smaller(attempt: Callable[[], Result], make_smaller: Callable[[], str | None]) -> Result:
    """Compute something, in smaller pieces each time that memory is not enough for it.

    Args:
        attempt: Computes it from the beginning.
        make_smaller: Halves the pieces and says in words how large they are now; None where they cannot be smaller.

    Returns:
        What ``attempt`` returned.

    Raises:
        EngineError: The smallest pieces do not fit.
    """
    while True:
        try:
            return attempt()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            found = make_smaller()
            if found is None:
                raise EngineError(
                    f"memory is not enough for the smallest piece of a step: {str(error).splitlines()[0] or type(error).__name__}; "
                    "lower method.max_response_tokens, set training.gradient_checkpointing=true, train adapters "
                    "(model.lora.rank=16) or take a smaller policy, and start a new run"
                ) from error
        # Outside of the handler, where the error holds on to what its frames had computed.
        logger.warning("memory was not enough: from here on %s, with the same result", found)
        free_memory()
