"""Synthetic problem with a known wavelet (paper, Sec. 4.1): y = <Ψx, β> + ε."""

from dataclasses import dataclass

import numpy as np
import torch

from awdlib import dwt, filters


@dataclass(frozen=True)
class Synthetic:
    """Signals, responses and the truth behind them.

    Attributes
    ----------
    x : torch.Tensor of float64, shape (n, 1, length)
        Standard Gaussian.
    y : torch.Tensor of float64, shape (n,)
    beta : list of torch.Tensor
        True coefficients, band by band in PyWavelets' order.
    h : torch.Tensor, shape (taps,)
        True lowpass filter.
    """

    x: torch.Tensor
    y: torch.Tensor
    beta: list[torch.Tensor]
    h: torch.Tensor


def make_synthetic(
    n: int,
    *,
    seed: int,
    wavelet: str | torch.Tensor = "db5",
    length: int = 64,
    level: int = 4,
    band: int = 2,
    shift: int = 0,
    noise: float = 0.1,
) -> Synthetic:
    """Draw the problem of Sec. 4.1: β is 2 at three adjacent places of one scale, else 0.

    The paper leaves scale and places open; as in the authors' code they are positions 7, 8 and 9
    of the third detail band (15 long for db5 and 64 samples).

    Parameters
    ----------
    n : int
        Examples.
    wavelet : str or torch.Tensor of float64, shape (taps,)
        The truth: a PyWavelets name, or the lowpass taps of any orthonormal wavelet.
    band : int
        Index of the band among ``[cA_J, cD_J, ..., cD_1]``; 2 is cD_3 for J = 4.
    shift : int
        How many places later in the band than its middle β begins; may be negative.
    noise : float
        Standard deviation of ε.

    Returns
    -------
    Synthetic

    Raises
    ------
    ValueError
        If there is no such wavelet, band or place.
    """
    rng = np.random.default_rng(seed)
    h = filters.lowpass(wavelet) if isinstance(wavelet, str) else wavelet
    x = torch.from_numpy(rng.standard_normal((n, 1, length)))
    bands = dwt.wavedec(x, h, level=level)
    beta = [torch.zeros(b.shape[-1], dtype=torch.float64) for b in bands]
    if not 0 <= band <= level:
        raise ValueError(f"band must be between 0 and level = {level}, not {band}")
    first = beta[band].numel() // 2 + shift
    if not 0 <= first <= beta[band].numel() - 3:
        raise ValueError(f"shift = {shift} leaves the {beta[band].numel()} places of band {band}")
    beta[band][first : first + 3] = 2.0
    y = sum((b[:, 0] @ t for b, t in zip(bands, beta, strict=True)), torch.zeros(n).double())
    return Synthetic(x=x, y=y + noise * torch.from_numpy(rng.standard_normal(n)), beta=beta, h=h)
