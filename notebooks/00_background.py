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
# # Understand adaptive wavelets: filters, attributions, one objective
#
# ```{provenance} background
# ```
#
# Adaptive wavelet distillation (AWD) {cite:p}`ha2021adaptive` learns **one short filter** so that three things hold at once: the transform loses nothing, the filter is a wavelet's, and a trained network's attributions become sparse in it. This chapter builds up what those words mean, one figure each, and checks its statements numerically at the end.

# %% tags=["parameters", "remove-cell"]
profile: str = "smoke"
device: str = "cpu"

# %% tags=["hide-input"]
import numpy as np
import pandas as pd
import torch

from awdlib import attribution, drawings, dwt, filters, networks, objective, plots, results, theory
from awdlib.datasets import cme
from awdlib.datasets.synthetic import make_synthetic

examples = {"smoke": 4000, "laptop": 20000, "paper": 50000}[profile]
run = results.start(
    "background", profile, source=None, parameters={"profile": profile, "examples": examples}, seeds=[0]
)
names = ["cA₄", "cD₄", "cD₃", "cD₂", "cD₁"]
db5 = filters.lowpass("db5")

# %% tags=["remove-cell"]
problem = make_synthetic(examples, seed=0)
split = examples * 9 // 10
torch.manual_seed(0)
network = networks.FeedForward(64).double()
curve = networks.train(
    network, problem.x[:split], problem.y[:split], problem.x[split:], problem.y[split:], seed=0, epochs=20
)
held_r2 = 1 - min(curve) / problem.y[split:].var(correction=0).item()
gradients = attribution.input_gradients(network, problem.x[:2000])

# %% [markdown]
# ## The method in one figure
#
# A signal goes two ways. The wavelet transform Ψ, decided by the filter h alone, turns it into coefficients; the network turns it into a prediction, and an attribution method says which coefficients that prediction rests on. Three losses pull on h, and on nothing else.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-overview", "caption": "AWD at a glance (after the paper's Fig. 1), drawn from a simulated clathrin track, its DB5 coefficients and the attributions of a network trained on the synthetic problem."}}
track = cme.simulate_tracks(0, 100).x[7]
coeffs = [b[0, 0].numpy() for b in dwt.wavedec(torch.from_numpy(track)[None, None], db5, level=4)]
scores = [b[0, 0].numpy() for b in attribution.from_gradients(gradients[:1], None, db5, level=4)]
fig = drawings.overview(track, coeffs, scores)
plots.show(
    fig,
    alt="Diagram: a signal feeds a wavelet transform, giving coefficients, and a trained network, giving attributions. Reconstruction, wavelet and interpretation losses all act on one filter h.",
)

# %% [markdown]
# ## A wavelet is a short wave that tiles time and scale
#
# One mother wavelet ψ, stretched by powers of two and shifted, makes an orthonormal basis (Eq. 1):
#
# $$\psi_{j,n}(t) = 2^{-j/2}\,\psi\!\left(\frac{t-2^j n}{2^j}\right), \qquad x = \sum_n a_J[n]\,\phi_{J,n} + \sum_{j\le J}\sum_n d_j[n]\,\psi_{j,n}.$$
#
# The scaling function φ stands for all that is coarser than scale $2^J$.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-wavelets", "caption": "Four orthogonal wavelets, each made by the cascade algorithm from one lowpass filter of 2, 10, 10 and 12 taps. DB5 is where AWD starts."}}
functions = {name: filters.cascade(filters.lowpass(name), level=8) for name in ("haar", "db5", "sym5", "coif2")}
fig = plots.wavelets({name.upper(): (t, phi.numpy(), psi.numpy()) for name, (phi, psi, t) in functions.items()})
plots.show(
    fig,
    alt="Scaling function and wavelet of Haar, DB5, Sym5 and Coif2. Haar is a step; the others are smooth oscillating pulses, DB5 the most lopsided.",
)

# %% [markdown]
# A wavelet basis sees *when* something happens, and the finer the scale the better. A Fourier basis sees only which frequencies there are.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-tiling", "caption": "The same signal, a slow wave with a short burst, in two bases. Fourier: every coefficient covers all times. Wavelet (DB5): tiles are narrow in time where the frequency is high; the burst lights up where it is."}}
t = np.arange(256) / 256
signal = np.sin(2 * np.pi * 3 * t) + np.where(np.abs(t - 0.7) < 0.04, np.sin(2 * np.pi * 60 * t), 0)
bands = dwt.wavedec(torch.from_numpy(signal), db5, level=4, mode="periodization")
fig = drawings.tilings(signal, [b.numpy() for b in bands], np.abs(np.fft.rfft(signal)), names)
plots.show(
    fig,
    alt="A slow wave with a burst; its Fourier tiling has horizontal stripes without any time; its wavelet tiling shows the burst as dark tiles at the burst's time and high frequency.",
)

# %% [markdown]
# ## The filter bank: two filters do everything
#
# Coefficients need no integrals. With a lowpass filter h and a highpass filter g, one step splits a signal into a coarse half and a detail half (Eq. 5), and the transposed step puts it back together (Eq. 6):
#
# $$a_{j+1}[p]=\sum_n h[n-2p]\,a_j[n],\qquad d_{j+1}[p]=\sum_n g[n-2p]\,a_j[n],\qquad a_j[p]=\sum_n h[p-2n]\,a_{j+1}[n]+\sum_n g[p-2n]\,d_{j+1}[n].$$
#
# The highpass filter is the lowpass filter, reversed with alternating signs (Eq. 11), so **h is all there is to learn**.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-filter-bank", "caption": "A simulated clathrin track of 40 values and its DB5 transform, J = 4, zero boundary: 10 + 10 + 12 + 16 + 24 coefficients, coarse to fine. "}}
fig = drawings.filter_bank(track, coeffs, names)
plots.show(
    fig,
    alt="A fluorescence track on top; below it five rows of coefficients, from coarse approximation to finest details, large where the track drops sharply.",
)

# %% [markdown]
# Coarser and coarser approximations are nested spaces, $V_{j+1} \subset V_j$, and the details are what is lost in between, $V_j = V_{j+1} \oplus W_{j+1}$. With Haar one sees it at once: $P_j x$ is x averaged over blocks of $2^j$ (App. A.2).

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-haar", "caption": "Haar multiresolution: projections of one signal on coarser and coarser spaces are block means, each the projection of the one before."}}
rough = np.cumsum(np.random.default_rng(3).standard_normal(64)) / 4
fig = drawings.projections(rough, theory.haar_projections(rough, 4))
plots.show(
    fig,
    alt="Four panels: a random walk in grey and its block means over 2, 4, 8 and 16 samples in blue, each coarser than the one before.",
)

# %% [markdown]
# A wavelet basis is concise where a signal has edges: of piecewise constant signals with three jumps, the ten largest Haar coefficients hold {val}`background:energy.jumps.haar:.1%` of the energy, the ten largest DB5 coefficients {val}`background:energy.jumps.db5:.1%`, the ten largest cosine coefficients {val}`background:energy.jumps.fourier:.1%`. It is no law: on short, noisy tracks (simulated) it is {val}`background:energy.tracks.haar:.1%`, {val}`background:energy.tracks.db5:.1%` and {val}`background:energy.tracks.fourier:.1%`. Which basis is concise depends on the data; that is the reason to adapt it.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-sparsity", "caption": "Share of the energy in the k largest coefficients of four orthonormal bases, mean over 200 signals (both kinds simulated)."}}
kinds = {"jumps": theory.jump_signals(200, 128), "tracks": cme.simulate_tracks(1, 200).x}
depths = {"jumps": 7, "tracks": 3}  # as deep as 128 and 40 samples can be halved
energy = {kind: theory.energy_by_basis(x, level=depths[kind], count=20) for kind, x in kinds.items()}
titles = {"jumps": "Signals with three jumps", "tracks": "Clathrin tracks (simulated)"}
fig = drawings.energy_curves(
    {titles[k]: v for k, v in energy.items()}, ["#56B4E9", plots.AWD, plots.STANDARD, plots.CONTROL]
)
plots.show(
    fig,
    alt="Share of energy against coefficients kept, for signals with jumps and for clathrin tracks, in two wavelet bases, a cosine basis and plain samples.",
)

# %% [markdown]
# ## When is a filter a wavelet's?
#
# Theorem 1 (Mallat, 7.2): if $\sum h=\sqrt2$, $|\hat h(w)|^2+|\hat h(w+\pi)|^2=2$ and $\inf_{|w|\le\pi/2}|\hat h(w)|>0$, then h generates a scaling function. Theorem 2 (Burrus): $\sum_n h[n]h[n-2k]=\mathbf 1_{k=0}$ follows, so $\|h\|=1$. Theorem 3: with g from Eq. 11, $\sum g=0$. AWD turns these conditions, but for the infimum, into penalties. That is a real gap: the last but one row passes every penalty and is no wavelet's filter, because its infimum is 0.

# %% tags=["hide-input", "nbval-check-output"]
crafted = {
    "haar": filters.lowpass("haar"),
    "db5": db5,
    "sym5": filters.lowpass("sym5"),
    "coif2": filters.lowpass("coif2"),
    "(1, 0, 0, 1)/√2": torch.tensor([1.0, 0, 0, 1]).double() / 2**0.5,
    "db5 + noise": db5 + 0.3 * torch.randn(10, generator=torch.Generator().manual_seed(1)).double(),
}
reports = pd.DataFrame({name: filters.validity(h).as_dict() for name, h in crafted.items()}).T
reports.map(lambda v: "0" if v < 1e-7 else f"{v:.2f}").assign(
    wavelet=[filters.validity(h).ok() for h in crafted.values()]
)

# %% [markdown]
# There is another way: every orthonormal filter of 2K taps is K **lattice angles** with sum π/4, so K − 1 free numbers, and all five penalties vanish by construction. DB5 has four of them: that is all that AWD really chooses.
#
# ## TRIM: what the network looks at, in wavelet words
#
# TRIM {cite:p}`singh2020transformation` reads the network through the transform, $f'(w)=f(\Psi^{-1}w + r)$ with the residual $r=x-\Psi^{-1}\Psi x$, and attributes its output to w (Eq. 7). The attribution here is the saliency, the gradient in w. Below, the network has learned $y=\langle\Psi x,\beta\rangle$ with Ψ = DB5 and three coefficients of one scale that matter (R² {val}`background:network.r2:.4f` on the tenth of the data that early stopping watched). In DB5 its attributions are three spikes. In other wavelets the same network, which predicts just the same, needs many: **the right wavelet explains most concisely**, and that is the whole idea of the interpretation loss.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-trim", "caption": "Left: saliency of the same network for one signal, in the wavelet of the problem and in Haar. Right: L1 norm of the saliency per signal in six wavelets, mean over 2,000 signals (simulated data). The true wavelet has the smallest."}}
candidates = ("haar", "db2", "db5", "sym5", "coif2", "db8")
trims = {name: attribution.from_gradients(gradients, None, filters.lowpass(name), level=4) for name in candidates}
norms = {name: sum(b.abs().sum().item() for b in bands) / len(gradients) for name, bands in trims.items()}
shown = {name: [b[0, 0].numpy() for b in trims[name]] for name in ("db5", "haar")}
fig = drawings.attribution_by_wavelet(norms, "db5", shown)
plots.show(
    fig,
    alt="TRIM of one signal: three spikes in DB5, many small ones in Haar. Bars of the L1 norm in six wavelets: DB5, the wavelet of the problem, is the smallest.",
)

# %% [markdown]
# ## The objective
#
# $$\mathcal L(h)=\underbrace{\tfrac1m\sum_i\|x_i-\hat x_i\|^2}_{\text{reconstruction}}+\underbrace{\tfrac1m\sum_i W(h,x_i;\lambda)}_{\text{valid and sparse}}+\underbrace{\gamma\sum_i\|\mathrm{TRIM}(\Psi x_i)\|_1}_{\text{interpretation}}$$
#
# with $W=\lambda\|\Psi x\|_1$ plus the five validity penalties (Eq. 8). The published λ and γ are in units of the authors' code, which halves the penalties and divides both L1 terms by the batch size and the number of bands; `awdlib.losses` has both scalings.
#
# For four taps there is one free angle, so the landscape can be drawn. Gaussian inputs look alike in every orthonormal basis: their sparsity says nothing. The network's attributions point at the wavelet.

# %% tags=["hide-input"] mystnb={"figure": {"name": "fig-landscape", "caption": "Terms of the objective for all orthonormal filters of four taps (simulated data: inputs are Gaussian, the response is made with DB2). Sparsity of the data is flat; the interpretation loss is smallest at DB2 (angles a half-turn further give the same filters)."}}
four = make_synthetic(2000, seed=1, wavelet="db2", level=3)
slope = attribution.input_gradients(lambda x: dwt.wavedec(x, four.h, level=3)[2][:, 0] @ four.beta[2], four.x)
theta = torch.linspace(-np.pi / 2, np.pi / 2, 361, dtype=torch.float64)
family = filters.taps_from_angles(torch.stack([theta, np.pi / 4 - theta], -1))
terms = objective.loss_terms(family, four.x, objective.Settings(level=3), gradients=slope)
curves = {name: terms[name].numpy() for name in ("sparsity", "interpretation")}
fig = drawings.landscape(theta.numpy(), curves, {"DB2": filters.angles_from_taps(four.h)[0].item()})
plots.show(
    fig,
    alt="Two terms of the objective over the one free angle: sparsity is flat, the interpretation loss has its deepest minimum at the angle of DB2.",
)

# %% [markdown]
# ## Why the network can leave the loop
#
# Ψ is linear and TRIM's residual puts x itself into the network, so the saliency is $(\Psi^{-1})^\top\nabla f(x)$, and **∇f(x) does not depend on the filter**. Compute it once; then learning the filter takes wavelet transforms alone, no second derivative through a network (which the paper names as its cost). The adjoint of synthesis is itself an analysis with the same filter. The rows *cached loss* and *cached gradient* of the table below show it in numbers: loss and gradient of Eq. 8 with the network in the loop, and with its gradient cached.
#
# ## The statements, checked

# %% tags=["remove-cell"]
broken = db5 + 0.05 * torch.randn(10, generator=torch.Generator().manual_seed(2)).double()
cached = theory.cached_gradient_error(network, problem.x[:100], broken)

# %% tags=["remove-cell"]
maps = dwt.flatten_coeffs(dwt.wavedec2(torch.zeros(1, 256, 256).double(), db5, level=4))
checks = [
    ("orthonormal", "sampled ψ of DB5 are orthonormal (Eq. 1)", theory.gram_error(db5), 1e-3),
    ("reconstruction", "Ψ⁻¹Ψx = x, five modes, odd and even n (Eqs. 2, 3)", theory.reconstruction_error(db5), 1e-10),
    ("filters", "inner products of φ and ψ give back h and g (Eq. 4)", theory.filter_error(db5), 1e-3),
    ("PyWavelets", "analysis and synthesis equal PyWavelets (Eqs. 5, 6)", theory.pywavelets_error("db5"), 1e-10),
    ("two dimensions", "a 256 × 256 map has 73,839 coefficients", abs(sum(b.numel() for b in maps) - 73839), 0.5),
    ("multiresolution", "Haar projections are nested block means", theory.multiresolution_error(rough, 4), 1e-10),
]

# %% tags=["remove-cell"]
checks += [
    ("cascade", "φ̂ is the infinite product of ĥ", theory.fourier_product_error(db5), 1e-3),
    ("TRIM", "f'(Ψx) = f(x) for a broken filter (Eq. 7)", theory.trim_error(network, problem.x[:100], broken), 1e-6),
    ("cached loss", "loss: network in the loop = gradient cached, broken filter", cached["loss"], 1e-10),
    ("cached gradient", "gradient in h: network in the loop = gradient cached", cached["gradient"], 1e-10),
]
# %% tags=["remove-cell"]
db2_angle = filters.angles_from_taps(four.h)[0].item()
lowest = theta.numpy()[curves["interpretation"].argmin()]
wrong = float(min(norms, key=norms.get) != "db5")
edge = energy["jumps"]["Fourier (cosine)"][9] - energy["jumps"]["wavelet (Haar)"][9]
checks += [
    ("edges", "ten Haar coefficients hold more of a signal with jumps than ten cosine ones", max(edge, 0.0), 1e-9),
    ("concise", "of six wavelets, the problem's own has the smallest ‖TRIM‖₁", wrong, 0.5),
    ("landscape", "of all four-tap wavelets, the problem's own has the smallest one", abs(lowest - db2_angle), 0.05),
]
table = pd.DataFrame(checks, columns=["row", "statement", "violation", "allowed"])

# %% tags=["remove-cell"]
short = {"wavelet (Haar)": "haar", "wavelet (DB5)": "db5", "Fourier (cosine)": "fourier", "samples": "samples"}
ten = {kind: {short[name]: line[9] for name, line in lines.items()} for kind, lines in energy.items()}
numbers = {
    "network": {"r2": held_r2, "trim_norms": norms},
    "checks": {row.replace(" ", "_").lower(): violation for row, _, violation, _ in checks},
    "energy": ten,
    "held": int((table["violation"] < table["allowed"]).sum()),
}
arrays = {
    "landscape": np.stack(list(curves.values())),
    "energy": np.stack([[*lines.values()] for lines in energy.values()]),
}
res = run.save(numbers=numbers, tables={"checks": table}, arrays=arrays)

# %% tags=["hide-input", "nbval-check-output"]
pd.set_option("display.max_colwidth", None)
shown = res.tables["checks"].assign(holds=lambda t: t["violation"] < t["allowed"])
shown.assign(
    violation=[f"< {a:g}" if h else "too large" for a, h in zip(shown["allowed"], shown["holds"], strict=True)]
).drop(columns="allowed").set_index("row")
