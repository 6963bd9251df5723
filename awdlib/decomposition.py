"""Contextual decomposition (CD): what a network makes of one part of its input.

The input is a sum, relevant + rest. Every layer passes both parts on so that they still add up to
what the network computes (the sum rule); what the relevant part has become at the output is its
score. The rules for linear layers, ReLU and pooling are those of Singh, Murdoch & Yu (ICLR 2019),
Sec. 3, those for the LSTM of Murdoch, Liu & Yu (ICLR 2018), Sec. 3.2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from awdlib.networks import ClathrinLSTM, FeedForward
from awdlib.resnet import Block, ResNet18

Parts = tuple[Tensor, Tensor]


def decompose(model: nn.Module, relevant: Tensor, rest: Tensor) -> Parts:
    """Split the output of `model` at relevant + rest into what is due to either part.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode: one of `awdlib.networks` or `awdlib.resnet`, or an `nn.Sequential` of
        layers such as they are made of.
    relevant, rest : torch.Tensor, shape (batch, ...)
        Parts of the input, in the network's type and on its device.

    Returns
    -------
    relevant, irrelevant : torch.Tensor, each of the output's shape, (batch,) or (batch, outputs)
        They add up to ``model(relevant + rest)``. Differentiable in both parts of the input. If
        `relevant` is zero, so is what comes of it.

    Raises
    ------
    ValueError
        For parts of different shapes, a network in training mode, or a layer without a rule.
    """
    if relevant.shape != rest.shape:
        raise ValueError(
            "the relevant part and the rest must have one shape, not "
            f"{tuple(relevant.shape)} and {tuple(rest.shape)}"
        )
    if isinstance(model, nn.Module) and any(m.training for m in model.modules()):
        raise ValueError("the network is in training mode: call model.eval() first")
    return _through(model, relevant, rest)


# --- layers ------------------------------------------------------------------------------------


def _through(layer: nn.Module, rel: Tensor, irrel: Tensor) -> Parts:
    rule = _RULES.get(type(layer))  # not of a base class: its heir may compute something else
    if rule is None:
        raise ValueError(
            f"contextual decomposition has no rule for {type(layer).__name__}; it knows "
            + ", ".join(kind.__name__ for kind in _RULES)
        )
    return rule(layer, rel, irrel)


def _add_bias(rel: Tensor, irrel: Tensor, bias: Tensor | None) -> Parts:
    """Share a bias out in proportion to |rel| : |irrel| (ICLR 2019, Sec. 3).

    Where both are zero the rest gets it: a part that is zero earns no score.
    """
    if bias is None:
        return rel, irrel
    total = rel.abs() + irrel.abs()
    share = rel.abs() / torch.where(total == 0, 1, total) * bias
    return rel + share, irrel + (bias - share)


def _along_channels(values: Tensor, like: Tensor) -> Tensor:
    """(channels,) to (channels, 1, ...), so that it acts on axis 1 of `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 2))


def _linear(layer: nn.Linear, rel: Tensor, irrel: Tensor) -> Parts:
    rel, irrel = (functional.linear(part, layer.weight) for part in (rel, irrel))
    return _add_bias(rel, irrel, layer.bias)


def _convolution(layer: nn.Conv1d | nn.Conv2d, rel: Tensor, irrel: Tensor) -> Parts:
    # Without the bias, rather than subtracting it afterwards: in float32 a small part would drown.
    rel, irrel = (layer._conv_forward(part, layer.weight, None) for part in (rel, irrel))
    return _add_bias(rel, irrel, None if layer.bias is None else _along_channels(layer.bias, rel))


def _batch_norm(layer: nn.BatchNorm2d, rel: Tensor, irrel: Tensor) -> Parts:
    """In evaluation mode gain · x + shift for every channel."""
    if layer.running_mean is None or layer.running_var is None:
        raise ValueError("a batch normalisation without running statistics mixes the examples")
    gain = (layer.running_var + layer.eps).rsqrt()
    gain = gain if layer.weight is None else gain * layer.weight
    shift = -layer.running_mean * gain
    shift = shift if layer.bias is None else shift + layer.bias
    gain, shift = _along_channels(gain, rel), _along_channels(shift, rel)
    return _add_bias(gain * rel, gain * irrel, shift)


def _no_bias(layer: nn.Module, rel: Tensor, irrel: Tensor) -> Parts:
    return layer(rel), layer(irrel)


def _relu(layer: nn.Module | None, rel: Tensor, irrel: Tensor) -> Parts:
    """The relevant part as if it were alone; the rest is what it adds (ICLR 2019, Sec. 3)."""
    alone = torch.relu(rel)
    return alone, torch.relu(rel + irrel) - alone


def _tanh(layer: nn.Module | None, rel: Tensor, irrel: Tensor) -> Parts:
    """Mean over the two orders in which the parts can come (ICLR 2018, Sec. 3.2.2)."""
    whole = torch.tanh(rel + irrel)
    share = (torch.tanh(rel) + whole - torch.tanh(irrel)) / 2
    return share, whole - share


def _max_pool(layer: nn.MaxPool2d, rel: Tensor, irrel: Tensor) -> Parts:
    """Both parts of the pixels that win in their sum."""
    _, index = functional.max_pool2d(
        (rel + irrel).detach(), layer.kernel_size, layer.stride, layer.padding, layer.dilation,
        ceil_mode=layer.ceil_mode, return_indices=True,
    )  # fmt: skip
    rel, irrel = (part.flatten(2).gather(2, index.flatten(2)) for part in (rel, irrel))
    return rel.view_as(index), irrel.view_as(index)


# --- networks ----------------------------------------------------------------------------------


def _sequential(layers: nn.Sequential, rel: Tensor, irrel: Tensor) -> Parts:
    for layer in layers:
        rel, irrel = _through(layer, rel, irrel)
    return rel, irrel


def _feed_forward(model: FeedForward, rel: Tensor, irrel: Tensor) -> Parts:
    rel, irrel = _through(model.layers, rel.flatten(1), irrel.flatten(1))
    return rel[:, 0], irrel[:, 0]


def _block(block: Block, rel: Tensor, irrel: Tensor) -> Parts:
    body = _through(block.body, rel, irrel)
    shortcut = _through(block.shortcut, rel, irrel)
    return _relu(None, body[0] + shortcut[0], body[1] + shortcut[1])


def _resnet(model: ResNet18, rel: Tensor, irrel: Tensor) -> Parts:
    rel, irrel = _through(model.layers, rel / model.pixel, irrel / model.pixel)
    return _add_bias(model.scale * rel, model.scale * irrel, model.centre)


def _clathrin_lstm(model: ClathrinLSTM, rel: Tensor, irrel: Tensor) -> Parts:
    """The LSTM of ICLR 2018, Sec. 3.2.

    The cell c_t = f ⊙ c_{t−1} + i ⊙ g is expanded with each gate split into relevant, irrelevant
    and bias; relevant is every product with a relevant factor and no irrelevant one. The output
    gate is not split, nor is a product of two biases relevant.

    Carried along are the relevant part and the whole: the rest is their difference.
    """
    size, weights = model.lstm.input_size, dict(model.lstm.named_parameters())
    w_in, w_h = weights["weight_ih_l0"], weights["weight_hh_l0"]
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    fed_rel, fed = (
        functional.linear(part.unflatten(-1, (-1, size))[:, 0], w_in).unbind(1)
        for part in (rel, rel + irrel)
    )
    h_rel = h = c_rel = c = rel.new_zeros(len(rel), model.lstm.hidden_size)
    for x_rel, x in zip(fed_rel, fed, strict=True):
        sums_rel = x_rel + functional.linear(h_rel, w_h)
        sums = x + functional.linear(h, w_h) + bias
        terms = list(zip(*(s.chunk(4, -1) for s in (sums_rel, sums, bias)), strict=True))
        i_rel, i_bias, i = _gate(torch.sigmoid, *terms[0])
        f_rel, f_bias, f = _gate(torch.sigmoid, *terms[1])
        g_rel, g_bias, g = _gate(torch.tanh, *terms[2])
        o = torch.sigmoid(terms[3][1])
        c_rel = (f_rel + f_bias) * c_rel + i_rel * (g_rel + g_bias) + i_bias * g_rel
        c = f * c + i * g
        h_rel = o * _tanh(None, c_rel, c - c_rel)[0]
        h = o * torch.tanh(c)
    rel, irrel = _linear(model.fc, h_rel, h - h_rel)
    return rel[:, 0], irrel[:, 0]


def _gate(
    function: Callable[[Tensor], Tensor], rel: Tensor, whole: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Shares of the relevant part and of the bias in function(whole), and function(whole).

    `whole` is relevant + irrelevant + bias. A share is the mean of what its term adds over the
    orders in which the three can come; the bias always comes first (ICLR 2018, Sec. 3.2.2).
    """
    value, floor = function(whole), function(bias)
    first, last = function(bias + rel) - floor, value - function(whole - rel)
    return (first + last) / 2, floor, value


_RULES: dict[type[nn.Module], Callable[..., Parts]] = {
    FeedForward: _feed_forward,
    ClathrinLSTM: _clathrin_lstm,
    ResNet18: _resnet,
    Block: _block,
    nn.Sequential: _sequential,
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: _relu,
    nn.Tanh: _tanh,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _no_bias,
    nn.AdaptiveAvgPool2d: _no_bias,
    nn.Flatten: _no_bias,
    nn.Identity: _no_bias,
}
