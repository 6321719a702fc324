"""Starting the processes that train one policy together on this machine."""

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rlsr.errors import EngineError, MissingPackageError
from rlsr.packages import package_directory

OPTION = "--processes"


def launch(num_processes: int, path: Path) -> int:
    """Run this very command in several processes, and wait for them.

    Args:
        num_processes: How many.
        path: The run directory, so that all of them mean the same.

    Returns:
        The exit code: 0, or that of the first process that failed.

    Raises:
        EngineError: There are fewer GPUs than processes, or a process was killed.
        KeyboardInterrupt: The user has interrupted them; they have said how to go on.
        MissingPackageError: torch is not installed.
    """
    if package_directory("torch") is None:
        raise MissingPackageError("torch", "train", "pip install 'rlsr[train]'")
    import torch
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    gpus = torch.cuda.device_count()
    if 0 < gpus < num_processes:
        raise EngineError(
            f"{OPTION}: each process takes a GPU of its own, got {num_processes} with {gpus} GPUs; take {OPTION} {gpus}, or "
            "device=cpu with CUDA_VISIBLE_DEVICES= (empty)"
        )
    # Together they use the cores that one would have used.
    threads = max(1, torch.get_num_threads() // num_processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
        run_id="rlsr",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
    )
    arguments = command_of_a_process(sys.argv[1:], path)
    # The processes speak for themselves.
    logging.disable(logging.CRITICAL)
    try:
        elastic_launch(config, sys.executable)("-m", "rlsr.cli.main", *arguments)
    except ChildFailedError as error:
        number, failure = error.get_first_failure()
        if failure.exitcode < 0:
            raise EngineError(
                f"{OPTION}: process {number} was ended by signal {-failure.exitcode} (9 is what the system sends when memory runs "
                f"out); `rlsr train --resume --out {path}` goes on from the last checkpoint"
            ) from None
        return int(failure.exitcode)
    except SignalException:
        raise KeyboardInterrupt from None
    return 0


def command_of_a_process(arguments: Sequence[str], path: Path) -> list[str]:
    """Write the command line of one of the processes.

    Args:
        arguments: Of this command, with ``--processes``.
        path: The run directory.

    Returns:
        The arguments without ``--processes``, and with ``--out``.
    """
    kept: list[str] = []
    is_number = False
    for argument in arguments:
        if argument == OPTION:
            is_number = True
        elif is_number:
            is_number = False
        elif not argument.startswith(f"{OPTION}="):
            kept.append(argument)
    has_out = any(argument == "--out" or argument.startswith("--out=") for argument in kept)
    return kept if has_out else [*kept, "--out", str(path)]
