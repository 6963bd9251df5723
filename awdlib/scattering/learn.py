"""Filters learned by backpropagation below a linear head (the proposal's Sec. I(1))."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from awdlib.adam import Adam
from awdlib.scattering.banks import at_least_one, rescale
from awdlib.scattering.model import ScatteringModel, as_columns, score
from awdlib.scattering.spectra import filtered
from awdlib.scattering.transform import Scattering

_DIVERGED = "learning diverged in epoch {}: lower lr_filters or lr_head"
TOLERANCE = 1e-6  # by which rounding may push a Littlewood–Paley sum of 1 up


@dataclass(frozen=True)
class History:
    """What `fit` went through.

    Attributes
    ----------
    loss, penalty, littlewood_paley : numpy.ndarray, shape (steps,)
        Loss of each step's batch without the penalty, the penalty γ · R, and the largest
        Littlewood–Paley sum after the step.
    held_loss, held_score : numpy.ndarray, shape (epochs,)
        Of the held-out examples after each epoch: loss, and accuracy or R².
    best : int
        The epoch, from 0, whose parameters were kept.

    An epoch is once through the examples, or as many steps as `fit` was told.
    """

    loss: np.ndarray
    penalty: np.ndarray
    littlewood_paley: np.ndarray
    held_loss: np.ndarray
    held_score: np.ndarray
    best: int

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it for a ledger; `of` is the way back."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> History:
        """The history that told its `arrays`."""
        curves = {name: array for name, array in arrays.items() if name != "best"}
        return cls(**curves, best=int(arrays["best"]))


def fit(
    model: ScatteringModel,
    x: Tensor,
    y: Tensor,
    x_held: Tensor,
    y_held: Tensor,
    *,
    seed: int,
    lr_filters: float = 1e-2,
    lr_head: float = 1e-2,
    weight_decay: float = 1e-2,
    epochs: int = 100,
    patience: int = 20,
    batch_size: int = 64,
    every: int | None = None,
    augment: Callable[[Tensor, int], Tensor] | None = None,
    gradients: Tensor | None = None,
    gamma: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
) -> History:
    """Learn filters and head by Adam; keep the parameters that do best on held-out examples.

    Minimises the cross-entropy (classes) or squared error (standardised targets) plus
    weight_decay/2 · ‖head's weights‖² + γ · R, with R as of `attribution_spread`.

    Parameters
    ----------
    model : ScatteringModel
        Changed in place. The head starts anew, the filters where they are.
    x, y : torch.Tensor
        Training examples, and classes (int64) or targets (floats, (examples,) or (examples, k)).
    x_held, y_held : torch.Tensor
        For early stopping: held-out *training* examples, never test ones.
    seed : int
        Of the head's start and the shuffling.
    lr_filters, lr_head : float
        With `lr_filters` 0, features are computed once and only the head learns.
    epochs, patience : int
        At most so many; stop after so many without a smaller held-out loss.
    every : int, optional
        Steps that make an epoch, so that few and many examples get as many steps and as many looks
        at the held-out ones; by default an epoch is once through the examples.
    augment : callable, optional
        Of a batch and a whole number that is drawn for every step: the batch changed, for instance
        turned. Gradients are changed alike, so they must turn with their examples.
    gradients : torch.Tensor, optional, of the shape of `x`
        A teacher's gradients by its inputs, computed once (`awdlib.attribution.input_gradients`).
    gamma : float
        γ; needs `gradients`.

    Raises
    ------
    ValueError
        If the scattering learns without being rescaled, the arguments do not fit each other, or
        the loss stops being finite.
    """
    filters = [p for p in model.scattering.parameters() if p.requires_grad and lr_filters > 0]
    at_least_one(epochs=epochs, patience=patience, batch_size=batch_size)
    if every is not None:
        at_least_one(every=every)
    _check(model, x, y, x_held, y_held, bool(filters), gradients, gamma)
    if augment and not filters:
        raise ValueError("augment changes examples: without lr_filters their features are fixed")
    # What does not change is not computed again.
    shown = (lambda a: a) if filters else _in_parts(model.features)
    with torch.no_grad():
        start = _in_parts(model.features)(x)
        model.start(start, y, seed)
        inputs, held = (x, x_held) if filters else (start, shown(x_held))
    outputs = model if filters else model.apply_head
    loss = _squared_error(model) if y.is_floating_point() else nn.functional.cross_entropy
    parameters = [model.head.weight, model.head.bias, *filters]
    adams = [Adam(p, lr_head) for p in parameters[:2]] + [Adam(p, lr_filters) for p in filters]
    steps: list[tuple[float, float, float]] = []
    held_loss: list[float] = []
    held_score: list[float] = []
    best = 0
    batches = _batches(len(x), batch_size, seed)
    turns = np.random.default_rng([seed, len(x)])
    for epoch in range(epochs):
        for _ in range(every or -(-len(x) // batch_size)):
            index = next(batches).to(x.device)
            turn = int(turns.integers(2**31))

            def batch(a: Tensor, index: Tensor = index, turn: int = turn) -> Tensor:
                return augment(a[index], turn) if augment else a[index]

            value = loss(outputs(batch(inputs)), y[index])
            penalty = value.new_zeros(())
            if gamma and gradients is not None:
                penalty = gamma * attribution_spread(model.scattering, batch(gradients))
            found = torch.autograd.grad(value + penalty, parameters, allow_unused=True)
            for parameter, gradient, adam in zip(parameters, found, adams, strict=True):
                if gradient is None:
                    continue
                if parameter is model.head.weight:
                    gradient = gradient + weight_decay * parameter.detach()
                adam.step(gradient)
            if not all(torch.isfinite(parameter).all() for parameter in parameters):
                raise ValueError(_DIVERGED.format(epoch + 1))
            largest = _sum_after_step(model.scattering, x) if filters or not steps else steps[-1][2]
            steps.append((value.item(), penalty.item(), largest))
        with torch.no_grad():
            predicted = _in_parts(outputs)(held)
            held_loss.append(loss(predicted, y_held).item())
            held_score.append(score(predicted, y_held))
        if not np.isfinite(held_loss[-1]):
            raise ValueError(_DIVERGED.format(epoch + 1))
        if progress:
            progress(epoch + 1, epochs)
        if epoch == 0 or held_loss[-1] < held_loss[best]:
            best = epoch
            kept = [p.detach().clone() for p in parameters]
        elif epoch - best >= patience:
            break
    with torch.no_grad():
        for parameter, value in zip(parameters, kept, strict=True):
            parameter.copy_(value)
    values, penalties, sums = np.array(steps).T
    return History(values, penalties, sums, np.array(held_loss), np.array(held_score), best)


def attribution_spread(scattering: Scattering, gradients: Tensor) -> Tensor:
    """How widely a teacher's attributions are spread over the wavelets: AWD's idea, scale-free.

    R = mean over examples of ‖a‖₁ / (√N ‖a‖₂), with a = (G ⋆ ψ_λ)_λ, all N numbers of one example
    at full size. G is the teacher's gradient by its input, and a is linear in it: these are not
    attributions of scattering coefficients, which are moduli. Only for a tight frame (a
    Littlewood–Paley sum of 1 everywhere, as orthogonal filters have) is a the gradient by the
    wavelet coefficients, (Ψ⁻¹)ᵀG; the sum of Morlet wavelets is far from even. R lies in (0, 1] and
    is smallest where few coefficients hold all of it; the norm below makes shrinking a filter
    useless.

    Parameters
    ----------
    scattering : Scattering
    gradients : torch.Tensor, shape (batch, *shape) or (batch, inputs, *shape)
    """
    axes = tuple(range(-scattering.dims, 0))
    filters = rescale(scattering.bank(scattering.shape)).to(gradients)
    keep = [n for n in range(len(filters.psi)) if scattering.keep[n]]
    spectrum = torch.fft.fftn(gradients, dim=axes).unsqueeze(-scattering.dims - 1)
    product = filtered(spectrum, filters.psi[keep], 0, scattering.dims)
    a = torch.fft.ifftn(product, dim=axes).abs().flatten(1)
    tiny = torch.finfo(a.dtype).tiny
    length = torch.linalg.vector_norm(a, dim=1).clamp(min=tiny)
    return (a.sum(1) / (a.shape[1] ** 0.5 * length)).mean()


@torch.no_grad()
def jitter(module: nn.Module, spread: float, seed: int) -> None:
    """Add normal noise to all parameters that learn, in place: a random restart's start.

    Parameters
    ----------
    module : torch.nn.Module
        For instance a bank; its parameters are logarithms and angles, so `spread` is relative.
    spread : float
        Standard deviation.
    seed : int
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(spread * noise.to(parameter))


def _batches(count: int, size: int, seed: int) -> Iterator[Tensor]:
    """Places of examples, shuffled anew whenever all have been seen, without end."""
    pass_ = 0
    while True:
        order = np.random.default_rng([seed, pass_]).permutation(count)
        yield from torch.from_numpy(order).split(size)
        pass_ += 1


def _sum_after_step(scattering: Scattering, like: Tensor) -> float:
    """Of the filters as they are applied to such examples, rounded to their precision."""
    with torch.no_grad():
        largest = float(scattering.littlewood_paley_max(like))
    if scattering.rescale and not largest <= 1 + TOLERANCE:
        raise ValueError(f"the Littlewood–Paley sum reached {largest}: lower lr_filters")
    return largest


def _squared_error(model: ScatteringModel) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return (((outputs - as_columns(y)) / model.unit) ** 2).mean()

    return loss


def _in_parts(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Apply a function to 256 examples at a time, to spare memory."""
    return lambda x: torch.cat([function(some) for some in x.split(256)])


def _check(
    model: ScatteringModel,
    x: Tensor,
    y: Tensor,
    x_held: Tensor,
    y_held: Tensor,
    learns: bool,
    gradients: Tensor | None,
    gamma: float,
) -> None:
    if learns and not model.scattering.rescale:
        raise ValueError(
            "filters are learned with Scattering(..., rescale=True), which bounds them"
        )
    if not len(x) or not len(x_held) or len(x) != len(y) or len(x_held) != len(y_held):
        raise ValueError(
            f"{len(x)} training examples have {len(y)} targets, {len(x_held)} held-out ones "
            f"{len(y_held)}: both need as many, and at least one"
        )
    for name, a in (("x", x), ("x_held", x_held), ("y", y), ("y_held", y_held)):
        bad = int((~torch.isfinite(a)).reshape(len(a), -1).any(1).sum())
        if bad:
            raise ValueError(f"{name} is not finite in {bad} of {len(a)} examples: leave them out")
    outputs = model.head.out_features
    if not y.is_floating_point() and (y.dtype, y_held.dtype) != (torch.int64, torch.int64):
        raise ValueError(
            f"classes are of type int64, not {y.dtype} and held out {y_held.dtype}: "
            "y.long() makes them so"
        )
    for name, a in (("y", y), ("y_held", y_held)):
        if a.is_floating_point() != y.is_floating_point():
            raise ValueError(f"y is of type {y.dtype}, y_held of {y_held.dtype}: both need targets "
                             "(floats) or classes (int64)")  # fmt: skip
        if a.is_floating_point():
            if as_columns(a).shape[1] != outputs:
                raise ValueError(
                    f"the model has {outputs} outputs, {name} {as_columns(a).shape[1]} targets"
                )
        elif int(a.max()) >= outputs or int(a.min()) < 0:
            raise ValueError(
                f"{name} has classes {int(a.min())} to {int(a.max())}; they are numbered from 0 to "
                f"{outputs - 1}, the model's last output"
            )
    if gamma and (gradients is None or gradients.shape != x.shape):
        raise ValueError("gamma needs the teacher's gradients, of the shape of x")
