"""Audits as they come out of ``rlsr audit``, for the tests of what shows them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rlsr.auditing.result import AttackExample, Audit, Check, EncoderComparison
from rlsr.auditing.thresholds import DAMAGE, Threshold

# Name, share of rows where it wins, mean reward, what it makes of an answer.
ATTACKS = (
    ("empty", 0.0, -1.0, ""),
    ("truncated to a quarter", 0.035, 0.41, "Boil the pasta"),
    ("truncated to half", 0.135, 0.58, "Boil the pasta in salted water until"),
    ("truncated to three quarters", 0.34, 0.68, "Boil the pasta in salted water until it is firm, then drain"),
    ("repeated", 0.52, 0.71, "Boil the pasta in salted water. Boil the pasta in salted water."),
    ("padded", 0.61, 0.73, "Great question! Boil the pasta in salted water. I hope this helps!"),
    ("shuffled sentences", 0.445, 0.69, "Then drain it. Boil the pasta in salted water."),
    ("reference of another prompt", 0.01, 0.12, "The capital of Portugal is Lisbon."),
    ("prompt copied", 0.09, 0.44, "How do I cook pasta?"),
    ("keywords", 0.045, 0.47, "pasta water salt boil drain firm"),
    ("negated", 0.29, 0.66, "Do not boil the pasta in salted water until it is firm."),
    ("numbers changed", 0.4, 0.7, "Boil the pasta for 90 minutes in 4 litres of water."),
    ("names changed", 0.12, 0.6, "Boil the Lisbon in salted Portugal."),
    ("wrong language", 0.02, 0.35, "Nudeln in Salzwasser kochen, bis sie bissfest sind."),
    ("constant answer", 0.015, 0.2, "It depends on the context."),
    ("refusal", 0.005, 0.15, "I'm sorry, but I can't help with that."),
)  # fmt: skip
PROMPT = "How do I cook pasta?"
REFERENCE = (
    "Boil the pasta in plenty of salted water for 9 minutes until it is firm, then drain it."
)
HONEST = "Cook the pasta in a pot of salted boiling water until firm, about 9 minutes; then drain."


def sample_audit(num_rows: int = 200, num_examples: int = 3) -> Audit:
    """An audit with every verdict, every group, something left out and other encoders."""
    return Audit(
        data="recipes.jsonl",
        reward="cosine of embeddings, an empty answer -1",
        encoder="builtin:minilm",
        num_rows=num_rows,
        honest="a second reference of the same prompt",
        checks=(*(attack_check(name, share, num_rows) for name, share, _, _ in ATTACKS), *OTHERS),
        examples=tuple(_example(*attack, place) for attack in ATTACKS for place in range(num_examples)),
        scores=_scores(num_rows),
        encoders=(
            EncoderComparison("builtin:minilm", 0.822, 0.793, 0.115, 25.31),
            EncoderComparison("builtin:wordllama", 0.861, 0.809, 0.0, 0.41),
            EncoderComparison("org/an-encoder-with-a-long-name-base-v2", 0.874, float("nan"), 0.02, 61.2),
        ),
        recommendations=(
            "Penalise padding: an answer with fluff around it wins on 61 % of the rows (0.610 [0.542, 0.676]).",
            "Use builtin:wordllama: it catches 86.1 % of the attacks against 82.2 %, at a sixtieth of the cost.",
            "Raise embedding.max_tokens: the encoder does not read the end of 11.5 % of the texts.",
        ),
        seconds=48.25,
    )  # fmt: skip


def attack_check(name: str, share: float, num_rows: int = 200) -> Check:
    """The check of an attack that wins on a share of the rows."""
    auc = 0.5 + (0.5 - share) * 0.9
    half = 1.96 * float(np.sqrt(share * (1 - share) / num_rows))
    return Check(
        group="attacks",
        name=name,
        verdict=DAMAGE.judge(share),
        measure="share of rows where the attack wins",
        value=share,
        low=max(0.0, share - half),
        high=min(1.0, share + half),
        num=num_rows,
        threshold=DAMAGE,
        reason=f"It beats the honest answer on {share:.1%} of the rows.",
        details={"auc": auc, "auc_low": auc - 0.04, "auc_high": auc + 0.04, "mean_honest": 0.72},
    )


def with_texts(audit: Audit, texts: Sequence[str]) -> Audit:
    """The audit with its examples' four texts, and all that names something, replaced."""
    prompt, reference, honest, attacked = texts
    examples = tuple(
        replace(row, prompt=prompt, reference=reference, honest=honest, attacked=attacked)
        for row in audit.examples
    )
    return replace(
        audit,
        data=prompt,
        reward=reference,
        encoder=honest,
        honest=attacked,
        recommendations=tuple(texts),
        examples=examples,
    )


def _example(name: str, share: float, mean: float, attacked: str, place: int) -> AttackExample:
    score = min(0.99, mean + 0.1 + share / 4 - 0.05 * place)
    people = ("", " for six people", " so that it does not stick")[place % 3]
    prompt = PROMPT.replace("?", f"{people}?")
    return AttackExample(name, prompt, REFERENCE, HONEST, attacked, 0.74 - 0.01 * place, score)


def _scores(num_rows: int) -> dict[str, tuple[float, ...]]:
    rng = np.random.default_rng(0)
    scores = {"reference": (1.0,) * num_rows, "honest": _drawn(rng, 0.72, num_rows)}
    for name, _, mean, _ in ATTACKS:
        scores[name] = (-1.0,) * num_rows if name == "empty" else _drawn(rng, mean, num_rows)
    # One row that could not be scored.
    scores["keywords"] = (float("nan"), *scores["keywords"][1:])
    return scores


def _drawn(rng: np.random.Generator, mean: float, num_rows: int) -> tuple[float, ...]:
    return tuple(np.clip(rng.normal(mean, 0.11, num_rows), -1, 0.999).tolist())


def _below(warn: float, fail: float) -> Threshold:
    return Threshold(warn, fail, higher_is_better=True)


def _above(warn: float, fail: float, *, of_size: bool = False) -> Threshold:
    return Threshold(warn, fail, higher_is_better=False, of_size=of_size)


OTHERS = (
    Check("signal", "spread within groups", "ok", "standard deviation of the reward within groups", _below(0.02, 0.005), "The reward tells a policy's own samples apart.", 0.112, 0.101, 0.124, 64, details={"noise": 0.0004}),
    Check("signal", "groups without signal", "ok", "share of groups whose rewards are all equal", _above(0.1, 0.5), "No group is without signal.", 0.0, 0.0, 0.056, 64),
    Check("signal", "ceiling", "left out", "mean reward of a second reference", _below(0.5, 0.3), "The rows have one reference each; give a second one to have this measured."),
    Check("signal", "text cut off", "warn", "share of texts longer than the encoder reads", _above(0.05, 0.3), "The encoder reads 256 tokens; 23 of 200 texts are longer.", 0.115, 0.078, 0.166, 200, "Take an encoder with a longer limit."),
    Check("biases", "length", "warn", "partial correlation of the reward with the length", _above(0.2, 0.4, of_size=True), "Longer answers score higher at equal overlap.", 0.281, 0.149, 0.403, 200, details={"spearman": 0.31}),
    Check("biases", "vocabulary overlap", "fail", "partial correlation of the reward with the overlap", _above(0.4, 0.6, of_size=True), "The reward mostly counts shared words.", 0.688, 0.61, 0.752, 200, details={"spearman": 0.7}),
    Check("agreement", "preferred pairs", "ok", "share of pairs ranked as people did", _below(0.65, 0.5), "The preferred answer scores higher in 315 of 412 pairs.", 0.764, 0.725, 0.804, 412, details={"ties": 2.0}),
)  # fmt: skip
