"""Read cmeAnalysis ``lifetimeData.mat`` files: the measured amplitudes of tracked vesicles.

cmeAnalysis (Aguet et al., Dev. Cell 2013) fits a Gaussian spot to every frame of every track, in
the channel that was tracked (clathrin) and in a second one at the same place (auxilin).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from awdlib.datasets.registry import DataError

SIGNIFICANCE = 0.05  # of an amplitude against background, a frame


@dataclass(frozen=True)
class LifetimeData:
    """What is used of one ``lifetimeData.mat``, in the file's units (camera counts; seconds).

    `category` and `lifetime_s` hold one value for each of the n_all tracks. The others have shape
    (2 channels, frames, n), n being the number of category 1 tracks, NaN after a track's end:
    fitted amplitude, its standard deviation, standard deviation of the residual background, and
    the standard error of that.
    """

    category: np.ndarray
    lifetime_s: np.ndarray
    amplitude: np.ndarray
    amplitude_sd: np.ndarray
    background_sd: np.ndarray
    background_se: np.ndarray


def read_lifetime_data(path: str | Path) -> LifetimeData:
    """Read a cmeAnalysis ``lifetimeData.mat`` (MATLAB 7.3, which is HDF5).

    Raises
    ------
    DataError
        If the file cannot be read, is not HDF5, lacks a field, holds one of another shape than
        cmeAnalysis writes, or has no category 1 track.
    """
    import h5py

    path = Path(path)
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be read as HDF5 ({str(error).splitlines()[0]}): it is truncated, "
            "damaged, or no MATLAB 7.3 file."
        ) from error
    with file:
        category = _read(file, "catIdx", path.name, (1, None))[0]
        lifetime_s = _read(file, "lifetime_s", path.name, (1, len(category)))[0]
        n = int((category == 1).sum())
        if n == 0:
            raise DataError(
                f"{path.name} has no category 1 tracks, and only those hold amplitudes."
            )
        amplitude = _read(file, "A", path.name, (2, None, n))
        shape = amplitude.shape
        return LifetimeData(
            category=category,
            lifetime_s=lifetime_s,
            amplitude=amplitude,
            amplitude_sd=_read(file, "A_pstd", path.name, shape),
            background_sd=_read(file, "sigma_r", path.name, shape),
            background_se=_read(file, "SE_sigma_r", path.name, shape),
        )


def _read(file: object, field_name: str, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Read one numeric field and check its shape; None stands for any length."""
    import h5py

    dataset = file.get(field_name)  # type: ignore[attr-defined]
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{name} has no field {field_name}: it is no lifetimeData.mat.")
    wanted = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
    fits = len(dataset.shape) == len(shape) and all(
        size in (None, found) for size, found in zip(shape, dataset.shape, strict=True)
    )
    if not fits or dataset.dtype.kind not in "fiu":
        raise DataError(
            f"{name}: field {field_name} has shape {dataset.shape} of {dataset.dtype}, "
            f"not numbers of shape {wanted}."
        )
    try:
        return np.asarray(dataset[()], dtype=np.float64)
    except OSError as error:
        raise DataError(
            f"{name}: field {field_name} cannot be read ({str(error).splitlines()[0]}): "
            "the file is truncated or damaged."
        ) from error


def detection_p_value(
    amplitude: np.ndarray, amplitude_sd: np.ndarray, background_sd: np.ndarray, se: np.ndarray
) -> np.ndarray:
    """Return the p-value of an amplitude against the background, frame by frame.

    The one-sided t-test by which cmeAnalysis detects a spot (Aguet et al. 2013): is the amplitude
    larger than k background standard deviations, k being the normal quantile of 0.975?

    Parameters
    ----------
    amplitude, amplitude_sd, background_sd, se : arrays of one shape
        Fitted amplitude, its standard deviation, standard deviation of the residual background
        and the standard error of that, in camera counts. NaN in gives NaN out.
    """
    from scipy import stats

    k = stats.norm.ppf(1 - SIGNIFICANCE / 2)
    pixels = 1 + (background_sd / se) ** 2 / 2
    threshold_se = k * se
    variance = amplitude_sd**2 + threshold_se**2
    freedom = (pixels - 1) * variance**2 / (amplitude_sd**4 + threshold_se**4)
    t = (amplitude - k * background_sd) / np.sqrt(variance / pixels)
    return stats.t.cdf(-t, freedom)
