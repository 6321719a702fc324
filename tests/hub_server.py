"""The part of the Hugging Face hub that an upload asks, on this machine: repositories in memory, LFS as plain uploads."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

TOKEN = "hf_aTokenOfTheTestsAlone"


@dataclass
class Hub:
    """What was pushed, and how."""

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Contents by repository and name."""
    private: dict[str, bool] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    """Their messages."""
    refused: set[str] = field(default_factory=set)
    """Paths that are answered with 403."""
    asked: list[str] = field(default_factory=list)
    """Methods and paths."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """Large files, by their SHA-256."""


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve an empty hub for the while."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle_any(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.asked.append(f"{self.command} {path}")
            is_upload = path.startswith("/store/")
            if not is_upload and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, {"error": "Invalid username or password."})
            elif path in hub.refused:
                self.answer(403, {"error": "You don't have the rights for this."})
            else:
                status, table = respond(hub, path, body)
                self.answer(status, table)

        def answer(self, status: int, table: dict[str, Any]) -> None:
            content = json.dumps(table).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_HEAD = handle_any

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def respond(hub: Hub, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Answer as the hub does."""
    if path == "/api/repos/create":
        return _create(hub, json.loads(body))
    if path == "/api/validate-yaml":
        wrong = _wrong_with(json.loads(body)["content"])
        return 400 if wrong else 200, {"errors": wrong, "warnings": []}
    if path.startswith("/store/"):
        digest = path.rpartition("/")[2]
        assert hashlib.sha256(body).hexdigest() == digest, "another file than was announced"
        hub.stored[digest] = body
        return 200, {}
    if found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
        return 200, _batch(hub, json.loads(body))
    found = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(preupload|commit|revision)/main)?", path)
    if found is None or found[1] not in hub.files:
        return 404, {"error": "Repository not found"}
    return 200, _of_repository(hub, found[1], found[2], body)


def _wrong_with(card: str) -> list[dict[str, str]]:
    """Look at the head of a card, as far as it matters here."""
    head = yaml.safe_load(card.split("---\n")[1])
    is_right = isinstance(head.get("tags"), list) and isinstance(head.get("license", ""), str)
    return [] if is_right else [{"message": f"wrong head: {head}"}]


def _of_repository(hub: Hub, repository: str, what: str | None, body: bytes) -> dict[str, Any]:
    if what == "preupload":
        names = [one["path"] for one in json.loads(body)["files"]]
        modes = ("lfs" if name.endswith(".safetensors") else "regular" for name in names)
        return {
            "files": [
                {"path": name, "uploadMode": mode, "shouldIgnore": False}
                for name, mode in zip(names, modes, strict=True)
            ]
        }
    if what == "commit":
        return _commit(hub, repository, body)
    siblings = [{"rfilename": name} for name in hub.files[repository]]
    return {"id": repository, "private": hub.private[repository], "siblings": siblings, "sha": "0" * 40}  # fmt: skip


def _create(hub: Hub, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    name = f"{asked.get('organization', 'me')}/{asked['name']}"
    url = f"{hub.address}/{name}"
    if name in hub.files:
        return 409, {"error": "You already created this model repo", "url": url}
    hub.files[name] = {}
    hub.private[name] = bool(asked.get("private") or asked.get("visibility") == "private")
    return 200, {"url": url, "name": name}


def _batch(hub: Hub, asked: dict[str, Any]) -> dict[str, Any]:
    upload = {"upload": {"href": f"{hub.address}/store/"}}
    objects = []
    for one in asked["objects"]:
        href = {"upload": {"href": upload["upload"]["href"] + one["oid"], "header": {}}}
        objects.append({"oid": one["oid"], "size": one["size"], "actions": href})
    return {"transfer": "basic", "objects": objects}


def _commit(hub: Hub, repository: str, body: bytes) -> dict[str, Any]:
    for line in body.decode().splitlines():
        found = json.loads(line)
        value = found["value"]
        if found["key"] == "header":
            hub.commits.append(value["summary"])
        elif found["key"] == "file":
            hub.files[repository][value["path"]] = base64.b64decode(value["content"])
        elif found["key"] == "lfsFile":
            hub.files[repository][value["path"]] = hub.stored[value["oid"]]
    return {"success": True, "commitOid": "1" * 40, "commitUrl": f"{hub.address}/{repository}/commit/{'1' * 40}"}  # fmt: skip
