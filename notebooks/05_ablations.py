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
# AWD adapts a wavelet to a network's attributions, and a few coefficients of it predict better than those of DB5, where it started. Is that the network's knowledge? Or would any wavelet but DB5 do? On {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) AWD gains **{val}`ablations:claims.full_minus_db5.estimate:.3f`** of R² over DB5. It is *{val}`ablations:words.full_minus_no_interpretation`* adapting without any network, *{val}`ablations:words.full_minus_broken`* AWD with teachers that cannot know the task, and *{val}`ablations:words.full_minus_random_best`* the best of as many random wavelets.

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"
data: str = "auto"
drop_hotspots: bool = False  # leave out tracks with several separate auxilin bursts

# %% tags=["remove-cell"]
from awdlib import ablation_plots, clathrin, plots, results, threads
from awdlib.ablation import contextual, planted, record, setup, tracks
from awdlib.datasets import cme

size = setup.SIZES[profile]
asked = cme.get_tracks("simulated" if profile == "smoke" else data, seed=0, n=size.tracks, drop_hotspots=drop_hotspots)
signals = clathrin.signals_of(asked, dtype=size.dtype)  # small problems: a GPU would be slower
given = {"profile": profile, "data": data, "drop_hotspots": drop_hotspots, **size.as_dict()}
run = results.start("ablations", profile, source=asked.source, seeds=size.seeds, parameters=given)
ledger = None if profile == "smoke" else results.folder("ablations", "run") / "ledger"

# %% tags=["remove-cell"]
with threads.processes(1 if profile == "smoke" else None) as executor:
    work = tracks.Study(signals, size, ledger, executor, timed=profile != "smoke")
    known = tracks.teach(work, clathrin.authors_network(asked, signals))
    fitted = tracks.fit_all(work, tracks.variants(size, list(known)), known)
    references = tracks.refer(work, known)
    other_order = tracks.without_order(work)
    drawn = planted.draw(size, ledger=ledger, executor=executor)
    taught = [planted.taught(one, size) for one in drawn]
    on_planted = planted.fit_all(size, drawn, taught, ledger=ledger, executor=executor)
by_cd = contextual.compare(work, known)

# %% tags=["remove-cell"]
compared = record.compare(signals.y_test, record.predictions_of(fitted, references))
permuted = record.compare(signals.y_test, other_order)
variants = record.table_of_variants(fitted, compared, known, signals)
of_planted = record.table_of_planted(on_planted, planted.control(size, drawn))
order = record.table_of_order(permuted, compared)
claims = record.claims_of(compared, permuted, on_planted)

# %% tags=["remove-cell"]
res = run.save(
    numbers=record.numbers_of(
        size,
        clathrin.describe(asked),
        compared,
        claims,
        variants,
        of_planted,
        order,
        record.scales_of(fitted, signals.x.shape[-1]),
        by_cd.numbers,
        planted.start_distance(drawn[0]),
    ),
    tables={"variants": variants, "planted": of_planted, "order": order, "contextual": by_cd.table},
    arrays=record.arrays_of(fitted, references),
    files=asked.files,
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-gain", "caption": "R² on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`), means over {val}`ablations:size.seeds` seeds, with 95 % bootstrap intervals over tracks and seeds. Square: DB5, where AWD starts. Circles: AWD and AWD without a part of it. Crosses: AWD with teachers that cannot know the task. Diamonds: random wavelets. Triangle: the network."}}
rows = record.gain_rows(res)
plots.show(
    ablation_plots.gain(rows, label="R² on the test tracks"),
    alt="R² of each model with its interval: " + "; ".join(f"{row['label']} {row['r2']:.3f}" for row in rows),
)

# %% [markdown]
# ```{admonition} In short
# :class: important
# On {val}`ablations:data.n_test` test tracks AWD's R² is **{val}`ablations:variants.full.r2:.3f`**, DB5's {val}`ablations:references.db5.r2:.3f`: a gain of {val}`ablations:claims.full_minus_db5.estimate:.3f` ({val}`ablations:claims.full_minus_db5.low:.3f` to {val}`ablations:claims.full_minus_db5.high:.3f`).
#
# - **Without any network** (γ = 0) it is {val}`ablations:variants.no_interpretation.r2:.3f`; AWD is *{val}`ablations:words.full_minus_no_interpretation`* that.
# - **With a teacher that cannot know the task** (untrained, trained on shuffled targets, gradients of other tracks, white noise) it is {val}`ablations:variants.teacher_untrained.r2:.3f`, {val}`ablations:variants.teacher_shuffled.r2:.3f`, {val}`ablations:variants.teacher_swapped.r2:.3f` and {val}`ablations:variants.teacher_noise.r2:.3f`; AWD is *{val}`ablations:words.full_minus_broken`* their mean.
# - **A random wavelet** has {val}`ablations:references.random_any.r2:.3f`, the best of as many as AWD has fits {val}`ablations:references.random_best.r2:.3f`; AWD is *{val}`ablations:words.full_minus_random_best`* the latter.
#
# On the **planted** wavelet, where there is something to be found, it takes a teacher: AWD ends {val}`ablations:planted.full.blind:.2f` from the truth (start: {val}`ablations:planted.start:.1f`), with an untrained network {val}`ablations:planted.teacher_untrained.blind:.2f`, with white noise {val}`ablations:planted.teacher_noise.blind:.2f`.
# ```
#
# How to read the figure: if the network's knowledge made the wavelet good, the crosses would lie to the left of AWD, near DB5. If leaving DB5 makes it good, they lie where AWD does, and so do random wavelets. Of AWD's gain over DB5, {val}`ablations:shares.no_interpretation:.0%` is there without a network, {val}`ablations:shares.teacher_untrained:.0%` with an untrained one, {val}`ablations:shares.random_any:.0%` with a wavelet drawn at random.
#
# Everything below changes AWD in one thing, keeps the rest, and lets five-fold cross-validation on the training tracks choose (λ, γ) among {val}`ablations:size.budget` fits, seed by seed. The network is an LSTM that every seed trains for itself. All attributions are brought to the same mean size, so that γ weighs them alike.
#
# ## The terms of the loss, and the way to fit

# %% tags=["hide-input", "nbval-check-output"]
record.printed(res.tables["variants"], ("loss", "route"))

# %% [markdown]
# *wavelets'* is the share of chosen filters that are valid wavelets, *seeds apart* the median distance between the wavelets of two seeds, *s* the seconds that one seed's grid takes. γ = 0 needs no network at all. The lattice has no penalties: its filters cannot be anything but wavelets'.
#
# ## Does the teacher matter?
#
# A sanity check {cite:p}`adebayo2018sanity`: an explanation that stays the same when the network is replaced by one that knows nothing does not explain the network. Here the wavelet is the explanation.

# %% tags=["hide-input", "nbval-check-output"]
record.printed(res.tables["variants"], ("teacher",))

# %% [markdown]
# AWD is *{val}`ablations:words.full_minus_teacher_untrained`* AWD taught by an untrained network, *{val}`ablations:words.full_minus_teacher_shuffled`* by one that learned shuffled targets, *{val}`ablations:words.full_minus_teacher_noise`* by white noise.
#
# ### Where there is something to find, it does
#
# The same on the problem whose wavelet is known ({val}`ablations:size.planted_n` examples, {val}`ablations:size.planted_seeds` seeds, from DB5 with noise). Here the response *is* a few wavelet coefficients, and the distance from the truth can be measured.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-planted", "caption": "Distance from the planted wavelet (simulated by design), median and range over {val}`ablations:size.planted_seeds` seeds. Points: chosen blindly, by the sparsest attributions of the teacher itself. Bars: the nearest filter of the grid, for which the truth must be known. Crosses of the first figure are pink here too; grey: the random wavelet with the sparsest attributions."}}
from awdlib.recovery.table import RECOVERED

rows = record.planted_rows(res)
plots.show(
    ablation_plots.distances(rows, start=res["planted.start"], recovered=RECOVERED),
    alt="Distance from the planted wavelet by each variant: "
    + "; ".join(f"{row['label']} {row['blind']:.2f}" for row in rows if row["blind"] is not None),
)

# %% [markdown]
# So the two experiments answer differently, and both matter: AWD can read a wavelet out of a network when the network's response is made of it, and a linear model that has learned the same task serves as well as a network. On the tracks the response is not made of one wavelet, and whatever leaves DB5 gains.
#
# ## Other attributions
#
# The paper uses saliency and leaves others to future work. Integrated gradients and SmoothGrad in the wavelet domain are what the wavelet attribution method (WAM, ICML 2025) proposes for images. SmoothGrad {cite:p}`smilkov2017smoothgrad` and LIME {cite:p}`ribeiro2016why` disturb an example by a fifth of the standard deviation. All are differentiated correctly through the transform; the network is asked once.

# %% tags=["hide-input", "nbval-check-output"]
record.printed(res.tables["variants"], ("attribution",))

# %% [markdown]
# **Contextual decomposition** {cite:p}`murdoch2018beyond,singh2019hierarchical` gives every coefficient its share of the output. Its scores are not linear in the coefficient, so the network has to be asked at every step: {val}`ablations:reference.slower:.0f` times slower than saliency asked in the same way. Hence a small experiment: {val}`ablations:reference.tracks` tracks, {val}`ablations:reference.epochs` epochs, the published (λ, γ), {val}`ablations:reference.seeds` seeds. Its two parts add up to the network's output to {val}`ablations:reference.sum_rule:.0e`.

# %% tags=["hide-input", "nbval-check-output"]
record.printed_contextual(res.tables["contextual"])

# %% [markdown]
# ## How many scales, how long a filter?

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-scales", "caption": "AWD's R² against the number of scales (left) and the filter length (right): on the training tracks by cross-validation, and on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) with 95 % bootstrap intervals. The paper has J = 4 and ten taps."}}
plots.show(
    ablation_plots.scales(record.scale_points(res), db5=res["references.db5.r2"]),
    alt="R² against the number of scales and against the filter length, on training tracks by cross-validation and on test tracks with intervals.",
)

# %% [markdown]
# Cross-validation on the training tracks takes J = {val}`ablations:scales.level:.0f` (R² {val}`ablations:scales.level_r2:.3f` on the test tracks) and {val}`ablations:scales.taps:.0f` taps ({val}`ablations:scales.taps_r2:.3f`). PyWavelets' rule, which leaves every band at least as long as the filter, would stop at J = {val}`ablations:scales.rule`.
#
# ## Where to start

# %% tags=["hide-input", "nbval-check-output"]
record.printed(res.tables["variants"], ("start",))

# %% [markdown]
# The paper warns of random starts. From random taps the standard deviation over seeds is {val}`ablations:variants.random_taps.sd:.3f` (from DB5 {val}`ablations:variants.full.sd:.3f`); AWD from DB5 is *{val}`ablations:words.full_minus_random_taps`* AWD from random taps. The paper's remedy, a few steps without the interpretation loss first, is what the warm starts do anyway: with them random taps are *{val}`ablations:words.gamma_zero_first`* without.
#
# ## Where no wavelet can help
#
# The paper says that data without a multi-scale structure would not benefit. Take it away: put the samples of every track into another order, the same for all. Ridge regression does not care; wavelets do.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-ablations-order", "caption": "R² on {val}`ablations:data.n_test` test tracks ({val}`ablations:data.source`) as the samples are (circles) and in another order, the same for all tracks (crosses, with 95 % bootstrap intervals)."}}
rows = res.tables["order"].to_dict("records")
plots.show(
    ablation_plots.pairs(rows, labels=("in order", "in another order")),
    alt="R² of every model with the samples in order and in another order: "
    + "; ".join(f"{row['label']} {row['r2_in_order']:.3f} and {row['r2']:.3f}" for row in rows),
)

# %% [markdown]
# In another order AWD is *{val}`ablations:words.permuted_awd_minus_network`* its network.
#
# ## On lensing maps
#
# The chapter on [lensing maps](03_cosmology) has the interpretation loss on and off as well, and random wavelets: there AWD is *{val}`cosmology:words.awd_minus_awd_without_interpretation`* adapting without a network, and *{val}`cosmology:words.awd_minus_random_best`* the best of as many random wavelets ({val}`cosmology:data.source` maps, {val}`cosmology:data.n_train` a cosmology).
#
# ## The claims, one by one
#
# ```{verdicts} ablations
# ```
#
# ## What to doubt
#
# - **One data set.** The tracks are eight cells, and the test tracks two of them: "not clearly different" means that {val}`ablations:data.n_test` tracks cannot tell, not that there is no difference.
# - **The grid is the published one**, made for saliency. Attributions and teachers of other kinds were brought to the same mean size; they may deserve a grid of their own.
# - **Fewer parameters of search.** Variants without a network choose among fewer fits. That works against them, not for them.
# - **Boosted trees** have no gradient: theirs are finite differences, and depend on the step.
