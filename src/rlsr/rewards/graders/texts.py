"""Graders that compare two texts: ``string_check`` and ``text_similarity``."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from rlsr.config.graders.schema import Metric, StringCheck
from rlsr.data.visible import is_empty
from rlsr.embeddings import Embedder
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.rewards.protocol import Scores
from rlsr.rewards.similarity import cosine_rewards

Compare = Callable[[Sequence[str], Sequence[str]], Scores]
"""Compares inputs to references, pair by pair."""

_INSTALL = "pip install 'rlsr[rewards]'"
_PACKAGES: Final[Mapping[str, str]] = {
    "fuzzy_match": "rapidfuzz",
    "bleu": "sacrebleu",
    "gleu": "nltk",
    "meteor": "nltk",
    **{f"rouge_{order}": "rouge_score" for order in ("1", "2", "3", "4", "5", "l")},
}
"""The module behind each metric; a cosine has the run's encoder."""


def require_metric(metric: Metric, place: str) -> None:
    """Refuse a metric whose package or data are not there.

    Args:
        metric: The metric.
        place: Where it is named, for messages.

    Raises:
        MissingPackageError: Its package is not installed.
        ConfigError: ``meteor`` has no WordNet.
    """
    package = _PACKAGES.get(metric)
    if package is not None and find_spec(package) is None:
        extra = "pip install 'rlsr[train]'" if package == "sacrebleu" else _INSTALL
        raise MissingPackageError(package.replace("_", "-"), f"compute {metric}", extra)
    if metric == "meteor":
        _wordnet(place)


def _wordnet(place: str) -> Any:
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise ConfigError(
            f"{place}: meteor needs WordNet, which nltk does not find; fetch it with: python -m nltk.downloader wordnet omw-1.4"
        ) from error
    return wordnet


def string_checks(grader: StringCheck) -> Compare:
    """Make the comparison of a ``string_check``.

    Args:
        grader: Its table.

    Returns:
        1 where the condition holds, else 0: the input is the reference (``eq``), is not (``ne``), contains it (``like``), or
        contains it whatever the case (``ilike``, by ``str.casefold``).
    """
    operations: Mapping[str, Callable[[str, str], bool]] = {
        "eq": lambda text, reference: text == reference,
        "ne": lambda text, reference: text != reference,
        "neq": lambda text, reference: text != reference,
        "like": lambda text, reference: reference in text,
        "ilike": lambda text, reference: reference.casefold() in text.casefold(),
    }
    return _each(operations[grader.operation])


def similarities(metric: Metric, embedder: Embedder | None, wordnet: Any = None) -> Compare:
    """Make the comparison of a ``text_similarity``.

    Args:
        metric: Its ``evaluation_metric``.
        embedder: Encodes texts, for ``cosine``.
        wordnet: Where ``meteor`` looks for synonyms; None is nltk's.

    Returns:
        Scores in [0, 1]; of ``cosine`` in [-1, 1], NaN where the encoder gave no direction.

    Source:
        The packages that OpenAI's guide names, with their own defaults where it says nothing. ``fuzzy_match``: ``fuzz.WRatio`` of
        rapidfuzz behind ``default_process``, as in the guide's example. ``bleu``: sacrebleu's for single sentences. ``gleu`` and
        ``meteor``: nltk's, over the words of its Treebank tokenizer. ``rouge_*``: F of rouge-score, without stemming.
    """
    match metric:
        case "cosine":
            assert embedder is not None, "a cosine has an encoder"
            return _cosines(embedder)
        case "fuzzy_match":
            from rapidfuzz import fuzz, utils

            return _each(
                lambda text, reference: fuzz.WRatio(text, reference, processor=utils.default_process) / 100
            )  # fmt: skip
        case "bleu":
            from sacrebleu.metrics import BLEU

            bleu = BLEU(effective_order=True)
            # Sums of rounded parts: equal texts may come out at a hair above 100.
            return _each(lambda text, reference: min(bleu.sentence_score(text, [reference]).score / 100, 1.0))  # fmt: skip
        case "gleu":
            from nltk.translate.gleu_score import sentence_gleu

            return _each(lambda text, reference: sentence_gleu([_words(reference)], _words(text)) if text.strip() else 0.0)  # fmt: skip
        case "meteor":
            from nltk.translate.meteor_score import single_meteor_score

            known = _wordnet("meteor") if wordnet is None else wordnet
            return _each(lambda text, reference: single_meteor_score(_words(reference), _words(text), wordnet=known))  # fmt: skip
        case _:
            from rouge_score.rouge_scorer import RougeScorer

            name = "rougeL" if metric == "rouge_l" else metric.replace("_", "")
            scorer = RougeScorer([name])
            return _each(lambda text, reference: scorer.score(reference, text)[name].fmeasure)


def _words(text: str) -> list[str]:
    from nltk.tokenize import NLTKWordTokenizer

    words: list[str] = NLTKWordTokenizer().tokenize(text)
    return words


def _each(compare: Callable[[str, str], float]) -> Compare:
    return lambda texts, references: np.array(
        [float(compare(*pair)) for pair in zip(texts, references, strict=True)], dtype=np.float64
    )


def _cosines(embedder: Embedder) -> Compare:
    def compare(texts: Sequence[str], references: Sequence[str]) -> Scores:
        found = cosine_rewards(embedder.encode(texts).vectors, embedder.encode(references).vectors)
        # Nothing has no direction, and is like nothing: what other metrics say of it, too.
        says_nothing = [is_empty(text) or is_empty(other) for text, other in zip(texts, references, strict=True)]  # fmt: skip
        return np.where(np.isnan(found) & np.array(says_nothing, dtype=np.bool_), 0.0, found)

    return compare
