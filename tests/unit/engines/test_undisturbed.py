"""Asking a policy leaves no trace in what training draws and in how layers compute."""

import random

import numpy as np
import pytest
import torch

from rlsr.engines.undisturbed import undisturbed


class Model(torch.nn.Sequential):  # type: ignore[misc]  # torch is not followed
    device = torch.device("cpu")


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002


@pytest.mark.parametrize("fails", [False, True])
def test_generators_and_modes_are_put_back_even_after_a_failure(fails: bool) -> None:
    model = Model(torch.nn.Dropout(0.5), torch.nn.Linear(1, 1))
    model.train()
    model[1].eval()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = draws()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    try:
        with undisturbed(model):
            model.eval()
            draws()
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert draws() == expected
    assert [module.training for module in model.modules()] == [True, True, False]
