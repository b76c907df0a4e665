"""In-betweening network: the change to an interpolated gap, from the frames before it and those after it.

Delta-interpolation (Oreshkin et al. 2022, "Motion In-Betweening via Deep Delta-Interpolator"): the gap is first filled
by interpolation, and a small transformer predicts what recordings differ from that by, all frames at once (Duan et al.
2021, "Single-Shot Motion Completion"). Everything is on ``humanml22`` at 30 frames per second, relative to the last
frame before the gap: above the origin, facing +Z, feet on y = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor, nn

from kinescale import skeletons
from kinescale.core.records import Record, read_json
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.mirror import reflect_points, reflect_quats
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_multiply,
    quat_slerp,
    quat_to_rot6d,
    rotvec_to_quat,
)
from kinescale.motion.canonicalize import facing_yaw
from kinescale.skeletons.base import role_mirror

SKELETON, FPS = "humanml22", 30.0
MAX_GAP, MAX_SIDE = 60, 10
"""Longest gap of the training, frames, and the most frames that are seen on either side of it."""

PERIODS = 6
"""Wavelengths per clock: 4, 8, ... frames."""


class Config(Record):
    """Sizes of the network. ``kernel``: frames of the depthwise convolution before each feed-forward layer."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 384
    kernel: int = 5


@dataclass(frozen=True, eq=False)
class Window:
    """A batch of gaps with their surroundings, the gap filled by interpolation.

    Parameters
    ----------
    root : [B, N, 3] meters, relative to the last frame before the gap.
    rotations : [B, N, J, 4] local, the root's relative to the facing of that frame.
    gap : first frame of the gap and the first after it.
    """

    root: Float[Tensor, "B N 3"]
    rotations: Float[Tensor, "B N J 4"]
    gap: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where a window lay: facing (radians) and position of its last frame before the gap, and the floor's height."""

    yaw: Float[Tensor, " B"]
    origin: Float[Tensor, "B 3"]


def interpolated(
    root: Float[Tensor, "B N 3"], rotations: Float[Tensor, "B N J 4"], gap: tuple[int, int]
) -> tuple[Float[Tensor, "B N 3"], Float[Tensor, "B N J 4"]]:
    """The gap's frames replaced by linear interpolation of the root and slerp of the local rotations."""
    first, stop = gap
    count = stop - first
    weight = torch.arange(1, count + 1, dtype=root.dtype, device=root.device) / (count + 1)
    line = torch.lerp(root[:, first - 1, None], root[:, stop, None], weight[None, :, None])
    before, after = (rotations[:, at, None].expand(-1, count, -1, -1) for at in (first - 1, stop))
    turned = quat_slerp(before, after, weight[None, :, None].expand(len(root), -1, rotations.shape[2]))
    return (
        torch.cat([root[:, :first], line, root[:, stop:]], dim=1),
        torch.cat([rotations[:, :first], turned, rotations[:, stop:]], dim=1),
    )


def placed_at_gap(
    root: Float[Tensor, "B N 3"], rotations: Float[Tensor, "B N J 4"], first: int
) -> tuple[Float[Tensor, "B N 3"], Float[Tensor, "B N J 4"], Placement]:
    """Clips moved so that frame ``first - 1`` is above the origin and faces +Z; heights stay."""
    skeleton = skeletons.get(SKELETON)
    offsets = torch.as_tensor(skeleton.offsets.copy()).to(root)
    joints, _ = forward_kinematics(root[:, first - 1], rotations[:, first - 1], offsets, skeleton.parents)
    yaw = facing_yaw(joints, skeleton)
    origin = root[:, first - 1] * root.new_tensor([1.0, 0.0, 1.0])
    turn = quat_about_y(-yaw)[:, None]
    turned = torch.cat([quat_multiply(turn, rotations[:, :, 0])[:, :, None], rotations[:, :, 1:]], dim=2)
    return quat_apply(turn, root - origin[:, None]), turned, Placement(yaw, origin)


class InbetweenNetwork(nn.Module):
    """A window to the change of its gap: rotation vectors [B, G, J, 3] in each joint's frame, and root shifts.

    The change is zero at both frames around the gap: what the network says about them is taken off, linearly between.
    """

    mean: Tensor
    std: Tensor
    offsets: Tensor
    license: str = ""
    """Licenses of the data that the weights were trained on."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        skeleton = skeletons.get(SKELETON)
        self.parents, joints = skeleton.parents, len(skeleton)
        self.register_buffer("offsets", torch.as_tensor(skeleton.offsets.copy()).float(), persistent=False)
        width = joints * 6 + 2 * joints * 3
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))
        self.inward = nn.Linear(width + 4 * PERIODS + 4, config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.outward = nn.Linear(config.width, joints * 3 + 3)
        nn.init.normal_(self.outward.weight, std=1e-3)
        nn.init.zeros_(self.outward.bias)

    def features(self, window: Window) -> Float[Tensor, "B N F"]:
        """Local 6-D rotations, root and root-relative joint positions, and their velocities, not normalized."""
        joints, _ = forward_kinematics(window.root, window.rotations, self.offsets, self.parents)
        place = torch.cat([window.root, (joints - window.root[:, :, None])[:, :, 1:].flatten(2)], dim=-1)
        speed = torch.diff(place, dim=1)
        speed = torch.cat([speed[:, :1], speed], dim=1) if place.shape[1] > 1 else torch.zeros_like(place)
        return torch.cat([quat_to_rot6d(window.rotations).flatten(2), place, speed], dim=-1)

    def forward(self, window: Window) -> tuple[Float[Tensor, "B G J 3"], Float[Tensor, "B G 3"]]:
        """Rotation vectors and root shifts of the gap's frames."""
        first, stop = window.gap
        said = (self.features(window) - self.mean) / self.std
        clock = clocks(said.shape[1], window.gap).to(said)
        x = self.inward(torch.cat([said, clock.expand(len(said), -1, -1)], dim=-1))
        for block in self.blocks:
            x = block(x)
        change = self.outward(self.norm(x[:, first - 1 : stop + 1]))
        weight = torch.linspace(0, 1, stop - first + 2, dtype=change.dtype)[None, :, None]
        change = (change - torch.lerp(change[:, :1], change[:, -1:], weight))[:, 1:-1]
        return change[..., 3:].unflatten(-1, (-1, 3)), change[..., :3]

    def filled(self, window: Window) -> tuple[Float[Tensor, "B G 3"], Float[Tensor, "B G J 4"]]:
        """Root and local rotations of the gap's frames."""
        first, stop = window.gap
        turn, shift = self(window)
        rotations = quat_multiply(window.rotations[:, first:stop], rotvec_to_quat(turn))
        return window.root[:, first:stop] + shift, torch.nn.functional.normalize(rotations, dim=-1)

    def filled_both_ways(self, window: Window) -> tuple[Float[Tensor, "B G 3"], Float[Tensor, "B G J 4"]]:
        """As ``filled``, by the mean of the change of the window and that of its mirror image, mirrored back.

        Half of the training was mirrored, so that both are equally good, and their mean has less of chance in it.
        """
        first, stop = window.gap
        partners = mirrored_joints()
        image = Window(reflect_points(window.root), reflect_quats(window.rotations)[:, :, partners], window.gap)
        turn, shift = self(window)
        turn_image, shift_image = self(image)
        # rotation vectors are reflected as the vector parts of quaternions are
        turned = reflect_quats(torch.nn.functional.pad(turn_image, (0, 1)))[..., :3][:, :, partners]
        turn, shift = (turn + turned) / 2, (shift + reflect_points(shift_image)) / 2
        rotations = quat_multiply(window.rotations[:, first:stop], rotvec_to_quat(turn))
        return window.root[:, first:stop] + shift, torch.nn.functional.normalize(rotations, dim=-1)


@cache
def mirrored_joints() -> tuple[int, ...]:
    """Of each joint of the network's skeleton, the one on the other side."""
    skeleton = skeletons.get(SKELETON)
    role_of = {joint: role for role, joint in skeleton.roles.items()}
    return tuple(skeleton.role(role_mirror(role_of[joint])) for joint in skeleton.joints)


class _Block(nn.Module):
    """Self-attention over all frames, then a convolution over neighbors and a feed-forward layer, each residual."""

    def __init__(self, config: Config):
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.taps = nn.Parameter(torch.zeros(config.kernel, width))
        with torch.no_grad():
            self.taps[config.kernel // 2] = 1.0
        self.feed = nn.Sequential(
            nn.Linear(width, config.feed_forward), nn.GELU(), nn.Linear(config.feed_forward, width)
        )

    def forward(self, x: Float[Tensor, "B N W"]) -> Float[Tensor, "B N W"]:
        parts = self.query_key_value(self.before(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        half = len(self.taps) // 2
        padded = nn.functional.pad(self.after(x), (0, 0, half, half))
        near = sum(padded[:, k : k + x.shape[1]] * tap for k, tap in enumerate(self.taps))
        return x + self.feed(near)


def clocks(count: int, gap: tuple[int, int]) -> Float[Tensor, "1 N C"]:
    """Where each frame is: sines of the frames since the gap's start and until its end, inside or not, its share."""
    first, stop = gap
    at = torch.arange(count, dtype=torch.float32)
    turns = 2 * math.pi / 2.0 ** torch.arange(2, 2 + PERIODS)
    waves = [wave(turns * since[:, None]) for since in (at - first + 1, stop - at) for wave in (torch.sin, torch.cos)]
    inside = (at >= first) & (at < stop)
    share = ((at - first + 1) / (stop - first + 1)).clamp(0, 1)
    length = torch.full_like(at, math.log(stop - first) / math.log(MAX_GAP))
    return torch.cat([*waves, torch.stack([inside.float(), share, share * (1 - share) * 4, length], dim=-1)], dim=-1)[
        None
    ]


@cache
def shipped() -> InbetweenNetwork:
    """The network in the package, in float32, ready for inference."""
    return load(Path(__file__).with_name("inbetween_weights"))


def load(folder: Path) -> InbetweenNetwork:
    """The network of a folder with ``config.json`` and ``weights.safetensors``."""
    config: dict[str, Any] = read_json(folder / "config.json")
    network = InbetweenNetwork(Config.parse(config["network"], where="config.json"))
    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    network.load_state_dict(tensors)
    found = config.get("licenses", {}).items()
    names = [f"{one['name']} ({corpus})" for corpus, licenses in found for one in licenses]
    network.license = "; ".join(names)
    return network.eval().requires_grad_(False)
