"""An audit from the config on: the rows of the data, what the policy answers, and the encoders that are compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlsr.auditing.calls import audit_calls, require_within_budget
from rlsr.auditing.honest import honest_answers
from rlsr.auditing.result import Audit
from rlsr.auditing.rows import AuditRow, load_audit_rows, shuffled
from rlsr.auditing.run import AuditJob, run_audit
from rlsr.config import RunConfig
from rlsr.config.embedding import embedding_named
from rlsr.remote.spending import spending_in

Answers = tuple[str, ...]


@dataclass(frozen=True)
class AuditSize:
    """How much an audit looks at."""

    rows: int = 200
    """Most prompts to look at."""
    answer_prompts: int = 64
    """Prompts that the policy answers once, as the honest answers."""
    sample_prompts: int = 24
    """Prompts that it draws several samples to."""
    samples: int = 4
    """Samples to each of them."""


def audit_data(
    config: RunConfig,
    size: AuditSize,
    *,
    asks_policy: bool,
    encoders: Sequence[str] = (),
    say: Callable[[str], None],
) -> Audit:
    """Audit the reward of a config on its data.

    Args:
        config: Of the run to be: data, reward, encoder and policy.
        size: How much is looked at.
        asks_policy: Whether the policy answers prompts; without that some checks are left out.
        encoders: Names of further ones to compare the config's with.
        say: Told what happens, line by line.

    Returns:
        What was found; nothing is written.

    Raises:
        RlsrError: The data cannot be read, a part cannot be loaded, or a budget is too small for what would be asked.
    """
    from rlsr.rewards import reward_kind

    rows = shuffled(load_audit_rows(config.data, size.rows, config.seed), config.seed)
    reward_kind(config).check(config, [row.record for row in rows])
    answers: Answers = ()
    samples: tuple[Answers, ...] = ()
    if asks_policy:
        answers, samples = _ask_policy(config, rows, size, say)
    job = AuditJob(
        data=config.data.path,
        rows=rows,
        honest=honest_answers(rows, answers),
        samples=samples,
        config=config,
    )
    return _run(job, encoders, say)


def _ask_policy(
    config: RunConfig, rows: Sequence[AuditRow], size: AuditSize, say: Callable[[str], None]
) -> tuple[Answers, tuple[Answers, ...]]:
    """Let the policy answer some prompts once as well as it can, and some several times at random."""
    from rlsr.auditing.sampling import sample_responses
    from rlsr.evaluation.generate import answer_prompts
    from rlsr.models import choose_device, load_policy, reference_lengths

    asked, sampled = rows[: size.answer_prompts], rows[: size.sample_prompts]
    say(
        f"{config.model.name} answers {len(asked)} prompts, and {len(sampled)} of them {size.samples} times at random"
    )
    policy = load_policy(config.model, choose_device(config.device))
    references = [text for row in asked for text in row.record.references]
    longest = max(reference_lengths(policy.tokenizer, references))
    limit = min(config.method.max_response_tokens or 128, max(32, longest))
    answers, _ = answer_prompts(
        policy, [row.record for row in asked], max_response_tokens=limit, batch_size=32
    )
    drawn = sample_responses(
        policy,
        sampled,
        num_samples=size.samples,
        max_response_tokens=limit,
        batch_size=32,
        seed=config.seed,
    )
    return tuple(answers), tuple(map(tuple, drawn))


def _run(job: AuditJob, encoders: Sequence[str], say: Callable[[str], None]) -> Audit:
    from rlsr.models import choose_device
    from rlsr.rewards import open_reward

    config = job.config
    device = choose_device(config.device)
    configs = {
        config.embedding.name: config,
        **{
            name: config.model_copy(update={"embedding": embedding_named(name)})
            for name in encoders
            if name != config.embedding.name
        },
    }
    # Without what earlier runs have kept: what a reward costs is part of the answer.
    rewards = [
        (name, lambda config=config: open_reward(config, device, keep=False))
        for name, config in configs.items()
    ]
    calls = audit_calls(job)
    for of_server in calls:
        say(of_server.in_words)
        require_within_budget(of_server)
    with spending_in(None) as account:
        result = run_audit(job, rewards, say)
    if calls:
        say(account.total().in_words)
    return result
