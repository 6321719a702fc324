"""Methods of other packages: what is taken, and what is said where something is wrong with them."""

from pathlib import Path

import pytest
from plugin_packages import write_package

from method_packages import ROLLOUTS, SUPERVISED, write_methods
from rlsr.config import load_config
from rlsr.engines.table import engine_of
from rlsr.errors import ConfigError
from rlsr.processes import ALONE

pytest.importorskip("trl", reason="the train extra is not installed")


def check(*overrides: str) -> None:
    """Read a config and let the engine look at it, as a plan does."""
    config = load_config(overrides=["method.max_response_tokens=8", *overrides])
    engine_of(config).check(config, device="cpu", processes=ALONE)


def test_an_added_method_says_of_itself_what_our_own_say(packages: Path) -> None:
    write_methods(packages)
    share = load_config(overrides=["method={type: share, share: 0.25}", "model.lora=null"])
    assert share.method.model_dump()["share"] == 0.25
    assert share.learning_rate == 2e-5
    assert share.method.cited_title == "share of SFT (arXiv 2101.00001)"
    assert share.method.batch_in_words(3) == "3 references"
    check("method=share")
    check("method=best")


def test_its_settings_are_checked_like_ours(packages: Path) -> None:
    write_methods(packages)
    with pytest.raises(ConfigError, match=r"^method\.share: must be greater than 0, got -1$"):
        check("method={type: share, share: -1}")
    with pytest.raises(ConfigError, match=r"method\.shar: unknown setting; did you mean"):
        check("method={type: share, shar: 1}")
    with pytest.raises(ConfigError, match="of an installed package 'best', 'share', got 'shar'"):
        check("method=shar")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("", "must have an attribute `config`, a subclass of rlsr.config.method_base.MethodTable"),
        (SUPERVISED.replace("config = ShareMethod", ""), "must have an attribute `config`"),
        (SUPERVISED.replace('"share"', '"other"'), 'must have a field `type: Literal["share"]'),
        (SUPERVISED.replace("def weights", "def weighs"), "must have an attribute `weights`"),
        (SUPERVISED + "weights = 3", "must have an attribute `weights`, the function"),
        (SUPERVISED.replace('    title = "share of SFT"\n', ""), "the method does not say its title"),
        (ROLLOUTS.replace('"best"', '"share"').replace("trainer =", "_ ="), "must have an attribute `trainer`"),
    ],
)  # fmt: skip
def test_what_a_package_lacks_is_said_with_its_name(
    packages: Path, code: str, message: str
) -> None:
    write_package(packages, "rlsr-broken", code, rlsr_methods={"share": "rlsr_broken"})
    with pytest.raises(ConfigError) as caught:
        check("method=share")
    assert message in str(caught.value)
    assert "'share', which rlsr-broken (rlsr_broken) adds" in str(caught.value)
    assert "uninstall" in str(caught.value)


def test_two_of_one_name_are_refused_with_both(packages: Path) -> None:
    write_methods(packages)
    write_package(packages, "rlsr-other", SUPERVISED, rlsr_methods={"share": "rlsr_other"})
    with pytest.raises(ConfigError, match=r"several packages .*uninstall all but one") as caught:
        check("method=share")
    assert all(name in str(caught.value) for name in ("rlsr-other", "rlsr-share"))


def test_the_name_of_our_own_is_refused(packages: Path) -> None:
    write_package(packages, "rlsr-own", SUPERVISED, rlsr_methods={"sft": "rlsr_own"})
    with pytest.raises(ConfigError, match="'sft' is rlsr's own, and rlsr-own"):
        check("method=sft")
