"""Every exception of the package comes back whole from another process."""

import ast
import importlib
import inspect
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlsr
from rlsr.errors import FormulaError

texts = st.text(max_size=20)
# What an exception is made from, by the name of the argument.
ARGUMENTS: dict[str, st.SearchStrategy[object]] = {
    "message": texts,
    "problems": st.lists(texts, max_size=3),
    "position": st.none() | st.integers(1, 99),
    "package": texts,
    "purpose": texts,
    "install": texts,
    "kind": texts,
    "way_out": texts,
    "status": st.integers(400, 599),
    "headers": st.none() | st.dictionaries(texts, texts, max_size=2),
    "retry_after_s": st.integers(1, 99),
}


def exception_classes() -> list[type[Exception]]:
    """All of them, found in the source, so that only the modules that define one are imported."""
    source = Path(rlsr.__file__).parent
    found = []
    for file in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            bases = map(ast.unparse, node.bases) if isinstance(node, ast.ClassDef) else ()
            if any(base.endswith(("Error", "Exception", "Fault")) for base in bases):
                module = ".".join(file.relative_to(source.parent).with_suffix("").parts)
                found.append(getattr(importlib.import_module(module), node.name))  # type: ignore[attr-defined]
    return found


CLASSES = exception_classes()


def test_the_classes_are_found() -> None:
    names = {kind.__name__ for kind in CLASSES}
    assert {"RlsrError", "DataError", "MissingPackageError", "RowFault"} <= names


@pytest.mark.parametrize("kind", CLASSES)
@given(st.data())
def test_an_exception_survives_being_pickled(kind: type[Exception], data: st.DataObject) -> None:
    parameters = inspect.signature(kind.__init__).parameters
    names = parameters.keys() - {"self", "args", "kwargs"}
    values = {name: data.draw(ARGUMENTS[name], label=name) for name in sorted(names)}
    error = kind(**values) if values else kind(data.draw(texts))
    error.add_note("where it happened")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert back.args == error.args
    assert vars(back) == vars(error)


def test_a_formula_s_place_is_named_once() -> None:
    error = pickle.loads(pickle.dumps(FormulaError("a bracket is missing", 7)))
    assert str(error) == "formula, character 7: a bracket is missing"
    assert error.position == 7
