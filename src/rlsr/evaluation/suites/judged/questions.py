"""What a judge is asked, word for word as the authors of a suite publish it."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml


class Question(NamedTuple):
    """One question to a judge."""

    system: str
    """What it is told before."""
    user: str
    """What it is asked."""


@cache
def published(name: str) -> Mapping[str, Any]:
    """Read the prompts of a suite's authors.

    Args:
        name: Of the suite.
    """
    text = files(__package__).joinpath("prompts", f"{name}.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def filled(template: str, texts: Mapping[str, str]) -> str:
    """Put texts into a prompt, each as it is: what one of them has in braces stays as it is.

    Args:
        template: With names in braces; other braces stay.
        texts: By name.
    """
    names = "|".join(map(re.escape, texts))
    return re.sub(rf"\{{({names})\}}", lambda found: texts[found[1]], template)
