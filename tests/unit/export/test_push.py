"""Uploads to a hub on this machine that answers as the real one does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_server import TOKEN, Hub, hub_server
from rlsr.errors import ConfigError, RemoteError
from rlsr.export.push import push, require_hub, require_repository, require_token


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with hub_server() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, content in (("model.safetensors", b"\0" * 3000), ("config.json", b"{}"), ("README.md", b"---\ntags: [rlsr]\n---\n"), ("notes.txt", b"mine")):  # fmt: skip
        (tmp_path / name).write_bytes(content)
    return tmp_path


FILES = ["README.md", "config.json", "model.safetensors"]


def test_listed_files_are_pushed_in_one_commit(hub: Hub, directory: Path) -> None:
    address = push(directory, "me/cat", FILES, private=False, token=TOKEN)
    assert address.startswith(f"{hub.address}/me/cat/commit/")
    assert hub.files["me/cat"] == {name: (directory / name).read_bytes() for name in FILES}
    assert not hub.private["me/cat"]
    assert hub.commits == ["Upload a model trained by rlsr"]
    (directory / "config.json").write_text('{"a": 1}', encoding="utf-8")
    push(directory, "me/cat", FILES, private=False, token=TOKEN)
    assert hub.files["me/cat"]["config.json"] == b'{"a": 1}', "a repository that is there gets a commit more"  # fmt: skip


def test_private_is_private_or_nothing_is_pushed(hub: Hub, directory: Path) -> None:
    push(directory, "me/secret", FILES, private=True, token=TOKEN)
    assert hub.private["me/secret"]
    push(directory, "me/secret", FILES, private=True, token=TOKEN)
    push(directory, "me/public", ["config.json"], private=False, token=TOKEN)
    with pytest.raises(ConfigError, match="--private: me/public is there already and is public, so that nothing was uploaded"):  # fmt: skip
        push(directory, "me/public", FILES, private=True, token=TOKEN)
    assert set(hub.files["me/public"]) == {"config.json"}


def test_what_the_hub_refuses_is_one_message_without_the_token(hub: Hub, directory: Path) -> None:
    wrong = "hf_wrongTokenOfTheTests"
    with pytest.raises(RemoteError, match=r"^--push: the hub has not taken me/cat: .*401.*; once that is mended: hf upload me/cat") as error:  # fmt: skip
        push(directory, "me/cat", FILES, private=False, token=wrong)
    assert wrong not in str(error.value)
    (directory / "README.md").write_text("---\ntags: 3\n---\n", encoding="utf-8")
    with pytest.raises(RemoteError, match="wrong head"):
        push(directory, "me/cat", FILES, private=False, token=TOKEN)
    (directory / "README.md").write_text("---\ntags: []\n---\n", encoding="utf-8")
    hub.refused.add("/api/models/me/cat/commit/main")
    with pytest.raises(RemoteError, match="403"):
        push(directory, "me/cat", FILES, private=False, token=TOKEN)
    assert hub.files["me/cat"] == {}


def test_a_hub_that_is_not_there_is_said_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    from huggingface_hub import constants

    require_hub()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RemoteError, match=r"--push: http://127.0.0.1:\d+ cannot be reached, or HF_HUB_OFFLINE is set"):  # fmt: skip
        require_hub()


def test_a_token_comes_from_the_environment_or_a_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"^--push: needs a token .* `hf auth login`, or set HF_TOKEN"):  # fmt: skip
        require_token()
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    assert require_token() == TOKEN
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert require_token() == "hf_another"


@pytest.mark.parametrize("name", ["cat", "a/b/c", "me/", "/cat", "me/ca t", "me/cat.git", "me/-cat", "me/c..t", ""])  # fmt: skip
def test_names_of_repositories(name: str) -> None:
    require_repository("my-org/cat_1.5")
    with pytest.raises(ConfigError, match=r"^--push: must be ORG/NAME, of letters"):
        require_repository(name)
