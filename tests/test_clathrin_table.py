"""Table 1 of the clathrin experiment: parameters, compression, seconds, published numbers."""

import io
import time
from functools import cache

import numpy as np
import pandas as pd
import pytest
import pywt
import torch
from clathrinhelpers import randn, toy_signals, tracks
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression

from awdlib import clathrin, controls, filters, networks, paper, predictors, selection
from awdlib.clathrin import table
from awdlib.clathrin.teachers import Teacher
from awdlib.selection import Signals
from awdlib.store import csv_bytes

ASKED = {
    "model", "teacher", "r2", "r2_low", "r2_high", "r2_sd_seeds", "compression",
    "seconds_predict", "seconds_end_to_end", "parameters", "n_test",
}  # fmt: skip
WITHOUT = "awd_without_interpretation"


def some_wavelets():
    random = controls.random_wavelets(5, 10, seed=1)
    return {
        "awd_ours": random[:2], "db5": filters.lowpass("db5")[None], "random_best": random[2:],
        "haar": filters.lowpass("haar")[None],
    }  # fmt: skip


def some_teachers(signals, *sizes):
    torch.manual_seed(0)
    return {
        f"lstm_{hidden}": clathrin.teacher_of([networks.ClathrinLSTM(hidden).double()], signals)
        for hidden in sizes
    }


@cache
def small_signals():
    return clathrin.signals_of(tracks())


# --- models without a wavelet ---------------------------------------------------------------------


def test_what_is_measured_by_hand():
    found = table.measured_by_hand(tracks())
    assert found.shape == (len(tracks()), 2)
    for row, lifetime, frames in zip(
        found, tracks().lifetime_s, tracks().clathrin_frames, strict=True
    ):
        assert row.tolist() == [lifetime, max(v for v in frames if v == v)]


def test_the_baselines_and_what_they_predict_from(monkeypatch):
    rocket, seeds = controls.rocket, []

    def small(x, y, *, seed):
        seeds.append(seed)
        return rocket(x, y, features=84, seed=seed)

    monkeypatch.setattr(controls, "rocket", small)
    signals, test = small_signals(), tracks().test
    found = table.baselines(signals, tracks().train, seeds=(1, 10, 100))
    assert {name: len(group) for name, group in found.items()} == {
        "ridge": 1, "lifetime_amplitude": 1, "minirocket": 3,
    }  # fmt: skip
    assert seeds == [1, 10, 100]
    given = table.inputs_of("lifetime_amplitude", signals, test)
    reference = LinearRegression().fit(table.measured_by_hand(tracks().train), signals.y)
    assert_allclose(found["lifetime_amplitude"][0].predict(given), reference.predict(given))
    for name in ("ridge", "minirocket", "db5"):
        assert table.inputs_of(name, signals, test) is signals.x_test
    assert found["ridge"][0].predict(signals.x_test).shape == signals.y_test.shape


# --- parameters -----------------------------------------------------------------------------------


def test_a_distilled_model_has_10_and_30_numbers_and_an_intercept():
    signals = toy_signals()
    models = {"ridge": [controls.ridge(signals.x, signals.y)]}
    teachers = {
        "lstm_ours": some_teachers(signals, 20)["lstm_20"],
        "lstm_40": clathrin.teacher_of([networks.ClathrinLSTM(40, 40).double()] * 2, signals),
    }
    found = table.parameters_of(some_wavelets(), models, teachers, signals)
    assert found == {
        "awd_ours": 10 + 30 + 1, "random_best": 10 + 30 + 1, "db5": 30 + 1,
        "haar": 3 + 3 + 5 + 6 + 6 + 1,  # its coarsest bands have no six
        "ridge": 40 + 1,
        "lstm_ours": 4 * 20 * (1 + 20 + 2) + 20 + 1, "lstm_40": 4 * 40 * (40 + 40 + 2) + 40 + 1,
    }  # fmt: skip


# --- compression ----------------------------------------------------------------------------------


def edged(rows):
    """Signals of 16 samples as test signals."""
    x = torch.tensor(rows, dtype=torch.float64)[:, None]
    return Signals(x, np.zeros(len(x)), np.arange(len(x)), x, np.zeros(len(x)))


def teacher_with(gradients):
    count = len(gradients) if gradients.ndim == 4 else 1
    return Teacher([torch.nn.Identity()] * count, gradients, gradients, np.zeros((count, 1)))


def test_compression_by_hand():
    """Haar on 16 samples: a constant is one coefficient, a spike one of every band."""
    constant, spike = [1.0] * 16, [1.0] + [0.0] * 15
    signals, haar = edged([constant, spike, spike]), filters.lowpass("haar")[None]
    flat, sharp, other = constant, spike, [0.0] * 15 + [1.0]
    gradients = torch.tensor([flat, sharp, other], dtype=torch.float64)[:, None]
    (found,) = table.compressions(
        {"haar": haar}, {"haar": teacher_with(gradients)}, signals
    ).values()
    # Only the approximation; all five of the spike's; of the other end's, the coarsest two.
    assert_allclose(found, [[1 / 16, 5 / 16, 2 / 16]])
    tiny = teacher_with(gradients * 1e-3)
    assert_allclose(table.compressions({"haar": haar}, {"haar": tiny}, signals)["haar"][0, 1], 0)


def test_compression_is_pywavelets_with_each_member_heard_by_its_own_network():
    signals, wavelets = toy_signals(test=4), {"a": controls.random_wavelets(3, 10, seed=0)}
    gradients = randn(2, *signals.x_test.shape) * 0.01
    unused = randn(2, *signals.x.shape)
    teacher = Teacher([torch.nn.Identity()] * 2, unused, gradients, np.zeros((2, 1)))
    found = table.compressions(wavelets, {"a": teacher}, signals)["a"]
    assert found.shape == (3, 4)
    for k, h in enumerate(wavelets["a"].numpy()):
        bank = [h[::-1], (-1) ** (np.arange(10) + 1) * h, h, (-1) ** np.arange(10) * h[::-1]]
        wavelet = pywt.Wavelet("own", bank)
        for n in range(4):
            both = [
                np.concatenate(pywt.wavedec(signal.numpy(), wavelet, mode="zero", level=4))
                for signal in (signals.x_test[n, 0], gradients[k % 2, n, 0])
            ]
            assert_allclose(found[k, n], (np.abs(both) > 1e-3).all(0).mean())
    swapped = Teacher([torch.nn.Identity()] * 2, unused, gradients.flip(0), np.zeros((2, 1)))
    assert (found != table.compressions(wavelets, {"a": swapped}, signals)["a"]).any()


# --- seconds --------------------------------------------------------------------------------------


def test_models_are_timed_in_turns_each_after_a_run_that_warms_up(monkeypatch):
    calls, clock = [], iter(np.arange(1000) ** 2.0)
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))

    def task(name):
        return lambda: calls.append(name)

    tasks = {m: {kind: task(m + kind) for kind in ("predict", "end_to_end")} for m in ("a", "b")}
    found = table.seconds(tasks, repeats=3)
    one_round = ["apredict"] * 2 + ["aend_to_end"] * 2 + ["bpredict"] * 2 + ["bend_to_end"] * 2
    assert calls == one_round * 3
    # The k-th timing takes (2k + 1)² − (2k)² = 4k + 1 of the clock's seconds.
    assert found == {
        "a": {"predict": [1, 17, 33], "end_to_end": [5, 21, 37]},
        "b": {"predict": [9, 25, 41], "end_to_end": [13, 29, 45]},
    }


def test_seconds_are_positive_and_one_a_repeat():
    found = table.seconds({"a": {"predict": lambda: None, "end_to_end": lambda: sum(range(99))}})
    assert set(found["a"]) == {"predict", "end_to_end"}
    for taken in found["a"].values():
        assert len(taken) == 21
        assert min(taken) > 0


def test_what_is_timed_is_what_predicts():
    signals, test = small_signals(), tracks().test
    wavelets = some_wavelets()
    models = {
        "ridge": [controls.ridge(signals.x, signals.y)],
        "lifetime_amplitude": [controls.linear(table.measured_by_hand(tracks().train), signals.y)],
    }
    teachers = some_teachers(signals, 4)
    tasks = table.prediction_tasks(wavelets, models, teachers, signals, test)
    assert set(tasks) == {*wavelets, *models, *teachers}
    wanted = {
        name: controls.wavelet(h[0], signals.x, signals.y).predict(signals.x_test)
        for name, h in wavelets.items()
    }
    wanted |= {
        name: group[0].predict(table.inputs_of(name, signals, test))
        for name, group in models.items()
    }
    wanted |= {name: teacher.prediction[0] for name, teacher in teachers.items()}
    for name, both in tasks.items():
        assert set(both) == {"predict", "end_to_end"}
        for task in both.values():
            assert_allclose(task(), wanted[name], rtol=1e-9)


@pytest.mark.parametrize("rows", [200, 12])
def test_linear_models_are_timed_as_published_and_predict_the_same(rows):
    """By scikit-learn's predict, also where a feature is constant, another twice, and rows few."""
    rng = np.random.default_rng(rows)
    x = rng.normal(size=(300, 30)) * np.geomspace(0.01, 100, 30)
    x[:, 4], x[:, 7] = 2.0, x[:, 8]
    head = predictors.fit_linear(x, x[:, 0] + x[:, 20] + rng.normal(size=300) - 5)
    timed = table._as_published(head)
    assert isinstance(timed.__self__, LinearRegression)
    assert_allclose(timed(x[:rows]), head.predict(x[:rows]), rtol=1e-9, atol=1e-9)
    if rows == 200:  # then it is the same model
        assert_allclose(timed(x), head.predict(x), rtol=1e-9, atol=1e-9)


def test_only_linear_models_are_timed_by_another_code():
    class Other:
        def predict(self, x):
            return x

    other = Other()
    assert table._as_published(other) == other.predict
    signals = small_signals()
    given = {"ridge": [controls.ridge(signals.x, signals.y)]}
    tasks = table.prediction_tasks(
        some_wavelets(), given, some_teachers(signals, 4), signals, tracks().test
    )
    for name in some_wavelets():
        assert isinstance(tasks[name]["predict"].func.__self__, LinearRegression)
        assert isinstance(tasks[name]["end_to_end"].func.__self__, controls.FeatureModel)
    assert tasks["lstm_4"]["predict"] is tasks["lstm_4"]["end_to_end"]


def test_ready_features_are_not_computed_again(monkeypatch):
    signals = toy_signals()
    tasks = table.prediction_tasks(some_wavelets(), {}, {}, signals, tracks().test)
    monkeypatch.setattr(controls.predictors, "largest_coefficients", None)
    for both in tasks.values():
        assert both["predict"]().shape == signals.y_test.shape
        with pytest.raises(TypeError):
            both["end_to_end"]()


def test_the_ratio_is_how_many_times_longer_the_network_takes():
    seconds = {
        "lstm": {"predict": [10.0, 12, 11], "end_to_end": [99.0] * 3},
        "awd": {"predict": [0.1, 0.1, 0.1], "end_to_end": [1.0, 2, 1]},
    }
    found = table.time_ratio(seconds, "lstm", "awd", "predict")
    assert (found["estimate"], found["n"], found["kind"]) == (
        pytest.approx(110),
        3,
        "95 %, repeats",
    )
    assert_allclose([found["low"], found["high"]], [100, 120])
    slow = table.time_ratio(seconds, "lstm", "awd", "end_to_end")
    assert_allclose([slow["low"], slow["estimate"], slow["high"]], [49.5, 99, 99])
    # pairs of the same repeat: what slows the machine down slows both
    shaken = {name: {"predict": [s, 5 * s, s]} for name, s in (("lstm", 3.0), ("awd", 1.0))}
    found = table.time_ratio(shaken, "lstm", "awd", "predict")
    assert_allclose([found["low"], found["estimate"], found["high"]], [3, 3, 3])


# --- the table ------------------------------------------------------------------------------------


def some_rows():
    rows = {
        name: {"r2": 0.1 * k, "r2_low": 0.1 * k - 0.05, "r2_high": 0.1 * k + 0.05, "r2_sd": 0.01,
               "members": 3, "parameters": 41, "compression": 0.5, "compression_sd": 0.01}
        for k, name in enumerate(("minirocket", "db5", "awd_ours", "lstm_ours", WITHOUT,
                                  "lstm_authors", "awd_authors", "lstm_40"))
    }  # fmt: skip
    rows["db5"] |= {"r2_sd": None, "members": 1, "compression_sd": None, "parameters": 31}
    for name in ("minirocket", "lstm_ours", "lstm_authors", "lstm_40"):
        del rows[name]["compression"], rows[name]["compression_sd"]
    return rows | {"random_any": {"r2": 0.1, "r2_sd": 0.02, "members": 320}}


def some_times():
    return {
        name: {"predict": [1e-5 * k, 3e-5 * k, 2e-5 * k], "end_to_end": [k, 2 * k, 9 * k]}
        for k, name in enumerate(some_rows(), 1)
        if name != "random_any"
    }


def test_published_numbers_stand_beside_the_right_rows():
    found = table.table1(some_rows(), some_times(), 374).set_index("name")
    assert found.index.tolist() == [name for name in table.ROWS if name in some_rows()]
    assert found["r2_paper"].dropna().to_dict() == {
        "awd_authors": 0.262, "awd_ours": 0.262, WITHOUT: 0.231, "db5": 0.197,
        "lstm_authors": 0.237, "lstm_ours": 0.237,
    }  # fmt: skip
    assert found["compression_paper"].dropna().to_dict() == {
        "awd_authors": 0.574, "awd_ours": 0.574, WITHOUT: 0.651, "db5": 0.704,
    }  # fmt: skip
    assert found["seconds_paper"].dropna().to_dict() == {
        "awd_authors": 0.0002, "awd_ours": 0.0002, WITHOUT: 0.0002, "db5": 0.0002,
        "lstm_authors": 0.0449, "lstm_ours": 0.0449,
    }  # fmt: skip


def test_our_numbers_stand_in_the_columns_that_were_asked_for():
    rows, times = some_rows(), some_times()
    found = table.table1(rows, times, 374).set_index("name")
    assert set(found) >= ASKED
    assert found["n_test"].tolist() == [374] * len(rows)
    for name, row in rows.items():
        for column, key in (("r2", "r2"), ("r2_low", "r2_low"), ("r2_high", "r2_high"),
                            ("r2_sd_seeds", "r2_sd"), ("members", "members"),
                            ("compression", "compression"), ("compression_sd", "compression_sd"),
                            ("parameters", "parameters")):  # fmt: skip
            value = found[column][name]
            assert value is pd.NA if row.get(key) is None else value == row[key]
        for kind in ("predict", "end_to_end"):
            value = found[f"seconds_{kind}"][name]
            assert value is pd.NA if name not in times else value == sorted(times[name][kind])[1]
    assert found["teacher"][["awd_ours", "awd_authors", "db5"]].tolist() == ["ours", "authors", ""]


def test_the_table_without_times_has_none():
    found = table.table1(some_rows(), {}, 374)
    assert not any(name.startswith("seconds_") for name in found if name != "seconds_paper")
    assert set(found) >= ASKED - {"seconds_predict", "seconds_end_to_end"}
    printed = table.printed_table1(found)
    assert set(printed["predict, s"]) == set(printed["end to end, s"]) == {"—"}


def stored(frame):
    """As a reader of the results gets it: through its file."""
    data = io.BytesIO(csv_bytes("table1", frame))
    return pd.read_csv(data, keep_default_na=False, na_values=[""])


@pytest.mark.parametrize("through_its_file", [False, True])
def test_the_printed_table_has_dashes_and_no_nan(through_its_file):
    found = table.table1(some_rows(), some_times(), 374)
    if through_its_file:
        found = stored(found)
    printed = table.printed_table1(found)
    assert printed.index.tolist() == table.labels(found)
    cells = {str(cell) for cell in printed.to_numpy().ravel()}
    assert "—" in cells
    assert not any(word in cell.lower() for cell in cells for word in ("nan", "none", "<na>"))
    assert printed.loc["AWD (teacher: ours)", "R²"] == "0.200"
    assert printed.loc["AWD (teacher: ours)", "paper"] == "0.262"
    assert printed.loc["AWD (teacher: ours)", "parameters"] == "41"  # and not 41.0
    assert printed.loc["DB5", "95 %"] == "0.050–0.150"
    assert printed.loc["DB5", "sd (of)"] == "—"
    assert printed.loc["Random wavelets, any one", "sd (of)"] == "0.020 (320)"
    assert printed.loc["Random wavelets, any one", "parameters"] == "—"
    assert printed.loc["DB5", "predict, s"] == "4.0e-05"


def test_labels_name_the_teacher_where_there_is_one():
    found = table.table1(some_rows(), {}, 374)
    for frame in (found, stored(found)):
        names = dict(zip(frame["name"], table.labels(frame), strict=True))
        assert names["awd_authors"] == "AWD (teacher: authors)"
        assert names["awd_ours"] == "AWD (teacher: ours)"
        assert names["db5"] == "DB5"
        assert len(set(names.values())) == len(names)


def test_table_1_knows_every_published_column():
    printed = set(paper.published("table1")["column"])
    assert {row.column for row in table.ROWS.values() if row.column} == printed
    assert len(set(table.ROWS)) == len({(r.label, r.teacher) for r in table.ROWS.values()})


def test_a_single_wavelet_is_seen_by_every_network():
    """Else DB5's compression factor would be one network's, and AWD's the mean over all."""
    signals = clathrin.signals_of(tracks())
    teacher = clathrin.train_teacher(signals, [1, 2], epochs=1)
    both = table.compressions({"db5": filters.lowpass("db5")[None]}, {"db5": teacher}, signals)
    each = [
        selection.compression(filters.lowpass("db5"), teacher.of(k)[1], signals.x_test)
        for k in range(2)
    ]
    assert np.array_equal(both["db5"], each)
