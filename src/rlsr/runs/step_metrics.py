"""The numbers of a step, which are the columns of ``metrics.jsonl``, and how each is shown. No torch.

The parts of a reward are described by the reward. Any other number that is not in the table is kept and shown all the same,
under a title that its name gives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

MEAN_REWARD = "reward/mean"
GROUP_SPREAD = "reward/group_std"
CUT_BY_ENCODER = "reward/share_cut_by_encoder"
UNSCORED = "reward/num_unscored"
UNTRANSLATED = "reward/share_untranslated"
WITHOUT_SIGNAL = "advantage/share_without_signal"
RESPONSE_LENGTH, REFERENCE_LENGTH = "length/response", "length/reference"
LOSS, GRADIENT_NORM, NLL = "optim/loss", "optim/grad_norm", "optim/nll"
SKIPPED_UPDATES = "optim/skipped_updates"
KL, ENTROPY = "optim/kl", "optim/entropy"
SHARE_CUT = "tokens/share_cut"
SHARE_UNSCORED = "reward/share_unscored"
LONGEST_REPEAT, REPETITIVE, COPIED = (
    "text/longest_repeat",
    "text/share_repetitive",
    "text/share_copied",
)
ALIKE_WITHIN, ALIKE_ACROSS, OVERLAP = "text/share_alike", "text/share_alike_across", "text/overlap"
MONITOR = "monitor"
"""Head of the levels of monitors: ``monitor/NAME`` is 1 for a warning and 2 for an alarm, and is missing where all is well."""
VALIDATION = "validation"
VALIDATION_REWARD, VALIDATION_SIMILARITY, VALIDATION_CHRF, VALIDATION_NLL = (
    f"{VALIDATION}/{metric}" for metric in ("reward", "independent_similarity", "chrf", "nll")
)
VALIDATION_PAIR_LOSS, VALIDATION_PAIR_ACCURACY = (
    f"{VALIDATION}/{metric}" for metric in ("pair_loss", "pair_accuracy")
)
"""What ``validation.metric`` may measure, in the rows of measured steps alone, of which the first is step 0: one of them, and the
reward of the same answers where training aims at it."""
VALIDATION_BEHIND = f"{VALIDATION}/behind"
"""Standard errors by which the measurement is behind the best before it; missing where noise cannot be told."""
TRAINED_TOKENS = "tokens/trained"
STEP_SECONDS, VALIDATION_SECONDS = "time/step", "time/validation"
PEAK_MEMORY, OUT_OF_MEMORY = "memory/peak_gb", "memory/out_of_memory"
JUDGE_CALLS, JUDGE_TOKENS, JUDGE_CACHED = "judge/calls", "judge/tokens", "judge/cached"
"""What the run has asked of servers so far, evaluations and earlier sessions included; missing where nothing is asked."""
BUDGET_SHARE = "budget/share"
"""How much of the budget of seconds or tokens is used, where there is one; told to observers, and not kept."""

REWARD_QUANTILES = {
    "reward/p05": 0.05,
    "reward/p25": 0.25,
    "reward/p50": 0.5,
    "reward/p75": 0.75,
    "reward/p95": 0.95,
}
"""Quantiles of the rewards of a step."""

STEP_PHASES = ("generate", "reward", "reference", "update")
"""Parts of a step; each has a column ``time/NAME``."""


class Brief(NamedTuple):
    """How a number stands in the line of a step, and in the table of a live view."""

    form: str
    """Its digits, as ``format`` takes them."""
    words: str
    """What stands around it in a line."""
    title: str
    """How its column in a table is named."""


@dataclass(frozen=True)
class StepMetric:
    """A number of a step."""

    name: str
    """Its column in ``metrics.jsonl``."""
    title: str = ""
    """Of its chart; empty is what its name says."""
    caption: str = ""
    """What a reader of the chart should know."""
    drawn: Literal["always", "if_above_zero", "with_others", "never"] = "always"
    """Whether a report has a chart of it: what tells of a failure may never have happened, and some stand together in one."""
    apart: str = ""
    """Why methods have a chart each; empty where one chart compares them."""
    brief: Brief | None = None
    """How it is shown while training goes on; None where it is not."""

    @property
    def head(self) -> str:
        """What kind of number it is."""
        return self.name.partition("/")[0]

    @property
    def words(self) -> str:
        """Its title, or its name in words."""
        return self.title or (self.name.partition("/")[2] or self.name).replace("_", " ")


STEP_METRICS: Mapping[str, StepMetric] = {
    metric.name: metric
    for metric in (
        StepMetric(MEAN_REWARD, drawn="with_others", brief=Brief(".3f", "  reward {}", "reward")),
        StepMetric(
            GROUP_SPREAD, "Spread within a group",
            "Standard deviation of the rewards of a prompt's responses; without it there is nothing to learn.",
            brief=Brief(".3f", " (spread {})", "spread"),
        ),
        StepMetric("reward/unguided", "Reward without a prefix", "Of the responses that the policy began itself."),
        StepMetric("reward/label", "Reward of the references", "Of those that stand in their groups as responses."),
        StepMetric("reward/share_repeated", brief=Brief(".0%", "  repeated {}", "repeated")),
        StepMetric(UNSCORED, "Responses without a score", "They teach nothing.", drawn="if_above_zero"),
        StepMetric(SHARE_UNSCORED, drawn="never"),
        StepMetric(
            WITHOUT_SIGNAL, "Share of groups without signal", "Their responses all got the same reward.",
            drawn="if_above_zero",
        ),
        StepMetric(
            "rank/accuracy", "Responses in order", "Share of the pairs whose better response the policy finds likelier.",
            brief=Brief(".0%", "  in order {}", "in order"),
        ),
        StepMetric("rank/loss", "Ranking loss", "Mean over the pairs of responses, without its weight."),
        StepMetric("advantage/mean_size", drawn="never"),
        StepMetric("advantage/label", drawn="never"),
        StepMetric(
            "advantage/variance_left", "Share of the squared advantages that is left",
            "After what the reward said of each response up to the same place was taken from them.",
        ),
        *(StepMetric(name, drawn="with_others") for name in REWARD_QUANTILES),
        StepMetric(
            NLL, "Negative log-likelihood", "Of the references' tokens, in nats, without weights.",
            brief=Brief(".3f", "  nll {}", "nll"),
        ),
        StepMetric(
            "optim/label_nll", "Negative log-likelihood of labels",
            "Of the references' tokens, in nats, beside reinforcement learning.",
            brief=Brief(".3f", "  label nll {}", "label nll"),
        ),
        StepMetric("optim/label_loss", "Label loss", "Mean over the label tokens, without its weight."),
        StepMetric("optim/label_weight", "Label weight", "Of the supervised term beside the loss of GRPO."),
        StepMetric(
            "optim/prefix_nll", "Negative log-likelihood of prefixes",
            "Of the references' tokens that responses began with, in nats.",
        ),
        StepMetric("optim/prefix_token_weight", drawn="never"),
        StepMetric("optim/mean_weight", "Mean weight of a token", "In the loss of methods that weigh tokens."),
        StepMetric(
            "preference/accuracy", "Preference accuracy", "Share of the pairs whose better answer the policy prefers.",
            brief=Brief(".0%", "  prefers references {}", "prefers"),
        ),
        StepMetric(
            "preference/margin", "Preference margin", "Of the implicit rewards of the better and the worse answer.",
            brief=Brief(".3f", " (margin {})", "margin"),
        ),
        StepMetric("preference/chosen", drawn="never"),
        StepMetric("preference/rejected", drawn="never"),
        StepMetric(
            KL, "KL divergence", "From the policy before training.", brief=Brief(".4f", "  kl {}", "kl"),
        ),
        StepMetric(
            ENTROPY, "Entropy", "Of the policy's next token, in nats.",
            brief=Brief(".2f", "  entropy {}", "entropy"),
        ),
        StepMetric(RESPONSE_LENGTH, drawn="with_others", brief=Brief(".0f", "  characters {}", "chars")),
        StepMetric(REFERENCE_LENGTH, drawn="with_others", brief=Brief(".0f", " (reference {})", "ref")),
        StepMetric(
            SHARE_CUT, "Share cut off", "Responses that reached the maximum length.",
            brief=Brief(".0%", "  cut {}", "cut"),
        ),
        StepMetric(
            LONGEST_REPEAT, "Longest repeated passage",
            "Over the length of its response; the two places of a passage may overlap.",
        ),
        StepMetric(
            REPETITIVE, "Share that repeats itself", "Responses of which two fifths stand twice in them.", drawn="if_above_zero",
        ),
        StepMetric(
            COPIED, "Share copied from the prompt",
            "Responses half of which is one passage of the prompt, as their references are not.", drawn="if_above_zero",
        ),
        StepMetric(
            ALIKE_WITHIN, "Pairs of a group that are alike", "Nearly the same text twice for a prompt.",
            drawn="if_above_zero",
        ),
        StepMetric(
            ALIKE_ACROSS, "Same answers to different prompts",
            "Pairs of nearly the same text, where the references are not alike.", drawn="if_above_zero",
        ),
        StepMetric(
            OVERLAP, "Overlap with the references", "In character n-grams, of the step's responses, whatever the reward is.",
        ),
        StepMetric(
            VALIDATION_SIMILARITY, "Similarity on validation prompts",
            "Of greedy answers to the references, by an encoder that the reward never saw. It chooses the weights that are kept.",
            brief=Brief(".3f", "  validation similarity {}", "validation similarity"),
        ),
        StepMetric(
            VALIDATION_CHRF, "chrF on validation prompts", "Of greedy answers. It chooses the weights that are kept.",
            brief=Brief(".1f", "  validation chrF {}", "validation chrF"),
        ),
        StepMetric(
            VALIDATION_REWARD, "Reward on validation prompts", "Of greedy answers.",
            brief=Brief(".3f", "  validation reward {}", "validation reward"),
        ),
        StepMetric(
            VALIDATION_NLL, "Negative log-likelihood on validation prompts",
            "Of a token of the references, in nats; lower is better. It chooses the weights that are kept.",
            brief=Brief(".3f", "  validation nll {}", "validation nll"),
        ),
        StepMetric(
            VALIDATION_PAIR_LOSS, "Bradley-Terry loss on validation pairs", "Lower is better; log 2 prefers nothing.",
            brief=Brief(".3f", "  validation loss {}", "validation loss"),
        ),
        StepMetric(
            VALIDATION_PAIR_ACCURACY, "Validation pairs in the right order", "Of a better and a worse answer; a tie counts half.",
            brief=Brief(".0%", " ({} in order)", "validation in order"),
        ),
        StepMetric(VALIDATION_BEHIND, drawn="never"),
        StepMetric(JUDGE_CALLS, "Calls so far", "Questions to a judge or another model behind a server, since the run began."),
        StepMetric(JUDGE_TOKENS, "Tokens of calls so far", "Of questions and answers, as the server has counted them."),
        StepMetric(JUDGE_CACHED, drawn="never"),
        StepMetric(LOSS, "Loss", apart="Losses of different methods are different quantities."),
        StepMetric(
            GRADIENT_NORM, "Gradient norm", "Before clipping.", apart="Gradients of different losses do not compare."
        ),
        StepMetric(
            SKIPPED_UPDATES, "Skipped updates", "Their loss or gradient was not finite; the weights stayed as they were.",
            drawn="if_above_zero",
        ),
        StepMetric(
            OUT_OF_MEMORY, "Lack of memory", "How often a step was tried again in smaller pieces.", drawn="if_above_zero",
        ),
        *(
            StepMetric(name, drawn="never")
            for name in (
                "optim/learning_rate", "tokens/response", "tokens/total", TRAINED_TOKENS, "tokens/per_second",
                PEAK_MEMORY, "memory/peak_gpu_gb",
            )
        ),
        *(StepMetric(f"time/{phase}", drawn="with_others") for phase in STEP_PHASES),
        StepMetric(VALIDATION_SECONDS, drawn="with_others"),
        StepMetric(STEP_SECONDS, drawn="with_others", brief=Brief(".1f", "  {} s", "s")),
    )
}  # fmt: skip
"""By name, in the order in which they are shown."""

BRIEFS = {name: metric.brief for name, metric in STEP_METRICS.items() if metric.brief is not None}
"""What is shown of a step while training goes on, as far as the method has it."""

HEADS = frozenset(metric.head for metric in STEP_METRICS.values())
"""What the names of our numbers begin with."""


def step_metrics(
    names: Iterable[str], further: Mapping[str, StepMetric] = MappingProxyType({})
) -> list[StepMetric]:
    """Describe numbers of a step.

    Args:
        names: Columns of ``metrics.jsonl``.
        further: What is known of columns beside the table, by name; it wins over the table.

    Returns:
        One a name: the further ones first, then those of the table, each in their order, then the others.
    """
    asked = dict.fromkeys(names)
    known = {**further, **STEP_METRICS, **further}
    return [
        *(metric for name, metric in known.items() if name in asked),
        *(_unknown(name) for name in asked if name not in known),
    ]


def monitor_column(name: str) -> str:
    """Name the column of a monitor's level."""
    return f"{MONITOR}/{name}"


def _unknown(name: str) -> StepMetric:
    is_level = name.partition("/")[0] == MONITOR
    # A report says levels in words.
    return StepMetric(name, drawn="never" if is_level else "always")
