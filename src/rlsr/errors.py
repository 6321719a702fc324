"""These are the errors that a user can cause.

Every class is also the standard exception that a caller would expect. A message says where, what the rule is, what
was got and how to get on. Only ``rlsr.cli`` catches them: it prints the message and exits with code 2.
"""

from collections.abc import Sequence
from typing import Any


class RlsrError(Exception):
    """An error that the user can put right; the command line prints it without a traceback.

    It can be pickled, so that it comes back whole from another process.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is otherwise made anew from its message, which is not what these classes are made from.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[RlsrError], arguments: tuple[Any, ...], facts: dict[str, Any]) -> RlsrError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(facts)
    return error


class ConfigError(RlsrError, ValueError):
    """A setting is unknown, of the wrong type, out of its bounds, or clashes with another."""


class DataError(RlsrError, ValueError):
    """The data cannot be used as it is.

    Args:
        message: What is wrong as a whole.
        problems: One line a bad row, each with its place; all of them, in file order.
    """

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ModelError(RlsrError, RuntimeError):
    """A policy or an encoder cannot be found, loaded or used."""


class RewardError(RlsrError, RuntimeError):
    """A reward fails, gives what is no score, or leaves too much unscored."""


class RemoteError(RlsrError, RuntimeError):
    """A server refuses what it is asked, or nothing of it succeeds."""


class BudgetError(RemoteError):
    """What a run may ask of a server is used up.

    Args:
        message: Which budget, what was spent and the way out.
        way_out: The setting that raises it, as in ``reward.endpoint.budget.calls=200``.
    """

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message)
        self.way_out = way_out


class RunError(RlsrError, RuntimeError):
    """A run directory exists already, is incomplete, or does not fit what was asked of it."""


class EvaluationError(RlsrError, ValueError):
    """A metric or a suite of another package fails, or returns what cannot be counted."""


class EngineError(RlsrError, RuntimeError):
    """The trainer cannot do what the config asks for on this machine."""


class FormulaError(RlsrError, ValueError):
    """A text is not a formula, or one that cannot be worked with.

    Args:
        message: What the rule is, what was got and the way out.
        position: Place in the text, the first character being 1; None where the formula as a whole is meant.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        place = "formula" if position is None else f"formula, character {position}"
        super().__init__(f"{place}: {message}")
        self.position = position


class MissingPackageError(RlsrError, ImportError):
    """An optional package is not installed.

    Args:
        package: The package's name on the index.
        purpose: What it is needed for, as the end of the sentence "needed to ...".
        install: The exact command that installs it.
    """

    def __init__(self, package: str, purpose: str, install: str) -> None:
        super().__init__(
            f"{package} is not installed; it is needed to {purpose}. Install it with: {install}"
        )
        self.package = package
        self.install = install
