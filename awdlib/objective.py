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
        One batch for all filters, or one for each.
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
    constants = [t for t in (x, lam, gamma, gradients) if t is not None]
    if attributions is None and _is_fused(constants, settings, paired):
        examples, bands = x.shape[1] if paired else x.shape[0], settings.level + 1
        scaling = settings.scaling
        weights = torch.stack([
            losses.reconstruction(torch.ones_like(lam), examples),
            losses.sparsity(lam, examples, bands, scaling=scaling),
            losses.interpretation(gamma, examples, bands, scaling=scaling),
        ])  # fmt: skip
        validity = losses.validity_penalties(h, scaling=scaling).sum(-1)
        return validity + fused.data_loss(
            h, x, gradients, weights, level=settings.level, paired=paired
        )
    terms = loss_terms(
        h, x, settings, paired=paired, gradients=gradients, attributions=attributions
    )
    loss = terms["reconstruction"] + terms["validity"] + lam * terms["sparsity"]
    return loss + gamma * terms["interpretation"] if "interpretation" in terms else loss


def _is_fused(constants: list[torch.Tensor], settings: Settings, paired: bool) -> bool:
    """Whether `awdlib.fused` has the value and gradient of this case; x comes first."""
    x, has_gradients = constants[0], len(constants) == 4
    sized = x.ndim - paired == 4 or x.shape[-1] <= dwt.DENSE_UP_TO
    known = settings.mode == "zero" and (settings.method == "saliency" or not has_gradients)
    return sized and known and not any(t.requires_grad for t in constants)


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
