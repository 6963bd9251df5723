"""What a mask's entries are: pixels, pixels of each channel, or wavelet coefficients.

A domain is a linear map from inputs to a flat row of coefficients and back. Masks have one number
for each place in that row; channels share it.
"""

from __future__ import annotations

from math import prod
from typing import Protocol

import torch
from torch import Tensor

from awdlib import dwt, filters
from awdlib.conventions import Mode


class Domain(Protocol):
    """A linear map from inputs to rows of coefficients.

    Attributes
    ----------
    shape : tuple of int
        Of an input: (channels, height, width) or (channels, time).
    bands : list of tuple of int
        Shapes of the bands, (height, width) or (time,), which a row holds one after another.
    scales : torch.Tensor of int, shape (entries,)
        Scale of each entry, 0 the coarsest; of pixels with a mask for each channel, the channel.
    """

    shape: tuple[int, ...]
    bands: list[tuple[int, ...]]
    scales: Tensor

    def analyse(self, x: Tensor) -> Tensor:
        """(..., *shape) to (..., channels, entries)."""

    def synthesise(self, rows: Tensor) -> Tensor:
        """(..., channels, entries) to (..., *shape)."""


class Pixels:
    """Pixels, or samples of a signal; see `Domain`.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) or (channels, time).
    per_channel : bool
        A number of the mask for every channel of a pixel, instead of one for all.
    """

    def __init__(self, shape: tuple[int, ...], *, per_channel: bool = False):
        self.shape = _checked(shape)
        self.per_channel = per_channel
        self.bands = [self.shape[1:]] * (self.shape[0] if per_channel else 1)
        # Each channel has its own mean and spread, so its own scale where it has its own entries.
        self.scales = torch.arange(len(self.bands)).repeat_interleave(prod(self.bands[0]))

    def analyse(self, x: Tensor) -> Tensor:
        """(..., *shape) to (..., channels, pixels), or (..., 1, channels · pixels)."""
        _fits(x, self.shape)
        lead = x.shape[: -len(self.shape)]
        return x.reshape(*lead, -1, sum(map(prod, self.bands)))

    def synthesise(self, rows: Tensor) -> Tensor:
        """The inverse of `analyse`."""
        return rows.reshape(*rows.shape[:-2], *self.shape)


class Wavelets:
    """Wavelet coefficients of every channel; see `Domain`.

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) or (channels, time).
    h : torch.Tensor, shape (taps,), or str
        Lowpass filter, of a distilled wavelet or by a name of PyWavelets.
    level, mode
        As of `awdlib.dwt.wavedec`.
    """

    def __init__(self, shape: tuple[int, ...], h: Tensor | str, *, level: int, mode: Mode = "zero"):
        self.shape = _checked(shape)
        self.h = filters.lowpass(h) if isinstance(h, str) else h.detach()
        self.level, self.mode = level, mode
        self._two = len(shape) == 3
        self._coeffs = self._wavedec(torch.zeros(1, *shape[1:]).to(self.h))
        flat = dwt.flatten_coeffs(self._coeffs)
        self.bands = [tuple(band.shape[1:]) for band in flat]
        per_scale = 3 if self._two else 1
        self.scales = torch.cat([
            torch.full((prod(band),), -(-k // per_scale)) for k, band in enumerate(self.bands)
        ])  # fmt: skip

    def _wavedec(self, x: Tensor) -> list:
        transform = dwt.wavedec2 if self._two else dwt.wavedec
        return transform(x, self.h.to(x), level=self.level, mode=self.mode)

    def analyse(self, x: Tensor) -> Tensor:
        """(..., *shape) to (..., channels, coefficients)."""
        _fits(x, self.shape)
        dims = len(self.shape) - 1
        bands = dwt.flatten_coeffs(self._wavedec(x))
        return torch.cat([band.flatten(-dims) for band in bands], -1)

    def synthesise(self, rows: Tensor) -> Tensor:
        """The inverse of `analyse`."""
        coeffs = dwt.unflatten_coeffs(band_rows(self, rows), self._coeffs)
        inverse = dwt.waverec2 if self._two else dwt.waverec
        x = inverse(coeffs, self.h.to(rows), mode=self.mode)
        # Synthesis gives odd sizes back one larger.
        x = x[..., : self.shape[-1]]
        return x[..., : self.shape[1], :] if self._two else x


def band_rows(domain: Domain, rows: Tensor) -> list[Tensor]:
    """A row's bands, (..., channels, entries) to arrays (..., channels, *band)."""
    parts = rows.split([prod(band) for band in domain.bands], -1)
    return [p.unflatten(-1, band) for p, band in zip(parts, domain.bands, strict=True)]


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(
            f"an input's shape is (channels, height, width) or (channels, time), not {shape}"
        )
    return tuple(shape)


def _fits(x: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"x must end with the shape {shape}, not {tuple(x.shape)}")
