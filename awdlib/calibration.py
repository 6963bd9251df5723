"""Simulated clathrin tracks held against real ones: their statistics, and what they lead to.

`per_track` turns tracks into a few numbers each, `STATISTICS` are functions of these numbers over
all tracks, and `compare` puts real and simulated values side by side. `experiment` is a small form
of the clathrin experiment that is run on both, and `agreement` says whether they order its models
alike. What leaves this file are aggregates over many tracks; no track is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from awdlib import attribution, clathrin, experiments, filters, metrics
from awdlib.datasets.tracks import Tracks, is_hotspot
from awdlib.distill import distill

Columns = Mapping[str, np.ndarray]
LONG = 40  # seconds: autocorrelation is of tracks at least as long, as lags reach half of it
LAGS = 21  # 0 to 20 s
# Edges of the histograms of `summary`.
EDGES = {
    "lifetime": np.arange(15.0, 166, 10),  # seconds
    "clathrin": np.arange(0.0, 6001, 250),  # counts, mean over a track
    "auxilin": np.arange(-2.5, 4.01, 0.25),  # y, standard deviations
    "run": np.arange(-0.5, 31, 1),  # frames
}


@dataclass(frozen=True)
class Statistic:
    """One row of `compare`: a function of `per_track`'s columns.

    Attributes
    ----------
    label : str
    of : callable
        From the columns to one number.
    distribution : str or None
        The column whose distributions are compared as well.
    """

    label: str
    of: Callable[[Columns], float]
    distribution: str | None = None


def per_track(tracks: Tracks) -> dict[str, np.ndarray]:
    """The numbers of every track that `STATISTICS` are made of.

    Returns
    -------
    dict of name to numpy.ndarray, shape (tracks, ...)
        ``lifetime`` (s), ``mean``, ``peak``, ``auxilin`` (counts), ``y`` (standardised auxilin),
        ``significant`` and ``hotspot`` (bool), ``run`` (longest run of frames with significant
        auxilin), ``x`` (standardised clathrin, 40 values); NaN for tracks under 40 s: ``left``,
        mean clathrin of the last 3 frames over that of the track, and for autocorrelation the mean
        product at each lag ``products`` (tracks, lags).
    """
    frames = tracks.clathrin_frames
    mean, sd = (f(frames, axis=1) for f in (np.nanmean, np.nanstd))
    z = (frames - mean[:, None]) / sd[:, None]
    products = np.full((len(z), LAGS), np.nan)
    long = tracks.lifetime_s >= LONG
    for lag in range(LAGS):
        products[long, lag] = np.nanmean((z[:, : z.shape[1] - lag] * z[:, lag:])[long], axis=1)
    left = np.full(len(z), np.nan)
    last = tracks.lifetime_s[long].astype(int)[:, None] + np.arange(-3, 0)
    left[long] = np.nanmean(np.take_along_axis(frames[long], last, axis=1), axis=1) / mean[long]
    run = longest = np.zeros(len(z), int)
    for now in tracks.significant.T:
        run = np.where(now, run + 1, 0)
        longest = np.maximum(longest, run)
    return {
        "lifetime": tracks.lifetime_s,
        "mean": mean,
        "peak": np.nanmax(frames, axis=1),
        "auxilin": tracks.auxilin,
        "y": tracks.y,
        "significant": tracks.significant.any(axis=1),
        "hotspot": is_hotspot(tracks.significant),
        "run": longest,
        "x": tracks.x,
        "left": left,
        "products": products,
    }


def _quantile(name: str, q: float) -> Callable[[Columns], float]:
    return lambda c: float(np.quantile(c[name], q))


def _share(name: str) -> Callable[[Columns], float]:
    return lambda c: float(np.mean(c[name]))


def _correlation(name: str) -> Callable[[Columns], float]:
    return lambda c: float(np.corrcoef(c["y"], c[name])[0, 1])


def _memory(lag: int) -> Callable[[Columns], float]:
    return lambda c: float(np.nanmean(c["products"][:, lag]))


def thirds(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Mean standardised track of the third with the most auxilin, and of that with the least."""
    low, high = np.quantile(columns["y"], [1 / 3, 2 / 3])
    x, y = columns["x"], columns["y"]
    return x[y >= high].mean(0), x[y <= low].mean(0)


def _gap(part: slice) -> Callable[[Columns], float]:
    def of(columns: Columns) -> float:
        most, least = thirds(columns)
        return float((most - least)[part].mean())

    return of


STATISTICS = {
    "brief": Statistic("tracks under 25 s", lambda c: float((c["lifetime"] < 25).mean())),
    "lifetime_50": Statistic("lifetime, median, s", _quantile("lifetime", 0.5), "lifetime"),
    "lifetime_95": Statistic("lifetime, 95th percentile, s", _quantile("lifetime", 0.95)),
    "clathrin_05": Statistic("mean clathrin, 5th percentile, counts", _quantile("mean", 0.05)),
    "clathrin_50": Statistic("mean clathrin, median, counts", _quantile("mean", 0.5), "mean"),
    "clathrin_95": Statistic("mean clathrin, 95th percentile, counts", _quantile("mean", 0.95)),
    "peak_50": Statistic("largest clathrin, median, counts", _quantile("peak", 0.5), "peak"),
    "left": Statistic("clathrin left at the end", lambda c: float(np.nanmean(c["left"]))),
    "significant": Statistic("tracks with significant auxilin", _share("significant")),
    "run": Statistic("longest run of such frames, mean", _share("run"), "run"),
    "hotspots": Statistic("hotspots (separate bursts)", _share("hotspot")),
    "auxilin_50": Statistic("auxilin, median, counts", _quantile("auxilin", 0.5), "auxilin"),
    "y_95": Statistic("y, 95th percentile, sd", _quantile("y", 0.95), "y"),
    "y_lifetime": Statistic("correlation of y and lifetime", _correlation("lifetime")),
    "y_mean": Statistic("correlation of y and mean clathrin", _correlation("mean")),
    "y_peak": Statistic("correlation of y and largest clathrin", _correlation("peak")),
    "memory_1": Statistic("autocorrelation at 1 s", _memory(1)),
    "memory_5": Statistic("autocorrelation at 5 s", _memory(5)),
    "memory_10": Statistic("autocorrelation at 10 s", _memory(10)),
    "memory_20": Statistic("autocorrelation at 20 s", _memory(20)),
    "gap_start": Statistic("most − least auxilin, x of 0–9, sd", _gap(slice(0, 10))),
    "gap_middle": Statistic("most − least auxilin, x of 10–29, sd", _gap(slice(10, 30))),
    "gap_end": Statistic("most − least auxilin, x of 30–39, sd", _gap(slice(30, 40))),
}


def summary(tracks: Tracks) -> dict[str, np.ndarray]:
    """Distributions and mean curves, for drawing; no track is kept.

    Returns
    -------
    dict
        ``lifetime``, ``clathrin`` (mean of a track), ``auxilin`` (y) and ``run``: share of tracks
        in each bin of `EDGES`. ``autocorrelation`` of clathrin at lags of 0 to 20 s, mean over
        tracks of 40 s and more. ``most``, ``least``: mean standardised track of the third with the
        most and with the least auxilin.
    """
    columns = per_track(tracks)
    names = {"lifetime": "lifetime", "clathrin": "mean", "auxilin": "y", "run": "run"}
    most, least = thirds(columns)
    return {
        **{
            name: np.histogram(columns[column], EDGES[name])[0] / len(tracks)
            for name, column in names.items()
        },
        "autocorrelation": np.nanmean(columns["products"], axis=0),
        "most": most,
        "least": least,
    }


def kolmogorov_smirnov(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference between two samples' distribution functions, 0 to 1."""
    at = np.concatenate([a, b])
    share = [np.searchsorted(np.sort(s), at, side="right") / len(s) for s in (a, b)]
    return float(np.abs(share[0] - share[1]).max())


def _values(columns: Columns) -> np.ndarray:
    return np.array([statistic.of(columns) for statistic in STATISTICS.values()])


def _picked(columns: Columns, index: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[index] for name, values in columns.items()}


def compare(
    real: Tracks | None, simulated: Sequence[Tracks], *, count: int = 200, seed: int = 0
) -> Any:
    """Every statistic of real and of simulated tracks.

    Parameters
    ----------
    real : Tracks or None
        None where real tracks cannot be had: their columns stay empty.
    simulated : sequence of Tracks
        One for each seed of the simulator.
    count : int
        Bootstrap samples of the real tracks.
    seed : int
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        A row a statistic: ``name``, ``statistic``; ``real`` with its 95 % bootstrap
        interval over tracks ``real_low``, ``real_high``; ``simulated`` (mean over seeds) and
        ``simulated_sd`` (over seeds, empty for one); ``off``, simulated minus real in half widths
        of that interval; ``ks`` and ``ks_chance``, where the row names a distribution: its
        Kolmogorov-Smirnov distance from the real one (mean over seeds), and the 95th percentile of
        that distance between the real tracks and bootstrap samples of them.

    Raises
    ------
    ValueError
        If there are no simulated tracks.
    """
    import pandas as pd

    if not simulated:
        raise ValueError("compare needs at least one set of simulated tracks")
    sets = [per_track(tracks) for tracks in simulated]
    found = np.array([_values(columns) for columns in sets])
    frame = pd.DataFrame(
        {
            "name": list(STATISTICS),
            "statistic": [s.label for s in STATISTICS.values()],
        }
    )
    empty = np.full(len(frame), np.nan)
    own, low, high = empty, empty, empty
    ks, chance = empty.copy(), empty.copy()
    if real is not None:
        columns = per_track(real)
        own = _values(columns)
        rng = np.random.default_rng(seed)
        drawn = [_picked(columns, rng.integers(0, len(real), len(real))) for _ in range(count)]
        low, high = np.quantile([_values(sample) for sample in drawn], [0.025, 0.975], axis=0)
        for row, statistic in enumerate(STATISTICS.values()):
            if name := statistic.distribution:
                ks[row] = np.mean([kolmogorov_smirnov(columns[name], s[name]) for s in sets])
                by_chance = [kolmogorov_smirnov(columns[name], s[name]) for s in drawn]
                chance[row] = np.quantile(by_chance, 0.95)
    spread = found.std(axis=0, ddof=1) if len(sets) > 1 else empty
    half = (high - low) / 2
    half = np.where(half > 0, half, np.nan)
    numbers = {
        "real": own, "real_low": low, "real_high": high,
        "simulated": found.mean(axis=0), "simulated_sd": spread,
        "off": (found.mean(axis=0) - own) / half, "ks": ks, "ks_chance": chance,
    }  # fmt: skip
    return frame.assign(**numbers).astype(dict.fromkeys(numbers, "Float64"))


def within(table: Any) -> dict[str, Any]:
    """How much of `compare`'s table lies in the real intervals, as numbers and in words.

    Returns
    -------
    dict
        ``statistics`` (rows), ``inside`` (simulated value within the real 95 % interval, None
        without real tracks), ``farthest`` (label) and ``farthest_off`` (half widths) of the worst
        row, and ``words``: a sentence.
    """
    rows = len(table)
    judged = table.dropna(subset=["off"])
    if judged.empty:
        return {
            "statistics": rows, "inside": None, "farthest": None, "farthest_off": None,
            "words": "No real tracks were at hand, so nothing could be compared.",
        }  # fmt: skip
    inside = int(((table["simulated"] >= table["real_low"])
                  & (table["simulated"] <= table["real_high"])).sum())  # fmt: skip
    worst = judged.loc[judged["off"].abs().idxmax()]
    return {
        "statistics": rows, "inside": inside,
        "farthest": worst["statistic"], "farthest_off": float(worst["off"]),
        "words": f"Of {rows} statistics, {inside} lie within the real 95 % interval; "
        f"the farthest off is: {worst['statistic']}.",
    }  # fmt: skip


# --- the same small experiment on real and on simulated tracks -----------------------------------

MODELS = {
    "awd": "AWD, published λ and γ",
    "db5": "DB5",
    "lstm": "LSTM, trained here",
    "random": "Random wavelets, any one",
}


@dataclass(frozen=True)
class Size:
    """How much a profile computes: see `SIZES`.

    Attributes
    ----------
    tracks : int
        Simulated tracks a set; real ones are taken all.
    sets, runs : int
        Seeds of the simulator: of the comparison, and (the first so many) of the experiment.
    epochs, lstm_epochs, random : int
        Of the distillation and of the LSTM; number of random wavelets.
    """

    tracks: int
    sets: int
    runs: int
    epochs: int
    lstm_epochs: int
    random: int


SIZES = {
    "smoke": Size(400, 2, 2, 4, 8, 20),
    "laptop": Size(1618, 6, 3, 100, 200, 100),
    "paper": Size(1618, 20, 20, 100, 200, 400),
}


@dataclass(frozen=True)
class Outcome:
    """What `experiment` finds: R² on the test tracks.

    Attributes
    ----------
    rows : dict of model to {r2, r2_low, r2_high, r2_sd, members}
        With 95 % bootstrap intervals over test tracks (and over wavelets, for the random ones).
    samples : dict of model to numpy.ndarray, shape (count,)
    random_r2 : numpy.ndarray, shape (wavelets,)
    """

    rows: dict[str, dict[str, float | None]]
    samples: dict[str, np.ndarray]
    random_r2: np.ndarray


def experiment(tracks: Tracks, size: Size, *, seed: int = 0, device: str = "cpu") -> Outcome:
    """A small clathrin experiment: AWD, DB5, an LSTM and random wavelets on the same tracks.

    One LSTM is trained on cells 1 to 5 (stopped on cell 6) and distilled once, from DB5 at the
    published λ = .005 and γ = .04281; nothing is selected. Scores are of cells 7 and 8.

    Parameters
    ----------
    tracks : Tracks
    size : Size
    seed : int
        Of the LSTM, the distillation and the bootstrap. The random wavelets are the same for all.
    device : str
    """
    signals = clathrin.signals_of(tracks, device=device)
    network = clathrin.train_lstm(signals, seed=seed, epochs=size.lstm_epochs)
    slopes = attribution.input_gradients(network, signals.x)
    fit = distill(
        signals.x, gradients=slopes, lam=0.005, gamma=0.04281, seed=seed + 1, epochs=size.epochs
    )
    angles = filters.random_angles(size.random, 10, torch.Generator().manual_seed(0))
    control = experiments.judge_filters(filters.taps_from_angles(angles), signals)
    both = torch.stack([fit.h.cpu().double(), filters.lowpass("db5").double()])
    judged = experiments.judge_filters(both, signals)
    predictions = {
        "awd": judged.prediction[0],
        "db5": judged.prediction[1],
        "lstm": experiments.predict(network, signals.x_test),
        "random": control.prediction,
    }
    rows, samples = experiments.compare_r2(signals.y_test, predictions, count=1000, seed=seed)
    return Outcome(rows, samples, control.r2)


def agreement(real: Outcome | None, simulated: Sequence[Outcome]) -> tuple[Any, dict[str, Any]]:
    """Whether simulated tracks order the models as real ones do, pair by pair.

    Returns
    -------
    table : pandas.DataFrame
        A row a pair of `MODELS`, the better one (on simulated tracks) first: ``better``,
        ``worse``; ``real``, ``real_low``, ``real_high`` (difference of R², 95 % bootstrap interval
        over test tracks; empty without real tracks); ``simulated`` (mean over sets),
        ``simulated_low``, ``simulated_high`` (smallest and largest over sets); ``same``, the share
        of sets whose difference has the sign of the real one.
    found : dict
        ``pairs``, ``agree`` (pairs whose simulated mean has the real sign), ``decided`` (pairs
        whose real interval excludes 0), ``decided_agree``, ``order_simulated``, ``order_real`` and
        ``words``: in sentences. None without real tracks.
    """
    import pandas as pd

    score = {m: float(np.mean([float(o.rows[m]["r2"] or 0) for o in simulated])) for m in MODELS}
    order = sorted(MODELS, key=lambda model: -score[model])
    records = []
    for a, b in combinations(order, 2):
        gaps = np.array([o.rows[a]["r2"] - o.rows[b]["r2"] for o in simulated])  # type: ignore
        record = {
            "pair": f"{a}-{b}", "better": MODELS[a], "worse": MODELS[b],
            "real": np.nan, "real_low": np.nan, "real_high": np.nan, "simulated": gaps.mean(),
            "simulated_low": gaps.min(), "simulated_high": gaps.max(), "same": np.nan,
        }  # fmt: skip
        if real is not None:
            own = real.rows[a]["r2"] - real.rows[b]["r2"]  # type: ignore[operator]
            low, high = metrics.interval(real.samples[a] - real.samples[b])
            same = float((np.sign(gaps) == np.sign(own)).mean())
            record |= {"real": own, "real_low": low, "real_high": high, "same": same}
        records.append(record)
    frame = pd.DataFrame(records)
    numbers = frame.columns[3:]
    table = frame.astype(dict.fromkeys(numbers, "Float64"))
    found: dict[str, Any] = {"pairs": len(frame), "order_simulated": _ordered(score)}
    if real is None:
        words = "No real tracks were at hand, so the two orders could not be compared."
        rest = dict.fromkeys(["agree", "decided", "decided_agree", "order_real"])
        return table, found | rest | {"words": words}
    agree = frame["real"] > 0  # on simulated tracks the first of a pair is better
    decided = (frame["real_low"] > 0) | (frame["real_high"] < 0)
    found |= {
        "agree": int(agree.sum()), "decided": int(decided.sum()),
        "decided_agree": int((agree & decided).sum()),
        "order_real": _ordered({m: float(real.rows[m]["r2"] or 0) for m in MODELS}),
    }  # fmt: skip
    found["words"] = (
        f"Simulated and real tracks put {found['agree']} of {len(frame)} pairs of models in the "
        f"same order. The real tracks decide {found['decided']} pairs (interval without 0); "
        f"of these the simulated ones order {found['decided_agree']} alike."
    )
    return table, found


def _ordered(score: Mapping[str, float]) -> str:
    """Models from best to worst, in words."""
    return " > ".join(MODELS[m].split(",")[0] for m in sorted(score, key=lambda m: -score[m]))


def scores(real: Outcome | None, simulated: Sequence[Outcome]) -> Any:
    """R² of the models on both kinds of tracks, a pandas.DataFrame.

    Returns
    -------
    pandas.DataFrame
        A row a model of `MODELS`: ``name``, ``model``; ``real``, ``real_low``, ``real_high`` (95 %
        bootstrap interval over test tracks; empty without real tracks); ``simulated`` (mean over
        sets), ``simulated_low``, ``simulated_high`` (means over sets of the ends of the same
        interval), ``simulated_least``, ``simulated_most`` (R² of single sets).
    """
    import pandas as pd

    records = []
    for name, label in MODELS.items():
        keys = ("r2", "r2_low", "r2_high")
        own = [np.nan] * 3 if real is None else [real.rows[name][key] for key in keys]
        each = np.array([[o.rows[name][key] for key in keys] for o in simulated], float)
        mean = each.mean(axis=0)
        records.append([name, label, *own, *mean, each[:, 0].min(), each[:, 0].max()])
    columns = ["real", "real_low", "real_high", "simulated", "simulated_low", "simulated_high"]
    columns += ["simulated_least", "simulated_most"]
    frame = pd.DataFrame(records, columns=["name", "model", *columns])
    return frame.astype(dict.fromkeys(columns, "Float64"))


def printed(table: Any, **columns: str) -> Any:
    """Columns of a table as text for a page; the first becomes the index.

    Parameters
    ----------
    table : pandas.DataFrame
    **columns : str
        Head of the page's column and ``names:format``. One name gives ``.12``, three ``.12 (.10 to
        .14)``; an empty cell or a column that the table lacks is –. Of a ``g`` format, numbers from 100 on are printed whole.
    """
    import pandas as pd

    from awdlib.results import fmt

    def text(value: Any, spec: str) -> str:
        if pd.isna(value):
            return "–"
        whole = spec.endswith("g") and abs(value) >= 100
        return fmt(value if isinstance(value, str) else float(value), ".0f" if whole else spec)

    def cell(row: Any, names: list[str], spec: str) -> str:
        first, *ends = (text(row.get(name), spec) for name in names)
        inner = "\u00a0to\u00a0".join(ends)  # an interval stays on one line
        return f"{first} ({inner})" if ends and ends[0] != "–" else first

    shown = {}
    for head, form in columns.items():
        names, _, spec = form.partition(":")
        shown[head] = [cell(row, names.split(","), spec) for _, row in table.iterrows()]
    return pd.DataFrame(shown).set_index(next(iter(columns))).rename_axis("")
