"""What counts as saying the same twice."""

import pytest

from rlsr.forecast.repeated_facts import repeated_facts, repeated_facts_of


@pytest.mark.parametrize(
    ("text", "overlap"),
    [
        ("The Vaults is low customer rating and has a low customer rating.", 1.0),
        ("It serves cheap Italian food. Cheap Italian food is served near the river.", 0.75),
        ("It serves cheap Italian food, near the river Thames.", 0.0),
        ("Red pandas eat bamboo leaves. Giant pandas eat bamboo shoots.", 2 / 3),
        ("The price is 20 pounds, which is 20 pounds.", 1.0),
        ("Apples, pears, apples, pears.", 0.0),  # single words are no facts
        ("- wash the apples\n- wash the apples", 1.0),
        ("One clause about apples only", 0.0),
        ("They have 1,000 rooms there", 0.0),  # no clause ends inside a number
        ("", 0.0),
    ],
)
def test_the_overlap_of_the_closest_clauses(text: str, overlap: float) -> None:
    assert repeated_facts(text) == pytest.approx(overlap)


def test_several_texts_are_measured_in_their_order() -> None:
    assert repeated_facts_of(["wash apples, wash apples", ""]).tolist() == [1, 0]
    assert repeated_facts_of([]).shape == (0,)
