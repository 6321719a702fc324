"""A run is one directory: its files, where its numbers come from, and how they are read back. Loads no torch."""

from rlsr.runs.cache import cache_directory
from rlsr.runs.directory import RunDirectory
from rlsr.runs.provenance import collect_provenance

__all__ = ["RunDirectory", "cache_directory", "collect_provenance"]
