"""Mask explanations: the sparsest mask over an input's features that keeps a network's decision.

The features are pixels or wavelet coefficients (`domains`); what is masked is replaced by noise, an
average or a fill (`perturbations`); how much the output then changes is the distortion
(`distortion`), which `optimise.explain` trades against the mask's size. `exact` solves tiny cases
by brute force.
"""
