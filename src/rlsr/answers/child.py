"""The process that ``rlsr.answers.bounded`` asks: a line of JSON in, a line of JSON out, until nobody asks any more."""

import contextlib
import importlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TextIO

from rlsr.answers import mathematics, patterns, schemas
from rlsr.children import end_with_starter

_MOST_MEMORY = 4 * 2**30
"""Bytes, code and libraries included."""

QUESTIONS: dict[str, Callable[..., Any]] = {
    "keeps_rules": patterns.keeps_rules,
    "last_match": patterns.last_match,
    "fits_schema": schemas.fits_schema,
    "same_mathematics": mathematics.same_mathematics,
    "has_mathematics": mathematics.has_mathematics,
}

_LIBRARIES = {
    "fits_schema": "jsonschema",
    "same_mathematics": "math_verify",
    "has_mathematics": "math_verify",
}
"""What is imported before a question's time begins; an import that is broken off is broken for good."""


class _OutOfTime(BaseException):
    """Not an Exception, which libraries catch and take for an answer."""


def main() -> None:
    """Answer questions until the input ends."""
    end_with_starter()
    logging.disable(logging.CRITICAL)
    _limit_memory()
    # What a library prints is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        _reply(answers, _answered(json.loads(line)) if line.strip() else {})


def _answered(asked: dict[str, Any]) -> dict[str, Any]:
    try:
        if asked["question"] in _LIBRARIES:
            importlib.import_module(_LIBRARIES[asked["question"]])
        with _limited(asked["limit_s"]):
            return {"answer": QUESTIONS[asked["question"]](*asked["arguments"])}
    except _OutOfTime:
        return {"failure": f"took more than {asked['limit_s']:g} s"}
    except (Exception, RecursionError, MemoryError) as error:  # noqa: BLE001 - of libraries, on any text
        return {"failure": f"{type(error).__name__}: {error}"[:500]}


def _reply(answers: TextIO, found: dict[str, Any]) -> None:
    print(json.dumps(found), file=answers, flush=True)


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Stop after so many seconds of computing, whatever else the machine does; the asker stops it where there is no such clock."""
    if sys.platform == "win32":
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    signal.signal(signal.SIGVTALRM, stop)
    # Again and again: a library may swallow the first one.
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.1)
    # Python hears of no signal in the middle of one long operation on whole numbers: this one ends the process.
    signal.setitimer(signal.ITIMER_PROF, 1 + 2 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):  # a lower limit is there already
            resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))


if __name__ == "__main__":
    main()
