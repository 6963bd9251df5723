"""What a run of the cosmology experiment stores: the numbers and the arrays of its page."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from awdlib import dwt, metrics, paper, peaks
from awdlib.datasets.cosmology import lognormal, matter, planes, simulated
from awdlib.datasets.cosmology.background import COSMOLOGIES
from awdlib.lensing import activations, artefact, claims, counts, fidelity, table
from awdlib.lensing.comparing import Compared, chosen_filters, places
from awdlib.lensing.looking import Exposed, Looked
from awdlib.lensing.setup import BELIEVABLE, LEVEL, PAPERS_WIDTH, TARGET, Split
from awdlib.lensing.study import Examined, Study
from awdlib.lensing.teacher import Trained
from awdlib.networks import count_parameters
from awdlib.sweep import Sweep

NO_ROW = dict.fromkeys(("rmse", "rmse_sd", "low", "high", "compression", "compression_m_nu"))
D1 = ("awd", "laplace", "roberts", "height")  # panels of Fig. D1
SHOWN = 4  # its cosmologies
SMOOTHED_AT = 5200  # a multipole


def quantities(
    study: Study,
    maps: Split,
    compared: Compared,
    shares: Mapping[str, Mapping[str, np.ndarray]],
    looked: Looked,
) -> dict[str, Any]:
    """The quantities of all claims: none on lognormal shells, none about Table 2 where few maps
    trained the counts, none about ResNet-18 where the network is another."""
    chosen, size = chosen_filters(compared), study.size
    if maps.train.source == simulated.SOURCES["shells"]:  # no result rests on them
        return {key: metrics.ABSENT for key in claims.expected()}
    made: dict[str, Any] = claims.of_filters(chosen["awd"], looked.matched)
    ratios = looked.ratios["awd", "integrated_gradients"]["both"]
    made["activation_ratio"] = claims.of_activations(ratios)
    if size.train >= BELIEVABLE:
        made |= table.differences(compared.judged)
        made["lower_compression"] = claims.lower_compression(
            shares["awd"]["omega_m"], shares["db5"]["omega_m"]
        )
    if size.width == PAPERS_WIDTH:
        made["resnet_r2"] = claims.resnet_r2(compared.predictions["resnet"], maps.test)
    return {key: metrics.ABSENT for key in claims.expected()} | made


def filters_of(compared: Compared, looked: Looked) -> dict[str, dict[str, float]]:
    """Symmetry and likeness to the matched filter of the chosen filters' first members."""
    found = {}
    for name, h in chosen_filters(compared).items():
        first = torch.from_numpy(h[:1])
        found[name] = {
            "symmetry": float(activations.symmetry(first)[0]),
            "matched": float(activations.likeness(first, looked.matched)[0]),
            "share": float(activations.share_in_window(first)[0]),
        }
    return found


def examined_of(examined: Mapping[str, Mapping[int, Examined]]) -> dict[str, Any]:
    """The numbers of the fidelity section, by kind and row of Table D1."""
    return {
        kind: {f"c{c + 1:02}": one.numbers for c, one in mine.items()}
        for kind, mine in examined.items()
    }


def coefficients_of(size: tuple[int, int], taps: int) -> dict[str, int]:
    """Size of the two-dimensional filters, coefficients of a map, and how many Fig. D2 keeps."""
    h = torch.zeros(taps).double()
    bands = dwt.flatten_coeffs(dwt.wavedec2(torch.zeros(1, 1, *size).double(), h, level=LEVEL))
    return {
        "filter_size": taps,
        "coefficients": sum(b.numel() for b in bands),
        "kept": activations.KEPT,
    }


def simulators_of(recipe: simulated.Recipe) -> dict[str, Any]:
    """What the text says of how maps are simulated."""
    box, fiducial = recipe.box, COSMOLOGIES[0]
    return {
        "particles": box.particles**3, "side": box.side, "cell": box.side / box.mesh,
        "crossings": len(planes.slabs(fiducial, box.side)[0]),
        "shells": lognormal.SHELLS, "smoothing": matter.PLANE_SMOOTHING,
        "smoothed_at": SMOOTHED_AT,
        "left": fidelity.left_by_smoothing(SMOOTHED_AT, fiducial),
    }  # fmt: skip


def numbers_of(
    study: Study,
    maps: Split,
    examined: Mapping[str, Mapping[int, Examined]],
    trained: Trained,
    swept: Sweep,
    compared: Mapping[bool, Compared],
    shares: Mapping[str, Mapping[str, np.ndarray]],
    looked: Looked,
    exposed: Exposed,
) -> dict[str, Any]:
    """All numbers of the page, nested."""
    size, main = study.size, compared[maps.shared_box]
    made = quantities(study, maps, main, shares, looked)
    plain = table.differences(main.judged)
    other = compared.get(True) if not maps.shared_box else None
    chosen = places(swept, main.picked["awd"])
    return {
        "data": {
            "source": maps.train.source, "n_train": size.train, "n_select": len(maps.select),
            "n_test": len(maps.test), "n_train_all": len(maps.train),
            "pixels": maps.train.size[0], **coefficients_of(maps.train.size, swept.h.shape[-1]),
            "cosmologies": len(np.unique(maps.train.cosmology)), "shared_box": maps.shared_box,
            "believable": size.train >= BELIEVABLE,
        },
        "size": {
            "lams": len(swept.lams), "gammas": len(swept.gammas), "seeds": len(swept.seeds),
            "budget": size.budget, "draws": size.draws, "epochs": size.awd_epochs,
            "awd_maps": size.awd_maps, "batch": size.awd_batch, "bootstrap": size.bootstrap,
        },
        "fidelity": examined_of(examined),
        "simulators": simulators_of(size.recipe),
        "teacher": {
            "width": size.width, "epochs": len(trained.curve),
            "parameters": count_parameters(trained.model), "select_rmse": trained.curve.min(),
        },
        "table2": table.rows(main.judged, shares),
        "shared": table.rows(other.judged, {}) if other else {n: dict(NO_ROW) for n in table.ROWS},
        "claims": made,
        "words": {
            key: metrics.in_words(plain.get(key), more="worse than", less="better than")
            for key in claims.expected()
        },
        "chosen": {
            "places": chosen,
            "settings": ", ".join(f"({c['lam']:.2g}, {c['gamma']:.2g})" for c in chosen),
            "without_network": sum(c["gamma"] == 0 for c in chosen),
        },
        "filters": filters_of(main, looked),
        "activation": {
            f"{name}_{method}": {key: float(np.mean(values)) for key, values in one.items()}
            for (name, method), one in looked.ratios.items()
        },
        "artefact": exposed.numbers,
    }  # fmt: skip


def arrays_of(
    study: Study,
    maps: Split,
    examined: Mapping[str, Mapping[int, Examined]],
    trained: Trained,
    swept: Sweep,
    compared: Compared,
    looked: Looked,
    exposed: Exposed,
) -> dict[str, np.ndarray]:
    """All arrays of the page."""
    arrays: dict[str, np.ndarray] = {
        "h": swept.h.cpu().numpy(), "lams": swept.lams, "gammas": swept.gammas,
        "matched": looked.matched.numpy(),
        **{f"filters_{name}": h for name, h in chosen_filters(compared).items()},
        **{f"activation_{name}": one.astype(np.float16) for name, one in looked.examples.items()},
        "rows": looked.rows,
    }  # fmt: skip
    arrays |= {f"artefact_{n}": one.astype(np.float16) for n, one in exposed.examples.items()}
    for kind, mine in examined.items():
        for c, one in mine.items():
            arrays[f"density_{kind}_{c + 1}"] = one.density
            arrays |= {f"{n}_{kind}_{c + 1}": values for n, values in one.histograms.items()}
    for name in D1:
        statistic, mean = _mean_histograms(maps, compared, name)
        arrays[f"d1_{name}"] = mean
        arrays[f"d1_edges_{name}"] = np.linspace(*statistic.range, peaks.BINS + 1)
    return arrays | {"curve": trained.curve}


def _mean_histograms(
    maps: Split, compared: Compared, name: str
) -> tuple[counts.Statistic, np.ndarray]:
    """Mean histograms of the training maps of the first cosmologies, (cosmologies, bins).

    A wavelet's four filters are counted together.
    """
    one, train = compared.picked[name], maps.train
    shown = list(dict.fromkeys(train.cosmology.tolist()))[:SHOWN]
    means = [one.train[0][train.cosmology == c].mean(0) for c in shown]
    return one.statistics[0], np.stack(means).reshape(len(shown), -1, peaks.BINS).sum(1)


def shown_cosmologies(maps: Split) -> list[str]:
    """Omega_m of the cosmologies of `arrays_of`'s mean histograms."""
    train = maps.train
    shown = list(dict.fromkeys(train.cosmology.tolist()))[:SHOWN]
    return [f"{train.parameters[train.cosmology == c][0, TARGET]:.3f}" for c in shown]


MIDDLES = (fidelity.VALUES[1:] + fidelity.VALUES[:-1]) / 2
BANDS = np.sqrt(fidelity.BANDS[1:] * fidelity.BANDS[:-1])  # middles, for drawing
FRAME = (artefact.CORNER, artefact.SIDE)  # of the planted artefact


def printed_fidelity(res: Any, real: Mapping[str, torch.Tensor]) -> Any:
    """The likeness section's numbers as text, a pandas.DataFrame: a row a kind and cosmology.

    Parameters
    ----------
    res : awdlib.results.Results
        Of the chapter.
    real : mapping of label to Tensor
        Real maps, see `fidelity.real_maps`: a row each.
    """
    import pandas as pd

    rows = []
    for kind, mine in res["fidelity"].items():
        for name, one in sorted(mine.items()):
            power = np.array(one["power"])[1:-1]  # the first and last bands hold few waves
            row = {
                "maps": f"{LABELS[kind]}, no. {int(name[1:])}", "number": one["maps"],
                "power / theory": f"{power.min():.2f}–{power.max():.2f}",
                **_moments(one["moments"]),
            }  # fmt: skip
            for statistic, both in one["misfits"].items():
                row[f"{statistic}: misfit, total"] = f"{both['misfit']:.2f}, {both['total']:.2f}"
            rows.append(row)
    for label, one in real.items():
        side = one.shape[-1]
        moments = fidelity.moments(one)
        moments["peaks"] *= (256 / side) ** 2
        rows.append({"maps": f"{label}, {side} pixels", "number": 1, **_moments(moments)})
    return pd.DataFrame(rows).set_index("maps").rename_axis(None).fillna("—")


LABELS = {"mesh": "particle mesh", "shells": "lognormal shells"}


def _moments(moments: Mapping[str, float]) -> dict[str, str]:
    return {key: f"{moments[key]:{form}}" for key, form in MOMENTS.items()}


def cosmologies() -> Any:
    """Table D1 as text, a pandas.DataFrame."""
    frame = paper.cosmologies()
    shown = {"m_ν (eV)": ".5f", "Ω_m": ".4f", "10⁹ A_s": ".4f"}
    frame.columns = list(shown)
    return frame.apply(lambda column: column.map(f"{{:{shown[column.name]}}}".format))


MOMENTS = {"sd": ".4f", "skewness": ".2f", "kurtosis": ".1f", "peaks": ".0f"}


def printed_table2(frame: Any) -> Any:
    """`table.table2` as text for a page, a pandas.DataFrame indexed by model."""
    import pandas as pd

    def text(value: Any, form: str) -> str:
        return "—" if pd.isna(value) else f"{value:{form}}"

    rows = []
    for name in dict.fromkeys(frame["name"]):
        both = {bool(r["shared_box"]): r for r in frame[frame["name"] == name].to_dict("records")}
        main = both[min(both)]
        row = {
            "model": main["model"], "RMSE (sd)": f"{main['rmse']:.4f} ({main['rmse_sd']:.4f})",
            "95 %": f"{main['low']:.4f}–{main['high']:.4f}",
            "paper": text(main["rmse_paper"], ".4f"),
            "compression": text(main["compression"], ".3f"),
            "by m_ν": text(main["compression_m_nu"], ".3f"),
            "paper ": text(main["compression_paper"], ".3f"),
        }  # fmt: skip
        if len(both) > 1:
            row["RMSE, shared box"] = f"{both[True]['rmse']:.4f} ({both[True]['rmse_sd']:.4f})"
        rows.append(row)
    return pd.DataFrame(rows).set_index("model").rename_axis(None)
