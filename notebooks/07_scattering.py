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
    "search": record.table_of_search(tried),
    "neurons": record.table_of_neurons(predicted),
}
numbers = record.numbers_of(size, curves, pruned, again, tried, moved, predicted)
res = run.save(numbers=numbers, tables=tables, arrays=record.arrays_of(size, curves, pruned, moved, predicted))

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-curves", "caption": "Accuracy on {val}`scattering:data.tests` test crops of {val}`scattering:data.textures` textures (real, packaged) against the number of crops to learn from (half as many more, at most {val}`scattering:data.held_most`, say when to stop; heads are fitted on all). Mean over {val}`scattering:data.seeds` seeds with 95 % intervals over seeds and test crops of these {val}`scattering:data.textures` pictures: over other textures they would be wider. Dotted: chance."}}
plots.show(
    adaptive_plots.learning_curves(res.tables["curves"], setup.FAMILIES, chance=1 / numbers["data"]["textures"]),
    alt="Accuracy against the number of crops of each texture to learn from: left Morlet scattering, fixed and learned in three ways, and a convolutional network; right features by DB5, AWD's, random and learned orthogonal filters.",
)

# %% [markdown]
# ```{admonition} In short
# :class: important
# - **Does learning help?** Learned wavelets, shared by rotation, against fixed ones: *{val}`scattering:learning.helps` crops of each texture* (each by its own 95 % interval). With {val}`scattering:data.most` crops fixed wavelets reach an accuracy of {val}`scattering:most.fixed:.2f`, the {val}`scattering:most.learned.n` ways to learn Morlet wavelets {val}`scattering:most.learned.low:.2f` to {val}`scattering:most.learned.high:.2f`, the network {val}`scattering:most.network:.2f`; one orthogonal filter {val}`scattering:most.db5:.2f` where it starts, DB5, and {val}`scattering:most.orthogonal:.2f` when learned.
# - **With little data?** With {val}`scattering:data.least` crops of each texture, fixed wavelets are *{val}`scattering:words.fixed_minus_network`* a convolutional network that sees the same crops, turned alike and under the same kind of head; learned wavelets are *{val}`scattering:words.learned_minus_network`* it.
# - **How many filters are needed?** Removing only those that no restart misses takes {val}`scattering:pruning.share:.0%` of {val}`scattering:pruning.filters` away and loses {val}`scattering:claims.lost_at_stop.estimate:.3f` of test accuracy (95 %: {val}`scattering:claims.lost_at_stop.low:.3f` to {val}`scattering:claims.lost_at_stop.high:.3f`; below 0 is a gain).
# - **AWD's idea here?** With {val}`scattering:data.least` crops, AWD's wavelet is *{val}`scattering:words.awd_minus_db5`* DB5, where it starts, and *{val}`scattering:words.awd_minus_random`* the best of as many random ones, all as filters of a scattering transform; by its own wavelet transform it is *{val}`scattering:words.bands_minus_db5`* DB5. Making a network's attributions sparse while Morlet filters learn is *{val}`scattering:words.distilled_minus_learned`* learning alone.
# - **Can the model be read?** {val}`scattering:data.neurons` simulated neurons show their true orientation to {val}`scattering:size.within.degrees:g`° and frequency to {val}`scattering:size.within.octaves:g` octaves in {val}`scattering:claims.recovered.estimate:.0%` of the models that predict them ({val}`scattering:claims.recovered.low:.0%` to {val}`scattering:claims.recovered.high:.0%`).
# - **With more seeds, crops and steps?** At the paper's scale (below) learned wavelets against fixed ones are *{val}`scattering@paper:learning.helps` crops of each texture*; with {val}`scattering@paper:data.most` crops the network reaches {val}`scattering@paper:most.network:.2f`, learned Morlet wavelets {val}`scattering@paper:most.learned.low:.2f` to {val}`scattering@paper:most.learned.high:.2f`.
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
# - **A bound that holds after every step.** The filters are divided by the square root of their largest Littlewood–Paley sum inside each pass, and the gradient goes through the division. So the sum is 1 by construction; what rounding leaves was checked on the filters as they are applied, in the precision of training: over all steps of {val}`scattering:claims.littlewood_paley.n` fits here (those of the learning curves, of pruning and of the search), the largest was {val}`scattering:claims.littlewood_paley.estimate:.7f`. The bound is about coefficients; none holds for their logarithms, which heads read.
# - **Other families**: orthogonal filters by lattice angles, which contain Daubechies', symlets and coiflets, and so AWD's wavelets; generalised Daubechies filters {cite:p}`vonesch2007generalized`; pixels that are free.
# - **AWD's interpretation loss**: the gradients G of a network by its input, filtered linearly by the learned wavelets, G ⋆ ψ, are made sparse. These are no attributions of scattering coefficients, which are moduli, and they are attributions of wavelet coefficients only for a tight frame. Orthogonal filters are one; the sum of the fixed Morlet wavelets, 1 at its largest, has {val}`scattering:frame.median:.2f` for its median and {val}`scattering:frame.least:.2f` for its least.
#
# **The same for all.** Crops are turned and mirrored at random while filters or the network learn, and heads see every crop in {val}`scattering:data.copies.low:.0f` to {val}`scattering:data.copies.high:.0f` turns. Filters learn for at most {val}`scattering:size.updates` steps whatever the number of crops, the network, which starts from nothing, for {val}`scattering:size.network_updates`: with {val}`scattering:data.most` crops of each texture filters see each at most {val}`scattering:passes.filters_most:.1f` times, the network {val}`scattering:passes.network_most:.0f` times. Tries of each: {val}`scattering:size.tries`, of which held-out crops choose the best. Every head in the learning curves is a ridge regression on all labelled crops, its α by cross-validation. By its own head the network reaches {val}`scattering:own_head.first:.2f` with {val}`scattering:data.least` crops of each texture. AWD has {val}`scattering:size.wavelets` fits and chance as many random wavelets, of which cross-validation chooses. Scattering by one orthogonal filter makes far fewer coefficients than by Morlet wavelets: compare within a panel.

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
# The CAR index {cite:p}`abbasiasl2017structural` of a filter is the held-out accuracy lost without it. Here it is cross-validated on all labelled crops. Begin with the standard {val}`scattering:size.orientations` orientations at {val}`scattering:size.scales` scales, and remove the filter with the smallest index, again and again; the head is fitted anew each time, with the α that cross-validation prefers for all filters, and sees no turns. {val}`scattering:size.restarts` restarts, whose training crops are resampled with replacement, are asked before each removal: {val}`scattering:pruning.agreement:.0%` of their pairs would remove the same filter, by chance {val}`scattering:pruning.chance:.0%` would. The rule that no restart may miss a filter that goes leaves {val}`scattering:pruning.stopped.low:.0f` to {val}`scattering:pruning.stopped.high:.0f` of {val}`scattering:pruning.filters`, depending on the seed that draws the crops; there test accuracy has lost {val}`scattering:claims.lost_at_stop.estimate:.3f` (95 %: {val}`scattering:claims.lost_at_stop.low:.3f` to {val}`scattering:claims.lost_at_stop.high:.3f`; below 0 is a gain).

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-pruning", "caption": "Accuracy against the filters that are left, {val}`scattering:size.pruned` crops of each texture and half as many more; mean over {val}`scattering:data.seeds` seeds. Order and stop come from labelled crops alone. Grey: filters removed in a random order, mean over seeds."}}
plots.show(
    adaptive_plots.pruning(
        res.arrays["pruned_test"],
        res.arrays["pruned_random"],
        res.arrays["pruned_held"],
        stopped=(res["pruning.stopped.low"], res["pruning.stopped.high"]),
    ),
    alt="Accuracy on test crops and by cross-validation as filters are removed by the smallest CAR index, beside a band for random orders of removal.",
)

# %% [markdown]
# With half of the filters, test accuracy is {val}`scattering:pruning.half:.2f`, with all {val}`scattering:pruning.start:.2f`, with a random half {val}`scattering:pruning.random_half:.2f`. Cross-validated accuracy chose the order, so it is too good by itself.
#
# Where the filters learn again after each block of removals, from {val}`scattering:size.many` orientations on and with the crops of the first seed, {val}`scattering:pruning.relearned`.
#
# The outer problem of the proposal is how many layers, scales and orientations to begin with. Sizes are tried from small to large; for each, filters learn for {val}`scattering:size.inner` steps and are pruned. The search ends when {val}`scattering:size.patience` in a row are not better on held-out crops of the first seed. After {val}`scattering:search.tried` of {val}`scattering:search.sizes` sizes {val}`scattering:search.ended`. It finds {val}`scattering:search.layers` layer(s), {val}`scattering:search.scales` scales and {val}`scattering:search.orientations` orientations, of which {val}`scattering:search.kept` filters are kept. Accuracies in the table are those by which filters were removed, so they are too good, the more so the more filters there were. Only the size that is found is tested: {val}`scattering:search.test.estimate:.2f` of the test crops are right ({val}`scattering:search.test.low:.2f` to {val}`scattering:search.test.high:.2f`).

# %% tags=["hide-input"]
printed.search(res.tables["search"])

# %% [markdown]
# ## How far it moves when an image is bent
#
# The bound says that representations are no further apart than images: over pairs of crops and of noise, the largest ratio is {val}`scattering:expansion.drawn:.3f`; gradient ascent from the worst of them reaches {val}`scattering:expansion.worst:.3f`. Stability says more: a deformation τ moves a representation by at most C (2⁻ᴶ‖τ‖∞ + ‖∇τ‖∞) of the image's norm, second derivatives left out {cite:p}`mallat2012group`, though it can move the image far. Averaging alone does that too, and forgets all details: the lowpass is drawn for that. The Fourier modulus ignores shifts, and is not stable.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-stability", "caption": "Change of features of test crops (real) over the norm of the crop when these are bent, left, or shifted, right; mean over {val}`scattering:size.fields` displacements and {val}`scattering:data.seeds` seeds. |∇τ| is the largest change of a length. The image's own change, dotted, bounds that of both scattering transforms; the network's features are brought to the images' mean norm. Thin: the deformation bound, its C such that it begins at fixed scattering's change. Right, solid: coefficients of windows, periodic shifts; dashed: means of coefficients over two windows that are cut so far apart, over their norm. The Fourier modulus ignores periodic shifts; it is drawn at the bottom."}}
panels = {
    "largest |∇τ|": (res.arrays["strengths"], {n: res.arrays[f"bent_{n}"] for n in stability.LABELS}),
    "shift in pixels": (
        res.arrays["shifts"],
        {n: res.arrays[f"shifted_{n}"] for n in stability.LABELS | stability.READ},
    ),
}
plots.show(
    adaptive_plots.stability(panels, stability.LABELS | stability.READ, res.arrays["bound"]),
    alt="Change against the strength of a deformation and against a shift, for the image, a lowpass, the Fourier modulus, fixed and learned scattering and a network, beside the shape of the deformation bound.",
)

# %% [markdown]
# For deformations that change lengths by up to {val}`scattering:size.judged:.0%`, the change of learned scattering ({val}`scattering:bent.learned:.3f`) is *{val}`scattering:words.bent_minus_fourier`* that of the Fourier modulus ({val}`scattering:bent.fourier:.3f`), *{val}`scattering:words.bent_minus_fixed`* that of fixed scattering ({val}`scattering:bent.fixed:.3f`) and *{val}`scattering:words.bent_minus_lowpass`* that of the lowpass alone ({val}`scattering:bent.lowpass:.3f`).
#
# A periodic shift by {val}`scattering:shift.small` pixel changes the crops themselves by {val}`scattering:shift.image.small:.2f` of their norm, fixed scattering by {val}`scattering:shift.fixed.small:.2f` and learned scattering by {val}`scattering:shift.learned.small:.2f`; a shift by {val}`scattering:shift.window` pixels, the $2^J$ of an averaging window, by {val}`scattering:shift.image.window:.2f`, {val}`scattering:shift.fixed.window:.2f` and {val}`scattering:shift.learned.window:.2f`. Averaged over all places, coefficients of a periodic image do not change with a periodic shift at all, whatever the filters: a check of the code ({val}`scattering:shift.averaged:.0e`), no finding. What heads here read are logarithms of means over a crop with mirrored edges, and a real shift brings something new in at one side. Two windows cut from the same crop {val}`scattering:shift.small` pixel apart differ by {val}`scattering:shift.read.image.small:.2f` of their norm, the means of their coefficients by {val}`scattering:shift.read.fixed.small:.3f` (fixed) and {val}`scattering:shift.read.learned.small:.3f` (learned); {val}`scattering:shift.window` pixels apart it is {val}`scattering:shift.read.fixed.window:.3f` and {val}`scattering:shift.read.learned.window:.3f`, and for two crops of one texture {val}`scattering:shift.apart.learned:.3f` (learned).
#
# ## Neurons that watch movies
#
# The proposal's application: predict neurons in visual area V4 from natural movies, then read from the model what they respond to. No recordings come with this book, so the neurons are **simulated**, and not by any of the wavelets that are fitted: differences of Gaussians with a divisive surround, a delay and Poisson spikes (`awdlib.datasets.neurons`). The movies are packaged photographs that drift and zoom; those of training, choice and test share none. A model sees {val}`scattering:data.frames` frames once; the correlation on the test movie is corrected for noise by {val}`scattering:data.repeats` repeats {cite:p}`schoppe2016measuring`. All is done for {val}`scattering:data.movies` sets of movies.
#
# First-order amplitudes are divided by the contrast about them, as neurons of all visual areas divide, and share one unit. Without both, fine gratings look better than they are: movies show coarse bars with far more contrast than fine ones, and ridge regression trusts what is rare. Two models have no wavelets: *pixels*, which no linear readout can turn into the energy that these neurons answer to, and *local contrast*, by which amplitudes are divided and which has no orientation. Pixels answer to a drifting grating by its modulation alone, since the mean of a linear model is the same for all; so, as for simple cells, that amplitude is what is read.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-neurons", "caption": "Left and middle: orientation and frequency of {val}`scattering:data.neurons` simulated neurons by gratings shown to their models, against the truth, a mark for each set of movies; grey: {val}`scattering:size.within.degrees:g`° and {val}`scattering:size.within.octaves:g` octaves. Right: noise-corrected correlation on a test movie; bars are medians."}}
plots.show(
    adaptive_plots.neurons(
        (res.arrays["orientation_true"], res.arrays["frequency_true"]),
        printed.tuned(res),
        printed.correlations(res.tables["neurons"]),
        neurons.LABELS,
        **res["size.within"],
    ),
    alt="Orientation and frequency of simulated neurons as their models have them against the truth, and how well pixels, local contrast, fixed and learned scattering predict them.",
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
# ## At the paper's scale
#
# This page is computed by the run that its banner names. The paper profile has {val}`scattering@paper:data.least` to {val}`scattering@paper:data.most` crops of each texture to learn from, {val}`scattering@paper:data.seeds` seeds, {val}`scattering@paper:data.tests` test crops, {val}`scattering@paper:size.orientations` orientations and {val}`scattering@paper:size.updates` steps for filters; its accepted results stand here whatever this page shows.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-scattering-at-scale", "caption": "The paper profile: accuracy on {val}`scattering@paper:data.tests` test crops of {val}`scattering@paper:data.textures` textures (real, packaged) against the number of crops to learn from. Mean over {val}`scattering@paper:data.seeds` seeds with 95 % intervals over seeds and test crops. Dotted: chance."}}
at_scale = res if profile == "paper" else results.load("scattering", "paper", origin="accepted")
plots.show(
    adaptive_plots.learning_curves(at_scale.tables["curves"], setup.FAMILIES, chance=1 / numbers["data"]["textures"]),
    alt="Accuracy in the paper profile against the number of crops of each texture to learn from, for Morlet scattering and a network, left, and for one orthogonal filter, right.",
)

# %% tags=["hide-input", "nbval-check-output"]
printed.curves(at_scale.tables["curves"])

# %% [markdown]
# - **Learned wavelets**, shared by rotation, against fixed ones: *{val}`scattering@paper:learning.helps` crops of each texture*. Filters see a crop at most {val}`scattering@paper:passes.filters_most:.1f` times where there are most, the network {val}`scattering@paper:passes.network_most:.0f` times.
# - **The network.** With {val}`scattering@paper:data.least` crops fixed wavelets are *{val}`scattering@paper:words.fixed_minus_network`* it and learned ones *{val}`scattering@paper:words.learned_minus_network`* it; with {val}`scattering@paper:data.most` it reaches {val}`scattering@paper:most.network:.2f`, fixed wavelets {val}`scattering@paper:most.fixed:.2f`, learned ones {val}`scattering@paper:most.learned.low:.2f` to {val}`scattering@paper:most.learned.high:.2f`.
# - **AWD's wavelet** is *{val}`scattering@paper:words.awd_minus_db5`* DB5 and *{val}`scattering@paper:words.awd_minus_random`* the best of {val}`scattering@paper:size.wavelets` random ones; sparse attributions make learned Morlet wavelets *{val}`scattering@paper:words.distilled_minus_learned`* what they are without (all with {val}`scattering@paper:data.least` crops).
# - **Pruning.** Of {val}`scattering@paper:pruning.filters` filters the rule that no restart may miss one takes {val}`scattering@paper:pruning.share:.0%`. Half of them, the smallest index first, cost {val}`scattering@paper:claims.redundant.estimate:.3f` of test accuracy ({val}`scattering@paper:claims.redundant.low:.3f` to {val}`scattering@paper:claims.redundant.high:.3f`; below 0 is a gain): with half it is {val}`scattering@paper:pruning.half:.2f`, with a random half {val}`scattering@paper:pruning.random_half:.2f`.
# - **Simulated neurons**, {val}`scattering@paper:data.neurons` of them over {val}`scattering@paper:data.movies` sets of movies: both limits at once are met by {val}`scattering@paper:neurons.fixed.within:.0%` of the models with fixed wavelets and {val}`scattering@paper:neurons.learned.within:.0%` with learned ones; corrected correlations are {val}`scattering@paper:neurons.fixed.correlation:.2f` and {val}`scattering@paper:neurons.learned.correlation:.2f`, by local contrast alone {val}`scattering@paper:neurons.contrast.correlation:.2f`.
#
# ```{verdicts} scattering@paper
# ```
#
# ## The claims, one by one
#
# Of the run that the banner names:
#
# ```{verdicts} scattering
# ```
#
# ## What to doubt
#
# - **Learning may not pay.** Where an interval above holds 0, learned filters were not shown to be better, and the page says so; with more steps or another start they might be.
# - **One photograph a texture.** Intervals are for these {val}`scattering:data.textures` pictures; textures differ more than crops. Training, held-out and test crops come from parts of it that share no pixel, but "generalises" means to another part of the same picture.
# - **The start is good.** Kymatio's wavelets cover all frequencies; starts at random are a harder test, which others have made {cite:p}`gauthier2022parametric`.
# - **Families that are not compared.** Generalised Daubechies filters and free pixels are in the library, with their tests, and learn like the others; here they would be two more rows.
# - **The network is small** and is trained from nothing; one trained on other images first would need fewer crops.
# - **Rotations are drawn at random** for every crop, which favours whatever averages over angles; turned copies ({val}`scattering:data.copies.low:.0f` to {val}`scattering:data.copies.high:.0f` of each crop) give that to every method, but in steps of 90° alone.
# - **Simulated neurons** have one orientation, and divide by contrast as the models do; real ones in V4 prefer curves and shapes.
