"""Adam for small parameters: torch's own takes longer to call, and five seconds to load."""

from math import sqrt

import torch


class Adam:
    """Adam (Kingma and Ba, 2015) with its usual β₁ = .9, β₂ = .999, ε = 1e-8, in place.

    The numbers are those of `torch.optim.Adam` up to rounding.

    Parameters
    ----------
    parameters : torch.Tensor
        Changed by every `step`.
    lr : float
    """

    beta1, beta2, eps = 0.9, 0.999, 1e-8

    def __init__(self, parameters: torch.Tensor, lr: float):
        self.parameters, self.lr, self.steps = parameters, lr, 0
        self.mean = torch.zeros_like(parameters, requires_grad=False)
        self.square = torch.zeros_like(parameters, requires_grad=False)

    @torch.no_grad()
    def step(self, gradient: torch.Tensor) -> None:
        """Take one step against `gradient`."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        # Both corrections for the start at zero are pulled out of the fraction.
        unbias = sqrt(1 - self.beta2**self.steps)
        rate = self.lr * unbias / (1 - self.beta1**self.steps)
        scale = self.square.sqrt().add_(self.eps * unbias)
        self.parameters.addcdiv_(self.mean, scale, value=-rate)
