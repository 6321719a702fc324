"""A command parses its arguments, loads the config, imports what is heavy, and calls one function."""
