"""Why a path cannot be read, in words."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from rlsr.paths import similar_files, why_unreadable


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with one of each kind."""
    (tmp_path / "file").write_text("text", encoding="utf-8")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "loop").symlink_to("pool")
    (tmp_path / "pool").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("file", None),
        ("link", None),
        ("nothing", None),
        ("directory", "is a directory"),
        ("dangling", "is a link to gone, and nothing is there"),
        ("loop", "is a link that leads back to itself"),
        ("pipe", "is a pipe"),
        ("/dev/zero", "is a device"),
        ("a\0b", "is no path"),
        ("x" * 300, "cannot be looked at: File name too long"),
        ("file/below", "cannot be looked at: Not a directory"),
    ],
)
def test_every_kind_has_its_words(place: Path, name: str, words: str | None) -> None:
    found = why_unreadable(place / name)
    assert found is None if words is None else found is not None and found.startswith(words)


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket may have a hundred characters at most
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert why_unreadable(Path("s")) == "is a socket, and a file is asked for"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_rights_are_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "closed").mkdir(mode=0o700)
        for file in (place / "secret", place / "closed" / "file"):
            file.write_text("x", encoding="utf-8")
            file.chmod(0o600)
        os.seteuid(65534)
        try:
            secret, behind = map(why_unreadable, (place / "secret", place / "closed" / "file"))
        finally:
            os.seteuid(0)
    assert secret == "may not be read by you (its rights are -rw-------); allow it with chmod u+r"
    assert behind == "may not be looked at by you: a directory on the way to it is closed to you"


def test_only_what_is_there_is_suggested(place: Path) -> None:
    assert similar_files(place / "dangling") == []
    assert similar_files(place / "fil") == [place / "file"]
    assert similar_files(place / "fil", frozenset({".yaml"})) == []
    assert similar_files(place / "none" / "file") == []
