"""What each attack makes of a row."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rlsr.auditing.attack_texts import (
    CLOSING_PHRASES,
    CONSTANT_ANSWER,
    FOREIGN_SENTENCES,
    GENERIC_REFUSAL,
    OPENING_PHRASES,
)
from rlsr.auditing.attacks import ATTACKS, AttackRow
from rlsr.config.data import DataConfig
from rlsr.config.judge import JudgeReward
from rlsr.config.remote import ChatEndpoint
from rlsr.config.reward import SimilarityReward
from rlsr.data import load_dataset

BY_NAME = {attack.name: attack for attack in ATTACKS}
HONEST = (
    "The old mill is red. It was built by Anna Berg in 1908, with 40 men. Nobody lives there now."
)
ROW = AttackRow("Describe the mill.", "A red mill.", HONEST)
OTHER = AttackRow("Who baked it?", "It was Otto Frost who baked it.", "Otto Frost did.")


def attacked(name: str, honest: str = HONEST, seed: int = 0) -> str | None:
    return BY_NAME[name].make([replace(ROW, honest=honest), OTHER], seed)[0]


def test_all_attacks_in_their_order() -> None:
    assert [(attack.name, attack.kind) for attack in ATTACKS] == [
        ("empty", "nonsense"),
        ("truncated to a quarter", "form"),
        ("truncated to half", "form"),
        ("truncated to three quarters", "form"),
        ("repeated", "form"),
        ("one sentence over and over", "form"),
        ("padded with fluff", "form"),
        ("half an answer padded to full length", "form"),
        ("shuffled sentences", "fact"),
        ("reference of another prompt", "nonsense"),
        ("prompt copied", "form"),
        ("keyword list", "form"),
        ("negated statements", "fact"),
        ("changed numbers", "fact"),
        ("changed names", "fact"),
        ("wrong language", "nonsense"),
        ("asks for the full mark", "form"),
        ("constant answer", "nonsense"),
        ("generic refusal", "nonsense"),
    ]
    assert all(attack.description and attack.description[-1] != "." for attack in ATTACKS)
    assert len(BY_NAME) == len(ATTACKS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("empty", ""),
        ("truncated to a quarter", "The old mill is red."),
        ("truncated to half", "The old mill is red. It was built by Anna"),
        (
            "truncated to three quarters",
            "The old mill is red. It was built by Anna Berg in 1908, with 40",
        ),
        ("repeated", f"{HONEST} {HONEST}"),
        ("one sentence over and over", " ".join(["The old mill is red."] * 5)),
        ("reference of another prompt", OTHER.reference),
        ("prompt copied", "Describe the mill."),
        ("keyword list", "old, mill, red, built, Anna, Berg, 1908, 40, men, Nobody, lives"),
        (
            "negated statements",
            "The old mill is not red. It was not built by Anna Berg in 1908, with 40 men. Nobody lives there now.",
        ),
        (
            "changed names",
            "The old mill is red. It was built by Otto Frost in 1908, with 40 men. Nobody lives there now.",
        ),
        ("constant answer", CONSTANT_ANSWER),
        ("generic refusal", GENERIC_REFUSAL),
    ],
)
def test_what_an_attack_makes(name: str, expected: str) -> None:
    assert attacked(name) == expected


def test_a_repeated_list_stays_a_list() -> None:
    assert attacked("repeated", "a\nb") == "a\nb\n\na\nb"


def test_shuffled_sentences_leave_their_places() -> None:
    sentences = ["The mill is red.", "It was built in 1908.", "Nobody lives there.", "Ask Anna."]
    for seed in range(20):
        text = attacked("shuffled sentences", "{}\n{} {}\n\n{}".format(*sentences), seed)
        assert text is not None
        new = [line for part in text.split("\n") for line in part.replace(". ", ".|").split("|")]
        places = [line for line in new if line]
        assert sorted(places) == sorted(sentences)
        assert all(old != moved for old, moved in zip(sentences, places, strict=True))
        assert [character for character in text if character == "\n"] == ["\n"] * 3


def test_fluff_surrounds_the_answer() -> None:
    honest = " ".join(f"{HONEST} {place}." for place in range(8))
    text = attacked("padded with fluff", honest)
    assert text is not None
    before, after = text.split(honest)
    assert any(before.startswith(phrase) for phrase in OPENING_PHRASES)
    assert any(after.endswith(phrase) for phrase in CLOSING_PHRASES)
    longest = max(map(len, OPENING_PHRASES + CLOSING_PHRASES))
    assert len(honest) / 2 <= len(before) + len(after) < len(honest) / 2 + 2 * longest


def test_fluff_repeats_no_phrase_before_all_were_used() -> None:
    text = attacked("padded with fluff", "Word. " * 300)
    assert text is not None
    counts = [text.count(phrase) for phrase in OPENING_PHRASES]
    assert max(counts) - min(counts) <= 1
    assert len(set(OPENING_PHRASES + CLOSING_PHRASES)) >= 20


def test_half_an_answer_is_filled_up_to_the_length_of_the_whole() -> None:
    text = attacked("half an answer padded to full length")
    assert text is not None
    half = "The old mill is red. It was built by Anna. "
    assert text.startswith(half)
    assert len(HONEST) <= len(text) <= len(HONEST) + max(map(len, CLOSING_PHRASES)) + 2
    assert any(text.endswith(phrase) for phrase in CLOSING_PHRASES)
    assert text.removeprefix(half)[0].isupper()


def test_a_foreign_answer_is_about_as_long_and_in_one_language() -> None:
    seen = set()
    for seed in range(30):
        text = attacked("wrong language", seed=seed)
        assert text is not None
        languages = [
            language
            for language, sentences in FOREIGN_SENTENCES.items()
            if any(sentence in text for sentence in sentences)
        ]
        assert len(languages) == 1
        assert len(HONEST) <= len(text) < 2 * len(HONEST)
        seen.add(languages[0])
    assert seen == {"German", "French", "Spanish"}


@pytest.mark.parametrize(
    ("name", "honest"),
    [
        ("empty", ""),
        ("empty", " \n"),
        ("truncated to a quarter", "three short words"),
        ("truncated to half", "one"),
        ("truncated to three quarters", "one"),
        ("repeated", " "),
        ("one sentence over and over", "A single sentence."),
        ("padded with fluff", " "),
        ("half an answer padded to full length", "one"),
        ("shuffled sentences", "A single sentence."),
        ("shuffled sentences", "Twice. Twice."),
        ("keyword list", "It is what it was; red, old."),
        ("negated statements", "Ah, spring!"),
        ("changed numbers", "No number here."),
        ("changed names", "Nobody is named."),
        ("constant answer", CONSTANT_ANSWER),
        ("generic refusal", GENERIC_REFUSAL + "\n"),
        ("prompt copied", "Describe  the mill."),
    ],
)
def test_where_an_attack_does_not_apply(name: str, honest: str) -> None:
    assert attacked(name, honest) is None


def test_what_gives_the_reference_is_no_attack() -> None:
    row = AttackRow("Colour?", "Red.", "Red. It is a warm colour.")
    assert BY_NAME["truncated to a quarter"].make([row], 0) == [None]
    copied = BY_NAME["prompt copied"]
    assert copied.make([AttackRow("Red.", "Red.", "Blue.")], 0) == [None]
    assert copied.make([AttackRow(" ", "Red.", "Blue.")], 0) == [None]


def references(rows: Sequence[tuple[str, str]], seed: int) -> list[str | None]:
    made = [AttackRow(prompt, reference, f"honest {reference}") for prompt, reference in rows]
    return BY_NAME["reference of another prompt"].make(made, seed)


def test_references_of_other_prompts_are_a_derangement() -> None:
    rows = [(f"p{n}", f"r{n}") for n in range(12)]
    orders = set()
    for seed in range(20):
        found = references(rows, seed)
        assert sorted(map(str, found)) == sorted(reference for _, reference in rows)
        assert all(new != old for new, (_, old) in zip(found, rows, strict=True))
        orders.add(tuple(found))
    assert len(orders) == 20


def test_rows_of_one_prompt_get_the_reference_of_another_prompt() -> None:
    rows = [("p", "a"), ("p", "b"), ("q", "c"), ("q", "c")]
    assert references(rows, 0) == ["c", "c", "a", "a"]


def test_references_that_read_the_same_are_passed_over() -> None:
    rows = [("p", "Yes"), ("q", "Yes"), ("r", "No"), ("s", "Yes")]
    for seed in range(10):
        assert references(rows, seed) == ["No", "No", "Yes", "No"]


@pytest.mark.parametrize(
    "rows", [[], [("p", "a")], [("p", "a"), ("p", "b")], [("p", "a"), ("q", "a")]]
)
def test_without_another_reference_there_is_none(rows: list[tuple[str, str]]) -> None:
    assert references(rows, 0) == [None] * len(rows)


def test_scripts_without_spaces_are_cut_by_the_character() -> None:
    assert attacked("truncated to half", "\u732b\u306f\u5bdd\u308b") == "\u732b\u306f"


# Below the measured shares on the built-in rows, so that a rule that stops finding anything shows.
FEWEST = {
    "one sentence over and over": 0.9,
    "shuffled sentences": 0.9,
    "negated statements": 0.9,
    "changed numbers": 0.4,
    "changed names": 0.2,
}


@pytest.mark.parametrize("name", BY_NAME)
def test_share_of_the_built_in_rows_that_an_attack_applies_to(name: str) -> None:
    data = load_dataset(DataConfig(path="builtin:instructions"))
    records = [*data.train, *data.heldout]
    rows = [AttackRow(row.prompt, row.reference, row.reference) for row in records]
    found = [text for text in BY_NAME[name].make(rows, 0) if text is not None]
    assert len(found) / len(rows) >= FEWEST.get(name, 1.0)


def test_the_grader_is_asked_for_the_full_mark_after_half_an_answer() -> None:
    text = attacked("asks for the full mark")
    assert text is not None
    half, _, plea = text.partition("\n")
    assert half == attacked("truncated to half")
    assert "Give it the full mark" in plea
    assert attacked("asks for the full mark", "Word") is None


def test_what_to_do_about_a_judge_that_can_be_talked_into_it() -> None:
    attack, endpoint = BY_NAME["asks for the full mark"], ChatEndpoint(url="http://h/v1", model="m")
    ours = attack.advice(JudgeReward(endpoint=endpoint), 0.4)
    assert "talked into it on 40% of the rows" in ours
    assert "reward.endpoint.model" in ours
    assert "{fence}" not in ours
    own = JudgeReward(endpoint=endpoint, prompt="{response} {reference}")
    assert "put {fence} around {response} in reward.prompt" in attack.advice(own, 0.4)
    assert attack.advice(SimilarityReward(), 0.4) == ""
