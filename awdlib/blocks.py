"""A two-channel filter bank along one axis, as products with one small matrix and no copies.

With stride 2 a filter bank maps pairs of samples to pairs (lowpass, highpass), with the same
weights everywhere. So a block of b pairs of the output is one fixed matrix, (2b, 2b + taps - 2),
times a window of the input, and the windows are overlapping views of it: a single batched matrix
product, several times faster than a convolution with one channel. Synthesis has the same form with
other weights (`reverse`), and so has the gradient in the input.

Coefficients are *interleaved* here: lowpass at 2p, highpass at 2p + 1. Each pass filters the last
axis and makes it the first, so that two passes filter an image along both.
"""

from functools import lru_cache

import torch
from torch.nn.functional import pad


@lru_cache(maxsize=1024)
def block_size(pairs: int) -> int:
    """Pairs in a block: what wastes least, then what is nearest to 12, which is fastest."""
    return min(range(min(8, pairs), 21), key=lambda b: (-pairs % b, abs(b - 12)))


def padded_length(pairs: int, taps: int) -> int:
    """Samples that `filter_pairs` reads for so many pairs of outputs, whole blocks of them."""
    return 2 * (pairs + -pairs % block_size(pairs)) + taps - 2


def reverse(w: torch.Tensor) -> torch.Tensor:
    """Weights of the synthesis, and of the adjoint, from those of the analysis; and back.

    w[k, t] multiplies sample t of a window to give output k of a pair, k = 0, 1.

    Parameters
    ----------
    w : torch.Tensor, shape (filters, 2, taps)
    """
    return w.unflatten(-1, (-1, 2)).flip(2).permute(0, 3, 2, 1).flatten(2)


def filter_pairs(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    """Filter the last axis and make it the first: out[2p + k] = Σ_t w[k, t] x[2p + t].

    Parameters
    ----------
    x : torch.Tensor, shape (filters or 1, signals, 2 pairs + taps - 2)
        Of any strides.
    w : torch.Tensor, shape (filters, 2, taps)

    Returns
    -------
    torch.Tensor, shape (filters, 2 pairs, signals)
        Differentiable any number of times in both arguments.
    """
    return _FilterPairs.apply(x, w)


class _FilterPairs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        pairs = (x.shape[-1] - w.shape[-1]) // 2 + 1
        return apply(x, toeplitz(w, block_size(pairs)), pairs)[:, : 2 * pairs]

    @staticmethod
    def backward(ctx, upstream):
        x, w = ctx.saved_tensors
        grad_x = grad_w = None
        if ctx.needs_input_grad[0]:
            edge = w.shape[-1] - 2
            full = pad(upstream, (0, 0, edge, edge))
            grad_x = filter_pairs(full.mT, reverse(w)).mT
            if len(x) < len(w):
                grad_x = grad_x.sum(0, keepdim=True)
        if ctx.needs_input_grad[1]:
            grad_w = weight_gradient(x, upstream, w.shape[-1])
        return grad_x, grad_w


def apply(x: torch.Tensor, matrix: torch.Tensor, pairs: int) -> torch.Tensor:
    """`filter_pairs` without autograd: whole blocks, so perhaps more than `pairs` pairs.

    `matrix` is the weights' `toeplitz` of ``block_size(pairs)``; `x` is read as if zeros followed.
    """
    return (matrix[:, None] @ _windows(x, pairs, matrix)).flatten(1, 2)


def apply_back(y: torch.Tensor, matrix: torch.Tensor, out: torch.Tensor) -> None:
    """Filter the first axis of (filters, samples, signals) and make it the last: write to `out`.

    Parameters
    ----------
    y, matrix
        As of `apply`, with half of the outputs' length as pairs.
    out : torch.Tensor, shape (filters, signals, length)
    """
    length, step = out.shape[-1], matrix.shape[1]
    windows = _windows(y.mT, -(-length // 2), matrix).mT
    result = windows @ matrix.mT[:, None]  # (filters, blocks, signals, step)
    whole = length // step
    inside = out[..., : whole * step].unflatten(-1, (whole, step))
    inside.copy_(result[:, :whole].transpose(1, 2))
    if whole * step < length:
        out[..., whole * step :] = result[:, whole, :, : length - whole * step]


def weight_gradient(x: torch.Tensor, upstream: torch.Tensor, taps: int) -> torch.Tensor:
    """Gradient of <upstream, filter_pairs(x, w)> in w: Σ_p upstream[2p + k] x[2p + t].

    Parameters
    ----------
    x : torch.Tensor, shape (filters or 1, signals, samples)
    upstream : torch.Tensor, shape (filters, 2 pairs, signals)

    Returns
    -------
    torch.Tensor, shape (filters, 2, taps)
    """
    pairs = upstream.shape[1] // 2
    b = block_size(pairs)
    windows = _windows(x, pairs, x.new_empty(1, 2 * b, 2 * b + taps - 2))
    blocks = windows.shape[1]
    if blocks * b > pairs:
        upstream = pad(upstream, (0, 0, 0, 2 * (blocks * b - pairs)))
    matrix = (upstream.unflatten(1, (blocks, 2 * b)) @ windows.mT).sum(1)
    # The transpose of `toeplitz`.
    rows = matrix.unflatten(1, (b, 2)).transpose(1, 2).flatten(2)
    return pad(rows, (0, 2 * b)).unflatten(-1, (b, -1))[..., :taps].sum(2)


def toeplitz(w: torch.Tensor, b: int) -> torch.Tensor:
    """(filters, 2, taps) to (filters, 2b, 2b + taps - 2): row 2p + k is w[k], 2p to the right."""
    taps = w.shape[-1]
    width = 2 * b + taps - 2
    # In rows two wider than the matrix, w stands still; read in rows of the matrix, it moves.
    rows = pad(w, (0, 2 * b))[:, :, None].expand(-1, -1, b, -1).flatten(2)[..., : b * width]
    return rows.unflatten(-1, (b, width)).transpose(1, 2).flatten(1, 2)


def _windows(x: torch.Tensor, pairs: int, matrix: torch.Tensor) -> torch.Tensor:
    """Views of what the blocks read: (filters or 1, blocks, window, signals)."""
    step, window = matrix.shape[1:]
    needed = -(-2 * pairs // step) * step + window - step
    if x.shape[-1] < needed:
        missing = needed - x.shape[-1]
        x = pad(x, (0, missing)) if x.stride(-1) == 1 else pad(x.mT, (0, 0, 0, missing)).mT
    return x[..., :needed].unfold(-1, window, step).permute(0, 2, 3, 1)
