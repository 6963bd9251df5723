"""Features of scattering coefficients: means over all places, logarithms, both or neither."""

from __future__ import annotations

from torch import Tensor

POOLS = ("log-mean", "mean", "log", "none")


def pooled(
    coefficients: Tensor, dims: int, pool: str = "log-mean", *, floor: float = 1e-6
) -> Tensor:
    """Features of scattering coefficients, those of one channel side by side.

    Parameters
    ----------
    coefficients : torch.Tensor, shape (batch, channels, *coarse) or (batch, inputs, channels, ...)
        From `Scattering`, of inputs with or without several input channels.
    dims : int
        1 or 2.
    pool : {"log-mean", "mean", "log", "none"}
        Mean over all places and its logarithm, log(|·| + `floor`), or neither, or one of them.

    Returns
    -------
    torch.Tensor, shape (batch, channels · features a channel)

    Raises
    ------
    ValueError
        For another `pool`, or another number of dimensions.
    """
    if pool not in POOLS:
        raise ValueError(f"pool must be one of {', '.join(POOLS)}, not {pool!r}")
    if coefficients.ndim not in (dims + 2, dims + 3):
        raise ValueError("a batch of inputs is (batch, *shape) or (batch, inputs, *shape)")
    found = coefficients.flatten(-dims)
    if "mean" in pool:
        found = found.mean(-1, keepdim=True)
    if "log" in pool:
        found = (found.abs() + floor).log()
    if found.ndim == 4:
        found = found.transpose(1, 2)
    return found.flatten(1)
