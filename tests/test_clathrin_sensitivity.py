"""Other splits and lengths: every case by itself, finished cases kept, test cells never trained."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from clathrinhelpers import rows_of, spoilt, toy_signals, tracks, warm_started
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score

from awdlib import clathrin, controls, filters, networks, selection, threads
from awdlib.clathrin import sensitivity
from awdlib.clathrin.sensitivity import MODELS, Case
from awdlib.datasets import cme

FEW = {"seed": 3, "epochs": 1, "lstm_epochs": 1, "draws": 5}


def some_cases():
    return [Case("split", (k, 8), toy_signals(seed=k)) for k in (1, 2, 3)]


@pytest.fixture
def scored(monkeypatch):
    """Signals that `score` was asked for, in place of computing anything."""
    asked = []

    def fake(signals, **options):
        asked.append((signals, options))
        return signals.y[: len(MODELS)] + options["seed"]

    monkeypatch.setattr(sensitivity, "score", fake)
    return asked


# --- the cases ------------------------------------------------------------------------------------


def test_cases_are_splits_then_hotspots_then_lengths():
    made = []

    def make(**options):
        made.append(options)
        return cme.simulate_tracks(1, 100, **options)

    splits = [(1, 2), (5, 8)]
    found = sensitivity.cases(make, splits=splits, lengths=(30, 60), dtype=torch.float32)
    assert [(c.variant, c.test_cells) for c in found] == [
        ("split", (1, 2)), ("split", (5, 8)), ("without hotspots", (7, 8)), ("length 30", (7, 8)),
        ("length 60", (7, 8)),
    ]  # fmt: skip
    assert made == [{}, {"drop_hotspots": True}, {"length": 30}, {"length": 60}]
    usual = cme.simulate_tracks(1, 100)
    for case, length in zip(found, (40, 40, 40, 30, 60), strict=True):
        assert case.signals.x.dtype == torch.float32
        assert case.signals.x.shape[-1] == case.signals.x_test.shape[-1] == length
        assert not set(case.signals.group) & set(case.test_cells)
        assert not set(rows_of(case.signals.x)) & set(rows_of(case.signals.x_test))
        dropped = len(usual) - len(case.signals.y) - len(case.signals.y_test)
        assert (dropped > 0) == (case.variant == "without hotspots")
    for case in found[:2]:
        assert np.array_equal(case.signals.y_test, usual.y[np.isin(usual.cell, case.test_cells)])


def test_test_cells_are_never_trained_on(monkeypatch):
    """Whatever the split: not by the network, not by its early stopping, not by a wavelet."""
    seen, train, fit = [], networks.train, sensitivity.sweeps.published_chain

    def spy(model, x, y, x_held, y_held, **options):
        seen.append((x, x_held))
        return train(model, x, y, x_held, y_held, **options)

    monkeypatch.setattr(networks, "train", spy)
    monkeypatch.setattr(
        sensitivity.sweeps, "published_chain",
        lambda x, slopes, **options: seen.append((x, x)) or fit(x, slopes, **options),
    )  # fmt: skip
    splits = [(7, 8), (1, 2), (3, 8)]
    found = sensitivity.cases(lambda **_: tracks(), splits=splits, lengths=(), dtype=torch.float64)[
        :3
    ]
    sensitivity.study(found, **FEW)
    assert len(seen) == 2 * len(splits)
    for (network, wavelet), cells in zip(zip(seen[::2], seen[1::2], strict=True), splits,
                                         strict=True):  # fmt: skip
        testing = set(rows_of(tracks().x[np.isin(tracks().cell, cells)]))
        last = max(c for c in range(1, 9) if c not in cells)
        for x in (*network, *wavelet):
            assert not testing & set(rows_of(x))
        assert set(rows_of(network[1])) == set(rows_of(tracks().x[tracks().cell == last]))
        assert not set(rows_of(network[0])) & set(rows_of(network[1]))


# --- the score of a case --------------------------------------------------------------------------


def test_a_score_is_one_network_its_two_wavelets_and_the_controls():
    signals = toy_signals()
    options = FEW | {"epochs": 2, "lstm_epochs": 3}
    found = dict(zip(MODELS, sensitivity.score(signals, **options), strict=True))
    lstm = clathrin.train_lstm(signals, seed=3, epochs=3)
    assert_allclose(
        found["lstm"], r2_score(signals.y_test, selection.predict(lstm, signals.x_test)),
        rtol=1e-9,
    )  # fmt: skip

    def by_hand(h):
        model = controls.wavelet(h, signals.x, signals.y)
        return r2_score(signals.y_test, model.predict(signals.x_test))

    gradients = clathrin.teacher_of([lstm], signals).gradients
    path = warm_started(signals.x, gradients, seed=3, epochs=2)
    for name, h in (("awd", path[-1]), ("awd_without_interpretation", path[0])):
        assert_allclose(found[name], by_hand(h), rtol=1e-6)
    assert found["awd"] != found["awd_without_interpretation"]
    assert_allclose(found["db5"], by_hand(filters.lowpass("db5")), rtol=1e-9)
    random = controls.random_wavelets(5, 10, 3)
    assert_allclose(found["random_any"], np.mean([by_hand(h) for h in random]), rtol=1e-7)
    cv = selection.judge_filters(random, signals).cv_r2
    assert_allclose(found["random_best"], by_hand(random[int(cv.argmax())]), rtol=1e-7)


def test_the_best_random_wavelet_is_picked_without_test_data():
    signals = toy_signals()
    random = controls.random_wavelets(9, 10, FEW["seed"])
    cv = selection.judge_filters(random, signals).cv_r2
    # Targets such that the worst in cross-validation predicts the test tracks perfectly.
    worst = selection.judge_filters(random[cv.argmin()][None], signals).prediction[0]
    turned = type(signals)(signals.x, signals.y, signals.group, signals.x_test, worst)
    score = dict(zip(MODELS, sensitivity.score(turned, **FEW | {"draws": 9}), strict=True))
    best = controls.wavelet(random[int(cv.argmax())], signals.x, signals.y)
    assert_allclose(score["random_best"], r2_score(worst, best.predict(signals.x_test)))
    assert score["random_best"] < 0.999
    assert selection.judge_filters(random, turned).r2.max() > 1 - 1e-9


def test_other_test_data_leave_the_fitted_models_alone(monkeypatch):
    kept, judge = [], selection.judge_filters

    def spy(h, signals):
        kept.append(h)
        return judge(h, signals)

    monkeypatch.setattr(selection, "judge_filters", spy)
    for signals in (toy_signals(), spoilt(toy_signals())):
        sensitivity.score(signals, **FEW)
    for first, again in zip(kept[:2], kept[2:], strict=True):
        assert torch.equal(first, again)


# --- all cases ------------------------------------------------------------------------------------


def test_a_study_has_a_row_a_case(scored):
    found, told = some_cases(), []
    table = sensitivity.study(found, **FEW, progress=lambda *a: told.append(a))
    assert table.columns.tolist() == ["variant", "test_cells", "n_train", "n_test", *MODELS]
    assert table["test_cells"].tolist() == ["1 and 8", "2 and 8", "3 and 8"]
    for k, case in enumerate(found):
        row = table.iloc[k]
        assert (row["n_train"], row["n_test"]) == (60, 31)
        assert_allclose(row[list(MODELS)].astype(float), case.signals.y[:6] + FEW["seed"])
    assert [options for _, options in scored] == [FEW] * 3
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_stopped_study_goes_on_without_computing_anything_again(scored, tmp_path):
    found = some_cases()
    part = sensitivity.study(found[:2], **FEW, ledger=tmp_path)
    assert len(scored) == 2
    told = []
    whole = sensitivity.study(found, **FEW, ledger=tmp_path, progress=lambda *a: told.append(a))
    assert len(scored) == 3
    assert scored[2][0] is found[2].signals
    assert told == [(3, 3)]
    again = sensitivity.study(found, **FEW, ledger=tmp_path)
    assert len(scored) == 3
    pd.testing.assert_frame_equal(whole, again)
    pd.testing.assert_frame_equal(whole[:2], part)
    pd.testing.assert_frame_equal(whole, sensitivity.study(found, **FEW))


@pytest.mark.parametrize("change", ["seed", "epochs", "lstm_epochs", "draws"])
def test_other_options_are_another_study(scored, tmp_path, change):
    for options in (FEW, FEW | {change: 7}, FEW):
        sensitivity.study(some_cases()[:1], **options, ledger=tmp_path)
    assert [options[change] for _, options in scored] == [FEW[change], 7]


@pytest.mark.parametrize("change", ["x", "y", "group", "x_test", "y_test"])
def test_other_data_are_another_case(scored, tmp_path, change):
    signals = toy_signals()
    sensitivity.study([Case("split", (7, 8), signals)], **FEW, ledger=tmp_path)
    fields = {name: getattr(signals, name) for name in ("x", "y", "group", "x_test", "y_test")}
    other = type(signals)(**fields | {change: fields[change] + 1e-9})
    sensitivity.study([Case("split", (7, 8), other)], **FEW, ledger=tmp_path)
    assert len(scored) == 2


def test_an_executor_and_a_ledger_change_nothing(tmp_path):
    found = some_cases()[:2]
    with threads.one_thread():
        alone = sensitivity.study(found, **FEW)
        with ThreadPoolExecutor(1) as executor:
            beside = sensitivity.study(found, **FEW, executor=executor)
            kept = sensitivity.study(found, **FEW, executor=executor, ledger=tmp_path)
    pd.testing.assert_frame_equal(alone, beside, check_exact=True)
    pd.testing.assert_frame_equal(alone, kept, check_exact=True)
    assert alone[list(MODELS)].nunique().min() == 2


# --- what the splits say together -----------------------------------------------------------------


def by_hand():
    rows = {
        "variant": ["split", "split", "split", "length 30"],
        "test_cells": ["1 and 2", "3 and 4", "5 and 6", "7 and 8"],
        "n_train": [9] * 4, "n_test": [3] * 4, "awd": [0.4, 0.1, 0.3, 9.0],
        "awd_without_interpretation": [0.4, 0.1, 0.3, 0.0], "db5": [0.1, 0.2, 0.1, 0.0],
        "lstm": [0.5, 0.6, 0.4, 0.0], "random_any": [0.3, 0.0, 0.2, 0.0],
        "random_best": [0.4, 0.05, 0.35, 0.0],
    }  # fmt: skip
    return pd.DataFrame(rows)


def test_the_summary_is_over_splits_alone():
    found = sensitivity.summary(by_hand())
    assert found.pop("splits") == 3
    assert {key: found.pop(key) for key in ("hotspots", "length_30", "length_60")} == {
        "hotspots": dict.fromkeys(MODELS), "length_60": dict.fromkeys(MODELS),
        "length_30": {name: 9.0 if name == "awd" else 0.0 for name in MODELS},
    }  # fmt: skip
    wanted = {
        "awd_without_interpretation": (0, 0, 0, 0), "db5": (0.4 / 3, -0.1, 0.3, 2 / 3),
        "lstm": (-0.7 / 3, -0.5, -0.1, 0), "random_any": (0.1, 0.1, 0.1, 1),
        "random_best": (0, -0.05, 0.05, 1 / 3),
    }  # fmt: skip
    assert set(found) == {f"awd_minus_{name}" for name in wanted}
    for name, numbers in wanted.items():
        one = found[f"awd_minus_{name}"]
        assert list(one) == ["mean", "low", "high", "share_above"]
        assert_allclose(list(one.values()), numbers, atol=1e-12)


def test_the_summary_finds_every_case_that_is_made():
    """By the names that `cases` gives."""
    made = sensitivity.cases(
        lambda **_: tracks(), splits=[(7, 8)], lengths=(30, 60), dtype=torch.float64
    )
    rows = [{"variant": c.variant} | dict.fromkeys(MODELS, float(k)) for k, c in enumerate(made)]
    found = sensitivity.summary(pd.DataFrame(rows))
    for k, key in enumerate(("hotspots", "length_30", "length_60"), 1):
        assert found[key] == dict.fromkeys(MODELS, float(k))


def test_the_printed_table_is_text():
    printed = sensitivity.printed(by_hand())
    assert printed.index.tolist() == [
        "test cells 1 and 2", "test cells 3 and 4", "test cells 5 and 6", "length 30",
    ]  # fmt: skip
    assert printed["tracks"].tolist() == ["9 + 3"] * 4
    assert printed["AWD"].tolist() == ["0.400", "0.100", "0.300", "9.000"]
    assert len(printed.columns) == 1 + len(MODELS)
