"""The whole config of a run."""

from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from rlsr.config.base import ConfigTable
from rlsr.config.data import DataConfig
from rlsr.config.embedding import EmbeddingConfig, EndpointEmbedding, StaticEmbedding
from rlsr.config.engine import EngineConfig, TrlEngine
from rlsr.config.forecast import ForecastConfig
from rlsr.config.method import RlsrMethod
from rlsr.config.methods import MethodConfig
from rlsr.config.model import ModelConfig
from rlsr.config.monitors import MonitorRule
from rlsr.config.pipeline import PipelineConfig
from rlsr.config.reward import SimilarityReward
from rlsr.config.rewards import RewardConfig
from rlsr.config.tracking import TrackerConfig, TrackerTable
from rlsr.config.training import EvaluationConfig, TrainingConfig
from rlsr.config.validation import MetricOfPolicies, MetricOfScorers, ValidationConfig


class RunConfig(ConfigTable):
    """Everything that decides what a run does; the same config, data and machine give the same run."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of sampling, of the order of the prompts and of new adapters."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device of policy and encoder; ``auto`` is CUDA where there is one, else the CPU."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """CPU threads; null leaves the choice to PyTorch and ``OMP_NUM_THREADS``. More than there are cores only wait for one another."""
    model: ModelConfig = ModelConfig()
    """The policy."""
    data: DataConfig = DataConfig()
    """The prompts and references."""
    embedding: EmbeddingConfig = StaticEmbedding()
    """The encoder behind the reward."""
    reward: RewardConfig = SimilarityReward()
    """What a response is rewarded for."""
    method: MethodConfig = RlsrMethod()
    """The training method."""
    training: TrainingConfig = TrainingConfig()
    """Optimiser, batch and checkpoints."""
    validation: ValidationConfig = ValidationConfig()
    """What is measured while training, and which weights are kept."""
    monitors: Mapping[str, MonitorRule] = Field(default_factory=dict)
    """What is done where a monitor sees a sign of failure, by its name; one that is not named warns at its own thresholds."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """The held-out evaluation."""
    forecast: ForecastConfig = ForecastConfig()
    """What a forecast samples."""
    pipeline: PipelineConfig = PipelineConfig()
    """What lies between the stages of a pipeline."""
    engine: EngineConfig = TrlEngine()
    """What trains."""
    tracking: tuple[TrackerConfig, ...] = ()
    """Where the run is shown besides its own directory: a list of trackers, each by its name or with its settings. It decides no number,
    and may be another when a run goes on."""

    @field_validator("tracking", mode="before")
    @classmethod
    def _a_list_of_tables(cls, trackers: Any) -> Any:
        listed = trackers if isinstance(trackers, list | tuple) else [trackers]
        odd = [one for one in listed if not isinstance(one, dict | TrackerTable)]
        if odd:
            raise ValueError(
                f"must be a list of trackers, as in [tensorboard, {{type: wandb, project: mine}}], or [] for none, got {odd[0]!r}"
            )
        return trackers

    @model_validator(mode="after")
    def _each_tracker_once(self) -> Self:
        types = [tracker.type for tracker in self.tracking]
        for type_ in types:
            if types.count(type_) > 1:
                raise ValueError(
                    f"tracking: {type_} must stand there once, got {', '.join(types)}; keep one of them"
                )
        return self

    @model_validator(mode="after")
    def _independent_scorer_is_not_the_reward(self) -> Self:
        independent = self.evaluation.independent_embedding
        model = getattr(independent, "model", independent)
        if model == self.embedding.model:
            raise ValueError(
                f"evaluation.independent_embedding: must not be the reward's encoder {self.embedding.model!r}, "
                "since it would show nothing that the reward has not seen; name another encoder or null"
            )
        return self

    @model_validator(mode="after")
    def _validation_has_its_encoder(self) -> Self:
        if (
            self.validation.metric == "independent_similarity"
            and self.evaluation.independent_embedding is None
        ):
            raise ValueError(
                "validation.metric: independent_similarity needs an encoder that the reward has not seen, and "
                "evaluation.independent_embedding is null; name one there, or take chrf, reward or nll"
            )
        return self

    @model_validator(mode="after")
    def _validation_measures_what_is_made(self) -> Self:
        known = {"policy": get_args(MetricOfPolicies), "scorer": get_args(MetricOfScorers)}
        fitting = known[self.method.makes]
        if self.validation.metric not in {"auto", *fitting}:
            raise ValueError(
                f"validation.metric: the method {self.method.type} makes a {self.method.makes}, which is measured by "
                f"{' or '.join(fitting)}, got {self.validation.metric}; take one of them, or auto"
            )
        return self

    @model_validator(mode="after")
    def _mini_batches_are_whole(self) -> Self:
        method, number = self.method, self.training.prompts_per_step
        each = method.prompts_per_update if isinstance(method, RlsrMethod) else None
        if each is not None and number % each:
            raise ValueError(
                f"method.prompts_per_update: must divide training.prompts_per_step = {number}, got {each}; take a divisor, or null to "
                "learn from the whole rollout at once"
            )
        return self

    @property
    def validation_metric(self) -> MetricOfPolicies | MetricOfScorers:
        """What validation measures, with ``auto`` filled in."""
        if self.validation.metric != "auto":
            return self.validation.metric
        if self.method.makes == "scorer":
            return "pair_loss"
        return "reward" if self.independent_embedding is None else "independent_similarity"

    @property
    def independent_embedding(self) -> str | EndpointEmbedding | None:
        """The encoder of the independent metric, with ``auto`` filled in; None where nothing is written that it could compare."""
        if self.method.makes == "scorer":
            return None
        if self.evaluation.independent_embedding != "auto":
            return self.evaluation.independent_embedding
        return "builtin:minilm" if self.embedding.type == "static" else "builtin:wordllama"

    @property
    def learning_rate(self) -> float:
        """The peak learning rate, with the default of the trained weights filled in."""
        if self.training.learning_rate is not None:
            return self.training.learning_rate
        rates = self.method.learning_rates
        return rates.all_weights if self.model.lora is None else rates.adapters
