"""Scattering transforms whose filters can be learned and removed.

`banks` makes the filters from few parameters, `transform` applies them as a network without
weights of its own, `learn` fits the parameters below a linear head, `pruning` finds filters that a
task does not need, and `features` is the face that scikit-learn sees.
"""
