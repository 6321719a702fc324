"""The command line: parse, load the config, import what is heavy, call one function."""
