"""Checkpoints: where they are, in which format, what network they are of, and loading them."""
