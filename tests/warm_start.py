"""``rlsr`` in a process of its own that does not import everything anew: tests spend their time on what they test.

Importing PyTorch, transformers and TRL takes most of a short run. A server imports them once for all tests of a session and forks
for each command; the command has its own environment, working directory, output and exit code, as one started by a shell has.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PRELOADED = (
    "rlsr.cli.main",
    "rlsr.cli.commands",
    "rlsr.pipeline",
    "rlsr.auditing",
    "rlsr.engines.trl.train",
    "rlsr.engines.trl.preference",
    "rlsr.engines.trl.reward_model",
    "rlsr.engines.trl.sgrpo",
    "rlsr.engines.trl.supervised",
    "rlsr.engines.trl.trainer",
    "transformers.models.llama.modeling_llama",
    "sentence_transformers",
    "wordllama",
    "sacrebleu.metrics",
    "scipy.stats",
)
"""What commands import sooner or later; the server goes without what is not installed."""


def run_warm(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run ``rlsr`` with arguments and capture what it says."""
    [result] = _run_all(arguments, [environment], cwd, timeout_s)
    return result


def run_together(
    count: int,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
) -> list[subprocess.CompletedProcess[str]]:
    """Run ``rlsr`` in several processes that train together, told of one another as torchrun tells them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        place = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free.getsockname()[1])}
    counts = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
    environments = [
        {**environment, **place, **counts, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        for rank in range(count)
    ]
    return _run_all(arguments, environments, cwd, timeout_s)


def _run_all(
    arguments: Sequence[str],
    environments: Sequence[Mapping[str, str]],
    cwd: Path,
    timeout_s: float,
) -> list[subprocess.CompletedProcess[str]]:
    """Run a command once in each environment, all at the same time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for place, environment in enumerate(environments):
            files = [Path(folder) / f"{place}-{name}" for name in ("stdout", "stderr")]
            process = context.Process(
                target=_run, args=(list(arguments), dict(environment), str(cwd), *map(str, files))
            )
            process.start()
            started.append((process, files))
        results = []
        for process, files in started:
            process.join(timeout_s)
            if process.is_alive():
                process.kill()
                process.join()
                raise subprocess.TimeoutExpired(list(arguments), timeout_s)
            assert process.exitcode is not None, "it has ended"
            said = [file.read_text(encoding="utf-8", errors="replace") for file in files]
            results.append(subprocess.CompletedProcess(list(arguments), process.exitcode, *said))
        return results


def _run(
    arguments: list[str], environment: dict[str, str], cwd: str, stdout: str, stderr: str
) -> None:
    """Be ``python -m rlsr.cli.main`` in a process that has been forked."""
    for number, file in ((0, os.devnull), (1, stdout), (2, stderr)):
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    # As with ``python -m``, the working directory comes first, and then what the environment names.
    sys.path[:0] = [cwd, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = ["rlsr", *arguments]
    # Ctrl-C is heard whether or not the tests run in the background, where it is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from rlsr.cli.main import main

    main()
