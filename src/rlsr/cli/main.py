"""The entry point is the one place where a user's mistake becomes a message.

It imports little: whoever presses Ctrl-C while libraries are imported is told that in one line, too.
"""

import copy
import io
import logging
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rlsr.children import end_with_starter
from rlsr.errors import ConfigError, DataError, MissingPackageError, RlsrError
from rlsr.interruption import Leaving, number_of
from rlsr.printable import PrintableFormatter, printable
from rlsr.processes import is_first_of_machine, is_main_process
from rlsr.secrets import redact

SAID_ONCE = (ConfigError, DataError, MissingPackageError)
"""What all processes of a machine that train together find alike."""


class OneLine(PrintableFormatter):
    """Leaves tracebacks to the run's ``log.txt``; a message that ends a command says what went wrong."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the message alone.

        Args:
            record: What was logged.
        """
        plain = copy.copy(record)
        plain.exc_info = plain.exc_text = None
        return redact(super().format(plain))


class SaidOnce(logging.Filter):
    """A filter that leaves out what was said in the same words before, since recipes of one comparison read the same data."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide whether a record is shown; a repetition is not."""
        message = record.getMessage()
        is_new = message not in self._said
        self._said.add(message)
        return is_new


def prepare_environment() -> None:
    """Set what libraries read when they are imported; what the user has set stays."""
    # Spinning OpenMP threads slow everything down as soon as another process wants a core; they spin for microseconds,
    # until the next product comes, and then sleep (docs/log.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if os.environ["OMP_WAIT_POLICY"].upper() == "PASSIVE":
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # The terminal is left to our own progress.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def main() -> None:
    """Run the command line; a user's mistake ends with one message and exit code 2."""
    Leaving(has_echoes=end_with_starter()).install()
    prepare_environment()
    print_everything((sys.stdout, sys.stderr))
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    terminal = logging.StreamHandler()
    terminal.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    terminal.addFilter(SaidOnce())
    # In the place of what a library may have set up when it was imported.
    logging.basicConfig(level=logging.WARNING, handlers=[terminal], force=True)
    # It prints through a handler of its own; once is enough.
    logging.getLogger("huggingface_hub").propagate = False
    try:
        _run()
    except RlsrError as error:
        if not is_first_of_machine() and isinstance(error, SAID_ONCE):
            sys.exit(2)
        _end_with(str(error))
    except Exception as error:  # noqa: BLE001 - it ends here as it would anyway, but for the secrets
        _require_room(error)
        print(printable(redact(traceback.format_exc())), end="", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt as interruption:
        _say_interrupted()
        sys.exit(128 + number_of(interruption))
    except SystemExit as end:
        # Typer takes every interruption for Ctrl-C, and says nothing.
        cause = end.__context__ and end.__context__.__cause__
        if not isinstance(cause, KeyboardInterrupt):
            raise
        _say_interrupted()
        sys.exit(128 + number_of(cause))


def _require_room(error: Exception) -> None:
    """End with one message where a disk has refused a library's own file, as one in the directory for temporary ones."""
    from rlsr.runs.refused_writes import OF_THE_DISK, refusal

    if isinstance(error, OSError) and error.errno in OF_THE_DISK:
        _end_with(refusal(Path(error.filename or tempfile.gettempdir()), error.errno))


def _say_interrupted() -> None:
    if is_main_process():
        print("interrupted", file=sys.stderr)


def _end_with(message: str) -> NoReturn:
    """Say what the user can put right, and end."""
    from rlsr.cli.terminal import open_console

    open_console(stderr=True).print("error:", style="bold red", end=" ")
    print(printable(redact(message)), file=sys.stderr)
    sys.exit(2)


def _run() -> None:
    require_text(sys.argv[1:])
    from rlsr.cli.commands import app

    try:
        app()
    except ModuleNotFoundError as error:
        from rlsr.cli.doctor import missing_package

        missing = missing_package(error)
        if missing is None:
            raise
        raise missing from error


def print_everything(streams: Sequence[object]) -> None:
    """Let streams print what their encoding has no bytes for, as escapes: a terminal of ASCII, or half of a surrogate pair.

    Args:
        streams: Standard output and error; those that are no files of text stay as they are.
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no text, since a config that holds them could not be written.

    Args:
        arguments: As the system has given them, with bytes that are no text as halves of surrogate pairs.

    Raises:
        ConfigError: One holds bytes that are no text.
    """
    encoding = sys.getfilesystemencoding()
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            way_out = "rename the file" if encoding == "utf-8" else "set PYTHONUTF8=1"
            raise ConfigError(
                f"{argument!r}: arguments must be text in {encoding}, got byte 0x{ord(argument[error.start]) & 0xFF:02x} at "
                f"place {error.start + 1}; {way_out}"
            ) from error


if __name__ == "__main__":
    main()
