"""One function of a Python source in a process of its own, which is kept as long as it does what it may."""

import json
import os
import selectors
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.errors import RlsrError
from rlsr.sandbox.bubblewrap import HOME, bubblewrap_command
from rlsr.sandbox.choice import Kind
from rlsr.sandbox.limits import Limits
from rlsr.sandbox.seccomp import system_call_filter

_INSIDE = Path(__file__).with_name("inside.py")
_START_S = 60.0
_READ_BYTES = 2**16
_BY_BUBBLEWRAP = frozenset({"files", "network"})
"""What it holds back whatever the kernel can."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/urandom")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of one call."""

    value: float | None
    """What the function returned, which may be NaN or infinite; None where it failed."""
    cause: str = ""
    """Why it failed."""


class Worker:
    """Calls one function, one call after the other, and starts anew after a call that ends the process.

    What one call leaves behind in the process, as in a global variable, the next one finds there.

    Args:
        source: Python that defines the function.
        function: Its name.
        kind: The sandbox.
        limits: What it may use.

    Raises:
        SourceError: The source fails when it is read.
        WorkerError: The process cannot be started.
    """

    def __init__(self, source: str, function: str, kind: Kind, limits: Limits) -> None:
        self._source, self._function = source, function
        self._kind, self._limits = kind, limits
        self._process: _Process | None = None
        self.held: frozenset[str] = self._started().held
        """What is held back: ``files``, ``network``, ``processes``, ``memory``, ``disk``."""

    def call(self, calls: Sequence[Sequence[Any]]) -> list[Outcome]:
        """Make several calls.

        Args:
            calls: The arguments of each, in the types of JSON.

        Returns:
            What came of each, in their order.
        """
        return [self._call(arguments) for arguments in calls]

    def close(self) -> None:
        """End the process, and take its directory away."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _call(self, arguments: Sequence[Any]) -> Outcome:
        try:
            process = self._started()
            answer = process.ask(arguments, self._limits.seconds)
        except (WorkerError, SourceError) as error:
            self.close()
            return Outcome(None, str(error))
        value = answer.get("value")
        if not isinstance(value, float):
            return Outcome(None, str(answer.get("failed", "the answer is none")))
        return Outcome(value)

    def _started(self) -> "_Process":
        if self._process is not None and not self._process.has_ended:
            return self._process
        self.close()
        process = _Process(self._kind, self._limits)
        try:
            process.begin(self._source, self._function)
        except BaseException:
            process.end()
            raise
        self._process = process
        return process


class WorkerError(RuntimeError):
    """The process does not answer, or not as it should; it is of no further use."""


class SourceError(RlsrError, ValueError):
    """The source fails when it is read."""


class _Process:
    """A process in the sandbox, and its directory."""

    def __init__(self, kind: Kind, limits: Limits) -> None:
        self._kind, self._limits = kind, limits
        self._left = b""
        self.held: frozenset[str] = frozenset()
        self._home = Path(tempfile.mkdtemp(prefix="rlsr-sandbox-"))
        try:
            self._popen = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._home,
                env=dict(self._environment()),
                start_new_session=True,  # a Ctrl-C is for the command, which ends its workers itself
            )
        except OSError as error:
            shutil.rmtree(self._home, ignore_errors=True)
            raise WorkerError(f"its process cannot be started: {error}") from error

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    def begin(self, source: str, function: str) -> None:
        """Hand over the source, and wait until it is read."""
        seconds = _START_S + self._limits.seconds
        filter_ = system_call_filter()
        alone = self._kind == "limits"
        wanted = {
            "source": source,
            "function": function,
            "memory_bytes": self._limits.memory_bytes,
            "disk_bytes": self._limits.disk_bytes,
            "filter": None if filter_ is None else filter_.hex(),
            "ends_with_starter": alone,
            "readable": [*_SYSTEM, *_interpreter(), *_packages()] if alone else [],
            "writable": [str(self._home), os.devnull] if alone else [],
        }
        deadline = time.monotonic() + seconds
        held = self._ask(wanted, deadline).get("held", [])
        self.held = frozenset(held) | (frozenset() if alone else _BY_BUBBLEWRAP)
        answer = self._answer(deadline)
        if "failed" in answer:
            raise SourceError(str(answer["failed"]))

    def ask(self, what: object, seconds: float) -> dict[str, Any]:
        """Send a line and read one."""
        return self._ask(what, time.monotonic() + seconds)

    def _ask(self, what: object, deadline: float) -> dict[str, Any]:
        try:
            self._send(json.dumps(what).encode() + b"\n", deadline)
        except BrokenPipeError as error:
            raise WorkerError(self._end_in_words()) from error
        return self._answer(deadline)

    def _answer(self, deadline: float) -> dict[str, Any]:
        line = self._line(deadline)
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise WorkerError("it wrote no answer but something else") from error
        if not isinstance(answer, dict):
            raise WorkerError("it wrote no answer but something else")
        return answer

    def end(self) -> None:
        """End it, and all that it has started."""
        self._popen.kill()
        self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            assert stream is not None, "a pipe"
            try:
                stream.close()
            except OSError:  # what was not sent cannot be any more
                continue
        shutil.rmtree(self._home, ignore_errors=True)

    def _send(self, line: bytes, deadline: float) -> None:
        """Write a line, which a process that does not read must not make us wait for."""
        pipe = self._popen.stdin
        assert pipe is not None, "a pipe"
        os.set_blocking(pipe.fileno(), False)
        rest = memoryview(line)
        while rest:
            self._wait(pipe.fileno(), selectors.EVENT_WRITE, deadline)
            rest = rest[os.write(pipe.fileno(), rest[:_READ_BYTES]) :]

    def _line(self, deadline: float) -> bytes:
        pipe = self._popen.stdout
        assert pipe is not None, "a pipe"
        while b"\n" not in self._left:
            if len(self._left) > self._limits.answer_bytes:
                raise WorkerError(f"its answer has more than {self._limits.answer_bytes:,} bytes")
            self._wait(pipe.fileno(), selectors.EVENT_READ, deadline)
            found = os.read(pipe.fileno(), _READ_BYTES)
            if not found:
                raise WorkerError(self._end_in_words())
            self._left += found
        line, _, self._left = self._left.partition(b"\n")
        return line

    def _wait(self, pipe: int, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise WorkerError(f"it took more than {self._limits.seconds:g} s")

    def _end_in_words(self) -> str:
        try:
            code = self._popen.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"its process ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"

    def _command(self) -> list[str]:
        python = [sys.executable, "-I", str(_INSIDE)]
        if self._kind == "limits":
            return python
        program = shutil.which("bwrap")
        assert program is not None, "choose_kind has found it"
        readable = [*_interpreter(), *_packages(), str(_INSIDE)]
        return bubblewrap_command(
            program, readable, list(self._environment()), self._limits.disk_bytes, python
        )

    def _environment(self) -> Iterator[tuple[str, str]]:
        home = str(self._home) if self._kind == "limits" else HOME
        yield "PATH", "/usr/local/bin:/usr/bin:/bin"
        yield "LANG", "C.UTF-8"
        yield "HOME", home
        yield "TMPDIR", home
        # As many cores as OpenAI gives; libraries would start a thread for each that the machine has.
        yield from ((f"{name}_NUM_THREADS", "2") for name in ("OMP", "OPENBLAS", "MKL"))


def _interpreter() -> list[str]:
    """List where the interpreter stands, and what it is made of."""
    return [sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)]


def _packages() -> list[str]:
    """List where installed packages stand."""
    return [path for name, path in sysconfig.get_paths().items() if name in {"stdlib", "platstdlib", "purelib", "platlib"} and Path(path).is_dir()]  # fmt: skip
