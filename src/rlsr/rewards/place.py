"""Where the settings of the reward stand that is asked for something: a member of a combined one has a place of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PLACE = ContextVar("place", default="reward")


def place_of(setting: str) -> str:
    """Name a setting of a reward as the user wrote it.

    Args:
        setting: Its name in the reward's own table, as in ``endpoint``.

    Returns:
        Its dotted name in the config, as in ``reward.endpoint`` or ``reward.members.judge.reward.endpoint``.
    """
    return f"{_PLACE.get()}.{setting}"


@contextmanager
def as_member(name: str) -> Iterator[None]:
    """Let what is done inside be done for a member of a combined reward.

    Args:
        name: What the config calls it.
    """
    token = _PLACE.set(f"reward.members.{name}.reward")
    try:
        yield
    finally:
        _PLACE.reset(token)
