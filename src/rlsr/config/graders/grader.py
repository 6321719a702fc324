"""A grader that was read: what is known of it by asking."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rlsr.config.graders.formula import Formula
from rlsr.config.graders.schema import LabelModel, Leaf, ScoreModel, StringCheck, TextSimilarity
from rlsr.config.graders.template import Path, parse_template


@dataclass(frozen=True)
class Grader:
    """A grader that was read: one alone, or several with a formula."""

    leaves: Mapping[str, Leaf]
    """By name; one alone has the name ``""``."""
    formula: Formula | None = None
    """How the score is made of those of several."""
    calculate_output: str = ""
    """As it is written."""

    def key(self, name: str) -> str:
        """Say where a grader stands in the JSON, as the beginning of a key; empty where it stands alone."""
        return "" if self.formula is None else f"graders.{name}."

    def templates(self) -> Iterator[tuple[str, str]]:
        """List the templates of all graders.

        Yields:
            The key, and the text.
        """
        for name, leaf in self.leaves.items():
            for key, text in templates_of(leaf):
                yield f"{self.key(name)}{key}", text

    def item_paths(self) -> Iterator[tuple[str, Path]]:
        """List what is asked for of a row.

        Yields:
            The key of the template, and the path.
        """
        for key, text in self.templates():
            for path in parse_template(text).paths:
                if path.namespace == "item":
                    yield key, path

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics of its text similarities."""
        return frozenset(
            leaf.evaluation_metric
            for leaf in self.leaves.values()
            if isinstance(leaf, TextSimilarity)
        )

    def has(self, kind: type[Leaf]) -> bool:
        """Say whether there is a grader of a type."""
        return any(isinstance(leaf, kind) for leaf in self.leaves.values())


def templates_of(leaf: Leaf) -> Iterator[tuple[str, str]]:
    """List the templates of a grader.

    Args:
        leaf: The grader.

    Yields:
        The key within it, and the text.
    """
    if isinstance(leaf, StringCheck | TextSimilarity):
        yield "input", leaf.input
        yield "reference", leaf.reference
    elif isinstance(leaf, ScoreModel | LabelModel):
        for place, message in enumerate(leaf.input):
            yield from ((f"input.{place}.content", text) for text in message.texts)
