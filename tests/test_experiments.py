"""What experiments share: the device they pick, and studies that keep and hand out pieces."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from awdlib import experiments, filters, metrics
from awdlib.experiments import Profile, Study

# --- devices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_smoke_stays_on_the_cpu(monkeypatch, there):
    monkeypatch.setattr("torch.cuda.is_available", lambda: there)
    best = "cuda" if there else "cpu"
    found = [experiments.pick_device("auto", p) for p in ("smoke", "laptop", "paper")]
    assert found == ["cpu", best, best]
    assert experiments.pick_device("cuda", "smoke") == "cuda"
    assert experiments.pick_device("cpu", "paper") == "cpu"


# --- studies -------------------------------------------------------------------------------------


def doubled(value):
    return {"twice": np.array(2 * value)}


def test_a_study_keeps_its_pieces_by_work_code_type_and_config(tmp_path):
    kept = Study(Profile(), tmp_path)
    tasks = [({"k": k}, (k,)) for k in range(3)]

    def run(study=kept, work="doubling", code=(metrics,), **config):
        found = study.gather(work, tasks, doubled, code=code, **config)
        assert [int(piece["twice"]) for piece in found] == [0, 2, 4]
        return len(list(tmp_path.iterdir()))

    assert run(Study(Profile())) == 0
    assert run() == run() == run(what="other words") == 3
    assert run(work="other") == 6
    assert run(code=(metrics, filters)) == 9
    assert run(scales=2) == 12
    assert run(Study(Profile(dtype=torch.float64), tmp_path)) == 15


def test_a_study_hands_pieces_to_its_executor():
    class Counting(ThreadPoolExecutor):
        given = 0

        def submit(self, *args):
            self.given += 1
            return super().submit(*args)

    with Counting(1) as executor:
        study = Study(Profile(), executor=executor)
        study.gather("doubling", [({"k": k}, (k,)) for k in range(3)], doubled, code=())
        assert executor.given == 3
