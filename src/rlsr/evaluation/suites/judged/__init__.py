"""Suites whose answers a model behind a server judges: what their authors ask it, what it says, and what is made of that."""
