"""Recipes side by side: what is compared, how it is run, what was found, and how that is said."""
