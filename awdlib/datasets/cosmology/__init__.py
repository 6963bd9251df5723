"""Lensing maps: their theory, two simulators, the real ones, and sets of them on disk."""
