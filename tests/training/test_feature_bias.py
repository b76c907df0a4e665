"""Root and contacts can weigh more: their deviations are divided, so what the networks see of them is larger."""

from __future__ import annotations

import torch

from kinescale.features import Normalizer
from kinescale.features.humanml3d import blocks_of


def test_only_root_and_contacts_are_larger_by_the_bias() -> None:
    given = Normalizer(torch.randn(263), torch.rand(263) + 0.1)
    values = torch.randn(7, 263)
    made = given.biased(blocks_of(22), 5.0)
    ratio = made.apply(values) / given.apply(values)
    wanted = torch.ones(263)
    wanted[:4] = wanted[-4:] = 5.0
    torch.testing.assert_close(ratio, wanted.expand(7, -1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.undo(made.apply(values)), values, rtol=1e-4, atol=1e-4)
