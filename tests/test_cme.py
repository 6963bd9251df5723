"""Reading, preprocessing and simulating clathrin tracks."""

import os
import random
from dataclasses import fields

import h5py
import numpy as np
import pytest
import pywt
import torch
from datahelpers import need_real_data, real_tracks, write_lifetime_data
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_score

from awdlib.datasets import DataError, cme, fetch


def db5_features(x):
    """Six largest signed coefficients of each band, by PyWavelets alone."""
    bands = pywt.wavedec(x, "db5", mode="zero", level=4)
    return np.hstack([-np.sort(-band, axis=1)[:, :6] for band in bands])


def linear_scores(tracks):
    """R2 of a linear model on DB5 features: on the test cells, cross-validated on the others."""
    train, test = tracks.train, tracks.test
    model = LinearRegression().fit(db5_features(train.x), train.y)
    folds = cross_val_score(LinearRegression(), db5_features(train.x), train.y, cv=KFold(5))
    return r2_score(test.y, model.predict(db5_features(test.x))), folds.mean()


def lstm_prediction(weights, x):
    lstm, fc = torch.nn.LSTM(1, 20, batch_first=True), torch.nn.Linear(20, 1)
    for name, module in (("lstm.", lstm), ("fc.", fc)):
        module.load_state_dict(
            {
                key.removeprefix(name): value
                for key, value in weights.items()
                if key.startswith(name)
            }
        )
    with torch.no_grad():
        steps = torch.as_tensor(x, dtype=torch.float32)[..., None]
        return fc(lstm(steps)[0][:, -1])[:, 0].numpy()


# the real tracks: the check values of data/README.md


@pytest.mark.real_data
def test_real_tracks_are_counted():
    need_real_data()
    n_all = n_kept = 0
    for cell in cme.CELLS:
        data = cme.read_lifetime_data(fetch.ensure("cme", f"Cell{cell}_1s_lifetimeData.mat"))
        n_all += len(data.category)
        n_kept += data.amplitude.shape[2]
    assert (n_all, n_kept) == (22_563, 9_143)
    tracks = real_tracks()
    assert (len(tracks), len(tracks.train), len(tracks.test)) == (1_618, 1_244, 374)
    assert tracks.source == "real"
    assert len(tracks.files) == 8
    assert tracks.x.shape == (1_618, 40)
    assert tracks.x.dtype == np.float64


@pytest.mark.real_data
def test_real_tracks_have_significant_auxilin_and_hotspots_as_measured():
    tracks = real_tracks()
    assert round(100 * tracks.significant.any(axis=1).mean(), 1) == 85.1
    assert cme.is_hotspot(tracks.significant).sum() == 209
    without = real_tracks(drop_hotspots=True)
    assert (len(without.train), len(without.test)) == (1_069, 340)


@pytest.mark.real_data
def test_real_tracks_predict_as_measured():
    tracks, weights = real_tracks(), cme.authors_lstm()
    assert r2_score(tracks.test.y, lstm_prediction(weights, tracks.test.x)) == pytest.approx(
        0.457, abs=5e-4
    )
    assert r2_score(tracks.y, lstm_prediction(weights, tracks.x)) == pytest.approx(0.445, abs=5e-4)
    assert linear_scores(tracks) == pytest.approx((0.321, 0.277), abs=5e-4)
    without = real_tracks(drop_hotspots=True)
    assert r2_score(without.test.y, lstm_prediction(weights, without.test.x)) == pytest.approx(
        0.420, abs=5e-4
    )
    assert linear_scores(without) == pytest.approx((0.297, 0.248), abs=5e-4)


@pytest.mark.real_data
def test_real_tracks_of_some_cells_and_another_length():
    tracks = real_tracks(cells=(8, 2), length=64)
    assert list(dict.fromkeys(tracks.cell)) == [8, 2]
    assert tracks.x.shape == (257, 64)
    assert set(tracks.files) == {"Cell8_1s_lifetimeData.mat", "Cell2_1s_lifetimeData.mat"}


# preprocessing


def test_resample_follows_the_rule_value_by_value():
    rng = np.random.default_rng(0)
    frames = rng.standard_normal((30, 160))
    for row, m in enumerate(rng.permutation(np.arange(16, 161))[:30]):
        frames[row, m:] = np.nan
    frames[3, 5] = np.nan  # a gap inside is left out
    got = cme.resample(frames, 40)
    for row, track in enumerate(frames):
        values = list(track[~np.isnan(track)])
        m = len(values)
        if m >= 40:
            wanted = [values[int((m - 1) * i / 39)] for i in range(40)]
        else:
            wanted = values + [0.0] * (40 - m)
        assert list(got[row]) == wanted


def test_resample_of_few_frames_is_padded_to_the_length():
    assert cme.resample(np.array([[1.0, 2.0]]), 4).tolist() == [[1.0, 2.0, 0.0, 0.0]]


def test_p_value_is_the_tracker_s_test():
    """Against the formula of data/README.md for single numbers, and its limits."""
    a, sd, sigma, se = 900.0, 150.0, 300.0, 20.0
    k = stats.norm.ppf(0.975)
    npx = 1 + (sigma / se) ** 2 / 2
    variance = sd**2 + (k * se) ** 2
    df = (npx - 1) * variance**2 / (sd**4 + (k * se) ** 4)
    wanted = stats.t.sf((a - k * sigma) / np.sqrt(variance / npx), df)
    got = cme.detection_p_value(*(np.array([value]) for value in (a, sd, sigma, se)))
    np.testing.assert_allclose(got, [wanted], rtol=1e-12)
    at = cme.detection_p_value(
        np.array([k * sigma, 1e5, -1e5, np.nan]), np.array(sd), np.array(sigma), np.array(se)
    )
    np.testing.assert_allclose(at, [0.5, 0.0, 1.0, np.nan], atol=1e-12)


def naive_hotspot(significant):
    numbers = np.flatnonzero(significant)
    pairs = np.flatnonzero(np.diff(numbers) == 1)
    return len(numbers) >= 5 and bool((np.diff(pairs) > 2).any())


def test_hotspots_follow_the_rule_track_by_track():
    rng = np.random.default_rng(1)
    density = rng.uniform(0, 0.7, (400, 1))
    significant = rng.random((400, 50)) < density
    wanted = [naive_hotspot(row) for row in significant]
    assert 20 < sum(wanted) < 380
    assert cme.is_hotspot(significant).tolist() == wanted


def toy_data(n=30, seed=0):
    rng = np.random.default_rng(seed)
    shape = (2, 170, n)
    lifetime = rng.integers(10, 170, n).astype(float)
    amplitude = np.where(np.arange(170)[:, None] < lifetime, rng.uniform(0, 3000, shape), np.nan)
    rest = [np.where(np.isnan(amplitude), np.nan, value) for value in (150.0, 300.0, 20.0)]
    category = np.concatenate([np.ones(n), np.full(5, 2.0)])
    return cme.LifetimeData(category, np.append(lifetime, [50.0] * 5), amplitude, *rest)


def test_preprocess_keeps_the_right_tracks_and_standardises_the_cell():
    data = toy_data()
    tracks = cme.preprocess(data, 3)
    lifetime = data.lifetime_s[:30]
    kept = (lifetime > 15) & (lifetime < 161)
    assert 0 < kept.sum() < 30
    np.testing.assert_array_equal(tracks.lifetime_s, lifetime[kept])
    np.testing.assert_array_equal(tracks.cell, 3)
    for values in (tracks.x, tracks.y):
        np.testing.assert_allclose((values.mean(), values.std()), (0, 1), atol=1e-12)
    np.testing.assert_allclose(
        tracks.x * tracks.clathrin.std() + tracks.clathrin.mean(), tracks.clathrin
    )
    first = tracks.auxilin_frames[0]
    assert tracks.auxilin[0] == pytest.approx(first[tracks.significant[0]].mean())
    assert not tracks.significant[np.isnan(tracks.auxilin_frames)].any()
    np.testing.assert_array_equal((~np.isnan(tracks.clathrin_frames)).sum(1), tracks.lifetime_s)


def test_a_track_without_significant_frame_has_auxilin_zero():
    data = toy_data()
    data.amplitude[1, :, 4] = np.where(np.isnan(data.amplitude[1, :, 4]), np.nan, 10.0)
    data.lifetime_s[4] = 50.0
    data.amplitude[:, 50:, 4] = np.nan
    data.amplitude[:, :50, 4] = 10.0
    tracks = cme.preprocess(data, 1)
    row = np.flatnonzero((tracks.clathrin_frames[:, :50] == 10.0).all(axis=1))
    assert tracks.auxilin[row] == [0.0]


def test_dropped_hotspots_do_not_take_part_in_standardising():
    tracks = cme.simulate_tracks(0, 400, drop_hotspots=True)
    assert not cme.is_hotspot(tracks.significant).any()
    for cell in cme.CELLS:
        assert tracks.y[tracks.cell == cell].std() == pytest.approx(1)


def test_select_and_split_keep_rows_together():
    tracks = cme.simulate_tracks(0, 200)
    picked = tracks.select(tracks.lifetime_s > 60)
    assert 0 < len(picked) < len(tracks)
    assert picked.source == "simulated"
    for item in fields(cme.Tracks):
        values = getattr(picked, item.name)
        if isinstance(values, np.ndarray):
            np.testing.assert_array_equal(
                values, getattr(tracks, item.name)[tracks.lifetime_s > 60]
            )
    assert set(tracks.train.cell) == {1, 2, 3, 4, 5, 6}
    assert set(tracks.test.cell) == {7, 8}
    assert len(tracks.train) + len(tracks.test) == len(tracks)


# files that cannot be read


def refusal(path) -> str:
    with pytest.raises(DataError) as error:
        cme.preprocess(cme.read_lifetime_data(path), 1, name=path.name)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert path.name in text
    return text


def test_a_good_file_is_read(tmp_path):
    tracks = cme.preprocess(cme.read_lifetime_data(write_lifetime_data(tmp_path / "a.mat")), 1)
    assert len(tracks) == 8


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98])
def test_a_truncated_file(tmp_path, share):
    path = write_lifetime_data(tmp_path / "a.mat")
    os.truncate(path, int(share * path.stat().st_size))
    assert "cannot be read as HDF5" in refusal(path)


def test_a_file_damaged_in_its_compressed_numbers(tmp_path):
    path = write_lifetime_data(tmp_path / "a.mat", A=None)
    values = np.random.default_rng(0).uniform(1, 2, (2, 60, 8))
    with h5py.File(path, "a") as file:
        file.create_dataset("A", data=values, compression="gzip", shuffle=True)
        chunk = file["A"].id.get_chunk_info(0)
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + 40)
        stream.write(random.Random(0).randbytes(200))
    assert "field A cannot be read" in refusal(path)


def test_a_file_that_is_not_hdf5(tmp_path):
    path = tmp_path / "a.mat"
    path.write_text("MATLAB 5.0 MAT-file\n" * 100)
    assert "no MATLAB 7.3 file" in refusal(path)


def test_a_file_that_does_not_exist(tmp_path):
    assert "does not exist" in refusal(tmp_path / "a.mat")


def test_an_hdf5_file_that_is_something_else(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file["weights"] = np.ones(3)
        file.create_group("catIdx")
    assert "no field catIdx: it is no lifetimeData.mat" in refusal(path)


@pytest.mark.parametrize("name", ["catIdx", "lifetime_s", "A", "A_pstd", "sigma_r", "SE_sigma_r"])
def test_a_missing_field(tmp_path, name):
    path = write_lifetime_data(tmp_path / "a.mat", **{name: None})
    assert f"has no field {name}:" in refusal(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A", np.ones((2, 60, 7))),
        ("A", np.ones((1, 60, 8))),
        ("A", np.ones((60, 8))),
        ("sigma_r", np.ones((2, 59, 8))),
        ("lifetime_s", np.ones((1, 11))),
        ("catIdx", np.ones((12, 1))),
        ("A_pstd", np.array([b"text"])),
    ],
)
def test_a_field_of_another_shape(tmp_path, name, value):
    path = write_lifetime_data(tmp_path / "a.mat", **{name: value})
    assert f"field {name} has shape {value.shape}" in refusal(path)


def test_a_file_without_category_1_tracks(tmp_path):
    path = write_lifetime_data(tmp_path / "a.mat", catIdx=np.full((1, 12), 5.0))
    assert "has no category 1 tracks" in refusal(path)


def test_a_file_without_a_track_of_the_right_lifetime(tmp_path):
    path = write_lifetime_data(tmp_path / "a.mat", lifetime_s=np.full((1, 12), 15.0))
    assert "no category 1 track of 15 s < lifetime < 161 s" in refusal(path)


@pytest.mark.parametrize("channel", [0, 1])
def test_tracks_of_nothing_but_nan(tmp_path, channel):
    amplitude = np.random.default_rng(0).uniform(500, 3000, (2, 60, 8))
    amplitude[channel, :, 2:5] = np.nan
    path = write_lifetime_data(tmp_path / "a.mat", A=amplitude)
    assert "3 of 8 tracks hold nothing but NaN" in refusal(path)


def test_tracks_that_do_not_vary(tmp_path):
    path = write_lifetime_data(tmp_path / "a.mat", A=np.full((2, 60, 8), 100.0))
    assert "amplitudes of the kept tracks do not vary" in refusal(path)


# simulated tracks


def test_simulated_tracks_are_repeatable_and_differ_between_seeds():
    first, again, other = (cme.simulate_tracks(seed, 200) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.allclose(first.y, other.y)


@pytest.mark.parametrize("n", [100, 333, 1618])
def test_simulated_tracks_have_the_form_of_real_ones(n):
    tracks = cme.simulate_tracks(3, n)
    assert len(tracks) == n
    assert tracks.source == "simulated"
    assert tracks.files == {}
    assert set(tracks.cell) == set(cme.CELLS)
    assert np.isfinite(tracks.x).all()
    assert np.isfinite(tracks.y).all()
    assert tracks.lifetime_s.min() >= 16
    assert tracks.lifetime_s.max() <= 160
    if n == 1618:
        assert (len(tracks.train), len(tracks.test)) == (1_244, 374)


def test_too_few_simulated_tracks_are_refused():
    with pytest.raises(ValueError, match="at least 100"):
        cme.simulate_tracks(0, 99)


@pytest.mark.parametrize("seed", range(6))
def test_simulated_tracks_resemble_the_real_ones(seed):
    """Ranges around the real values, every seed by itself; test_calibration.py has the means."""
    tracks = cme.simulate_tracks(seed)
    frames = tracks.clathrin_frames
    mean = np.nanmean(frames, axis=1)
    assert 0.80 < tracks.significant.any(axis=1).mean() < 0.90  # real .851
    assert 36 < np.median(tracks.lifetime_s) < 48  # 42
    assert 100 < np.percentile(tracks.lifetime_s, 95) < 135  # 119
    assert 1400 < np.median(mean) < 2000  # 1,701
    assert 0.45 < mean.std() / mean.mean() < 0.62  # .531
    assert 850 < np.median(tracks.auxilin) < 1200  # 1,006
    assert 0.45 < np.corrcoef(mean, tracks.auxilin)[0, 1] < 0.65  # .543
    assert 0.36 < np.corrcoef(tracks.lifetime_s, tracks.y)[0, 1] < 0.52  # .442
    assert 170 < cme.is_hotspot(tracks.significant).sum() < 250  # 209
    test, folds = linear_scores(tracks)
    assert 0.25 < test < 0.45  # .321
    assert 0.25 < folds < 0.45  # .277
    long = cme.resample(frames[tracks.lifetime_s >= 40], 40)
    shape = long.mean(axis=0) / long.mean()
    assert shape[0] < 0.6  # slow build-up, from .46
    assert 15 < shape.argmax() < 37
    assert shape[-1] < 0.6 * shape.max()  # then a sharp drop


def test_abortive_events_have_less_clathrin_and_no_auxilin():
    tracks = cme.simulate_tracks(0)
    mean = np.nanmean(tracks.clathrin_frames, axis=1)
    quiet = tracks.auxilin == 0
    assert mean[quiet].mean() < 0.7 * mean[~quiet].mean()
    assert np.median(tracks.lifetime_s[quiet]) < 0.7 * np.median(tracks.lifetime_s[~quiet])


# which ones


def test_get_tracks_says_what_it_took(capsys, monkeypatch):
    tracks = cme.get_tracks("simulated", seed=4, n=150)
    assert capsys.readouterr().out == "CME tracks: simulated (simulated data were asked for)\n"
    np.testing.assert_array_equal(tracks.x, cme.simulate_tracks(4, 150).x)


def test_get_tracks_real_fails_without_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path))
    for call in (lambda: cme.get_tracks("real"), cme.load_tracks, cme.authors_lstm):
        with pytest.raises(DataError, match="is missing"):
            call()


def test_get_tracks_auto_falls_back_offline(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AWD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AWD_OFFLINE", "1")
    assert cme.get_tracks("auto", n=120).source == "simulated"
    assert "simulated (9 of 9 files are missing and AWD_OFFLINE is set)" in capsys.readouterr().out


@pytest.mark.real_data
def test_get_tracks_takes_the_real_ones_that_are_there(capsys):
    need_real_data()
    assert cme.get_tracks("auto").source == "real"
    assert capsys.readouterr().out.startswith("CME tracks: real (9 verified files in ")


def test_the_simulator_knows_no_wavelet():
    from awdlib.datasets import cme_simulator

    with open(cme_simulator.__file__) as file:
        code = file.read().split('"""', 2)[2]
    for word in ("pywt", "filters", "dwt", "haar", "db5", "convolve"):
        assert word not in code
