"""Signs of failure in the numbers of a run."""

from typing import Any

import pytest

from rlsr.errors import EngineError
from rlsr.monitors import findings, require_sound
from rlsr.monitors.table import SIGNS


def test_a_sound_run_has_no_findings() -> None:
    assert findings([]) == []
    row = {
        "step": 1, "optim/loss": 0.5, "optim/grad_norm": 1.0, "reward/share_cut_by_encoder": 0.0, "reward/num_unscored": 0.0,
        "reward/share_untranslated": 0.0, "advantage/share_without_signal": 0.5,
    }  # fmt: skip
    assert findings([row, {"step": 2}]) == []
    require_sound([row])


def test_names_are_unique() -> None:
    assert len({sign.name for sign in SIGNS}) == len(SIGNS)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (
            "reward/share_cut_by_encoder",
            [0.0, None, 0.25],
            "12.5% of the texts were longer than the encoder reads (embedding.max_tokens): the reward did not see their ends",
        ),
        (
            "optim/skipped_updates",
            [0.0, 2.0, None, 1.0],
            "3 updates were skipped since their loss or gradient was not finite: the weights stayed as they were",
        ),
        ("reward/num_unscored", [1.0, float("nan"), 2.0], "3 responses could not be scored and taught nothing"),
        (
            "reward/share_untranslated",
            [0.5, 0.0],
            "25.0% of the responses were left unscored since they or their references could not be translated",
        ),
    ],
)  # fmt: skip
def test_what_would_pass_unseen_is_said(
    name: str, values: list[float | None], expected: str
) -> None:
    assert findings([{"step": step, name: value} for step, value in enumerate(values)]) == [expected]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"optim/loss": float("nan"), "optim/grad_norm": 1.0}, "loss"),
        ({"optim/loss": 0.0, "optim/grad_norm": float("inf")}, "grad_norm"),
        ({"optim/loss": float("nan"), "optim/grad_norm": float("nan")}, "loss and grad_norm"),
    ],
)
def test_a_lost_policy_ends_training(row: dict[str, Any], what: str) -> None:
    with pytest.raises(EngineError) as caught:
        require_sound([{"step": 6}, {"step": 7, **row}])
    assert str(caught.value) == (
        f"step 7: {what} is not finite, so the policy is lost; lower training.learning_rate or "
        "use model.dtype=float32, and start a new run (checkpoints before this step are intact)"
    )


def test_a_policy_whose_update_was_skipped_is_not_lost() -> None:
    require_sound([{"step": 7, "optim/grad_norm": float("inf"), "optim/skipped_updates": 1.0}])


def test_a_number_that_the_method_does_not_have_is_no_sign() -> None:
    require_sound([{"step": 1}])
    require_sound([{"step": 1, "optim/grad_norm": None}])
