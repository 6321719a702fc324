"""English rules turn statements into their opposites by a word in each sentence."""

import re
from typing import Final

from rlsr.auditing.attack_texts import COMMANDS, STOP_WORDS
from rlsr.data.sentences import sentence_spans

Edit = tuple[int, int, str]
"""Where a change to a sentence starts and ends, and what to put there."""

_AUXILIARIES: Final = (
    "is are was were am can could will would shall should may might must has have had do does did"
)
_NEGATABLE = "|".join(_AUXILIARIES.split())
# (?a:...) keeps letters that only count as equal to English ones, like the long s, out of the look-ups below.
_POLARITY = re.compile(
    rf"""\b(?P<fused>(?a:cannot|can['\u2019]t|won['\u2019]t|shan['\u2019]t))\b
    | \b(?P<negated>{_NEGATABLE})(?:n['\u2019]t|\ not)\b(?!\ only\b)
    | \b(?P<short>(?:it|that|there|he|she)['\u2019]s|(?:you|we|they)['\u2019]re|i['\u2019]m
        |(?:it|that|there|he|she|you|we|they|i)['\u2019]ll)(?=\ [a-z])
    | \b(?P<plain>{_NEGATABLE})(?=\ \w)""",
    re.VERBOSE | re.IGNORECASE,
)
_FUSED: Final = {"cannot": "can", "can't": "can", "won't": "will", "shan't": "shall"}
_WITHOUT_SHORT_FORM = frozenset({"am", "may", "might", "shall"})
_SUBJECTS = frozenset({"i", "you", "he", "she", "it", "we", "they", "there"})
_NOUNS_TOO = frozenset({"can", "will", "might", "must"})
_NEGATIVES = frozenset(
    {"no", "not", "never", "none", "nothing", "nobody", "neither", "nor", "nowhere"}
)
_BEFORE_NOUNS = "the a an my your his her its our their this that these those each every any some no one of free"
_DETERMINERS = frozenset(_BEFORE_NOUNS.split())
_SUBORDINATORS = re.compile(
    r"\b(?:that|which|who|whose|whom|when|where|while|if|unless|because|since|although|though|whether|as|until|before"
    r"|after|once|what|how|why)\b",
    re.IGNORECASE,
)
_PARTICIPLE = re.compile(
    r"(?!(?:ten|seven|eleven|red|bed|garden|kitchen|children|oven)$)\w+(?:ed|en)|been|had|done|made|gone|got|become|come|found|kept|left|lost|built|brought|bought|sold|told|paid|sent"
    r"|held|set|put|cut|read|run|begun|won|led|met|felt|heard|spent|stood|thought|understood|grown|known|shown|worn",
    re.IGNORECASE,
)

_LEAD = re.compile(
    r"\W{0,9}(?:(?:\d{1,3}[.)]|step\s\d{1,3}:)\s+)?\W{0,5}"
    r"(?P<lead>(?:please|first|second|third|next|then|finally|now|also|afterwards|later|instead|after\ that|in\ short)"
    r",?\ )?(?P<verb>[^\W\d_]+)(?P<after>\ [^\W\d_]+)",
    re.IGNORECASE,
)
_AFTER_COMMANDS = (
    "the a an your my our his her its their it them this these us me all some any each every"
)
_OBJECTS = frozenset(_AFTER_COMMANDS.split())

_SINGULAR = (
    "allow appear become begin belong bring carry collect come consist contain cost create cure decide depend describe "
    "divide earn eat explain feel fit follow give go grow happen help hold include keep know lead let live look lose "
    "make mean mention move need offer pay prevent protect prove provide pull push reach refer remain require run save "
    "say seem sell send show start stay store take tell travel try turn use vibrate want weigh win work write"
)
_PAST: Final = {
    "became": "become", "began": "begin", "bought": "buy", "brought": "bring", "built": "build", "came": "come",
    "gave": "give", "got": "get", "grew": "grow", "kept": "keep", "knew": "know", "lost": "lose", "made": "make",
    "paid": "pay", "said": "say", "sold": "sell", "spent": "spend", "took": "take", "told": "tell", "went": "go",
    "won": "win", "wrote": "write",
}  # fmt: skip


def _third_person(verb: str) -> str:
    """Add the ending that a verb has after he, she or it."""
    if verb.endswith(("sh", "ch", "ss", "x", "go")):
        return verb + "es"
    return verb[:-1] + "ies" if re.search("[^aeiou]y$", verb) else verb + "s"


_FULL_VERBS: Final = {_third_person(verb): f"does not {verb}" for verb in _SINGULAR.split()} | {
    past: f"did not {verb}" for past, verb in _PAST.items()
}
_FULL_VERB = re.compile(rf"\b(?:{'|'.join(_FULL_VERBS)})\b(?=[\s,.;:])")
_NO_SUBJECTS: Final = _DETERMINERS | _NEGATIVES | {"to", "and", "or", "in"}
_OPPOSITES: Final = {
    "always": "never", "never": "always", "yes": "no", "true": "false", "false": "true", "possible": "impossible",
    "impossible": "possible",
}  # fmt: skip
_OPPOSITE = re.compile(
    r"\b(?a:always|never|true|false|possible|impossible)\b|^\W{0,9}(?a:yes)\b|^\W{0,9}(?a:no)\b(?=,|[.!]?$)",
    re.IGNORECASE,
)


def negate_statements(text: str) -> str:
    """Insert or remove one "not" in every sentence where a rule allows it, in the main clause if it can be told.

    Args:
        text: English; in other languages most sentences stay as they are.

    Returns:
        The text with its statements turned into their opposites; a sentence that no rule fits is unchanged.
    """
    pieces, done = [], 0
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        edit = _auxiliary(sentence) or _command(sentence) or _opposite(sentence) or _verb(sentence)
        if edit is not None:
            first, last, words = edit
            pieces += [text[done : start + first], words]
            done = start + last
    return "".join([*pieces, text[done:]])


def _auxiliary(sentence: str) -> Edit | None:
    """Negate the first auxiliary of the main clause, or the first of all."""
    chosen: Edit | None = None
    for match in _POLARITY.finditer(sentence):
        words = _replacement(sentence, match)
        if words is None:
            continue
        edit = (match.start(), match.end(), words)
        clause = re.split("[,;:(—]", _just_before(sentence, match.start(), 120))[-1]
        if not _SUBORDINATORS.search(clause):
            return edit
        chosen = chosen or edit
    return chosen


def _replacement(sentence: str, match: re.Match[str]) -> str | None:
    """Say what to put in place of an auxiliary; None leaves it as it is."""
    found = match.group()
    if match["fused"]:
        return _like(found, _FUSED[found.lower().replace("\u2019", "'")])
    if match["negated"]:
        return match["negated"]
    following = _word_after(sentence, match.end())
    if following in _NEGATIVES:
        return None
    if match["short"]:
        return f"{found} not"
    return _negated(found, following, _just_before(sentence, match.start(), 30))


def _negated(word: str, following: str, before: str) -> str | None:
    """Negate a plain auxiliary; None says that the word is no auxiliary here."""
    verb = word.lower()
    words_before = ["", *re.findall(r"\w+", before)]
    if verb in _NOUNS_TOO and words_before[-1].lower() in _DETERMINERS:
        return None
    if words_before[-1].lower() in _NEGATIVES:
        return None
    if following in _SUBJECTS and not (verb in {"do", "does", "did"} and following == "it"):
        short = {"can": "can't", "will": "won't"}.get(verb, f"{verb}n't")
        return None if verb in _WITHOUT_SHORT_FORM else _like(word, short)
    if len(words_before) == 1 or word[0].isupper() or verb in {"do", "does", "did"}:
        return None
    if verb in {"has", "have", "had"} and not _PARTICIPLE.fullmatch(following):
        return None
    return "cannot" if verb == "can" else f"{word} not"


def _command(sentence: str) -> Edit | None:
    """Turn "Turn the jacket" into "Do not turn the jacket"."""
    match = _LEAD.match(sentence)
    if match is None:
        return None
    verb, following = match["verb"].lower(), match["after"].strip()
    is_command = verb in COMMANDS and following.islower()
    if not is_command:
        is_command = (
            following in _OBJECTS
            and verb not in STOP_WORDS
            and not verb.endswith(("ing", "ed", "ly", "s"))
        )
    if not is_command:
        return None
    words = f"do not {verb}"
    return (
        match.start("verb"),
        match.end("verb"),
        words if match["lead"] else _like(match["verb"], words),
    )


def _verb(sentence: str) -> Edit | None:
    """Turn "it lasts" into "it does not last"."""
    for match in _FULL_VERB.finditer(sentence):
        before = re.findall(r"[\w']+", _just_before(sentence, match.start(), 30))
        if before and before[-1].lower() not in _NO_SUBJECTS:
            return match.start(), match.end(), _FULL_VERBS[match.group()]
    return None


def _opposite(sentence: str) -> Edit | None:
    """Swap always and never, yes and no, and the like."""
    match = _OPPOSITE.search(sentence)
    if match is None:
        return None
    word = re.sub(r"\W", "", match.group())
    opposite = (_OPPOSITES | {"no": "yes"})[word.lower()]
    return match.end() - len(word), match.end(), _like(word, opposite)


def _just_before(text: str, place: int, length: int) -> str:
    """Return the characters before a place, but only so many, since texts may be very long."""
    return text[max(0, place - length) : place]


def _word_after(text: str, place: int) -> str:
    """Return the next word in lower case."""
    match = re.compile(r"\W*(\w+)").match(text, place)
    return match[1].lower() if match else ""


def _like(model: str, word: str) -> str:
    """Give a word the capital letters of another."""
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
