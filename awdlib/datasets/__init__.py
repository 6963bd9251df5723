"""Data sets: where they come from (`fetch`), and one module each for what they hold."""

from awdlib.datasets.registry import DataError

__all__ = ["DataError"]
