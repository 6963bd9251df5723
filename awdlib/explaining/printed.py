"""The mask explanations' results as a page shows them: panels of figures, tables as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pywt
import torch
from torch import Tensor

from awdlib.datasets import images
from awdlib.explaining.judging import LABELS
from awdlib.explaining.setup import WAYS
from awdlib.masks.domains import Pixels
from awdlib.masks.perturbations import Gaussian

TITLES = {"shape": "shape network", "texture": "texture network"}
CURVES = ("restored", "randomised", "inserted", "deleted", "faithfulness")
PICTURES = ("at_rate", "inside", "roughness", "hallucination", "conciseness")
COLUMNS = {"at_rate": "distortion"}  # where the name of a score is not what a page calls it


def curve_panels(res: Any) -> dict[str, dict[str, np.ndarray]]:
    """Mean curves of every method, by network."""
    return {
        title: {"shares": res.arrays["shares"]}
        | {name: res.arrays[f"curve_{kind}_{name}"] for name in LABELS}
        for kind, title in TITLES.items()
    }


def lambda_panels(res: Any) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """λ, mean masks and distortions of the photographs, by way."""
    return {
        WAYS[name].label: (
            np.array(WAYS[name].lams), res.arrays[f"mask_{name}"], res.arrays[f"distortion_{name}"]
        )
        for name in ("wavelet", "pixel")
    }  # fmt: skip


def _with_interval(row: dict[str, Any], score: str) -> str:
    return f"{row[score]:.2f} [{row[score + '_low']:.2f}, {row[score + '_high']:.2f}]"


def curves(frame: pd.DataFrame, network: str) -> pd.DataFrame:
    """Areas of every method on one network as text, the smallest distortion first."""
    return _printed(frame[frame["network"] == network].sort_values("restored"), CURVES)


def pictures(frame: pd.DataFrame, network: str) -> pd.DataFrame:
    """Scores of every method's pictures on one network as text."""
    return _printed(frame[frame["network"] == network], PICTURES)


def side_by_side(here: pd.DataFrame, other: pd.DataFrame, score: str) -> pd.DataFrame:
    """One score of every method in two runs as text, by network; `other` decides the order."""
    first = other[other["network"] == next(iter(TITLES))]
    if score in CURVES:
        first = first.sort_values(score)
    rows = {name: {"": label} for name, label in zip(first["name"], first["label"], strict=True)}
    for kind, title in TITLES.items():
        for run, frame in (("this page", here), ("paper profile", other)):
            for row in frame[frame["network"] == kind].to_dict("records"):
                rows[row["name"]][f"{title}, {run}"] = _with_interval(row, score)
    return _table(list(rows.values()))


def masks(frame: pd.DataFrame) -> pd.DataFrame:
    """What the judged masks keep as text, a row a network and way."""
    rows = [
        {
            "": f"{TITLES[row['network']]}, {row['label']}",
            "λ": f"{row['lam']:g}",
            "keeps": f"{row['kept']:.0%}",
            "empty": f"{row['empty']:.0%}",
            "answer kept": f"{row['answer']:.0%}",
            "distortion": f"{row['distortion']:.4f}",
        }
        for row in frame.to_dict("records")
    ]
    return _table(rows)


def settings(frame: pd.DataFrame) -> pd.DataFrame:
    """The fast and the published setting on the same images as text, a row a way."""
    rows = [
        {
            "": row["label"],
            "correlation": f"{row['correlation']:.2f}",
            "mean mask, fast": f"{row['mask_fast']:.2f}",
            "mean mask, published": f"{row['mask_published']:.2f}",
            "distortion, fast": f"{row['distortion_fast']:.4f}",
            "distortion, published": f"{row['distortion_published']:.4f}",
            "computing": f"{row['time_ratio']:.0f} times",
        }
        for row in frame.to_dict("records")
    ]
    return _table(rows)


def _table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows under their names, which stand under the empty key."""
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def _printed(some: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    rows = [
        {"": row["label"]}
        | {COLUMNS.get(score, score): _with_interval(row, score) for score in scores}
        for row in some.to_dict("records")
    ]
    return _table(rows)


def drawn_mask(x: Tensor) -> dict[str, np.ndarray]:
    """An image (3, height, width), a box as a mask, and the image with noise outside the box."""
    side = x.shape[-1]
    mask = torch.zeros(side, side)
    mask[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
    domain = Pixels(tuple(x.shape))
    rows = domain.analyse(x[None])
    noise = Gaussian(rows, domain).draw(mask.reshape(1, 1, -1), np.random.default_rng(0), 1)[0, 0]
    seen = domain.synthesise(mask.reshape(-1) * rows + (1 - mask.reshape(-1)) * noise)[0]
    return {"image": x.numpy(), "mask": mask.numpy(), "what it sees": seen.clamp(0, 1).numpy()}


def haar_of_disc(size: int = 64) -> dict[str, np.ndarray]:
    """A disc and the square roots of its Haar coefficients' sizes, as a widget begins."""
    grid = np.arange(size) - (size - 1) / 2
    disc = (np.hypot(grid[:, None], grid) < 20).astype(float)
    sizes = np.abs(pywt.coeffs_to_array(pywt.wavedec2(disc, "haar", level=3))[0])
    return {"disc": disc, "Haar transform": np.sqrt(sizes / sizes.max())}


def photograph_rows(res: Any) -> dict[str, np.ndarray]:
    """The first photograph, and what masks of every λ keep: wavelets, then pixels."""
    image = res.arrays["lambda_image"][0] / 255
    found: dict[str, np.ndarray] = {}
    for name in ("wavelet", "pixel"):
        found[f"photograph{' ' * (name == 'pixel')}"] = image
        for k, lam in enumerate(WAYS[name].lams):
            found[f"{name}s, λ = {lam:g}"] = res.arrays[f"lambda_{name}"][k, 0] / 255
    return found


def credits() -> pd.DataFrame:
    """Where the packaged images come from."""
    rows = [
        {"": name, "shipped by": package, "source and terms": terms}
        for name, (package, terms) in images.CREDITS.items()
    ]
    return _table(rows)
