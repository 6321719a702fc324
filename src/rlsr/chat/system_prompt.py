"""The system prompt that a run was trained with, from the prompts that it was measured on."""

from collections.abc import Iterable
from dataclasses import dataclass

_BEFORE, _BEHIND = "system: ", "\n\nuser: "


@dataclass(frozen=True)
class SystemPrompts:
    """What the prompts of a run begin with."""

    shared: str | None
    """What all of them begin with; None where they begin with none, or with several."""
    num_different: int
    """How many there are."""


def system_prompts(prompts: Iterable[str]) -> SystemPrompts:
    """Look for the system prompts of a run.

    Args:
        prompts: As ``PromptRecord.prompt`` writes them: turns with their roles, where there are several.
    """
    found = {_system_prompt(prompt) for prompt in prompts}
    different = found - {None}
    shared = found.pop() if len(found) == 1 else None
    return SystemPrompts(shared, len(different))


def _system_prompt(prompt: str) -> str | None:
    text, behind, _ = prompt.partition(_BEHIND)
    return text.removeprefix(_BEFORE) if behind and text.startswith(_BEFORE) else None
