"""The data terms of Eq. 8 with their gradient in h, computed together: what training runs on.

For mode ``zero`` and the saliency, ``awdlib.objective.loss_terms`` says the same in a few lines of
differentiable transforms. But a fit has as many unknowns as taps, and autograd would keep and visit
many batch-sized arrays to get so few numbers. Here the value and the gradient are computed side by
side.

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
    differentiate: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """weights · (Σ(x − x̂)², Σ|Ψx|, Σ|(Ψ⁻¹)ᵀG|) over a batch, for mode ``zero``, and its gradient.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    x, gradients, paired
        As of `awdlib.objective.batch_loss`: short signals or images.
    weights : torch.Tensor, shape (3, filters)
        The third is not read where there are no gradients.
    level : int
    differentiate : bool
        Without it the gradient is zeros.

    Returns
    -------
    tuple of torch.Tensor, shapes (filters,) and (filters, taps)
    """
    way = of_images if x.ndim - paired == 4 else _short_signals
    return way(h, x, gradients, weights, level, paired, differentiate)


def _short_signals(
    h: torch.Tensor,
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    weights: torch.Tensor,
    level: int,
    paired: bool,
    differentiate: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss (filters,) and its gradient (filters, taps), by one matrix a filter.

    Filters that share a batch stand together, and their matrices go through one product.
    """
    groups, n = len(x) if paired else 1, x.shape[-1]
    matrix, pull_back = matrices.analysis_matrix_and_gradient(h, n, level=level)
    # Both kinds of signals go through the same matrices: (groups, kinds, examples, n).
    kinds = [x] if gradients is None else [x, gradients]
    signals = torch.stack([k.reshape(groups, -1, n) for k in kinds], 1)
    flat = signals.flatten(1, 2)
    # Σ|y| = Σ sign(y) y, so its gradient in the matrix is sign(y) times the signals, and its value
    # the product of both.
    y = torch.bmm(matrix.view(groups, -1, n), flat.mT)
    shares = weights[1 : 1 + len(kinds)].mT[..., None].expand(-1, -1, signals.shape[2])
    y.sign_().view(*matrix.shape[:2], -1).mul_(shares.flatten(1)[:, None])
    upstream = torch.bmm(y, flat).view_as(matrix)
    loss = (upstream * matrix).sum((-2, -1))
    # Σ‖x(SP)ᵀ − x‖² = <E C, E> with E = PᵀP − 1 and C = xᵀx.
    one = torch.eye(n, dtype=h.dtype, device=h.device)
    error = torch.baddbmm(one, matrix.mT, matrix, beta=-1)
    mine = signals[:, 0]
    moved = torch.bmm(error.view(groups, -1, n), torch.bmm(mine.mT, mine)).view_as(error)
    moved *= weights[0][:, None, None]
    loss += (moved * error).sum((-2, -1))
    if not differentiate:
        return loss, torch.zeros_like(h)
    return loss, pull_back(upstream.baddbmm_(matrix, moved + moved.mT, alpha=2))
