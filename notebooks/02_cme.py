# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Predict a molecular partner: AWD on clathrin tracks
#
# ```{provenance} cme
# ```
#
# Can an LSTM that reads a fluorescence trace be replaced by one adaptive wavelet and a linear model of 30 coefficients, and do *better*? The paper says so (Sec. 4.2, Table 1). This chapter asks the same of {val}`cme:data.source` tracks, and then what the paper does not ask: better than *what*?
#
# ```{admonition} In short
# :class: important
# On {val}`cme:data.n_test` test tracks the wavelet distilled from the LSTM ({val}`cme:main.teacher`) reaches R² **{val}`cme:main.r2:.3f`**. That is *{val}`cme:words.db5`* DB5, where it started ({val}`cme:table1.db5.r2:.3f`), *{val}`cme:words.lstm`* the network that it was distilled from ({val}`cme:main.lstm_r2:.3f`), and *{val}`cme:words.random_best`* the best of {val}`cme:budget` **random** orthonormal wavelets, as many as AWD's fits and chosen by the same cross-validation ({val}`cme:table1.random_best.r2:.3f`). A random wavelet chosen by nothing reaches {val}`cme:table1.random_any.r2:.3f`: {val}`cme:random.share_above_awd:.0%` of them predict better than AWD, {val}`cme:random.share_above_db5:.0%` better than DB5.
# ```

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"
data: str = "auto"
device: str = "auto"
drop_hotspots: bool = False  # leave out tracks with several separate auxilin bursts

# %% tags=["remove-cell"]
import numpy as np
import pandas as pd
import torch

from awdlib import animation, clathrin, drawings, experiments, filters, plots, reading_plots, results, threads
from awdlib import wavelet_plots as figures
from awdlib.datasets import cme
from awdlib.datasets.tracks import auxilin_seen

size = clathrin.SIZES[profile]

# %% [markdown]
# ## The data
#
# A cell takes up material through pits coated with clathrin. When a pit closes, auxilin comes to take the coat apart: its signal tells that the event succeeded. The input is the clathrin amplitude of one track, resampled to 40 values; the target is the track's mean auxilin amplitude, which no model sees. Both are standardised cell by cell. Cells 1 to 6 train ({val}`cme:data.n_train` tracks), cells 7 and 8 test ({val}`cme:data.n_test`). Where this page tells *successful* from *abortive* events, successful means that auxilin stands out from the background in at least three consecutive frames: {val}`cme:data.share_seen:.0%` of the tracks.

# %% tags=["remove-cell"]
tracks = cme.get_tracks("simulated" if profile == "smoke" else data, seed=0, n=size.tracks, drop_hotspots=drop_hotspots)
device = experiments.pick_device(device, profile)
signals = clathrin.signals_of(tracks, device=device, dtype=size.dtype)
run = results.start(
    "cme",
    profile,
    source=tracks.source,
    device=device,
    seeds=size.seeds,
    parameters={"profile": profile, "data": data, "device": device, "drop_hotspots": drop_hotspots, **size.as_dict()},
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-tracks", "caption": "Example tracks ({val}`cme:data.source` data; the counterpart of the paper's Fig. C1): three successful events above, three abortive ones below. Picked by lifetime, the same above and below, and not by their looks."}}
seen = auxilin_seen(tracks.significant)
lifetimes = np.quantile(tracks.lifetime_s, [0.35, 0.6, 0.8])
groups = [np.flatnonzero(mask) for mask in (seen, ~seen)]
examples = [group[np.abs(tracks.lifetime_s[group] - s).argmin()] for group in groups for s in lifetimes]
fig = plots.tracks([plots.track_example(tracks, i) for i in examples], unit=f"amplitude\n({tracks.source}, counts)")
plots.show(
    fig,
    alt=f"Six {tracks.source} tracks against time. Upper row: clathrin and auxilin of three successful events. Lower row: three abortive ones of the same lifetimes.",
)

# %% [markdown]
# ```{note}
# **A sister set.** The real tracks here are not the paper's. They are probably the EGFP-GAK cells of the same study {cite:p}`he2020dynamics`, in another tracking: on that set the authors report R² {val}`cme:published.lstm_sister_set:.3f` for the same LSTM weights that score {val}`cme:published.lstm:.3f` in Table 1. So the *order* of the rows can be compared with the paper, their size only loosely. Where no real tracks can be had, simulated ones stand in and every caption says so; an [appendix](../notebooks/09_simulator.ipynb) holds them against real ones and says how results differ.
# ```
#
# ## What was done
#
# 1. **A network is asked once.** The teacher is an LSTM that reads 40 steps of one value with 20 hidden units. Where tracks are real, *the authors' own* network is distilled, untouched; it was fitted to the training cells of several experiments. Everywhere, LSTMs *trained here* are distilled, on cells 1 to 5 and stopped early on cell 6, one for each seed; and, at the published setting only, the other LSTM that App. C describes, "of input 40 and hidden size 40", which reads a track in one step. AWD needs nothing of them but the gradient of the output at each training track ([why](../notebooks/00_background.ipynb)).
# 2. **The wavelet adapts.** From DB5, with J = 4 scales and zero boundary, its ten taps minimise Eq. 8 (Adam, 1e-3, batches of 100) for {val}`cme:size.epochs` epochs at each of {val}`cme:size.lams` values of λ and {val}`cme:size.gammas` of γ with {val}`cme:size.seeds` seeds, warm-started along λ at γ = 0 and then along γ. Published: 100 epochs, 5 × 21 values, 5 seeds. The column γ = 0 is "AWD without interpretation loss"; it needs no network.
# 3. **Thirty numbers predict.** The six largest coefficients of each of the five bands feed ordinary least squares. Five-fold cross-validation *on the training tracks* picks (λ, γ) seed by seed. Test tracks choose nothing.
# 4. **Controls** that the paper lacks: other wavelets; *random* orthonormal wavelets of ten taps, chosen from as many by the same rule; a wavelet whose angles maximise the cross-validated R², with no network; models without any wavelet.

# %% tags=["remove-cell"]
folder = None if profile == "smoke" else results.folder("cme", "run") / "ledger"
with threads.processes(1 if profile == "smoke" or device != "cpu" else None) as executor:
    study = clathrin.study.Study(tracks, signals, size, folder, executor, drop_hotspots)
    teachers = clathrin.study.teach(study)
    distilled = clathrin.study.distil(study, teachers)
    varied = clathrin.study.vary(study)
against = clathrin.study.control(study)

# %% tags=["remove-cell"]
compared = clathrin.study.compare(study, teachers, distilled, against, timed=profile != "smoke")
claims = clathrin.study.claim(study, distilled, compared)
readings, read, example = clathrin.study.read(study, distilled, against, teachers)
numbers = clathrin.record.numbers_of(study, distilled, against, compared, claims, varied)
res = run.save(
    numbers=numbers | {"reading": read, "example": example.numbers()},
    tables={"table1": clathrin.table.table1(compared.rows, compared.times, len(signals.y_test)), "sensitivity": varied},
    arrays=clathrin.record.arrays_of(distilled, against, compared, readings),
    files=tracks.files,
)
test, main = tracks.test, res["main.teacher"]

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-pipeline", "caption": "The pipeline on one {val}`cme:data.source` test track (the counterpart of the paper's Fig. 2B): the network's gradient adapts the wavelet; the track's largest coefficients in it, six a band, feed a linear model."}}
h = torch.from_numpy(res.arrays["h_awd"][0])
one = signals.x_test[example.index]
fig = drawings.pipeline(
    one[0].cpu().numpy(),
    teachers[f"lstm_{main}"].of(0)[1][example.index, 0].cpu().numpy(),
    clathrin.reading.bands_of(one.cpu(), h),
    {"DB5": clathrin.reading.psi_of(filters.lowpass("db5")), "AWD": clathrin.reading.psi_of(h)},
    ["cA4", "cD4", "cD3", "cD2", "cD1"],
)
plots.show(
    fig,
    alt="From left to right: a clathrin track, the LSTM and its gradient, the wavelet before and after adapting, the coefficients in five bands with the six largest marked, a linear model, the prediction.",
)

# %% [markdown]
# ## What came out
#
# Every row predicts the same {val}`cme:data.n_test` test tracks. Intervals are 95 % bootstrap intervals over these tracks and over the members of a row that has several: seeds, or groups of random wavelets.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-r2", "caption": "Test R² of every model ({val}`cme:data.source` tracks, cells 7 and 8, n = {val}`cme:data.n_test`), with 95 % bootstrap intervals. Blue: adapted wavelets. Vermilion: standard wavelets. Green: networks. Grey: controls, none of them in Table 1."}}
table = res.tables["table1"].dropna(subset=["r2_low"]).sort_values("r2", ascending=False)
table = table.assign(row=clathrin.table.labels(table))
family = {"awd": plots.AWD, "lst": plots.NETWORK, "db5": plots.STANDARD, "sym": plots.STANDARD, "haa": plots.STANDARD}
fig, ax = plots.figure(height=4.4)
colours = [family.get(name[:3], plots.CONTROL) for name in table["name"]]
plots.intervals(ax, table, estimate="r2", low="r2_low", high="r2_high", colours=colours)
ax.set_xlabel(f"R² on the test tracks ({tracks.source} data)")
plots.show(
    fig,
    alt="Test R² with 95 % intervals, best model first: "
    + "; ".join(f"{row} {r2:.3f}" for row, r2 in zip(table["row"], table["r2"], strict=True)),
)

# %% [markdown]
# **Table 1** on {val}`cme:data.source` tracks, the published numbers beside ours (—: not in the paper, not defined, or not timed). "sd" is the standard deviation over members, "of" their number. The compression factor counts a coefficient where both it and its attribution exceed .001; attributions are those of the row's teacher, and of the LSTM ({val}`cme:main.teacher`) in rows without one. "sd" of the random rows is over wavelets or groups of them. "Predict" is what the paper times: scikit-learn's linear regression on ready-made features; "end to end" includes transform and features; both for all test tracks at once. Parameters: taps that were fitted, coefficients, intercept.

# %% tags=["hide-input", "nbval-check-output"]
clathrin.table.printed_table1(res.tables["table1"])

# %% [markdown]
# Seconds of the LSTM over seconds of AWD: {val}`cme:claims.time_ratio.estimate:.0f` from ready-made features, {val}`cme:claims.time_ratio_end_to_end.estimate:.1f` end to end (– where nothing was timed).
#
# ### What is AWD's gain made of?
#
# AWD minus DB5 is {val}`cme:claims.main_minus_db5.estimate:.3f` ({val}`cme:claims.main_minus_db5.low:.3f` to {val}`cme:claims.main_minus_db5.high:.3f`). AWD does four things at once: it leaves DB5, it adapts to the tracks, it listens to a network, and it chooses the best of {val}`cme:budget` fits. So put something simpler in its place and see whether it falls behind. Differences of R² are paired (the same bootstrap samples of tracks for both sides), with 95 % intervals; "better" and "worse" only where the interval leaves 0 out.

# %% tags=["hide-input", "nbval-check-output"]
clathrin.claims.ladder(res)

# %% [markdown]
# Step by step, as differences of R²:
#
# - leaving DB5 for *any* random wavelet: {val}`cme:claims.random_any_minus_db5.estimate:.3f` ({val}`cme:claims.random_any_minus_db5.low:.3f` to {val}`cme:claims.random_any_minus_db5.high:.3f`);
# - choosing the best of {val}`cme:budget` random ones by cross-validation: {val}`cme:claims.random_best_minus_random_any.estimate:.3f` more ({val}`cme:claims.random_best_minus_random_any.low:.3f` to {val}`cme:claims.random_best_minus_random_any.high:.3f`);
# - adapting DB5 to the tracks without a network (γ = 0, the best of {val}`cme:size.lams` fits): {val}`cme:claims.no_interpretation_minus_db5.estimate:.3f` ({val}`cme:claims.no_interpretation_minus_db5.low:.3f` to {val}`cme:claims.no_interpretation_minus_db5.high:.3f`);
# - listening to the network as well, and choosing among {val}`cme:budget`: {val}`cme:claims.main_minus_no_interpretation.estimate:.3f` more ({val}`cme:claims.main_minus_no_interpretation.low:.3f` to {val}`cme:claims.main_minus_no_interpretation.high:.3f`).
#
# So AWD is *{val}`cme:words.random_any`* a random wavelet that nobody chose, and *{val}`cme:words.random_best`* the best of as many. The winner of the random groups is above AWD in {val}`cme:random.draws_above_awd` of {val}`cme:random.draws`. Of {val}`cme:random.count` single random wavelets the median is {val}`cme:random.median:.3f` and the middle 80 % lie between {val}`cme:random.r2_10:.3f` and {val}`cme:random.r2_90:.3f`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-controls", "caption": "Test R² of random orthonormal wavelets of ten taps, no network involved ({val}`cme:data.source` data), and where DB5, AWD and the mean winner of the same selection stand among them."}}
fig, ax = plots.figure(height=2.8)
marks = {
    "DB5": (res["table1.db5.r2"], plots.STANDARD),
    "AWD": (res["main.r2"], plots.AWD),
    "best of as many, mean": (res["table1.random_best.r2"], "black"),
}
plots.histogram(ax, res.arrays["random_r2"], label=f"R² on the test tracks ({tracks.source} data)", marks=marks)
plots.show(
    fig,
    alt="Histogram of the test R² of random orthonormal wavelets, with lines for DB5, for AWD, and for the best random wavelet by the same cross-validation.",
)

# %% [markdown]
# **Which teacher?** The wavelet distilled from LSTMs trained here reaches R² {val}`cme:table1.awd_ours.r2:.3f`, and those LSTMs themselves {val}`cme:table1.lstm_ours.r2:.3f` (sd {val}`cme:table1.lstm_ours.r2_sd:.3f` over {val}`cme:table1.lstm_ours.members` seeds); their difference is {val}`cme:claims.awd_ours_minus_lstm_ours.estimate:.3f` ({val}`cme:claims.awd_ours_minus_lstm_ours.low:.3f` to {val}`cme:claims.awd_ours_minus_lstm_ours.high:.3f`). With the authors' LSTM as teacher it is {val}`cme:table1.awd_authors.r2:.3f` against {val}`cme:table1.lstm_authors.r2:.3f` (– where tracks are simulated): compare what the better teacher does for the wavelet. The LSTM of App. C that reads a track in one step reaches {val}`cme:table1.lstm_40.r2:.3f`, the wavelet distilled from it {val}`cme:table1.awd_40.r2:.3f`.
#
# **Which setting?** Cross-validation picks (λ, γ) = {val}`cme:chosen.ours.settings` for LSTMs trained here, seed by seed, and {val}`cme:chosen.authors.settings` for the authors'. The paper's is (0.005, 0.043), "for one particular run"; at that setting the first seed of the main teacher scores {val}`cme:published_setting.r2:.3f`. Cross-validation does not ask whether a filter is still a wavelet: {val}`cme:chosen.ours.valid` of {val}`cme:chosen.ours.seeds` chosen filters are, and of the authors' {val}`cme:chosen.authors.valid` of {val}`cme:chosen.authors.seeds`. Had it chosen among wavelets only, R² would be {val}`cme:chosen.ours.r2_valid:.3f` and {val}`cme:chosen.authors.r2_valid:.3f`.
#
# ## The wavelets
#
# {numref}`fig-cme-adapting` shows DB5 becoming AWD's wavelet over the warm starts, fit by fit, to λ = {val}`cme:published_setting.lam:.3f` and γ = {val}`cme:published_setting.gamma:.3f`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-adapting", "caption": "A wavelet adapting to {val}`cme:data.source` tracks and to a network (the blog's Fig. 1): ψ from DB5 over the warm-started fits, along λ at γ = 0 and then along γ, to the published setting; first seed."}}
gif, still = animation.adapting(res.arrays["trajectory"], unit="fit")
animation.show(
    gif,
    still,
    alt="The wavelet ψ in steps of equal change, from DB5 at the start to the distilled wavelet at the end of the fit.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-grid", "caption": "ψ at every λ (downward) and γ (rightward) of the sweep from DB5 ({val}`cme:data.source` data, first seed; the counterpart of the paper's Fig. 4). Framed: what cross-validation picks, for all seeds. Grey: no longer a valid wavelet."}}
grid = clathrin.grid_of(res.arrays, main, "db5")
fig = figures.wavelet_grid(
    grid["h"][:, :, 0], grid["lams"], grid["gammas"], valid=grid["valid"][:, :, 0], chosen=np.argwhere(grid["chosen"])
)
plots.show(
    fig,
    alt="Grid of small wavelets, λ growing downward and γ rightward. They change from DB5's shape as γ grows; any that are no valid wavelets are grey; the chosen ones are framed.",
)

# %% [markdown]
# ```{widget} sweep
# ```
#
# A filter counts as a wavelet's if all five validity residuals are at most .01 and the infimum is above .01 ([background](../notebooks/00_background.ipynb)). So do {val}`cme:valid.share:.0%` of the {val}`cme:valid.fits` fits; the smallest γ with one that does not is {val}`cme:valid.first_failing_gamma:.2g`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-along", "caption": "Along γ, from DB5 ({val}`cme:data.source` data, medians over seeds, a line a λ): the five validity penalties, the distance of ψ from DB5's over its norm, and R² in cross-validation and on the test tracks."}}
away = clathrin.claims.distance_from_start(torch.from_numpy(grid["h"]), "db5")
panels = {"validity penalties": grid["penalty"], "distance from DB5": away}
panels |= {"cross-validated R²": grid["cv_r2"], "test R²": grid["r2"]}
panels = {title: np.median(values, -1) for title, values in panels.items()}
fig = figures.along_gamma(grid["gammas"], grid["lams"], panels, log=["validity penalties"])
plots.show(
    fig,
    alt="Four panels against γ, a line for each λ: the validity penalties on a logarithmic axis, the wavelet's distance from DB5, and R² in cross-validation and on test tracks.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-seeds", "caption": "Scaling function φ and wavelet ψ that cross-validation picks, a line a seed ({val}`cme:data.source` data; the counterpart of the paper's Fig. C2), and the distances between them. A seed decides the order of the training tracks; where the teacher was trained here, also the network."}}
chosen_h = res.arrays["h_awd"]
pairs = clathrin.claims.seed_distances(torch.from_numpy(chosen_h))
fig = figures.over_seeds(chosen_h, [f"seed {s}" for s in grid["seeds"]], pairs)
plots.show(
    fig,
    alt="Scaling functions on the left and wavelets on the right, one curve for each seed, with their pairwise distances.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-sym5", "caption": "The same grid from a Sym5 start ({val}`cme:data.source` data, first seed; the counterpart of the paper's Fig. C3)."}}
again = clathrin.grid_of(res.arrays, main, "sym5")
fig = figures.wavelet_grid(
    again["h"][:, :, 0],
    again["lams"],
    again["gammas"],
    valid=again["valid"][:, :, 0],
    chosen=np.argwhere(again["chosen"]),
    start="Sym5",
)
plots.show(
    fig,
    alt="Grid of small wavelets from a Sym5 start, λ growing downward and γ rightward; the chosen ones are framed, invalid ones grey.",
)

# %% [markdown]
# The distilled filter at the published setting, and how far it is from a wavelet's conditions ({val}`cme:data.source` tracks, first seed):

# %% tags=["hide-input", "nbval-check-output"]
print("lowpass filter distilled at the published setting:")
print(np.array2string(res.arrays["h_published"], precision=3, suppress_small=True))
pd.DataFrame({"residual": filters.validity(torch.from_numpy(res.arrays["h_published"])).as_dict()}).map(
    lambda v: f"{v:.0e}" if v < 0.1 else f"{v:.3f}"
)

# %% [markdown]
# ## What the model looks at
#
# The small model is a sum, so a prediction can be taken apart exactly: {val}`cme:example.intercept:.2f` (intercept), the three largest contributions, and {val}`cme:example.rest:.2f` from the other 27 make {val}`cme:example.prediction:.2f`. The paper shows three that dominate. Mind the rest, and the signs: neighbours in a sorted list of coefficients rise and fall together, so their weights are large, opposite and partly cancel. A single curve is not a cause.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-example", "caption": "One prediction taken apart (the counterpart of the paper's Fig. C4): a {val}`cme:data.source` test track, the three largest contributions as curves, and the sum. Picked by rank: nine in ten test tracks are predicted lower."}}
fig = reading_plots.contributions_figure(
    np.arange(signals.x_test.shape[-1]),
    one[0].cpu().numpy(),
    example.curves,
    example.names,
    example.values,
    intercept=example.intercept,
    rest=example.rest,
    prediction=example.prediction,
    truth=example.truth,
)
plots.show(
    fig,
    alt=f"A track, the curves of its three strongest coefficients, and bars: intercept {example.intercept:.2f}, three contributions, the rest {example.rest:.2f}, prediction {example.prediction:.2f}.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-abortive", "caption": "Mean of the 30 chosen coefficients of each {val}`cme:data.source` test track, where the model predicts more auxilin than for the middle track, and where less (C.3: abortive predictions have much smaller, or negative, coefficients)."}}
low = res.arrays["prediction"] < np.median(res.arrays["prediction"])
mean = res.arrays["mean_coefficient"]
fig = reading_plots.coefficient_distribution(
    {"predicted successful": mean[~low], "predicted abortive": mean[low]},
    label="mean of a track's 30 chosen coefficients",
)
plots.show(
    fig,
    alt="Two distributions of mean coefficients, of tracks predicted successful and of tracks predicted abortive, their medians marked.",
)

# %% [markdown]
# ### Slow build-up, then sharp drop?
#
# The paper reads the wavelet as a detector of "a large buildup in clathrin fluorescence followed by a sharp drop". That can be measured. Tracks shorter than 40 s are padded with zeros, which is a sharp drop that no cell made; so this looks only at the {val}`cme:reading.whole_share:.0%` of test tracks without padding. First, align each test track on the place of its largest coefficient (in the detail band that moves predictions most) and average. In {val}`cme:reading.aligned.awd.n` successful tracks that reach far enough, clathrin rises by {val}`cme:reading.aligned.awd.rise:.2f` ± {val}`cme:reading.aligned.awd.rise_error:.2f` standard deviations in the ten samples before AWD's place and falls by {val}`cme:reading.aligned.awd.fall:.2f` ± {val}`cme:reading.aligned.awd.fall_error:.2f` in the five after it (± 1.96 standard errors); for DB5 {val}`cme:reading.aligned.db5.rise:.2f` ± {val}`cme:reading.aligned.db5.rise_error:.2f` and {val}`cme:reading.aligned.db5.fall:.2f` ± {val}`cme:reading.aligned.db5.fall_error:.2f` in {val}`cme:reading.aligned.db5.n`. Any template finds its own shape where it is largest: what counts is whether AWD finds more of a drop than DB5.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-aligned", "caption": "Mean {val}`cme:data.source` test track (those without padding) around the place of its largest coefficient, successful and abortive events, with 95 % bands; AWD's wavelet and DB5's. At each offset, the tracks that reach it."}}
aligned = {label: clathrin.reading.groups_of(res.arrays, key) for label, key in (("AWD", "awd"), ("DB5", "db5"))}
fig = reading_plots.aligned(res.arrays["aligned_awd_offset"], aligned)
plots.show(
    fig,
    alt="Two panels, AWD and DB5. Mean standardised track against samples from the wavelet's place, for successful and for abortive events.",
)

# %% [markdown]
# Second, a made-up pulse with a slow rise and a sharp fall, against its mirror image. A wavelet that looks for build-up and drop answers more to the first. Positive is the paper's reading. {numref}`fig-cme-pulses` asks ψ alone: {val}`cme:claims.build_up_drop.estimate:.3f` on a scale from −1 to 1, where 95 % of random wavelets lie from {val}`cme:reading.pulse.shape_random.low:.2f` to {val}`cme:reading.pulse.shape_random.high:.2f`. {numref}`fig-cme-pulses-model` asks whole models. A model may answer otherwise than its wavelet, as weights have signs, and otherwise than its teacher: compare AWD's row with the LSTM's.
#
# The claim that distilled wavelets are edge detectors is judged below by their answer to a unit drop, over DB5's. For scale: {val}`cme:reading.edges_share_above:.0%` of random wavelets answer more strongly than AWD's. For the claim about abortive tracks, whose ratio is {val}`cme:claims.abortive_ratio.estimate:.2f` with AWD: with DB5 in its place it is {val}`cme:reading.abortive_ratio_db5:.2f`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-pulses", "caption": "Largest detail coefficient for a slow rise and sharp fall minus that for the mirror image, over their sum. Small dots: nine pairs of slopes; large: their mean. Below: random orthonormal wavelets. Wavelets distilled on {val}`cme:data.source` tracks."}}
named = {"awd_authors": "AWD (authors)", "awd_ours": "AWD (ours)", "db5": "DB5", "sym5": "Sym5"}
there = {key: label for key, label in named.items() if f"pulse_shape_{key}" in res.arrays}
colour_of = {key: plots.AWD if key.startswith("awd") else plots.STANDARD for key in there}
fig = reading_plots.pulse_responses(
    [res.arrays[f"pulse_shape_{key}"] for key in there],
    list(there.values()),
    list(colour_of.values()),
    control=res.arrays["pulse_shape_random"],
)
plots.show(
    fig,
    alt="Asymmetry of each wavelet's response to slow build-up and sharp drop, as dots around zero, above the distribution for random wavelets.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-pulses-model", "caption": "The same question to whole models: prediction for a slow rise and sharp fall minus that for its mirror image, in standard deviations of auxilin ({val}`cme:data.source` data)."}}
named |= {"lstm_authors": "LSTM, the authors'", "lstm_ours": "LSTM, trained here"}
there = {key: label for key, label in named.items() if f"pulse_model_{key}" in res.arrays}
fig = reading_plots.pulse_responses(
    [res.arrays[f"pulse_model_{key}"] for key in there],
    list(there.values()),
    [family.get(key[:3], plots.CONTROL) for key in there],
    control=res.arrays["pulse_model_random"],
    control_name="models on\nrandom wavelets",
    label="difference of the two predictions",
)
plots.show(
    fig,
    alt="Difference of each model's predictions for a slow build-up with sharp drop and for its mirror image, networks included, above the distribution for models on random wavelets.",
)

# %% [markdown]
# ## Would it hold elsewhere?
#
# One split of eight cells is one draw. Here every split trains its own LSTM and distils it to the *published* (λ, γ), warm-started, so that nothing is chosen; and it is held against DB5 and the same {val}`cme:sensitivity.draws` random wavelets, one seed throughout. Over {val}`cme:sensitivity.splits` splits, AWD minus DB5 is {val}`cme:sensitivity.awd_minus_db5.mean:.3f` on average ({val}`cme:sensitivity.awd_minus_db5.low:.3f` to {val}`cme:sensitivity.awd_minus_db5.high:.3f`), AWD minus its LSTM {val}`cme:sensitivity.awd_minus_lstm.mean:.3f` ({val}`cme:sensitivity.awd_minus_lstm.low:.3f` to {val}`cme:sensitivity.awd_minus_lstm.high:.3f`); it is above the mean random wavelet in {val}`cme:sensitivity.awd_minus_random_any.share_above:.0%` of the splits. Splits share cells: these are ranges, not intervals. (The paper profile takes all 28 splits.) Without hotspots AWD, LSTM and DB5 score {val}`cme:sensitivity.hotspots.awd:.3f`, {val}`cme:sensitivity.hotspots.lstm:.3f` and {val}`cme:sensitivity.hotspots.db5:.3f`; resampled to 30 values instead of 40, {val}`cme:sensitivity.length_30.awd:.3f`, {val}`cme:sensitivity.length_30.lstm:.3f` and {val}`cme:sensitivity.length_30.db5:.3f`; to 60, {val}`cme:sensitivity.length_60.awd:.3f`, {val}`cme:sensitivity.length_60.lstm:.3f` and {val}`cme:sensitivity.length_60.db5:.3f`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-cme-splits", "caption": "Test R² for other choices of the two test cells ({val}`cme:data.source` data), a thin line a split; bars are means. Everything is trained anew for every split, at the published λ and γ."}}
names = ["lstm", "random_best", "random_any", "awd", "awd_without_interpretation", "db5"]
labels = ["LSTM", "random, best of as many", "random, any", "AWD", "AWD without\ninterpretation loss", "DB5"]
shown = [plots.NETWORK, plots.CONTROL, plots.CONTROL, plots.AWD, plots.AWD, plots.STANDARD]
other = res.tables["sensitivity"]
fig = reading_plots.splits(other[other["variant"] == "split"], names, labels, shown)
plots.show(
    fig,
    alt="Test R² of six models over splits of the cells, mean: "
    + "; ".join(f"{name} {other.loc[other['variant'] == 'split', name].mean():.3f}" for name in names),
)

# %% tags=["hide-input"]
clathrin.sensitivity.printed(other)

# %% [markdown]
# ## The paper's claims, one by one
#
# Each rule was written down before the run that it judges ([claims](../data-and-honesty.md)).
#
# ```{verdicts} cme
# ```
#
# ## At the paper's scale
#
# This page is computed by the run that its banner names. The paper profile has all 5 × 21 × 5 fits from each teacher and start, more random wavelets and all 28 splits; its accepted results, from real tracks, stand here whatever this page shows ({val}`cme@paper:sensitivity.splits` splits: AWD minus DB5 {val}`cme@paper:sensitivity.awd_minus_db5.mean:.3f` on average, {val}`cme@paper:sensitivity.awd_minus_db5.low:.3f` to {val}`cme@paper:sensitivity.awd_minus_db5.high:.3f`; AWD minus its LSTM {val}`cme@paper:sensitivity.awd_minus_lstm.mean:.3f`; above the mean random wavelet in {val}`cme@paper:sensitivity.awd_minus_random_any.share_above:.0%` of them).
#
# | R², 95 % interval | this page | paper profile, real tracks |
# |---|---|---|
# | AWD, of the authors' LSTM | {val}`cme:table1.awd_authors.r2:.3f` ({val}`cme:table1.awd_authors.r2_low:.3f` to {val}`cme:table1.awd_authors.r2_high:.3f`) | {val}`cme@paper:table1.awd_authors.r2:.3f` ({val}`cme@paper:table1.awd_authors.r2_low:.3f` to {val}`cme@paper:table1.awd_authors.r2_high:.3f`) |
# | AWD, of LSTMs trained here | {val}`cme:table1.awd_ours.r2:.3f` ({val}`cme:table1.awd_ours.r2_low:.3f` to {val}`cme:table1.awd_ours.r2_high:.3f`) | {val}`cme@paper:table1.awd_ours.r2:.3f` ({val}`cme@paper:table1.awd_ours.r2_low:.3f` to {val}`cme@paper:table1.awd_ours.r2_high:.3f`) |
# | AWD without interpretation loss | {val}`cme:table1.awd_without_interpretation.r2:.3f` ({val}`cme:table1.awd_without_interpretation.r2_low:.3f` to {val}`cme:table1.awd_without_interpretation.r2_high:.3f`) | {val}`cme@paper:table1.awd_without_interpretation.r2:.3f` ({val}`cme@paper:table1.awd_without_interpretation.r2_low:.3f` to {val}`cme@paper:table1.awd_without_interpretation.r2_high:.3f`) |
# | DB5 | {val}`cme:table1.db5.r2:.3f` ({val}`cme:table1.db5.r2_low:.3f` to {val}`cme:table1.db5.r2_high:.3f`) | {val}`cme@paper:table1.db5.r2:.3f` ({val}`cme@paper:table1.db5.r2_low:.3f` to {val}`cme@paper:table1.db5.r2_high:.3f`) |
# | LSTM, the authors' | {val}`cme:table1.lstm_authors.r2:.3f` ({val}`cme:table1.lstm_authors.r2_low:.3f` to {val}`cme:table1.lstm_authors.r2_high:.3f`) | {val}`cme@paper:table1.lstm_authors.r2:.3f` ({val}`cme@paper:table1.lstm_authors.r2_low:.3f` to {val}`cme@paper:table1.lstm_authors.r2_high:.3f`) |
# | LSTM, trained here | {val}`cme:table1.lstm_ours.r2:.3f` ({val}`cme:table1.lstm_ours.r2_low:.3f` to {val}`cme:table1.lstm_ours.r2_high:.3f`) | {val}`cme@paper:table1.lstm_ours.r2:.3f` ({val}`cme@paper:table1.lstm_ours.r2_low:.3f` to {val}`cme@paper:table1.lstm_ours.r2_high:.3f`) |
# | random wavelets, best of as many | {val}`cme:table1.random_best.r2:.3f` ({val}`cme:table1.random_best.r2_low:.3f` to {val}`cme:table1.random_best.r2_high:.3f`) | {val}`cme@paper:table1.random_best.r2:.3f` ({val}`cme@paper:table1.random_best.r2_low:.3f` to {val}`cme@paper:table1.random_best.r2_high:.3f`) |
# | wavelet chosen by supervision alone | {val}`cme:table1.supervised.r2:.3f` ({val}`cme:table1.supervised.r2_low:.3f` to {val}`cme:table1.supervised.r2_high:.3f`) | {val}`cme@paper:table1.supervised.r2:.3f` ({val}`cme@paper:table1.supervised.r2_low:.3f` to {val}`cme@paper:table1.supervised.r2_high:.3f`) |
# | ridge on the 40 values | {val}`cme:table1.ridge.r2:.3f` ({val}`cme:table1.ridge.r2_low:.3f` to {val}`cme:table1.ridge.r2_high:.3f`) | {val}`cme@paper:table1.ridge.r2:.3f` ({val}`cme@paper:table1.ridge.r2_low:.3f` to {val}`cme@paper:table1.ridge.r2_high:.3f`) |
#
# :::{dropdown} The claims, judged at the paper profile
# ```{verdicts} cme@paper
# ```
# :::
#
# ## What it means
#
# - **Compared with DB5**, the distilled wavelet is *{val}`cme:words.db5`* its start on these test tracks; {val}`cme:random.share_above_db5:.0%` of random wavelets predict better than that start.
# - **Compared with chance**, it is *{val}`cme:words.random_any`* a random wavelet, *{val}`cme:words.random_best`* the best of as many, and *{val}`cme:words.supervised`* a wavelet that cross-validated R² alone has chosen.
# - **Compared with the network**, it is *{val}`cme:words.lstm`* the LSTM that it was distilled from; compared with ridge regression on the 40 raw values, *{val}`cme:words.ridge`* it.
# - **It is small**: {val}`cme:table1.awd_ours.parameters` numbers against {val}`cme:table1.lstm_ours.parameters`. So is every other row with 30 coefficients. End to end it is {val}`cme:claims.time_ratio_end_to_end.estimate:.1f` times as fast as the LSTM.
# - **It is more concise, or not**: its compression factor is *{val}`cme:words.compression`* DB5's. That is a statement about the network's attributions, which the interpretation loss asks for; whether it helps to predict, the rows above answer.
#
# ## What to doubt
#
# - **The real tracks are a sister set** of the paper's, tracked anew: the same LSTM scores {val}`cme:published.lstm:.2f` there and {val}`cme:table1.lstm_authors.r2:.2f` here (– where tracks are simulated). What holds here need not hold there.
# - **The authors' LSTM** has seen other experiments, and probably cells 1 to 6 of this one; the LSTMs trained here have seen only five cells. So claims about "the LSTM" are judged against each, with the wavelet distilled from it.
# - **The networks have seen the targets** of the training tracks whose cross-validation picks (λ, γ): that choice is a little optimistic. Test tracks have no part in it.
# - **The rules** were written after a first, smaller run on the same test tracks had been seen, and before the runs that they judge here; some were changed since, each in a commit that says why.
# - **Many differences, unadjusted**: of some twenty 95 % intervals one misses by chance.
# - **Intervals are over test tracks** and members, not over cells, and take the fitted models as given; {numref}`fig-cme-splits` shows how much the choice of cells matters.
# - **Each cell is standardised by itself**, test cells too, as in the authors' pipeline: a score needs a whole cell, not one track.
# - **Our measures of "edge" and "build-up"** are ours. Other measures might answer otherwise.
