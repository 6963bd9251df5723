"""Table 2: Omega_m's error by every model, its spread by bootstrap, and what beats what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from awdlib import dwt, metrics, paper
from awdlib.datasets.cosmology.mapset import MapSet

OVER = "95 %, test maps"


class Row(NamedTuple):
    """One row of Table 2: its label, and the paper's name of the model."""

    label: str
    column: str | None


ROWS = {
    "awd": Row("AWD", "AWD"),
    "awd_without_interpretation": Row(
        "AWD without interpretation loss", "AWD without interpretation loss"
    ),
    "roberts": Row("Roberts cross", "Roberts-Cross"),
    "laplace": Row("Laplace", "Laplace"),
    "db5": Row("DB5", "DB5"),
    "resnet": Row("ResNet-18", "ResNet"),
    "height": Row("Peak heights", None),
    "sym5": Row("Sym5", None),
    "haar": Row("Haar", None),
    "random_any": Row("Random wavelets, any one", None),
    "random_best": Row("Random wavelets, best of as many", None),
    "power_spectrum": Row("Power spectrum", None),
    "bispectrum": Row("Power spectrum and bispectrum", None),
}
# Differences of RMSE that the claims and the text speak of; negative where the first is better.
DIFFERENCES = [
    *[("awd", o) for o in (
        "db5", "resnet", "laplace", "roberts", "height", "awd_without_interpretation",
        "random_best", "random_any", "power_spectrum", "bispectrum",
    )],
    *[("awd_without_interpretation", o) for o in (
        "db5", "resnet", "laplace", "roberts", "random_best", "random_any",
    )],
    ("roberts", "laplace"), ("roberts", "db5"), ("laplace", "db5"), ("laplace", "height"),
    ("db5", "height"), ("random_best", "db5"), ("random_best", "roberts"), ("roberts", "resnet"),
    ("roberts", "power_spectrum"),
]  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Predictions on the test maps with their bootstrap.

    Attributes
    ----------
    rmse : dict of name to float
    samples : dict of name to numpy.ndarray
        Of the bootstrap, paired between the models.
    n : int
        Test maps.
    """

    rmse: dict[str, float]
    samples: dict[str, np.ndarray]
    n: int

    def difference(self, name: str, other: str) -> dict[str, Any]:
        """RMSE of one minus RMSE of the other, as a claim's quantity."""
        value = self.rmse[name] - self.rmse[other]
        return metrics.estimate(value, self.samples[name] - self.samples[other], self.n, OVER)


def judge(
    predictions: Mapping[str, np.ndarray], truth: np.ndarray, *, count: int = 10_000, seed: int = 1
) -> Judged:
    """RMSE of every model and of bootstrap samples of the test maps, the same for all models.

    Parameters
    ----------
    predictions : mapping of name to numpy.ndarray, shape (maps,) or (members, maps)
        Members, such as random wavelets of which none was chosen, count by their mean RMSE.
    truth : numpy.ndarray, shape (maps,)
    count : int
        Samples.
    seed : int
    """
    n = len(truth)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=count).astype(np.float32)
    found, samples = {}, {}
    for name, prediction in predictions.items():
        squared = (np.atleast_2d(prediction) - truth) ** 2
        found[name] = float(np.sqrt(squared.mean(1)).mean())
        scale = squared.mean() or 1.0  # keeps the product in float32's range
        drawn = weights @ (squared / scale).astype(np.float32).T / n * scale
        samples[name] = np.sqrt(drawn.astype(float)).mean(1)
    return Judged(found, samples, n)


def differences(judged: Judged) -> dict[str, dict[str, Any]]:
    """`DIFFERENCES` of those rows that are there, paired."""
    return {
        f"{name}_minus_{other}": judged.difference(name, other)
        for name, other in DIFFERENCES
        if name in judged.rmse and other in judged.rmse
    }


def compression(
    h: torch.Tensor, gradients: torch.Tensor, maps: MapSet, *, level: int = 4
) -> np.ndarray:
    """Share of each map's coefficients with both size and saliency above 1e-3, (maps,).

    Parameters
    ----------
    h : Tensor, shape (taps,)
    gradients : Tensor, shape (maps, 1, height, width)
        The network's, at the same maps.
    maps : MapSet
    level : int
    """
    shares = []
    for begin in range(0, len(maps), 20):
        rows = np.arange(begin, min(begin + 20, len(maps)))
        x = maps.read(rows).to(h)
        coefficients = dwt.flatten_coeffs(dwt.wavedec2(x, h, level=level))
        scores = dwt.flatten_coeffs(dwt.adjoint_synthesis2(gradients[rows].to(h), h, level=level))
        shares.append(metrics.compression_factors(coefficients, scores))
    return np.concatenate(shares)


def table2(
    judged: Mapping[bool, Judged],
    compressions: Mapping[str, Mapping[str, np.ndarray]],
    *,
    source: str,
    n_train: int,
    width: int,
) -> Any:
    """Table 2 as a data frame: a row for each model and kind of split.

    Parameters
    ----------
    judged : mapping of shared_box to Judged
    compressions : mapping of model to mapping of output ("omega_m", "m_nu") to factor
    source : str
        What the maps are.
    n_train : int
        Training maps of each cosmology.
    width : int
        Of the teacher, which its row names.

    Compression factors are those of the first split.
    """
    import pandas as pd

    printed = paper.published("table2").set_index(["row", "column"])["value"]
    records = []
    for shared, one in judged.items():
        own = rows(one, compressions if shared == next(iter(judged)) else {})
        for name, row in ROWS.items():
            label = f"{row.label}, width {width}" if name == "resnet" else row.label
            records.append({
                "name": name, "model": label, "source": source, **own[name],
                "rmse_paper": _published(printed, "RMSE of Omega_m", row.column, 1e-2),
                "compression_paper": _published(printed, "compression factor", row.column, 1.0),
                "n_train": n_train, "n_test": one.n, "shared_box": shared, "teacher_width": width,
            })  # fmt: skip
    frame = pd.DataFrame(records)
    optional = ("rmse_paper", "compression", "compression_m_nu", "compression_paper")
    return frame.astype({c: "Float64" for c in optional} | {"teacher_width": "Int64"})


def rows(
    judged: Judged, compressions: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, float | None]]:
    """Numbers of every row of Table 2 for one split: error, its spread, compression factors.

    Parameters
    ----------
    judged : Judged
    compressions : mapping of model to mapping of output ("omega_m", "m_nu") to factors
        A model without any has none.
    """
    found = {}
    for name in ROWS:
        low, high = metrics.interval(judged.samples[name])
        own = compressions.get(name, {})
        found[name] = {
            "rmse": judged.rmse[name], "rmse_sd": float(judged.samples[name].std(ddof=1)),
            "low": low, "high": high,
            "compression": _mean(own.get("omega_m")), "compression_m_nu": _mean(own.get("m_nu")),
        }  # fmt: skip
    return found


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None else float(values.mean())


def _published(printed: Any, row: str, column: str | None, unit: float) -> float | None:
    value = printed.get((row, column)) if column else None
    return None if value is None or np.isnan(value) else float(value) * unit
