"""A run in the terminal: while it goes on, or after. Reads its files alone; loads no torch, and Textual only for the live program."""

from rlsr.watch.snapshot import print_snapshot

__all__ = ["print_snapshot"]
