"""A reward of the user's own: a function with the contract of TRL's ``reward_funcs``, or an object with a method ``score``."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from rlsr.config.reward import OwnReward, PythonReward
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, RewardError
from rlsr.models import Device, as_chat
from rlsr.plugins import import_object
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.protocol import Part, Reward, RewardBatch
from rlsr.rewards.python_scorer import PythonScorer
from rlsr.rewards.scores import shown

COLUMNS = ("prompts", "completions", "reference", "references", "ended", "id", "category")
"""What a function may take besides the further columns of the data; a column of the data that has such a name is not seen."""


class PythonKind(RewardKind[OwnReward]):
    """The reward ``python``, and what an installed package adds that is no ``RewardKind``.

    Args:
        added: The function, class or object that a package adds; None where the config names it.
    """

    config: type[OwnReward] = PythonReward

    def __init__(self, added: Any = None) -> None:
        self._added = added
        if added is not None:
            self.config = OwnReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List nothing: what there is beside the scores shows when something is scored."""
        return ()

    def describe(self, config: RunConfig) -> str:
        """Name the function."""
        return f"the scores of {_name(self.settings(config))}"

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Find the function, and see that it asks for nothing that is not there."""
        settings = self.settings(config)
        found = self._find(settings)
        if inspect.isclass(found):
            _check_options(found, settings)
        if not hasattr(found, "score"):
            columns = dict.fromkeys(name for record in records for name in record.columns)
            _check_arguments(found, settings, [*COLUMNS, *columns])

    def own_code(self, config: RunConfig) -> Mapping[str, str]:
        """Name the file that the function or class stands in; what is written in C, or in no file, has none."""
        found = self._find(self.settings(config))
        found = found.func if isinstance(found, partial) else found
        code = found if inspect.isclass(found) or inspect.isroutine(found) else type(found)
        try:
            file = inspect.getsourcefile(inspect.unwrap(code))
        except TypeError:
            return {}
        return {} if file is None else {"reward.function": file}

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> Reward:
        """Find the function, or make the object of a class."""
        settings = self.settings(config)
        found, name, options = self._find(settings), _name(settings), settings.options
        if inspect.isclass(found):
            try:
                found, options = found(**options), {}
            except Exception as error:
                raise RewardError(
                    f"{name} could not be made: {type(error).__name__}: {error}; look at reward.options"
                ) from error
        if hasattr(found, "score"):
            return PythonScorer(name, found.score, owner=found)
        return PythonScorer(name, lambda batch: found(**arguments(found, batch, options)))

    def _find(self, settings: OwnReward) -> Any:
        """Find what scores, and refuse what cannot."""
        found = self._added
        if isinstance(settings, PythonReward):
            found = import_object(settings.function, "reward.function")
        can_be_called = callable(found)
        if inspect.isclass(found):
            can_be_called = any("__call__" in vars(base) for base in found.__mro__)
        if not can_be_called and not hasattr(found, "score"):
            raise ConfigError(
                f"{_name(settings)} must be a function, or a class or an object with a method `score`, got {shown(found)}"
            )
        if settings.options and hasattr(found, "score") and not inspect.isclass(found):
            raise ConfigError(
                f"reward.options: {_name(settings)} is an object, so that options have no effect; name its class instead"
            )
        return found


def arguments(
    function: Callable[..., Any], batch: RewardBatch, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Put together what a function is called with.

    Args:
        function: Takes keyword arguments.
        batch: The responses, their prompts and references.
        options: Further arguments.

    Returns:
        One list by name, an element a response, and the options: those that the signature names, or all where it takes any.
        ``completion_ids`` are there in training alone. A column that the data have and none of these rows is None.
    """
    records = batch.records
    columns = dict.fromkeys(name for record in records for name in record.columns)
    known: dict[str, Any] = {
        **{name: [record.columns.get(name) for record in records] for name in columns},
        "prompts": [as_chat(record.messages) for record in records],
        "completions": [[{"role": "assistant", "content": text}] for text in batch.responses],
        "reference": [record.reference for record in records],
        "references": [list(record.references) for record in records],
        "ended": list(batch.ended),
        "id": [record.id for record in records],
        "category": [record.category for record in records],
        **({} if batch.tokens is None else {"completion_ids": list(map(list, batch.tokens))}),
        **options,
    }
    parameters = _parameters(function)
    missing = {one.name: [None] * len(batch) for one in parameters if _is_required(one)}
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        names = {one.name for one in parameters}
        known = {name: value for name, value in known.items() if name in names}
    return {**missing, **known}


def _check_arguments(function: Any, settings: OwnReward, names: Sequence[str]) -> None:
    """Refuse a function that asks for what is not there, and options that it does not take."""
    parameters = _parameters(function)
    options = {} if inspect.isclass(function) else settings.options
    for one in parameters:
        if one.kind is one.POSITIONAL_ONLY:
            raise ConfigError(
                f"{_name(settings)} must take its arguments by name, but {one.name} can be given by position alone; take the / "
                "out of its signature"
            )
        if one.name == "completion_ids" and _is_required(one):
            raise ConfigError(
                f"{_name(settings)} asks for completion_ids, which are known in training and not in evaluations; give them a "
                "default, as in completion_ids=None"
            )
        if _is_required(one) and one.name not in {*names, *options}:
            raise ConfigError(
                f"{_name(settings)} asks for {one.name}, which is not there: there are {', '.join(names)}, in training "
                "completion_ids, and what reward.options names; give it another name or a default"
            )
    taken = {one.name for one in parameters}
    unknown = [name for name in options if name not in taken]
    if unknown and not any(one.kind is one.VAR_KEYWORD for one in parameters):
        raise ConfigError(
            f"reward.options.{unknown[0]}: {_name(settings)} takes no {unknown[0]}; it takes {', '.join(taken)}"
        )


def _check_options(cls: type, settings: OwnReward) -> None:
    """Refuse options with which a class cannot be made."""
    try:
        signature = inspect.signature(cls)
    except ValueError:  # written in C, and says nothing of itself
        return
    try:
        signature.bind(**settings.options)
    except TypeError as error:
        raise ConfigError(
            f"reward.options: {_name(settings)} is made with {signature}, got {settings.options}: {error}"
        ) from error


def _parameters(function: Any) -> list[inspect.Parameter]:
    """List what a function takes, or an object of a class when it is called."""
    try:
        if inspect.isclass(function):
            return list(inspect.signature(function.__call__).parameters.values())[1:]
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # written in C, and says nothing of itself
        return [inspect.Parameter("any", inspect.Parameter.VAR_KEYWORD)]


def _is_required(parameter: inspect.Parameter) -> bool:
    is_list = parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    return parameter.default is parameter.empty and not is_list


def _name(settings: OwnReward) -> str:
    if isinstance(settings, PythonReward):
        return f"reward.function {settings.function}"
    return f"the reward {getattr(settings, 'type', '')}"
