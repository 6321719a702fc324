"""No number that TRL logs is lost, and its name is stable."""

from rlsr.engines.trl.logged_numbers import DUPLICATES, NAMES, logged_numbers


def test_numbers_have_the_names_of_this_program() -> None:
    assert logged_numbers({"reward": 0.5, "completions/mean_length": 8, "loss": 0.25}) == {
        "reward/mean": 0.5, "tokens/response": 8.0, "optim/loss": 0.25,
    }  # fmt: skip


def test_numbers_of_our_trainers_and_rewards_keep_their_names() -> None:
    ours = {"reward/politeness": 0.5, "optim/nll": 1.5, "preference/margin": 0.0, "tokens/mine": 3}
    assert logged_numbers(ours) == ours


def test_what_nobody_knows_is_kept_under_a_head_of_its_own() -> None:
    logs = {"clip_ratio/low_mean": 0.0, "reward_std": 0.25, "my_number": 2, "vespo/phi": True}
    assert logged_numbers(logs) == {
        "trl/clip_ratio/low_mean": 0.0, "trl/reward_std": 0.25, "trl/my_number": 2.0, "trl/vespo/phi": 1.0,
    }  # fmt: skip


def test_unscored_stays_unscored_and_what_is_no_number_is_none_of_a_step() -> None:
    assert logged_numbers({"kl": None, "mine": None, "note": "text"}) == {"optim/kl": None, "trl/mine": None}  # fmt: skip


def test_what_is_left_out_has_a_reason() -> None:
    assert all(DUPLICATES.values())
    assert logged_numbers(dict.fromkeys(DUPLICATES, 1.0)) == {}
    assert DUPLICATES.keys().isdisjoint(NAMES)


def test_no_two_numbers_share_a_name() -> None:
    assert len(set(NAMES.values())) == len(NAMES)
