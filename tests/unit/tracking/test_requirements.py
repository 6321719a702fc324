"""What is missing for a tracker is said before anything is loaded, with the way out."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from rlsr.config import load_config
from rlsr.errors import ConfigError, MissingPackageError
from rlsr.tracking import mlflow, tensorboard, trackio, wandb
from rlsr.tracking.table import require_trackers

MODULES = {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow, "trackio": trackio}


def require(written: str) -> None:
    require_trackers(load_config(overrides=[f"tracking=[{written}]"]))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Say which packages are installed, in a home without any keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_CONFIG_DIR", "WANDB_IDENTITY_TOKEN_FILE", "NETRC", "MLFLOW_TRACKING_URI"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)

    def install(*packages: str) -> None:
        for module in MODULES.values():
            found: ModuleType = module
            monkeypatch.setattr(
                found, "package_directory", lambda name: tmp_path if name in packages else None
            )

    return install


@pytest.mark.parametrize("name", MODULES)
def test_a_package_that_is_missing_is_named_with_its_command(
    installed: Callable[..., None], name: str
) -> None:
    installed()
    with pytest.raises(MissingPackageError) as caught:
        require(name)
    assert str(caught.value).startswith(f"{name} is not installed; it is needed to ")
    assert str(caught.value).endswith(f"Install it with: pip install 'rlsr[{name}]'")


def test_wandb_needs_a_key(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed("wandb")
    with pytest.raises(ConfigError) as caught:
        require("wandb")
    message = str(caught.value)
    assert "sends runs to https://api.wandb.ai with a key, and there is none" in message
    assert "`wandb login`" in message
    assert "WANDB_MODE=offline" in message
    require("{type: wandb, mode: offline}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    require("wandb")
    with pytest.raises(ConfigError):
        require("{type: wandb, mode: online}")
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    require("wandb")


def test_wandb_finds_what_login_has_written(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed("wandb")
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai\n  login user\n  password {'0' * 40}\n")
    (tmp_path / ".netrc").chmod(0o600)
    require("wandb")
    settings = tmp_path / ".config" / "wandb" / "settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("[default]\nbase_url = https://wandb.example.org\n")
    with pytest.raises(ConfigError, match=r"https://wandb\.example\.org"):
        require("wandb")
    settings.write_text("[default]\nbase_url = https://wandb.example.org\nmode = offline\n")
    require("wandb")
    settings.write_text("no settings")
    require("wandb")
    (tmp_path / ".netrc").write_text("machine\n")
    with pytest.raises(ConfigError):
        require("wandb")


def test_a_store_of_mlflow_in_a_database_needs_more_than_a_server(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("mlflow")
    with pytest.raises(MissingPackageError, match=r"MLflow's own store on this machine.*MLFLOW_TRACKING_URI.*pip install mlflow$"):  # fmt: skip
        require("mlflow")
    with pytest.raises(MissingPackageError, match=r"write into sqlite:///runs\.db"):
        require("{type: mlflow, tracking_uri: 'sqlite:///runs.db'}")
    require("{type: mlflow, tracking_uri: 'http://localhost:5000'}")
    require("{type: mlflow, tracking_uri: mlruns}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://host")
    require("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    installed("mlflow", "sqlalchemy")
    require("mlflow")


def test_a_space_of_trackio_needs_a_token(
    installed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the train extra is not installed")
    installed("trackio")
    require("trackio")
    monkeypatch.setattr(hub, "get_token", lambda: None)
    with pytest.raises(ConfigError, match=r"to the Space me/runs with a token.*`hf auth login`.*HF_TOKEN"):  # fmt: skip
        require("{type: trackio, space_id: me/runs}")
    monkeypatch.setattr(hub, "get_token", lambda: "hf_x")
    require("{type: trackio, space_id: me/runs}")
