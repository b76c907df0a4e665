"""Golden runners of the feature layouts: process, recover, and every stage between."""

from __future__ import annotations

from golden_case import Case, Runner
from torch import Tensor

from kinescale import skeletons
from kinescale.features import humanml3d, snapmogen
from kinescale.features.humanml3d import published as recipe
from kinescale.kinematics.forward import local_to_global
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton


def wxyz(quat_xyzw: Tensor) -> Tensor:
    return quat_xyzw[..., [3, 0, 1, 2]]


def constants_of(case: Case, joints: int) -> recipe.Constants:
    """Ours for that number of joints; where the case states the numbers, they must be ours."""
    found = [c for c in recipe.VARIANTS.values() if c.joints == joints]
    assert len(found) == 1, f"no variant has {joints} joints"
    ours = found[0]
    if case.get("kinematic_chain") is not None:
        assert [list(chain) for chain in ours.chains] == case["kinematic_chain"]
        assert [list(axis) for axis in ours.axes] == case["raw_offsets"]
        assert list(ours.across) == case["face_joints_rhip_lhip_rsho_lsho"]
        assert list(ours.legs) == case["leg_joints_for_scale"]
        assert list(ours.feet) == case["feet_left"] + case["feet_right"]
        assert ours.foot_threshold == case["foot_threshold"]
    return ours


def check_recovery(case: Case, features: Tensor, constants: recipe.Constants, names: dict[str, str]) -> None:
    root_quat, root = humanml3d.recover_root(features)
    case.check(names["quaternion"], wxyz(root_quat))
    case.check(names["position"], root)
    case.check(names["joints"], humanml3d.recover_positions(features, constants.joints))


def run_process(case: Case) -> None:
    pose = case.tensor("example_pose")
    constants = constants_of(case, len(pose))
    offsets = recipe.target_offsets(pose, constants)
    case.check("target_offsets", offsets)
    for track in range(len(case["tracks"])):
        name = f"track{track}."
        done = recipe.process_positions(case.tensor(name + "joints"), constants, offsets=offsets)
        case.check(name + "uniform_joints", done.uniform_joints)
        case.check(name + "global_joints", done.global_joints)
        case.check(name + "features", done.features)
        case.check(name + "quaternions", wxyz(done.quaternions))
        still = recipe.chain_rotations(done.global_joints, constants, smooth=False)
        case.check(name + "quaternions_unsmoothed", wxyz(still))
        names = {
            "quaternion": name + "root_quaternion",
            "position": name + "root_position",
            "joints": name + "recovered_joints",
        }
        # Recovery is checked on the features given, so that differences of the two stages do not add up.
        features = case.tensor(name + "features")
        check_recovery(case, features, constants, names)
        turned = humanml3d.recover_from_rotations(features, offsets, constants)
        case.check(name + "recovered_from_rotations", turned)


def run_sample_pair(case: Case) -> None:
    """A published feature file, the joints published beside it, and features made of those joints again."""
    features = case.tensor("features")
    joints = case.tensor("joints_file")
    constants = constants_of(case, joints.shape[1])
    names = {"quaternion": "root_quaternion", "position": "root_position", "joints": "recovered_joints"}
    check_recovery(case, features, constants, names)
    case.check("joints_file", humanml3d.recover_positions(features, constants.joints))
    offsets = recipe.target_offsets(joints[0], constants)
    case.check("target_offsets", offsets)
    case.check("features_again", recipe.process_positions(joints, constants, offsets=offsets).features)


def run_snapmogen(case: Case) -> None:
    """A clip as a BVH reader gives it, in centimeters, to features; and what features are decoded to."""
    ours = skeletons.get(snapmogen.SKELETON)
    assert list(ours.parents) == case["parents"]
    assert list(snapmogen.FEET) == case["contact_joints"]
    assert [j for pair in snapmogen.ACROSS for j in pair] == case["face_joints_rhip_lhip_rsho_lsho"]
    assert case["foot_threshold"] == snapmogen.CONTACT_SPEED2
    offsets = case.tensor("offsets").double().numpy() * 0.01
    body = Skeleton("clip", ours.joints, ours.parents, offsets, ours.roles)
    rotations = case.tensor("local_quaternions")[..., [1, 2, 3, 0]].double()
    feature = snapmogen.build(snapmogen.Config())
    assert feature.fps == case["fps"]
    motion = Motion(body, feature.fps, case.tensor("root_positions").double() * 0.01, rotations)
    case.check("features", feature.from_motion(motion))
    # Recovery is checked on the features given, so that differences of the two stages do not add up.
    features = case.tensor("features")
    made = feature.to_motion(features)
    case.check("root_positions_recovered", made.root[None] * 100)
    case.check("joints_from_positions", feature.positions(features)[None] * 100)
    case.check("joints_from_rotations", made.positions()[None] * 100)
    for name, mine in (
        ("global_quaternions", local_to_global(made.rotations, ours.parents)),
        ("local_quaternions_recovered", made.rotations),
    ):
        theirs = case.tensor(name)[0]
        sign = (wxyz(mine) * theirs).sum(-1, keepdim=True).sign()
        case.check(name, (wxyz(mine) * sign)[None])


RUNNERS: dict[tuple[str, str], Runner] = {
    ("HumanML3D features", "process_file / recover_from_ric / recover_from_rot"): run_process,
    ("HumanML3D features", "official sample pair"): run_sample_pair,
    ("SnapMoGen features", "process_bvh_motion / recover_*"): run_snapmogen,
}
