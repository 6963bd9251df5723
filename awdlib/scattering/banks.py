"""What filter banks are: filters in the Fourier domain, made from few parameters.

A bank knows no signal: called with a grid's shape, it gives its filters on the frequencies of that
grid. Wavelets are numbered from the finest scale on; scale j belongs to details of about 2ʲ pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from awdlib.scattering.spectra import low_frequencies


@dataclass(frozen=True)
class Filters:
    """A bank on one grid.

    Attributes
    ----------
    psi : torch.Tensor, shape (wavelets, *grid)
        Spectra of the wavelets, in the order of `torch.fft`; real where the wavelet is Hermitian.
    phi : tuple of torch.Tensor, each of shape (n,)
        Spectrum of the lowpass along each axis: it is separable.
    """

    psi: Tensor
    phi: tuple[Tensor, ...]

    @property
    def lowpass(self) -> Tensor:
        """Spectrum of the lowpass on the whole grid, shape (*grid,)."""
        if len(self.phi) == 1:
            return self.phi[0]
        return self.phi[0][:, None] * self.phi[1]

    def coarser(self, resolution: int) -> Filters:
        """The filters for signals of which every 2**resolution-th sample is left.

        Keeps the low frequencies, as kymatio does in two dimensions: each frequency of the coarse
        grid takes its value from one of the fine grid. At the highest one, ω and −ω become the
        same, so a Littlewood–Paley sum may change there.
        """
        if resolution == 0:
            return self
        psi = self.psi
        for axis in range(1, psi.ndim):
            psi = low_frequencies(psi, axis, psi.shape[axis] >> resolution)
        phi = tuple(low_frequencies(p, 0, len(p) >> resolution) for p in self.phi)
        return Filters(psi, phi)

    def scaled(self, factor: Tensor | float) -> Filters:
        """All filters, the lowpass among them, times `factor`."""
        return Filters(self.psi * factor, (self.phi[0] * factor, *self.phi[1:]))

    def to(self, like: Tensor) -> Filters:
        """With the precision and on the device of a real tensor."""
        paired = torch.complex64 if like.dtype == torch.float32 else torch.complex128

        def cast(a: Tensor) -> Tensor:
            return a.to(like.device, paired if a.is_complex() else like.dtype)

        return Filters(cast(self.psi), tuple(map(cast, self.phi)))


class Bank(nn.Module):
    """What all banks have in common.

    Attributes
    ----------
    dims : int
        1 for signals, 2 for images.
    J : int
        The lowpass averages over about 2**J samples.
    scales : tuple of int
        Scale j of each wavelet.
    orientations : tuple of int
        Number of each wavelet's orientation (in one dimension: of its place within an octave).
    """

    dims: int
    J: int
    scales: tuple[int, ...]
    orientations: tuple[int, ...]

    def forward(self, shape: tuple[int, ...]) -> Filters:
        """The filters on a grid of this shape, in the precision of the bank's parameters."""
        raise NotImplementedError


def littlewood_paley(filters: Filters) -> Tensor:
    """|φ̂(ω)|² + Σ (|ψ̂(ω)|² + |ψ̂(−ω)|²)/2: what a real signal's energy at ω is multiplied by.

    Where it is at most 1, filtering and taking moduli bring no two real signals further apart, so
    the scattering transform is non-expansive: ‖Φf − Φh‖ ≤ ‖f − h‖ (Mallat 2012, Sec. 2.5).

    Parameters
    ----------
    filters : Filters

    Returns
    -------
    torch.Tensor, shape (*grid,)
    """
    power = filters.psi.abs().square().sum(0)
    axes = tuple(range(power.ndim))
    mirrored = power.flip(axes).roll((1,) * power.ndim, axes)
    return filters.lowpass.abs().square() + (power + mirrored) / 2


def rescale(filters: Filters, bound: Tensor | None = None) -> Filters:
    """Filters of which the Littlewood–Paley sum is 1 at its largest; differentiable.

    Parameters
    ----------
    filters : Filters
    bound : torch.Tensor, optional
        Largest value of the sum; the filters' own where none is given.
    """
    if bound is None:
        bound = littlewood_paley(filters).amax()
    return filters.scaled(bound.rsqrt())


def at_least_one(**values: int) -> None:
    """Refuse values that are no whole number above 0, by their names."""
    for name, value in values.items():
        if int(value) != value or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, not {value}")
