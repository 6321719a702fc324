"""Where the formula is in what a model wrote."""

import pytest

from rlsr.logic import formula_text


@pytest.mark.parametrize(
    "response",
    [
        "∀x (P(x))",
        "  ∀x (P(x))\n",
        "FOL: ∀x (P(x))",
        "First-order logic : ∀x (P(x))",
        "answer:\n∀x (P(x))",
        "`∀x (P(x))`",
        "FOL: `∀x (P(x))`",
        "$$∀x (P(x))$$",
        "```\n∀x (P(x))\n```",
        "Here it is:\n```fol\n∀x (P(x))\n```\nIt says that all are P.",
        "```\nFOL: ∀x (P(x))",
        "∀x (P(x))<|im_end|>\n<|im_start|>user",
        "∀x (P(x))</s>",
        "∀x (P(x))<|endoftext|>∀x",
    ],
)
def test_what_stands_around_a_formula_goes(response: str) -> None:
    assert formula_text(response) == "∀x (P(x))"


@pytest.mark.parametrize("response", ["∀x (P(x)) because all are P", "∀x (P(x))\n∀x (Q(x))", "P(a) | Q(a)"])  # fmt: skip
def test_the_rest_stays(response: str) -> None:
    assert formula_text(response) == response


@pytest.mark.parametrize("response", ["", " \n", "<|im_end|>", "```\n```", "FOL:"])
def test_nothing_may_be_left(response: str) -> None:
    assert formula_text(response) == ""
