"""The statements of Sec. 2 and App. A as numbers: each ``..._error`` must vanish.

They are for the background chapter, with a few signals and curves beside them; the tests check the
same statements over many more filters, lengths and modes.
"""

from math import pi, sqrt

import numpy as np
import pywt
import torch

from awdlib import attribution, dwt, filters
from awdlib.conventions import MODES
from awdlib.objective import Settings, batch_loss


def gram_error(h: torch.Tensor, *, scales: int = 3, level: int = 10) -> float:
    """Eq. 1: sampled ψ_{j,n}, j = 0 .. scales − 1, are orthonormal; largest |Gram − 1|."""
    _, psi, t = filters.cascade(h, level=level)
    step, support = float(t[1]), len(h) - 1
    grid = np.arange(0, support * 2**scales, step)
    family = []
    for j in range(scales):
        for n in range(0, (support * 2**scales) // 2**j - support + 1, 3):
            family.append(np.interp(grid / 2**j - n, t, psi, left=0, right=0) / sqrt(2) ** j)
    gram = np.array(family) @ np.array(family).T * step
    return float(np.abs(gram - np.eye(len(gram))).max())


def filter_error(h: torch.Tensor, *, level: int = 10) -> float:
    """Eq. 4: h[n] = <φ(t/2)/√2, φ(t−n)>, and g from ψ; largest difference of a tap."""
    phi, psi, t = filters.cascade(h, level=level)
    grid = np.arange(0, 2 * (len(h) - 1), float(t[1]))
    worst = 0.0
    for function, taps in ((phi, h), (psi, filters.highpass(h))):
        wide = np.interp(grid / 2, t, function, left=0, right=0) / sqrt(2)
        for n, tap in enumerate(taps.tolist()):
            inner = wide @ np.interp(grid - n, t, phi, left=0, right=0) * float(t[1])
            worst = max(worst, abs(inner - tap))
    return worst


def fourier_product_error(h: torch.Tensor, *, level: int = 10, factors: int = 20) -> float:
    """φ̂(w) = Π ĥ(2⁻ᵖw)/√2 against the Fourier transform of the cascade's φ, |w| ≤ 4π."""
    phi, _, t = filters.cascade(h, level=level)
    w = np.linspace(-4 * pi, 4 * pi, 101)
    direct = np.exp(-1j * np.outer(w, t)) @ phi.numpy() * float(t[1])
    n = np.arange(len(h))
    product = np.ones_like(direct)
    for p in range(1, factors + 1):
        product *= np.exp(-1j * np.outer(w / 2**p, n)) @ h.numpy() / sqrt(2)
    return float(np.abs(direct - product).max())


def reconstruction_error(h: torch.Tensor, *, level: int = 3) -> float:
    """Eqs. 2 and 3: Ψ⁻¹Ψx = x in every mode, for an even and an odd length."""
    worst = 0.0
    for n in (64, 65):
        x = torch.from_numpy(np.random.default_rng(n).standard_normal((3, 1, n)))
        for mode in MODES:
            back = dwt.waverec(dwt.wavedec(x, h, level=level, mode=mode), h, mode=mode)  # type: ignore[arg-type]
            worst = max(worst, float((back[..., :n] - x).abs().max()))
    return worst


def pywavelets_error(name: str, *, level: int = 2) -> float:
    """Eqs. 5 and 6: analysis and synthesis against PyWavelets, every mode."""
    worst, h = 0.0, filters.lowpass(name)
    for n in (64, 65):
        x = np.random.default_rng(n).standard_normal((3, n))
        for mode in MODES:
            theirs = pywt.wavedec(x, name, level=level, mode=mode)
            ours = dwt.wavedec(torch.from_numpy(x), h, level=level, mode=mode)  # type: ignore[arg-type]
            pairs = [*zip(ours, theirs, strict=True)]
            pairs.append((dwt.waverec(ours, h, mode=mode), pywt.waverec(theirs, name, mode=mode)))  # type: ignore[arg-type]
            worst = max(worst, *(float(np.abs(a.numpy() - b).max()) for a, b in pairs))
    return worst


def haar_projections(x: np.ndarray, levels: int) -> list[np.ndarray]:
    """P_j x for j = 1 .. levels: what the Haar approximations alone give back.

    Parameters
    ----------
    x : numpy.ndarray, shape (time,)
        Of a length that 2**levels divides.
    """
    h = filters.lowpass("haar")
    projections = []
    for level in range(1, levels + 1):
        coeffs = dwt.wavedec(torch.from_numpy(x), h, level=level)
        kept = [coeffs[0], *(torch.zeros_like(d) for d in coeffs[1:])]
        projections.append(dwt.waverec(kept, h).numpy())
    return projections


def multiresolution_error(x: np.ndarray, levels: int) -> float:
    """App. A.2: P_j x are block means, and nested, P_j P_{j+1} = P_{j+1}."""
    worst = 0.0
    for level, projection in enumerate(haar_projections(x, levels), 1):
        blocks = x.reshape(-1, 2**level).mean(1).repeat(2**level)
        again = haar_projections(projection, max(level - 1, 1))[-1] if level > 1 else projection
        worst = max(worst, np.abs(projection - blocks).max(), np.abs(again - projection).max())
    return float(worst)


def trim_error(model: attribution.Network, x: torch.Tensor, h: torch.Tensor) -> float:
    """Eq. 7: f'(Ψx) = f(Ψ⁻¹Ψx + r) is f(x) for any h; largest difference."""
    back = dwt.waverec(dwt.wavedec(x, h, level=3), h)[..., : x.shape[-1]]
    residual = x - back
    with torch.no_grad():
        return float((model(back + residual) - model(x)).abs().max())


def cached_gradient_error(
    model: attribution.Network, x: torch.Tensor, h: torch.Tensor, *, level: int = 3
) -> dict[str, float]:
    """Loss and filter gradient of Eq. 8, network in the loop against its gradient cached.

    Returns
    -------
    dict
        ``loss`` and ``gradient``: largest relative differences.
    """
    settings = Settings(level=level)
    lam, gamma = (torch.full((1,), v, dtype=x.dtype) for v in (0.005, 0.043))
    found = []
    for through in (True, False):
        taps = h.detach().clone().requires_grad_()
        if through:
            scores = attribution.trim(model, x, taps, level=level, create_graph=True)
            attributions = [s[None] for s in dwt.flatten_coeffs(scores)]
            losses = batch_loss(taps[None], x, lam, gamma, settings, attributions=attributions)
        else:
            slopes = attribution.input_gradients(model, x)
            losses = batch_loss(taps[None], x, lam, gamma, settings, gradients=slopes)
        loss = losses.sum()
        found.append((loss.item(), torch.autograd.grad(loss, taps)[0]))
    (loss_a, grad_a), (loss_b, grad_b) = found
    return {
        "loss": abs(loss_a - loss_b) / abs(loss_b),
        "gradient": float((grad_a - grad_b).abs().max() / grad_b.abs().max()),
    }


def energy_kept(coeffs: np.ndarray, count: int) -> np.ndarray:
    """Mean share of the energy in the k largest coefficients, k = 1 .. count.

    Parameters
    ----------
    coeffs : numpy.ndarray, shape (signals, coefficients)
    """
    energy = -np.sort(-(coeffs**2), axis=1)
    return (energy.cumsum(1)[:, :count] / energy.sum(1, keepdims=True)).mean(0)


def jump_signals(count: int, n: int, *, jumps: int = 3, seed: int = 0) -> np.ndarray:
    """Piecewise constant signals with a few jumps at random places, (count, n)."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.integers(1, n, (count, jumps)), axis=1)
    piece = (np.arange(n)[None, :, None] >= edges[:, None, :]).sum(-1)
    return np.take_along_axis(rng.standard_normal((count, jumps + 1)), piece, axis=1)


def energy_by_basis(x: np.ndarray, *, level: int, count: int) -> dict[str, np.ndarray]:
    """`energy_kept` in four orthonormal bases of equal size.

    Parameters
    ----------
    x : numpy.ndarray, shape (signals, n)
        2**level must divide n.
    level : int
        Of the two wavelet bases (periodization).
    """
    from scipy.fft import dct

    bases = {}
    for label, name in (("wavelet (Haar)", "haar"), ("wavelet (DB5)", "db5")):
        coeffs = dwt.wavedec(
            torch.from_numpy(x), filters.lowpass(name), level=level, mode="periodization"
        )
        bases[label] = torch.cat(coeffs, -1).numpy()
    bases |= {"Fourier (cosine)": dct(x, norm="ortho"), "samples": x}
    return {name: energy_kept(c, count) for name, c in bases.items()}
