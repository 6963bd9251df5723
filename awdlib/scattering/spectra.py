"""What transforms compute with, made fast: parts and products of spectra on grids, and moduli.

Spectra are cut into blocks, kept at low frequencies, or multiplied and folded at once.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

IN_CACHE = 2**18  # numbers whose product with others fits into a processor core's own cache


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
    spectrum : torch.Tensor, shape (..., *grid), or (..., 1, *grid) below several filters
        Complex.
    filter_ : torch.Tensor, shape (*grid,) or (filters, *grid)
        Real or complex.
    halvings : int
    dims : int
        1 or 2.

    Returns
    -------
    torch.Tensor, shape (..., *coarse) or (..., filters, *coarse)
    """
    coarse = [n >> halvings for n in spectrum.shape[-dims:]]
    filter_ = filter_ / 2 ** (halvings * dims)
    real = not filter_.is_complex()
    if real:  # half the work: real and imaginary parts are neighbours on the last axis
        spectrum = torch.view_as_real(spectrum).flatten(-2)
        filter_ = filter_.repeat_interleave(2, -1)
    lead = spectrum.shape[: -dims - 1] if filter_.ndim > dims else spectrum.shape[:-dims]
    # Flat, so that the innermost loop is long: (aliases, signals, frequencies) and filters alike.
    a = torch.stack(blocks(spectrum, 2**halvings, dims)).flatten(-dims)
    b = torch.stack(blocks(filter_, 2**halvings, dims)).flatten(-dims)
    count, size = b.shape[1:-1], a.shape[-1]
    total = _Products.apply(a.reshape(len(a), -1, size), b.reshape(len(b), -1, size))
    if real:
        return torch.view_as_complex(total.reshape(*lead, *count, *coarse, 2))
    return total.reshape(*lead, *count, *coarse)


class _Products(torch.autograd.Function):
    """Σ_k a[k, m] · b[k, n]: (aliases, m, size) and (aliases, n, size) to (m, n, size).

    The way back goes through a few signals at a time, whose products stay in the processor's
    cache; it can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        total = a[0][:, None] * b[0]
        for one, other in zip(a[1:], b[1:], strict=True):
            total.addcmul_(one[:, None], other)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        for_a, for_b = ctx.needs_input_grad
        a, b = a.conj().resolve_conj(), b.conj().resolve_conj()
        rows = max(1, IN_CACHE // gradient[0].numel())
        by_a: list[Tensor] = []
        by_b = torch.zeros_like(b)
        for some, part in zip(gradient.split(rows), a.split(rows, 1), strict=True):
            if for_a:
                by_a.append(torch.stack([(some * one).sum(1) for one in b]))
            if for_b:
                by_b = by_b + torch.stack([(some * one[:, None]).sum(0) for one in part])
        return torch.cat(by_a, 1) if for_a else None, by_b if for_b else None


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
