"""Talking to a trained model: who answers, what was said, and what a reward says of it. Loads torch only when a function is called."""
