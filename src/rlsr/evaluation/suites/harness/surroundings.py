"""What the harness finds around it: quiet loggers, no terminal, and generators seeded as by its own command."""

import contextlib
import io
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

SEED = 1234
"""Of everything that its command draws but by Python's own generator, which it seeds by 0."""


@contextmanager
def hushed(name: str) -> Iterator[None]:
    """Let a logger of the harness say errors alone for a while, and keep its bars from the terminal, where ours are.

    Args:
        name: Of the logger.
    """
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def seeded() -> Iterator[None]:
    """Seed what tasks draw by, such as the order of options, and leave the generators of this process as they were.

    The harness draws a name even when it is asked for that of a task, so that little of it may be touched outside of this.
    """
    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - the harness draws by it
    random.seed(0)
    np.random.seed(SEED)  # noqa: NPY002 - the same
    torch.manual_seed(SEED)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002 - the same
        torch.set_rng_state(before[2])
