"""Adaptive wavelet distillation: learn one lowpass filter, or a batch of them at once.

The network's gradient G is computed once (or given); training then minimises Eq. 8 with no network
in the loop. ``through_network=True`` does it the reference way, by a second derivative through the
network at every step, for checking.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import pi, sqrt
from typing import Any, get_args

import numpy as np
import torch

from awdlib import attribution, batches, dwt, filters
from awdlib.adam import Adam
from awdlib.conventions import check_choice, check_filter, check_finite, check_signal
from awdlib.filters import Validity
from awdlib.objective import Settings, batch_loss, is_fused, loss_and_gradient
from awdlib.threads import one_thread

Scores = Callable[[torch.Tensor, torch.Tensor], list[torch.Tensor]]


@dataclass(frozen=True)
class Distilled:
    """The result of `distill`. With one filter the leading ``filters`` dimension is left out.

    Attributes
    ----------
    h : torch.Tensor, shape (filters, taps)
        The distilled lowpass filter.
    lam, gamma : torch.Tensor, shape (filters,)
    seed : torch.Tensor of int, shape (filters,)
    loss : torch.Tensor, shape (epochs, filters)
        Mean over each epoch's batches.
    trajectory : torch.Tensor, shape (epochs + 1, filters, taps)
        h at the start and after every epoch.
    settings : Settings
    """

    h: torch.Tensor
    lam: torch.Tensor
    gamma: torch.Tensor
    seed: torch.Tensor
    loss: torch.Tensor
    trajectory: torch.Tensor
    settings: Settings = field(default_factory=Settings)

    @property
    def validity(self) -> Validity | list[Validity]:
        """Validity of the filter, or of each filter of a batch."""
        if self.h.ndim == 1:
            return filters.validity(self.h)
        return [filters.validity(h) for h in self.h]


@torch.enable_grad()
def distill(
    x: torch.Tensor,
    model: attribution.Network | None = None,
    *,
    gradients: torch.Tensor | None = None,
    start: str | torch.Tensor = "db5",
    lam: float | Sequence[float] | torch.Tensor = 0.005,
    gamma: float | Sequence[float] | torch.Tensor = 0.043,
    seed: int | Sequence[int] | torch.Tensor = 1,
    rows: Mapping[int, torch.Tensor | Sequence[int]] | None = None,
    through_network: bool = False,
    residual: attribution.Residual = "follow",
    scores: Scores | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Distilled:
    """Distil a network into an orthogonal wavelet (Eq. 8).

    λ, γ, seed and start broadcast against each other: arrays train one filter for each entry, all
    at once, each with its own Adam state and its own shuffling (decided by its seed alone).

    Parameters
    ----------
    x : torch.Tensor, shape (examples, channel, time) or (examples, channel, height, width)
        Training signals. Its type and device are those of the computation.
    model : callable, optional
        The network, (batch, ...) to (batch,) or (batch, outputs). Not needed where γ = 0.
    gradients : torch.Tensor, shape of `x` or (filters, *shape of x), optional
        Instead of `model`: ∇f(x), for any black box, see `awdlib.attribution.input_gradients`; the
        second form gives every filter a network of its own.
    start : str or torch.Tensor, shape (taps,) or (filters, taps)
        Where h starts: a PyWavelets name or taps.
    lam, gamma : float or sequence of shape (filters,)
        λ and γ of Eq. 8, at least 0, in the units of ``scaling``.
    seed : int or sequence of shape (filters,)
    rows : mapping of seed to torch.Tensor or sequence of int, (some,), optional
        Which of the examples the fits of a seed see, equally many for every seed; else all. So
        several data sets, one after the other in `x`, train in one batch.
    through_network : bool
        Differentiate through the network at every step instead of using its gradient.
    residual : str
        With `through_network`: ``"follow"`` (Eq. 7) or ``"detached"`` (the authors' code).
    scores : callable, optional
        Instead of a network: (batch of x, filter) to the attributions of its coefficients, band by
        band, differentiable in the filter. For attributions that no gradient gives, such as
        `awdlib.coefficient_scores`; asked at every step.
    progress : callable, optional
        Called with (epochs done, epochs).
    **settings
        Fields of `Settings`: level, mode, epochs, batch_size, lr, scaling, method,
        parametrisation, target, penalties.

    Returns
    -------
    Distilled

    Raises
    ------
    ValueError
        In one sentence: wrong shapes, values that are not finite, γ > 0 without network and
        gradients, a start that is not orthonormal for the lattice, a fit that diverged.

    Examples
    --------
    >>> x = torch.randn(64, 1, 32, generator=torch.Generator().manual_seed(0))
    >>> distill(x, lambda x: x.sum((1, 2)), epochs=1, level=2).h.shape
    torch.Size([10])
    """
    config = Settings(**settings)
    check_choice("residual", residual, get_args(attribution.Residual))
    own = gradients is not None and gradients.ndim == x.ndim + 1
    _check_data(x, gradients)
    if own and rows is not None:
        raise ValueError("rows and gradients for every fit exclude each other: put them into rows")
    networks = tuple(gradients.shape[:1]) if gradients is not None and own else ()
    h, lam_, gamma_, seeds, single = _broadcast(start, lam, gamma, seed, x, networks)
    seen = batches.examples_of(len(x), seeds, rows)
    needs_network = bool((gamma_ > 0).any())
    if scores is not None and (through_network or model is not None or gradients is not None):
        raise ValueError("scores stand in for a network: give neither model nor gradients too")
    if through_network:
        if needs_network and model is None:
            raise ValueError("through_network=True needs the network itself (model)")
        scores = None if model is None else _reference_way(model, config, residual)
    asked = needs_network and scores is not None
    if needs_network and not asked and gradients is None:
        if model is None:
            raise ValueError("γ > 0 needs a network (model) or its gradients; γ = 0 needs neither")
        gradients = attribution.input_gradients(
            model, x, target=config.target, method=config.method
        )
    gradients = None if gradients is None or not needs_network or asked else gradients.to(x)
    own = own and gradients is not None

    short = x.ndim == 3 and x.shape[-1] <= dwt.DENSE_UP_TO
    fused = not asked and is_fused(config, x, gradients)
    order, groups = (
        batches.groups_of(seeds) if short and fused and not own else batches.each_alone(seeds)
    )
    lams, gammas = lam_[order], gamma_[order]
    parameters, taps = _parametrise(h[order], config.parametrisation)
    direct = fused and config.parametrisation == "taps"  # no autograd
    parameters.requires_grad_(not direct)
    adam = Adam(parameters, config.lr)
    trajectory, history = [taps(parameters).detach().clone()], []
    with one_thread() if short and x.device.type == "cpu" else nullcontext():
        for epoch in range(config.epochs):
            total, steps = torch.zeros_like(lam_), 0
            for index in batches.batches_of(seen, config.batch_size, groups, epoch):
                filters_now = taps(parameters)
                if own and index.ndim == 1:
                    index = index.expand(len(lam_), -1)
                part, paired = batches.pick(x, index), index.ndim == 2
                slopes = None if gradients is None else batches.pick_slopes(gradients, index, own)
                if direct:
                    loss, slope = loss_and_gradient(
                        parameters, part, lams, gammas, config, paired=paired, gradients=slopes
                    )
                else:
                    given = None
                    if scores is not None and asked:
                        given = _of_each(scores, part, filters_now, paired)
                    loss = batch_loss(
                        filters_now, part, lams, gammas, config,
                        paired=paired, gradients=slopes, attributions=given,
                    )  # fmt: skip
                    (slope,) = torch.autograd.grad(loss.sum(), parameters)
                adam.step(slope)
                total += loss.detach()
                steps += 1
            trajectory.append(taps(parameters).detach().clone())
            history.append(total / steps)
            if progress:
                progress(epoch + 1, config.epochs)
    back = order.argsort()
    path = torch.stack(trajectory)[:, back]
    _check_finite(path[-1], lam_, gamma_)
    curve = torch.stack(history)[:, back] if history else lam_.new_zeros(0, len(lam_))
    pick = 0 if single else slice(None)
    return Distilled(
        h=path[-1][pick].clone(), lam=lam_[pick], gamma=gamma_[pick], seed=seeds[pick],
        loss=curve[:, pick], trajectory=path[:, pick], settings=config,
    )  # fmt: skip


def _reference_way(
    model: attribution.Network, settings: Settings, residual: attribution.Residual
) -> Scores:
    """Attributions by TRIM through the network, differentiable by a second derivative."""

    def scores(x: torch.Tensor, h: torch.Tensor) -> list[torch.Tensor]:
        return dwt.flatten_coeffs(
            attribution.trim(
                model, x, h, level=settings.level, mode=settings.mode, target=settings.target,
                method=settings.method, residual=residual, create_graph=True,
            )
        )  # fmt: skip

    return scores


def _of_each(scores: Scores, x: torch.Tensor, h: torch.Tensor, paired: bool) -> list[torch.Tensor]:
    """Attributions by each filter (filters, taps), stacked."""
    each = [scores(x[k] if paired else x, one) for k, one in enumerate(h)]
    return [torch.stack(bands) for bands in zip(*each, strict=True)]


def _parametrise(
    h: torch.Tensor, kind: str
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """The free parameters of the filters, and the map from them to the taps."""
    if kind == "taps":
        return h.clone(), lambda parameters: parameters
    angles = torch.stack([filters.angles_from_taps(one) for one in h])
    if not (h.sum(-1) - sqrt(2)).abs().max() < 1e-6:
        raise ValueError("the lattice needs a start whose taps sum to √2, as a wavelet's do")

    def taps(free: torch.Tensor) -> torch.Tensor:
        # The angles of a filter with Σh = √2 sum to π/4 modulo 2π: the last is not free.
        return filters.taps_from_angles(torch.cat([free, pi / 4 - free.sum(-1, keepdim=True)], -1))

    return angles[:, :-1].clone(), taps


def _broadcast(
    start: str | torch.Tensor,
    lam: object,
    gamma: object,
    seed: object,
    x: torch.Tensor,
    networks: tuple[int, ...] = (),
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, bool]:
    """Starts (filters, taps), λ, γ and seeds (filters,), and whether a single filter was asked."""
    h = filters.lowpass(start) if isinstance(start, str) else start.detach()
    check_filter(h)
    check_finite(h)
    numbers = []
    for name, value in (("lam", lam), ("gamma", gamma)):
        tensor = torch.as_tensor(value, dtype=torch.float64)
        if not (torch.isfinite(tensor).all() and (tensor >= 0).all()):
            raise ValueError(f"{name} must be finite and at least 0, not {value}")
        numbers.append(tensor)
    seeds = torch.as_tensor(seed, dtype=torch.int64)
    if (seeds < 0).any():
        raise ValueError(f"seed must be at least 0, not {seed}")
    shapes = [tuple(t.shape) for t in (*numbers, seeds, h[..., 0])]
    shapes += [networks] if networks else []
    try:
        shape = np.broadcast_shapes(*shapes)  # torch's loads SymPy for it: seconds
    except ValueError as error:
        raise ValueError(
            "lam, gamma, seed, start and networks must be single or equally many, not "
            + ", ".join(str(s) for s in shapes)
        ) from error
    if networks and shape != networks:
        raise ValueError(
            f"gradients of {networks[0]} networks for {shape[0]} fits: give one for each fit"
        )
    if len(shape) > 1:
        raise ValueError(f"lam, gamma and seed must have one dimension, not {len(shape)}")
    if shape == (0,):
        raise ValueError("lam, gamma and seed must name at least one fit")
    count = shape[0] if shape else 1
    h = h.to(x).expand(count, h.shape[-1]).clone()
    lam_, gamma_ = (t.to(x).expand(count).clone() for t in numbers)
    return h, lam_, gamma_, seeds.expand(count).clone(), not shape


def _check_data(x: torch.Tensor, gradients: torch.Tensor | None) -> None:
    check_signal(x, 3)
    if x.ndim not in (3, 4):
        raise ValueError(
            "x must have shape (examples, channel, time) or (examples, channel, height, width), "
            f"not {tuple(x.shape)}"
        )
    if not torch.isfinite(x).all():
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        raise ValueError(f"x is not finite in {bad} of {len(x)} examples: drop or fill them first")
    if gradients is None:
        return
    if x.shape not in (gradients.shape, gradients.shape[1:]):
        raise ValueError(
            f"gradients must have the shape of x, {tuple(x.shape)}, or that after the number of "
            f"fits, not {tuple(gradients.shape)}"
        )
    if not torch.isfinite(gradients).all():
        raise ValueError("gradients hold values that are not finite")


def _check_finite(h: torch.Tensor, lam: torch.Tensor, gamma: torch.Tensor) -> None:
    bad = ~torch.isfinite(h).all(-1)
    if bad.any():
        k = int(bad.nonzero()[0, 0])
        raise ValueError(
            f"the fit at λ = {lam[k].item():g}, γ = {gamma[k].item():g} diverged ({int(bad.sum())} "
            f"of {len(h)} filters): lower lr, λ or γ"
        )
