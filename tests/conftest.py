"""What every test stands on: fixed seeds, no global state left behind, results out of the way."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import matplotlib
import pytest
import torch

TOY = Path(__file__).parent / "toy_chapter.txt"


def pytest_configure(config):
    """Set what nbval's kernels inherit, before any of them starts."""
    os.environ["AWD_RUNS_DIR"] = tempfile.mkdtemp(prefix="awd-runs-")
    config.add_cleanup(lambda: shutil.rmtree(os.environ["AWD_RUNS_DIR"], ignore_errors=True))
    if os.environ.get("AWD_DATA_DIR"):
        os.environ["AWD_DATA_DIR"] = os.path.abspath(os.environ["AWD_DATA_DIR"])
    os.environ.pop("MPLBACKEND", None)  # a kernel must draw into its notebook
    matplotlib.use("Agg")


def _torch_state():
    return {
        "default dtype": torch.get_default_dtype(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "TF32": torch.backends.cuda.matmul.allow_tf32,
    }


@pytest.fixture(autouse=True)
def _fixed_seed_and_no_trace():
    """Seed torch, and fail a test that changes what the next one would compute with."""
    torch.manual_seed(0)
    before = _torch_state()
    yield
    after = _torch_state()
    changed = [name for name in before if before[name] != after[name]]
    if changed:  # put it back, so that one test is blamed and not all after it
        torch.set_default_dtype(before["default dtype"])
        torch.use_deterministic_algorithms(before["deterministic algorithms"])
        torch.set_num_threads(before["threads"])
        torch.set_grad_enabled(before["gradients"])
        torch.backends.cuda.matmul.allow_tf32 = before["TF32"]
    assert not changed, f"the test changed torch's {', '.join(changed)}"


@pytest.fixture
def toy_root(tmp_path, monkeypatch):
    """A repository in miniature: two toy chapters, results of their own, nothing else."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00_toy", "01_other"):
        text = TOY.read_text().replace("toy", name[3:])
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("AWD_ROOT", str(tmp_path))
    monkeypatch.setenv("AWD_RUNS_DIR", str(tmp_path / "data" / "runs"))
    return tmp_path
