"""Runs and comparisons as one HTML page that opens from disk: nothing on it comes from a network."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlsr
from rlsr.comparison.choice_table import choice_in_words, choice_table
from rlsr.comparison.curve_words import crossings_in_words, how_curves_were_made, shown_curves
from rlsr.comparison.policies import compare_policies
from rlsr.comparison.table import table_of
from rlsr.comparison.words import amount_in_words, findings, how_it_was_compared
from rlsr.config import RunConfig
from rlsr.monitors.watch import episodes
from rlsr.report.browser_data import Browser, browser_data
from rlsr.report.curve_charts import curve_figures, curve_order
from rlsr.report.line_charts import DASHES
from rlsr.report.page import render_page
from rlsr.report.report_data import ReportData, ReportedRecipe, read_report_data
from rlsr.report.result_charts import difference_figures, phases_of, time_figure
from rlsr.report.run_charts import (
    Figure,
    distribution_figures,
    measured_figures,
    optimisation_figures,
    other_figures,
    part_figures,
    reward_figures,
)
from rlsr.report.run_series import Series, step_series
from rlsr.report.text_file import write_text
from rlsr.runs.record import Stage


@dataclass(frozen=True)
class Renewal:
    """A page that will be followed by another one, as its run goes on."""

    as_of: str
    """What the page shows, within a sentence."""
    seconds: float
    """After which it loads itself again."""


def write_report(file: Path, paths: Sequence[Path]) -> tuple[str, ...]:
    """Write a report on runs, pipelines or one comparison as one self-contained HTML page.

    Args:
        file: Where to; its directory exists; an older file is replaced.
        paths: Directories of runs and pipelines, or of one comparison; not empty.

    Returns:
        What is missing or does not fit together, a sentence each; the page says it on top.

    Raises:
        MissingPackageError: A library that the page needs is not installed.
        RunError: A directory is none of these or is damaged, or the file cannot be written there.
    """
    data = read_report_data(paths)
    write_text(file, report_page(data))
    return data.notices


def report_page(data: ReportData, renewal: Renewal | None = None) -> str:
    """Compose the page of a report.

    Args:
        data: All that it shows.
        renewal: How it is renewed; None where it stays as it is.

    Returns:
        HTML. Every text of the user is escaped, and the page's content policy lets no script run but its own.

    Raises:
        MissingPackageError: A library that the page needs is not installed.
    """
    return render_page(
        "report.html.j2",
        {**_content(data), "renewal": renewal},
        styles=["page.css", "report.css"],
        scripts=["browser.js", "report.js", "renewal.js"],
        filters={"pretty": _pretty},
        purpose="write a report's page",
    )


def _content(data: ReportData) -> dict[str, Any]:
    comparison = data.comparison or compare_policies(data.policies)
    trained = [recipe for recipe in data.recipes if _has_steps(recipe)]
    names = [recipe.name for recipe in trained]
    series = step_series(trained)
    groups = {
        "differences": difference_figures(comparison) if comparison else [],
        "curves": curve_figures(comparison, names) if comparison else [],
        "reward": reward_figures(series, names),
        "measured": measured_figures(series, names),
        "parts": part_figures(series, names),
        "distribution": distribution_figures(series, names),
        "optimisation": optimisation_figures(series, names),
        "others": other_figures(series, names),
        "time": [figure for figure in [time_figure(trained)] if figure],
    }
    browser = browser_data(data.policies, comparison) if comparison else None
    budget = comparison.budget if comparison else None
    curves = shown_curves(comparison) if comparison else None
    return {
        "data": data,
        "kind": _kind(data),
        "version": rlsr.__version__,
        "comparison": comparison,
        "table": table_of(comparison) if comparison else None,
        "findings": findings(comparison) if comparison else (),
        "choices": [
            (choice_in_words(choice), choice_table(choice))
            for choice in (comparison.choices if comparison else ())
        ],
        "caption": how_it_was_compared(comparison) if comparison else "",
        "suites": [
            (name, found, table_of(found), findings(found), how_it_was_compared(found))
            for name, found in data.suites.items()
        ],
        "crossings": crossings_in_words(comparison) if comparison else [],
        "curve_names": curve_order(curves, names) if curves else [],
        "curves_caption": how_curves_were_made(curves) if curves else "",
        "budget": amount_in_words(budget.by, budget.amount) if budget else None,
        "origin": _origin(data),
        "figures": groups,
        "charts": _chart_data(groups, series),
        "trained": names,
        "kept": _kept_weights(trained),
        "signs": _signs(trained),
        "dashes": [" ".join(map(str, dash)) if dash[1] else "" for dash in DASHES],
        "phases": phases_of(trained),
        "steps_per_point": series.steps_per_point,
        "several_seeds": any(len(recipe.runs) > 1 for recipe in trained),
        "has_pipelines": any(run.is_pipeline for r in trained for run in r.runs.values()),
        "browser": browser,
        "browser_words": _browser_words(browser),
    }


def _kind(data: ReportData) -> str:
    """Say what a page is on; only a comparison of recipes says where it comes from."""
    if data.comparison is None:
        return "Training report"
    return "Comparison of recipes" if data.comparison.origin else "Models side by side"


def _kept_weights(recipes: Sequence[ReportedRecipe]) -> list[str]:
    """Say which weights runs have kept, where validation chose them."""
    found = []
    for place, stage in _named_stages(recipes):
        kept = (stage.manifest or {}).get("validation")
        if isinstance(kept, dict):
            found.append(f"{place}: {kept.get('in_words')}.")
    return found


def _signs(recipes: Sequence[ReportedRecipe]) -> list[tuple[str, str]]:
    """Say what monitors have said over the runs, as level and sentence, alarms first."""
    found = [
        (sign.level, f"{place}: {sign.in_words}.")
        for place, stage in _named_stages(recipes)
        for sign in episodes(stage.steps, stage.known_config or RunConfig())
    ]
    return sorted(found, key=lambda sign: sign[0])


def _named_stages(recipes: Sequence[ReportedRecipe]) -> Iterator[tuple[str, Stage]]:
    """List all stages of all runs, each with what it is called within a sentence."""
    for recipe in recipes:
        for seed, run in recipe.runs.items():
            for stage in run.stages:
                place = f"{recipe.name}, stage {stage.name}" if run.is_pipeline else recipe.name
                of_seed = f", seed {seed}" if len(recipe.runs) > 1 else ""
                yield f"{place}{of_seed}", stage


def _has_steps(recipe: ReportedRecipe) -> bool:
    return any(stage.steps for run in recipe.runs.values() for stage in run.stages)


def _chart_data(groups: dict[str, list[Figure]], series: Series) -> dict[str, Any]:
    figures = [figure for group in groups.values() for figure in group]
    drawn = {column for figure in figures for column in figure.columns}
    kept = [
        place for place, column in enumerate(series.columns) if "/" not in column or column in drawn
    ]
    return {
        "columns": [series.columns[place] for place in kept],
        "rows": [[row[place] for place in kept] for row in series.rows],
        "figures": [
            {
                "id": figure.id,
                "chart": figure.chart,
                "columns": figure.columns,
                "follows": figure.follows_choice,
            }
            for figure in figures
        ],
    }


def _origin(data: ReportData) -> dict[str, Any]:
    """Say where a comparison comes from; a run says it in its provenance."""
    origin = data.comparison.origin if data.comparison else None
    if origin is None:
        return {}
    facts = {"compared": origin.created, "commit": origin.commit, **origin.machine}
    return {
        name: value
        for name, value in facts.items()
        if value is not None and not isinstance(value, dict)
    }


def _browser_words(browser: Browser | None) -> str:
    """Say what the browser does not show."""
    if browser is None:
        return ""
    found = []
    if browser.num_left_out:
        found.append(
            f"Only the first {browser.num_prompts} prompts are here: the other {browser.num_left_out} would make the page too large."
        )
    if browser.num_cut:
        found.append(f"Texts end after {browser.limit:,} characters.")
    return " ".join([*found, "The runs' evaluation files have everything."]) if found else ""


def _pretty(table: Any) -> str:
    return json.dumps(table, indent=2, ensure_ascii=False)
