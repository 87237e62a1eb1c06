"""Checkpoints: finding, fetching, reading, recognising, loading and writing them."""
