"""Make ``tables.npz``: matter power spectra of the ten cosmologies, from CAMB.

    python -m awdlib.datasets.cosmology.make_tables      (needs the extra `theory`: camb)

CAMB is a Boltzmann code and not needed by anything else here; its spectra are shipped.
"""

import io

import numpy as np

from awdlib.datasets.cosmology.background import COSMOLOGIES, HUBBLE, Cosmology
from awdlib.datasets.cosmology.matter import TABLES
from awdlib.store import write

BARYONS = 0.02254  # Omega_b h^2 of MassiveNuS
HELIUM, TILT = 0.24, 0.97
K = np.geomspace(1e-4, 60.0, 180)  # h/Mpc
Z = np.linspace(0.0, 1.05, 22)


def spectra(cosmology: Cosmology) -> tuple[np.ndarray, np.ndarray]:
    """ln P(k, z) of all matter, linear and by HMcode-2020, each (k, z), P in (Mpc/h)^3."""
    import camb

    neutrinos = cosmology.m_nu / 93.14
    parameters = camb.CAMBparams()
    parameters.set_cosmology(
        H0=100 * HUBBLE,
        ombh2=BARYONS,
        omch2=cosmology.omega_m * HUBBLE**2 - BARYONS - neutrinos,
        mnu=cosmology.m_nu,
        num_massive_neutrinos=3 if cosmology.m_nu else 0,
        neutrino_hierarchy="normal" if cosmology.m_nu else "degenerate",
        YHe=HELIUM,
    )
    parameters.InitPower.set_params(As=cosmology.a_s * 1e-9, ns=TILT)
    parameters.set_matter_power(redshifts=Z[::-1].tolist(), kmax=2 * K[-1])
    parameters.NonLinearModel.set_params(halofit_version="mead2020")
    found = []
    for kind in (camb.model.NonLinear_none, camb.model.NonLinear_both):
        parameters.NonLinear = kind
        results = camb.get_results(parameters)
        nonlinear = kind != camb.model.NonLinear_none
        power = results.get_matter_power_interpolator(nonlinear=nonlinear)
        found.append(np.log(power.P(Z, K)).T)
    return found[0], found[1]


def main() -> None:
    """Write the tables beside this file, in the order of `COSMOLOGIES`."""
    linear, nonlinear = zip(*(spectra(cosmology) for cosmology in COSMOLOGIES), strict=True)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        k=K,
        z=Z,
        linear=np.float32(linear),
        nonlinear=np.float32(nonlinear),
    )
    write(TABLES, buffer.getvalue())


if __name__ == "__main__":
    main()
