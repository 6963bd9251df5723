"""Sets of maps on disk, made and real: whole, resumable, refused in one sentence when wrong."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits

from awdlib import peaks
from awdlib.datasets import DataError, registry
from awdlib.datasets.cosmology import mapset, real, simulated
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.particle_mesh import Box
from awdlib.datasets.cosmology.simulated import Block, Recipe

TINY = Recipe("mesh", pixels=16, box=Box(particles=8, mesh=16, early=2), plane_pixels=32)
SHELLS = Recipe("shells", pixels=16)


@pytest.mark.parametrize("recipe", [SHELLS, TINY], ids=["shells", "mesh"])
def test_a_map_does_not_depend_on_the_others(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "CHUNK", 4)
    blocks = [Block(1, 0, 0, 6), Block(3, 2, 4, 6)]
    many = simulated.make(tmp_path / "a", recipe, blocks)
    assert len(many) == 8
    assert many.size == (16, 16)
    assert [many.names[i] for i in (0, 5, 6, 7)] == ["1-0-0", "1-0-5", "3-2-4", "3-2-5"]
    np.testing.assert_array_equal(many.parameters[6], COSMOLOGIES[3].parameters)
    fewer = simulated.make(tmp_path / "b", recipe, [Block(3, 2, 4, 5), Block(1, 0, 4, 6)])
    assert torch.equal(fewer[0][0], many[6][0])
    assert torch.equal(fewer.read([1, 2]), many.read([4, 5]))
    assert not torch.equal(many[0][0], many[1][0])
    other = simulated.make(
        tmp_path / "a", Recipe(**{**vars(recipe), "seed": 1}), [Block(1, 0, 0, 1)]
    )
    assert not torch.equal(other[0][0], many[0][0])


def test_what_is_there_is_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "CHUNK", 2)
    block = Block(0, 0, 0, 6)
    first = simulated.make(tmp_path, SHELLS, [block]).read(range(6))
    (place,) = tmp_path.iterdir()
    dates = {p.name: p.stat().st_mtime_ns for p in place.glob("*.npy")}
    assert len(dates) == 3
    # one piece is lost, one truncated: as if the run had been killed, or the disk been full
    pieces = sorted(dates)
    (place / pieces[0]).unlink()
    data = (place / pieces[1]).read_bytes()
    (place / pieces[1]).write_bytes(data[:-100])
    again = simulated.make(tmp_path, SHELLS, [block])
    assert torch.equal(again.read(range(6)), first)
    assert (place / pieces[2]).stat().st_mtime_ns == dates[pieces[2]]
    assert not list(place.glob("*.partial"))


def test_a_run_that_dies_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "CHUNK", 1)
    write, written = mapset.write_piece, []

    def dying(folder, name, *arguments, **keywords):
        if len(written) == 2:
            raise OSError("No space left on device")
        written.append(name)
        write(folder, name, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(mapset, "write_piece", dying)
        with pytest.raises(OSError, match="No space"):
            simulated.make(tmp_path, TINY, [Block(0, 1, 0, 4)])
    written.clear()
    simulated_boxes = []
    make = simulated.planes.make
    monkeypatch.setattr(
        simulated.planes, "make", lambda *a, **k: simulated_boxes.append(1) or make(*a, **k)
    )
    whole = simulated.make(tmp_path, TINY, [Block(0, 1, 0, 4)])
    assert len(whole) == 4
    assert not simulated_boxes  # the planes had been kept
    fresh = simulated.make(tmp_path / "fresh", TINY, [Block(0, 1, 0, 4)])
    assert torch.equal(whole.read(range(4)), fresh.read(range(4)))


def test_too_little_room_is_said_before_anything_is_made(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(mapset.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataError, match=r"maps need 0\.0 GB, but only 0\.0 GB are free"):
        simulated.make(tmp_path / "new", SHELLS, [Block(0, 0, 0, 4)])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("block", [Block(10, 0, 0, 5), Block(-1, 0, 0, 5), Block(0, 0, 0, 0)])
def test_blocks_that_cannot_be_are_refused(block, tmp_path):
    with pytest.raises(ValueError, match="no such block"):
        simulated.make(tmp_path, SHELLS, [block])


def test_unknown_simulators_are_refused():
    with pytest.raises(ValueError, match="shells or mesh, not 'magic'"):
        Recipe("magic")


def test_sets_are_read_by_row_and_in_batches(tmp_path):
    x = np.arange(5 * 9, dtype=np.float32).reshape(5, 3, 3)
    for name, part in (("a", slice(0, 2)), ("b", slice(2, 5))):
        mapset.write_piece(
            tmp_path, name, x[part], parameters=np.tile([0.0, 0.3, 2.1], (len(x[part]), 1)),
            names=[f"{name}{i}" for i in range(len(x[part]))], source="own", key={"v": 1},
        )  # fmt: skip
    whole = mapset.open_set(tmp_path, ["a", "b"], verify=True)
    np.testing.assert_array_equal(torch.cat(list(whole.batches(2)))[:, 0], x)
    np.testing.assert_array_equal(whole.read([4, 0])[:, 0], x[[4, 0]])
    some = whole.take(np.array([3, 1]))
    assert list(some.names) == ["b1", "a1"]
    np.testing.assert_array_equal(some[1][0][0], x[1])
    np.testing.assert_array_equal(some[-1][0][0], x[1])
    with pytest.raises(IndexError, match="map 2 of 2"):
        some[2]


def test_broken_sets_are_refused(tmp_path):
    def piece(name, maps, source="own"):
        mapset.write_piece(
            tmp_path, name, maps, parameters=np.zeros((len(maps), 3)),
            names=[str(i) for i in range(len(maps))], source=source, key={},
        )  # fmt: skip

    piece("a", np.ones((2, 4, 4)))
    piece("b", np.ones((2, 5, 5)))
    piece("c", np.ones((2, 4, 4)), source="MassiveNuS")
    with pytest.raises(DataError, match="different resolutions"):
        mapset.open_set(tmp_path, ["a", "b"])
    with pytest.raises(DataError, match="different sources"):
        mapset.open_set(tmp_path, ["a", "c"])
    with pytest.raises(DataError, match="no maps"):
        mapset.open_set(tmp_path, [])
    with pytest.raises(DataError, match="missing or broken"):
        mapset.open_set(tmp_path, ["a", "lost"])
    data = bytearray((tmp_path / "a.npy").read_bytes())
    data[-1] ^= 1
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(DataError, match="altered"):
        mapset.open_set(tmp_path, ["a"], verify=True)
    with pytest.raises(DataError, match="The map 1 holds NaN"):
        piece("n", np.stack([np.zeros((4, 4)), np.full((4, 4), np.nan)]))
    assert not (tmp_path / "n.npy").exists()


def write_map(path: Path, data: np.ndarray, angle: float | None = 3.5) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = fits.PrimaryHDU(data.astype(np.float32))
    if angle is not None:
        file.header["ANGLE"] = angle
    file.writeto(path)


def original(root: Path, i: int = 1, values: str = "mnv0.06271_om0.38154_As2.2004") -> Path:
    return root / f"convergence_gal_{values}" / "Maps10" / f"WLconv_z1.00_{i:04}r.fits"


def test_massivenus_maps_are_read_as_distributed(tmp_path):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(512, 512)).astype(np.float32)
    write_map(original(tmp_path / "in"), data)
    write_map(original(tmp_path / "in", 2, "mnv0.00000_om0.30000_As2.1000"), data + 1)
    write_map(original(tmp_path / "in", 3, "mnv0.20000_om0.31000_As2.1000"), data)  # not in D1
    found = real.massivenus(tmp_path / "in", tmp_path / "out")
    assert found.source == "MassiveNuS"
    np.testing.assert_allclose(found.parameters, [[0, 0.3, 2.1], [0.06271, 0.38154, 2.2004]])
    expected = (data[::2, ::2] + data[1::2, ::2] + data[::2, 1::2] + data[1::2, 1::2]) / 4
    np.testing.assert_allclose(found[1][0][0], expected, atol=1e-6)
    # read once: without the files changed, a second call takes what is kept
    dates = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npy")}
    real.massivenus(tmp_path / "in", tmp_path / "out")
    assert dates == {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.npy")}
    os.utime(original(tmp_path / "in"), ns=(1, 1))  # another file by that name
    real.massivenus(tmp_path / "in", tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.npy"))) == 3


@pytest.mark.parametrize(
    ("name", "data", "angle", "match"),
    [
        (original(Path()), np.zeros((256, 256)), 3.5, r"512 x 512 pixels, but has \(256, 256\)"),
        (original(Path()), np.zeros((512, 512)), 5.0, r"3.5 degrees wide, but its ANGLE is 5.0"),
        (original(Path()), np.zeros((512, 512)), None, r"but its ANGLE is None"),
        (original(Path()), np.full((512, 512), np.nan), 3.5, r"has 262144 pixels that are NaN"),
        (original(Path()), np.zeros((3, 512, 512)), 3.5, r"should hold one square map"),
        (Path("model007/WLconv_z1.00_0001r.fits"), np.zeros((512, 512)), 3.5, "does not say its"),
    ],
)
def test_wrong_files_are_refused_in_one_sentence(tmp_path, name, data, angle, match):
    write_map(tmp_path / "in" / name, data, angle)
    with pytest.raises(DataError, match=match) as caught:
        real.massivenus(tmp_path / "in", tmp_path / "out")
    assert "WLconv_z1.00_0001r.fits" in str(caught.value)
    assert not list((tmp_path / "out").rglob("*.npy"))


def test_what_is_no_fits_file_and_what_is_not_there_is_said(tmp_path):
    file = original(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"<html>Not found</html>")
    with pytest.raises(DataError, match="cannot be read as FITS"):
        real.massivenus(tmp_path, tmp_path / "out")
    other = original(tmp_path / "other", 1, "mnv0.20000_om0.31000_As2.1000")
    write_map(other, np.zeros((512, 512)))
    with pytest.raises(DataError, match=r"None of the maps .* Table D1"):
        real.massivenus(tmp_path / "other", tmp_path / "out")
    with pytest.raises(DataError, match="no maps named"):
        real.massivenus(tmp_path / "elsewhere", tmp_path / "out")
    with pytest.raises(DataError, match=r"no .fits or .npy maps"):
        real.own(tmp_path / "elsewhere", tmp_path / "out")


def test_own_maps_need_one_resolution(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    np.save(folder / "mnv0.1_om0.31_As2.0_0001.npy", np.ones((20, 20)))
    write_map(folder / "mnv0.1_om0.29_As2.0_0001.fits", np.zeros((20, 20)))
    found = real.own(folder, tmp_path / "out")
    np.testing.assert_allclose(found.parameters, [[0.1, 0.29, 2.0], [0.1, 0.31, 2.0]])
    assert list(found.cosmology) == [0, 1]
    np.save(folder / "mnv0.1_om0.33_As2.0_0001.npy", np.ones((24, 24)))
    with pytest.raises(DataError, match="different resolution into different folders"):
        real.own(folder, tmp_path / "out2")


def test_the_authors_file_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr(real, "CHUNK", 2)
    rng = np.random.default_rng(1)
    images, parameters = rng.normal(size=(5, 8, 8)), rng.uniform(size=(5, 3))
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "cosmo_resize_256.npz", imgs=images, params=parameters)
        out = tmp_path / save.__name__
        found = real.authors_file(tmp_path / "cosmo_resize_256.npz", out)
        np.testing.assert_allclose(found.read(range(5))[:, 0], images, rtol=1e-6)
        np.testing.assert_allclose(found.parameters, parameters)
    np.savez(tmp_path / "other.npz", imgs=images, params=parameters[:3])
    with pytest.raises(DataError, match="do not fit"):
        real.authors_file(tmp_path / "other.npz", tmp_path / "out")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(DataError, match="cannot be read as the authors' maps"):
        real.authors_file(tmp_path / "text.npz", tmp_path / "out")


def test_notes_say_what_a_piece_is(tmp_path):
    simulated.make(tmp_path, SHELLS, [Block(2, 0, 0, 3)])
    (note,) = tmp_path.rglob("*.json")
    stored = json.loads(note.read_text())
    assert stored["key"]["kind"] == "shells"
    assert stored["source"] == "simulated (lognormal shells)"
    assert len(stored["sha256"]) == 64


def real_maps() -> dict[str, np.ndarray]:
    """The real maps of the data folder, 256 and 160 pixels wide, else the test is skipped."""
    try:
        entries = {entry.name: entry.path for entry in registry.registry("cosmology")}
    except DataError as error:
        pytest.skip(str(error))
    if not all(path.exists() for path in entries.values()):
        pytest.skip("the real convergence maps are not here (AWD_DATA_DIR)")
    return {
        "like": real.read_fits(entries["massivenus_like_z1_256.fits"]),
        "fiducial": real.read_fits(entries["massivenus_fiducial_z1_320_a.fits"], rebin=2),
    }


def test_real_maps_have_the_peaks_that_others_count():
    maps = real_maps()
    counts = {}
    for name, data in maps.items():
        counts[name] = int(peaks.find_peaks(torch.from_numpy(data)[None, None]).sum())
        assert 0.015 < data.std() < 0.0185
    # LensTools 1.2 counts these on the wrapped map; interior strict maxima are 3207
    assert counts["like"] == 3207
    wrapped = np.pad(maps["like"], 1, "wrap")
    assert int(peaks.find_peaks(torch.from_numpy(wrapped)[None, None]).sum()) in (3257, 3258, 3259)
