"""Which charts show what happened during training. All draw from one table, :class:`rlsr.report.run_series.Series`."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.report.line_charts import QUANTILES, band_chart, line_chart, value_axis
from rlsr.report.run_series import Series
from rlsr.report.vega import Chart

_WORDS = {
    "reward/similarity": ("Similarity", "Before the rules for repeated and empty answers."),
    "reward/cosine": ("Cosine", "Of the embeddings of response and reference."),
    "reward/overlap": ("Overlap", "In character n-grams."),
    "reward/numbers": ("Numbers", "Agreement of the numbers in response and reference."),
    "reward/logic": ("Logic", "Agreement of the formulas in meaning."),
    "reward/group_std": ("Spread within a group", "Standard deviation of the rewards of a prompt's responses; without it there is nothing to learn."),
    "reward/share_repeated": ("Share penalised for repetition", "Responses that break the repetition rule."),
    "stop/heldout_reward": ("Reward of greedy answers", "To prompts that a stopping rule holds out of training."),
    "preference/accuracy": ("Preference accuracy", "Share of the pairs whose better answer the policy prefers."),
    "preference/margin": ("Preference margin", "Of the implicit rewards of the better and the worse answer."),
    "tokens/share_cut": ("Share cut off", "Responses that reached the maximum length."),
    "optim/kl": ("KL divergence", "From the policy before training."),
    "optim/entropy": ("Entropy", "Of the policy's next token, in nats."),
    "optim/nll": ("Negative log-likelihood", "Of the references' tokens, in nats, without weights."),
    "optim/label_nll": ("Negative log-likelihood of labels", "Of the references' tokens, in nats, beside reinforcement learning."),
    "optim/label_loss": ("Label loss", "Mean over the label tokens, without its weight."),
    "optim/label_weight": ("Label weight", "Of the supervised term beside the loss of GRPO."),
    "optim/prefix_nll": ("Negative log-likelihood of prefixes", "Of the references' tokens that responses began with, in nats."),
    "optim/mean_weight": ("Mean weight of a token", "In the loss of methods that weigh tokens."),
}  # fmt: skip
_BY_METHOD = {
    "optim/loss": ("Loss", "Losses of different methods are different quantities."),
    "optim/grad_norm": ("Gradient norm", "Before clipping."),
}
_LENGTHS = ("length/response", "length/reference")


@dataclass(frozen=True)
class Figure:
    """A chart with its words."""

    id: str
    """Unique on the page."""
    title: str
    """What is drawn."""
    caption: str
    """What to know; may be empty."""
    chart: Chart
    """Vega-Lite."""
    columns: tuple[str, ...] = ()
    """The numbers that it takes from the table of all steps; empty if it has data of its own."""
    follows_choice: bool = False
    """Whether the reader's choice between steps and seconds counts for it."""


def reward_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw the mean reward twice: over steps and over time.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        Two figures; none where no reward was scored.
    """
    name = "reward/mean"
    if not series.has(name):
        return []
    return [
        Figure(
            f"reward-{over}",
            f"Mean reward over {words}",
            "",
            line_chart(name, recipes, over=over, with_seeds=series.has_seeds(name), height=240),
            (name,),
        )
        for over, words in (("step", "steps"), ("seconds", "wall-clock seconds"))
    ]


def part_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw the parts of the reward, and how it spreads.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a part that was scored.
    """
    parts = [name for name in series.columns if name.startswith("reward/") and _is_part(name)]
    known = [name for name in _WORDS if name in parts]
    others = [name for name in parts if name not in known]
    return _figures(series, recipes, [*known, *others, "reward/share_repeated"])


def optimisation_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw lengths, and what the optimiser did.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a number that there is; losses apart by method.
    """
    lengths = [_length_figure(series, recipes)] if all(map(series.has, _LENGTHS)) else []
    names = [name for name in _WORDS if not name.startswith("reward/")]
    by_method = [figure for name in _BY_METHOD for figure in _method_figures(name, series, recipes)]
    return [*lengths, *_figures(series, recipes, names), *by_method]


def distribution_figures(series: Series, recipes: Sequence[str]) -> list[Figure]:
    """Draw how the rewards of a step are spread.

    Args:
        series: What happened.
        recipes: Names in the order of their colours.

    Returns:
        A figure a recipe that has quantiles, all with the same axis.
    """
    if not all(map(series.has, QUANTILES)):
        return []
    domain = (min(series.numbers(QUANTILES[0])), max(series.numbers(QUANTILES[-1])))
    return [
        Figure(
            f"quantiles-{index}",
            recipe,
            "",
            band_chart(recipe, index, domain),
            QUANTILES,
            follows_choice=True,
        )
        for index, recipe in enumerate(recipes)
        if series.numbers(QUANTILES[2], recipe=recipe)
    ]


def _is_part(name: str) -> bool:
    return name not in {"reward/mean", *QUANTILES} and not name.startswith(
        ("reward/share_", "reward/num_")
    )


def _figures(series: Series, recipes: Sequence[str], names: Sequence[str]) -> list[Figure]:
    found = []
    for name in names:
        if series.has(name):
            title, caption = _WORDS.get(name, (name.partition("/")[2].replace("_", " "), ""))
            drawn = line_chart(name, recipes, with_seeds=series.has_seeds(name))
            found.append(Figure(_id(name), title, caption, drawn, (name,), follows_choice=True))
    return found


def _method_figures(name: str, series: Series, recipes: Sequence[str]) -> list[Figure]:
    title, caption = _BY_METHOD[name]
    methods = series.methods_with(name)
    found = []
    for place, method in enumerate(methods):
        only = [{"filter": {"field": "method", "equal": method}}]
        with_seeds = series.has_seeds(name, method=method)
        drawn = line_chart(name, recipes, transform=only, with_seeds=with_seeds)
        words = f"{title} of {method}" if len(methods) > 1 else title
        note = "" if name == "optim/loss" and len(methods) == 1 else caption
        figure_id = f"{_id(name)}-{place}"
        found.append(Figure(figure_id, words, note, drawn, (name,), follows_choice=True))
    return found


def _length_figure(series: Series, recipes: Sequence[str]) -> Figure:
    response, reference = _LENGTHS
    ratio = {
        "calculate": f"isValid(datum['{response}']) && datum['{reference}'] > 0 ? "
        f"datum['{response}'] / datum['{reference}'] : null",
        "as": "ratio",
    }
    drawn = line_chart(
        "ratio",
        recipes,
        transform=[ratio],
        told=_LENGTHS,
        with_seeds=series.has_seeds(response),
    )
    even = {
        "data": {"values": [{"even": 1}]},
        "mark": {"type": "rule", "stroke": "var(--quiet)", "strokeDash": [5, 4]},
        "encoding": {"x": {"value": 0}, "x2": {"value": "width"}, "y": value_axis("even")},
    }
    drawn["layer"].append(even)
    caption = (
        "Over the reference's length, in characters; the dashed line is as long as the reference."
    )
    return Figure(
        "length-ratio", "Length of responses", caption, drawn, _LENGTHS, follows_choice=True
    )


def _id(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)
