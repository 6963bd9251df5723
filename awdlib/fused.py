"""The data terms of Eq. 8 with their gradient in h, computed together: what training runs on.

For mode ``zero`` and the saliency, ``awdlib.objective.loss_terms`` says the same in a few lines of
differentiable transforms. But a fit has as many unknowns as taps, and autograd would keep and visit
many batch-sized arrays to get so few numbers. Here the value and the gradient are computed side by
side; autograd sees one step from h to the loss.

In this mode synthesis is the transpose of analysis, so two operations do everything: the gradient
of the analysis runs through the synthesis, and the other way round.
"""

import torch

from awdlib import matrices
from awdlib.fused_images import of_images


def data_loss(
    h: torch.Tensor,
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    weights: torch.Tensor,
    *,
    level: int,
    paired: bool = False,
) -> torch.Tensor:
    """weights · (Σ(x − x̂)², Σ|Ψx|, Σ|(Ψ⁻¹)ᵀG|) over a batch, for mode ``zero``.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    x, gradients
        As of `awdlib.objective.batch_loss`: short signals or images. Constants.
    weights : torch.Tensor, shape (3, filters)
        Constants; the third is not read where there are no gradients.
    level : int
    paired : bool

    Returns
    -------
    torch.Tensor, shape (filters,)
        Once differentiable, in `h`.
    """
    return _DataLoss.apply(h, x, gradients, weights, level, paired)


class _DataLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, x, gradients, weights, level, paired):
        way = of_images if x.ndim - paired == 4 else _short_signals
        loss, slope = way(h, x, gradients, weights, level, paired, ctx.needs_input_grad[0])
        ctx.save_for_backward(slope)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        (slope,) = ctx.saved_tensors
        return upstream[:, None] * slope, None, None, None, None, None


def _short_signals(
    h: torch.Tensor,
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    weights: torch.Tensor,
    level: int,
    paired: bool,
    differentiate: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss (filters,) and its gradient (filters, taps), by one matrix a filter."""
    matrix, pull_back = matrices.analysis_matrix_and_gradient(h, x.shape[-1], level=level)
    # Both kinds of signals go through the same matrix: (filters or none, kinds, batch, n).
    kinds = [x] if gradients is None else [x, gradients]
    signals = torch.stack([k.flatten(-3, -2) for k in kinds], int(paired))
    # Σ|y| = Σ sign(y) y, so its gradient in the matrix is sign(y)ᵀ times the signals, and its value
    # the product of both.
    if paired:
        y = signals.flatten(1, 2) @ matrix.mT
        pulled = y.sign_().unflatten(1, signals.shape[1:3]).mT @ signals
    else:  # one product for all filters
        y = signals.flatten(0, 1) @ matrix.flatten(0, 1).mT
        pulled = y.sign_().unflatten(0, signals.shape[:2]).mT @ signals
        pulled = pulled.unflatten(1, matrix.shape[:2]).transpose(0, 1)
    shares = weights[1 : 1 + len(kinds)].mT[:, None]
    upstream = (shares @ pulled.flatten(2)).view_as(matrix)
    loss = (upstream * matrix).sum((-2, -1))
    # Σ‖x(SP)ᵀ − x‖² = <C E, E> with E = PᵀP − 1 and C = xᵀx.
    mine = signals.select(int(paired), 0)
    error = matrix.mT @ matrix
    error.diagonal(dim1=-2, dim2=-1).sub_(1)
    moved = weights[0][:, None, None] * (mine.mT @ mine @ error)
    loss += (moved * error).sum((-2, -1))
    if not differentiate:
        return loss, torch.zeros_like(h)
    return loss, pull_back(upstream.baddbmm_(matrix, moved + moved.mT, alpha=2))
