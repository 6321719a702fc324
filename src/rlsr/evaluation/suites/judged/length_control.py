"""The length-controlled win rate: what a judge would prefer if the answers of both models were equally long.

Dubois et al. 2024 (arXiv 2404.04475), as ``alpaca_eval`` computes it (``length_controlled_v1``).
"""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rlsr.errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FILE: Final = "df_gamed.csv"
"""Published beside the prompts: how the judge likes the baseline when it is told to be brief or to be verbose."""

_COLUMNS = ("index", "preference", "std_delta_len", "instruction_difficulty")
_GAMED_WEIGHT = 0.2 / 2
"""Of a preference about one of the two gamed baselines."""
_STRENGTHS: Final = np.logspace(-4, 4, 10)
"""Inverse strengths of the L1 penalty that are tried."""
_FOLDS = 5
_SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Gamed:
    """Recorded preferences about the baseline with other lengths, which hold the regression to what length alone does."""

    preferences: Floats
    """One a recorded answer, from 0 (the baseline as it is was liked better) to 1; NaN is unscored."""
    length_differences: Floats
    """Characters of the baseline minus those of the answer, in standard deviations of their own model."""
    difficulties: Floats
    """Of the prompt of each."""
    difficulty_of: Mapping[int, float]
    """Of the prompt at each place in the published file."""


def read_gamed(file: Path) -> Gamed:
    """Read the recorded preferences as they are published.

    Args:
        file: ``df_gamed.csv``.

    Raises:
        DataError: It cannot be read, or is something else.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        table = {name: np.array([_number(row[name]) for row in rows]) for name in _COLUMNS}
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file}: is no {FILE} of AlpacaEval, which has the columns {', '.join(_COLUMNS)} with numbers: {error}"
        ) from error
    if not rows:
        raise DataError(f"{file}: holds no rows")
    difficulty_of: dict[int, float] = {}
    for place, difficulty in zip(table["index"], table["instruction_difficulty"], strict=True):
        difficulty_of.setdefault(int(place), float(difficulty))
    return Gamed(
        table["preference"], table["std_delta_len"], table["instruction_difficulty"], difficulty_of
    )


def _number(text: str) -> float:
    return float(text) if text else math.nan


def length_controlled(
    preferences: Floats,
    baseline_lengths: Integers,
    lengths: Integers,
    difficulties: Floats,
    gamed: Gamed,
) -> Floats:
    """Predict what the judge would prefer if both answers to a prompt were equally long.

    Args:
        preferences: One a prompt, from 0 (the baseline is liked better) to 1 (the policy is); NaN is unscored.
        baseline_lengths: Characters of the baseline's answers.
        lengths: Characters of the policy's.
        difficulties: Of the prompts, as published.
        gamed: The recorded preferences.

    Returns:
        One prediction a prompt, whose mean is the length-controlled win rate; NaN where the preference is, and everywhere where
        fewer prompts are scored than the regression has folds.

    Source:
        Dubois et al. 2024, section 3: logistic regression on tanh of the standardised difference of lengths, the difficulty of the
        prompt, and the model, with an L1 penalty chosen by five folds; the predictions leave the first term out.
    """
    scored = ~np.isnan(preferences)
    if scored.sum() < _FOLDS:
        return np.full(len(preferences), np.nan)
    differences = (baseline_lengths - lengths).astype(np.float64)
    deviation = differences.std(ddof=1)
    # With equal differences everywhere there is nothing that length could explain.
    standardised = differences / deviation if deviation > 0 else np.zeros(len(differences))
    known = ~np.isnan(gamed.preferences)
    own = _features(standardised, difficulties, is_policy=1.0)[scored]
    of_baseline = _features(gamed.length_differences, gamed.difficulties, is_policy=0.0)[known]
    weights = np.concatenate([np.full(len(of_baseline), _GAMED_WEIGHT), np.ones(len(own))])
    coefficients = fit_by_folds(
        np.concatenate([of_baseline, own]),
        np.concatenate([gamed.preferences[known], preferences[scored]]),
        weights,
    )
    equally_long = _features(np.zeros(len(preferences)), difficulties, is_policy=1.0)
    return np.where(scored, _probabilities(equally_long @ coefficients), np.nan)


def _features(lengths: Floats, difficulties: Floats, *, is_policy: float) -> Floats:
    """Lay out the terms of the regression, (answer, term): there is no other intercept than the policy's."""
    return np.stack([np.tanh(lengths), difficulties, np.full(len(lengths), is_policy)], axis=1)


def fit_by_folds(features: Floats, targets: Floats, weights: Floats) -> Floats:
    """Fit a logistic regression, with the L1 penalty under which folds are predicted best.

    Args:
        features: (answer, term).
        targets: Probabilities, from 0 to 1.
        weights: Of the answers.

    Returns:
        One coefficient a term.
    """
    # As scikit-learn's GroupKFold deals out groups of one size.
    folds = np.arange(len(targets))[::-1] % _FOLDS
    losses = [
        np.mean(
            [
                _loss_of_fold(features, targets, weights, folds == fold, strength)
                for fold in range(_FOLDS)
            ]
        )
        for strength in _STRENGTHS
    ]
    return fit(features, targets, weights, float(_STRENGTHS[int(np.argmin(losses))]))


def _loss_of_fold(
    features: Floats, targets: Floats, weights: Floats, left_out: NDArray[np.bool_], strength: float
) -> float:
    kept = ~left_out
    coefficients = fit(features[kept], targets[kept], weights[kept], strength)
    found = np.clip(
        _probabilities(features[left_out] @ coefficients),
        _SMALLEST_PROBABILITY,
        1 - _SMALLEST_PROBABILITY,
    )
    wanted = targets[left_out]
    losses = -(wanted * np.log(found) + (1 - wanted) * np.log(1 - found))
    return float(np.mean(weights[left_out] * losses))


def fit(features: Floats, targets: Floats, weights: Floats, strength: float) -> Floats:
    """Fit a logistic regression with an L1 penalty, as ``liblinear`` defines it.

    Args:
        features: (answer, term).
        targets: Probabilities, from 0 to 1.
        weights: Of the answers.
        strength: Inverse strength of the penalty: the losses of the answers count this often.

    Returns:
        One coefficient a term, the least of the sum of weighted losses and absolute coefficients by ``strength``.
    """
    from scipy import optimize

    terms = features.shape[1]

    def penalised(halves: Floats) -> tuple[float, Floats]:
        logits = features @ (halves[:terms] - halves[terms:])
        losses = np.logaddexp(0, logits) - targets * logits
        slope = features.T @ (weights * (_probabilities(logits) - targets))
        value = float(weights @ losses) + float(halves.sum()) / strength
        return value, np.concatenate([slope, -slope]) + 1 / strength

    # A coefficient is the difference of two numbers that are not negative, so that the penalty has a slope everywhere.
    found = optimize.minimize(
        penalised, np.zeros(2 * terms), jac=True, method="SLSQP", bounds=[(0, None)] * (2 * terms),
        options={"ftol": 1e-10, "maxiter": 1000},
    )  # fmt: skip
    halves: Floats = found.x
    return halves[:terms] - halves[terms:]


def _probabilities(logits: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0, -logits))
    return found
