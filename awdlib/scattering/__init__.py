"""Scattering transforms whose filters can be learned and removed.

`banks` says what filters are, `morlet` and `orthogonal` make them from few parameters, `transform`
applies them (by `spectra`) as a network without weights of its own, `pooling` makes features of the
coefficients, `model` puts a linear head on them, `learn` fits the parameters below it, `heads` says
what such a head loses without a filter, `pruning` takes away those that a task does not need,
`sizes` searches how many to begin with, and `features` is the face that scikit-learn sees.
"""
