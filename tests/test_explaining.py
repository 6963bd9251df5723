"""The experiment with mask explanations: what is judged was not seen, every number has its row."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from awdlib import dwt, filters, paper
from awdlib.explaining import judging, own, printed, record, setup, study, teachers
from awdlib.explaining.setup import WAYS, Study
from awdlib.explaining.study import Masks
from awdlib.masks import evaluate

TINY = replace(
    setup.SIZES["smoke"], train=60, held=20, epochs=1, tested=30, tuning=1, images=2, steps=2,
    photographs=2, published=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def work() -> Study:
    return Study(TINY)


@pytest.fixture(scope="module")
def taught(work):
    return teachers.teach(work)


@pytest.fixture(scope="module")
def masks(work, taught):
    chosen = {(k, n): WAYS[n].lams[0] for k in record.NETWORKS for n in WAYS}
    return study.explain_judged(work, taught, study.judged_images(TINY).x, chosen)


@pytest.fixture(scope="module")
def judged(work, taught, masks):
    return judging.judge_all(work, taught, masks)


def test_networks_learn_their_own_labels_on_images_of_their_own():
    seeds = [teachers.TRAINING, teachers.HELD, teachers.TESTING, teachers.TUNING, teachers.JUDGED]
    assert len(set(seeds)) == 5
    x, y = teachers.examples("texture", 4, 0, torch.float64)
    same, shape = teachers.examples("shape", 4, 0, torch.float64)
    assert torch.equal(x, same)
    assert not torch.equal(y, shape)
    assert x.dtype == torch.float64


def test_a_networks_weights_survive_the_ledger(tmp_path):
    kept = Study(TINY, ledger=tmp_path)
    first, again = teachers.teach(kept), teachers.teach(kept)
    x = torch.rand(2, 3, 64, 64).double()
    for kind, one in first.items():
        assert torch.equal(one.network(x), again[kind].network(x))
        assert one.accuracy == again[kind].accuracy
        assert not one.network.training


def test_the_last_lambda_before_the_answer_is_lost_is_chosen(work, taught, monkeypatch):
    def explained(study, teachers, x, wanted, settings, what):
        assert len(x) == TINY.tuning
        return {
            pair: Masks(
                torch.zeros(0), np.array([[0.0], [0.005], [0.009], [0.2], [0.005], [1.0]]), 0
            )
            if pair[1] == "wavelet"
            else Masks(torch.zeros(0), np.ones((6, 1)), 0)
            for pair in wanted
        }

    monkeypatch.setattr(study, "explain_all", explained)
    chosen = study.tune(work, taught)
    assert chosen["shape", "wavelet"] == WAYS["wavelet"].lams[2]
    assert chosen["texture", "pixel"] == WAYS["pixel"].lams[0]


def test_pieces_do_not_depend_on_how_many_images_there_are(work, taught, masks, monkeypatch):
    monkeypatch.setattr(study, "TOGETHER", 1)
    x = study.judged_images(TINY).x
    pair = ("shape", "wavelet")
    apart = study.explain_all(
        work, taught, x, {pair: [WAYS["wavelet"].lams[0]]}, study.settings_of(TINY), "alone"
    )[pair]
    torch.testing.assert_close(apart.mask, masks[pair].mask)


def test_every_method_is_judged_on_every_score(judged):
    for methods in judged.values():
        assert list(methods) == list(judging.LABELS)
        for one in methods.values():
            assert set(one.scores) == {*judging.AREAS, *judging.PICTURES}
            for values in one.scores.values():
                assert values.shape == (TINY.images,)
                assert np.isfinite(values).all()
            assert one.curves.restored.shape == (len(evaluate.SHARES), TINY.images)
    frame = record.table_of_methods(judged)
    assert len(frame) == 2 * len(judging.LABELS)
    assert (frame["restored_low"] <= frame["restored"]).all()
    assert (frame["restored"] <= frame["restored_high"]).all()
    shown = printed.curves(frame, "shape")
    assert len(shown) == len(judging.LABELS)
    order = frame[frame["network"] == "shape"].sort_values("restored")["label"]
    assert list(shown.index) == list(order)
    both = [printed.pictures(frame, kind) for kind in record.NETWORKS]
    assert [len(one) for one in both] == [len(judging.LABELS)] * 2
    assert not both[0].equals(both[1])
    twice = frame.assign(restored=2 * frame["restored"])
    beside = printed.side_by_side(frame, twice, "restored")
    assert beside["shape network, this page"].to_dict() == shown["restored"].to_dict()
    double = printed.curves(twice, "texture")["restored"].to_dict()
    assert beside["texture network, paper profile"].to_dict() == double
    assert list(beside.index) == list(order)


def test_every_claim_has_its_quantity(work, taught, judged):
    over = study.over_lambda(work, taught)
    made = record.claims_of(judged, over, record.energies())
    assert set(paper.quantities("masks")) <= set(made)
    less = [m["wavelet"].scores["roughness"] - m["pixel"].scores["roughness"]
            for m in judged.values()]  # fmt: skip
    assert made["roughness"]["n"] == TINY.images  # images, not images times networks
    assert made["roughness"]["estimate"] == pytest.approx(np.mean(less))
    for methods in judged.values():  # the rule holds on both networks, against any rival
        for name in record.PUBLISHED_RIVALS:
            gap = methods["wavelet"].scores["restored"] - methods[name].scores["restored"]
            assert made["rate_distortion"]["estimate"] >= gap.mean() - 1e-12
    one = over["photograph", "wavelet"]
    sizes = one.mask.double().mean((1, 2)).diff()
    assert made["sparser_with_lambda"]["estimate"] == pytest.approx(float(sizes.max()))
    assert made["compaction"]["low"] > 0.1
    for name, made_of in (("compaction", "photographs"), ("sparser_with_lambda", "photographs"),
                          ("roughness", "images")):  # fmt: skip
        assert made[name]["kind"] == f"95 %, {made_of}"
    assert made["rate_distortion"]["n"] == TINY.images
    frame = record.table_of_lambda(over)
    assert len(frame) == 12
    arrays = record.widget_arrays(taught, study.judged_images(TINY), study.photographs(TINY), over)
    assert arrays["lambda_wavelet"].shape == (6, 2, 64, 64)
    assert arrays["lambda_wavelet"].dtype == np.uint8
    for kind in ("wavelet", "pixel"):
        assert (arrays[f"kept_{kind}"] <= 1).all()


def test_published_settings_are_held_against_fast_ones(work, taught, masks, monkeypatch):
    monkeypatch.setitem(study.optimise.PUBLISHED, "steps", 3)
    monkeypatch.setitem(study.optimise.PUBLISHED, "samples", 2)
    chosen = {pair: WAYS[pair[1]].lams[0] for pair in masks}
    slow = study.explain_slowly(work, taught, study.judged_images(TINY).x, chosen)
    assert list(slow) == [("shape", "wavelet"), ("shape", "pixel")]
    frame = record.table_of_settings(masks, slow, chosen)
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 2
    assert frame["correlation"].between(-1, 1).all()
    shown = printed.settings(frame)
    assert list(shown.index) == ["wavelet mask", "pixel mask"]
    assert shown["mean mask, published"].iloc[0] == f"{frame['mask_published'].iloc[0]:.2f}"
    assert study.explain_slowly(Study(replace(TINY, published=0)), taught, slow, chosen) == {}


def test_pictures_are_the_first_images_under_their_masks(masks):
    drawn = study.judged_images(TINY)
    found = record.pictures_of(drawn, masks)
    assert set(found) == set(record.shown_labels())
    full = {pair: replace(one, mask=torch.ones_like(one.mask)) for pair, one in masks.items()}
    whole = record.pictures_of(drawn, full)
    torch.testing.assert_close(
        whole["shown_shape_wavelet"].float(), drawn.x.mean(1), atol=1e-4, rtol=0
    )
    assert len(record.titles_of(drawn)) == TINY.images


class OneCoefficient(torch.nn.Module):
    """Answers with one wavelet coefficient of DB5, whose atom is not cut by the edges."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1, time) to (batch,)."""
        return dwt.wavedec(x, filters.lowpass("db5").to(x), level=own.LEVEL)[-1][:, 0, 12]


def test_the_wavelet_that_a_network_uses_has_the_lower_curve():
    x = torch.randn(12, 1, 40, generator=torch.Generator().manual_seed(0)).double().cumsum(-1)
    work = Study(replace(TINY, steps=60, samples=8, lr=0.05, random_wavelets=2))
    h = filters.lowpass("sym5")
    spread = float(OneCoefficient()(x).std())
    found = own.compare(work, OneCoefficient(), h, x, target=0, spread=spread, what="tracks")
    assert set(found.areas) == set(own.LABELS)
    for other in ("awd", "random", "samples"):
        assert found.areas["db5"].mean() < 0.5 * found.areas[other].mean(), other
    told = record.own_of(found, "simulated")
    assert told["words"]["db5"] == "larger than"
    assert told["awd"]["kind"] == told["awd_minus_db5"]["kind"] == "95 %, tracks"
    assert told["awd"]["n"] == told["n"] == 12
    assert told["awd_minus_db5"]["estimate"] == pytest.approx(
        told["awd"]["estimate"] - told["db5"]["estimate"]
    )
    assert found.curves["db5"][-1] == pytest.approx(0, abs=1e-9)
