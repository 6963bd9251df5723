"""Neurons: their movies, their truth, the form of recordings, scores and tuning."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from awdlib.datasets import DataError, neurons
from awdlib.datasets.recordings import Recording, load_recording
from awdlib.metrics import noise_corrected_correlation
from awdlib.tuning import grating, octaves, orientation_error, tuning


@pytest.fixture(scope="module")
def cells() -> neurons.Neurons:
    return neurons.draw_neurons(12, seed=0)


@pytest.fixture(scope="module")
def tested(cells) -> Recording:
    return neurons.record(cells, 600, seed=0, split="test", repeats=10)


# movies


@pytest.mark.parametrize("size", [16, 32, 37])
def test_a_movie_begins_with_any_shorter_one(size):
    movie = neurons.movie(95, seed=3, split="train", size=size)
    assert movie.shape == (95, size, size)
    assert movie.dtype == np.float32
    assert 0 <= movie.min() < movie.max() <= 1
    np.testing.assert_array_equal(movie[:41], neurons.movie(41, seed=3, split="train", size=size))
    for other in (dict(seed=4, split="train"), dict(seed=3, split="held")):
        assert np.abs(neurons.movie(41, size=size, **other) - movie[:41]).max() > 0.1


def test_no_photograph_is_in_two_splits():
    shown = [name for names in neurons.SCENES.values() for name in names]
    assert len(shown) == len(set(shown)) == 12
    assert tuple(neurons.SCENES) == neurons.SPLITS


@pytest.mark.parametrize("split", neurons.SPLITS)
def test_a_movie_shows_only_the_photographs_of_its_split(monkeypatch, split):
    asked = set()

    def scene(name, side):
        asked.add(name)
        return np.random.default_rng(0).random((side, side))

    monkeypatch.setattr(neurons, "_scene", scene)
    neurons.movie(40 * neurons.SHOT, seed=0, split=split, size=16)
    assert asked == set(neurons.SCENES[split])


def test_a_shot_never_leaves_its_scene(monkeypatch):
    seen = []

    def place(scene, place, **_):
        seen.append(place.min() >= 0 and place.max() <= len(scene) - 1)
        return np.ones(place.shape[1:])

    monkeypatch.setattr("scipy.ndimage.map_coordinates", place)
    neurons.movie(300 * neurons.SHOT, seed=0, split="train", size=16)
    assert len(seen) == 300
    assert all(seen)


def test_frames_move_within_a_shot_and_jump_between():
    movie = neurons.movie(30 * neurons.SHOT, seed=0, split="test", size=24)
    step = np.abs(np.diff(movie, axis=0)).mean((1, 2))
    cut = np.arange(1, len(movie)) % neurons.SHOT == 0
    assert step[~cut].min() > 0  # nothing stands still
    assert step[cut].mean() > 4 * step[~cut].mean()


# the simulated neurons


def test_neurons_depend_on_seed_and_number_alone(cells):
    fewer = neurons.draw_neurons(5, seed=0)
    for field in dataclasses.fields(neurons.Neurons)[1:]:
        np.testing.assert_array_equal(getattr(fewer, field.name), getattr(cells, field.name)[:5])
    assert (neurons.draw_neurons(5, seed=1).orientation != fewer.orientation).all()


def test_recordings_depend_on_no_count(cells, tested):
    fewer = neurons.draw_neurons(3, seed=0)
    few = neurons.record(fewer, 100, seed=0, split="test", repeats=2)
    np.testing.assert_allclose(few.rate, tested.rate[:100, :3], rtol=1e-10)
    np.testing.assert_array_equal(few.spikes, tested.spikes[:2, :100, :3])
    other = neurons.record(fewer, 100, seed=1, split="test", repeats=2)
    assert (other.spikes != few.spikes).any()
    assert few.source == "simulated"
    np.testing.assert_array_equal(few.orientation, cells.orientation[:3])


def test_spikes_are_poisson_at_the_rate(tested):
    expected = tested.rate / tested.frame_rate
    spikes = tested.spikes
    error = (spikes - expected).sum((0, 1)) / np.sqrt(10 * expected.sum(0))
    assert np.abs(error).max() < 3.5  # standard errors, 12 neurons
    fano = ((spikes - expected) ** 2).sum((0, 1)) / (10 * expected.sum(0))
    np.testing.assert_allclose(fano, 1, atol=0.12)
    assert (spikes[0] != spikes[1]).any()


def test_an_even_grey_drives_nothing(cells):
    for grey in (0.0, 0.3, 1.0):
        rate = cells.rate(np.full((6, 32, 32), grey))
        np.testing.assert_allclose(rate, np.tile(cells.baseline, (6, 1)), atol=1e-9)


def test_the_best_grating_gives_the_peak_rate_whatever_its_phase(cells):
    for k in range(len(cells.orientation)):
        movie = grating(32, cells.orientation[k], cells.frequency[k], frames=24)
        rate = cells.rate(movie)[8:, k]
        # the surround of a coarse grating is no whole number of periods
        np.testing.assert_allclose(rate, cells.baseline[k] + cells.peak[k], rtol=0.05)


@pytest.mark.parametrize("contrast", [0.1, 0.4])
def test_the_surround_divides_and_the_power_follows(cells, contrast):
    """Against contrast c the rate is peak · [(1 + h²) c² / (h² + c²)] to the exponent."""
    for k in range(len(cells.orientation)):
        movie = grating(32, cells.orientation[k], cells.frequency[k], frames=16, contrast=contrast)
        found = cells.rate(movie)[8:, k].mean() - cells.baseline[k]
        half = cells.half_contrast[k] ** 2
        drive = (1 + half) * contrast**2 / (half + contrast**2)
        assert found == pytest.approx(cells.peak[k] * drive ** cells.exponent[k], rel=0.05)
    assert cells.exponent.max() > 1.3


def test_responses_come_late_by_the_latency(cells):
    movie = np.full((12, 32, 32), 0.5)
    movie[4] = np.random.default_rng(0).random((32, 32))
    rate = cells.rate(movie) - cells.baseline
    for k, latency in enumerate(cells.latency):
        assert np.flatnonzero(np.abs(rate[:, k]) > 1e-9).tolist() == [4 + latency]
    assert set(cells.latency) == {1, 2, 3}
    assert cells.rate(movie[:1]).shape == (1, 12)  # shorter than any latency


@pytest.mark.parametrize("size", [32, 45])
def test_the_true_preferences_are_found_by_gratings(size):
    cells = neurons.draw_neurons(8, seed=2, size=size)
    found = tuning(cells.rate, size)
    assert orientation_error(found.orientation, cells.orientation).max() < 10
    assert octaves(found.frequency, cells.frequency).max() < 0.3
    # and much better than that, as nothing but the grid limits it
    assert orientation_error(found.orientation, cells.orientation).max() < 1
    assert octaves(found.frequency, cells.frequency).max() < 0.06
    assert found.selectivity.min() > 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neurons.movie(0, seed=0, split="test"), "frames must be at least 1 and size 16"),
        (lambda: neurons.movie(9, seed=0, split="test", size=8), "size 16 to 64, not 9 and 8"),
        (lambda: neurons.movie(9, seed=0, split="all"), "there is no split 'all'; there are train"),
        (lambda: neurons.draw_neurons(0, seed=0), "count must be at least 1"),
        (
            lambda: neurons.record(
                neurons.draw_neurons(1, seed=0), 9, seed=0, split="test", repeats=0
            ),
            "repeats must be at least 1, not 0",
        ),
        (
            lambda: neurons.draw_neurons(1, seed=0).rate(np.zeros((4, 16, 16))),
            r"movie must have shape \(frames, 32, 32\), not \(4, 16, 16\)",
        ),
    ],
)
def test_impossible_simulations_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# the noise-corrected correlation


def test_the_truth_scores_one_and_a_shuffled_truth_nothing(tested):
    truth = noise_corrected_correlation(tested.rate, tested.spikes)
    np.testing.assert_allclose(truth.mean(), 1, atol=0.03)
    np.testing.assert_allclose(truth, 1, atol=0.15)
    np.testing.assert_allclose(
        noise_corrected_correlation(5 - 3 * tested.rate, tested.spikes), -truth
    )
    shuffled = np.random.default_rng(0).permutation(tested.rate)
    chance = noise_corrected_correlation(shuffled, tested.spikes)
    assert np.abs(chance).max() < 0.2  # 600 frames: a standard error of about .05
    assert abs(chance.mean()) < 0.06


def test_the_correction_does_not_depend_on_repeats():
    """A plain correlation falls with fewer repeats; the corrected one stays where it is."""
    rng = np.random.default_rng(0)
    rate = rng.gamma(2, 0.1, (4000, 6))
    model = rate + 0.1 * rng.standard_normal(rate.shape)
    spikes = rng.poisson(rate, (20, *rate.shape))
    expected = [np.corrcoef(model[:, k], rate[:, k])[0, 1] for k in range(6)]
    for repeats in (2, 20):
        some = spikes[:repeats]
        found = noise_corrected_correlation(model, some)
        assert abs((found - expected).mean()) < 0.04
        plain = [np.corrcoef(model[:, k], some.mean(0)[:, k])[0, 1] for k in range(6)]
        if repeats == 2:
            assert np.mean(plain) < np.mean(expected) - 0.25


def test_what_has_no_signal_has_no_score(tested):
    spikes = np.zeros((3, 50, 2))
    spikes[[0, 1, 2], [3, 20, 40], 0] = 1  # repeats with nothing in common; and silence
    found = noise_corrected_correlation(tested.rate[:50, :2], spikes)
    assert np.isnan(found).all()
    constant = np.full(tested.rate.shape, 0.1)
    assert (noise_corrected_correlation(constant, tested.spikes) == 0).all()


def test_too_few_repeats_and_wrong_shapes_are_refused(tested):
    rate, spikes = tested.rate, tested.spikes
    with pytest.raises(ValueError, match="at least 2 repeats of the stimulus, not 1"):
        noise_corrected_correlation(rate, spikes[:1])
    for wrong in (rate[1:], rate[:, 1:], rate.T):
        with pytest.raises(ValueError, match=r"prediction must have shape \(frames, neurons\)"):
            noise_corrected_correlation(wrong, spikes)


# tuning


@pytest.mark.parametrize("orientations", [8, 15])
def test_tuning_reads_a_linear_model(orientations):
    """Rectified filters of known preference, and one that answers to all alike."""
    angles, frequencies = np.array([0.02, 1.0, 3.1]), np.array([0.08, 0.11, 0.19])
    rows, columns = np.indices((33, 33)) - 16
    filters = [
        np.exp(-(rows**2 + columns**2) / 50)
        * np.cos(2 * np.pi * f * (np.cos(a) * columns + np.sin(a) * rows))
        for a, f in zip(angles, frequencies, strict=True)
    ]
    filters = np.stack([f - f.mean() for f in filters], -1)

    def predict(movie):
        answers = np.maximum(np.tensordot(movie - 0.5, filters, 2), 0)
        return np.concatenate([answers, np.ones((len(movie), 1))], 1)

    found = tuning(predict, 33, orientations=orientations, cycles=2)
    assert orientation_error(found.orientation[:3], angles).max() < 3
    assert octaves(found.frequency[:3], frequencies).max() < 0.2
    assert found.selectivity[:3].min() > 0.5 > 1e-9 > found.selectivity[3]
    assert found.response.shape == (4, orientations, len(found.frequencies))


def test_linear_models_are_read_by_their_modulation():
    """The mean of a linear model tells nothing; the amplitude at the drift's frequency does."""
    rows, columns = np.indices((32, 32)) - 15.5
    envelope = np.exp(-(rows**2 + columns**2) / 40)
    weights = envelope * np.cos(2 * np.pi * 0.12 * (np.cos(2.0) * columns + np.sin(2.0) * rows))

    def predict(movie):
        return np.tensordot(movie - 0.5, weights - weights.mean(), 2)[:, None] + 7

    mean, found = (tuning(predict, 32, modulation=m, cycles=2) for m in (False, True))
    assert np.ptp(mean.response) < 1e-4
    assert orientation_error(found.orientation[0], 2.0) < 3
    assert octaves(found.frequency[0], 0.12) < 0.15
    shown = grating(32, 2.0, found.frequencies[7], frames=16, contrast=0.5)
    wave = predict(shown).ravel()
    best = np.abs(found.orientations - 2.0).argmin()
    at = tuning(predict, 32, modulation=True, orientations=180)
    assert np.abs(at.orientations - 2.0).min() < 0.01
    np.testing.assert_allclose(
        at.response[0, np.abs(at.orientations - 2.0).argmin(), 7], np.ptp(wave) / 2, rtol=0.09
    )
    assert found.response[0, best].max() > 5 * found.response[0, (best + 8) % 16].max()


def test_a_frequency_at_the_edge_of_the_grid_is_not_extrapolated():
    grid = np.geomspace(0.05, 0.2, 5)

    def finer(movie):  # is better, by less and less
        steps = sum(np.abs(np.diff(movie, axis=axis)).mean((1, 2)) for axis in (1, 2))
        return np.log(1e3 * steps)[:, None]

    assert tuning(finer, 32, frequencies=grid).frequency[0] == grid[-1]
    coarser = tuning(lambda movie: 10 - finer(movie) ** 2 / 9, 32, frequencies=grid)
    assert coarser.frequency[0] == grid[0]


def test_the_first_frames_do_not_count(cells):
    def startled(movie):
        rate = cells.rate(movie)
        rate[:8] += 1e4 * np.ptp(movie[0], axis=0).max()  # by whatever comes up
        return rate

    np.testing.assert_allclose(tuning(startled, 32).response, tuning(cells.rate, 32).response)


def test_gratings_are_what_they_are_called():
    movie = grating(32, np.pi / 2, 1 / 8, frames=9, contrast=0.5)
    np.testing.assert_allclose(np.diff(movie, axis=2), 0, atol=1e-6)  # bars along the rows
    np.testing.assert_allclose(movie[:, :8], movie[:, 8:16], atol=1e-6)  # of 8 pixels
    np.testing.assert_allclose(movie[8], movie[0], atol=1e-6)  # back after 8 frames
    np.testing.assert_allclose([movie.min(), movie.max()], [0.25, 0.75], atol=1e-6)


def test_distances_of_orientations_and_frequencies():
    near = np.radians(179)
    np.testing.assert_allclose(orientation_error([0, 0, near], [near, np.pi / 2, near]), [1, 90, 0])
    np.testing.assert_allclose(orientation_error(0.1 + 5 * np.pi, 0.1), 0, atol=1e-9)
    np.testing.assert_allclose(octaves([0.1, 0.4], [0.2, 0.1]), [1, 2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(orientations=3), "at least 4 orientations and 3 frequencies, not 3 and"),
        (dict(frequencies=np.array([0.1, 0.2])), "at least 4 orientations and 3 frequencies"),
        (dict(frequencies=np.array([0.1, 0.2, 0.3])), "even steps of octaves"),
        (dict(frequencies=np.array([0.4, 0.2, 0.1])), "even steps of octaves"),
        (dict(predict=lambda m: np.ones(len(m))), r"shape \(16, neurons\).* shape \(16,\)"),
        (dict(predict=lambda m: np.ones((3, 2))), r"rates of shape \(16, neurons\)"),
        (dict(predict=lambda m: np.full((16, 2), np.nan)), "with 32 that are not finite"),
    ],
)
def test_impossible_probes_are_refused(change, message):
    asked = dict(predict=lambda m: np.ones((len(m), 1)), size=16) | change
    with pytest.raises(ValueError, match=message):
        tuning(asked.pop("predict"), asked.pop("size"), **asked)


# the form of recordings


def whole() -> dict:
    rng = np.random.default_rng(0)
    return {
        "movie": rng.integers(0, 256, (7, 9, 9), dtype=np.uint8),
        "spikes": rng.poisson(1.0, (2, 7, 3)),
        "frame_rate": np.array(24),
    }


def write(arrays: dict, path: Path) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == "":
        path.mkdir()
        for name, values in arrays.items():
            np.save(path / f"{name}.npy", values)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
    return path


@pytest.mark.parametrize("name", ["real.npz", "real.h5", "real.hdf5", "real"])
def test_a_recording_is_read_from_every_kind_of_file(tmp_path, name):
    arrays = whole() | {"orientation": np.arange(3.0), "notes_of_the_lab": np.zeros(3)}
    found = load_recording(write(arrays, tmp_path / name))
    np.testing.assert_allclose(found.movie, arrays["movie"] / 255, rtol=1e-6)
    np.testing.assert_array_equal(found.spikes, arrays["spikes"])
    np.testing.assert_array_equal(found.orientation, arrays["orientation"])
    assert found.spikes.dtype == np.int64
    assert found.frame_rate == 24
    assert found.source == name
    assert found.rate is None
    assert found.frequency is None


def test_simulated_recordings_can_be_written_in_the_form(tmp_path, tested):
    arrays = dataclasses.asdict(tested)
    del arrays["source"]
    arrays["spikes"] = arrays["spikes"].astype(float)  # whole numbers all the same
    found = load_recording(write(arrays, tmp_path / "simulated.npz"))
    for name, values in arrays.items():
        np.testing.assert_array_equal(getattr(found, name), values)


def changed(name, values):
    return lambda arrays: arrays | {name: values(arrays.get(name))}


def at(place, value):
    def put(values):
        values = values.astype(float)
        values[place] = value
        return values

    return put


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"movie": a["movie"]}, r"lacks spikes and frame_rate; it has movie\."),
        (lambda a: {}, "lacks movie and spikes and frame_rate; it has nothing"),
        (changed("movie", lambda v: v[:, :, 1:]), r"\(frames, size, size\), not \(7, 9, 8\)"),
        (changed("movie", lambda v: v[0]), r"movie must have shape .* not \(9, 9\)"),
        (changed("movie", lambda v: v[:6]), "movie has 6 frames but spikes 7: give a count"),
        (changed("movie", lambda v: v[:0]), r"movie must have shape .* not \(0, 9, 9\)"),
        (changed("movie", lambda v: v / 100), "lie from 0 to 1, not from 0.* to 2.*: divide"),
        (changed("movie", lambda v: v.astype(int)), "movie must be uint8 or lie from 0 to 1"),
        (changed("movie", lambda v: at((1, 2, 3), np.nan)(v / 255)), r"movie is not finite at"),
        (changed("movie", lambda v: v.astype(str)), "movie holds <U3, not numbers"),
        (changed("spikes", lambda v: v[0]), r"\(repeats, frames, neurons\), not \(7, 3\)"),
        (changed("spikes", lambda v: v[:, :, :0]), r"spikes must have shape .* not \(2, 7, 0\)"),
        (changed("spikes", at((1, 4, 2), np.nan)), r"spikes is not finite at \(1, 4, 2\): cut out"),
        (changed("spikes", at((1, 4, 2), np.inf)), "spikes is not finite"),
        (changed("spikes", at((0, 0, 0), -1)), "spikes must be counts, that is whole"),
        (changed("spikes", at((0, 0, 0), 0.5)), "spikes must be counts"),
        (changed("frame_rate", lambda v: np.array([24, 25])), "must be one number, not 2 of them"),
        (changed("frame_rate", lambda v: np.array(0)), "must be a positive number of Hz, not 0"),
        (changed("frame_rate", lambda v: np.array(np.nan)), "must be a positive number of Hz"),
        (changed("rate", lambda v: np.ones((7, 2))), r"rate must have shape \(7, 3\), not"),
        (changed("orientation", lambda v: np.ones(4)), r"orientation must have shape \(3,\)"),
        (changed("frequency", lambda v: np.full(3, np.nan)), r"frequency is not finite at \(0,\)"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_sentence(tmp_path, change, message):
    with pytest.raises(DataError, match=message) as caught:
        load_recording(write(change(whole()), tmp_path / "bad.npz"))
    text = str(caught.value)
    assert text.startswith("bad.npz")
    assert text.endswith(".")
    assert "\n" not in text


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.npz does not exist"):
        load_recording(tmp_path / "nowhere.npz")
    text = tmp_path / "spikes.csv"
    text.write_text("1,2,3")
    with pytest.raises(DataError, match=r"spikes\.csv is neither \.npz, \.h5 nor \.hdf5"):
        load_recording(text)
    for name in ("empty.npz", "cut.npz", "array.npz", "text.npz", "text.h5"):
        path = tmp_path / name
        if name == "cut.npz":
            path.write_bytes(write(whole(), path).read_bytes()[:200])
        elif name == "array.npz":
            with path.open("wb") as file:
                np.save(file, np.zeros(3))
        else:
            path.write_text("" if name == "empty.npz" else "this is no archive")
        with pytest.raises(DataError, match=rf"{name} cannot be read \(.+\): it is damaged, or"):
            load_recording(path)
    hostile = whole() | {"spikes": np.array([{"pickled": 1}])}
    with pytest.raises(DataError, match=r"hostile\.npz cannot be read .*allow_pickle=False"):
        load_recording(write(hostile, tmp_path / "hostile.npz"))


# a model that anybody would try first


def test_ridge_on_gabor_energies_predicts_unseen_movies(cells):
    """The task can be learned, from other photographs, and is not solved by the first try."""
    rows, columns = np.indices((32, 32)) - 15.5
    bank = []
    for frequency in (0.09, 0.13, 0.19):
        for angle in np.arange(6) * np.pi / 6:
            for y, x in np.ndindex(3, 3):
                u, v = columns - 6 * (x - 1), rows - 6 * (y - 1)
                envelope = np.exp(-(u**2 + v**2) * 2 * frequency**2)
                wave = np.exp(2j * np.pi * frequency * (np.cos(angle) * u + np.sin(angle) * v))
                wave -= (envelope * wave).sum() / envelope.sum()
                bank.append((envelope * wave / envelope.sum()).ravel())
    bank = np.stack(bank, 1)

    def features(movie):
        energy = np.abs((movie.reshape(len(movie), -1) - 0.5) @ bank)
        padded = np.pad(energy, ((3, 0), (0, 0)))
        return np.concatenate([padded[3 - lag : len(padded) - lag] for lag in (1, 2, 3)], 1)

    train = neurons.record(cells, 1500, seed=0, split="train")
    held = neurons.record(cells, 450, seed=0, split="held", repeats=4)
    test = neurons.record(cells, 600, seed=0, split="test", repeats=10)
    x, y = features(train.movie), train.spikes[0]
    mean, scale = x.mean(0), x.std(0)
    x = (x - mean) / scale
    values, vectors = np.linalg.eigh(x.T @ x)
    projected = vectors.T @ (x.T @ (y - y.mean(0)))
    fits = [vectors @ (projected / (values[:, None] + lam)) for lam in (1e3, 1e4, 1e5)]

    def score(fit, recording):
        prediction = (features(recording.movie) - mean) / scale @ fit
        return noise_corrected_correlation(prediction, recording.spikes)

    best = max(fits, key=lambda fit: score(fit, held).mean())
    found = score(best, test)
    assert 0.5 < found.mean() < 0.9
    assert found.min() > 0.2
    shuffled = np.random.default_rng(0).permutation(y)
    chance = vectors @ ((vectors.T @ (x.T @ (shuffled - y.mean(0)))) / (values[:, None] + 1e4))
    assert score(chance, test).mean() < 0.2
