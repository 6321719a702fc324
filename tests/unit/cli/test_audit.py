"""How the command line of an audit is read."""

import pytest

from rlsr.cli.audit import _split_encoders
from rlsr.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "given", "settings", "names"),
    [
        (["a.yaml", "seed=1"], None, ["a.yaml", "seed=1"], []),
        (["seed=1"], ["A"], ["seed=1"], ["A"]),
        (["B", "seed=1", "C"], ["A"], ["seed=1"], ["A", "B", "C"]),
        ([], ["A, B", "C"], [], ["A", "B", "C"]),
        (["nothing.txt"], None, ["nothing.txt"], []),
    ],
)
def test_encoders_are_told_from_settings(
    arguments: list[str], given: list[str] | None, settings: list[str], names: list[str]
) -> None:
    assert _split_encoders(arguments, given) == (settings, names)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="an empty name"):
        _split_encoders([], ["A,,B"])
