"""What the scattering transform is timed against: kymatio, and the definition taken by the word."""

import importlib
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from awdlib.scattering.transform import Scattering2d

# What the parts of the transform are called in a profile; the rest is counted as such.
PARTS = {
    "Fourier transforms": ("aten::_fft_c2c", "aten::_fft_r2c", "aten::_fft_c2r"),
    "products with filters, folded": ("aten::mul", "aten::addcmul_", "aten::copy_"),
    "moduli": ("Modulus", "aten::pow", "aten::sqrt_", "aten::abs"),
    "averages": ("aten::mm", "aten::bmm"),
}


def kymatio2d(J: int, L: int, size: int) -> nn.Module:
    """kymatio's transform; its front door does not open with today's scipy, this one does."""
    module = importlib.import_module("kymatio.scattering2d.frontend.torch_frontend")
    return module.ScatteringTorch2D(J=J, L=L, shape=(size, size))


def by_the_word(scattering: Scattering2d) -> Callable[[Tensor], Tensor]:
    """The same coefficients, up to aliasing, without any of the savings.

    Every convolution is of full size, and the paths go one by one; only the first moduli are kept
    for the second ones. Filters are made in every call where they learn, and once where they do
    not, as ours are.
    """
    step = 2**scattering.bank.J
    learns = any(p.requires_grad for p in scattering.bank.parameters())
    made = None if learns else scattering.bank(scattering.padded)

    def transform(x: Tensor) -> Tensor:
        filters = (made or scattering.bank(scattering.padded)).to(x)
        lowpass = filters.lowpass
        u = nn.functional.pad(x[:, None], [step] * 4, mode="reflect")[:, 0]

        def convolve(signal: Tensor, spectrum: Tensor) -> Tensor:
            return torch.fft.ifft2(torch.fft.fft2(signal) * spectrum)

        found, moduli = [], {(): u}
        for channel in scattering.channels:  # first moduli come before second ones
            path = channel.filters
            if path:
                moduli[path] = convolve(moduli[path[:-1]], filters.psi[path[-1]]).abs()
            found.append(convolve(moduli[path], lowpass).real[:, step:-step:step, step:-step:step])
        return torch.stack(found, 1)

    return transform


def shares(task: Callable[[], object]) -> dict[str, float]:
    """Where the time of a task goes: parts of it, which sum to 1."""
    with profile(activities=[ProfilerActivity.CPU]) as record:
        task()
    times = {event.key: event.self_cpu_time_total for event in record.key_averages()}
    total = sum(times.values())
    found = {name: sum(times.get(op, 0) for op in ops) / total for name, ops in PARTS.items()}
    return {**found, "the rest": 1 - sum(found.values())}
