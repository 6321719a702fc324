"""The suite ``heldout``: prompts of the data that are not trained on, scored by more than the reward."""

from collections.abc import Sequence

from rlsr.config import RunConfig
from rlsr.data import Dataset
from rlsr.data.record import PromptRecord
from rlsr.embeddings import Embedder, load_named_embedder
from rlsr.errors import ConfigError, DataError
from rlsr.evaluation.metrics import HeldoutBatch, in_reward, metric_scorers, metrics_of
from rlsr.evaluation.metrics.checked import metric_scores
from rlsr.evaluation.suites.suite import Scored, Suite
from rlsr.models import Device
from rlsr.rewards import Reward, RewardBatch, open_reward


class HeldoutSuite(Suite):
    """Scores policies on the same prompts by every metric of the table.

    Args:
        records: The held-out prompts, not empty.
        reward: What the policy is trained on.
        independent: An encoder that the reward never saw; None where the config names none.
        config: The resolved config of the run.

    Raises:
        ConfigError: A metric of an installed package cannot be used.
    """

    def __init__(
        self,
        records: Sequence[PromptRecord],
        *,
        reward: Reward,
        independent: Embedder | None,
        config: RunConfig,
    ) -> None:
        self._records = tuple(records)
        self._reward = reward
        self._independent = independent
        self._config = config
        self._metrics = metrics_of(config)

    @property
    def records(self) -> tuple[PromptRecord, ...]:
        """The held-out prompts."""
        return self._records

    def score(self, responses: Sequence[str], ended: Sequence[bool | None]) -> Scored:
        """Score answers by the reward and by all metrics of the table.

        Args:
            responses: One a prompt.
            ended: Whether each ended by itself; None where that is not known.

        Returns:
            One number a prompt by metric, those last that the reward gives unasked, and what it compared in place of the
            texts.
        """
        result = self._reward.score(RewardBatch(self._records, responses, ended))
        batch = HeldoutBatch(
            self._records, responses, ended, result, self._independent, self._config
        )
        scores = {metric.name: metric_scores(metric, batch) for metric in self._metrics}
        unasked = {name: result.heldout[name] for name in result.heldout if name not in scores}
        return Scored({**scores, **unasked}, result.texts)

    def is_trained_on(self, name: str) -> bool:
        """Say whether the reward has a metric, or what is nearly the same.

        Args:
            name: The metric.

        Returns:
            True where a policy that is trained on the reward is trained on the metric.
        """
        return in_reward(name, self._config)

    def scorer(self, name: str) -> str | None:
        """Say what a metric depends on besides the response, as the table of metrics does.

        Args:
            name: The metric.
        """
        return metric_scorers(self._config).get(name)

    def close(self) -> None:
        """Let go of the reward."""
        self._reward.close()


def load_independent(config: RunConfig, device: Device) -> Embedder | None:
    """Load the encoder that the reward never saw.

    Args:
        config: The config of a run.
        device: Where it runs.

    Returns:
        The encoder; None where the config names none.
    """
    model = config.independent_embedding
    place = "evaluation.independent_embedding"
    return None if model is None else load_named_embedder(model, device, place)


def open_heldout(config: RunConfig, dataset: Dataset, device: Device) -> HeldoutSuite:
    """Open the suite with a reward of its own.

    Args:
        config: The resolved config of a run.
        dataset: Its data.
        device: Where the reward and the encoder run.

    Returns:
        The suite, to be closed by the caller.

    Raises:
        RlsrError: Nothing would be measured, or a part cannot be loaded.
    """
    require_heldout(config, dataset)
    return HeldoutSuite(
        dataset.heldout,
        reward=open_reward(config, device),
        independent=load_independent(config, device),
        config=config,
    )


def require_heldout(config: RunConfig, dataset: Dataset) -> None:
    """Refuse to evaluate where nothing would be measured.

    Args:
        config: The config of a run.
        dataset: Its data.

    Raises:
        ConfigError: The evaluation is switched off.
        DataError: No row is held out.
    """
    if not config.evaluation.enabled:
        raise ConfigError("evaluation.enabled: nothing would be measured, got false; leave it out")
    if not dataset.heldout:
        raise DataError(
            f"{config.data.path}: no row is held out, so that nothing would be measured; set data.heldout, as in "
            "data.heldout=0.1, or name a file with data.heldout_path"
        )
