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
# # Which part of an image decides? Masks of wavelets
#
# ```{provenance} masks
# ```
#
# An article {cite:p}`hege2022explaining` explains an image classifier by what can be taken away: find the *smallest* mask that keeps its answer. Over pixels such masks are grainy. Over wavelet coefficients, the article and the paper behind it (CartoonX {cite:p}`kolek2022cartoon`) say, they are smooth, and need less. This chapter asks that of networks **whose truth is known**: one reads shapes, the other the textures behind them, and both see the same images.

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"
data: str = "auto"

# %% tags=["remove-cell"]

from awdlib import clathrin, filters, masks_plots, plots, results, threads, widgets
from awdlib.datasets import cme
from awdlib.explaining import judging, own, printed, record, setup, study, teachers

size = setup.SIZES[profile]
run = results.start(
    "masks", profile, seeds=[size.seed], parameters={"profile": profile, "data": data, **size.as_dict()}
)
ledger = None if profile == "smoke" else results.folder("masks", "run") / "ledger"

# %% tags=["remove-cell"]
with threads.processes(1 if profile == "smoke" else None) as executor:
    work = setup.Study(size, ledger, executor)
    taught = teachers.teach(work)
    chosen = study.tune(work, taught)
    drawn = study.judged_images(size)
    masks = study.explain_judged(work, taught, drawn.x, chosen)
    judged = judging.judge_all(work, taught, masks)
    slow = study.explain_slowly(work, taught, drawn.x, chosen)
    on_photographs = study.over_lambda(work, taught)
    asked = cme.get_tracks("simulated" if profile == "smoke" else data, seed=0, n=size.tracks)
    of_own = {"tracks": own.study_tracks(work, clathrin.signals_of(asked, dtype=size.dtype))}
    of_own["maps"] = own.study_maps(work, results.folder("masks", "run") / "lensing")

# %% tags=["remove-cell"]
energy = record.energies()
claims = record.claims_of(judged, on_photographs, energy)
tables = {"methods": record.table_of_methods(judged), "masks": record.table_of_masks(masks, chosen)}
tables["lambda"] = record.table_of_lambda(on_photographs)
if slow:
    tables["settings"] = record.table_of_settings(masks, slow, chosen)

# %% tags=["remove-cell"]
sources = {"tracks": asked.source, "maps": "simulated (lognormal shells)"}
told = {name: record.own_of(of_own[name], source) for name, source in sources.items()}
numbers = record.numbers_of(size, drawn, taught, chosen, judged, claims, tables.get("settings"), told)
arrays = record.arrays_of(judged, record.pictures_of(drawn, masks), of_own, energy)
arrays |= record.widget_arrays(taught, drawn, study.photographs(size), on_photographs)
res = run.save(numbers=numbers, tables=tables, arrays=arrays, files=asked.files)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-first", "caption": "The same images (simulated), explained for a network that names the shape and for one that names the texture: what the masks keep, in grey. The shape network should keep the shape, the texture network the background. Each picture goes from black to its own brightest value; a black one kept nothing."}}
rows = {label: res.arrays[name].astype(float) for name, label in record.shown_labels().items()}
plots.show(
    masks_plots.explanations(drawn.x[: record.SHOWN].numpy(), rows, names=record.titles_of(drawn)),
    alt="Images of a shape before a texture; below each, in grey, what wavelet masks, dark wavelet masks and pixel masks keep for the shape network and for the texture network.",
)

# %% [markdown]
# ```{admonition} In short
# :class: important
# On {val}`masks:data.images` images whose truth is known, keep entries in an explanation's order and replace the rest by noise. The area under the distortion, less is better:
#
# | order of the entries | shape network | texture network |
# |---|---|---|
# | wavelet mask | {val}`masks:methods.shape.wavelet.restored:.2f` | {val}`masks:methods.texture.wavelet.restored:.2f` |
# | WAM-SG, from a few gradients instead of a search | {val}`masks:methods.shape.wam_sg.restored:.2f` | {val}`masks:methods.texture.wam_sg.restored:.2f` |
# | WAM-IG | {val}`masks:methods.shape.wam_ig.restored:.2f` | {val}`masks:methods.texture.wam_ig.restored:.2f` |
# | largest coefficients, no network asked | {val}`masks:methods.shape.largest.restored:.2f` | {val}`masks:methods.texture.largest.restored:.2f` |
# | coefficients at random | {val}`masks:methods.shape.random_wavelet.restored:.2f` | {val}`masks:methods.texture.random_wavelet.restored:.2f` |
# | pixel mask | {val}`masks:methods.shape.pixel.restored:.2f` | {val}`masks:methods.texture.pixel.restored:.2f` |
# | pixels at random | {val}`masks:methods.shape.random_pixel.restored:.2f` | {val}`masks:methods.texture.random_pixel.restored:.2f` |
#
# - The area of wavelet masks is *{val}`masks:words.shape_restored`* that of pixel masks on the shape network and *{val}`masks:words.texture_restored`* it on the texture network; *{val}`masks:words.shape_than_wam_sg`* and *{val}`masks:words.texture_than_wam_sg`* that of WAM-SG. How much of the gap is the domain's own, the two random orders show.
# - Of the first {val}`masks:size.rate:.0%` of the entries for the shape network, wavelet masks have {val}`masks:methods.shape.wavelet.inside:.0%` of the energy inside the true shape, dark ones {val}`masks:methods.shape.wavelet_dark.inside:.0%`, pixel masks {val}`masks:methods.shape.pixel.inside:.0%` (the shape is {val}`masks:area:.0%` of an image).
# ```
#
# ## What a mask explanation is
#
# For an image $x$, a mask $m$ and a random replacement $\xi$, the **distortion** is the expected change of the network's answer, $\mathbb{E}_\xi\,\lVert f(x) - f(m \odot x + (1 - m) \odot \xi)\rVert$. A full mask has none. A good explanation is a small mask with little distortion; it is found by gradient descent on
#
# $$\min_{m \in [0, 1]^d}\ \mathbb{E}_\xi\big[\text{distortion}\big] + \lambda \lVert m \rVert_1 .$$
#
# As in CartoonX, the distortion is the squared change of the probability of the network's own answer, ξ is noise with the mean and spread of each scale, and the L1 norm is divided by the number of entries.
#
# Draw what the network may see, then let it answer. Unselected pixels become noise; the same network as in the figure above runs in the page itself.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-drawn", "caption": "An image (simulated), a mask that keeps a box, and what the network sees: noise outside the box."}}
plots.show(
    masks_plots.pictures(printed.drawn_mask(drawn.x[0])),
    alt="An image of a shape before a texture, a mask with a white box, and the image with noise everywhere outside the box.",
)

# %% [markdown]
# ```{widget} mask
# :replaces: fig-masks-drawn
# ```
#
# ## Pixels, frequencies, wavelets
#
# | transform | formula | parameters |
# |---|---|---|
# | Fourier | $\hat f(\xi) = \int f(t)\, e^{-2\pi i \xi t}\, dt$ | frequency ξ |
# | wavelet | $W f(a, b) = \frac{1}{\sqrt{a}} \int f(t)\, \psi\big(\frac{t - b}{a}\big)\, dt$ | scale a, position b, mother wavelet ψ |
#
# (The article's table has the other sign in the exponent of the first than its text.)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-mother", "caption": "Mother wavelets ψ: Haar, the published db3, and DB5, where AWD starts."}}
drawings = {}
for name in ("haar", setup.WAVELET, "db5"):
    phi, psi, t = filters.cascade(filters.lowpass(name))
    drawings[name] = (t, phi.numpy(), psi.numpy())
plots.show(
    plots.wavelets(drawings),
    alt="Scaling functions and mother wavelets of Haar, db3 and DB5: the more taps, the smoother the wave.",
)

# %% [markdown]
# A Fourier transform tells which frequencies a signal has, a wavelet transform also when.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-transforms", "caption": "Three signals, the sizes of their Fourier transforms, and of their wavelet transforms by a complex Morlet wavelet. El Niño: sea surface temperature of every quarter from 1950 to 2013, less the season's mean, standardised (real)."}}
signals = {name: (values, widgets.scalogram(values)) for name, (values, _) in widgets.signals().items()}
plots.show(
    masks_plots.transforms(signals),
    alt="Two sines one after the other, a delta peak, and El Niño: the Fourier transform has the frequencies, the wavelet transform also when they occur.",
)

# %% [markdown]
# ```{widget} transforms
# :replaces: fig-masks-transforms
# ```
#
# In two dimensions each scale has three kinds of details: across, down and diagonal. A drawn square needs few coefficients.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-haar", "caption": "A disc and the sizes of its Haar coefficients (square roots, for the eye): averages at the upper left, then three scales of details."}}
plots.show(
    masks_plots.pictures(printed.haar_of_disc()),
    alt="A white disc, and its Haar transform: a small disc at the upper left, and thin outlines in the quadrants of details.",
)

# %% [markdown]
# ```{widget} haar
# :replaces: fig-masks-haar
# ```
#
# ### Photographs are sparse in wavelets

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-compaction", "caption": "Energy of {val}`masks:data.packaged` packaged photographs (real; grey, without their means) in their largest wavelet coefficients and in their largest pixels; thin lines are single photographs."}}
curves = {"wavelet coefficients": res.arrays["energy_wavelets"], "pixels": res.arrays["energy_pixels"]}
plots.show(
    masks_plots.compaction(res.arrays["shares"], curves),
    alt="Share of the energy against the share of entries kept, largest first: a curve for wavelet coefficients and one for pixels, with thin lines for single photographs.",
)

# %% [markdown]
# ## Does a larger λ mask more?
#
# For wavelet masks of {val}`masks:data.photographs` photographs the mean mask falls from one λ to the next *{val}`masks:words.wavelets_with_lambda`*, for pixel masks *{val}`masks:words.pixels_with_lambda`*. Where it does not, λ is so small that the optimiser's steps decide.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-lambda", "caption": "Mean of the mask (thin: single photographs) and distortion against λ, for a network that names {val}`masks:data.packaged` packaged photographs (real), of which {val}`masks:data.photographs` are explained."}}
plots.show(
    masks_plots.along_lambda(printed.lambda_panels(res)),
    alt="Mean of the mask and distortion against lambda, a panel for wavelet masks and one for pixel masks.",
)

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-photographs", "caption": "A packaged photograph (real), and what wavelet masks and pixel masks keep of it in grey, from the smallest λ to the largest."}}
plots.show(
    masks_plots.pictures(printed.photograph_rows(res), rows=2),
    alt="A photograph and what masks of growing lambda keep of it in grey, a row for wavelet masks and one for pixel masks.",
)

# %% [markdown]
# The slider has all {val}`masks@paper:data.photographs` photographs, as the paper profile masked them.
#
# ```{widget} lambda
# :replaces: fig-masks-photographs
# :results: masks@paper
# ```
#
# ## Do wavelet masks need less?
#
# Keep the entries in the order that an explanation gives them, replace the rest by noise, and see how far the answer is off. Going up a grid, λ is the last before the answer is lost (distortion over {val}`masks:size.tolerated` on average over {val}`masks:size.tuning` images of their own); where even the smallest loses it, the smallest. What the masks then keep, in the share of entries above {val}`masks:size.kept`; how many are empty, as noise alone may have the network's answer; and for how many images the answer is kept:

# %% tags=["hide-input", "nbval-check-output"]
printed.masks(res.tables["masks"])

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-curves", "caption": "Distortion (length of the change of all probabilities) against the share of entries that are kept, most relevant first; means over {val}`masks:data.images` images (simulated). Entries are wavelet coefficients (blue) or pixels (other colours)."}}
plots.show(
    masks_plots.curves(printed.curve_panels(res), judging.LABELS),
    alt="Distortion against the share of entries kept, for the shape and the texture network; lines in blue are orders of wavelet coefficients, other colours orders of pixels.",
)

# %% [markdown]
# The numbers. *restored*: area under the curve above (less is better). *randomised*: the same where the most relevant entries are replaced first (more is better). *inserted* (more), *deleted* (less): area under the answer's probability with averages in place of what is missing; *faithfulness* (more) is their difference. Saliency, integrated gradients, SmoothGrad and Grad-CAM order pixels, WAM {cite:p}`kasmi2025one` wavelet coefficients. With 95 % bootstrap intervals over images. First the shape network, then the texture network.

# %% tags=["hide-input", "nbval-check-output"]
printed.curves(res.tables["methods"], "shape")

# %% tags=["hide-input", "nbval-check-output"]
printed.curves(res.tables["methods"], "texture")

# %% [markdown]
# ## What the pictures show
#
# At equal rate, the first {val}`masks:size.rate:.0%` of the entries. *distortion*: of the answer, where only these are kept; where it is large, little is explained yet. *inside*: share of the energy inside the true shape, for which the article had no truth (more for the shape network, less for the texture network). Less is better of *roughness* (total variation over L1 norm) and *hallucination* (edges that the image does not have, over the image's edges), more of *conciseness* (probability kept over information kept): both after ShearletX {cite:p}`kolek2023shearlets`, with other edges (Canny's) and with pixels for information. First the shape network, then the texture network.

# %% tags=["hide-input", "nbval-check-output"]
printed.pictures(res.tables["methods"], "shape")

# %% tags=["hide-input", "nbval-check-output"]
printed.pictures(res.tables["methods"], "texture")

# %% [markdown]
# How much of it is the domain's own? The roughness of wavelet masks less that of pixel masks is {val}`masks:claims.roughness.estimate:.2f`, means over both networks; that of coefficients at random less that of pixels at random, with no network asked, is {val}`masks:claims.roughness_random.estimate:.2f`. For hallucination these are {val}`masks:claims.hallucination.estimate:.2f` and {val}`masks:claims.hallucination_random.estimate:.2f`. Where both are alike, a smooth picture says nothing about the explanation.
#
# ## The paper's own teachers
#
# The same for networks that AWD was made for: an LSTM on clathrin tracks ({val}`masks:own.tracks.source`) and a small ResNet that tells Ω_m from lensing maps ({val}`masks:own.maps.source`), each explained by masks over wavelet coefficients and over samples or pixels, with the same λ ({val}`masks:size.own_lam:g` times the prediction's variance) for all: chosen for none, so wavelets against samples are not at their best, each. If the distilled wavelet holds what the network uses, fewer of its coefficients should keep the prediction.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-masks-own", "caption": "Change of the prediction (in its standard deviations over the test examples) against the share of entries that are kept; one network and one distilled wavelet each. Left: means over {val}`masks:own.tracks.n` test tracks ({val}`masks:own.tracks.source`). Right: over {val}`masks:own.maps.n` test maps ({val}`masks:own.maps.source`)."}}
panels = {
    title: {name: res.arrays[f"{data}_{name}"] for name in own.LABELS}
    for data, title in (("tracks", "LSTM, tracks"), ("maps", "ResNet, maps"))
}
plots.show(
    masks_plots.own(res.arrays["shares"], panels, own.LABELS),
    alt="Change of the prediction against the share of entries kept, for the distilled wavelet, DB5, random wavelets and the samples or pixels themselves.",
)

# %% [markdown]
# | area under the curve | tracks | maps |
# |---|---|---|
# | AWD | {val}`masks:own.tracks.awd.estimate:.3f` ({val}`masks:own.tracks.awd.low:.3f` to {val}`masks:own.tracks.awd.high:.3f`) | {val}`masks:own.maps.awd.estimate:.3f` ({val}`masks:own.maps.awd.low:.3f` to {val}`masks:own.maps.awd.high:.3f`) |
# | DB5 | {val}`masks:own.tracks.db5.estimate:.3f`; AWD's is *{val}`masks:own.tracks.words.db5`* it | {val}`masks:own.maps.db5.estimate:.3f`; AWD's is *{val}`masks:own.maps.words.db5`* it |
# | random wavelets | {val}`masks:own.tracks.random.estimate:.3f`; AWD's is *{val}`masks:own.tracks.words.random`* it | {val}`masks:own.maps.random.estimate:.3f`; AWD's is *{val}`masks:own.maps.words.random`* it |
# | samples, pixels | {val}`masks:own.tracks.samples.estimate:.3f`; AWD's is *{val}`masks:own.tracks.words.samples`* it | {val}`masks:own.maps.samples.estimate:.3f`; AWD's is *{val}`masks:own.maps.words.samples`* it |
#
# A distilled filter is a wavelet only nearly, so its curve need not end at zero. And {val}`masks:own.tracks.entries.samples` samples of a track have {val}`masks:own.tracks.entries.db5` coefficients: most atoms are cut by its ends, so replacing one coefficient moves others.
#
# ## At the paper's scale
#
# This page is computed by the run that its banner names. The paper profile judges {val}`masks@paper:data.images` images; its accepted results stand here whatever this page shows. First the area under the distortion (*restored*), then the energy *inside the true shape* (the shape is {val}`masks@paper:area:.0%` of an image).

# %% tags=["hide-input", "nbval-check-output"]
at_scale = (res if profile == "paper" else results.load("masks", "paper", origin="accepted")).tables
printed.side_by_side(res.tables["methods"], at_scale["methods"], "restored")

# %% tags=["hide-input", "nbval-check-output"]
printed.side_by_side(res.tables["methods"], at_scale["methods"], "inside")

# %% [markdown]
# **Do fewer steps do?** The published setting has {val}`masks@paper:size.published_steps` steps with {val}`masks@paper:size.published_samples` draws of noise each; here it is {val}`masks@paper:size.steps` with {val}`masks@paper:size.samples`, and a larger step length. On the first {val}`masks@paper:size.published` images both were done, for the shape network. The published setting takes {val}`masks@paper:settings.wavelet.time_ratio:.0f` times the computing; wavelet masks of both correlate to {val}`masks@paper:settings.wavelet.correlation:.2f`, pixel masks to {val}`masks@paper:settings.pixel.correlation:.2f`. Means over these images:

# %% tags=["hide-input", "nbval-check-output"]
printed.settings(at_scale["settings"])

# %% [markdown]
# ```{verdicts} masks@paper
# ```
#
# ## The claims, one by one
#
# ```{verdicts} masks
# ```
#
# ## What to doubt
#
# - **Small networks, small images.** {val}`masks:networks.shape.parameters` parameters and {val}`masks:data.side` pixels; the article has MobileNet and photographs. What holds here need not hold there.
# - **Accuracy.** The shape network is right in {val}`masks:networks.shape.accuracy:.0%` of test images, the texture network in {val}`masks:networks.texture.accuracy:.0%`. Its own answer is explained, right or wrong.
# - **Coarse wavelets light up much of an image**, so "inside the shape" is harder for them than for pixels; the dark variant asks for dark pixels.
# - **Order beyond the mask.** Entries that a mask has at 0 come in a random order, while gradients order all; the area counts every share, so it is strict with masks.
# - **WAM** here takes the size of the mean gradient in the masks' own wavelet; its authors take sizes first and divide each band by its largest. Relevance by layers (LRP) is left out.
# - **Photographs** are explained for a network that was trained on other crops of the same {val}`masks:data.packaged` pictures.
# - **Entries are not alike**: {val}`masks:data.entries.wavelets` coefficients stand for {val}`masks:data.entries.pixels` pixels, as the edges of the image need some; a coefficient of the coarsest scale says more than a pixel, so equal shares are not equal information. And noise in coefficients leaves each scale its spread, so that with nothing kept the answer may be less far off than with all pixels replaced: compare each domain with its own random order.
#
# ## Credits
#
# The article and its widgets, by J. Hege, S. Kolek and G. Kutyniok, are under CC BY 4.0; the widgets here are written anew. Photographs and textures:

# %% tags=["hide-input"]
printed.credits()
