"""What other packages, or files of the user's own, add to rlsr: found by name, imported when it is used.

A package adds something by an entry point of a group such as ``rlsr.rewards``; it is found as soon as the package is installed.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from rlsr.errors import ConfigError

Group = Literal[
    "rlsr.rewards",
    "rlsr.methods",
    "rlsr.metrics",
    "rlsr.monitors",
    "rlsr.suites",
    "rlsr.trackers",
]


@cache
def find_plugins(group: Group) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Find what installed packages add, without importing any of it.

    Args:
        group: The kind of thing.

    Returns:
        The entry points by name, in the order of the names; more than one where several packages chose the same name.
    """
    found: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=group):
        # A package that is found twice, as an installed one beside its source tree, is one package.
        found.setdefault(point.name, {})[point.value] = point
    return {name: tuple(found[name].values()) for name in sorted(found)}


def load_plugin(group: Group, name: str) -> Any:
    """Import what an installed package adds.

    Args:
        group: The kind of thing.
        name: The name of its entry point, one of ``find_plugins``.

    Returns:
        What the entry point names.

    Raises:
        ConfigError: Several packages chose the name, or the import fails.
    """
    points = find_plugins(group)[name]
    if len(points) > 1:
        raise ConfigError(
            f"{group}: several packages add {name!r}: {plugin_origins(group, name)}; uninstall all but one of them"
        )
    try:
        return points[0].load()
    except Exception as error:
        raise ConfigError(
            f"{group}: {name!r}, which {plugin_origins(group, name)} adds, cannot be imported: {type(error).__name__}: {error}; "
            "mend or uninstall that package"
        ) from error


def plugin_origins(group: Group, name: str) -> str:
    """Say where something comes from.

    Args:
        group: The kind of thing.
        name: The name of its entry point, one of ``find_plugins``.

    Returns:
        The packages that add it, with what their entry points name.
    """
    return " and ".join(sorted(map(_origin, find_plugins(group)[name])))


def plugin_part(
    group: Group, name: str, part: str, wanted: str, is_one: Callable[[object], bool]
) -> Any:
    """Take one of the parts of what an installed package adds.

    Args:
        group: The kind of thing.
        name: The name of its entry point, one of ``find_plugins``.
        part: The attribute.
        wanted: What it must be, for messages.
        is_one: Whether something may be that.

    Raises:
        ConfigError: It cannot be imported, or has no such part.
    """
    added = load_plugin(group, name)
    found = getattr(added, part, None)
    if not is_one(found):
        raise ConfigError(
            f"{group}: {name!r}, which {plugin_origins(group, name)} adds, must have an attribute `{part}`, {wanted}, got "
            f"{found!r}; mend or uninstall that package"
        )
    return found


def import_object(path: str, setting: str) -> Any:
    """Import something of the user's own; files of the working directory can be imported like installed packages.

    Args:
        path: As in ``package.module:name``; dots may follow the name.
        setting: Where the config says so, for messages.

    Raises:
        ConfigError: The path has another form, the module fails to import, or it has no such name.
    """
    module_name, colon, name = path.partition(":")
    parts = [*module_name.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise ConfigError(
            f"{setting}: must name a module and what to take from it, as in package.module:name, got {path!r}"
        )
    if str(Path.cwd()) not in sys.path:
        # Last, so that a file of the user's never hides an installed package.
        sys.path.append(str(Path.cwd()))
    try:
        found = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigError(
            f"{setting}: the module {module_name} of {path!r} cannot be imported: {type(error).__name__}: {error}; "
            "mend it, install its package, or start rlsr in the directory of the file"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise ConfigError(
                f"{setting}: {module_name} has no {name}; name something that stands in {getattr(found, '__file__', module_name)}"
            )
        found = getattr(found, part)
    return found


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "a package"
    return f"{package} ({point.value})"
