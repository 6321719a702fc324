"""Answers inside of texts: where they stand, what they are, and whether two are the same.

Settings are not known here, and nothing heavy is imported: what may run away is asked of a process that does without them.
"""
