"""The scattering transform and its banks: against kymatio, PyWavelets and what theory promises."""

import copy

import numpy as np
import pytest
import pywt
import torch

from awdlib.filters import highpass
from awdlib.scattering import spectra
from awdlib.scattering.banks import Filters, littlewood_paley, rescale
from awdlib.scattering.morlet import Free2d, Morlet1d, Morlet2d
from awdlib.scattering.orthogonal import (
    ExponentialTaps,
    LatticeTaps,
    Orthogonal1d,
    Orthogonal2d,
    generalised_daubechies,
)
from awdlib.scattering.pooling import pooled
from awdlib.scattering.spectra import Modulus, filtered
from awdlib.scattering.transform import Scattering1d, Scattering2d

BANKS = {
    "morlet": lambda: Morlet2d(2, 4),
    "rotated": lambda: Morlet2d(2, 4, share="rotated"),
    "lattice": lambda: Orthogonal2d(2, "db3"),
    "exponential": lambda: Orthogonal2d(2, ExponentialTaps([0.0, -0.1], [0.0, 0.4])),
    "free": lambda: Free2d(Morlet2d(2, 2), 7),
}


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def disturb(module: torch.nn.Module, spread: float = 0.2, seed: int = 0) -> torch.nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(spread * noise(*parameter.shape, seed=seed))
    return module


# --- kymatio -------------------------------------------------------------------------------------

IMAGES = [(2, 8, (32, 32)), (3, 8, (40, 24)), (2, 6, (33, 39)), (1, 4, (7, 16)), (3, 4, (8, 8))]
SIGNALS = [(4, 8, 512), (5, 1, 500), (6, 4, 1001), (3, 1, 100)]


@pytest.mark.parametrize(("J", "L", "shape"), IMAGES)
def test_images_scatter_as_with_kymatio(J, L, shape):
    kymatio = pytest.importorskip("kymatio.scattering2d.frontend.torch_frontend")
    theirs = kymatio.ScatteringTorch2D(J=J, shape=shape, L=L).double()
    ours = Scattering2d(shape, Morlet2d(J, L).requires_grad_(False))
    assert ours.padded == (theirs._M_padded, theirs._N_padded)
    full = ours.bank(ours.padded)
    for psi, other in zip(full.psi, theirs.psi, strict=True):
        np.testing.assert_allclose(psi, other["levels"][0], atol=1e-6)
    for r, other in enumerate(theirs.phi["levels"]):
        np.testing.assert_allclose(full.coarser(r).lowpass, other, atol=1e-6)
    x = noise(2, *shape)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5 * float(theirs(x).abs().max()))
    single, theirs_single = ours(x.float()), theirs.float()(x.float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, theirs_single, atol=1e-5 * float(x.abs().max()))


@pytest.mark.parametrize(("J", "Q", "length"), SIGNALS)
def test_signals_scatter_as_with_kymatio(J, Q, length):
    kymatio = pytest.importorskip("kymatio.scattering1d.frontend.torch_frontend")
    theirs = kymatio.ScatteringTorch1D(J=J, shape=length, Q=Q).double()
    ours = Scattering1d(length, Morlet1d(J, Q), Morlet1d(J, 1)).requires_grad_(False)
    assert ours.padded == (theirs._N_padded,)
    for bank, other in ((ours.bank, theirs.psi1_f), (ours.second, theirs.psi2_f)):
        assert list(bank.scales) == [psi["j"] for psi in other]
        for psi, their in zip(bank(ours.padded).psi, other, strict=True):
            np.testing.assert_allclose(psi, np.ravel(their["levels"][0]), atol=1e-6)
    np.testing.assert_allclose(
        ours.bank(ours.padded).phi[0], np.ravel(theirs.phi_f["levels"][0]), atol=1e-6
    )
    x = noise(2, length)
    # kymatio divides a filter by 2ʳ where it comes after a subsampling by 2ʳ.
    lost = torch.tensor([sum(map(ours.resolution, c.scales)) for c in ours.channels])
    expected = theirs(x) * 2.0 ** lost[:, None]
    assert ours(x).shape == expected.shape
    np.testing.assert_allclose(ours(x), expected, atol=1e-5 * float(expected.abs().max()))


def test_a_tone_keeps_its_modulus_whatever_its_scale():
    # |cos(ωt) ⋆ ψ| is half of ψ̂(ω): also where the modulus is subsampled, which kymatio gets wrong.
    scattering = Scattering1d(1024, Morlet1d(5, 1), Morlet1d(5, 1), order=1).requires_grad_(False)
    for xi in scattering.bank.values()["xi"]:
        tone = torch.cos(2 * torch.pi * xi * torch.arange(1024))
        largest = scattering(tone)[1:, 8:-8].mean(1).amax()
        assert float(largest) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize(("J", "count"), [(2, 81), (3, 217)])
def test_channels_are_counted_and_labelled(J, count):
    scattering = Scattering2d((32, 32), Morlet2d(J, 8))
    assert len(scattering.channels) == count == scattering(noise(1, 32, 32)).shape[1]
    assert [c.order for c in scattering.channels] == sorted(c.order for c in scattering.channels)
    assert all(c.scales[0] < c.scales[1] for c in scattering.channels if c.order == 2)
    assert scattering.channels[0].name == "S0"
    assert scattering.channels[1 + 8 * J + 3].name == "S2(j0 l0, j1 l3)"
    assert len(Scattering2d((32, 32), Morlet2d(J, 8), order=1).channels) == 1 + 8 * J


# --- the transform -------------------------------------------------------------------------------


def test_definition_without_subsampling():
    """S₂ of one path by the definition, one convolution at a time."""
    scattering = Scattering2d((12, 10), Morlet2d(2, 3), padding="circular", subsample=False)
    x = noise(12, 10)
    filters = scattering.bank((12, 10))
    found = scattering(x)
    assert found.shape == (1 + 6 + 9, 12, 10)

    def convolve(u, spectrum):
        return torch.fft.ifft2(torch.fft.fft2(u) * spectrum)

    for channel, coefficients in zip(scattering.channels, found, strict=True):
        u = x
        for n in channel.filters:
            u = convolve(u, filters.psi[n]).abs()
        torch.testing.assert_close(coefficients, convolve(u, filters.lowpass).real)


@pytest.mark.parametrize("complex_filter", [False, True])
def test_folding_is_subsampling(complex_filter):
    u, psi = noise(2, 3, 1, 8, 12), noise(4, 8, 12, seed=1)
    if complex_filter:
        psi = torch.complex(psi, noise(4, 8, 12, seed=2))
    spectrum = torch.fft.fft2(u)
    found = torch.fft.ifft2(filtered(spectrum, psi, 2, 2))
    torch.testing.assert_close(found, torch.fft.ifft2(spectrum * psi)[..., ::4, ::4])
    lines, filters = torch.fft.fft(u[:, 0]), psi[:, 0]  # of one dimension
    one = torch.fft.ifft(filtered(lines.transpose(1, 2), filters, 1, 1))
    torch.testing.assert_close(one, torch.fft.ifft(lines.transpose(1, 2) * filters)[..., ::2])
    alone = torch.fft.ifft(filtered(lines, filters[0], 1, 1))
    torch.testing.assert_close(alone, torch.fft.ifft(lines * filters[0])[..., ::2])


@pytest.mark.parametrize("complex_filter", [False, True])
@pytest.mark.parametrize("numbers", [1, 100, 2**18])  # one signal at a time, some, all
def test_folding_can_be_differentiated_twice(monkeypatch, complex_filter, numbers):
    monkeypatch.setattr(spectra, "IN_CACHE", numbers)
    spectrum = torch.fft.fft2(noise(3, 1, 4, 8)).requires_grad_()
    psi = noise(2, 4, 8, seed=1)
    if complex_filter:
        psi = torch.complex(psi, noise(2, 4, 8, seed=2))
    arguments = (spectrum, psi.requires_grad_(), 1, 2)
    assert torch.autograd.gradcheck(filtered, arguments)
    assert torch.autograd.gradgradcheck(filtered, arguments)


def test_removed_filters_take_their_paths_along():
    scattering = Scattering2d((16, 16), Morlet2d(3, 2))
    x = noise(2, 16, 16)
    whole, labels = scattering(x), scattering.channels
    scattering.keep = [n not in (0, 3) for n in range(6)]
    left = [k for k, c in enumerate(labels) if not {0, 3} & set(c.filters)]
    assert scattering.channels == [labels[k] for k in left]
    torch.testing.assert_close(scattering(x), whole[:, left])
    scattering.keep = [False] * 6
    torch.testing.assert_close(scattering(x), whole[:, :1])
    scattering.keep = [True] * 6
    torch.testing.assert_close(scattering(x), whole)


def test_second_banks_filters_are_counted_after_the_first():
    scattering = Scattering1d(64, Morlet1d(3, 2), Morlet1d(3, 1))
    first = len(scattering.bank.scales)
    labels, x = scattering.channels, noise(64)
    last = max(n for c in labels for n in c.filters)
    assert first <= last < first + len(scattering.second.scales)
    whole = scattering(x)
    scattering.keep = [n != last for n in range(len(scattering.keep))]
    left = [k for k, c in enumerate(labels) if last not in c.filters]
    torch.testing.assert_close(scattering(x), whole[left])


def test_leading_dimensions_are_kept():
    scattering, x = Scattering2d((16, 8), Morlet2d(2, 2)), noise(2, 3, 16, 8)
    torch.testing.assert_close(scattering(x)[1, 2], scattering(x[1, 2]))
    assert scattering(x).shape == (2, 3, 9, 4, 2)


def test_filters_are_made_anew_only_when_needed():
    scattering, x = Scattering2d((8, 8), Morlet2d(2, 2)), noise(8, 8)
    made = []
    scattering.bank.register_forward_hook(lambda *_: made.append(1))
    with torch.no_grad():
        first = scattering(x)
        torch.testing.assert_close(scattering(x), first)
        assert len(made) == 1
        scattering.bank.log_xi.add_(0.3)
        assert float((scattering(x) - first).abs().max()) > 1e-3
        scattering(x.float())
    assert len(made) == 3
    scattering(x)
    scattering(x)
    assert len(made) == 5
    assert scattering(x).requires_grad
    assert not copy.deepcopy(scattering).requires_grad_(False)(x).requires_grad


@pytest.mark.parametrize("name", BANKS)
def test_gradients_in_input_and_parameters(name):
    scattering = Scattering2d((8, 8), disturb(BANKS[name](), 0.1), rescale=True)
    names, start = zip(*scattering.named_parameters(), strict=True)

    def run(x, *parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(scattering, values, x)

    inputs = (noise(8, 8).requires_grad_(), *(p.detach().clone().requires_grad_() for p in start))
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_gradients_of_signals():
    scattering = Scattering1d(32, Morlet1d(3, 2), Morlet1d(3, 1), rescale=True)
    names, start = zip(*scattering.named_parameters(), strict=True)

    def run(x, *parameters):
        values = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(scattering, values, x)

    inputs = (noise(32).requires_grad_(), *(p.detach().clone().requires_grad_() for p in start))
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True)


def test_the_modulus_is_that_of_torch_also_at_zero():
    z = torch.complex(noise(5), noise(5, seed=1))
    z[2] = 0
    one, other = z.clone().requires_grad_(), z.clone().requires_grad_()
    torch.testing.assert_close(Modulus.apply(one), other.abs())
    Modulus.apply(one).square().sum().backward()
    other.abs().square().sum().backward()
    torch.testing.assert_close(one.grad, other.grad)
    flat = Scattering2d((8, 8), Morlet2d(1, 2), order=1)
    flat(torch.zeros(8, 8).double()).sum().backward()
    assert torch.isfinite(flat.bank.log_xi.grad).all()


# --- what theory promises ------------------------------------------------------------------------


def farthest(scattering, count: int = 1000) -> float:
    """Largest ‖Φf − Φh‖ / ‖f − h‖ over random pairs, smooth, rough, near and far."""
    size = scattering.shape
    f = noise(count, *size)
    smooth = torch.fft.ifft2(torch.fft.fft2(f) * scattering.bank(size).lowpass).real
    f[: count // 2] = smooth[: count // 2].detach()
    h = f.roll(1, 0)
    h[::2] = f[::2] + 1e-3 * h[::2]
    with torch.no_grad():
        apart = (scattering(f) - scattering(h)).flatten(1).norm(dim=1)
    return float((apart / (f - h).flatten(1).norm(dim=1)).max())


@pytest.mark.parametrize("name", BANKS)
def test_no_pair_comes_further_apart(name):
    for spread in (0, 0.02 if name == "free" else 0.3):
        bank = disturb(BANKS[name](), spread)
        whole = Scattering2d((8, 8), bank, padding="circular", subsample=False, rescale=True)
        assert float(whole.littlewood_paley_max().detach()) == pytest.approx(1, abs=1e-9)
        assert 0.3 < farthest(whole) <= 1 + 1e-9
        for padding in ("circular", "reflect"):
            usual = Scattering2d((8, 8), bank, padding=padding, rescale=True)
            assert float(usual.littlewood_paley_max().detach()) == pytest.approx(1, abs=1e-9)
            assert farthest(usual, 200) <= 1


@pytest.mark.parametrize("second", [None, Morlet1d(4, 1), Orthogonal1d(4, "db2")])
def test_no_signals_come_further_apart(second):
    first = disturb(Morlet1d(4, 8), 0.2)
    scattering = Scattering1d(64, first, second, padding="circular", subsample=False, rescale=True)
    assert float(scattering.littlewood_paley_max().detach()) == pytest.approx(1, abs=1e-9)
    f, h = noise(500, 64), noise(500, 64, seed=1)
    f[:250] = h[:250] + 1e-3 * f[:250].cumsum(1)
    with torch.no_grad():
        apart = (scattering(f) - scattering(h)).flatten(1).norm(dim=1)
    ratio = apart / (f - h).norm(dim=1)
    assert 0.5 < float(ratio.max()) <= 1 + 1e-9  # filters twice as strong would fail


def test_filters_that_are_too_strong_do_bring_pairs_apart():
    bank = Orthogonal2d(2, "db3")
    scattering = Scattering2d((8, 8), bank, padding="circular", subsample=False)
    strong = bank.forward
    bank.forward = lambda shape: strong(shape).scaled(1.5)
    assert farthest(scattering) > 1
    assert float(scattering.littlewood_paley_max().detach()) == pytest.approx(2.25)
    scattering.rescale = True
    assert farthest(scattering) <= 1 + 1e-9


def test_littlewood_paley_is_the_energy_of_real_signals():
    filters = Morlet2d(2, 3)((9, 8))
    x = noise(9, 8)
    spectrum = torch.fft.fft2(x)
    parts = [*filters.psi, filters.lowpass]
    energy = sum((torch.fft.ifft2(spectrum * p).abs() ** 2).sum() for p in parts)
    predicted = (littlewood_paley(filters) * spectrum.abs() ** 2).sum() / x.numel()
    torch.testing.assert_close(energy, predicted)
    assert float(littlewood_paley(rescale(filters)).amax().detach()) == pytest.approx(1, abs=1e-12)
    # A wavelet on one side of the spectrum counts for both sides, by half.
    one_sided = Filters(torch.tensor([[0.0, 2, 0, 0]]), (torch.zeros(4),))
    assert littlewood_paley(one_sided).tolist() == [0, 2, 0, 2]


def test_full_averages_do_not_see_circular_shifts():
    scattering = Scattering2d((12, 12), Morlet2d(2, 3), padding="circular", subsample=False)
    scattering.requires_grad_(False)
    x = noise(12, 12)
    means = scattering(x).mean((1, 2))
    torch.testing.assert_close(scattering(x.roll((5, -3), (0, 1))).mean((1, 2)), means)
    usual = Scattering2d((12, 12), Morlet2d(2, 3), padding="circular").requires_grad_(False)
    shifted = usual(x.roll((4, 8), (0, 1)))
    torch.testing.assert_close(shifted, usual(x).roll((1, 2), (1, 2)))


def test_small_shifts_change_little():
    scattering = Scattering2d((64, 64), Morlet2d(5, 4), padding="circular").requires_grad_(False)
    x = noise(64, 64) + 0.5
    whole = scattering(x)

    def change(shift):
        return float((scattering(x.roll(shift, 1)) - whole).norm() / whole.norm())

    assert change(1) < 0.01 < change(16)
    signals = Scattering1d(1024, Morlet1d(8, 4), padding="circular").requires_grad_(False)
    t = noise(1024) + 0.5
    assert float((signals(t.roll(4)) - signals(t)).norm() / signals(t).norm()) < 0.01


# --- orthogonal filters --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["haar", "db2", "db5", "sym4", "sym8", "coif1", "coif3"])
def test_lattice_banks_are_those_of_pywavelets(name):
    h = torch.tensor(pywt.Wavelet(name).rec_lo, dtype=torch.float64)
    taps = LatticeTaps(name)
    torch.testing.assert_close(taps(0).detach(), h, atol=1e-10, rtol=0)
    bank = Orthogonal1d(3, name).requires_grad_(False)
    x = noise(64)
    details = [torch.fft.ifft(torch.fft.fft(x) * psi).real for psi in bank((64,)).psi]
    # PyWavelets' stationary transform: the same bands of the mirrored signal, shifted.
    mirrored = pywt.swt(x.flip(0).numpy(), name, level=3, norm=True)
    for mine, (_, theirs) in zip(details, mirrored[::-1], strict=True):
        spectrum = np.fft.fft(theirs[::-1]).conj() * np.fft.fft(mine)
        shift = int(np.fft.ifft(spectrum).real.argmax())
        np.testing.assert_allclose(mine, np.roll(theirs[::-1], shift), atol=1e-9)
    sums = littlewood_paley(bank((64,)))
    torch.testing.assert_close(sums, torch.ones(64).double(), atol=1e-10, rtol=0)


def test_learned_lattices_stay_orthonormal():
    bank = disturb(Orthogonal2d(3, "db4"), 0.5).requires_grad_(False)
    sums = littlewood_paley(bank((24, 32)))
    torch.testing.assert_close(sums, torch.ones(24, 32).double(), atol=1e-10, rtol=0)


EXPONENTS = [
    ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ([-0.1, 0.05], [0.3, 0.0]),
    ([0.0, -0.02, 0.0], [0.0, 0.2, 0.1]),
]


@pytest.mark.parametrize(("decay", "frequency"), EXPONENTS)
def test_generalised_daubechies_filters_reproduce_exponentials(decay, frequency):
    taps = ExponentialTaps(decay, frequency)
    for scale in range(3):
        h = taps(scale).detach().numpy()
        for lag in range(0, len(h), 2):
            assert h[lag:] @ h[: len(h) - lag] == pytest.approx(float(lag == 0), abs=1e-8)
        for alpha in np.array(decay) + 1j * np.array(frequency):
            signal = np.exp(alpha * 2**scale * np.arange(40))
            removed = np.correlate(signal, highpass(torch.tensor(h)).numpy(), "valid")
            assert np.abs(removed).max() < 1e-8
            # Shifts of h by two, weighted by the exponential, are the exponential itself.
            weights = np.zeros(40, complex)
            weights[::2] = signal[::2]
            inner = slice(len(h), 40 - len(h))
            built = np.convolve(weights, h)[:40][inner] / signal[inner]
            assert np.abs(built / built[0] - 1).max() < 1e-8


def test_zero_exponents_give_daubechies_wavelets():
    for order in range(1, 7):
        h = generalised_daubechies([0.0] * order, [0.0] * order).numpy()
        theirs = np.array(pywt.Wavelet(f"db{order}").rec_lo)
        assert min(np.abs(h - theirs).max(), np.abs(h[::-1] - theirs).max()) < 1e-10


def test_free_filters_start_as_the_others_and_have_no_mean():
    bank = Free2d(Morlet2d(1, 4), 9).requires_grad_(False)
    start = Morlet2d(1, 4)((16, 16)).psi
    torch.testing.assert_close(bank((16, 16)).psi.real, start, atol=1e-3, rtol=0)
    disturb(bank, 0.1)
    assert float(bank((16, 20)).psi[:, 0, 0].abs().max()) < 1e-12


# --- pooling and errors --------------------------------------------------------------------------


def test_features_of_one_channel_stand_side_by_side():
    s = noise(2, 3, 5, 4, 4).abs()  # batch, inputs, channels, height, width
    means = pooled(s, 2, "mean")
    torch.testing.assert_close(means[:, 3:6], s[:, :, 1].mean((2, 3)))
    torch.testing.assert_close(pooled(s, 2, "log-mean"), (means + 1e-6).log())
    torch.testing.assert_close(pooled(s[:, 0], 2, "none"), s[:, 0].flatten(1))
    torch.testing.assert_close(pooled(-s[:, 0], 2, "log"), (s[:, 0].flatten(1) + 1e-6).log())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Morlet2d(0), "J must be a whole number"),
        (lambda: Morlet2d(2, 8, share="all"), "share must be"),
        (lambda: Morlet1d(3, 0), "Q must be a whole number"),
        (lambda: Orthogonal1d(2, "bior2.2"), "no orthogonal wavelet"),
        (lambda: Free2d(Morlet2d(1), 4), "its window is odd"),
        (lambda: generalised_daubechies([0.0], []), "equal length"),
        (lambda: generalised_daubechies([0.0], [np.pi / 2]), "odd multiple of iπ"),
        (lambda: Orthogonal2d(3, ExponentialTaps([0.0], [np.pi / 8])), "odd multiple"),
        (lambda: Orthogonal1d(2, ExponentialTaps([0.0] * 3, [0, 0.7, 0.25])), "lower the freq"),
        (lambda: Scattering2d((16, 16), Morlet1d(2)), "takes a shape and banks of 2"),
        (lambda: Scattering2d((6, 16), Morlet2d(3)), "lower J"),
        (lambda: Scattering2d((16, 18), Morlet2d(2), padding="circular"), "divisible by 4"),
        (lambda: Scattering2d((16, 16), Morlet2d(2), padding="zero"), "padding must be"),
        (lambda: Scattering2d((16, 16), Morlet2d(2), order=3), "order must be"),
        (lambda: Scattering2d((8, 8), Morlet2d(1))(noise(8, 9)), "must end with the shape"),
        (lambda: Scattering2d((8, 8), Morlet2d(1))(torch.ones(8, 8).long()), "float32 or"),
        (lambda: setattr(Scattering2d((8, 8), Morlet2d(1, 2)), "keep", [True]), "2 filters"),
        (lambda: pooled(noise(2, 3, 4, 4), 2, "max"), "pool must be"),
        (lambda: pooled(noise(4, 4), 2), "a batch of inputs"),
    ],
)
def test_errors_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
