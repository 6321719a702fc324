"""The runs of the RLSR paper: layers of settings that compose to each of them, and what one would take."""
