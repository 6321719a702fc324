"""What to change, from what the checks found."""

from collections.abc import Sequence

from rlsr.audit.honest import OWN
from rlsr.audit.one_answer import NAME as ONE_ANSWER
from rlsr.audit.result import Check, EncoderComparison
from rlsr.config.reward import RewardConfig, SimilarityReward


def recommendations(
    checks: Sequence[Check],
    settings: RewardConfig,
    encoders: Sequence[EncoderComparison],
    honest: str = "",
) -> list[str]:
    """Turn findings into advice.

    Args:
        checks: All checks.
        settings: The audited reward.
        encoders: The compared encoders, the audited one first; may be empty.
        honest: Where the honest answers came from.

    Returns:
        Sentences, the most urgent first; never empty.
    """
    found = {check.name: check for check in checks}
    bad = [check for check in checks if check.verdict in {"warn", "fail"}]
    attacks = [check.name for check in bad if check.group == "attacks"]
    advice = [
        *_about_honest(attacks, honest),
        *_about_encoders(encoders),
        *_about_similarity(bad, found, settings),
        *_about_signal(found),
        *_about_one_answer(found),
        *_about_cut(found),
        *_about_translation(found),
        *_about_facts(bad),
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


def _about_similarity(
    bad: Sequence[Check], found: dict[str, Check], settings: RewardConfig
) -> list[str]:
    """Give the advice that names settings of the reward ``similarity``."""
    if not isinstance(settings, SimilarityReward):
        return []
    return [
        *_about_variant(bad, settings),
        *_about_repetition(found, settings),
        *_about_copying(found, settings),
    ]


def _about_variant(bad: Sequence[Check], settings: SimilarityReward) -> list[str]:
    attacks = [check for check in bad if check.group == "attacks"]
    if settings.similarity.variant != "cosine" or not attacks:
        return []
    return [
        "Try reward.similarity.variant=blend: with overlap of characters and agreement of numbers beside the cosine it "
        "caught more attacks in every set that was measured (benchmarks/reward-quality.md)."
    ]


def _about_repetition(found: dict[str, Check], settings: SimilarityReward) -> list[str]:
    check = found.get("repeated")
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    if not settings.repetition.enabled:
        return [
            "Switch the rule against repetition on (reward.repetition.enabled=true): repeating pays."
        ]
    return [
        f"Lower reward.repetition.min_characters from {settings.repetition.min_characters}: saying everything twice wins on "
        f"{check.value:.0%} of the rows, so many of your answers are shorter than the rule looks at."
    ]


def _about_copying(found: dict[str, Check], settings: SimilarityReward) -> list[str]:
    check = found.get("prompt copied")
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    if settings.repetition.between == "prompt_and_response":
        return []
    return [
        f"Copying the prompt wins on {check.value:.0%} of the rows: reward.repetition.between=prompt_and_response gives the "
        "penalty for long passages of the prompt."
    ]


def _about_honest(attacks: Sequence[str], honest: str) -> list[str]:
    if honest != OWN or not attacks:
        return []
    return [
        "The honest answers are the policy's own, and damage hardly shows in a poor answer: with a second good answer to "
        "some prompts in a column `second_reference` the attacks are put to a fairer test."
    ]


def _about_signal(found: dict[str, Check]) -> list[str]:
    check = found.get("spread within groups")
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    return [
        "The samples to one prompt score nearly the same: raise method.num_generations, start from a policy that answers more "
        "differently, or leave out prompts with one obvious answer."
    ]


def _about_one_answer(found: dict[str, Check]) -> list[str]:
    check = found.get(ONE_ANSWER)
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    return [
        "One answer to every prompt scores about as well as the policy's own: training would teach it to give up the prompt. "
        "Begin with supervised training (method=[sft,rlsr]), so that its answers are worth more than that."
    ]


def _about_cut(found: dict[str, Check]) -> list[str]:
    check = found.get("texts cut by the encoder")
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    return [
        f"The encoder does not read the end of {check.value:.0%} of the texts: use embedding=builtin:wordllama, which reads "
        "all, or an encoder with a longer limit."
    ]


def _about_translation(found: dict[str, Check]) -> list[str]:
    check = found.get("texts without a formula")
    if check is None or check.verdict not in {"warn", "fail"}:
        return []
    return [
        f"The translator makes no formula of {check.value:.0%} of the texts or of their references: ask it as it was trained "
        "(reward.translator.prompt), raise reward.translator.max_tokens, or take a better one."
    ]


def _about_facts(bad: Sequence[Check]) -> list[str]:
    facts = [
        check.name
        for check in bad
        if check.name in {"changed numbers", "changed names", "negated statements"}
    ]
    if not facts:
        return []
    return [
        f"Do not trust this reward with facts ({', '.join(facts)} pay): keep the KL coefficient, and check facts in the "
        "held-out responses yourself."
    ]
