"""Band-limited crops: what is above the cut goes, what is below stays, the rest is untouched."""

from __future__ import annotations

import torch

from trainers.codec import LOWEST_CUT, low_passed

RATE, LENGTH = 48000, 9600


def _spectra(crops: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft(crops[:, 0]).abs()


def test_a_share_of_crops_loses_its_top_and_nothing_else():
    crops = torch.randn(200, 1, LENGTH, generator=torch.Generator().manual_seed(1))
    made = low_passed(crops, 0.3, RATE, torch.Generator().manual_seed(2))
    before, after = _spectra(crops), _spectra(made)
    gone = after < 1e-3 * before  # [crops, bins]
    cut = gone.any(1)
    assert 40 <= int(cut.sum()) <= 80
    torch.testing.assert_close(made[~cut], crops[~cut], rtol=0, atol=1e-5)
    frequencies = torch.fft.rfftfreq(LENGTH, 1 / RATE)
    for there, lost in zip((before - after).abs()[cut], gone[cut]):
        edge = float(frequencies[lost].min())
        assert LOWEST_CUT <= edge <= RATE / 2
        assert bool(lost[frequencies >= edge].all())
        assert float(there[frequencies < edge].max()) < 1e-2


def test_the_same_seed_cuts_the_same():
    crops = torch.randn(8, 1, LENGTH)
    one, two = (low_passed(crops, 0.5, RATE, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(one, two)
