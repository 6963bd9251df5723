"""Simulate what cmeAnalysis measures of clathrin-coated vesicles, from the biology up.

A successful event builds its coat slowly, holds it, and loses it within a few seconds when auxilin
arrives in a burst; an abortive event stays smaller, fades without a sharp drop and gets no burst.
At a spot that lives long a second vesicle may follow the first. Auxilin also pays brief visits
apart from uncoating. Camera and photon noise, slow fluctuations of the coat and each cell's own
gain are added, and the result has the form of a ``lifetimeData.mat``: it goes through the same
preprocessing as real data.

Calibration: what the fit reports of its own error, the gains of cells, and first values of the rest
were read off the real tracks. The rest was then moved, by a random search of small steps, to where
the statistics of `awdlib.calibration.STATISTICS`, the autocorrelation and the mean tracks of the
thirds with most and least auxilin come near those of the real cells 1 to 6, on average over seeds
of the simulator; then rounded. Only these aggregates were used, and no model's score. The chapter
"simulator" compares what came out. No wavelet, and no filter of any kind, has part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from awdlib.datasets.lifetime_data import LifetimeData

CELL_SHARES = np.array([160, 133, 174, 240, 185, 352, 250, 124]) / 1618  # as in the real cells
FRAMES = 160  # one a second; tracks last 16 to 160 s


@dataclass(frozen=True)
class Settings:
    """Parameters of the simulator. Amplitudes are in camera counts, times in seconds (frames).

    "scatter" is the standard deviation of a logarithm, "shape" that of a gamma distribution.
    """

    # what kind of event
    success: float = 0.67  # share of events that end in uncoating
    next_vesicle: float = 92.0  # mean waiting time (s) for another vesicle at the same spot
    next_after: float = 43.0  # seconds that it needs at least
    # successful events
    coat: float = 2960.0  # median clathrin amplitude of the full coat
    coat_scatter: float = 0.295
    first_seen: float = 700.0  # median clathrin amplitude at which tracking begins
    first_seen_scatter: float = 0.74
    lifetime: float = 64.0  # mean lifetime; larger coats take longer
    lifetime_shape: float = 3.4
    lifetime_exponent: float = 1.0  # of the coat's size, in the lifetime
    growth: tuple[float, float] = (0.45, 0.92)  # build-up ends at this share of the lifetime
    drop_before_end: tuple[float, float] = (1.4, 12.7)  # uncoating before the track's end
    drop_time: tuple[float, float] = (0.7, 3.0)  # time constant of the sharp drop
    left_over: tuple[float, float] = (0.17, 0.56)  # share of the coat that stays after the drop
    # abortive events
    abortive_coat: float = 1200.0  # median clathrin amplitude at their highest
    abortive_scatter: float = 0.30
    abortive_rise: float = 0.44  # share of their highest amplitude by which they rise and fade
    abortive_lifetime: float = 10.8  # mean of the exponential part above 16 s
    # auxilin
    auxilin: float = 2350.0  # median burst of a coat of median size and mean lifetime
    auxilin_coat: float = 0.69  # exponent of the coat's size in the burst
    auxilin_age: float = 0.19  # exponent of the vesicle's lifetime in the burst
    auxilin_scatter: float = 0.56
    auxilin_time: float = 2.54  # time constant on both sides of the burst
    auxilin_jitter: float = 1.5  # standard deviation of the burst's peak about the coat's drop
    auxilin_background: float = 49.0  # what is fitted where no auxilin is
    visit_rate: float = 0.029  # brief visits of auxilin, apart from uncoating, a second
    visit_height: float = 455.0  # their mean amplitude (exponential)
    # fluctuation and noise
    coat_fluctuation: float = 0.25  # relative standard deviation of slow changes of the coat
    coat_memory: float = 0.96  # correlation of these from one frame to the next
    clathrin_read: float = 195.0  # standard deviation of the fit at zero amplitude
    auxilin_read: float = 284.0
    photon: float = 19.0  # variance a count of amplitude: photon noise
    tracking: float = 0.034  # relative error of clathrin's fit, from frame to frame
    auxilin_fluctuation: float = 0.25  # relative, independent from frame to frame
    # cells
    clathrin_gain: float = 0.12  # scatter over cells
    auxilin_gain: float = 0.2
    # what the fit reports of its own error: sigma_r = background + slope * amplitude, A_pstd a
    # share of that, SE_sigma_r that over the root of twice the fit window's pixels
    clathrin_sigma: tuple[float, float] = (175.0, 0.085)
    auxilin_sigma: tuple[float, float] = (295.0, 0.03)
    fit_share: tuple[float, float] = (0.44, 0.515)
    sigma_over_se: tuple[float, float] = (18.2, 15.5)


def _in_window(rng: np.random.Generator, lifetimes: np.ndarray) -> np.ndarray:
    """Bring lifetimes into 16 to 160 s: those outside are replaced by others of the sample."""
    inside = lifetimes[(lifetimes >= 16) & (lifetimes < FRAMES + 1)]
    outside = (lifetimes < 16) | (lifetimes >= FRAMES + 1)
    return np.where(outside, rng.choice(inside, len(lifetimes)), lifetimes).astype(int)


def _vesicle(
    rng: np.random.Generator,
    settings: Settings,
    start: np.ndarray,
    end: np.ndarray,
    coat: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a successful event's clathrin (n, FRAMES), and when it begins to drop (n, 1).

    `start`, `end` (seconds) and `coat` (counts) have shape (n, 1).
    """
    t = np.arange(FRAMES)
    shape = (len(coat), 1)
    lifetime = end - start
    drop = end - np.minimum(rng.uniform(*settings.drop_before_end, shape), lifetime / 3)
    grown = start + rng.uniform(*settings.growth, shape) * (drop - start)
    build_up = np.clip((t - start + 1) / (grown - start + 1), 0.0, 1.0)
    left = rng.uniform(*settings.left_over, shape)
    gone = -np.expm1(-np.clip(t - drop, 0.0, None) / rng.uniform(*settings.drop_time, shape))
    seen = settings.first_seen * np.exp(settings.first_seen_scatter * rng.standard_normal(shape))
    seen = np.minimum(seen, 0.8 * coat)
    return (seen + (coat - seen) * build_up) * (1 - (1 - left) * gone), drop


def _burst(
    rng: np.random.Generator,
    settings: Settings,
    drop: np.ndarray,
    coat: np.ndarray,
    age: np.ndarray,
) -> np.ndarray:
    """Return the auxilin (n, FRAMES) that uncoats vesicles at `drop`.

    `drop`, `age` (seconds) and `coat` (counts) have shape (n, 1).
    """
    height = settings.auxilin * (coat / settings.coat) ** settings.auxilin_coat
    height = height * (age / settings.lifetime) ** settings.auxilin_age
    height = height * np.exp(settings.auxilin_scatter * rng.standard_normal(coat.shape))
    peak = drop + settings.auxilin_jitter * rng.standard_normal(coat.shape)
    return height * np.exp(-np.abs(np.arange(FRAMES) - peak) / settings.auxilin_time)


def _slow_noise(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """Return (n, FRAMES) of a stationary first-order autoregression of unit variance."""
    steps = rng.standard_normal((FRAMES, n))
    values = np.empty((FRAMES, n))
    values[0] = steps[0]
    for frame in range(1, FRAMES):  # over frames, all tracks at once
        values[frame] = memory * values[frame - 1] + np.sqrt(1 - memory**2) * steps[frame]
    return values.T


def simulate_cell(
    rng: np.random.Generator, n: int, settings: Settings | None = None
) -> LifetimeData:
    """Simulate the category 1 tracks of one cell that last between 16 and 160 s.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
        Number of tracks; about 10 at least, as standardising needs some variety.
    settings : Settings, optional

    Returns
    -------
    LifetimeData
        Arrays of shape (2, 160, n), NaN after a track's end, in camera counts.
    """
    s = settings or Settings()
    success = (rng.random(n) < s.success)[:, None]
    size = rng.standard_normal((n, 1))
    coat = s.coat * np.exp(s.coat_scatter * size)
    whole = s.lifetime * rng.gamma(s.lifetime_shape, 1 / s.lifetime_shape, (n, 1))
    whole = whole * (coat / s.coat) ** s.lifetime_exponent
    brief = 16 + rng.exponential(s.abortive_lifetime, (n, 1))
    lifetime = _in_window(rng, np.where(success, whole, brief)[:, 0])[:, None]

    t = np.arange(FRAMES)
    begin = np.zeros((n, 1))
    clathrin, drop = _vesicle(rng, s, begin, lifetime, coat)
    auxilin = _burst(rng, s, drop, coat, lifetime)
    # an earlier vesicle at the same spot: the longer a track, the likelier
    spare = np.maximum(lifetime - s.next_after, 0.0)
    twice = rng.random((n, 1)) < -np.expm1(-spare / s.next_vesicle)
    first_end = lifetime * rng.uniform(0.35, 0.65, (n, 1))
    first_coat = coat * np.exp(s.coat_scatter * rng.standard_normal((n, 1)) / 2)
    first, first_drop = _vesicle(rng, s, begin, first_end, first_coat)
    second, second_drop = _vesicle(rng, s, first_end - 4, lifetime, coat)
    clathrin = np.where(twice, np.where(t < first_end, first, second), clathrin)
    bursts = _burst(rng, s, first_drop, first_coat, first_end)
    bursts = bursts + _burst(rng, s, second_drop, coat, lifetime - first_end)
    auxilin = np.where(twice, bursts, auxilin)
    # abortive events rise and fade evenly and are not uncoated by auxilin
    low = s.abortive_coat * np.exp(s.abortive_scatter * size)
    arch = np.sin(np.pi * np.clip((t + 0.5) / lifetime, 0, 1))
    fade = low * (1 - s.abortive_rise * (1 - arch))
    clathrin = np.where(success, clathrin, fade)
    auxilin = np.where(success, auxilin, 0.0)
    visits = rng.random(auxilin.shape) < s.visit_rate
    auxilin = auxilin + visits * rng.exponential(s.visit_height, auxilin.shape)

    clathrin = clathrin * (1 + s.coat_fluctuation * _slow_noise(rng, n, s.coat_memory))
    auxilin = auxilin * (1 + s.auxilin_fluctuation * rng.standard_normal(auxilin.shape))
    true = np.stack([np.maximum(clathrin, 0), np.maximum(auxilin, 0)])  # (2, n, FRAMES)
    gain = np.exp([[[s.clathrin_gain]], [[s.auxilin_gain]]] * rng.standard_normal((2, 1, 1)))
    true = gain * (true + np.array([0.0, s.auxilin_background])[:, None, None])
    read = np.array([s.clathrin_read, s.auxilin_read])[:, None, None]
    tracking = np.array([s.tracking, 0.0])[:, None, None]
    error = np.sqrt(read**2 + s.photon * true + (tracking * true) ** 2)
    amplitude = true + error * rng.standard_normal(true.shape)

    base, slope = np.array([s.clathrin_sigma, s.auxilin_sigma]).T[:, :, None, None]
    sigma = (base + slope * true) * np.exp(0.1 * rng.standard_normal(true.shape))
    per_channel = np.array([s.fit_share, 1 / np.array(s.sigma_over_se)])[:, :, None, None]
    measured = np.stack([amplitude, sigma * per_channel[0], sigma, sigma * per_channel[1]])
    measured = np.where(t < lifetime, measured, np.nan).transpose(0, 1, 3, 2)
    return LifetimeData(np.ones(n), lifetime[:, 0].astype(float), *measured)


def simulate_cells(seed: int, n: int, settings: Settings | None = None) -> list[LifetimeData]:
    """Simulate `n` tracks shared out over 8 cells as in the real data.

    Raises
    ------
    ValueError
        If `n` is below 100: a cell would hold too few tracks to be standardised.
    """
    if n < 100:
        raise ValueError(f"n must be at least 100 tracks for 8 cells, not {n}")
    edges = np.round(np.concatenate([[0.0], CELL_SHARES.cumsum()]) * n).astype(int)
    return [
        simulate_cell(np.random.default_rng([seed, cell]), int(size), settings)
        for cell, size in enumerate(np.diff(edges), start=1)
    ]
