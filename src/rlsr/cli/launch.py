"""Starting the processes that train one policy together on this machine."""

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rlsr.children import environment_of_child
from rlsr.errors import EngineError, MissingPackageError
from rlsr.interruption import INTERRUPTED, Deferral, Interrupted, number_of
from rlsr.packages import package_directory

OPTION = "--processes"

_SECONDS_BETWEEN_LOOKS = 0.1
_PATIENCE_SECONDS = 5.0
"""How long the others have to end by themselves when one has failed: most likely they wait for it."""


def launch(num_processes: int, path: Path) -> int:
    """Run this very command in several processes, and wait for them.

    Torchrun would kill them half a minute after a signal, which is less than a step with its checkpoint may take.

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

    gpus = torch.cuda.device_count()
    if 0 < gpus < num_processes:
        raise EngineError(
            f"{OPTION}: each process takes a GPU of its own, got {num_processes} with {gpus} GPUs; take {OPTION} {gpus}, or "
            "device=cpu with CUDA_VISIBLE_DEVICES= (empty)"
        )
    # Together they use the cores that one would have used.
    threads = max(1, torch.get_num_threads() // num_processes)
    command = [sys.executable, "-m", "rlsr.cli.main", *command_of_a_process(sys.argv[1:], path)]
    environment = {
        "OMP_NUM_THREADS": str(threads),
        **environment_of_child(),
        "WORLD_SIZE": str(num_processes),
        "LOCAL_WORLD_SIZE": str(num_processes),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(_free_port()),
    }
    number, code = run_together(
        [
            (command, {**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in range(num_processes)
        ]
    )
    if code < 0:
        raise EngineError(
            f"{OPTION}: process {number} was ended by signal {-code} (9 is what the system sends when memory runs "
            f"out); `rlsr train --resume --out {path}` goes on from the last checkpoint"
        )
    return code


def run_together(commands: Sequence[tuple[list[str], dict[str, str]]]) -> tuple[int, int]:
    """Run commands at the same time, and end all where one fails.

    Args:
        commands: Each with its environment.

    Returns:
        Which one failed first, counted from 0, and its exit code, below 0 for a signal; 0 and 0 where all ended well.

    Raises:
        KeyboardInterrupt: A signal came, was passed on, and all have ended.
    """
    started: list[subprocess.Popen[bytes]] = []
    try:
        _start(commands, started)
        return _wait(started)
    except KeyboardInterrupt as interruption:
        for process in started:
            process.send_signal(number_of(interruption))
        # They finish their step and save, however long that takes, and one sooner than another.
        _wait(started, fine=(0, *INTERRUPTED))
        raise
    finally:
        for process in started:
            process.kill()
            process.wait()


def _start(
    commands: Sequence[tuple[list[str], dict[str, str]]], started: list[subprocess.Popen[bytes]]
) -> None:
    """Start all before a signal is heard, so that none is left without it."""
    deferral = Deferral(says=False)
    deferral.begin()
    try:
        started.extend(
            subprocess.Popen(command, env=environment) for command, environment in commands
        )
    finally:
        deferral.end()
    if deferral.number is not None:
        raise Interrupted(deferral.number)


def _wait(
    processes: Sequence[subprocess.Popen[bytes]], fine: Sequence[int] = (0,)
) -> tuple[int, int]:
    """Wait until all have ended with a fine exit code, or for a little while after one has not."""
    while True:
        codes = [process.poll() for process in processes]
        # One that was killed is why others fail; and a mistake of the user says more than 1.
        failed = sorted(
            (
                (place, code)
                for place, code in enumerate(codes)
                if code is not None and code not in fine
            ),
            key=lambda found: (found[1] > 0, -found[1]),
        )
        if failed:
            _wait_a_little(processes)
            return failed[0]
        if None not in codes:
            return 0, 0
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _wait_a_little(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and any(process.poll() is None for process in processes):
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _free_port() -> int:
    """Find a port by which the processes meet."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        port: int = found.getsockname()[1]
        return port


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
