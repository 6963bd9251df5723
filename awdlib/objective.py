"""The objective of Eq. 8 on one batch, for a batch of filters: `awdlib.losses` put together.

reconstruction + W + γ‖(Ψ⁻¹)ᵀG‖₁, where G is the network's gradient (see `awdlib.attribution`).
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from awdlib import attribution, dwt, fused, losses, matrices
from awdlib.conventions import MODES, Mode, Scaling, check_choice

Parametrisation = Literal["taps", "lattice"]


@dataclass(frozen=True)
class Settings:
    """What decides a fit besides the data, λ, γ, seed and start. Defaults are the paper's.

    Attributes
    ----------
    level : int
        J.
    mode : str
        Boundary mode, see `awdlib.conventions`.
    epochs, batch_size, lr
        Adam's; the data are shuffled anew every epoch, and the last batch may be smaller.
    scaling : str
        ``"reference"`` (units of the published λ and γ) or ``"paper"``, see `awdlib.losses`.
    method : str
        Attribution: ``"saliency"``, ``"input_x_gradient"`` or ``"integrated_gradients"``.
    parametrisation : str
        ``"taps"``: N free taps held by the penalties; ``"lattice"``: N/2 − 1 free angles, every
        penalty zero by construction.
    target : int
        Which output of the network.
    penalties : bool
        The five validity penalties; False leaves them out, to see what they are for.
    """

    level: int = 4
    mode: Mode = "zero"
    epochs: int = 100
    batch_size: int = 100
    lr: float = 1e-3
    scaling: Scaling = "reference"
    method: attribution.Method = "saliency"
    parametrisation: Parametrisation = "taps"
    target: int = 0
    penalties: bool = True

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        check_choice("scaling", self.scaling, get_args(Scaling))
        check_choice("method", self.method, attribution.METHODS)
        check_choice("parametrisation", self.parametrisation, get_args(Parametrisation))
        for name, least in (("level", 1), ("epochs", 0), ("batch_size", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if not self.lr > 0:
            raise ValueError(f"lr must be positive, not {self.lr}")


def batch_loss(
    h: torch.Tensor,
    x: torch.Tensor,
    lam: torch.Tensor,
    gamma: torch.Tensor,
    settings: Settings,
    *,
    paired: bool = False,
    gradients: torch.Tensor | None = None,
    attributions: list[torch.Tensor] | None = None,
) -> torch.Tensor:
    """Eq. 8 on one batch, a value for each filter.

    Parameters
    ----------
    h : torch.Tensor, shape (filters, taps)
    x : torch.Tensor, shape (batch, channel, ...), or (filters, batch, channel, ...) if `paired`
        One batch for all filters, or one for each. For short signals, where `is_fused`, it may be
        (groups, batch, channel, time): one for each group of filters, equally many side by side.
    lam, gamma : torch.Tensor, shape (filters,)
    settings : Settings
    paired : bool
    gradients : torch.Tensor, shape of `x`, optional
        ∇f(x); without it and `attributions` the interpretation loss is left out.
    attributions : list of torch.Tensor, each (filters, ...), optional
        Ready-made instead.

    Returns
    -------
    torch.Tensor, shape (filters,)
    """
    if attributions is None and is_fused(settings, x, gradients, lam, gamma, paired=paired):
        return _Differentiable.apply(h, x, lam, gamma, settings, paired, gradients)
    terms = loss_terms(
        h, x, settings, paired=paired, gradients=gradients, attributions=attributions
    )
    loss = terms["reconstruction"] + lam * terms["sparsity"]
    if settings.penalties:
        loss = loss + terms["validity"]
    return loss + gamma * terms["interpretation"] if "interpretation" in terms else loss


def loss_and_gradient(
    h: torch.Tensor,
    x: torch.Tensor,
    lam: torch.Tensor,
    gamma: torch.Tensor,
    settings: Settings,
    *,
    paired: bool = False,
    gradients: torch.Tensor | None = None,
    differentiate: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`batch_loss` and its gradient in h, side by side, where `is_fused` says so.

    Without autograd, which would take longer than the arithmetic. Without `differentiate` the
    gradient is that of the penalties alone.
    """
    examples, bands = x.shape[1] if paired else x.shape[0], settings.level + 1
    scaling = settings.scaling
    weights = torch.stack([
        losses.reconstruction(torch.ones_like(lam), examples),
        losses.sparsity(lam, examples, bands, scaling=scaling),
        losses.interpretation(gamma, examples, bands, scaling=scaling),
    ])  # fmt: skip
    loss, slope = fused.data_loss(
        h, x, gradients, weights, level=settings.level, paired=paired, differentiate=differentiate
    )
    if settings.penalties:
        validity, its_slope = losses.validity_and_gradient(h, scaling=scaling)
        loss, slope = loss + validity, slope + its_slope
    return loss, slope


class _Differentiable(torch.autograd.Function):
    """`loss_and_gradient` as one step from h to the loss, once differentiable."""

    @staticmethod
    def forward(ctx, h, x, lam, gamma, settings, paired, gradients):
        loss, slope = loss_and_gradient(
            h, x, lam, gamma, settings, paired=paired, gradients=gradients,
            differentiate=ctx.needs_input_grad[0],
        )  # fmt: skip
        ctx.save_for_backward(slope)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        (slope,) = ctx.saved_tensors
        return upstream[:, None] * slope, None, None, None, None, None, None


def is_fused(
    settings: Settings,
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    *constants: torch.Tensor,
    paired: bool = False,
) -> bool:
    """Whether `loss_and_gradient` knows this case: it sees all but h as constants."""
    sized = x.ndim - paired == 4 or x.shape[-1] <= dwt.DENSE_UP_TO
    known = settings.mode == "zero" and (settings.method == "saliency" or gradients is None)
    tensors = (x, gradients, *constants)
    return sized and known and not any(t is not None and t.requires_grad for t in tensors)


def loss_terms(
    h: torch.Tensor,
    x: torch.Tensor,
    settings: Settings,
    *,
    paired: bool = False,
    gradients: torch.Tensor | None = None,
    attributions: list[torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """The terms of Eq. 8 before λ and γ, each (filters,). Parameters as of `batch_loss`.

    The keys are reconstruction, validity, sparsity and, where there are gradients or
    attributions, interpretation.
    """
    images = x.ndim - paired == 4
    short = not images and x.shape[-1] <= dwt.DENSE_UP_TO
    sums = (_sums_by_matrices if short else _sums_by_transforms)(h, x, settings, paired, gradients)
    if attributions is not None:
        sums["interpretation"] = losses.l1(attributions)
    examples, bands = x.shape[1] if paired else x.shape[0], settings.level + 1
    scaling = settings.scaling
    terms = {
        "reconstruction": losses.reconstruction(sums["reconstruction"], examples),
        "validity": losses.validity_penalties(h, scaling=scaling).sum(-1),
        "sparsity": losses.sparsity(sums["sparsity"], examples, bands, scaling=scaling),
    }
    if "interpretation" in sums:
        terms["interpretation"] = losses.interpretation(
            sums["interpretation"], examples, bands, scaling=scaling
        )
    return terms


def _sums_by_transforms(
    h: torch.Tensor,
    x: torch.Tensor,
    settings: Settings,
    paired: bool,
    gradients: torch.Tensor | None,
) -> dict[str, torch.Tensor]:
    """Squared error and L1 norms over the batch, for images and long signals."""
    images = x.ndim - paired == 4
    level, mode = settings.level, settings.mode
    if images:
        w2 = dwt.wavedec2(x, h, level=level, mode=mode, paired=paired)
        back = dwt.waverec2(w2, h, mode=mode)[..., : x.shape[-2], : x.shape[-1]]
        arrays = dwt.flatten_coeffs(w2)
    else:
        arrays = dwt.wavedec(x, h, level=level, mode=mode, paired=paired)
        back = dwt.waverec(arrays, h, mode=mode)[..., : x.shape[-1]]
    sums = {
        "reconstruction": (back - x).flatten(1).square().sum(-1),
        "sparsity": losses.l1(arrays),
    }
    if gradients is not None:
        scores = attribution.from_gradients(
            gradients, x, h, level=level, mode=mode, method=settings.method, paired=paired
        )
        sums["interpretation"] = losses.l1(dwt.flatten_coeffs(scores))
    return sums


def _sums_by_matrices(
    h: torch.Tensor,
    x: torch.Tensor,
    settings: Settings,
    paired: bool,
    gradients: torch.Tensor | None,
) -> dict[str, torch.Tensor]:
    """The same for short signals, by one matrix a filter."""
    level, mode, n = settings.level, settings.mode, x.shape[-1]
    analysis = matrices.analysis_matrix(h, n, level=level, mode=mode)  # (filters, coefficients, n)
    synthesis = matrices.synthesis_matrix(h, n, level=level, mode=mode)
    signals = x.flatten(-3, -2)  # (filters or none, batch * channel, n)
    w = signals @ analysis.mT
    sums = {
        "reconstruction": (w @ synthesis.mT - signals).flatten(1).square().sum(-1),
        "sparsity": losses.l1([w]),
    }
    if gradients is not None:
        scores = gradients.flatten(-3, -2) @ synthesis
        sums["interpretation"] = losses.l1(
            [scores if settings.method == "saliency" else scores * w]
        )
    return sums
