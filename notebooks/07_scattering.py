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
# # Wavelets that learn: adaptive scattering
#
# ```{provenance} scattering
# ```
#
# The scattering transform {cite:p}`mallat2012group,bruna2013invariant` is a network whose filters are wavelets and whose every layer is understood. A research proposal, by an author of AWD, asks for more: let its wavelets **learn**, and **remove** those that a task does not need. It is also what AWD's own paper names as future work. This chapter does both, on textures with few examples and on simulated neurons, and asks when it pays.

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"

# %% tags=["remove-cell"]

from awdlib import adaptive_plots, plots, results, threads
from awdlib.adaptive import neurons, printed, pruning, record, setup, stability, textures

size = setup.SIZES[profile]
run = results.start("scattering", profile, seeds=size.seeds, parameters={"profile": profile, **size.as_dict()})
ledger = None if profile == "smoke" else results.folder("scattering", "run") / "ledger"

# %% tags=["remove-cell"]
with threads.processes(1 if profile == "smoke" else None) as executor:
    work = setup.Study(size, ledger, executor)
    curves = textures.learning_curves(work)
    pruned = pruning.pruned(work)
    again = pruning.relearned(work)
    tried = pruning.searched(work)
    moved = stability.compare(work, curves)
    predicted = neurons.predict(work)

# %% tags=["remove-cell"]
tables = {
    "curves": record.table_of_curves(size, curves),
    "pruning": record.table_of_pruning(pruned),
    "neurons": record.table_of_neurons(predicted),
}
numbers = record.numbers_of(size, curves, pruned, again, tried, moved, predicted)
res = run.save(numbers=numbers, tables=tables, arrays=record.arrays_of(size, curves, pruned, moved, predicted))

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-curves", "caption": "Accuracy on {val}`scattering:data.tests` test crops of {val}`scattering:data.textures` textures (real, packaged) against the number of labelled crops, mean over {val}`scattering:data.seeds` seeds with 95 % intervals over seeds and test crops. Dotted: chance."}}
plots.show(
    adaptive_plots.learning_curves(res.tables["curves"], chance=1 / numbers["data"]["textures"]),
    alt="Accuracy against the number of labelled crops of each texture for fixed scattering, four ways to learn its filters, AWD's wavelet and a convolutional network.",
)

# %% [markdown]
# ```{admonition} In short
# :class: important
# - **Does learning help?** With {val}`scattering:data.least` labelled crops of each texture, learned wavelets, shared by rotation, are *{val}`scattering:words.learned_minus_fixed`* fixed ones; with {val}`scattering:data.most`, *{val}`scattering:words.learned_minus_fixed_most`*. There fixed wavelets reach an accuracy of {val}`scattering:most.fixed:.2f`, the {val}`scattering:most.learned.n` ways to learn them {val}`scattering:most.learned.low:.2f` to {val}`scattering:most.learned.high:.2f`.
# - **With little data?** Fixed wavelets are *{val}`scattering:words.fixed_minus_network`* a convolutional network that sees the same {val}`scattering:data.least` crops, learned ones *{val}`scattering:words.learned_minus_network`*.
# - **How many filters are needed?** Of {val}`scattering:pruning.filters`, {val}`scattering:pruning.share:.0%` can go at a loss of at most {val}`scattering:size.point:.2f` in test accuracy.
# - **AWD's idea here?** Making a network's attributions sparse while the filters learn is *{val}`scattering:words.distilled_minus_learned`* learning alone; AWD's wavelet, in place of the fixed ones, is *{val}`scattering:words.awd_minus_fixed`* them.
# - **Can the model be read?** {val}`scattering:data.neurons` simulated neurons show their true orientation to {val}`scattering:size.within.degrees:g`° and frequency to {val}`scattering:size.within.octaves:g` octaves in {val}`scattering:claims.recovered.estimate:.0%` of the models that predict them ({val}`scattering:claims.recovered.low:.0%` to {val}`scattering:claims.recovered.high:.0%`).
# ```
#
# ## The transform
#
# For a lowpass φ and wavelets ψ,
#
# $$S_0 x = x \star \phi, \qquad S_1 x = |x \star \psi_{\lambda_1}| \star \phi, \qquad S_2 x = \big||x \star \psi_{\lambda_1}| \star \psi_{\lambda_2}\big| \star \phi .$$
#
# (The proposal prints ψ for φ in the second.) With the start's Morlet wavelets the coefficients are kymatio's {cite:p}`andreux2020kymatio`, which the tests hold them to. Each wavelet has four parameters: width σ, frequency ξ, slant and angle θ, as in parametric scattering networks {cite:p}`gauthier2022parametric`. What is added here:
#
# - **A bound that holds after every step.** The filters are divided by the square root of their largest Littlewood–Paley sum inside each pass, and the gradient goes through the division. The largest sum after any step of any fit was {val}`scattering:claims.littlewood_paley.estimate:.7f`.
# - **Other families**: orthogonal filters by lattice angles, which contain Daubechies', symlets and coiflets, and so AWD's wavelets; generalised Daubechies filters {cite:p}`vonesch2007generalized`; pixels that are free.
# - **AWD's interpretation loss**: the gradients of a network, analysed by the learned wavelets, are made sparse.
#
# All filters, learned or not, get the same kind of head in the end: ridge regression, its α chosen on held-out crops.

# %% tags=["hide-input", "nbval-check-output"]
printed.curves(res.tables["curves"])

# %% [markdown]
# ## What the filters become

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-filters", "caption": "Wavelets in the frequency plane, before and after learning from {val}`scattering:data.most` crops of each texture (first seed): each ellipse is where a wavelet has half its height; colours are scales."}}
plots.show(
    adaptive_plots.filters(printed.banks(res)),
    alt="Ellipses in the frequency plane for fixed wavelets, for learned ones that share parameters by rotation, and for learned ones with parameters of their own.",
)

# %% [markdown]
# ## Which filters nobody misses
#
# The CAR index {cite:p}`abbasiasl2017structural` of a filter is the held-out accuracy lost without it. Begin with {val}`scattering:size.many` orientations instead of {val}`scattering:size.orientations`, and remove the filter with the smallest index, again and again; the head is fitted anew each time. {val}`scattering:size.restarts` restarts, each with training crops drawn anew, are asked before each removal: on average {val}`scattering:pruning.agreement:.0%` of them agree on which filter is missed least. The rule that no restart may miss a filter that goes leaves {val}`scattering:pruning.stopped` of {val}`scattering:pruning.filters`.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-pruning", "caption": "Accuracy against the filters that are left, {val}`scattering:size.pruned` labelled crops of each texture. The order of removal comes from held-out crops. Grey: filters removed in a random order."}}
plots.show(
    adaptive_plots.pruning(
        res.arrays["pruned_test"],
        res.arrays["pruned_random"],
        res.arrays["pruned_held"],
        stopped=numbers["pruning"]["stopped"],
    ),
    alt="Accuracy on test and held-out crops as filters are removed by the smallest CAR index, beside a band for random orders of removal.",
)

# %% [markdown]
# With half of the filters, test accuracy is {val}`scattering:pruning.half:.2f`, with all {val}`scattering:pruning.start:.2f`, with a random half {val}`scattering:pruning.random_half:.2f`. Held-out accuracy chose the order, so it is too good by itself.
#
# Where the filters learn again after each block of removals, {val}`scattering:pruning.relearned_kept` are left after {val}`scattering:pruning.blocks` blocks; restarts with other starts agree in {val}`scattering:pruning.relearned_agreement:.0%`. The outer problem of the proposal, how many scales and orientations to begin with, was tried for {val}`scattering:search.tried` sizes: held-out crops choose {val}`scattering:search.scales` scales and {val}`scattering:search.orientations` orientations, of which {val}`scattering:search.kept` filters are kept.
#
# ## How far it moves when an image is bent
#
# The bound says that representations are no further apart than images: over all pairs that were tried, the largest ratio is {val}`scattering:claims.expansion.estimate:.3f`. Stability says more: a small deformation, which can move an image far, moves its representation little.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-stability", "caption": "Relative change of features of test crops (real) when these are bent, left, or shifted periodically, right. |∇τ| is the largest change of a length. The image's own change, dotted, is the bound of the scattering transforms where norms are equal."}}
panels = {
    "largest |∇τ|": (res.arrays["strengths"], {n: res.arrays[f"bent_{n}"] for n in stability.LABELS}),
    "shift in pixels": (res.arrays["shifts"], {n: res.arrays[f"shifted_{n}"] for n in stability.LABELS}),
}
plots.show(
    adaptive_plots.stability(panels, stability.LABELS),
    alt="Relative change against the strength of a deformation and against a shift, for the image, its Fourier modulus, fixed and learned scattering and a network.",
)

# %% [markdown]
# A shift by {val}`scattering:shift.small` pixel changes the crops themselves by {val}`scattering:shift.image.small:.2f` of their norm, fixed scattering by {val}`scattering:shift.fixed.small:.2f` and learned scattering by {val}`scattering:shift.learned.small:.2f`; a shift by {val}`scattering:shift.window` pixels, the $2^J$ of an averaging window, by {val}`scattering:shift.image.window:.2f`, {val}`scattering:shift.fixed.window:.2f` and {val}`scattering:shift.learned.window:.2f`. Averaged over all places, as the heads here read them, coefficients do not change with a periodic shift at all ({val}`scattering:claims.shift.estimate:.0e`).
#
# ## Neurons that watch movies
#
# The proposal's application: predict neurons in visual area V4 from natural movies, then read from the model what they respond to. No recordings come with this book, so the neurons are **simulated**, and not by any of the wavelets that are fitted: differences of Gaussians with a divisive surround, a delay and Poisson spikes (`awdlib.datasets.neurons`). The movies are packaged photographs that drift and zoom; those of training, choice and test share none. A model sees {val}`scattering:data.frames` frames once; the correlation on the test movie is corrected for noise by {val}`scattering:data.repeats` repeats {cite:p}`schoppe2016measuring`. All is done for {val}`scattering:data.movies` sets of movies.
#
# First-order amplitudes are divided by the contrast about them, as neurons of all visual areas divide, and share one unit. Without both, fine gratings look better than they are: movies show coarse bars with far more contrast than fine ones, and ridge regression trusts what is rare. Pixels answer to a drifting grating by its modulation alone, since the mean of a linear model is the same for all; so, as for simple cells, that amplitude is what is read.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-neurons", "caption": "Left and middle: orientation and frequency of {val}`scattering:data.neurons` simulated neurons by gratings shown to their models, against the truth, a mark for each set of movies; grey: {val}`scattering:size.within.degrees:g`° and {val}`scattering:size.within.octaves:g` octaves. Right: noise-corrected correlation on a test movie; bars are medians."}}
plots.show(
    adaptive_plots.neurons(
        (res.arrays["orientation_true"], res.arrays["frequency_true"]),
        printed.tuned(res),
        printed.correlations(res.tables["neurons"]),
        neurons.LABELS,
        **res["size.within"],
    ),
    alt="Orientation and frequency of simulated neurons as their models have them against the truth, and how well pixels, fixed and learned scattering predict them.",
)

# %% tags=["hide-input", "nbval-check-output"]
printed.models(res.tables["neurons"], **res["size.within"])

# %% [markdown]
# Means of the corrected correlation and medians of the distance from the truth, over neurons and movies; in brackets the share within {val}`scattering:size.within.degrees:g`° and {val}`scattering:size.within.octaves:g` octaves. *Best filter* needs no grating: it is the orientation of the wavelet whose removal costs most of the variance explained (RAR, the CAR index of a regression). Both limits at once are met by {val}`scattering:neurons.fixed.within:.0%` with fixed and {val}`scattering:neurons.learned.within:.0%` with learned scattering.
#
# Real recordings can be put in their place: three files, to fit, to choose by and to test on, in the form that `awdlib.datasets.recordings` describes. What does not fit is refused in one sentence; where the truth is not known, there are tunings without errors.
#
# ```python
# from awdlib.adaptive import neurons, setup
# from awdlib.datasets.recordings import load_recording
#
# shown = neurons.Shown(*(load_recording(f"{name}.npz") for name in ("train", "held", "test")))
# found = neurons.predict(setup.Study(setup.SIZES["laptop"]), [shown])
# found.correlation["learned"], found.tuning["learned"]["orientation"], found.best["learned"]
# ```
#
# ## The claims, one by one
#
# ```{verdicts} scattering
# ```
#
# ## What to doubt
#
# - **One photograph a texture.** Training, held-out and test crops come from parts of it that share no pixel, but "generalises" means to another part of the same picture.
# - **The start is good.** Kymatio's wavelets are nearly a tight frame; learning from there can gain little. Starts at random are a harder test, which others have made {cite:p}`gauthier2022parametric`.
# - **The network is small** and is trained from nothing; one trained on other images first would need fewer crops.
# - **Rotations are drawn at random** for every crop, which favours whatever averages over angles.
# - **Simulated neurons** have one orientation; real ones in V4 prefer curves and shapes.
