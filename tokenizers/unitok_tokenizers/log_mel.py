"""Spectra of sound, framed so that every hop of samples has exactly one.

Shape letters: B batch, N samples, S spectra, F frequencies, M mel bands.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FLOOR: Final = 1e-3
"""Added to magnitudes before the logarithm: some 80 dB below a sine of amplitude 1."""


def magnitudes(samples: Tensor, window: Tensor, hop: int) -> Tensor:
    """Magnitudes ``[B, F, S]`` of the short-time spectra of ``[B, N]``, with S = N / hop and silence beyond the ends.

    The windows are centered on their hops of samples, and scaled so that white noise has its own standard deviation.
    """
    spill = len(window) - hop
    samples = F.pad(samples, (spill // 2, spill - spill // 2))
    with torch.autocast(samples.device.type, enabled=False):
        spectra = torch.stft(samples.float(), len(window), hop, window=window, center=False, return_complex=True)
        return spectra.abs() / window.norm()


class LogMel(nn.Module):
    """Samples ``[B, N]`` to the decimal logarithm of mel magnitudes, ``[B, M, N / hop]``, about -3 to 1.5.

    Args:
        sample_rate: Samples a second.
        n_fft: Samples of a window, at least ``hop``.
        hop: Samples from one spectrum to the next; N must be a multiple of it.
        mels: Bands, evenly spaced on the mel scale up to half of the sample rate.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, sample_rate: int, n_fft: int, hop: int, mels: int) -> None:
        super().__init__()
        from torchaudio.functional import melscale_fbanks  # only here: slow to import

        self.hop = hop
        with torch.device("cpu"):  # `melscale_fbanks` looks at its values, which a tensor on `meta` has not
            filters = melscale_fbanks(n_fft // 2 + 1, 0.0, sample_rate / 2, mels, sample_rate, None, "slaney")
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        spectra = magnitudes(samples, self.window, self.hop)
        with torch.autocast(samples.device.type, enabled=False):
            return ((self.filters.T @ spectra) + FLOOR).log10()
