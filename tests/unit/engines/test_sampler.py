"""The order of the prompts, on small examples."""

from rlsr.engines.trl.sampler import PromptSampler


def sampler(num_prompts: int, num_steps: int, *, seed: int = 0, repeats: int = 1) -> PromptSampler:
    return PromptSampler(
        num_prompts,
        prompts_per_step=3,
        num_generations=2,
        num_steps=num_steps,
        repeats=repeats,
        seed=seed,
    )


def test_every_prompt_comes_once_before_any_comes_twice_across_steps() -> None:
    order = list(sampler(5, 5))
    assert len(order) == 30
    prompts = order[::2]
    assert prompts == order[1::2]
    for epoch in (prompts[:5], prompts[5:10], prompts[10:15]):
        assert sorted(epoch) == [0, 1, 2, 3, 4]
    assert prompts[:5] != prompts[5:10]


def test_a_step_is_repeated_as_often_as_trl_asks_for_it() -> None:
    once, thrice = list(sampler(5, 4)), list(sampler(5, 4, repeats=3))
    steps = [once[start : start + 6] for start in range(0, 24, 6)]
    assert thrice == [prompt for step in steps for prompt in step * 3]


def test_another_seed_is_another_order() -> None:
    orders = {tuple(sampler(20, 10, seed=seed)) for seed in range(5)}
    assert len(orders) == 5


def test_iterating_twice_gives_the_same_order() -> None:
    one = sampler(5, 4)
    assert list(one) == list(one)


def test_fewer_prompts_than_a_step_holds_come_twice_in_it() -> None:
    assert list(sampler(1, 2)) == [0] * 12
    assert sorted(list(sampler(2, 2))[::2]) == [0, 0, 0, 1, 1, 1]
