"""The process in verl's environment that trains, and all that it has started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rlsr.children import environment_of_child
from rlsr.engines.verl.exchange import Exchange
from rlsr.errors import EngineError, RewardError

_SECONDS_TO_END = 20


class VerlProcess:
    """Starts verl, and ends it with everything it has started when the block ends.

    It is the first of a process group of its own: a Ctrl-C of the terminal is for rlsr, which lets verl end its step.

    Args:
        command: Python of its environment, and arguments.
        environment: Variables beside those of this process.
        log: Where its output goes.
        exchange: Where it talks to rlsr.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        exchange: Exchange,
    ) -> None:
        self._command = list(command)
        self._environment = {**environment_of_child(), **environment}
        self._log = log
        self._exchange = exchange

    def __enter__(self) -> Self:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self._process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait()

    def look(self) -> None:
        """Raise where the process has ended, or the reward has failed, so that nothing more will come.

        Raises:
            RewardError: The reward has failed; verl would ask other prompts for ever.
            EngineError: verl has ended.
        """
        failure = self._exchange.failure_file
        if failure.is_file():
            words = failure.read_text(encoding="utf-8").strip()
            raise RewardError(
                f"the reward fails in verl's environment: {words.splitlines()[-1]}; {failure} has the whole traceback"
            )
        code = self._process.poll()
        if code is not None:
            raise EngineError(
                f"verl has ended with code {code} in the middle of training; {self._log} says why:\n{self._tail()}"
            )

    def wait(self) -> None:
        """Wait for the end that was asked for.

        Raises:
            EngineError: It is another.
        """
        code = self._process.wait()
        if code:
            raise EngineError(
                f"verl has ended with code {code} after its last step; {self._log} says why:\n{self._tail()}"
            )

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if line.strip())[-2000:]
