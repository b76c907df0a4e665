"""The CMU skeleton: its T-pose is one."""

from __future__ import annotations

import numpy as np
import torch

from kinescale import skeletons
from kinescale.kinematics.forward import forward_kinematics
from kinescale.skeletons.base import ROLES


def test_t_pose_has_legs_down_arms_out_and_toes_forward():
    skeleton = skeletons.get("cmu")
    assert set(skeleton.roles) == set(ROLES)
    assert skeleton.t_pose is not None
    positions, _ = forward_kinematics(
        torch.zeros(3, dtype=torch.float64),
        torch.from_numpy(skeleton.t_pose.copy()),
        torch.from_numpy(skeleton.offsets.copy()),
        skeleton.parents,
    )
    at = {role: positions[index].numpy() for role, index in skeleton.role_indices().items()}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        thigh, shin = at[f"{side}_knee"] - at[f"{side}_hip"], at[f"{side}_ankle"] - at[f"{side}_knee"]
        np.testing.assert_allclose(thigh / np.linalg.norm(thigh), [0, -1, 0], atol=5e-3)
        np.testing.assert_allclose(shin / np.linalg.norm(shin), [0, -1, 0], atol=5e-3)
        arm = at[f"{side}_wrist"] - at[f"{side}_shoulder"]
        np.testing.assert_allclose(arm / np.linalg.norm(arm), [sign, 0, 0], atol=1e-6)
        foot = at[f"{side}_toes"] - at[f"{side}_ankle"]
        assert foot[2] > 0.1
        assert abs(foot[0]) < 0.01
