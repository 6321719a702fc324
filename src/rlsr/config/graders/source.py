"""The source of a python grader, looked at without running anything of it."""

import ast
import warnings
from collections.abc import Iterator

MAX_BYTES = 256 * 1024
"""OpenAI's limit."""


def checked_source(source: str) -> str:
    """Refuse a source that is too long, is no Python, or has no function ``grade`` of two arguments.

    Args:
        source: Nothing of it is run.

    Returns:
        The source.

    Raises:
        ValueError: One of these holds.
    """
    size = len(source.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES:,} bytes, got {size:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know: no mistake yet
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"must be Python: {error}") from error
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == "grade"]  # fmt: skip
    if functions:
        _require_two_arguments(functions[-1].args)
        return source
    # It may come from elsewhere; then the sandbox finds out.
    names = {name for node in body for name in _bound(node)}
    if names.isdisjoint({"grade", "*"}):
        raise ValueError("must define a function grade(sample, item)")
    return source


def _require_two_arguments(taken: ast.arguments) -> None:
    most = len(taken.posonlyargs) + len(taken.args)
    least = most - len(taken.defaults)
    takes_two = least <= 2 and (most >= 2 or taken.vararg is not None)
    if not takes_two or None in taken.kw_defaults:
        raise ValueError(f"grade must take two arguments, sample and item, got grade({ast.unparse(taken)})")  # fmt: skip


def _bound(node: ast.stmt) -> Iterator[str]:
    """List the names that a statement may give a value, as far as they stand there."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.alias):
            yield inner.asname or inner.name
        elif isinstance(inner, ast.FunctionDef | ast.ClassDef):
            yield inner.name
