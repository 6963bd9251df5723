"""`awdlib.fused` for images: value and gradient by matrix products on blocks (`awdlib.blocks`)."""

from functools import lru_cache

import torch

from awdlib import blocks
from awdlib.filters import highpass

CHUNK = 2**20  # pixels worked on at a time, which bounds memory


def of_images(
    h: torch.Tensor,
    x: torch.Tensor,
    gradients: torch.Tensor | None,
    weights: torch.Tensor,
    level: int,
    paired: bool,
    differentiate: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Value (filters,) of `awdlib.fused.data_loss` for images, and its gradient (filters, taps).

    Filter by filter, and some images at a time.
    """
    _keep_freed_memory()
    loss, slope = torch.zeros_like(h[:, 0]), torch.zeros_like(h)
    pair = torch.stack([h, highpass(h)], -2)
    size = x.shape[-2:]
    step = max(1, CHUNK // (size[0] * size[1]))
    for k in range(len(h)):
        bank = _Bank(pair[k : k + 1])
        of_error, of_l1 = weights[:2, k].tolist()
        for part in (x[k] if paired else x).flatten(0, -3).split(step):
            value, found = _Transform(part, bank, level).fit(of_error, of_l1, differentiate)
            loss[k] += value
            slope[k] += found
        if gradients is None:
            continue
        for part in (gradients[k] if paired else gradients).flatten(0, -3).split(step):
            value, found = _Transform(part, bank, level).l1(differentiate)
            loss[k] += weights[2, k] * value
            slope[k] += weights[2, k] * found
    return loss, slope


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Free one large block, once: from then on glibc does not hand memory back at every step.

    Its thresholds follow the largest block freed so far, up to 32 MB. Taking the pages anew at each
    step would cost as much time as the arithmetic.
    """
    torch.empty(31 << 20, dtype=torch.uint8)


class _Bank:
    """One filter's weights for analysis and synthesis, and their block matrices."""

    def __init__(self, w: torch.Tensor):
        self.w, self.taps = w, w.shape[-1]
        self._weights = {False: w, True: blocks.reverse(w)}
        self._matrices: dict[tuple[int, bool], torch.Tensor] = {}

    def matrix(self, pairs: int, back: bool = False) -> torch.Tensor:
        """For so many pairs of outputs."""
        key = blocks.block_size(pairs), back
        if key not in self._matrices:
            self._matrices[key] = blocks.toeplitz(self._weights[back], key[0])
        return self._matrices[key]


class _Transform:
    """The transform of some images, level by level, and its way back.

    Images are (batch, rows, columns) in a frame of zeros; after the first pass
    (2 columns', batch, rows), after the second (2 rows', 2 columns', batch), interleaved.
    """

    def __init__(self, images: torch.Tensor, bank: _Bank, level: int):
        self.bank, self.taps = bank, bank.taps
        self.sizes = [(images.shape[-2], images.shape[-1])]
        self.framed = [self._framed(images)]
        self.once: list[torch.Tensor] = []
        self.coeffs: list[torch.Tensor] = []
        for j in range(level):
            once, coeffs = self._forward(self.framed[j])
            self.once.append(once)
            self.coeffs.append(coeffs)
            if j < level - 1:
                rows, columns = ((n + self.taps - 1) // 2 for n in self.sizes[j])
                self.sizes.append((rows, columns))
                self.framed.append(self._framed(self._low(coeffs, j + 1).permute(2, 0, 1)))

    def l1(self, differentiate: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Σ|coefficients| and its gradient in h."""
        value, signs = self._signs()
        return value, self._slope(signs) if differentiate else torch.zeros(())

    def fit(
        self, of_error: float, of_l1: float, differentiate: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """of_error · Σ(x − x̂)² + of_l1 · Σ|coefficients| and its gradient in h."""
        value, signs = self._signs()
        halves: list[torch.Tensor] = []
        mixed = self.coeffs[-1]
        for j in reversed(range(len(self.coeffs))):
            half = self._half_back(mixed, j)
            image = self._rest_back(half, j)
            halves.insert(0, half)
            if j:
                # What synthesis reads differs from the coefficients in the low corner alone, whose
                # own values are in the next level's frame: so it may be overwritten.
                mixed = self.coeffs[j - 1]
                self._low(mixed, j).copy_(self._unframed(image, j).permute(1, 2, 0))
        error = image.sub_(self.framed[0])
        total = of_error * torch.dot(error.flatten(), error.flatten()) + of_l1 * value
        if not differentiate:
            return total, torch.zeros(())
        error *= 2 * of_error
        slope = torch.zeros_like(self.bank.w)
        for j, mixed in enumerate(self.coeffs):
            half, upstream = self._forward(error)
            slope += self._weights(error, half, mixed, halves[j])
            if j < len(self.coeffs) - 1:
                low = self._low(upstream, j + 1)
                error = self._framed(low.permute(2, 0, 1))
                low.zero_()
            signs[j] = upstream.add_(signs[j], alpha=of_l1)
        return total, self._taps(slope) + self._slope(signs)

    def _signs(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Σ|coefficients|, and each level's signs: 0 where the next level stands."""
        value, signs = torch.zeros((), dtype=self.bank.w.dtype, device=self.bank.w.device), []
        for j, coeffs in enumerate(self.coeffs, 1):
            sign = coeffs.sign()
            if j < len(self.coeffs):
                self._low(sign, j).zero_()
            value = value + torch.dot(sign.flatten(), coeffs.flatten())
            signs.append(sign)
        return value, signs

    def _slope(self, upstream: list[torch.Tensor]) -> torch.Tensor:
        """Gradient in h of the analysis, `upstream` being that in the coefficients (changed)."""
        slope = torch.zeros_like(self.bank.w)
        for j in reversed(range(len(upstream))):
            half = self._half_back(upstream[j], j)
            slope += self._weights(self.framed[j], self.once[j], upstream[j], half)
            if j:
                image = self._unframed(self._rest_back(half, j), j)
                self._low(upstream[j - 1], j).copy_(image.permute(1, 2, 0))
        return self._taps(slope)

    def _taps(self, slope: torch.Tensor) -> torch.Tensor:
        """From the gradient in both filters (1, 2, taps) to that in h; g is ±h reversed."""
        return slope[0, 0] - highpass(slope[0, 1])

    def _weights(
        self, framed: torch.Tensor, once: torch.Tensor, coeffs: torch.Tensor, half: torch.Tensor
    ) -> torch.Tensor:
        """Gradient of <coeffs, analysis of framed> in both filters; `once` and `half` lie between.

        `once` is the first pass over `framed`, `half` the first pass back over `coeffs`.
        """
        first = blocks.weight_gradient(framed.flatten(0, 1)[None], half.flatten(1)[None], self.taps)
        return first + blocks.weight_gradient(
            once.flatten(0, 1)[None], coeffs.flatten(1)[None], self.taps
        )

    def _forward(self, framed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both passes of one level's analysis."""
        batch, rows, columns = framed.shape
        across, down = ((n - self.taps + 2) // 2 for n in (columns, rows))
        once = blocks.apply(framed.view(1, -1, columns), self.bank.matrix(across), across)
        coeffs = blocks.apply(once.view(1, -1, rows), self.bank.matrix(down), down)
        return once.view(-1, batch, rows), coeffs.view(2 * down, -1, batch)

    def _half_back(self, coeffs: torch.Tensor, j: int) -> torch.Tensor:
        """The first pass of one level's synthesis, framed along the rows."""
        _, columns, batch = coeffs.shape
        rows, edge = self.sizes[j][0], self.taps - 2
        half = coeffs.new_zeros(columns, batch, self.framed[j].shape[1])
        inside = half.view(1, columns * batch, -1)[..., edge : edge + rows]
        blocks.apply_back(coeffs.flatten(1)[None], self.bank.matrix((rows + 1) // 2, True), inside)
        return half

    def _rest_back(self, half: torch.Tensor, j: int) -> torch.Tensor:
        """The second pass of one level's synthesis: framed images."""
        columns, edge = self.sizes[j][1], self.taps - 2
        framed = torch.zeros_like(self.framed[j])
        inside = framed.flatten(0, 1)[None, :, edge : edge + columns]
        blocks.apply_back(half.flatten(1)[None], self.bank.matrix((columns + 1) // 2, True), inside)
        return framed

    def _framed(self, images: torch.Tensor) -> torch.Tensor:
        """Images in a frame of zeros, as wide as whole blocks read."""
        rows, columns = (
            blocks.padded_length((n + self.taps - 1) // 2, self.taps) for n in images.shape[-2:]
        )
        framed = images.new_zeros(len(images), rows, columns)
        edge = self.taps - 2
        framed[:, edge:, edge:][:, : images.shape[-2], : images.shape[-1]] = images
        return framed

    def _unframed(self, framed: torch.Tensor, j: int) -> torch.Tensor:
        rows, columns = self.sizes[j]
        edge = self.taps - 2
        return framed[:, edge : edge + rows, edge : edge + columns]

    def _low(self, coeffs: torch.Tensor, j: int) -> torch.Tensor:
        """View of the corner (rows, columns, batch) that level j goes on from."""
        rows, columns = self.sizes[j]
        return coeffs[: 2 * rows : 2, : 2 * columns : 2]
