"""Each rule that turns a statement round, and each that leaves one alone."""

import pytest

from rlsr.auditing.negation import negate_statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Water is wet.", "Water is not wet."),
        ("Water is not dry.", "Water is dry."),
        ("Water isn't dry.", "Water is dry."),
        ("Fish can swim.", "Fish cannot swim."),
        ("Stones cannot swim.", "Stones can swim."),
        ("Stones can\u2019t swim, they won't.", "Stones can swim, they won't."),
        ("It won't rain.", "It will rain."),
        ("It's raining.", "It's not raining."),
        ("They\u2019re late.", "They\u2019re not late."),
        ("Can you swim?", "Can't you swim?"),
        ("Where are they?", "Where aren't they?"),
        ("She has gone home.", "She has not gone home."),
        ("She has a cat.", None),
        ("She has ten cats.", None),
        ("He does not know.", "He does know."),
        ("Do not open it.", "Do open it."),
        ("Turn the key.", "Do not turn the key."),
        ("1. Wash your hands.", "1. Do not wash your hands."),
        ("Please send it back.", "Please do not send it back."),
        ("First, whisk the eggs.", "First, do not whisk the eggs."),
        ("Dividing the cake took time.", "Dividing the cake did not take time."),
        ("Yeast makes dough rise.", "Yeast does not make dough rise."),
        ("A bus carries people.", "A bus does not carry people."),
        ("Steam pushes the lid.", "Steam does not push the lid."),
        ("Yes, of course.", "No, of course."),
        ("No.", "Yes."),
        ("No man drinks.", None),
        ("Cats always land on their feet.", "Cats never land on their feet."),
        ("TRUE: cats purr.", "FALSE: cats purr."),
        # The main clause comes first where it can be told.
        ("If it is wet, wipers are on.", "If it is wet, wipers are not on."),
        ("A cat that is wet", "A cat that is not wet"),
        # One change in every sentence.
        ("Tea is hot. Ice is cold and is hard.", "Tea is not hot. Ice is not cold and is hard."),
        # Nouns and names are no auxiliaries; what is negative already is left.
        ("The can leaks. In my will I ask.", None),
        ("There Will stood.", None),
        ("This is red.", "This is not red."),
        ("There is no milk.", None),
        ("Nobody lives there.", None),
        ("Nobody was hurt.", None),
        ("It is never late.", "It is always late."),
        ("It is not only red.", None),
        ("That is, often.", None),
        ("Gr\u00fc\u00dfe aus Wien", None),
        ("", None),
    ],
)
def test_statements(text: str, expected: str | None) -> None:
    assert negate_statements(text) == (text if expected is None else expected)


def test_layout_stays() -> None:
    text = "  **Note:**\n\n- Water is wet.\n- Ice can float.  \n"
    assert negate_statements(text) == "  **Note:**\n\n- Water is not wet.\n- Ice cannot float.  \n"
