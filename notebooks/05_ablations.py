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
# # What is AWD's gain made of?
#
# ```{provenance} ablations
# ```
#
# AWD adapts a wavelet to a network's attributions, and a few of its coefficients predict. Is a gain over DB5, where it starts, the network's knowledge? Or would any wavelet but DB5 do? On {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) AWD's R² less DB5's is **{val}`ablations:claims.full_minus_db5.estimate:+.3f`** ({val}`ablations:claims.full_minus_db5.low:+.3f` to {val}`ablations:claims.full_minus_db5.high:+.3f`). AWD is *{val}`ablations:words.full_minus_silent`* the same without any network, *{val}`ablations:words.full_minus_broken`* AWD with teachers that cannot know the task, and *{val}`ablations:words.full_minus_random_best`* the best of as many random wavelets.

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"
data: str = "auto"
drop_hotspots: bool = False  # leave out tracks with several separate auxilin bursts

# %% tags=["remove-cell"]
from awdlib import ablation_plots, clathrin, plots, results, threads
from awdlib.ablation import contextual, fitting, planted, printed, record, setup, tracks, variants
from awdlib.datasets import cme

size = setup.SIZES[profile]
asked = cme.get_tracks("simulated" if profile == "smoke" else data, seed=0, n=size.tracks, drop_hotspots=drop_hotspots)
signals = clathrin.signals_of(asked, dtype=size.dtype)  # small problems: a GPU would be slower
given = {"profile": profile, "data": data, "drop_hotspots": drop_hotspots, **size.as_dict()}
run = results.start("ablations", profile, source=asked.source, seeds=size.seeds, parameters=given)
ledger = None if profile == "smoke" else results.folder("ablations", "run") / "ledger"

# %% tags=["remove-cell"]
with threads.processes(1 if profile == "smoke" else None) as executor:
    work = setup.Study(signals, size, ledger, executor, timed=profile != "smoke")
    known = tracks.teach(work, clathrin.authors_network(asked, signals))
    every = variants.variants(size, list(known))
    fitted = fitting.fit_all(work, every, known)
    references = tracks.refer(work, known)
    permuted = tracks.without_order(work)
    drawn = planted.draw(size, ledger=ledger, executor=executor)
    taught = [planted.teach(one, size) for one in drawn]
    on_planted = planted.fit_all(size, planted.variants(every), drawn, taught, ledger=ledger, executor=executor)
by_cd = contextual.compare(work, known)

# %% tags=["remove-cell"]
predictions = record.predictions_of(fitted, references, permuted)
compared = record.compare(signals.y_test, predictions)
start = planted.start_distance(drawn[0])
claims = record.claims_of(compared, on_planted, start)
tables = {
    "variants": record.table_of_variants(fitted, compared, known, work),
    "planted": record.table_of_planted(on_planted, planted.control(size, drawn)),
    "order": record.table_of_order(compared),
    "contextual": by_cd.table,
}

# %% tags=["remove-cell"]
scales = record.scales_of(fitted, signals.x.shape[-1])
numbers = record.numbers_of(size, clathrin.describe(asked), compared, claims, tables, scales, by_cd.numbers, start)
arrays = record.arrays_of(fitted, references)
filled = {name: table.dropna(axis=1, how="all") for name, table in tables.items()}  # nothing was timed
res = run.save(numbers=numbers, tables=filled, arrays=arrays, files=asked.files)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-gain", "caption": "R² on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`), means over {val}`ablations:size.seeds` seeds, with 95 % bootstrap intervals over tracks and seeds. Square: DB5, where AWD starts. Circles: AWD, with its network, with the authors', and with none. Crosses: AWD with teachers that cannot know the task. Diamonds: random wavelets (of single ones, the mean) and ridge regression. Triangle: the network."}}
rows = printed.gain_rows(res)
plots.show(
    ablation_plots.gain(rows, label="R² on the test tracks"),
    alt="R² of each model with its 95 % interval: "
    + "; ".join(f"{row['label']} {row['r2']:.3f} ({row['low']:.3f} to {row['high']:.3f})" for row in rows),
)

# %% [markdown]
# If the network's knowledge made the wavelet good, the crosses would lie with DB5, below AWD. If leaving DB5 makes it good, they lie where AWD does, and random wavelets are no worse.
#
# ```{admonition} In short
# :class: important
# AWD has R² {val}`ablations:variants.full.r2:.3f`, DB5 {val}`ablations:references.db5.r2:.3f`, the network {val}`ablations:references.network.r2:.3f`.
#
# - **Without any network** it is {val}`ablations:variants.silent.r2:.3f`: the same fits, the same choice, gradients of zero. (As published, γ = 0 alone, with fewer fits: {val}`ablations:variants.no_interpretation.r2:.3f`.)
# - **With a teacher that cannot know the task** it is {val}`ablations:variants.teacher_untrained.r2:.3f` (an untrained network), {val}`ablations:variants.teacher_shuffled.r2:.3f` (shuffled targets), {val}`ablations:variants.teacher_disordered.r2:.3f` (disordered gradients), {val}`ablations:variants.teacher_noise.r2:.3f` (white noise).
# - **A random wavelet** has {val}`ablations:references.random_any.r2:.3f` on average, the best of as many as AWD has fits {val}`ablations:references.random_best.r2:.3f`.
# - {val}`ablations:shares.words`
# - On the **planted** wavelet AWD ends {val}`ablations:planted.full.blind:.2f` from the truth, chosen blindly (start: {val}`ablations:planted.start:.1f`); with an untrained network {val}`ablations:planted.teacher_untrained.blind:.2f`, with white noise {val}`ablations:planted.teacher_noise.blind:.2f`, without any {val}`ablations:planted.silent.blind:.2f`. ("–": no filter of the grid is a wavelet's.)
# ```
#
# Everything below changes AWD in one thing, keeps the rest, and lets five-fold cross-validation on the training tracks choose (λ, γ) among {val}`ablations:size.budget` fits, seed by seed. The network is an LSTM that every seed trains for itself. All attributions are brought to the same mean size, network by network, so that γ weighs them alike.
#
# ## The terms of the loss, and the way to fit

# %% tags=["hide-input", "nbval-check-output"]
printed.variants(res.tables["variants"], ("loss", "route"))

# %% [markdown]
# *sd*: over seeds. *minus AWD* and *minus best random*: paired differences of R², with 95 % bootstrap intervals over test tracks and seeds. *compression*: share of the training tracks' coefficients whose size and saliency exceed .001. *seeds apart*: median distance between the wavelets of two seeds. *wavelets'*: share of the chosen filters that are valid wavelets. *s, gradients*: seconds for the gradients of one network.
#
# γ = 0 needs no network at all. Lattice angles have no penalties, as their filters cannot be anything but wavelets'; angles take longer steps than taps (lr {val}`ablations:size.lattice_lr:.2g`). The published way to fit asks the network at every step; taking its gradients once gives the same filters, {val}`synthetic@paper:reference.ratio:.0f` times faster (largest difference of a tap {val}`synthetic@paper:reference.difference:.0e`; measured in the chapter on the [planted wavelet](01_synthetic)).
#
# ## Does the teacher matter?
#
# A sanity check {cite:p}`adebayo2018sanity`: an explanation that stays the same when the network is replaced by one that knows nothing does not explain the network. Here the wavelet is the explanation. An untrained network, shuffled targets, gradients whose samples are in another order and white noise cannot know the task. (Giving each track the gradient of another does not break anything: by saliency the interpretation loss is a sum over gradients, and never asks which track one belongs to.)

# %% tags=["hide-input", "nbval-check-output"]
printed.variants(res.tables["variants"], ("teacher",))

# %% [markdown]
# AWD is *{val}`ablations:words.full_minus_teacher_untrained`* AWD taught by an untrained network, *{val}`ablations:words.full_minus_teacher_shuffled`* by one that learned shuffled targets, *{val}`ablations:words.full_minus_teacher_disordered`* by disordered gradients, *{val}`ablations:words.full_minus_teacher_noise`* by white noise.
#
# ### And where there is a wavelet to be found?
#
# The same on the problem whose wavelet is known ({val}`ablations:size.planted_n` examples, {val}`ablations:size.planted_seeds` seeds, from DB5 with noise). There the response is made of a few coefficients of one wavelet, and the distance from it can be measured.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-planted", "caption": "Distance from the planted wavelet (simulated by design; of ±ψ), median and range over {val}`ablations:size.planted_seeds` seeds. Marks as in the first figure: chosen blindly, by the sparsest saliency of the variant's own teacher (of the network, where nobody teaches). Bars: the nearest filter of the grid, for which the truth must be known. A line without a mark has no valid filter in its grid."}}
from awdlib.recovery.table import RECOVERED

rows = printed.planted_rows(res)
known_ones = [row for row in rows if row["blind"] is not None]
plots.show(
    ablation_plots.distances(rows, start=res["planted.start"], recovered=RECOVERED),
    alt="Distance from the planted wavelet by each variant, chosen blindly: "
    + "; ".join(f"{row['label']} {row['blind']:.2f}" for row in known_ones),
)

# %% [markdown]
# The two experiments ask different things. On the planted problem there is one wavelet to be read out of the network; on the tracks nobody knows whether there is.
#
# ### And on lensing maps?
#
# The paper's second table takes the interpretation loss away on lensing maps too. On {val}`cosmology@paper:data.n_test` test maps ({val}`cosmology@paper:data.source`; [cosmology](03_cosmology), paper profile) peak counts by AWD miss Ω_m by {val}`cosmology@paper:table2.awd.rmse:.4f` ({val}`cosmology@paper:table2.awd.low:.4f` to {val}`cosmology@paper:table2.awd.high:.4f`), without the loss by {val}`cosmology@paper:table2.awd_without_interpretation.rmse:.4f`: AWD is *{val}`cosmology@paper:words.awd_minus_awd_without_interpretation`* it. It is *{val}`cosmology@paper:words.awd_minus_db5`* DB5 ({val}`cosmology@paper:table2.db5.rmse:.4f`) and *{val}`cosmology@paper:words.awd_minus_random_best`* the best of as many random wavelets ({val}`cosmology@paper:table2.random_best.rmse:.4f`). Of the chosen fits, {val}`cosmology@paper:chosen.without_network` have γ = 0.
#
# ## Other attributions
#
# The paper uses saliency and leaves others to future work. Integrated gradients and SmoothGrad {cite:p}`smilkov2017smoothgrad` of wavelet coefficients are what wavelet attribution proposes for images {cite:p}`kasmi2025one`; LIME is {cite:t}`ribeiro2016why`'s. SmoothGrad and LIME disturb an example by {val}`ablations:size.disturbed:.1f` standard deviations. All are differentiated through the transform, and the network is asked once.

# %% tags=["hide-input", "nbval-check-output"]
printed.variants(res.tables["variants"], ("attribution",))

# %% [markdown]
# **Contextual decomposition** {cite:p}`murdoch2018beyond,singh2019hierarchical` gives every coefficient its share of the output. Its scores are not linear in the coefficient, so the network has to be asked at every step ({val}`ablations:contextual.slower:.0f` times as long as saliency asked in the same way; "–": not timed). Hence a small experiment from DB5: {val}`ablations:contextual.tracks` tracks, {val}`ablations:contextual.steps` steps without a network and as many with it, the published λ and γ = {val}`ablations:contextual.gamma:.2f`, seeds: {val}`ablations:contextual.seeds`. The two parts of the decomposition add up to the network's output to {val}`ablations:contextual.sum_rule:.0e`. *from DB5*, *from saliency's*: distances of the wavelet.

# %% tags=["hide-input", "nbval-check-output"]
printed.contextual(res.tables["contextual"])

# %% [markdown]
# ## How many scales, how long a filter?

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-scales", "caption": "AWD's R² against the number of scales (left) and the filter length (right): on the training tracks by cross-validation, and on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) with 95 % bootstrap intervals. The paper has J = 4 and ten taps."}}
points = printed.scale_points(res)
plots.show(
    ablation_plots.scales(points, db5=res["references.db5.r2"]),
    alt="R² on the test tracks: "
    + ". ".join(f"{label}: " + ", ".join(f"{p[0]:.0f} {p[2]:.3f}" for p in sorted(of)) for label, of in points.items()),
)

# %% [markdown]
# Cross-validation on the training tracks takes J = {val}`ablations:scales.level` (R² {val}`ablations:scales.level_r2:.3f` on the test tracks) and {val}`ablations:scales.taps` taps ({val}`ablations:scales.taps_r2:.3f`). An automatic rule, PyWavelets', wants bands at least as long as the filter: J = {val}`ablations:scales.rule_level` for ten taps ({val}`ablations:scales.rule_level_r2:.3f`), {val}`ablations:scales.rule_taps` taps for J = 4 ({val}`ablations:scales.rule_taps_r2:.3f`).
#
# ## Where to start

# %% tags=["hide-input", "nbval-check-output"]
printed.variants(res.tables["variants"], ("start",))

# %% [markdown]
# The paper warns of random starts. From random taps the standard deviation over seeds is {val}`ablations:variants.random_taps.sd:.3f` (from DB5 {val}`ablations:variants.full.sd:.3f`); AWD from DB5 is *{val}`ablations:words.full_minus_random_taps`* AWD from random taps. The paper's remedy is to begin without the interpretation loss: that is *{val}`ablations:words.gamma_zero_first`* going at once, with as many steps in all.
#
# ## Without the order of samples
#
# The paper says that data without a multi-scale structure would not benefit. Take it away: put the samples of every track into another order, the same for all tracks. Ridge regression does not notice.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-order", "caption": "R² on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) as the samples are (circles) and in another order (crosses, with 95 % bootstrap intervals over tracks, seeds and {val}`ablations:size.orders` random orders)."}}
rows = res.tables["order"].to_dict("records")
plots.show(
    ablation_plots.pairs(rows, labels=("in order", "in another order")),
    alt="R² of every model with the samples in order and in another order: "
    + "; ".join(f"{row['label']} {row['r2_in_order']:.3f} and {row['r2']:.3f}" for row in rows),
)

# %% [markdown]
# AWD's lead over ridge regression changes by {val}`ablations:claims.benefit_without_order.estimate:+.3f` ({val}`ablations:claims.benefit_without_order.low:+.3f` to {val}`ablations:claims.benefit_without_order.high:+.3f`).
#
# ## The claims, one by one
#
# ```{verdicts} ablations
# ```
#
# ## What to doubt
#
# - **One data set.** The tracks are eight cells, and the test tracks two of them: "not clearly different" means that {val}`ablations:data.n_test` tracks cannot tell, not that there is no difference.
# - **Many comparisons.** With {val}`ablations:size.variants` variants and intervals of 95 %, about {val}`ablations:size.by_chance:.0f` "better" or "worse" would come by chance. Intervals over {val}`ablations:size.seeds` seeds are a little too narrow.
# - **The grid is the published one**, made for saliency. Attributions and teachers of other kinds were brought to the same mean size; they may deserve a grid of their own.
# - **Boosted trees** have no gradient: theirs are finite differences of {val}`ablations:size.step:.1f` standard deviations, and depend on that.
#
# ## At the paper's scale
#
# This page is computed by the run that its banner names. The paper profile has {val}`ablations@paper:size.seeds` seeds and the published grid's {val}`ablations@paper:size.budget` fits a seed for each of {val}`ablations@paper:size.variants` variants; its accepted results ({val}`ablations@paper:data.source`, {val}`ablations@paper:data.n_test` test tracks) stand here whatever this page shows.
#
# | R² on the test tracks | this page | paper profile (95 %) | AWD is … it (paper profile) |
# |---|---|---|---|
# | AWD | {val}`ablations:variants.full.r2:.3f` | {val}`ablations@paper:variants.full.r2:.3f` ({val}`ablations@paper:variants.full.low:.3f` to {val}`ablations@paper:variants.full.high:.3f`) | – |
# | without a network, gradients of zero | {val}`ablations:variants.silent.r2:.3f` | {val}`ablations@paper:variants.silent.r2:.3f` ({val}`ablations@paper:variants.silent.low:.3f` to {val}`ablations@paper:variants.silent.high:.3f`) | *{val}`ablations@paper:words.full_minus_silent`* |
# | γ = 0, as published | {val}`ablations:variants.no_interpretation.r2:.3f` | {val}`ablations@paper:variants.no_interpretation.r2:.3f` ({val}`ablations@paper:variants.no_interpretation.low:.3f` to {val}`ablations@paper:variants.no_interpretation.high:.3f`) | *{val}`ablations@paper:words.full_minus_no_interpretation`* |
# | taught by an untrained network | {val}`ablations:variants.teacher_untrained.r2:.3f` | {val}`ablations@paper:variants.teacher_untrained.r2:.3f` ({val}`ablations@paper:variants.teacher_untrained.low:.3f` to {val}`ablations@paper:variants.teacher_untrained.high:.3f`) | *{val}`ablations@paper:words.full_minus_teacher_untrained`* |
# | by one that learned shuffled targets | {val}`ablations:variants.teacher_shuffled.r2:.3f` | {val}`ablations@paper:variants.teacher_shuffled.r2:.3f` ({val}`ablations@paper:variants.teacher_shuffled.low:.3f` to {val}`ablations@paper:variants.teacher_shuffled.high:.3f`) | *{val}`ablations@paper:words.full_minus_teacher_shuffled`* |
# | by disordered gradients | {val}`ablations:variants.teacher_disordered.r2:.3f` | {val}`ablations@paper:variants.teacher_disordered.r2:.3f` ({val}`ablations@paper:variants.teacher_disordered.low:.3f` to {val}`ablations@paper:variants.teacher_disordered.high:.3f`) | *{val}`ablations@paper:words.full_minus_teacher_disordered`* |
# | by white noise | {val}`ablations:variants.teacher_noise.r2:.3f` | {val}`ablations@paper:variants.teacher_noise.r2:.3f` ({val}`ablations@paper:variants.teacher_noise.low:.3f` to {val}`ablations@paper:variants.teacher_noise.high:.3f`) | *{val}`ablations@paper:words.full_minus_teacher_noise`* |
# | by the authors' network | – | {val}`ablations@paper:variants.teacher_authors.r2:.3f` ({val}`ablations@paper:variants.teacher_authors.low:.3f` to {val}`ablations@paper:variants.teacher_authors.high:.3f`) | *{val}`ablations@paper:words.full_minus_teacher_authors`* |
# | DB5 | {val}`ablations:references.db5.r2:.3f` | {val}`ablations@paper:references.db5.r2:.3f` ({val}`ablations@paper:references.db5.r2_low:.3f` to {val}`ablations@paper:references.db5.r2_high:.3f`) | *{val}`ablations@paper:words.full_minus_db5`* |
# | random wavelets, best of as many | {val}`ablations:references.random_best.r2:.3f` | {val}`ablations@paper:references.random_best.r2:.3f` ({val}`ablations@paper:references.random_best.r2_low:.3f` to {val}`ablations@paper:references.random_best.r2_high:.3f`) | *{val}`ablations@paper:words.full_minus_random_best`* |
# | ridge regression on the samples | {val}`ablations:references.ridge.r2:.3f` | {val}`ablations@paper:references.ridge.r2:.3f` ({val}`ablations@paper:references.ridge.r2_low:.3f` to {val}`ablations@paper:references.ridge.r2_high:.3f`) | *{val}`ablations@paper:words.full_minus_ridge`* |
# | the network | {val}`ablations:references.network.r2:.3f` | {val}`ablations@paper:references.network.r2:.3f` ({val}`ablations@paper:references.network.r2_low:.3f` to {val}`ablations@paper:references.network.r2_high:.3f`) | *{val}`ablations@paper:words.full_minus_network`* |
#
# {val}`ablations@paper:shares.words` AWD's lead over ridge regression changes by {val}`ablations@paper:claims.benefit_without_order.estimate:+.3f` ({val}`ablations@paper:claims.benefit_without_order.low:+.3f` to {val}`ablations@paper:claims.benefit_without_order.high:+.3f`) without the order of samples. On the planted wavelet AWD ends {val}`ablations@paper:planted.full.blind:.2f` from the truth, with white noise for a teacher {val}`ablations@paper:planted.teacher_noise.blind:.2f`.
#
# ```{verdicts} ablations@paper
# ```
