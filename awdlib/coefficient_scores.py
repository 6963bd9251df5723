"""Contextual decomposition of wavelet coefficients: TRIM (Eq. 7) with CD as its attribution.

Unlike a saliency, a score of CD is not linear in its coefficient, so there is no shortcut as in
`awdlib.attribution`: each coefficient needs its own way through the network.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from awdlib import dwt
from awdlib.attribution import one_output
from awdlib.conventions import Coeffs1d, Coeffs2d, Mode
from awdlib.decomposition import decompose


def wavelet_scores(
    model: nn.Module,
    x: Tensor,
    h: Tensor,
    *,
    level: int,
    mode: Mode = "zero",
    target: int = 0,
    keep: int | None = None,
    batch_size: int = 1024,
    create_graph: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Coeffs1d | Coeffs2d:
    """CD score of every wavelet coefficient: TRIM (Eq. 7) with CD as its attribution.

    The relevant part is the synthesis of one coefficient alone, the rest is x minus it: hence the
    network sees x whatever the filter, and the residual x − Ψ⁻¹Ψx belongs to the rest.

    Parameters
    ----------
    model
        As of `decompose`.
    x : torch.Tensor, shape (batch, channel, time) or (batch, channel, height, width)
    h : torch.Tensor, shape (taps,)
    level, mode
        As of `awdlib.dwt.wavedec`.
    target : int
        Which output; ignored for (batch,).
    keep : int, optional
        Of every example, score only so many coefficients, the largest by size; the others' scores
        are zero. By default all are scored, which images have too many of.
    batch_size : int
        Pairs of an example and a coefficient at a time, which bounds memory.
    create_graph : bool
        Let the scores be differentiated, once, in `h` and `x`. Every batch of pairs is computed
        again on the way back, which keeps memory bounded there too.
    progress : callable, optional
        Called with (pairs done, pairs).

    Returns
    -------
    list
        Shaped as the coefficients, in the units of the network's output.

    Raises
    ------
    ValueError
        As of `decompose`; for a wrong shape, `keep` or `target`, or scores that are not finite.
    """
    if x.ndim not in (3, 4):
        raise ValueError(
            "x must be (batch, channel, time) or (batch, channel, height, width), not of shape "
            f"{tuple(x.shape)}"
        )
    if h.ndim != 1:
        raise ValueError(f"wavelet_scores takes one filter of shape (taps,), not {tuple(h.shape)}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    two = x.ndim == 4
    with torch.set_grad_enabled(create_graph):
        coeffs = (dwt.wavedec2 if two else dwt.wavedec)(x, h, level=level, mode=mode)
        bands = dwt.flatten_coeffs(coeffs)
        sizes = [band[0].numel() for band in bands]
        values = torch.cat([band.flatten(1) for band in bands], 1)  # (batch, coefficients)
        chosen = _largest(values, keep)  # (batch, kept)

        def arranged(flat: Tensor) -> list:
            arrays = zip(flat.split(sizes, 1), bands, strict=True)
            return dwt.unflatten_coeffs([a.unflatten(1, b.shape[1:]) for a, b in arrays], coeffs)

        def scores(rows: Tensor, columns: Tensor, values: Tensor, x: Tensor, h: Tensor) -> Tensor:
            alone = values.new_zeros(len(rows), values.shape[1])
            alone = alone.scatter(1, columns[:, None], values[rows, columns][:, None])
            # Synthesis gives odd sizes back one larger.
            relevant = (dwt.waverec2 if two else dwt.waverec)(arranged(alone), h, mode=mode)
            relevant = relevant[..., : x.shape[-1]]
            relevant = relevant[..., : x.shape[-2], :] if two else relevant
            of_relevant = decompose(model, relevant, x[rows] - relevant)[0]
            return one_output(of_relevant, len(rows), target)

        pairs = torch.arange(chosen.numel(), device=x.device)
        parts: list[Tensor] = []
        for pair in pairs.split(batch_size):
            of_pair = partial(scores, pair // chosen.shape[1], chosen.flatten()[pair])
            parts.append(_Recomputed.apply(of_pair, values, x, h))
            if progress:
                progress(int(pair[-1]) + 1, len(pairs))
        kept = torch.cat(parts).view_as(chosen)
        if bad := int((~torch.isfinite(kept)).any(1).sum()):
            raise ValueError(f"the scores are not finite for {bad} of {len(x)} examples")
        return arranged(torch.zeros_like(values).scatter(1, chosen, kept))


class _Recomputed(torch.autograd.Function):
    """function(*tensors), whose graph is built only on the way back, for one batch at a time.

    torch.utils.checkpoint would load torch's compiler first: seconds in every process.
    """

    @staticmethod
    def forward(ctx, function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(*tensors)
        return function(*tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple[Tensor | None, ...]:
        with torch.enable_grad():
            inputs = [t.detach().requires_grad_() for t in ctx.saved_tensors]
            total = (upstream * ctx.function(*inputs)).sum()
        return None, *torch.autograd.grad(total, inputs)


def _largest(values: Tensor, keep: int | None) -> Tensor:
    """(batch, kept) indices of the coefficients (batch, coefficients) that are scored."""
    count = values.shape[1]
    if keep is None:
        return torch.arange(count, device=values.device).expand_as(values)
    if not 1 <= keep <= count:
        raise ValueError(f"keep must lie between 1 and the {count} coefficients, not {keep}")
    return values.abs().topk(keep, 1).indices
