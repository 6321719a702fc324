"""The reward of a preference model: what a sequence classifier says of prompt and response, as it is."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlsr.config.model import ModelConfig
from rlsr.config.preference_model import PreferenceModelReward
from rlsr.config.run import RunConfig
from rlsr.data.record import PromptRecord
from rlsr.errors import ConfigError, ModelError
from rlsr.models import Device, choose_dtype
from rlsr.models.classifiers import (
    count_classifier_parameters,
    load_classifier,
    load_classifier_config,
)
from rlsr.rewards.classifier_texts import ClassifierTexts
from rlsr.rewards.kind import RewardKind
from rlsr.rewards.protocol import Part, Reward, RewardBatch, RewardResult, Scores

_SCORE = Part("preference", "Score of the preference model", "Before the reference's is subtracted, if it is.")  # fmt: skip
_REFERENCE = Part("reference_preference", "Score of the references", "By the same preference model.")  # fmt: skip
_CUT = Part(
    "truncated",
    "Share cut by the preference model",
    "Responses of which it did not read all, or not all of the prompt.",
    is_share=True,
    column="reward/share_cut_by_preference_model",
)

_WAYS_OF_ASKING = {"tokens_per_batch", "device"}
"""Settings that decide how fast it answers, and not what."""


class PreferenceModel(Reward):
    """Scores responses by one number of a sequence classifier.

    Args:
        config: Which number, and whether the reference's is subtracted.
        texts: Asks the classifier.
        column: Place of the label that counts.
        exclusive: Whether labels share one probability.
    """

    def __init__(
        self, config: PreferenceModelReward, texts: ClassifierTexts, column: int, *, exclusive: bool
    ) -> None:
        self._config = config
        self._texts = texts
        self._column = column
        self._exclusive = exclusive
        # The references of a rollout come back with each response to their prompt, and in every epoch.
        self._of_references: dict[tuple[Any, str], float] = {}

    @property
    def parts(self) -> Sequence[Part]:
        """The score, the reference's where it is subtracted, and what was cut."""
        return _parts_of(self._config)

    def score(self, batch: RewardBatch) -> RewardResult:
        """Score a whole rollout in one call.

        Args:
            batch: The responses and their prompts; the references where theirs is subtracted.

        Returns:
            Scores; NaN where the model's number is not finite, or that of every reference. Components: ``preference``,
            ``truncated`` as 0 and 1, and ``reference_preference`` where it is subtracted.
        """
        pairs = list(zip(batch.records, batch.responses, strict=True))
        found, cut = self._score(pairs)
        components = {"preference": found, "truncated": cut}
        if not self._config.relative_to_reference:
            return RewardResult(found, components)
        references = self._reference_scores(batch.records)
        return RewardResult(found - references, {**components, "reference_preference": references})

    def close(self) -> None:
        """Let go of the model."""
        del self._texts

    def _score(self, pairs: Sequence[tuple[PromptRecord, str]]) -> tuple[Scores, Scores]:
        logits, cut = self._texts.logits([(record.messages, text) for record, text in pairs])
        numbers = (
            logits
            if self._config.output == "logit"
            else probabilities(logits, exclusive=self._exclusive)
        )[:, self._column]
        return np.where(np.isfinite(numbers), numbers, np.nan), cut

    def _reference_scores(self, records: Sequence[PromptRecord]) -> Scores:
        """Give the mean score of each record's references, each of which is asked about once."""
        asked = {
            (record.messages, text): (record, text)
            for record in records
            for text in record.references
            if (record.messages, text) not in self._of_references
        }
        if asked:
            scores, _ = self._score(list(asked.values()))
            self._of_references |= dict(zip(asked, scores.tolist(), strict=True))
        return np.array([self._mean_of_references(record) for record in records])

    def _mean_of_references(self, record: PromptRecord) -> float:
        known = [self._of_references[record.messages, text] for text in record.references]
        scored = [score for score in known if not math.isnan(score)]
        return sum(scored) / len(scored) if scored else math.nan


def probabilities(logits: Scores, *, exclusive: bool) -> Scores:
    """Make probabilities of logits.

    Args:
        logits: (text, label).
        exclusive: Whether each text has one of the labels.

    Returns:
        (text, label) in [0, 1]: the softmax over several exclusive labels, else the sigmoid of each; NaN where a logit is NaN.
    """
    if logits.shape[1] == 1 or not exclusive:
        return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


class PreferenceModelKind(RewardKind[PreferenceModelReward]):
    """The reward ``preference_model``."""

    config = PreferenceModelReward

    def parts(self, config: RunConfig) -> tuple[Part, ...]:
        """List the score, the reference's where it is subtracted, and what was cut."""
        return _parts_of(self.settings(config))

    def describe(self, config: RunConfig) -> str:
        """Name the model, and which of its numbers it is."""
        settings = self.settings(config)
        of_label = "" if settings.label is None else f" of {settings.label}"
        relative = ", relative to that of the reference" if settings.relative_to_reference else ""
        return f"the {settings.output}{of_label} by the preference model {settings.model}{relative}"

    def heldout_metrics(self, config: RunConfig) -> Mapping[str, Any]:
        """Give the score."""
        settings = self.settings(config)
        return {"reward": settings.model_dump(mode="json", exclude=_WAYS_OF_ASKING)}

    def reads(self, config: RunConfig) -> Mapping[str, str]:
        """Name the model."""
        return {"reward.model": self.settings(config).model}

    def memory_gb(self, config: RunConfig, device: Device) -> float:
        """Size up the model, unless it is on another device."""
        settings = self.settings(config)
        if settings.device not in {"auto", device}:
            return 0.0
        bytes_per_weight: int = choose_dtype(settings.classifier, device).itemsize
        described = _described(settings)
        return count_classifier_parameters(described, settings.classifier) * bytes_per_weight / 1e9

    def check(self, config: RunConfig, records: Sequence[PromptRecord]) -> None:
        """Refuse a model that is no classifier, a label that it does not have, and more tokens than it has positions."""
        settings = self.settings(config)
        described = _described(settings)
        _column_of(settings.label, described)
        positions = _positions(described)
        if settings.max_tokens is not None and settings.max_tokens > positions:
            raise ConfigError(
                f"reward.max_tokens: must be at most {positions}, the positions of {settings.model}, got {settings.max_tokens}"
            )

    def open(self, config: RunConfig, device: Device, *, keep: bool = True) -> PreferenceModel:
        """Load the model."""
        import torch

        settings = self.settings(config)
        place: Device = device if settings.device == "auto" else settings.device
        try:
            # Whatever loading draws, a policy shall be asked, and trained, as with any other reward.
            with torch.random.fork_rng():
                loaded = load_classifier(settings.classifier, place)
        except ModelError as error:
            raise _of_the_reward(error) from error
        described = loaded.model.config
        texts = ClassifierTexts(
            loaded.model.requires_grad_(False),
            loaded.tokenizer,
            reads=settings.reads,
            max_tokens=settings.max_tokens or _positions(described),
            tokens_per_batch=settings.tokens_per_batch,
        )
        exclusive = getattr(described, "problem_type", None) != "multi_label_classification"
        return PreferenceModel(
            settings, texts, _column_of(settings.label, described), exclusive=exclusive
        )


def _parts_of(config: PreferenceModelReward) -> tuple[Part, ...]:
    return (_SCORE, *([_REFERENCE] if config.relative_to_reference else []), _CUT)


def _described(settings: PreferenceModelReward) -> Any:
    model: ModelConfig = settings.classifier
    try:
        return load_classifier_config(model)
    except ModelError as error:
        raise _of_the_reward(error) from error


def _positions(described: Any) -> int:
    limit = getattr(described.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) else sys.maxsize


def _column_of(label: str | None, described: Any) -> int:
    """Find the place of a label, and refuse to guess one."""
    names = [described.id2label[place] for place in range(described.num_labels)]
    if label is None and len(names) == 1:
        return 0
    if label not in names:
        way_out = "leave it out" if len(names) == 1 else f"name one, as in reward.label={names[-1]}"
        raise ConfigError(
            f"reward.label: must be a label of the model, which has {', '.join(names)}, got {label}; {way_out}"
        )
    return names.index(label)


def _of_the_reward(error: ModelError) -> ModelError:
    """Say of a model that it is the reward's and not the policy, of which the same would be said."""
    text = str(error).replace("model.name:", "reward.model:", 1)
    return ModelError(text.replace("model.trust_remote_code", "reward.trust_remote_code", 1))
