"""What transforms compute with, made fast: parts and products of spectra on grids, and moduli.

Spectra are cut into blocks, kept at low frequencies, or multiplied and folded at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def blocks(a: Tensor, count: int, dims: int) -> list[Tensor]:
    """Cut each of the last `dims` axes into `count` equal parts; all blocks, in order."""
    for axis in range(dims):
        a = a.unflatten(-1 - 2 * axis, (count, -1))
    found = [a]
    for axis in range(dims, 0, -1):
        found = [part for block in found for part in block.unbind(-2 * axis)]
    return found


def low_frequencies(spectrum: Tensor, axis: int, size: int) -> Tensor:
    """The `size` frequencies nearest to 0 along an axis, still in the order of `torch.fft`."""
    half = size // 2
    top = spectrum.narrow(axis, 0, size - half)
    return torch.cat([top, spectrum.narrow(axis, spectrum.shape[axis] - half, half)], axis)


def filtered(spectrum: Tensor, filter_: Tensor, halvings: int, dims: int) -> Tensor:
    """Spectrum of a filtered signal of which every 2**halvings-th sample is kept.

    Subsampling averages 4**halvings aliases (in one dimension 2**halvings). They are multiplied
    and added up one by one: no product of full size is ever made, which saves most of the time.

    Parameters
    ----------
    spectrum : torch.Tensor, shape (..., *grid)
        Complex.
    filter_ : torch.Tensor, shape (..., *grid)
        Real or complex, broadcast against `spectrum`.
    halvings : int
    dims : int
        1 or 2.
    """
    coarse = [n >> halvings for n in spectrum.shape[-dims:]]
    filter_ = filter_ / 2 ** (halvings * dims)
    real = not filter_.is_complex()
    if real:  # half the work: real and imaginary parts are neighbours on the last axis
        spectrum = torch.view_as_real(spectrum).flatten(-2)
        filter_ = filter_.repeat_interleave(2, -1)
    terms = zip(
        blocks(spectrum, 2**halvings, dims), blocks(filter_, 2**halvings, dims), strict=True
    )
    # Flat, so that the innermost loop is long.
    flat = [(a.flatten(-dims), b.flatten(-dims)) for a, b in terms]
    total = flat[0][0] * flat[0][1]
    for a, b in flat[1:]:
        total.addcmul_(a, b)
    if real:
        return torch.view_as_complex(total.unflatten(-1, (*coarse, 2)))
    return total.unflatten(-1, coarse)


class Modulus(torch.autograd.Function):
    """|z|, three times faster than `torch.abs`, with the gradient 0 where z is 0 as there."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        """√(re² + im²): without the care that `abs` takes of overflow."""
        modulus = z.real.square().addcmul_(z.imag, z.imag).sqrt_()
        ctx.save_for_backward(z, modulus)
        return modulus

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The gradient times z / |z|."""
        z, modulus = ctx.saved_tensors
        return z * (gradient / modulus.clamp(min=1e-18))
