"""Which trainer of TRL's carries out a method, and how it is put together: a line a method in ``TRAINERS``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rlsr.config.method import RlsrMethod
from rlsr.config.methods import methods_that_learn_from
from rlsr.config.rlpt import RlptMethod
from rlsr.config.run import RunConfig
from rlsr.config.supervised import ReferenceMethod
from rlsr.engines.job import TrainingJob
from rlsr.engines.trl.settings import (
    dpo_arguments,
    grpo_arguments,
    reward_arguments,
    sft_arguments,
    shared_arguments,
    with_options,
)
from rlsr.errors import ConfigError
from rlsr.models import Policy, response_ids
from rlsr.plugins import plugin_part

if TYPE_CHECKING:
    from rlsr.engines.trl.reward_function import RewardFunction
    from rlsr.engines.trl.segments import Context
    from rlsr.engines.trl.step import Addition

Parts = dict[str, Any]
"""What every trainer of ours is made of: keyword arguments of ``HostOverrides`` and ``transformers.Trainer``."""


@dataclass(frozen=True)
class MethodTrainer:
    """How TRL trains by a method."""

    config_class: str
    """TRL's class of the trainer's settings."""
    arguments: Callable[[RunConfig, Mapping[str, Any]], dict[str, Any]]
    """Writes our settings in terms of that class, beside or in the place of those that all trainers share."""
    make: Callable[[TrainingJob, Policy, Parts], Any]
    """Makes the trainer, a ``HostOverrides``, from the job, the policy as loaded and the parts."""

    def trl_config(self, config: RunConfig, **place: Any) -> Any:
        """Build the trainer's settings.

        Args:
            config: The resolved config.
            **place: Output directory, device, steps and processes, as for ``shared_arguments``.

        Returns:
            An object of ``config_class``, the user's ``engine.options`` in it.

        Raises:
            ConfigError: An option is unknown to TRL or belongs to another setting of ours, or TRL refuses a value.
        """
        import trl

        kind: Any = getattr(trl, self.config_class)
        shared = shared_arguments(config, **place)
        ours = {**shared, **self.arguments(config, shared)}
        arguments = with_options(ours, config.engine.options, kind)
        try:
            return kind(**arguments)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"engine.options: TRL refuses them: {error}") from error


def trainer_of(config: RunConfig) -> MethodTrainer:
    """Find how TRL trains by the method of a run.

    Args:
        config: The resolved config.

    Returns:
        The method's own entry, or that of the supervised methods, which differ in their weights alone.

    Raises:
        ConfigError: An installed package adds the method without what carries it out.
    """
    method = config.method
    if isinstance(method, ReferenceMethod):
        from rlsr.methods.token_weights import weights_of

        weights_of(method)
        return SUPERVISED
    if method.type in TRAINERS:
        return TRAINERS[method.type]
    wanted = "a rlsr.engines.trl.trainers.MethodTrainer"
    trainer: MethodTrainer = plugin_part(
        "rlsr.methods", method.type, "trainer", wanted, lambda part: isinstance(part, MethodTrainer)
    )
    return trainer


Additions = Callable[[Any, "RewardFunction"], Sequence["Addition"]]
"""From the method, with its settings, and the reward function to what the method adds to the step of rlsr."""


Contexts = Callable[[TrainingJob, Policy], Sequence["Context"]]
"""From the job and the policy to what is asked of it, in the place of the training prompts."""


def rollout_trainer(
    additions: Additions = lambda *_: (),
    *,
    in_terms_of_rlsr: Callable[[Any], RlsrMethod] = lambda method: method,
    contexts: Contexts | None = None,
) -> MethodTrainer:
    """Describe how TRL trains by a method with rollouts.

    Args:
        additions: What the method adds to the step of rlsr; called when training starts.
        in_terms_of_rlsr: From the method to the settings of that step, where they are others than its own.
        contexts: What is asked in the place of the prompts, for a method whose responses are parts of answers: whether they end
            is not told to the reward.

    Returns:
        The method's entry. Where the method learns from the tokens of the references, the rows of a step have them.
    """

    def as_rlsr(config: RunConfig) -> RunConfig:
        return config.model_copy(update={"method": in_terms_of_rlsr(config.method)})

    def make(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
        from rlsr.engines.trl.prefix_baseline import PrefixBaseline
        from rlsr.engines.trl.reward_function import RewardFunction
        from rlsr.engines.trl.rollout_rows import RolloutRows, places_of
        from rlsr.engines.trl.starting_point import frozen_reference, settle_copy_of_adapters
        from rlsr.engines.trl.step import GIVEN_COLUMN
        from rlsr.engines.trl.trainer import RolloutTrainer
        from rlsr.models.generate import stop_ids

        config = as_rlsr(job.config)
        assert isinstance(config.method, RlsrMethod), "other methods have other trainers"
        ends = stop_ids(policy)
        asked = None if contexts is None else contexts(job, policy)
        if asked is not None:
            job, ends = replace(job, records=[context.record for context in asked]), ()
        rows = places_of(job.records)
        if asked is not None:
            rows = rows.add_column(GIVEN_COLUMN, [context.given for context in asked])
        reward_function = RewardFunction(job.reward, job.records, ends, job.processes)
        added = list(additions(job.config.method, reward_function))
        if config.method.advantage.baseline == "prefix":
            added.append(PrefixBaseline(config.method, reward_function))
        trainer = RolloutTrainer(
            # With a KL term TRL makes the reference policy.
            reference=None
            if config.method.kl_coefficient
            else frozen_reference(config, parts["model"]),
            reward_function=reward_function,
            rows_at_a_time=job.cut.rows_at_a_time,
            additions=added,
            train_dataset=rows,
            **{**parts, "config": config},
        )
        learnt = _encoder(job, policy) if job.config.method.learns_references else None
        trainer.data_collator = RolloutRows(job.records, learnt)
        settle_copy_of_adapters(trainer.model)
        return trainer

    def arguments(config: RunConfig, shared: Mapping[str, Any]) -> dict[str, Any]:
        return grpo_arguments(as_rlsr(config), shared)

    return MethodTrainer("GRPOConfig", arguments, make)


def _encoder(job: TrainingJob, policy: Policy) -> Callable[[str], list[int]]:
    """Give what writes a reference as the tokens that are learnt from."""
    return partial(response_ids, policy.tokenizer, max_response_tokens=_longest_response(job))


def _sgrpo_additions(method: Any, reward_function: "RewardFunction") -> Sequence["Addition"]:
    from rlsr.engines.trl.sgrpo import sgrpo_additions

    return sgrpo_additions(method, reward_function)


def _rlpt_additions(method: Any, _: "RewardFunction") -> Sequence["Addition"]:
    from rlsr.engines.trl.segments import segment_additions

    return segment_additions(method)


def _segments(job: TrainingJob, policy: Policy) -> Sequence["Context"]:
    from rlsr.engines.trl.segments import segments_of

    method = job.config.method
    assert isinstance(method, RlptMethod), "no other method asks for segments"
    return segments_of(
        method, job.records, policy.tokenizer, longest_response=_longest_response(job)
    )


def _osft_additions(*_: Any) -> Sequence["Addition"]:
    from rlsr.engines.trl.osft import OwnResponses

    return [OwnResponses()]


def _raft_additions(method: Any, _: "RewardFunction") -> Sequence["Addition"]:
    from rlsr.engines.trl.raft import BestResponses

    return [BestResponses(method)]


def _rank_additions(method: Any, _: "RewardFunction") -> Sequence["Addition"]:
    from rlsr.engines.trl.rank import rank_additions

    return rank_additions(method)


def _supervised_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.starting_point import frozen_reference
    from rlsr.engines.trl.supervised import SupervisedTrainer
    from rlsr.engines.trl.supervised_rows import SupervisedRows

    rows = SupervisedRows(job.records, policy.tokenizer, _encoder(job, policy))
    return SupervisedTrainer(
        reference=frozen_reference(job.config, parts["model"]),
        train_dataset=rows.places,
        data_collator=rows,
        **parts,
    )


def _preference_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.pairs import PairCollator, as_pair_dataset
    from rlsr.engines.trl.preference import PreferenceTrainer
    from rlsr.engines.trl.starting_point import (
        frozen_reference,
        has_adapters,
        settle_copy_of_adapters,
    )

    tokenizer, limit = policy.tokenizer, _longest_response(job)
    model = parts["model"]
    trainer = PreferenceTrainer(
        # Where adapters are trained, TRL makes the copy of those that were trained before.
        ref_model=None if has_adapters(model) else frozen_reference(job.config, model),
        train_dataset=as_pair_dataset(job.records, tokenizer, max_response_tokens=limit),
        data_collator=PairCollator(tokenizer.pad_token_id),
        **parts,
    )
    settle_copy_of_adapters(trainer.model)
    return trainer


def _reward_model_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.reward_model import (
        RewardModelTrainer,
        ScoredPairCollator,
        as_scored_pairs,
    )

    tokenizer = policy.tokenizer
    return RewardModelTrainer(
        train_dataset=as_scored_pairs(
            job.records, tokenizer, max_response_tokens=_longest_response(job)
        ),
        data_collator=ScoredPairCollator(tokenizer.pad_token_id),
        **parts,
    )


def _longest_response(job: TrainingJob) -> int:
    limit = job.config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return limit


SUPERVISED = MethodTrainer("SFTConfig", sft_arguments, _supervised_trainer)
"""For every method that learns from the references alone."""

TRAINERS: Mapping[str, MethodTrainer] = {
    "rlsr": rollout_trainer(),
    "sgrpo": rollout_trainer(_sgrpo_additions),
    "rlpt": rollout_trainer(
        _rlpt_additions,
        in_terms_of_rlsr=lambda method: method.in_terms_of_rlsr,
        contexts=_segments,
    ),
    "rank": rollout_trainer(
        _rank_additions, in_terms_of_rlsr=lambda method: method.in_terms_of_sgrpo
    ),
    "osft": rollout_trainer(
        _osft_additions, in_terms_of_rlsr=lambda method: method.in_terms_of_rlsr
    ),
    "raft": rollout_trainer(
        _raft_additions, in_terms_of_rlsr=lambda method: method.in_terms_of_rlsr
    ),
    "dpo": MethodTrainer("DPOConfig", dpo_arguments, _preference_trainer),
    "reward_model": MethodTrainer("RewardConfig", reward_arguments, _reward_model_trainer),
}
"""For the other methods, by their type."""

assert set(TRAINERS) == methods_that_learn_from("rollouts") | methods_that_learn_from("pairs"), (
    "every method that does not learn from references alone has its trainer, and the other way round"
)
