"""Table 1 of the clathrin experiment, with the controls that the paper lacks."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from awdlib import controls, metrics, paper, selection
from awdlib.clathrin.teachers import Teacher
from awdlib.controls import FeatureModel
from awdlib.datasets.tracks import Tracks
from awdlib.networks import count_parameters
from awdlib.predictors import LinearModel
from awdlib.selection import Signals, predict


class Row(NamedTuple):
    """One row of Table 1: its label, whose network taught it, the paper's column of the model."""

    label: str
    teacher: str
    column: str | None


ROWS = {
    "awd_authors": Row("AWD", "authors", "AWD"),
    "awd_ours": Row("AWD", "ours", "AWD"),
    "awd_without_interpretation": Row(
        "AWD without interpretation loss", "", "AWD without interpretation loss"
    ),
    "db5": Row("DB5", "", "DB5"),
    "lstm_authors": Row("LSTM, the authors'", "", "LSTM"),
    "lstm_ours": Row("LSTM, trained here", "", "LSTM"),
    "lstm_40": Row("LSTM of input 40, hidden 40", "", None),
    "awd_40": Row("AWD at the published λ, γ", "ours, of input 40", None),
    "sym5": Row("Sym5", "", None),
    "haar": Row("Haar", "", None),
    "random_any": Row("Random wavelets, any one", "", None),
    "random_best": Row("Random wavelets, best of as many", "", None),
    "supervised": Row("Wavelet chosen by supervision alone", "", None),
    "ridge": Row("Ridge on the 40 values", "", None),
    "lifetime_amplitude": Row("Lifetime and largest amplitude", "", None),
    "minirocket": Row("MiniRocket", "", None),
}
STANDARD = ("db5", "sym5", "haar")  # rows whose filter nobody fitted
NO_ROW = dict.fromkeys(("r2", "r2_low", "r2_high", "r2_sd", "members", "compression", "parameters"))


def measured_by_hand(tracks: Tracks) -> np.ndarray:
    """Lifetime in seconds and the largest amplitude, (tracks, 2): what was used before (C16)."""
    return np.stack([tracks.lifetime_s, np.nanmax(tracks.clathrin_frames, axis=1)], 1)


def baselines(
    signals: Signals, train: Tracks, *, seeds: Sequence[int]
) -> dict[str, list[FeatureModel]]:
    """The controls that use no wavelet; MiniRocket once for every seed."""
    return {
        "ridge": [controls.ridge(signals.x, signals.y)],
        "lifetime_amplitude": [controls.linear(measured_by_hand(train), signals.y)],
        "minirocket": [controls.rocket(signals.x, signals.y, seed=s) for s in seeds],
    }


def inputs_of(name: str, signals: Signals, test: Tracks) -> Any:
    """What a row's model predicts the test tracks from."""
    return measured_by_hand(test) if name == "lifetime_amplitude" else signals.x_test


def parameters_of(
    wavelets: Mapping[str, torch.Tensor],
    models: Mapping[str, Sequence[FeatureModel]],
    teachers: Mapping[str, Teacher],
    signals: Signals,
) -> dict[str, int]:
    """Fitted numbers of every row's model: a learned filter's taps, coefficients and intercept."""
    counts = {}
    for name, h in wavelets.items():
        free = 0 if name in STANDARD else h.shape[-1]
        counts[name] = controls.wavelet(h[0], signals.x, signals.y, free=free).parameters
    counts |= {name: group[0].parameters for name, group in models.items()}
    return counts | {n: count_parameters(found.networks[0]) for n, found in teachers.items()}


def compressions(
    wavelets: Mapping[str, torch.Tensor], by: Mapping[str, Teacher], signals: Signals
) -> dict[str, np.ndarray]:
    """Compression factors of every test track, by the attributions of each row's teacher.

    Parameters
    ----------
    wavelets : mapping of name to (members, taps)
    by : mapping of name to Teacher
        Whose attributions; a teacher with several networks gives each member its own, in turn,
        and a single wavelet all of them.

    Returns
    -------
    dict of name to numpy.ndarray, shape (members, tests)
    """
    found = {}
    for name, h in wavelets.items():
        # A single wavelet is seen by every network of its teacher.
        members = h.expand(len(by[name].networks), -1) if len(h) == 1 else h
        found[name] = np.stack([
            selection.compression(one, by[name].of(k)[1], signals.x_test)
            for k, one in enumerate(members)
        ])  # fmt: skip
    return found


def seconds(
    tasks: Mapping[str, Mapping[str, Callable[[], object]]], *, repeats: int = 21
) -> dict[str, dict[str, list[float]]]:
    """Seconds of every task and repeat, all of them in turns.

    Parameters
    ----------
    tasks : mapping of model to mapping of ``predict`` and ``end_to_end`` to callable
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {kind: [] for kind in both} for name, both in tasks.items()
    }
    for _ in range(repeats):
        for name, both in tasks.items():
            for kind, task in both.items():
                task()  # warms caches up after another model's turn
                started = time.perf_counter()
                task()
                found[name][kind].append(time.perf_counter() - started)
    return found


def _as_published(head: Any) -> Callable[[np.ndarray], np.ndarray]:
    """What the authors' code times of a linear model: scikit-learn's ``LinearRegression.predict``.

    Ours is a bare product and some 20 times faster, which would flatter the comparison.
    """
    from sklearn.linear_model import LinearRegression

    if not isinstance(head, LinearModel):
        return head.predict
    same = LinearRegression()
    same.coef_, same.intercept_ = head.weights, head.intercept
    return same.predict


def prediction_tasks(
    wavelets: Mapping[str, torch.Tensor],
    models: Mapping[str, Sequence[FeatureModel]],
    teachers: Mapping[str, Teacher],
    signals: Signals,
    test: Tracks,
) -> dict[str, dict[str, Callable[[], object]]]:
    """What each row does to predict all test tracks: from ready features, and end to end.

    From ready features is what the authors' code times; a network has its forward pass alone.
    """
    small = {name: controls.wavelet(h[0], signals.x, signals.y) for name, h in wavelets.items()}
    small |= {name: group[0] for name, group in models.items()}
    tasks: dict[str, dict[str, Callable[[], object]]] = {}
    for name, model in small.items():
        x = inputs_of(name, signals, test)
        ready = model.features(x)
        tasks[name] = {
            "predict": partial(_as_published(model.head), ready),
            "end_to_end": partial(model.predict, x),
        }
    for name, found in teachers.items():
        network = found.networks[0]
        forward = partial(predict, network, signals.x_test)
        tasks[name] = {"predict": forward, "end_to_end": forward}
    return tasks


def time_ratio(
    found: Mapping[str, Mapping[str, Sequence[float]]], network: str, model: str, kind: str
) -> dict[str, Any]:
    """How many times longer the network takes than the model, with an interval over the repeats.

    Parameters
    ----------
    found : mapping
        From `seconds`.
    network, model : str
        Rows.
    kind : {"predict", "end_to_end"}
        What is timed of the model.
    """
    ratio = np.array(found[network][kind]) / np.array(found[model][kind])
    again = np.random.default_rng(0).integers(0, len(ratio), (2000, len(ratio)))
    medians = np.median(ratio[again], axis=1)
    return metrics.estimate(float(np.median(ratio)), medians, len(ratio), "95 %, repeats")


def table1(
    rows: Mapping[str, Mapping[str, Any]],
    times: Mapping[str, Mapping[str, Sequence[float]]],
    n: int,
) -> Any:
    """Table 1: our rows with the published numbers beside them, a pandas.DataFrame.

    Parameters
    ----------
    rows : mapping of name to numbers
        Names are `ROWS`'.
    times : mapping of name to seconds
        As of `seconds`; empty where nothing was timed, and then there are no columns of our times.
    n : int
        Test tracks.
    """
    import pandas as pd

    printed = paper.published("table1").set_index(["row", "column"])["value"]
    records = []
    for name, (label, teacher, column) in ROWS.items():
        if name not in rows:
            continue
        own, took = rows[name], times.get(name, {})
        records.append({
            "name": name, "model": label, "teacher": teacher,
            **{key: own.get(key) for key in ("r2", "r2_low", "r2_high")},
            "r2_sd_seeds": own.get("r2_sd"), "members": own.get("members"),
            "r2_paper": printed.get(("R2", column)),
            "compression": own.get("compression"), "compression_sd": own.get("compression_sd"),
            "compression_paper": printed.get(("compression factor", column)),
            **{f"seconds_{kind}": float(np.median(took[kind])) if took else None
               for kind in ("predict", "end_to_end")},
            "seconds_paper": printed.get(("computation time", column)),
            "parameters": own.get("parameters"), "n_test": n,
        })  # fmt: skip
    frame = pd.DataFrame(records)
    texts = ("name", "model", "teacher")
    frame = frame.astype({c: "Float64" for c in frame if c not in texts})
    frame = frame.astype({c: "Int64" for c in ("members", "parameters", "n_test")})
    return frame if times else frame.drop(columns=["seconds_predict", "seconds_end_to_end"])


def labels(table: Any) -> list[str]:
    """Models of `table1` as texts, with their teachers."""
    taught = [f" (teacher: {t})" if isinstance(t, str) and t else "" for t in table["teacher"]]
    return [model + teacher for model, teacher in zip(table["model"], taught, strict=True)]


def printed_table1(table: Any) -> Any:
    """`table1` as text for a page, a pandas.DataFrame of strings indexed by model."""
    import pandas as pd

    def text(form: str, *keys: str) -> list[str]:
        if not set(keys) <= set(table):
            return ["—"] * len(table)
        return [
            "—" if any(pd.isna(v) for v in row) else form.format(*row)
            for row in zip(*(table[k] for k in keys), strict=True)
        ]

    shown = {
        "R²": text("{:.3f}", "r2"), "95 %": text("{:.3f}–{:.3f}", "r2_low", "r2_high"),
        "sd (of)": text("{:.3f} ({:.0f})", "r2_sd_seeds", "members"),
        "paper": text("{:.3f}", "r2_paper"),
        "compression": text("{:.3f}", "compression"),
        "paper ": text("{:.3f}", "compression_paper"),
        "predict, s": text("{:.1e}", "seconds_predict"),
        "end to end, s": text("{:.1e}", "seconds_end_to_end"),
        "paper, s": text("{:.1e}", "seconds_paper"), "parameters": text("{:.0f}", "parameters"),
    }  # fmt: skip
    return pd.DataFrame(shown, index=pd.Index(labels(table), name=None))
