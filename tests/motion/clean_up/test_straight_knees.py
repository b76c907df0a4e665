"""Foot lock on a straight leg: the knee goes where knees go, whatever axes the skeleton's joints have."""

from __future__ import annotations

import pytest
import torch

from kinescale import skeletons
from kinescale.motion import Motion
from kinescale.motion.clean_up.foot_lock import _reach
from kinescale.motion.retarget import t_pose


@pytest.mark.parametrize("name", ["humanml22", "bandai_namco", "iclone", "cmu"])
def test_a_straight_knee_bends_forward(name: str) -> None:
    skeleton = skeletons.get(name)
    local = torch.zeros(2, len(skeleton), 4, dtype=torch.float64)
    local[..., 3] = 1
    if skeleton.t_pose is not None:
        local = torch.as_tensor(skeleton.t_pose.copy()).expand(2, -1, -1)
    _, at = t_pose(skeleton)
    motion = Motion(skeleton, 30.0, torch.zeros(2, 3, dtype=torch.float64), local)
    hip, knee, ankle = (skeleton.role(f"left_{part}") for part in ("hip", "knee", "ankle"))
    raised = at[ankle] + torch.tensor([0.0, 0.1, 0.0])
    made, short = _reach(motion, "left", raised.expand(2, 3))
    found = made.positions()
    torch.testing.assert_close(found[:, ankle], raised.expand(2, 3), atol=1e-9, rtol=0)
    assert float(short.max()) == 0.0
    assert float((found[:, knee] - (found[:, hip] + found[:, ankle]) / 2)[:, 2].min()) > 0.1
