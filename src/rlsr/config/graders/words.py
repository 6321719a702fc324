"""What a grader grades, in words."""

from rlsr.config.graders.grader import Grader
from rlsr.config.graders.schema import (
    LabelModel,
    Leaf,
    PythonGrader,
    ScoreModel,
    StringCheck,
    TextSimilarity,
)


def describe_grader(grader: Grader, encoder: str) -> str:
    """Say what a grader grades.

    Args:
        grader: The grader.
        encoder: The encoder of a cosine.

    Returns:
        A noun with what qualifies it, without a full stop.
    """
    words = {name: _leaf_in_words(leaf, encoder) for name, leaf in grader.leaves.items()}
    if grader.formula is None:
        return f"the grader {words['']}"
    members = ", ".join(f"{name} is {text}" for name, text in words.items())
    return f"the multigrader {grader.calculate_output.strip()}, where {members}"


def _leaf_in_words(leaf: Leaf, encoder: str) -> str:
    match leaf:
        case StringCheck():
            return f"string_check ({leaf.operation})"
        case TextSimilarity(evaluation_metric="cosine"):
            return f"text_similarity (cosine, {encoder})"
        case TextSimilarity():
            return f"text_similarity ({leaf.evaluation_metric})"
        case ScoreModel():
            return f"score_model ({leaf.model}, {leaf.range[0]:g} to {leaf.range[1]:g})"
        case LabelModel():
            return f"label_model ({leaf.model}, passing {' or '.join(leaf.passing_labels)})"
        case PythonGrader():
            return "python code"
