"""Packages of the extra ``rewards``."""

from rlsr.errors import MissingPackageError
from rlsr.packages import package_directory


def require_package(module: str, package: str, purpose: str) -> None:
    """Refuse to go on without a package, before any work.

    Args:
        module: Its import name.
        package: Its name on the index.
        purpose: What it is needed for, as the end of "needed to ...".

    Raises:
        MissingPackageError: It is not installed.
    """
    if package_directory(module) is None:
        raise MissingPackageError(package, purpose, "pip install 'rlsr[rewards]'")
