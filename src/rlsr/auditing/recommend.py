"""Recommendations say what to change. What follows from one check alone is said by that check; the rest is added here."""

from collections.abc import Sequence

from rlsr.auditing.attacks import ATTACKS
from rlsr.auditing.checks import MIN_ROWS
from rlsr.auditing.honest import OWN
from rlsr.auditing.result import Check, EncoderComparison
from rlsr.config.reward import SimilarityReward
from rlsr.config.rewards import RewardConfig

_FACTS = frozenset(attack.name for attack in ATTACKS if attack.kind == "fact")


def recommendations(
    checks: Sequence[Check],
    settings: RewardConfig,
    encoders: Sequence[EncoderComparison],
    honest: str = "",
) -> list[str]:
    """Turn findings into advice.

    Args:
        checks: All checks.
        settings: The settings of the audited reward.
        encoders: The compared encoders, the audited one first; may be empty.
        honest: Where the honest answers came from.

    Returns:
        Sentences, the most urgent first; never empty.
    """
    bad = [check for check in checks if check.is_bad]
    attacks = [check.name for check in bad if check.group == "attacks"]
    advice = [
        *_about_attacks(checks),
        *_about_honest(attacks, honest),
        *_about_encoders(encoders),
        *_about_variant(attacks, settings),
        *(check.advice for check in bad if check.advice),
        *_about_facts([name for name in attacks if name in _FACTS]),
    ]
    if attacks:
        advice.append(f"Read the examples of {', '.join(attacks[:3])} before you train.")
    if not advice and bad:
        advice.append(f"Look at {', '.join(check.name for check in bad)} before you train.")
    if not advice:
        advice.append(
            "Nothing to change: no check warns. Watch the held-out metrics that the reward has not seen."
        )
    return advice


def _about_attacks(checks: Sequence[Check]) -> list[str]:
    verdicts = {check.verdict for check in checks if check.group == "attacks"}
    if verdicts != {"left out"}:
        return []
    return [
        f"Do not take this for a test of the reward: no attack could be made, which takes at least {MIN_ROWS} rows with an "
        "honest answer. Give more rows, a second reference to each, or with --model a policy that answers."
    ]


def _about_honest(attacks: Sequence[str], honest: str) -> list[str]:
    if honest != OWN or not attacks:
        return []
    return [
        "The honest answers are the policy's own, and damage hardly shows in a poor answer: with a second good answer to "
        "some prompts in a column `second_reference` the attacks are put to a fairer test."
    ]


def _about_encoders(encoders: Sequence[EncoderComparison]) -> list[str]:
    if len(encoders) < 2:
        return []
    best = max(encoders, key=lambda compared: compared.attacks_caught)
    audited = encoders[0]
    gain = best.attacks_caught - audited.attacks_caught
    if best is audited or gain < 0.01:
        return [
            f"Keep embedding={audited.encoder}: no compared encoder catches more of the attacks "
            f"({audited.attacks_caught:.1%}, the best other {max(e.attacks_caught for e in encoders[1:]):.1%})."
        ]
    times = best.ms_per_response / max(audited.ms_per_response, 1e-9)
    return [
        f"embedding={best.encoder} catches {best.attacks_caught:.1%} of the attacks where {audited.encoder} catches "
        f"{audited.attacks_caught:.1%}, at {times:.1f} times the cost a response."
    ]


def _about_variant(attacks: Sequence[str], settings: RewardConfig) -> list[str]:
    if not isinstance(settings, SimilarityReward) or not attacks:
        return []
    if settings.similarity.variant == "blend" and "shuffled sentences" in attacks:
        return [
            "Try reward.similarity.variant=ensemble: it compares the order of words and sentences, too, and let shuffled "
            "sentences win a third as often where it was measured (benchmarks/ranker.md)."
        ]
    if settings.similarity.variant != "cosine":
        return []
    return [
        "Try reward.similarity.variant=blend: with overlap of characters and agreement of numbers beside the cosine it "
        "caught more attacks in every set that was measured (benchmarks/reward-quality.md)."
    ]


def _about_facts(attacks: Sequence[str]) -> list[str]:
    if not attacks:
        return []
    return [
        f"Do not trust this reward with facts ({', '.join(attacks)} pay): keep the KL coefficient, and check facts in the "
        "held-out responses yourself."
    ]
