"""The mask explanations' results as a page shows them: panels of figures, tables as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from awdlib.datasets import images
from awdlib.explaining.judging import LABELS
from awdlib.explaining.setup import WAYS

TITLES = {"shape": "shape network", "texture": "texture network"}
CURVES = ("restored", "randomised", "inserted", "deleted", "faithfulness")
PICTURES = ("inside", "roughness", "hallucination", "conciseness")


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
    return f"{row[score]:.3f} [{row[score + '_low']:.3f}, {row[score + '_high']:.3f}]"


def curves(frame: pd.DataFrame, network: str) -> pd.DataFrame:
    """Areas of every method on one network as text, the smallest distortion first."""
    some = frame[frame["network"] == network].sort_values("restored")
    rows = [
        {"": row["label"], "entries": row["domain"]}
        | {score: _with_interval(row, score) for score in CURVES}
        for row in some.to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def pictures(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores of pictures on both networks as text."""
    rows = [
        {"": row["label"], "network": row["network"]}
        | {score: _with_interval(row, score) for score in PICTURES}
        for row in frame.to_dict("records")
    ]
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def credits() -> pd.DataFrame:
    """Where the packaged images come from."""
    rows = [
        {"": name, "shipped by": package, "source and terms": terms}
        for name, (package, terms) in images.CREDITS.items()
    ]
    return pd.DataFrame(rows).set_index("").rename_axis(None)
