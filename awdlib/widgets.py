"""What the book's interactive figures are given: numbers and pictures, ready for a page.

Every function returns what JSON can hold; ``book/_static/awd-widgets.js`` draws it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from awdlib import clathrin, filters, store
from awdlib.explaining.setup import WAYS
from awdlib.explaining.teachers import LABELS, network_of
from awdlib.networks import SmallCNN

SAMPLES = 256  # of the signals
SCALES = 40
QUANTITY = 4  # digits that a curve needs on a screen


def base64_of(values: np.ndarray, kind: str) -> str:
    """Little-endian numbers of a kind, ``"float32"`` or ``"uint8"``, as base64."""
    kinds = {"float32": "<f4", "uint8": "u1"}
    return base64.b64encode(np.ascontiguousarray(values, dtype=kinds[kind]).tobytes()).decode()


def png(pixels: np.ndarray) -> str:
    """An image of bytes, (height, width) or (3, height, width), as a data address."""
    return "data:image/png;base64," + base64.b64encode(store.png(pixels)).decode()


def signals() -> dict[str, tuple[np.ndarray, str]]:
    """Three signals of `SAMPLES` values and what there is to see, by name.

    El Niño's is the sea surface temperature of every quarter that PyWavelets ships (standardised,
    not in degrees), less the mean of all quarters of its season: 1950 to 2013, while the article's
    covers 1871 to 1997.
    """
    import pywt.data

    t = np.arange(SAMPLES)
    waves = np.where(t < SAMPLES // 2, np.sin(2 * np.pi * t / 32), np.sin(2 * np.pi * t / 8))
    peak = np.zeros(SAMPLES)
    peak[3 * SAMPLES // 4] = 1.0
    years, temperature = pywt.data.nino()
    years, temperature = years[:SAMPLES], temperature[:SAMPLES].reshape(-1, 4)
    return {
        "two sines": (
            waves,
            "A slow sine and then a fast one. The Fourier transform has both frequencies, but not "
            "when; the wavelet transform shows which comes first.",
        ),
        "delta peak": (
            peak,
            "A single peak holds all frequencies alike: its Fourier transform is flat. The wavelet "
            "transform points to where it is, the finer the scale the more sharply.",
        ),
        "El Niño": (
            (temperature - temperature.mean(0)).ravel(),
            "Sea surface temperature of the equatorial Pacific, every quarter from "
            f"{int(years[0])} to {int(years[-1])}, less the season's mean. PyWavelets' series is "
            "standardised (mean 0, standard deviation 1), not in degrees. Cycles of three to "
            "seven years come and go.",
        ),
    }


def scalogram(values: np.ndarray) -> np.ndarray:
    """Sizes of the continuous wavelet transform by a complex Morlet, (scales, time).

    Periods from 2 to a half of the signal's length, evenly spaced in their logarithm, fine first.
    """
    import pywt

    periods = np.geomspace(2, len(values) / 2, SCALES)
    wavelet = "cmor1.5-1.0"
    found, _ = pywt.cwt(values, periods * pywt.central_frequency(wavelet), wavelet)
    return np.abs(found)


def transforms() -> dict[str, Any]:
    """Signals with their Fourier and wavelet transforms."""
    made = []
    for name, (values, text) in signals().items():
        size = scalogram(values)
        made.append({
            "name": name, "text": text, "values": _rounded(values),
            "spectrum": _rounded(np.abs(np.fft.rfft(values))),
            "scalogram": base64_of(np.round(255 * size / size.max()), "uint8"),
        })  # fmt: skip
    return {"signals": made}


def sweep(arrays: Mapping[str, np.ndarray], teacher: str, db5: float) -> dict[str, Any]:
    """ψ, R² and validity of every (λ, γ) of the clathrin sweep from DB5, first seed.

    Parameters
    ----------
    arrays : mapping
        Of the chapter's results.
    teacher : str
        ``"authors"`` or ``"ours"``.
    db5 : float
        R² of DB5 on the test tracks.
    """
    grid = clathrin.grid_of(arrays, teacher, "db5")
    h = torch.from_numpy(grid["h"][:, :, 0]).double()
    psi = filters.cascade(h.flatten(0, 1), level=3)[1].numpy()
    chosen = np.argwhere(grid["chosen"][:, :, 0])
    start = chosen[0] if len(chosen) else (0, 0)
    return {
        "lams": [f"{v:.2g}" for v in grid["lams"]], "gammas": [f"{v:.2g}" for v in grid["gammas"]],
        "psi": [_rounded(one) for one in psi], "low": float(psi.min()), "high": float(psi.max()),
        "r2": _rounded(grid["r2"][:, :, 0].ravel()), "cv": _rounded(grid["cv_r2"][:, :, 0].ravel()),
        "valid": grid["valid"][:, :, 0].ravel().tolist(), "db5": round(db5, QUANTITY),
        "start": [int(start[0]), int(start[1])],
    }  # fmt: skip


def drawing(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The shape network, and images to draw masks on.

    Parameters
    ----------
    arrays : mapping
        Of the results of the chapter on masks: ``drawn_on`` and ``network_...``.
    """
    state = {
        name.removeprefix("network_"): value
        for name, value in arrays.items()
        if name.startswith("network_")
    }
    images = arrays["drawn_on"]
    return {
        "size": images.shape[-1], "network": network(network_of("shape", state), LABELS["shape"]),
        "images": [base64_of(one, "uint8") for one in images],
    }  # fmt: skip


def over_lambda(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What masks of photographs keep at every λ.

    Parameters
    ----------
    arrays : mapping
        Of the results of the chapter on masks: ``lambda_...`` and ``kept_...``.
    """
    made, labels = [], LABELS["photograph"]
    for k, image in enumerate(arrays["lambda_image"]):
        answer = arrays["lambda_answer"][k]
        one: dict[str, Any] = {
            "name": labels[k], "label": labels[int(answer.argmax())], "image": png(image),
            "probability": f"{answer.max():.0%}",
        }  # fmt: skip
        for name in ("wavelet", "pixel"):
            one[name] = [png(picture) for picture in arrays[f"lambda_{name}"][:, k]]
            one[f"kept_{name}"] = [f"{share:.1%}" for share in arrays[f"kept_{name}"][:, k]]
        made.append(one)
    lams = zip(WAYS["wavelet"].lams, WAYS["pixel"].lams, strict=True)
    return {"lams": [f"{a:g} (pixels {b:g})" for a, b in lams], "images": made}


def network(model: SmallCNN, labels: Sequence[str]) -> dict[str, Any]:
    """A small network's weights, its normalisations put into its convolutions."""
    convolutions = [one for one in model.folded().body if isinstance(one, nn.Conv2d)]
    blocks = [_layer(one) for one in convolutions]
    return {"blocks": blocks, "head": _layer(model.head), "labels": list(labels)}


def _layer(layer: nn.Conv2d | nn.Linear) -> dict[str, str]:
    assert layer.bias is not None
    values = {"weight": layer.weight, "bias": layer.bias}
    return {k: base64_of(v.detach().contiguous().numpy(), "float32") for k, v in values.items()}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(v), QUANTITY) for v in values]
