"""The cosmology experiment's parts: splits, counts, network, bootstrap, activation maps."""

import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from awdlib import dwt, filters, paper, peaks, threads
from awdlib.attribution import input_gradients
from awdlib.datasets import DataError
from awdlib.datasets.cosmology import mapset, simulated
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.datasets.cosmology.mapset import MapSet
from awdlib.datasets.cosmology.simulated import Block, Recipe
from awdlib.lensing import (
    SIZES,
    activations,
    artefact,
    claims,
    comparing,
    counts,
    fidelity,
    looking,
    record,
    setup,
    study,
    summaries,
    table,
    teacher,
)
from awdlib.lensing.counts import Statistic
from awdlib.resnet import ResNet18
from awdlib.sweep import Sweep

TINY = replace(
    SIZES["smoke"],
    recipe=Recipe("shells", pixels=32), cosmologies=(3, 4), train=6, select=4, test=4, awd_maps=4,
    awd_epochs=1, epochs=1, artefact=(4, 1), looked_at=4, draws=1, bootstrap=50,
)  # fmt: skip


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> setup.Split:
    return setup.split(TINY, tmp_path_factory.mktemp("maps"))


def own_maps(folder, x: np.ndarray, omega: np.ndarray) -> MapSet:
    """A set of given maps (n, height, width)."""
    parameters = np.stack([np.zeros(len(x)), omega, np.full(len(x), 2.1)], 1)
    mapset.write_piece(
        folder, "a", x, parameters=parameters, names=[str(i) for i in range(len(x))],
        source="own", key={},
    )  # fmt: skip
    return mapset.open_set(folder, ["a"])


def test_a_process_can_keep_its_memory():
    assert threads.reuse_memory() is (platform.libc_ver()[0] == "glibc")


# --- splits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", SIZES)
@pytest.mark.parametrize("shared_box", [False, True])
def test_no_map_is_used_twice(profile, shared_box):
    parts = setup.blocks(SIZES[profile], shared_box=shared_box)
    used = [
        (b.cosmology, b.box, i) for group in parts.values() for b in group
        for i in range(b.first, b.last)
    ]  # fmt: skip
    assert len(set(used)) == len(used)
    size = SIZES[profile]
    assert len(used) == len(size.cosmologies) * (size.train + size.select + size.test)
    boxes = {name: {b.box for b in group} for name, group in parts.items()}
    assert boxes["train"] == set(setup.TRAINING_BOXES)
    if shared_box:
        assert boxes["select"] == boxes["test"] == boxes["train"]
    else:
        assert not boxes["train"] & boxes["select"]
        assert not (boxes["train"] | boxes["select"]) & boxes["test"]


def test_both_splits_train_on_the_same_maps(tmp_path):
    apart = setup.split(TINY, tmp_path)
    together = setup.split(TINY, tmp_path, shared_box=True)
    assert list(apart.train.names) == list(together.train.names)
    assert not set(together.test.names) & set(apart.train.names)
    assert apart.shared_box is False
    assert together.shared_box is True


def test_real_maps_are_split_as_the_authors_split_them(tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path))
    assert setup.real_split(TINY, tmp_path / "out") is None
    (tmp_path / "massivenus").mkdir()
    parameters = np.tile([COSMOLOGIES[0].parameters, COSMOLOGIES[1].parameters], (14, 1))
    images = np.arange(28, dtype=np.float32)[:, None, None] * np.ones((28, 8, 8), np.float32)
    np.savez(tmp_path / "massivenus" / "cosmo_resize_256.npz", imgs=images, params=parameters)
    found = setup.real_split(TINY, tmp_path / "out")
    assert found is not None
    assert found.shared_box
    values = [part.read(np.arange(len(part)))[:, 0, 0, 0].tolist() for part in
              (found.train, found.select, found.test)]  # fmt: skip
    assert values[0] == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    assert values[1] == [12, 14, 16, 18, 13, 15, 17, 19]
    assert values[2] == [20, 22, 24, 26, 21, 23, 25, 27]
    with pytest.raises(DataError, match="are 14 of the cosmology"):
        setup.real_split(replace(TINY, train=7), tmp_path / "out")


def test_real_maps_that_are_broken_are_not_called_real(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path))
    (tmp_path / "massivenus").mkdir()  # empty
    work = study.Study(TINY, tmp_path / "out")
    assert study.real_maps(work, "auto") is None
    assert "The real maps are not used" in capsys.readouterr().out
    assert study.real_maps(work, "simulated") is None
    with pytest.raises(DataError, match="no maps named"):
        study.real_maps(work, "real")


def test_real_maps_that_are_not_there_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path))
    assert study.real_maps(study.Study(TINY, tmp_path), "auto") is None
    with pytest.raises(DataError, match="There are no real maps: put"):
        study.real_maps(study.Study(TINY, tmp_path), "real")


# --- counts ------------------------------------------------------------------------------------


def test_counts_are_those_of_all_maps_together(maps, tmp_path, monkeypatch):
    monkeypatch.setattr(counts, "CHUNK", 5)
    h = torch.stack([filters.lowpass("db5"), filters.lowpass("sym5")])
    statistics = [Statistic("height"), Statistic("roberts"), *counts.of_wavelets(h)]
    found = counts.count(maps.train, statistics)
    whole = peaks.patches(maps.train.read(np.arange(len(maps.train))).double())
    np.testing.assert_array_equal(
        found[0], peaks.histogram(whole, peaks.heights(whole), *peaks.HEIGHTS)
    )
    kernels = peaks.wavelet_kernels(h)
    for k, high in enumerate(counts.RANGES):
        for f in (0, 1):
            expected = peaks.histogram(whole, peaks.filtered(whole, kernels[f]), 0.0, high)
            np.testing.assert_array_equal(found[2 + 5 * f + k], expected)
    with ThreadPoolExecutor(2) as executor:
        again = counts.count(maps.train, statistics, ledger=tmp_path, executor=executor)
    for a, b in zip(found, again, strict=True):
        np.testing.assert_array_equal(a, b)
    pieces = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert len(pieces) == 3
    counts.count(maps.train, statistics, ledger=tmp_path)
    assert pieces == {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}


def test_maps_get_the_omega_of_the_nearest_cosmology(maps):
    rng = np.random.default_rng(0)
    label = maps.train.cosmology
    features = rng.normal(size=(len(label), 3)) + 20 * label[:, None]
    new = np.array([[0.0, 0, 0], [20.0, 20, 20]])
    omega = sorted(c.omega_m for c in (COSMOLOGIES[3], COSMOLOGIES[4]))
    expected = [maps.train.parameters[label == c][0, 1] for c in (0, 1)]
    np.testing.assert_array_equal(counts.predict(features, maps.train, new), expected)
    assert sorted(expected) == pytest.approx(omega)


def test_picking_takes_the_smallest_error_of_each_group(maps):
    work = study.Study(TINY, maps.train.files[0].parents[1], keep=False)
    h = torch.stack([filters.lowpass(name) for name in ("db5", "sym5")])
    scored = comparing.score(work, maps, h, "toy")
    statistics = counts.of_wavelets(h)
    for k, statistic in enumerate(statistics):
        a, b = (counts.count(part, [statistic])[0] for part in (maps.train, maps.select))
        error = counts.rmse(counts.predict(a, maps.train, b), maps.select)
        assert scored.scores.flat[k] == pytest.approx(error)
    both = comparing.pick(scored, [slice(0, 1), slice(1, 2), slice(0, 2)])
    assert both.statistics[0] == statistics[scored.scores[0].argmin()]
    assert both.statistics[1] == statistics[5 + scored.scores[1].argmin()]
    assert both.statistics[2] == statistics[scored.scores.argmin()]


def test_what_each_seed_picked_is_found_again_in_its_grid():
    rng = np.random.default_rng(2)
    lams, gammas, seeds = np.array([0.1, 0.2]), np.array([0.0, 1.0, 2.0]), (7, 8)
    swept = Sweep(torch.zeros(2, 3, 2, 10), torch.zeros(2, 3, 2), lams, gammas, seeds)
    scores = rng.uniform(1, 2, (2 * 3 * 2, 5))
    # seed 8, the second γ, the first λ, the fourth range: seeds come first, then γ, then λ
    scores[1 * 6 + 1 * 2 + 0, 3] = 0.5
    found = comparing.places(swept, comparing.Picked([], [], scores))[1]
    assert (found["lam"], found["gamma"], found["high"]) == (0.1, 1.0, counts.RANGES[3])
    assert found["seed"] == 8


def test_selection_never_reads_a_test_map(maps, monkeypatch):
    read = MapSet.read
    forbidden = set(maps.test.names)

    def guarded(self, rows):
        assert not forbidden & set(self.names[rows])
        return read(self, rows)

    monkeypatch.setattr(MapSet, "read", guarded)
    work = study.Study(TINY, maps.train.files[0].parents[1], keep=False)
    trained = study.teach(work, maps)
    swept = study.distil(work, maps, trained)
    comparing.score(work, maps, swept.h.flatten(0, 2).double(), "AWD")
    comparing.score(work, maps, comparing.random_wavelets(work), "random wavelets")
    with pytest.raises(AssertionError):
        maps.test.read([0])


# --- the network -------------------------------------------------------------------------------


def test_the_network_learns_what_is_easy(tmp_path):
    rng = np.random.default_rng(1)
    omega = rng.choice([0.2, 0.3, 0.4], 90)
    x = rng.normal(size=(90, 32, 32)) * 0.01 * (omega / 0.2)[:, None, None] ** 2
    whole = own_maps(tmp_path, x, omega)
    train, held = whole.take(np.arange(60)), whole.take(np.arange(60, 90))
    found = teacher.train(train, held, width=4, epochs=12, batch_size=10, lr=5e-3)
    assert not found.model.training
    assert found.curve.min() < 0.5 * omega.std()
    assert teacher.rmse(found.model, held) == pytest.approx(found.curve.min(), rel=1e-5)


def test_training_that_was_stopped_goes_on_with_the_same_numbers(maps, tmp_path, monkeypatch):
    options = {"width": 4, "epochs": 3, "batch_size": 5, "dtype": torch.float64}
    straight = teacher.train(maps.train, maps.select, **options)
    epoch, done = teacher._epoch, []

    def dying(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)
        epoch(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(teacher, "_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            teacher.train(maps.train, maps.select, ledger=tmp_path, **options)
    again = teacher.train(maps.train, maps.select, ledger=tmp_path, **options)
    np.testing.assert_array_equal(straight.curve, again.curve)
    for a, b in zip(straight.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_network_that_diverges_is_said(maps):
    with pytest.raises(ValueError, match="training diverged in epoch"):
        teacher.train(maps.train, maps.select, width=4, epochs=4, lr=1e30)


def test_symmetries_are_eight_different_ones():
    x = torch.arange(9.0).reshape(1, 1, 3, 3)
    turned = {tuple(teacher.symmetry(x, k).flatten().tolist()) for k in range(8)}
    assert len(turned) == 8
    assert torch.equal(teacher.symmetry(x, 0), x)


def test_gradients_are_those_of_the_network_and_kept(maps, tmp_path):
    model = ResNet18(width=4).double().eval()
    x = maps.train.read(np.arange(len(maps.train))).double()
    for target in (0, 1):
        found = teacher.gradients(model, maps.train, target=target, piece=5, ledger=tmp_path)
        torch.testing.assert_close(found, input_gradients(model, x, target=target))
    assert len(list(tmp_path.iterdir())) == 2 * 3


# --- Table 2 -----------------------------------------------------------------------------------


def test_the_bootstraps_sd_is_that_of_gaussian_errors():
    rng = np.random.default_rng(3)
    truth, sigma = np.zeros(4000), 0.0123
    judged = table.judge({"awd": rng.normal(size=4000) * sigma}, truth)
    # the sd of a root mean square of n Gaussian errors is sigma / sqrt(2n)
    assert judged.samples["awd"].std() == pytest.approx(sigma / np.sqrt(8000), rel=0.03)
    assert judged.rmse["awd"] == pytest.approx(sigma, rel=0.05)
    assert judged.samples["awd"].shape == (10_000,)


def test_bootstrap_samples_are_brute_forces_and_paired():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=50)
    off = rng.normal(size=(2, 50))
    judged = table.judge({"awd": truth + off, "db5": truth + off[0]}, truth, count=300, seed=9)
    weights = np.random.default_rng(9).multinomial(50, np.full(50, 1 / 50), size=300)
    each = np.sqrt((weights[:, None] * off**2).sum(2) / 50)
    np.testing.assert_allclose(judged.samples["awd"], each.mean(1), rtol=1e-5)
    np.testing.assert_allclose(judged.samples["db5"], each[:, 0], rtol=1e-5)
    difference = judged.difference("awd", "db5")
    low, high = np.quantile(each.mean(1) - each[:, 0], [0.025, 0.975])
    assert difference["low"] == pytest.approx(low, abs=1e-5)
    assert difference["high"] == pytest.approx(high, abs=1e-5)
    assert difference["n"] == 50


def test_compression_counts_coefficients_of_every_map(maps):
    h = filters.lowpass("db5")
    some = maps.test.take(np.arange(3))
    slopes = torch.randn(3, 1, 32, 32, dtype=torch.float64) * 1e-3
    found = table.compression(h, slopes, some, level=2)
    x = some.read(np.arange(3)).double()
    pairs = zip(
        dwt.flatten_coeffs(dwt.wavedec2(x, h, level=2)),
        dwt.flatten_coeffs(dwt.adjoint_synthesis2(slopes, h, level=2)),
        strict=True,
    )
    large = [((c.abs() > 1e-3) & (s.abs() > 1e-3)).flatten(1) for c, s in pairs]
    np.testing.assert_allclose(found, torch.cat(large, 1).double().mean(1))


def judged_claims(maps, source, **changes):
    """The quantities of a made-up comparison on maps of some source."""
    split = replace(maps, **{n: replace(getattr(maps, n), source=source) for n in PARTS})
    split = replace(split, test=split.test.take(np.tile(np.arange(8), 5)))
    truth = split.test.parameters[:, 1]
    judged = table.judge(dict.fromkeys(table.ROWS, truth + 0.01), truth, count=20)
    picked = {n: comparing.Picked([Statistic("wavelet", DB5)], [], DB5) for n in ("awd", "db5")}
    compared = comparing.Compared(judged, {"resnet": truth[None] + 0.01}, picked)
    shares = {n: {"omega_m": np.linspace(0.5, 0.6, len(truth))} for n in picked}
    ratios = {("awd", "integrated_gradients"): {"both": np.linspace(2, 3, 9)}}
    looked = looking.Looked(torch.ones(3, 3).double(), np.arange(3), {}, ratios)
    work = study.Study(replace(TINY, **changes), maps.train.files[0].parent)
    found = record.quantities(work, split, compared, shares, looked)
    return {name for name, one in found.items() if one["estimate"] is not None}


PARTS = ("train", "select", "test")
DB5 = tuple(filters.lowpass("db5").tolist())


def test_only_what_can_be_believed_is_judged(maps):
    wanted = set(paper.quantities("cosmology"))
    assert wanted <= set(claims.expected())
    mesh = simulated.SOURCES["mesh"]
    enough = {"train": setup.BELIEVABLE, "width": setup.PAPERS_WIDTH}
    assert wanted <= judged_claims(maps, mesh, **enough)
    assert judged_claims(maps, simulated.SOURCES["shells"], **enough) == set()
    few = judged_claims(maps, mesh, train=setup.BELIEVABLE - 1, width=setup.PAPERS_WIDTH)
    assert not any("_minus_" in name or "compression" in name for name in few)
    assert "symmetry" in few
    small = judged_claims(maps, mesh, train=setup.BELIEVABLE, width=16)
    assert wanted - small == {"resnet_r2"}


def test_table2_holds_the_published_numbers():
    truth = np.linspace(0.2, 0.4, 30)
    judged = table.judge(dict.fromkeys(table.ROWS, truth + 0.01), truth, count=20)
    shares = {"awd": {"omega_m": np.array([0.5, 0.7]), "m_nu": np.array([0.1, 0.3])}}
    frame = table.table2({True: judged}, shares, source="own", n_train=7, width=16)
    awd = frame.set_index("name").loc["awd"]
    assert awd["rmse_paper"] == pytest.approx(0.01029)
    assert awd["compression_paper"] == pytest.approx(0.610)
    assert awd["compression"] == pytest.approx(0.6)
    assert frame.set_index("name").loc["height"].isna()["rmse_paper"]
    assert list(frame.columns[:6]) == ["name", "model", "source", "rmse", "rmse_sd", "low"]


# --- what the evidence is ----------------------------------------------------------------------


def test_an_activation_map_keeps_the_largest_coefficients(maps):
    model = ResNet18(width=4).double().eval()
    model.set_units([0, 0, 0], [1, 1, 1], 0.017)
    for module in model.modules():  # without biases a ReLU network's gradient is one along the path
        if isinstance(module, torch.nn.BatchNorm2d):
            module.bias.data = torch.linspace(-0.5, 0.5, len(module.bias)).double()
    x = maps.test.read([0, 1]).double()
    h = filters.lowpass("db5")
    method = "integrated_gradients"
    slopes = input_gradients(model, x, target=1, method=method)
    found = activations.activation_maps(slopes, x, h, method=method, kept=30)
    assert found.shape == x.shape
    scores = dwt.flatten_coeffs(dwt.adjoint_synthesis2(slopes, h, level=4))
    bands = dwt.flatten_coeffs(dwt.wavedec2(x, h, level=4))
    products = torch.cat([(s * c).flatten(1) for s, c in zip(scores, bands, strict=True)], 1)
    back = dwt.flatten_coeffs(dwt.wavedec2(found, h, level=4))
    # the wavelet is orthonormal but for the edges: what was kept comes back
    kept = products.abs().topk(30, 1)
    returned = torch.cat([b.flatten(1) for b in back], 1)
    assert (products.abs() >= kept.values[:, -1:]).sum(1).tolist() == [30, 30]
    similar = torch.nn.functional.cosine_similarity(
        returned.gather(1, kept.indices), products.gather(1, kept.indices), dim=1
    )
    assert (similar > 0.8).all()
    plain = input_gradients(model, x, target=1)
    other = activations.activation_maps(plain, x, h, method="input_x_gradient", kept=30)
    assert not torch.allclose(found, other)


def test_all_73839_coefficients_are_counted():
    h = filters.lowpass("db5")
    bands = dwt.flatten_coeffs(dwt.wavedec2(torch.zeros(1, 1, 256, 256).double(), h, level=4))
    assert sum(b.numel() for b in bands) == 73_839


def test_evidence_at_peaks_and_voids_is_measured():
    x = torch.zeros(1, 1, 40, 40)
    x[0, 0, 10, 10], x[0, 0, 30, 30] = 5.0, -5.0
    high, low = activations.landmarks(x)
    assert high.sum() == low.sum() == 25
    assert high[0, 0, 8:13, 8:13].all()
    at_peak = torch.full_like(x, 0.1)
    at_peak[0, 0, 8:13, 8:13] = 0.4
    found = activations.overlap(at_peak, x)
    assert found["peaks"][0] == pytest.approx(4)
    assert found["voids"][0] == pytest.approx(1)
    assert found["both"][0] == pytest.approx(2.5)
    assert found["share"][0] == pytest.approx(50 / 1600)


def test_symmetry_and_matched_filter(tmp_path):
    db5 = activations.symmetry(filters.lowpass("db5"))[0]
    a = np.array([0.1601, 0.6038, 0.7243])
    assert db5 == pytest.approx((a @ a[::-1] / (a @ a)) ** 2, abs=1e-3)
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 48, 48))
    stamp = np.array([[1.0, 2, 1], [2, 6, 3], [1, 2, 1]]) * 2
    for k in range(60):
        for i in range(4, 44, 8):
            x[k, i : i + 3, i : i + 3] += stamp
    found = activations.matched_filter(own_maps(tmp_path, x, np.full(60, 0.3)))
    cosine = (found.numpy() * stamp).sum() / np.linalg.norm(found) / np.linalg.norm(stamp)
    assert cosine > 0.9


def test_an_artefact_is_planted_where_it_is_looked_for(maps):
    clean = maps.test
    dirty = artefact.planted(clean, 2.0)
    x, y = clean.read([0, 1]), dirty.read([0, 1])
    changed = (x != y)[:, 0].nonzero()
    assert changed[:, 1:].min() == artefact.CORNER
    assert changed[:, 1:].max() == artefact.CORNER + artefact.SIDE - 1
    assert torch.equal(dirty.take(np.array([1]))[0][0], y[1])
    # stronger where there is more matter
    ends = np.argsort(clean.parameters[:, 1])[[0, -1]]
    size = (dirty.read(ends) - clean.read(ends)).abs().amax((1, 2, 3))
    size /= clean.read(ends).std((1, 2, 3))
    omega = clean.parameters[ends, 1]
    assert size[1] / size[0] == pytest.approx(omega[1] / omega[0], rel=1e-3)
    flat = torch.ones(1, 1, 64, 64)
    assert artefact.share_inside(flat)[0] == pytest.approx(artefact.share_of_area(64))


# --- summaries and fidelity --------------------------------------------------------------------


def test_band_powers_add_up_to_the_variance():
    x = torch.from_numpy(np.random.default_rng(6).normal(size=(3, 1, 64, 64)))
    wide = fidelity.band_powers(x, np.array([1.0, 1e6]))[:, 0]
    # the mean over all waves but the mean of the map: variance times a pixel's area
    pixel = (np.deg2rad(3.5) / 256) ** 2
    expected = x.var((1, 2, 3), correction=0) * 64**2 / (64**2 - 1) * pixel
    np.testing.assert_allclose(wide, expected, rtol=1e-9)


def test_simulated_shells_have_the_spectrum_of_theory(tmp_path):
    blocks = [Block(0, 0, 0, 40)]
    found = simulated.make(tmp_path, Recipe("shells", pixels=128), blocks)
    x = found.read(np.arange(40))
    numbers = fidelity.compare(x, fidelity.histograms(x), COSMOLOGIES[0], 1)
    ratio = np.array(numbers["power"])
    assert np.abs(ratio[2:7] - 1).max() < 0.1  # beyond, the edges of so small a map leak
    assert 1.5 < numbers["moments"]["skewness"] < 2.8


def test_misfits_are_none_for_the_real_histograms_themselves():
    real = paper.peak_histograms()
    mine = real[real.cosmology == 1]
    found = {}
    for name in ("height", "laplace", "roberts"):
        rows = mine[mine.statistic == name]
        values = np.zeros(22)
        values[rows.bin] = rows.peaks
        found[name] = values
    for one in fidelity.misfits(found, 1).values():
        assert one["misfit"] == 0
        assert one["total"] == 1
    found["height"] = found["height"] * 1.2
    assert fidelity.misfits(found, 1)["height"]["misfit"] == pytest.approx(0.19, abs=0.02)


def test_the_bispectrum_is_none_of_a_gaussian_map_and_some_of_a_skewed_one(tmp_path):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(40, 64, 64)) * 0.02
    skewed = np.exp(x * 20) * 0.02
    omega = np.full(40, 0.3)
    (tmp_path / "g").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "l").mkdir()
    of_gaussian = summaries.summarise(own_maps(tmp_path / "g", x, omega))
    powers = of_gaussian["power_spectrum"].shape[1]
    of_skewed = summaries.summarise(own_maps(tmp_path / "s", skewed, omega))
    gaussian, other = (of["bispectrum"][:, powers:] for of in (of_gaussian, of_skewed))
    np.testing.assert_array_equal(of_skewed["bispectrum"][:, :powers], of_skewed["power_spectrum"])
    louder = summaries.summarise(own_maps(tmp_path / "l", 3 * skewed, omega))["bispectrum"]
    np.testing.assert_allclose(louder[:, powers:], other, rtol=1e-4, atol=1e-6)  # reduced
    error = gaussian.std(0) / np.sqrt(40)
    assert (np.abs(gaussian.mean(0)) < 5 * error).mean() > 0.95
    assert (other.mean(0) > 5 * other.std(0) / np.sqrt(40)).sum() > 5
    power = of_gaussian["power_spectrum"]
    assert power.shape[0] == 40
    assert np.isfinite(power).all()


def test_too_little_room_for_an_experiment_is_said_before_it(tmp_path, monkeypatch):
    usage = mapset.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(mapset.shutil, "disk_usage", lambda _: usage._replace(free=10**9))
    setup.need_space(TINY, tmp_path)
    with pytest.raises(DataError, match=r"maps need 1\d.* GB, but only 1\.0 GB are free"):
        study.simulate(study.Study(SIZES["paper"], tmp_path))


def test_a_gpu_trains_the_papers_network():
    assert setup.size_for("paper", "cuda").width == 64
    assert setup.size_for("paper", "cpu").width == 16
    assert setup.size_for("laptop", "cuda") == SIZES["laptop"]
