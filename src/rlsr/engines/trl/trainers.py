"""Which trainer of TRL's carries out a method, and how it is put together: a line a method in ``TRAINERS``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.config.method import SgrpoMethod, methods_that_learn_from
from rlsr.config.run import RunConfig
from rlsr.config.supervised import ReferenceMethod
from rlsr.data.record import PromptRecord
from rlsr.engines.job import TrainingJob
from rlsr.engines.trl.settings import (
    dpo_arguments,
    grpo_arguments,
    sft_arguments,
    shared_arguments,
    with_options,
)
from rlsr.errors import ConfigError
from rlsr.models import Policy, as_chat
from rlsr.plugins import plugin_part

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
    trainer: MethodTrainer = plugin_part("rlsr.methods", method.type, "trainer", wanted)
    return trainer


def _rollout_parts(job: TrainingJob, policy: Policy) -> Parts:
    from rlsr.engines.trl.reward_function import RewardFunction
    from rlsr.models.generate import stop_ids

    return {
        "reward_function": RewardFunction(job.reward, job.records, stop_ids(policy), job.processes),
        "rows_at_a_time": job.cut.rows_at_a_time,
    }


def _rlsr_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.starting_point import settle_copy_of_adapters
    from rlsr.engines.trl.trainer import RlsrTrainer

    trainer = RlsrTrainer(
        train_dataset=as_dataset(job.records), **_rollout_parts(job, policy), **parts
    )
    settle_copy_of_adapters(trainer.model)
    return trainer


def _sgrpo_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.labels import with_labels
    from rlsr.engines.trl.sgrpo import SgrpoTrainer
    from rlsr.engines.trl.starting_point import frozen_reference, settle_copy_of_adapters

    method = job.config.method
    assert isinstance(method, SgrpoMethod), "other methods have other trainers"
    dataset = with_labels(
        as_dataset(job.records),
        job.records,
        policy.tokenizer,
        max_response_tokens=_longest_response(job),
    )
    trainer = SgrpoTrainer(
        # With a KL term TRL keeps the reference policy.
        reference=None
        if method.kl_coefficient > 0
        else frozen_reference(job.config, parts["model"]),
        train_dataset=dataset,
        **_rollout_parts(job, policy),
        **parts,
    )
    settle_copy_of_adapters(trainer.model)
    return trainer


def _supervised_trainer(job: TrainingJob, policy: Policy, parts: Parts) -> Any:
    from rlsr.engines.trl.references import PromptResponseCollator, as_reference_dataset
    from rlsr.engines.trl.starting_point import frozen_reference
    from rlsr.engines.trl.supervised import SupervisedTrainer

    tokenizer, limit = policy.tokenizer, _longest_response(job)
    return SupervisedTrainer(
        reference=frozen_reference(job.config, parts["model"]),
        train_dataset=as_reference_dataset(job.records, tokenizer, max_response_tokens=limit),
        data_collator=PromptResponseCollator(tokenizer.pad_token_id),
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


def _longest_response(job: TrainingJob) -> int:
    limit = job.config.method.max_response_tokens
    assert limit is not None, "resolved by the plan"
    return limit


def as_dataset(records: Sequence[PromptRecord]) -> Any:
    """Write records as the rows that TRL reads.

    Args:
        records: The training prompts.

    Returns:
        A ``datasets.Dataset`` of conversational prompts, and the place of each record for the reward.
    """
    from datasets import Dataset

    from rlsr.engines.trl.reward_function import RECORD_COLUMN

    return Dataset.from_list(
        [
            {"prompt": as_chat(record.messages), RECORD_COLUMN: row}
            for row, record in enumerate(records)
        ]
    )


SUPERVISED = MethodTrainer("SFTConfig", sft_arguments, _supervised_trainer)
"""For every method that learns from the references alone."""

TRAINERS: Mapping[str, MethodTrainer] = {
    "rlsr": MethodTrainer("GRPOConfig", grpo_arguments, _rlsr_trainer),
    "sgrpo": MethodTrainer("GRPOConfig", grpo_arguments, _sgrpo_trainer),
    "dpo": MethodTrainer("DPOConfig", dpo_arguments, _preference_trainer),
}
"""For the other methods, by their type."""

assert set(TRAINERS) == methods_that_learn_from("rollouts") | methods_that_learn_from("pairs"), (
    "every method that does not learn from references alone has its trainer, and the other way round"
)
