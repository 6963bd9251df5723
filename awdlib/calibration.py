"""Simulated clathrin tracks held against real ones, statistic by statistic.

`per_track` turns tracks into a few numbers each, `STATISTICS` are functions of these numbers over
all tracks, and `compare` puts real and simulated values side by side. What leaves this file are
aggregates over many tracks; no track is kept. `awdlib.clathrin.simulated` runs a small experiment
on both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from awdlib.datasets.tracks import Tracks, is_hotspot

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
                # Two samples of the same tracks are as far apart as two sets by chance.
                by_chance = [
                    kolmogorov_smirnov(s[name], t[name])
                    for s, t in zip(drawn[::2], drawn[1::2], strict=False)
                ]
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


def printed(table: Any, **columns: str) -> Any:
    """Columns of a table as text for a page; the first becomes the index.

    Parameters
    ----------
    table : pandas.DataFrame
    **columns : str
        Head of the page's column and ``names:format``. One name gives ``.12``, three ``.12 (.10 to
        .14)``; an empty cell or a column that the table lacks is –.
        Of a ``g`` format, numbers from 100 on are printed whole.
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
