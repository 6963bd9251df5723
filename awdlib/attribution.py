"""TRIM: a network's attributions in the wavelet domain (Eq. 7), and the gradients behind them.

TRIM reads f'(w) = f(Ψ⁻¹w + r) at w = Ψx with the residual r = x − Ψ⁻¹w, so the network always
sees x itself. Ψ is linear, hence the saliency is (Ψ⁻¹)ᵀ∇f(x), and ∇f(x) does not depend on the
filter: compute it once (`input_gradients`), then every filter's attributions are one wavelet
transform away (`from_gradients`). `trim` does it through the network, for checking, and for
residuals with which the shortcut does not hold.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal, get_args

import torch

from awdlib import dwt
from awdlib.conventions import Coeffs1d, Coeffs2d, Mode, check_choice, check_signal

Method = Literal["saliency", "input_x_gradient", "integrated_gradients"]
Residual = Literal["follow", "detached", "fixed"]
METHODS: tuple[str, ...] = get_args(Method)
Network = Callable[[torch.Tensor], torch.Tensor]


@torch.enable_grad()
def input_gradients(
    model: Network,
    x: torch.Tensor,
    *,
    target: int = 0,
    method: Method = "saliency",
    steps: int = 32,
    batch_size: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """The gradient G that `from_gradients` turns into attributions; computed once.

    Parameters
    ----------
    model : callable
        Maps (batch, ...) to (batch,) or (batch, outputs).
    x : torch.Tensor, shape (examples, ...)
    target : int
        Which output; ignored for (batch,).
    method : str
        For ``saliency`` and ``input_x_gradient`` G = ∇f(x); for ``integrated_gradients`` its mean
        over the path αx, 0 ≤ α ≤ 1, by Gauss-Legendre quadrature.
    steps : int
        Points of that quadrature.
    batch_size : int
        Examples at a time, which bounds memory whatever `steps` is.
    progress : callable, optional
        Called with (examples done, examples).

    Returns
    -------
    torch.Tensor, shape of `x`
        Detached, with the type and device of `x`.

    Raises
    ------
    ValueError
        If the network's output has the wrong shape, or a gradient is not finite.
    """
    check_choice("method", method, METHODS)
    check_signal(x, 1)
    result = torch.empty_like(x)
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        total = torch.zeros_like(x[part])
        for alpha, weight in _path(method, steps):
            point = (alpha * x[part]).detach().requires_grad_()
            total += weight * _gradient(model, point, [point], target)[0]
        result[part] = total
        if progress:
            progress(min(start + batch_size, len(x)), len(x))
    if not torch.isfinite(result).all():
        bad = int((~torch.isfinite(result)).flatten(1).any(1).sum())
        raise ValueError(f"the network's gradient is not finite for {bad} of {len(x)} examples")
    return result


def from_gradients(
    gradients: torch.Tensor,
    x: torch.Tensor | None,
    h: torch.Tensor,
    *,
    level: int,
    mode: Mode = "zero",
    method: Method = "saliency",
    paired: bool = False,
) -> Coeffs1d | Coeffs2d:
    """Attributions of the coefficients from the signal's gradient, without the network.

    Saliency is (Ψ⁻¹)ᵀG; input × gradient and integrated gradients multiply it by Ψx.

    Parameters
    ----------
    gradients : torch.Tensor, shape (batch, channel, time) or (batch, channel, height, width)
        From `input_gradients` with the same `method`, or from anybody else.
    x : torch.Tensor or None
        The signals; not needed for ``saliency``.
    h, level, mode, paired
        As of `awdlib.dwt.wavedec`. Differentiable in `h`.

    Returns
    -------
    list
        Shaped as the coefficients.
    """
    check_choice("method", method, METHODS)
    two = gradients.ndim - paired == 4
    adjoint = dwt.adjoint_synthesis2 if two else dwt.adjoint_synthesis
    scores = adjoint(gradients, h, level=level, mode=mode, paired=paired)
    if method == "saliency":
        return scores
    if x is None:
        raise ValueError(f"method {method!r} needs the signals x beside their gradients")
    analysis = dwt.wavedec2 if two else dwt.wavedec
    coeffs = analysis(x, h, level=level, mode=mode, paired=paired)
    products = zip(dwt.flatten_coeffs(scores), dwt.flatten_coeffs(coeffs), strict=True)
    return dwt.unflatten_coeffs([s * c for s, c in products], scores)


@torch.enable_grad()
def trim(
    model: Network,
    x: torch.Tensor,
    h: torch.Tensor,
    *,
    level: int,
    mode: Mode = "zero",
    target: int = 0,
    method: Method = "saliency",
    residual: Residual = "follow",
    steps: int = 32,
    create_graph: bool = False,
) -> Coeffs1d | Coeffs2d:
    """TRIM through the network (Eq. 7), for one filter.

    Parameters
    ----------
    model, target, method, steps
        As of `input_gradients`.
    x : torch.Tensor, shape (batch, channel, time) or (batch, channel, height, width)
    h : torch.Tensor, shape (taps,)
    level, mode
        As of `awdlib.dwt.wavedec`.
    residual : str
        What r = x − Ψ⁻¹Ψx does. ``"follow"`` (Eq. 7): constant in w but not in h, so the network
        sees x for every filter; along an integrated path it is scaled with the coefficients.
        ``"detached"``: constant in h too, as the authors' code has it; the same values, another
        gradient in h. ``"fixed"``: added whole at every point of an integrated path (so that the
        attributions sum to f(x) − f(r)), otherwise as ``"follow"``.
    create_graph : bool
        Keep the graph, so that the result can be differentiated in h (a second derivative).

    Returns
    -------
    list
        Shaped as the coefficients.
    """
    check_choice("method", method, METHODS)
    check_choice("residual", residual, get_args(Residual))
    if h.ndim != 1:
        raise ValueError(f"trim takes one filter of shape (taps,), not {tuple(h.shape)}")
    analysis, synthesis = (
        (dwt.wavedec2, dwt.waverec2) if x.ndim == 4 else (dwt.wavedec, dwt.waverec)
    )
    coeffs = analysis(x, h, level=level, mode=mode)

    def signal(w: list) -> torch.Tensor:
        out = synthesis(w, h, mode=mode)[..., : x.shape[-1]]
        return out[..., : x.shape[-2], :] if x.ndim == 4 else out

    rest = x - signal(coeffs)
    if residual == "detached":
        rest = rest.detach()
    flat = dwt.flatten_coeffs(coeffs)
    if not h.requires_grad:
        flat = [c.detach().requires_grad_() for c in flat]
    totals: list[torch.Tensor] = [torch.zeros_like(c) for c in flat]
    for alpha, weight in _path(method, steps):
        # New variables: the residual's own dependence on the coefficients must not be seen.
        point = [alpha * c for c in flat]
        share = rest if residual == "fixed" else alpha * rest
        seen = signal(dwt.unflatten_coeffs(point, coeffs)) + share
        grads = _gradient(model, seen, point, target, create_graph)
        totals = [t + weight * g for t, g in zip(totals, grads, strict=True)]
    if method != "saliency":
        totals = [t * c for t, c in zip(totals, flat, strict=True)]
    if not create_graph:
        totals = [t.detach() for t in totals]
    return dwt.unflatten_coeffs(totals, coeffs)


def _path(method: str, steps: int) -> list[tuple[float, float]]:
    """(α, weight) of the points at which the gradient is taken."""
    if method != "integrated_gradients":
        return [(1.0, 1.0)]
    from numpy.polynomial.legendre import leggauss

    nodes, weights = leggauss(steps)
    return [((1 + a) / 2, w / 2) for a, w in zip(nodes.tolist(), weights.tolist(), strict=True)]


def _gradient(
    model: Network,
    seen: torch.Tensor,
    inputs: list[torch.Tensor],
    target: int,
    create_graph: bool = False,
) -> tuple[torch.Tensor, ...]:
    """Gradient of Σ_batch f(seen)[target] in `inputs`."""
    # cuDNN's recurrent layers have no second derivative, nor a first one in eval mode.
    modules = model.modules() if isinstance(model, torch.nn.Module) else ()
    recurrent = any(isinstance(m, torch.nn.RNNBase) for m in modules)
    with torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext():
        output = one_output(model(seen), len(seen), target)
        return torch.autograd.grad(output.sum(), inputs, create_graph=create_graph)


def one_output(output: torch.Tensor, count: int, target: int) -> torch.Tensor:
    """The output `target` of a network for `count` examples, (examples,).

    Raises
    ------
    ValueError
        If it is not (examples,) or (examples, outputs), or there is no such output.
    """
    if output.shape[:1] != (count,) or output.ndim > 2:
        raise ValueError(
            "the network must return (batch,) or (batch, outputs), not "
            f"{tuple(output.shape)} for a batch of {count}"
        )
    if output.ndim == 1:
        return output
    if not -output.shape[1] <= target < output.shape[1]:
        raise ValueError(
            f"target {target} does not exist: the network has {output.shape[1]} outputs"
        )
    return output[:, target]
