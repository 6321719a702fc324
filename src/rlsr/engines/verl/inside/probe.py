"""Says what verl's environment has, as JSON; run by rlsr in that environment, before anything starts.

It imports as little as it can, and nothing of rlsr but by its version: the environment may have none.
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import sys
from typing import Any

PACKAGES = ("verl", "ray", "rlsr", "torch", "TransferQueue", "cachetools", "fastapi", "pyzmq")
"""verl declares some of what it imports as extras only."""


def versions() -> dict[str, str | None]:
    """Look up which packages are there."""
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def refused(directory: str, name: str, overrides: list[str]) -> str | None:
    """Compose verl's config as verl will, without importing verl; say what is wrong with it."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    verl = importlib.util.find_spec("verl")
    assert verl is not None, "its version was found before"
    assert verl.origin is not None, "it is a package"
    schema = pathlib.Path(verl.origin).parent / "trainer" / "config"
    try:
        with initialize_config_dir(config_dir=directory, version_base=None):
            search = f"hydra.searchpath=[file://{schema}]"
            OmegaConf.resolve(compose(name, overrides=[search, *overrides]))
    except (HydraException, OmegaConfBaseException) as error:
        return str(error)
    return None


def cluster(address: str | None) -> dict[str, Any]:
    """Count the GPUs of a Ray cluster, or of this machine."""
    if address is None:
        import torch

        return {"gpus": torch.cuda.device_count(), "nodes": 1}
    import ray

    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # noqa: BLE001 - Ray raises many kinds
        return {"unreachable": f"{type(error).__name__}: {error}"}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    ray.shutdown()
    return {"gpus_of_nodes": [int(node.get("GPU", 0)) for node in nodes]}


def main() -> None:
    """Answer the question that stands in the first argument."""
    asked = json.loads(sys.argv[1])
    found: dict[str, Any] = {"versions": versions()}
    if asked.get("compose"):
        found["refused"] = refused(**asked["compose"])
    if "cluster" in asked:
        found["cluster"] = cluster(asked["cluster"])
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
