"""What holds for every choice: the combinations, how values reach a recipe, and which trial is the best."""

import math
from typing import Any, Literal

from hypothesis import given
from hypothesis import strategies as st

from rlsr.comparison.choose import as_table, combinations, read_settings
from rlsr.comparison.trials import best_place

values = st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=2, unique=True)
settings_ = st.dictionaries(
    st.sampled_from(["seed", "training.learning_rate", "training.epochs", "method.clip"]),
    values,
    min_size=1,
    max_size=4,
)
scores = st.lists(st.floats(-5, 5) | st.just(math.nan), max_size=8)


@given(settings_)
def test_every_combination_comes_once(settings: dict[str, list[Any]]) -> None:
    found = combinations(settings)
    expected: list[dict[str, Any]] = [{}]
    for name, each in settings.items():
        expected = [{**before, name: value} for before in expected for value in each]
    assert found == expected
    assert math.prod(map(len, settings.values())) == len(found)


@given(settings_)
def test_nested_and_dotted_settings_are_the_same_choice(settings: dict[str, list[Any]]) -> None:
    assert read_settings(as_table(settings)) == read_settings(settings) == settings


@given(scores, st.sampled_from(["higher", "lower"]))
def test_the_first_of_the_best_scores_is_chosen(
    found: list[float], better: Literal["higher", "lower"]
) -> None:
    place = best_place(found, better)
    known = [value for value in found if not math.isnan(value)]
    if not known:
        assert place is None
        return
    best = max(known) if better == "higher" else min(known)
    assert place == next(at for at, value in enumerate(found) if value == best)


@given(scores.filter(lambda found: any(map(math.isfinite, found))), st.floats(0.1, 10))
def test_what_is_lower_is_better_the_other_way_round_and_units_do_not_matter(
    found: list[float], unit: float
) -> None:
    place = best_place(found, "higher")
    assert place is not None
    assert best_place([-value for value in found], "lower") == place
    chosen = best_place([unit * value for value in found], "higher")
    assert chosen is not None
    assert unit * found[chosen] == unit * found[place]
