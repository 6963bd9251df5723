"""What is timed. Each case returns one record; see README.md for what is fair and what is not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import peer_packages as peers
import scattering_peers
import torch
from measuring import Stopwatch, Timing
from records import assemble, machine

from awdlib import dwt, filters
from awdlib.adam import Adam
from awdlib.attribution import input_gradients
from awdlib.datasets import cme, fetch
from awdlib.distill import distill
from awdlib.networks import ClathrinLSTM, count_parameters, lstm_from_state
from awdlib.objective import Settings, batch_loss, loss_and_gradient
from awdlib.resnet import ResNet18
from awdlib.scattering.morlet import Morlet2d
from awdlib.scattering.transform import Scattering2d
from awdlib.sweep import published_grids, sweep
from awdlib.threads import processes

LR, LEVEL, BATCH = 1e-3, 4, 100
CME = {"lam": 0.005, "gamma": 0.043}
SEEDS = (1, 10, 100, 1000, 10000)
LAMS = tuple(round(1e-4 * 50 ** (k / 4), 5) for k in range(5))  # the published grid
COSMOLOGY = {"lam": 0.02, "gamma": 0.00368}
COSMOLOGY_EPOCHS = 50
SAMPLE = 4  # epochs of the peer that are timed
IN_A_ROW = 10  # our steps and transforms that are timed together: one is soon over


@dataclass(frozen=True)
class Options:
    """How much is run. `quick` makes every case small and leaves the peer's whole fit out."""

    threads: int = 1
    repeats: int = 5
    clock: str = "wall"
    source: str = "auto"
    quick: bool = False
    epochs: int = field(init=False)
    maps: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", 4 if self.quick else 100)
        object.__setattr__(self, "maps", 2 if self.quick else 10)


class Cases:
    """The cases, which share data and the peer's whole fit."""

    def __init__(self, options: Options):
        self.options = options

    def run(self, name: str, title: str) -> dict[str, Any]:
        """Time one case.

        Parameters
        ----------
        name : str
            One of `records.NAMES`.
        title : str
            Begins each line of progress.
        """
        torch.set_num_threads(self.options.threads)
        watch = Stopwatch(title, self.options.repeats, self.options.clock)
        method: Callable[[Stopwatch], dict[str, Any]] = getattr(self, name)
        return method(watch)

    # --- clathrin tracks -----------------------------------------------------------------------

    def cme_fit_single(self, watch: Stopwatch) -> dict[str, Any]:
        """A whole fit of one filter."""
        return self._cme(watch, "cme_fit_single", **CME, seed=1)

    def cme_fit_batch25(self, watch: Stopwatch) -> dict[str, Any]:
        """25 filters, five λ with five seeds each, in one batch."""
        lam = [lam for lam in LAMS for _ in SEEDS]
        seed = list(SEEDS) * len(LAMS)
        return self._cme(watch, "cme_fit_batch25", lam=lam, gamma=CME["gamma"], seed=seed)

    def cme_sweep525(self, watch: Stopwatch) -> dict[str, Any]:
        """The whole published sweep: five λ, 21 γ, five seeds, warm-started."""
        x, model, _ = self.tracks
        lams, gammas = published_grids()
        gammas = gammas[:3] if self.options.quick else gammas
        fits = len(lams) * len(gammas) * len(SEEDS)
        epochs, sample = self.options.epochs, min(SAMPLE, self.options.epochs)
        # This process's own time, the other clock, would not see what other processes do.
        count = 1 if self.options.clock == "cpu" else min(2, machine()["cores"])
        ours: dict[str, Any] = {}

        def run() -> None:
            with processes(count) as executor:
                ours["sweep"] = sweep(
                    x, gradients=gradients, lams=lams, gammas=gammas, seeds=SEEDS,
                    executor=executor, epochs=epochs, batch_size=BATCH, lr=LR, level=LEVEL,
                )  # fmt: skip

        peer_version = peers.version("awave")
        gradient_seconds = watch.once(lambda: input_gradients(model, x))
        gradients = input_gradients(model, x)
        watch.say(f"a sweep of {fits} fits, once, in {count} processes")
        seconds = watch.once(run)
        watch.say(f"done in {seconds:.0f} s; now the peer")
        timings = watch.interleaved({"peer": lambda: self._awave_fit(sample)})
        near = int(np.abs(gammas - CME["gamma"]).argmin())
        return self._cme_record(
            "cme_sweep525", ours["sweep"].h[-1, near, 0], Timing((seconds / fits,)),
            timings["peer"].scaled(epochs / sample), peer_version, gradient_seconds, fits,
            processes=count,
            sweep_seconds=seconds,
            ratio_per_process=timings["peer"].median * epochs / sample / (seconds / fits) / count,
            note=(
                f"The sweep ran once, whole: {fits} fits of {epochs} epochs in {count} processes "
                "of one thread, their start included; its seconds are divided by the fits. The "
                f"peer's fit runs in one process, timed over {sample} epochs a repeat and scaled; "
                "its fits, too, could run beside each other: ratio_per_process divides by our "
                "processes. Losses and wavelet_distance: as of the single fit, our filter being "
                "the one at γ next to .043, warm-started."
            ),
        )  # fmt: skip

    def _cme(self, watch: Stopwatch, name: str, **filters_: Any) -> dict[str, Any]:
        x, model, _ = self.tracks
        count = len(filters_["seed"]) if isinstance(filters_["seed"], list) else 1
        epochs, sample = self.options.epochs, min(SAMPLE, self.options.epochs)
        peer_version = peers.version("awave")
        gradients = input_gradients(model, x)
        ours: dict[str, Any] = {}

        def fit() -> None:
            ours["fit"] = distill(
                x, gradients=gradients, **filters_, epochs=epochs, batch_size=BATCH, lr=LR,
                level=LEVEL,
            )  # fmt: skip

        still_whole_fit = 0 if self.options.quick or "peer_fit" in vars(self) else epochs / sample
        timings = watch.interleaved(
            {
                "gradients": lambda: input_gradients(model, x),
                "ours": fit,
                "peer": lambda: self._awave_fit(sample),
            },
            then=still_whole_fit,
        )
        # Of the batch, the filter that has the single fit's λ and seed.
        our_h = ours["fit"].h.reshape(-1, 10)[0 if count == 1 else count - len(SEEDS)]
        return self._cme_record(
            name, our_h, timings["ours"].scaled(1 / count),
            timings["peer"].scaled(epochs / sample), peer_version, timings["gradients"].median,
            count,
            note=(
                f"Seconds of {epochs} epochs a filter; the peer is timed over {sample} epochs a "
                "repeat and scaled. Both losses are Eq. 8 with all five penalties, in float64 over "
                "all examples at once, of the filter of λ = .005 and seed 1; the peer trains "
                "without the conjugate-mirror one. wavelet_distance: between these two filters' ψ."
            ),
        )  # fmt: skip

    def _cme_record(
        self,
        name: str,
        our_h: torch.Tensor,
        ours: Timing,
        theirs: Timing,
        peer_version: str,
        gradient_seconds: float,
        count: int,
        **rest: Any,
    ) -> dict[str, Any]:
        """Seconds a fit of both sides, with what their filters of λ = .005 and seed 1 are worth."""
        peer_h, peer_full_seconds = (None, None) if self.options.quick else self.peer_fit
        psi = [filters.cascade(h)[1] for h in (our_h.double(), peer_h) if h is not None]
        return assemble(
            name=name,
            unit="fit",
            ours=ours,
            peer="awave",
            peer_version=peer_version,
            peer_timing=theirs,
            gradient_seconds=gradient_seconds,
            gradient_share=1 / count,
            ours_loss=self._cme_loss(our_h),
            peer_loss=None if peer_h is None else self._cme_loss(peer_h),
            wavelet_distance=float(filters.distance(*psi)) if len(psi) == 2 else None,
            peer_timed_epochs=min(SAMPLE, self.options.epochs),
            peer_whole_fit_seconds=peer_full_seconds,
            filters=count,
            batch=BATCH,
            epochs=self.options.epochs,
            examples=len(self.tracks[0]),
            dtype="float32",
            data=self.tracks[2],
            **rest,
            **self._common,
        )

    @cached_property
    def tracks(self) -> tuple[torch.Tensor, torch.nn.Module, str]:
        """Training tracks (examples, 1, 40), the network, and what both are."""
        chosen, _ = fetch.resolve("cme", self.options.source)
        tracks = cme.load_tracks() if chosen == "real" else cme.simulate_tracks(0)
        x = torch.tensor(tracks.train.x, dtype=torch.float32)[:, None]
        if chosen == "real":
            model, network = lstm_from_state(cme.authors_lstm()), "the authors' LSTM"
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model, network = ClathrinLSTM(20).eval(), "a random LSTM"
        return x, model.requires_grad_(False), f"{chosen} tracks, {network}"

    @cached_property
    def peer_fit(self) -> tuple[torch.Tensor, float]:
        """The filter of the peer's whole fit, float64, and its seconds; once for both cases."""
        watch = Stopwatch("peer's whole fit", 1, self.options.clock)
        kept: list[torch.Tensor] = []
        seconds = watch.once(lambda: kept.append(self._awave_fit(self.options.epochs)))
        return kept[0].double(), seconds

    def _awave_fit(self, epochs: int) -> torch.Tensor:
        x, model, _ = self.tracks
        return peers.awave_fit(
            x, model, epochs=epochs, **CME, batch=BATCH, seed=1, lr=LR, level=LEVEL
        )

    def _cme_loss(self, h: torch.Tensor) -> float:
        x, model, _ = self.tracks
        return _loss(h, x, input_gradients(model, x), **CME)

    # --- maps ----------------------------------------------------------------------------------

    def cosmology_step(self, watch: Stopwatch) -> dict[str, Any]:
        """One optimisation step, per map of 256×256, with a ResNet-18."""
        peer_version = peers.version("awave")
        x = _maps(self.options.maps)
        model = ResNet18().eval().requires_grad_(False)
        assert count_parameters(model.requires_grad_(True)) == 11_171_779
        model.requires_grad_(False)
        target = 1
        gradients = input_gradients(model, x, target=target)
        step, _ = _our_step(x, gradients)
        peer_step, peer_filter = peers.awave_step2d(
            model, **COSMOLOGY, target=target, lr=LR, level=LEVEL
        )
        timings = watch.interleaved(
            {
                "gradients": lambda: input_gradients(model, x, target=target),
                "ours": lambda: [step() for _ in range(IN_A_ROW)],
                "peer": lambda: peer_step(x),
            }
        )
        per_map = {name: timing.scaled(1 / len(x)) for name, timing in timings.items()}
        step, our_filter = _our_step(x, gradients)
        for _ in range(self.options.repeats + 1):  # as many as the peer's
            step()
        return assemble(
            name="cosmology_step",
            unit="step and map",
            ours=per_map["ours"].scaled(1 / IN_A_ROW),
            peer="awave",
            peer_version=peer_version,
            peer_timing=per_map["peer"],
            gradient_seconds=per_map["gradients"].median,
            gradient_share=1 / COSMOLOGY_EPOCHS,
            ours_loss=_loss(our_filter(), x, gradients, **COSMOLOGY),
            peer_loss=_loss(peer_filter(), x, gradients, **COSMOLOGY),
            batch=len(x),
            epochs=COSMOLOGY_EPOCHS,
            dtype="float32",
            data="simulated maps (Gaussian, 256×256), a random ResNet-18",
            note=(
                "Forward, backward and Adam's step of one filter on one batch, divided by its "
                f"maps; ours {IN_A_ROW} in a row. With gradients: one gradient a map is shared by "
                f"the steps of one fit of {COSMOLOGY_EPOCHS} epochs; in a sweep all fits share it. "
                "Losses: Eq. 8 with all five penalties in float64 on the batch after equally many "
                "steps from db5."
            ),
            **self._common,
        )

    def dwt2_forward_backward(self, watch: Stopwatch) -> dict[str, Any]:
        """The two-dimensional transform and its gradient in the maps."""
        peer_version = peers.version("pytorch_wavelets")
        pytorch_wavelets = peers.load_pytorch_wavelets()
        peer = pytorch_wavelets.DWTForward(J=LEVEL, wave="db5", mode="zero")
        x, h = _maps(self.options.maps).requires_grad_(), filters.lowpass("db5").float()
        with_h = h.clone().requires_grad_()
        generator = torch.Generator().manual_seed(2)
        pull = [
            torch.randn(c.shape, generator=generator)
            for c in dwt.flatten_coeffs(dwt.wavedec2(x.detach(), h, level=LEVEL))
        ]
        # The peer's order: cA, then from the finest level on, each with its three bands stacked.
        peer_pull = [
            pull[0],
            *(torch.stack(pull[k : k + 3], 2) for k in range(len(pull) - 3, 0, -3)),
        ]

        def ours(taps: torch.Tensor) -> list[torch.Tensor]:
            x.grad = taps.grad = None
            coeffs = dwt.flatten_coeffs(dwt.wavedec2(x, taps, level=LEVEL))
            torch.autograd.backward(coeffs, pull)
            return coeffs

        def theirs() -> list[torch.Tensor]:
            x.grad = None
            low, high = peer(x)
            torch.autograd.backward([low, *high], peer_pull)
            return [low, *high]

        def in_a_row(task: Callable[[], object]) -> Callable[[], object]:
            return lambda: [task() for _ in range(IN_A_ROW)]

        timings = watch.interleaved(
            {
                "ours": in_a_row(lambda: ours(h)),
                "ours_with_h": in_a_row(lambda: ours(with_h)),
                "peer": in_a_row(theirs),
            }
        )
        low, gradient = ours(h)[0].detach(), _gradient(x)
        peer_low = theirs()[0].detach()
        difference = max(
            float((low - peer_low).abs().max()), float((gradient - _gradient(x)).abs().max())
        )
        per_map = {name: timing.scaled(1 / len(x) / IN_A_ROW) for name, timing in timings.items()}
        return assemble(
            name="dwt2_forward_backward",
            unit="map",
            ours=per_map["ours"],
            peer="pytorch_wavelets",
            peer_version=peer_version,
            peer_timing=per_map["peer"],
            ours_with_filter_gradient_seconds=per_map["ours_with_h"].median,
            largest_difference=difference,
            batch=len(x),
            epochs=None,
            dtype="float32",
            data="simulated maps (Gaussian, 256×256)",
            note=(
                "db5, four levels, mode zero; forward, and backward in the maps. The peer's module "
                "has no gradient in the filter; ours with it is the extra figure. "
                "largest_difference: between both approximations and both gradients in the maps."
            ),
            **self._common,
        )

    # --- scattering ----------------------------------------------------------------------------

    def scattering2d(self, watch: Stopwatch) -> dict[str, Any]:
        """Two-dimensional scattering of small images, and its gradient in the filters."""
        peer_version = peers.version("kymatio")
        J, L, size, batch = 2, 8, 32, 4 if self.options.quick else 32
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(batch, size, size, generator=generator)
        fixed = Scattering2d((size, size), Morlet2d(J, L).requires_grad_(False))
        learned = Scattering2d((size, size), Morlet2d(J, L), rescale=True)
        peer = scattering_peers.kymatio2d(J, L, size)
        naive, naive_learned = (scattering_peers.by_the_word(s) for s in (fixed, learned))
        timings = watch.interleaved(
            {
                "ours": lambda: [fixed(x) for _ in range(IN_A_ROW)],
                "ours_learning": lambda: learned(x).square().sum().backward(),
                "naive_learning": lambda: naive_learned(x).square().sum().backward(),
                "naive": lambda: naive(x),
                "peer": lambda: peer(x),
            }
        )
        mine, theirs, plain = fixed(x), peer(x), naive(x)
        per_image = {
            name: timing.scaled(1 / batch / (IN_A_ROW if name == "ours" else 1))
            for name, timing in timings.items()
        }
        seconds = {name: timing.median for name, timing in per_image.items()}
        return assemble(
            name="scattering2d",
            unit="image",
            ours=per_image["ours"],
            peer="kymatio",
            peer_version=peer_version,
            peer_timing=per_image["peer"],
            naive_seconds=seconds["naive"],
            ratio_naive=seconds["naive"] / seconds["ours"],
            learning_seconds=seconds["ours_learning"],
            naive_learning_seconds=seconds["naive_learning"],
            ratio_naive_learning=seconds["naive_learning"] / seconds["ours_learning"],
            largest_difference=float((mine - theirs).abs().max() / theirs.abs().max()),
            naive_difference=float((mine - plain).norm() / plain.norm()),
            shares=scattering_peers.shares(lambda: fixed(x)),
            batch=batch,
            epochs=None,
            dtype="float32",
            data=f"white noise, {size}×{size}",
            note=(
                f"J = {J}, L = {L}, orders 0 to 2, {len(fixed.channels)} channels. naive: every "
                "convolution at full size, one path at a time (first moduli are kept); "
                "learning: forward and backward in the filters, which are made in every call; "
                "kymatio has not that. largest_difference: from kymatio's, over its largest "
                "coefficient; naive_difference: relative, by the aliases of the moduli's "
                "subsampling."
            ),
            **self._common,
        )

    @property
    def _common(self) -> dict[str, Any]:
        return {"threads": self.options.threads, "clock": self.options.clock}


def _gradient(x: torch.Tensor) -> torch.Tensor:
    assert x.grad is not None
    return x.grad.clone()


def _our_step(
    x: torch.Tensor, gradients: torch.Tensor
) -> tuple[Callable[[], None], Callable[[], torch.Tensor]]:
    """One step of `awdlib.distill` on a batch, and a function that reads the filter."""
    h = filters.lowpass("db5").to(x)[None].clone()
    lam, gamma = (torch.tensor([COSMOLOGY[k]], dtype=x.dtype) for k in ("lam", "gamma"))
    adam, settings = Adam(h, LR), Settings(level=LEVEL)

    def step() -> None:
        _, slope = loss_and_gradient(h, x, lam, gamma, settings, gradients=gradients)
        adam.step(slope)

    return step, lambda: h[0].clone()


def _loss(
    h: torch.Tensor, x: torch.Tensor, gradients: torch.Tensor, *, lam: float, gamma: float
) -> float:
    """Eq. 8 for any filter, ours or a peer's, in float64 over all examples at once."""
    lam_, gamma_ = (torch.tensor([v], dtype=torch.float64) for v in (lam, gamma))
    with torch.no_grad():
        return batch_loss(
            h.double()[None], x.double(), lam_, gamma_, Settings(level=LEVEL),
            gradients=gradients.double(),
        ).item()  # fmt: skip


def _maps(count: int, size: int = 256) -> torch.Tensor:
    """Gaussian maps with a falling spectrum, standard deviation .02; time does not depend on it."""
    generator = torch.Generator().manual_seed(1)
    white = torch.randn(count, 1, size, size, generator=generator)
    frequency = torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size) ** 2
    maps = torch.fft.irfft2(torch.fft.rfft2(white) / (frequency + 1e-3), s=(size, size))
    return maps / maps.std() * 0.02
