"""verl behind the seam of an engine: a child process in an environment of its own trains, and this one follows it."""
