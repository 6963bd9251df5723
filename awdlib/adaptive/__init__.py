"""The experiment with adaptive scattering, step by step, as its chapter runs it."""
