"""Real maps: those of MassiveNuS as they are distributed, the authors' file of them, or a folder.

All become a set of maps on disk (`awdlib.datasets.cosmology.mapset`), read in bounded memory.
"""

import hashlib
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from awdlib.datasets.cosmology import mapset
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.datasets.registry import DataError

ANGLE = 3.5  # degrees across a map of MassiveNuS
PIXELS = 512  # of its side
NAMED = re.compile(r"mnv?([0-9.]+?)_om([0-9.]+?)_As([0-9.]+?)(?=[_/\\]|\.[a-z]|$)")
CHUNK = 100


def parameters_of(path: Path) -> tuple[float, float, float]:
    """(m_nu, omega_m, 10^9 A_s) as the name of a file or of a folder above it has them.

    Raises
    ------
    DataError
        If there are none.
    """
    found = NAMED.search(path.as_posix())
    if found is None:
        raise DataError(
            f"The name {path} does not say its parameters: it, or a folder above it, must hold "
            "them as 'mnv0.06271_om0.38154_As2.2004'."
        )
    m_nu, omega_m, a_s = (float(group.rstrip(".")) for group in found.groups())
    return m_nu, omega_m, a_s


def read_fits(
    path: Path, *, rebin: int = 1, pixels: int | None = None, angle: float | None = None
) -> np.ndarray:
    """One map from a FITS file, float32 (height, width).

    Parameters
    ----------
    path : pathlib.Path
    rebin : int
        Blocks of so many pixels squared become their mean.
    pixels, angle : int, float, optional
        What the side must have, and the header's ANGLE in degrees.

    Raises
    ------
    DataError
        If the file is no FITS image, of another size or angle, or holds NaN.
    """
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as file:
            data, header = file[0].data, file[0].header
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as FITS ({error}): fetch it again.") from error
    shape = None if data is None else data.shape
    if shape is None or len(shape) != 2 or shape[0] != shape[1] or shape[0] % rebin:
        raise DataError(f"{path} should hold one square map, but has the shape {shape}.")
    if pixels is not None and shape[0] != pixels:
        raise DataError(f"{path} should have {pixels} x {pixels} pixels, but has {shape}.")
    if angle is not None:
        has = header.get("ANGLE")
        if has is None or abs(float(has) - angle) > 1e-3:
            raise DataError(f"{path} should be {angle} degrees wide, but its ANGLE is {has}.")
    return _binned(_finite(np.asarray(data, np.float32), path), rebin)


def massivenus(
    root: Path,
    folder: Path,
    *,
    a_cosmology: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MapSet:
    """MassiveNuS' maps at z = 1 of Table D1's cosmologies as distributed, rebinned to 256 x 256.

    Parameters
    ----------
    root : pathlib.Path
        Holds ``convergence_gal_mnv..._om..._As.../Maps10/WLconv_z1.00_0001r.fits`` and so on.
    folder : pathlib.Path
        Where the rebinned sets are kept.
    a_cosmology : int, optional
        Maps of each cosmology, the first by name; by default all.
    progress : callable, optional
        Called with (pieces done, pieces).

    Raises
    ------
    DataError
        See `read_fits` and `parameters_of`; also if there is no such file, or too little room.
    """
    files = sorted(root.glob("**/WLconv_z1.00_*.fits"))
    if not files:
        raise DataError(f"There are no maps named WLconv_z1.00_*.fits in {root} or below.")
    groups = _by_parameters(files)
    known = [values for values in sorted(groups) if _tabulated(values)]
    if not known:
        raise DataError(f"None of the maps in {root} has the parameters of a row of Table D1.")
    chosen = [(values, groups[values][:a_cosmology]) for values in known]

    def read(path: Path) -> np.ndarray:
        return read_fits(path, rebin=2, pixels=PIXELS, angle=ANGLE)

    return _gather(chosen, read, folder / "massivenus", "MassiveNuS", 256, progress)


def own(root: Path, folder: Path, *, progress: Callable[[int, int], None] | None = None) -> MapSet:
    """A folder of the user's own maps: ``.fits`` or ``.npy`` files whose names hold parameters.

    Raises
    ------
    DataError
        If a map has no parameters, NaN, or another resolution than the first; if there is none; or
        if there is too little room.
    """
    files = sorted(p for p in root.glob("**/*") if p.suffix in (".fits", ".fit", ".npy"))
    if not files:
        raise DataError(f"There are no .fits or .npy maps in {root} or below.")
    groups = _by_parameters(files)
    side = _any(files[0]).shape

    def read(path: Path) -> np.ndarray:
        found = _any(path)
        if found.shape != side:
            raise DataError(
                f"{path} has {found.shape} pixels, {files[0]} has {side}: put maps of different "
                "resolution into different folders."
            )
        return found

    return _gather(sorted(groups.items()), read, folder / "own", "own", side[0], progress)


def authors_file(
    path: Path, folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> MapSet:
    """The authors' ``cosmo_resize_256.npz``: ``imgs`` (maps, 256, 256) and ``params`` (maps, 3).

    The array is read through the archive piece by piece, never as a whole.

    Raises
    ------
    DataError
        If it is no such archive, or there is too little room.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            parameters = stored["params"].astype(float)
        with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as stream:
            shape, dtype = _header(stream)
        if len(shape) != 3 or len(parameters) != shape[0]:
            raise ValueError(f"imgs {shape} and params {parameters.shape} do not fit")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as the authors' maps ({error}).") from error
    place = folder / "authors"
    key = {"file": path.name, "bytes": path.stat().st_size, "changed": path.stat().st_mtime_ns}
    parts = [range(a, min(a + CHUNK, shape[0])) for a in range(0, shape[0], CHUNK)]
    names = [f"maps-{rows.start:06}" for rows in parts]
    there = [mapset.piece_is_there(place, name, key) for name in names]
    size = shape[1] * shape[2]
    mapset.need_space(
        place, 4 * size * sum(len(r) for r, t in zip(parts, there, strict=True) if not t)
    )
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as stream:
        _header(stream)
        for done, (rows, name) in enumerate(zip(parts, names, strict=True)):
            data = stream.read(len(rows) * size * dtype.itemsize)
            if not there[done]:
                mapset.write_piece(
                    place, name, np.frombuffer(data, dtype).reshape(len(rows), *shape[1:]),
                    parameters=parameters[rows], names=[f"{i}" for i in rows],
                    source="MassiveNuS", key=key,
                )  # fmt: skip
            if progress:
                progress(done + 1, len(parts))
    return mapset.open_set(place, names)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array in an archive, which is then read on from its first value."""
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"unknown array format {version}")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    if by_column or dtype.hasobject:
        raise ValueError(f"imgs must be plain numbers, row by row, not {dtype}")
    return shape, dtype


def _by_parameters(files: Sequence[Path]) -> dict[tuple[float, float, float], list[Path]]:
    groups: dict[tuple[float, float, float], list[Path]] = {}
    for file in files:
        groups.setdefault(parameters_of(file), []).append(file)
    return groups


def _tabulated(values: tuple[float, float, float]) -> bool:
    """Whether these are the parameters of one of the ten cosmologies of the paper."""
    return any(np.allclose(values, c.parameters, atol=6e-5) for c in COSMOLOGIES)


def _gather(
    groups: Sequence[tuple[tuple[float, float, float], Sequence[Path]]],
    read: Callable[[Path], np.ndarray],
    folder: Path,
    source: str,
    pixels: int,
    progress: Callable[[int, int], None] | None,
) -> MapSet:
    """Read files into pieces of a set; a piece belongs to its files' names, sizes and times."""
    pieces = [
        (values, list(paths[a : a + CHUNK]))
        for values, paths in groups
        for a in range(0, len(paths), CHUNK)
    ]
    named = []
    for values, paths in pieces:
        states = [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]
        name = hashlib.sha256(repr(states).encode()).hexdigest()[:24]
        there = mapset.piece_is_there(folder, name, {"files": states})
        named.append((name, {"files": states}, there, values, paths))
    left = sum(len(paths) for _, _, there, _, paths in named if not there)
    mapset.need_space(folder, left * pixels**2 * 4)
    for done, (name, key, there, values, paths) in enumerate(named):
        if not there:
            mapset.write_piece(
                folder, name, np.stack([read(p) for p in paths]),
                parameters=np.tile(values, (len(paths), 1)),
                names=[p.stem for p in paths], source=source, key=key,
            )  # fmt: skip
        if progress:
            progress(done + 1, len(pieces))
    return mapset.open_set(folder, [one[0] for one in named])


def _any(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        return read_fits(path)
    try:
        data = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as an array ({error}).") from error
    if data.ndim != 2:
        raise DataError(f"{path} should hold one map, but has the shape {data.shape}.")
    return _finite(np.asarray(data, np.float32), path)


def _finite(data: np.ndarray, path: Path) -> np.ndarray:
    bad = int((~np.isfinite(data)).sum())
    if bad:
        raise DataError(
            f"{path} has {bad} pixels that are NaN or infinite: mend it or leave it out."
        )
    return data


def _binned(data: np.ndarray, by: int) -> np.ndarray:
    rows, columns = (side // by for side in data.shape)
    return data.reshape(rows, by, columns, by).mean((1, 3))
