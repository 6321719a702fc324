"""What holds for the order of prompts in any run."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.engines.trl.sampler import PromptSampler


@dataclass(frozen=True)
class Run:
    """The numbers that decide an order."""

    num_prompts: int
    prompts_per_step: int
    num_generations: int
    num_steps: int
    repeats: int
    seed: int

    def sampler(self) -> PromptSampler:
        return PromptSampler(
            self.num_prompts,
            prompts_per_step=self.prompts_per_step,
            num_generations=self.num_generations,
            num_steps=self.num_steps,
            repeats=self.repeats,
            seed=self.seed,
        )

    def order(self) -> list[int]:
        return list(self.sampler())

    def prompts(self) -> list[int]:
        """The prompts in their order, each once a step."""
        once = replace(self, repeats=1, num_generations=1)
        return once.order()


runs = st.builds(
    Run,
    num_prompts=st.integers(1, 20),
    prompts_per_step=st.integers(1, 8),
    num_generations=st.integers(1, 4),
    num_steps=st.integers(1, 10),
    repeats=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)


@settings(deadline=None, max_examples=100)
@given(runs)
def test_every_step_is_full(run: Run) -> None:
    order = run.order()
    assert len(order) == len(run.sampler())
    assert len(order) == (run.num_steps * run.repeats * run.prompts_per_step * run.num_generations)
    assert set(order) <= set(range(run.num_prompts))


@settings(deadline=None, max_examples=100)
@given(runs)
def test_the_responses_to_a_prompt_stand_next_to_each_other(run: Run) -> None:
    order, size = run.order(), run.num_generations
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    assert all(len(set(group)) == 1 for group in groups)
    step_size = run.prompts_per_step
    prompts = run.prompts()
    steps = [prompts[start : start + step_size] for start in range(0, len(prompts), step_size)]
    assert [group[0] for group in groups] == [
        prompt for step in steps for prompt in step * run.repeats
    ]


@settings(deadline=None, max_examples=100)
@given(runs)
def test_each_prompt_appears_once_in_every_epoch(run: Run) -> None:
    prompts, size = run.prompts(), run.num_prompts
    for start in range(0, len(prompts), size):
        epoch = prompts[start : start + size]
        assert len(set(epoch)) == len(epoch)
        if len(epoch) == size:
            assert sorted(epoch) == list(range(size))


@settings(deadline=None, max_examples=100)
@given(runs, st.integers(1, 30))
def test_the_first_steps_do_not_depend_on_how_many_follow(run: Run, more: int) -> None:
    order = run.order()
    assert run.order() == order
    assert replace(run, num_steps=run.num_steps + more).order()[: len(order)] == order


@settings(deadline=None, max_examples=50)
@given(runs, st.integers(1, 8), st.integers(1, 4))
def test_the_stream_of_prompts_depends_on_nothing_but_seed_and_their_number(
    run: Run, prompts_per_step: int, num_generations: int
) -> None:
    other = replace(run, prompts_per_step=prompts_per_step, num_generations=num_generations)
    shared = min(len(run.prompts()), len(other.prompts()))
    assert run.prompts()[:shared] == other.prompts()[:shared]
