"""Pieces on disk: whole or not at all, and a killed run ends with the same bits."""

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from awdlib import store
from awdlib import sweep as sweep_module
from awdlib.ledger import (
    Ledger,
    array_hash,
    code_hash,
    gather,
    joined,
    load_state,
    part,
    state_of,
)
from awdlib.sweep import sweep


def counted(value, calls):
    def compute():
        calls.append(value)
        return {"a": np.array([value, value / 3])}

    return compute


def test_a_piece_is_computed_once(tmp_path):
    calls = []
    for _ in range(2):
        book = Ledger(tmp_path, {"lr": 0.1})
        found = book.piece({"gamma": 0.5}, counted(1.0, calls))
        assert found["a"].tolist() == [1.0, 1.0 / 3]
    assert calls == [1.0]
    assert (book.found, book.computed) == (1, 0)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"lr": 0.2}, {"gamma": 0.5}),
        ({"lr": 0.1}, {"gamma": 0.6}),
        ({"lr": 0.1, "b": 1}, {"gamma": 0.5}),
    ],
)
def test_another_configuration_or_key_is_another_piece(tmp_path, config, key):
    calls = []
    Ledger(tmp_path, {"lr": 0.1}).piece({"gamma": 0.5}, counted(1.0, calls))
    assert Ledger(tmp_path, config).piece(key, counted(2.0, calls))["a"][0] == 2.0
    assert Ledger(tmp_path, {"lr": 0.1}).piece({"gamma": 0.5}, counted(3.0, calls))["a"][0] == 1.0


@pytest.mark.parametrize("damage", ["truncate", "empty", "garbage", "flip", "other"])
def test_a_broken_piece_is_computed_again(tmp_path, damage):
    calls = []
    Ledger(tmp_path, {}).piece({"k": 1}, counted(1.0, calls))
    (path,) = tmp_path.glob("*.npz")
    data = path.read_bytes()
    if damage == "other":  # a piece under the name of another
        Ledger(tmp_path, {}).piece({"k": 2}, counted(9.0, calls))
        (other,) = set(tmp_path.glob("*.npz")) - {path}
        data = other.read_bytes()
    middle = data.find(np.float64(1.0).tobytes())  # in the numbers: a ZIP has bytes to spare
    path.write_bytes({
        "truncate": data[:middle], "empty": b"", "garbage": b"x" * 100, "other": data,
        "flip": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
    }[damage])  # fmt: skip
    assert Ledger(tmp_path, {}).piece({"k": 1}, counted(4.0, calls))["a"][0] == 4.0
    assert Ledger(tmp_path, {}).piece({"k": 1}, counted(5.0, calls))["a"][0] == 4.0


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    book = Ledger(tmp_path, {})
    with monkeypatch.context() as patch:
        patch.setattr(store.os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            book.piece({"k": 1}, counted(1.0, []))
    assert list(tmp_path.iterdir()) == []
    assert book.piece({"k": 1}, counted(2.0, []))["a"][0] == 2.0


def test_no_pickle_is_written_or_read(tmp_path):
    with pytest.raises(ValueError, match="not numbers"):
        Ledger(tmp_path, {}).piece({"k": 1}, lambda: {"a": np.array([object()])})
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_arrays_sees_values_types_and_shapes():
    a = np.arange(6.0)
    others = [a.reshape(2, 3), a.astype(np.float32), a + 1e-12, np.arange(5.0)]
    assert len({array_hash(b) for b in [a, *others]}) == 5
    assert array_hash(a) == array_hash(a.copy())


def test_parts_of_a_piece_come_back(tmp_path):
    parts = {"a": {"x": np.arange(3), "y/z": np.ones(2)}, "ab": {"x": np.zeros(1)}}
    kept = Ledger(tmp_path, {}).piece({}, lambda: joined(parts))
    for name, arrays in parts.items():
        found = part(kept, name)
        assert list(found) == list(arrays)
        for key, array in arrays.items():
            np.testing.assert_array_equal(found[key], array)


def test_a_modules_state_comes_back(tmp_path):
    made = [torch.nn.Sequential(torch.nn.Conv2d(2, 16, 3), torch.nn.BatchNorm2d(16))
            for _ in range(2)]  # fmt: skip
    x = torch.randn(4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    made[0].to(memory_format=torch.channels_last)(x)  # moves the running means
    kept = Ledger(tmp_path, {}).piece({}, lambda: state_of(made[0]))
    before = {name: array.copy() for name, array in kept.items()}
    load_state(made[1], kept)
    assert torch.equal(made[0].eval()(x), made[1].eval()(x))
    assert made[1][1].num_batches_tracked == 1
    told = state_of(made[1])
    with torch.no_grad():
        made[1][0].weight.zero_()
    for name, array in before.items():  # what was told does not change with the module
        np.testing.assert_array_equal(told[name], array)


def module(path, code):
    path.write_text(code)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    return importlib.util.module_from_spec(spec)


def test_the_hash_of_code_sees_code_and_not_comments(tmp_path):
    plain = "def f(x):\n    return (x + 1)\n"
    codes = {
        "a": plain,
        "b": "# of no effect\n\n" + plain.replace("x + 1", "x +\n        # one more\n        1"),
        "c": plain.replace("+ 1", "+ 2"),
        "d": plain.replace("+ 1", "- 1"),
        "e": plain + "f(1)\n",
    }
    modules = {name: module(tmp_path / f"{name}.py", code) for name, code in codes.items()}
    found = {name: code_hash(m) for name, m in modules.items()}
    assert found["a"] == found["b"]
    assert len(set(found.values())) == 4
    assert code_hash(modules["a"], modules["c"]) != code_hash(modules["a"], modules["d"])


def small_sweep(folder, **options):
    generator = torch.Generator().manual_seed(0)
    x, slopes = (torch.randn(40, 1, 16, dtype=torch.float64, generator=generator) for _ in "ab")
    return sweep(
        x, gradients=slopes, start="db3", lams=[0.001, 0.01], gammas=[0.0, 0.1, 0.5, 1.0],
        seeds=[1, 2, 3], level=2, epochs=4, batch_size=7, ledger=folder, seeds_per_batch=2,
        **options,
    )  # fmt: skip


def test_a_sweep_from_its_ledger_has_the_same_bits(tmp_path):
    fresh = small_sweep(None)
    first, again = small_sweep(tmp_path), small_sweep(tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 8  # 2 batches of chains, 4 values of γ
    assert torch.equal(first.h, fresh.h)
    assert torch.equal(again.h, fresh.h)
    assert torch.equal(again.loss, fresh.loss)


def test_another_code_computes_its_own_pieces(tmp_path, monkeypatch):
    small_sweep(tmp_path)
    monkeypatch.setattr(sweep_module, "code_hash", lambda *modules: "another")
    small_sweep(tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 16


def test_an_executor_changes_nothing(tmp_path):
    with ThreadPoolExecutor(2) as executor:
        told = []
        spread = small_sweep(tmp_path, executor=executor, progress=lambda *a: told.append(a))
    assert torch.equal(spread.h, small_sweep(None).h)
    assert told[-1] == (24, 24)


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import awdlib.store as store
    from test_ledger import small_sweep
    left, part = int(sys.argv[3]), float(sys.argv[4])  # whole writes before the one it dies in
    whole = store.Path.write_bytes
    def dying(path, data):
        global left
        left -= 1
        if left == -1:
            whole(path, data[: int(part * len(data))])
            os.kill(os.getpid(), signal.SIGKILL)
        whole(path, data)
    store.Path.write_bytes = dying
    print("ready", flush=True)
    small_sweep(Path(sys.argv[1]))
    """
)
SEED_OF_THE_MOMENTS = 20260


def test_killed_at_ten_moments_it_resumes_and_ends_with_the_same_bits(tmp_path):
    began = time.perf_counter()
    expected = small_sweep(None)
    tenth = (time.perf_counter() - began) / 10  # so that a fast machine does not finish at once
    rng = np.random.default_rng(SEED_OF_THE_MOMENTS)
    here, partials, kills = os.path.dirname(__file__), 0, 0
    for in_a_write in [True, False] * 5:
        writes, part = (rng.integers(2), rng.uniform()) if in_a_write else (99, 1)
        worker = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), here, str(writes), str(part)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdout.readline() == "ready\n"
        if not in_a_write:
            time.sleep(rng.uniform(0.0, tenth))
            worker.send_signal(signal.SIGKILL)
        worker.stdout.close()
        kills += worker.wait() == -signal.SIGKILL
        partials = max(partials, len(list(tmp_path.glob(".*.partial"))))
    assert partials >= 2  # some fell into a write
    assert kills >= 5  # others may have come after the end
    resumed = small_sweep(tmp_path)
    assert torch.equal(resumed.h, expected.h)
    assert torch.equal(resumed.loss, expected.loss)


def halves(value):
    if value < 0:
        raise ValueError("negative")
    return {"a": np.array([value / 2])}


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor])
def test_gathered_pieces_come_in_their_order_and_are_kept(tmp_path, pool):
    tasks, seen = [({"k": k}, (float(k),)) for k in (3, 1, 2)], []
    Ledger(tmp_path, {}).piece({"k": 1}, lambda: {"a": np.array([9.0])})  # there already
    for _ in range(2):
        book = Ledger(tmp_path, {})
        found = gather(book, tasks, halves, executor=pool(2) if pool else None,
                       progress=lambda done, total: seen.append((done, total)))  # fmt: skip
        assert [piece["a"][0] for piece in found] == [1.5, 9.0, 1.0]
    assert (book.found, book.computed) == (3, 0)
    assert seen == [(2, 3), (3, 3)]
    assert [piece["a"][0] for piece in gather(None, tasks, halves)] == [1.5, 0.5, 1.0]


@pytest.mark.parametrize("pool", [None, ThreadPoolExecutor])
def test_what_was_gathered_before_a_failure_is_kept(tmp_path, pool):
    tasks = [({"k": k}, (float(k),)) for k in (1, 2, -3)]
    with pytest.raises(ValueError, match="negative"):
        gather(Ledger(tmp_path, {}), tasks, halves, executor=pool(1) if pool else None)
    book = Ledger(tmp_path, {})
    assert book.find({"k": 1})["a"][0] == 0.5
