"""What the distilled wavelet and its linear model respond to in clathrin tracks (App. C.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from awdlib import controls, dwt, filters, predictors, pulses, reading, selection
from awdlib.clathrin.teachers import Teacher
from awdlib.selection import Signals
from awdlib.threads import one_thread

BEFORE, AFTER = 20, 12  # samples around a coefficient's place


def _linear(h: torch.Tensor, signals: Signals) -> predictors.LinearModel:
    """The paper's linear model on the features of `h`, in float64."""
    features = predictors.largest_coefficients(signals.x.double(), h.double())
    return predictors.fit_linear(features, signals.y)


def strongest_band(h: torch.Tensor, signals: Signals) -> int:
    """The detail band whose coefficients move predictions most, over the training tracks.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)

    Returns
    -------
    int
        Index in PyWavelets' order; 0 would be the approximation, which has no place in time.
    """
    found = reading.contributions(signals.x, h.to(signals.x), _linear(h, signals))
    spread = [found.values[:, found.band == b].sum(1).std() for b in range(found.band.max() + 1)]
    return 1 + int(np.argmax(spread[1:]))


def aligned(
    h: torch.Tensor, signals: Signals, seen: np.ndarray, whole: np.ndarray
) -> dict[str, np.ndarray]:
    """Mean test tracks around the place of their largest coefficient, where auxilin is seen or not.

    Only tracks without padding: a short track ends in zeros, a drop that no cell made.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)
    signals : Signals
    seen, whole : numpy.ndarray of bool, shape (tests,)
        Whether auxilin is seen, and whether the track is at least as long as its samples.

    Returns
    -------
    dict
        ``band``, ``offset`` (samples), and of either group ``seen_mean``, ``seen_error``,
        ``unseen_mean``, ``unseen_error`` (standard error), and where there were ``…_enough``
        tracks; ``rise`` and ``fall`` of the successful ones, as of `rise_and_fall`.
    """
    band = strongest_band(h, signals)
    x = signals.x_test[torch.from_numpy(whole)]
    place, _ = reading.locations(x, h.to(x), band=band)
    found: dict[str, np.ndarray] = {"band": np.array(band)}
    for name, mask in (("seen", seen[whole]), ("unseen", ~seen[whole])):
        mean = reading.aligned_mean(
            x[torch.from_numpy(mask)], place[mask], before=BEFORE, after=AFTER
        )
        enough = mean.count >= 10  # a mean of a few tracks is noise
        found["offset"] = mean.offset
        found[f"{name}_mean"] = np.where(enough, mean.mean, 0.0)
        found[f"{name}_error"] = np.where(enough, mean.standard_error, 0.0)
        found[f"{name}_enough"] = enough
    steps = rise_and_fall(x, place, seen[whole])
    return found | dict(zip(("rise", "fall"), steps, strict=True))


def rise_and_fall(
    x: torch.Tensor, place: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far each track rises in the ten samples before a place, and falls in the five after it.

    Parameters
    ----------
    x : torch.Tensor, shape (examples, 1, time)
    place : numpy.ndarray of int, shape (examples,)
    mask : numpy.ndarray of bool, shape (examples,)

    Returns
    -------
    rise, fall : numpy.ndarray, shape (tracks,)
        Of the tracks of the mask that reach that far on both sides: the same ones in both.
    """
    values = x[:, 0].cpu().double().numpy()
    row = np.flatnonzero(mask & (place >= 10) & (place + 5 < values.shape[1]))
    at = place[row]
    return values[row, at] - values[row, at - 10], values[row, at] - values[row, at + 5]


def groups_of(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, tuple]:
    """Mean and standard error of both groups of `aligned`, as stored under ``aligned_NAME_…``."""
    found = {}
    for label, key in (("successful", "seen"), ("abortive", "unseen")):
        mean, error, enough = (
            arrays[f"aligned_{name}_{key}_{part}"] for part in ("mean", "error", "enough")
        )
        found[label] = tuple(np.where(enough, values, np.nan) for values in (mean, error))
    return found


def summary(arrays: Mapping[str, np.ndarray], h: torch.Tensor, random_h: torch.Tensor) -> dict:
    """What the text says of the readings.

    Parameters
    ----------
    arrays : mapping
        Of `aligned` (stored under ``aligned_NAME_…``) and `asymmetries` (under ``pulse_…``).
    h, random_h : torch.Tensor, shape (seeds, taps) and (controls, taps)

    Returns
    -------
    dict
        ``pulse``: mean asymmetries by name (of controls their 2.5 and 97.5 % quantiles).
        ``aligned``: of AWD and DB5, `rise_and_fall` of successful tracks, means with 1.96 standard
        errors, and the number of tracks, ``n``.
        ``edges_share_above``: share of the controls whose edge response exceeds AWD's.
    """
    pulse: dict[str, Any] = {}
    for key, values in arrays.items():
        if not key.startswith("pulse_"):
            continue
        name = key.removeprefix("pulse_")
        if name.endswith("random"):
            low, high = np.quantile(values, [0.025, 0.975])
            pulse[name] = {"low": low, "high": high}
        else:
            pulse[name] = values.mean()
    around: dict[str, dict[str, Any]] = {}
    for name in ("awd", "db5"):
        steps = {key: arrays[f"aligned_{name}_{key}"] for key in ("rise", "fall")}
        around[name] = {"n": len(steps["rise"])}
        for key, values in steps.items():
            enough = len(values) > 1
            error = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if enough else None
            around[name][key] = values.mean() if enough else None
            around[name][f"{key}_error"] = error
    own = pulses.edge_response(h.double()).mean()
    above = (pulses.edge_response(random_h.double()) > own).mean()
    return {"pulse": pulse, "aligned": around, "edges_share_above": above}


def asymmetries(
    wavelets: Mapping[str, torch.Tensor],
    teachers: Mapping[str, Teacher],
    random_h: torch.Tensor,
    signals: Signals,
) -> dict[str, np.ndarray]:
    """Slow build-up and sharp drop against its mirror image: of each ψ, and of each whole model.

    Parameters
    ----------
    wavelets : mapping of name to (members, taps)
    teachers : mapping of name to Teacher
    random_h : torch.Tensor, shape (controls, taps)

    Returns
    -------
    dict
        ``shape_NAME`` and ``model_NAME``, (pairs of slopes,), means over members; and
        ``shape_random``, ``model_random``, (controls,), means over pairs.
    """
    # A made-up pulse as high as tracks are, from an empty pit's value.
    low, high = np.quantile(signals.x.cpu().numpy(), [0.05, 0.95])

    def of(predict: Callable[[torch.Tensor], np.ndarray]) -> np.ndarray:
        return pulses.model_asymmetry(predict, base=float(low), height=float(high - low))

    def of_models(h: torch.Tensor) -> np.ndarray:
        x = signals.x.double()
        return np.stack([of(controls.wavelet(one, x, signals.y).predict) for one in h.double()])

    def of_network(network: torch.nn.Module) -> np.ndarray:
        return of(lambda x: selection.predict(network, x.to(signals.x)).astype(float))

    found = {}

    with one_thread():
        for name, h in wavelets.items():
            found[f"shape_{name}"] = pulses.asymmetry(h.double()).mean(0)
            found[f"model_{name}"] = of_models(h).mean(0)
        for name, teacher in teachers.items():
            found[f"model_{name}"] = np.stack([of_network(m) for m in teacher.networks]).mean(0)
        found["shape_random"] = pulses.asymmetry(random_h).mean(1)
        found["model_random"] = of_models(random_h[:100]).mean(1)
    return found


@dataclass(frozen=True)
class Example:
    """One prediction taken apart (paper, Fig. C4).

    Attributes
    ----------
    index : int
        Of the test track.
    names : list of str
        Of the three features with the largest contributions.
    values : numpy.ndarray, shape (3,)
    curves : numpy.ndarray, shape (3, time)
    intercept, rest, prediction, truth : float
        `intercept` + the three `values` + `rest` = `prediction`.
    """

    index: int
    names: list[str]
    values: np.ndarray
    curves: np.ndarray
    intercept: float
    rest: float
    prediction: float
    truth: float

    def numbers(self) -> dict[str, Any]:
        """What a page says of it; no track in it."""
        return {
            "index": self.index, "names": self.names, "values": self.values,
            "intercept": self.intercept, "rest": self.rest, "prediction": self.prediction,
            "truth": self.truth,
        }  # fmt: skip


def take_apart(h: torch.Tensor, signals: Signals, *, quantile: float = 0.9) -> Example:
    """The test track whose prediction stands at `quantile` of all, taken apart.

    Picked by its prediction's rank, not by how well it looks.

    Parameters
    ----------
    h : torch.Tensor, shape (taps,)
    signals : Signals
    quantile : float
        0.5 is the middle one; above, predicted to be successful.
    """
    taps = h.double()
    found = reading.contributions(signals.x_test.double(), taps, _linear(taps, signals))
    prediction = found.values.sum(1) + found.intercept
    index = int(np.argsort(prediction, kind="stable")[int(quantile * (len(prediction) - 1))])
    three = np.argsort(-np.abs(found.values[index]), kind="stable")[:3]
    own = found.values[index]
    return Example(
        index=index, names=[found.names[k] for k in three], values=own[three],
        curves=reading.curve(found, index, three), intercept=found.intercept,
        rest=float(own.sum() - own[three].sum()), prediction=float(prediction[index]),
        truth=float(signals.y_test[index]),
    )  # fmt: skip


def mean_coefficients(h: torch.Tensor, signals: Signals) -> dict[str, np.ndarray]:
    """``mean_coefficient`` (of the 30 chosen ones) and ``prediction`` of every test track."""
    model = controls.wavelet(h.double(), signals.x.double(), signals.y)
    ready = model.features(signals.x_test.double())
    return {"mean_coefficient": ready.mean(1), "prediction": model.head.predict(ready)}


def bands_of(track: torch.Tensor, h: torch.Tensor, *, level: int = 4) -> list[np.ndarray]:
    """Coefficients of one track, (1, time), band by band in PyWavelets' order."""
    with torch.no_grad():
        bands = dwt.wavedec(track[None].double(), h.double(), level=level)
    return [b[0, 0].numpy() for b in bands]


def psi_of(h: torch.Tensor) -> np.ndarray:
    """ψ of one filter, (samples,)."""
    return filters.cascade(h.double())[1].numpy()
