"""Warm-started sweeps against chains of single fits made by hand."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from awdlib import attribution, filters
from awdlib import sweep as module
from awdlib.distill import distill
from awdlib.sweep import published_grids, sweep
from awdlib.threads import processes

QUICK = {"level": 2, "epochs": 2, "batch_size": 5, "lr": 1e-2}


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


X, SLOPES = randn(12, 1, 16), randn(12, 1, 16, seed=1)
LAMS, GAMMAS, SEEDS = [0.001, 0.01], [0.0, 0.1, 0.5], [3, 1]


@pytest.mark.parametrize("parametrisation", ["taps", "lattice"])
def test_a_sweep_is_a_chain_of_fits(parametrisation):
    options = dict(QUICK, gradients=SLOPES, parametrisation=parametrisation)
    result = sweep(X, start="db3", lams=LAMS, gammas=GAMMAS, seeds=SEEDS, **options)
    assert result.h.shape == (2, 3, 2, 6)
    assert result.loss.shape == (2, 3, 2)
    assert (result.lams.tolist(), result.gammas.tolist()) == (LAMS, GAMMAS)
    assert result.seeds == (3, 1)
    for s, seed in enumerate(SEEDS):
        first = "db3"
        for i, lam in enumerate(LAMS):
            # γ = 0 from the previous λ's γ = 0, then along γ
            h = first
            for j, gamma in enumerate(GAMMAS):
                fit = distill(X, start=h, lam=lam, gamma=gamma, seed=seed, **options)
                assert_allclose(result.h[i, j, s], fit.h, rtol=0, atol=1e-10)
                assert_allclose(result.loss[i, j, s], fit.loss[-1], rtol=1e-10)
                h = fit.h
                if j == 0:
                    first = fit.h


def test_order_of_the_warm_starts(monkeypatch):
    calls = []

    def spy(x, *, start, lam, gamma, seed, **options):
        result = distill(x, start=start, lam=lam, gamma=gamma, seed=seed, **options)
        calls.append((start, lam.tolist(), float(gamma), seed.tolist(), result.h))
        return result

    monkeypatch.setattr(module, "distill", spy)
    sweep(X, gradients=SLOPES, lams=LAMS, gammas=GAMMAS, seeds=SEEDS, **QUICK)
    assert [c[1:4] for c in calls] == [
        ([0.001, 0.001], 0.0, [3, 1]),
        ([0.01, 0.01], 0.0, [3, 1]),
        ([0.001, 0.001, 0.01, 0.01], 0.1, [3, 1, 3, 1]),
        ([0.001, 0.001, 0.01, 0.01], 0.5, [3, 1, 3, 1]),
    ]
    starts, ends = [c[0] for c in calls], [c[4] for c in calls]
    assert starts[0] == "db5"
    assert torch.equal(starts[1], ends[0])
    assert torch.equal(starts[2], torch.cat(ends[:2]))
    assert torch.equal(starts[3], ends[2])


def test_a_model_is_read_once_and_only_where_it_is_needed():
    calls = []

    def model(x):
        calls.append(len(x))
        return torch.stack([x.sum((1, 2)), (x**2).sum((1, 2))], 1)

    arguments = {"lams": LAMS, "seeds": [1], **QUICK}
    with_model = sweep(X, model, gammas=GAMMAS, target=1, **arguments)
    assert calls == [12]
    slopes = attribution.input_gradients(model, X, target=1)
    with_slopes = sweep(X, gradients=slopes, gammas=GAMMAS, **arguments)
    assert torch.equal(with_model.h, with_slopes.h)
    calls.clear()
    assert torch.equal(sweep(X, model, gammas=[0], **arguments).h, with_model.h[:, :1])
    assert calls == []


def test_every_seed_may_have_its_own_network():
    networks = torch.stack([SLOPES, randn(12, 1, 16, seed=9)])
    arguments = {"lams": LAMS, "gammas": GAMMAS, **QUICK}
    both = sweep(X, gradients=networks, seeds=SEEDS, **arguments)
    for k, seed in enumerate(SEEDS):
        alone = sweep(X, gradients=networks[k], seeds=[seed], **arguments)
        assert_allclose(both.h[:, :, k], alone.h[:, :, 0], rtol=0, atol=1e-10)
    apart = sweep(X, gradients=networks, seeds=SEEDS, seeds_per_batch=1, **arguments)
    assert_allclose(apart.h, both.h, rtol=0, atol=1e-10)


@pytest.mark.parametrize("count", [1, 2])
def test_processes_change_nothing(count):
    arguments = {"gradients": SLOPES, "lams": LAMS, "gammas": GAMMAS, "seeds": SEEDS, **QUICK}
    told = []
    with processes(count) as executor:
        assert (executor is None) == (count == 1)
        spread = sweep(X, seeds_per_batch=1, executor=executor,
                       progress=lambda *a: told.append(a), **arguments)  # fmt: skip
    assert torch.equal(spread.h, sweep(X, seeds_per_batch=1, **arguments).h)
    assert told == [(2 * k, 12) for k in range(1, 7)]


class Watching(ThreadPoolExecutor):
    """Notes what would be sent to another process."""

    def __init__(self):
        super().__init__(1)
        self.sent = []

    def submit(self, task, *arguments):
        self.sent.append(arguments)
        return super().submit(task, *arguments)


def test_no_tensor_is_moved_into_shared_memory_while_it_may_be_hashed(tmp_path):
    """A tensor sent to a worker is moved by another thread: keys of later batches were wrong."""
    x = torch.cat([X] * len(SEEDS))
    slopes = torch.cat([SLOPES] * len(SEEDS))
    rows = {s: torch.arange(len(X)) + k * len(X) for k, s in enumerate(SEEDS)}
    arguments = {
        "gradients": slopes, "lams": LAMS, "gammas": GAMMAS, "seeds": SEEDS, "rows": rows,
        "start": filters.lowpass("db2"), "ledger": tmp_path, "seeds_per_batch": 1, **QUICK,
    }  # fmt: skip
    with Watching() as watching:
        sweep(x, executor=watching, **arguments)

    def tensors(value):
        if isinstance(value, dict):
            return [t for one in value.values() for t in tensors(one)]
        return [value] if isinstance(value, torch.Tensor) else []

    assert watching.sent
    assert not [t for sent in watching.sent for one in sent for t in tensors(one)]
    with Watching() as again:
        sweep(x, executor=again, **arguments)
    assert not again.sent  # every piece is found


def test_a_fit_that_fails_stops_the_sweep_and_keeps_what_is_done(tmp_path):
    diverging = {**QUICK, "lr": 1e200}
    arguments = {"gradients": SLOPES, "lams": LAMS, "gammas": GAMMAS, "seeds": SEEDS}
    with ThreadPoolExecutor(2) as executor, pytest.raises(ValueError, match="diverged"):
        sweep(X, executor=executor, ledger=tmp_path, seeds_per_batch=1, **arguments, **diverging)
    assert list(tmp_path.iterdir()) == []


def test_repeats_are_bit_identical():
    arguments = {"gradients": SLOPES, "lams": LAMS, "gammas": GAMMAS, "seeds": SEEDS, **QUICK}
    first, again = (sweep(X, **arguments) for _ in range(2))
    assert torch.equal(first.h, again.h)
    assert torch.equal(first.loss, again.loss)


def test_progress_counts_fits():
    told = []
    sweep(X, gradients=SLOPES, lams=LAMS, gammas=GAMMAS, seeds=SEEDS,
          progress=lambda *a: told.append(a), **QUICK)  # fmt: skip
    assert told == [(4, 12), (8, 12), (12, 12)]


def test_a_chain_may_start_above_zero():
    result = sweep(X, gradients=SLOPES, lams=[0.01], gammas=[0.1, 0.2], seeds=[1], **QUICK)
    first = distill(X, gradients=SLOPES, lam=0.01, gamma=0.1, seed=1, **QUICK)
    assert_allclose(result.h[0, 0, 0], first.h, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gammas": [0.1, 0.0]}, "gammas must be non-empty and increasing"),
        ({"lams": [0.01, 0.01]}, "lams must be non-empty and increasing"),
        ({"gammas": []}, "gammas must be non-empty and increasing"),
        ({"lams": []}, "lams must be non-empty and increasing"),
        ({"seeds": []}, "seeds must be non-empty"),
        ({"lams": [-0.1, 0.1]}, "lam must be finite and at least 0"),
        ({"gradients": None}, "γ > 0 needs a network"),
        ({"gradients": SLOPES.expand(3, *X.shape)}, "gradients of 3 networks for 2 seeds"),
    ],
)
def test_refusals(change, message):
    arguments = {"gradients": SLOPES, "lams": LAMS, "gammas": GAMMAS, "seeds": SEEDS} | change
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        sweep(X, **arguments, **QUICK)
    assert message in str(caught.value)


def test_published_grids():
    lams, gammas = published_grids()
    assert_allclose(lams, [0.0001, 0.00027, 0.00071, 0.00188, 0.005], atol=1e-12)
    assert len(gammas) == 21
    assert (gammas[0], gammas[1], gammas[-1]) == (0.0, 0.0001, 10.0)
    assert_allclose(gammas[abs(gammas - 0.043).argmin()], 0.04281, atol=1e-12)
    assert_allclose(np.diff(np.log(gammas[8:])), np.log(1e5) / 19, atol=2e-3)


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor])
def test_rows_sweep_every_seed_over_its_own_data(pool, tmp_path):
    rows = {3: torch.arange(8), 1: torch.arange(4, 12)}
    options = dict(QUICK, start="db3", lams=LAMS, gammas=GAMMAS)
    executor = pool(2) if pool else None
    both = sweep(X, gradients=SLOPES, seeds=SEEDS, rows=rows, ledger=tmp_path, executor=executor,
                 **options)  # fmt: skip
    for k, seed in enumerate(SEEDS):
        mine = rows[seed]
        alone = sweep(X[mine], gradients=SLOPES[mine], seeds=[seed], **options)
        assert_allclose(both.h[:, :, k], alone.h[:, :, 0], rtol=0, atol=1e-10)
    again = sweep(X, gradients=SLOPES, seeds=SEEDS, rows=rows, ledger=tmp_path, **options)
    assert torch.equal(again.h, both.h)
    other = sweep(X, gradients=SLOPES, seeds=SEEDS, ledger=tmp_path, **options)
    assert not torch.equal(other.h, both.h)


def test_rows_must_name_every_seed():
    with pytest.raises(ValueError, match="lack seed 1"):
        sweep(X, gradients=SLOPES, lams=LAMS, gammas=GAMMAS, seeds=SEEDS,
              rows={3: torch.arange(4)}, **QUICK)  # fmt: skip


def test_rows_and_gradients_for_every_seed_exclude_each_other():
    x = torch.randn(8, 1, 32, dtype=torch.float64)
    rows = {1: [0, 1, 2, 3], 2: [4, 5, 6, 7]}
    options = {"lams": [0.1], "gammas": [0.0, 1.0], "seeds": (1, 2), "level": 2, "epochs": 1}
    with pytest.raises(ValueError, match="rows and gradients for every seed exclude each other"):
        sweep(x, gradients=torch.randn(2, *x.shape).double(), rows=rows, **options)
    lists = sweep(x, gradients=x, rows=rows, **options)
    tensors = sweep(x, gradients=x, rows={k: torch.tensor(v) for k, v in rows.items()}, **options)
    assert torch.equal(lists.h, tensors.h)
