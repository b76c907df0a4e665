"""From latent grids to the motion that is written, and differentiable all the way: what control optimizes through.

``features = clip + fade * smoothed(decode(latent) - decode(clip's latent))``: where the latent is the clip's own, the
motion is the clip's, whatever the tokenizer loses; the fade is zero outside the frames that may change. Then the
feature's root and rotations, the way back to the clip's skeleton and frame rate, and what those lose put back, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.kinematics.contacts import steady_contacts
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_conjugate, quat_multiply, quat_yaw_between
from kinescale.motion.anchor import anchor_feet
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample_cubic
from kinescale.motion.retarget import retarget
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.editing.stretch import paired_joints
from kinescale.pipelines.post_process import RAW, PostProcess, slow_feet, smoothed, smoothing_of
from kinescale.skeletons.base import Skeleton

FADE_S = 0.25
"""Seconds, inside the frames that may change, over which the change sets in."""


@dataclass(frozen=True, eq=False)
class Windows:
    """How a stretch is cut for the tokenizer: K windows of as many frames each, and what each counts in each frame."""

    starts: tuple[int, ...]
    frames: int
    weights: Float[Tensor, "K T"]

    @staticmethod
    def over(length: int, span: Span, capacity: int, stride: int) -> Windows:
        """Windows that overlap by a quarter, over ``span`` with a quarter around it, or one over everything."""
        if length <= capacity:
            return Windows((0,), length, torch.ones(1, length))
        overlap = capacity // 4
        first = max(0, min((span[0] - overlap) // stride * stride, length - capacity))
        starts = [first]
        while starts[-1] + capacity < min(length, span[1] + overlap):
            starts.append(min(starts[-1] + capacity - overlap, length - capacity))
        weights = torch.zeros(len(starts), length)
        ramp = torch.arange(1, capacity + 1).clamp(max=overlap).float()
        for k, start in enumerate(starts):
            # a clip's end, or a border of all windows, is no place to fade
            up = ramp if k else torch.full_like(ramp, overlap)
            down = ramp.flip(0) if k + 1 < len(starts) else torch.full_like(ramp, overlap)
            weights[k, start : start + capacity] = torch.minimum(up, down)
        return Windows(tuple(starts), capacity, weights / weights.sum(0).clamp(min=1e-6))


@dataclass(frozen=True, eq=False)
class Ground:
    """What a chain stands on.

    Parameters
    ----------
    features : of the clips before control, [B, T, F].
    span : the frames of ``features`` that may change.
    clips : the clips that are changed, from the stretch's first frame on, alike in skeleton, rate and length; none for
        generated ones.
    lifted_m : of each clip, how much its floor was raised for the features.
    finish : how what is decoded is smoothed, and whether the root follows the standing feet.
    """

    features: Float[Tensor, "B T F"]
    span: Span
    clips: tuple[Motion, ...] = ()
    lifted_m: tuple[float, ...] = ()
    finish: PostProcess = RAW


class Chain:
    """Latents to motions. Latents are [B, K, T', P, D], K windows; a ``start`` is [B, 3], yaw, x and z of the whole.

    ``latent``: what ``ground.features`` was decoded from; its encoding when not given.
    """

    def __init__(self, bundle: Bundle, ground: Ground, latent: Float[Tensor, "B K T2 P D"] | None = None):
        self.bundle, self.ground = bundle, ground
        length = ground.features.shape[1]
        self.windows = Windows.over(length, ground.span, bundle.max_frames, bundle.stride)
        self.layout = bundle.tokenizer.layout(-(-self.windows.frames // bundle.stride) * bundle.stride)
        self.fade = fading(length, ground.span, FADE_S * bundle.feature.fps)
        self.skeleton: Skeleton | None = None
        self.base = self.encode(ground.features) if latent is None else latent
        with torch.no_grad():
            self.decoded = self._decode(self.base)
            self.sigmas = [smoothing_of(bundle.feature, row, ground.finish) for row in self.decoded]
            self._set_residual()

    def encode(self, features: Float[Tensor, "B T F"]) -> Float[Tensor, "B K T2 P D"]:
        """The encoder's latents of each window, not quantized; a last frame is held to fill a whole latent step."""
        bundle, frames = self.bundle, self.windows.frames
        pieces = torch.stack([features[:, s : s + frames] for s in self.windows.starts], dim=1)
        normal = bundle.normalizer.apply(pieces.flatten(0, 1).float()).to(bundle.device)
        whole = -(-frames // bundle.stride) * bundle.stride
        held = torch.cat([normal, normal[:, -1:].expand(-1, whole - frames, -1)], dim=1)
        with torch.no_grad():
            rows = [bundle.tokenizer.encode(row[None], torch.tensor([whole], device=row.device)).latent for row in held]
        return torch.cat(rows).float().unflatten(0, pieces.shape[:2])

    def features(self, latent: Float[Tensor, "B K T2 P D"]) -> Float[Tensor, "B T F"]:
        """The clips' features with what the latents change."""
        change = self._decode(latent) - self.decoded
        return self.ground.features + self.fade[:, None] * self._smoothed(change)

    def motions(self, latent: Tensor, start: Float[Tensor, "B 3"]) -> tuple[Tensor, Tensor, Tensor]:
        """Root [B, N, 3] and rotations [B, N, J, 4] of the clips as they are written, and contacts [B, N, 4]."""
        root, rotations, contacts = self._there(self.features(latent))
        root, rotations = _placed(root, rotations, start)
        if self.clip is None:
            return root, rotations, contacts
        fixed = quat_multiply(rotations, self.lost_turn)
        fixed = torch.where(self.said[:, None], fixed, self.own_turn)
        since = quat_multiply(rotations[..., 0, :], self.base_turn)
        return root + quat_apply(since, self.lost_root), fixed, contacts

    def one(self, root: Tensor, rotations: Tensor) -> Motion:
        """A clip of what ``motions`` gives."""
        return Motion(self.written, self.fps, root.detach(), rotations.detach())

    @property
    def clip(self) -> Motion | None:
        """What all clips are alike in; ``None`` for generated ones."""
        return self.ground.clips[0] if self.ground.clips else None

    @property
    def written(self) -> Skeleton:
        """The skeleton of the motions."""
        assert self.skeleton is not None
        return self.skeleton if self.clip is None else self.clip.skeleton

    @property
    def fps(self) -> float:
        """Of the motions."""
        return self.bundle.feature.fps if self.clip is None else self.clip.fps

    def fit(self, motions: Sequence[Motion], latent: Float[Tensor, "B K T2 P D"]) -> Float[Tensor, "B 3"]:
        """The starts that lay the latents' clips over ``motions`` in their first frames."""
        with torch.no_grad():
            root, rotations, _ = self._there(self.features(latent))
            return _laid_over(motions, root, rotations)

    # Steps of the chain

    def _decode(self, latent: Tensor) -> Float[Tensor, "B T F"]:
        bundle, windows = self.bundle, self.windows
        flat = latent.flatten(0, 1).to(bundle.device)
        steps = torch.full((len(flat),), -(-windows.frames // bundle.stride), device=bundle.device)
        if self.layout.rounding == "down":
            inside = torch.arange(flat.shape[1], device=bundle.device) < steps[0]
            flat = flat * inside[None, :, None, None]
        # one by one on a CPU: rounding then cannot depend on what else is made
        at_once = 1 if flat.device.type == "cpu" else len(flat)
        rows = [
            bundle.tokenizer.decode_latent(z, n) for z, n in zip(flat.split(at_once), steps.split(at_once), strict=True)
        ]
        decoded = torch.cat(rows)[:, : windows.frames].float().cpu()
        plain = bundle.normalizer.undo(decoded).unflatten(0, latent.shape[:2])
        if len(windows.starts) == 1:
            return plain[:, 0]
        total = plain.new_zeros(self.ground.features.shape)
        for k, start in enumerate(windows.starts):
            stop = start + windows.frames
            piece = plain[:, k] * windows.weights[k, start:stop, None]
            total = total + torch.nn.functional.pad(piece, (0, 0, start, total.shape[1] - stop))
        return total

    def _smoothed(self, change: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
        return torch.stack([smoothed(row, sigma) for row, sigma in zip(change, self.sigmas, strict=True)])

    def _plain(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Root, rotations and contacts on the bundle's skeleton, from the origin."""
        feature = self.bundle.feature
        contacts = feature.contacts(features).clamp(0, 1).detach()
        made = []
        for row, stands in zip(features, contacts, strict=True):
            motion = feature.to_motion(row)
            # bones measured on a clip (in features that hold positions) stay as they were measured first
            self.skeleton = self.skeleton or motion.skeleton
            motion = motion.replace(skeleton=self.skeleton)
            if self.ground.finish.anchor:
                steady = steady_contacts(stands, feature.fps).to(stands) * slow_feet(motion)
                motion = anchor_feet(motion, steady).motion
            made.append(motion)
        return torch.stack([m.root for m in made]), torch.stack([m.rotations for m in made]), contacts

    def _there(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Root, rotations and contacts on the clips' skeleton and at their rate, from the origin."""
        root, rotations, contacts = self._plain(features)
        if self.clip is None:
            return root, rotations, contacts
        frames = len(self.clip)
        at = (torch.arange(frames) * (self.bundle.feature.fps / self.clip.fps)).round().long()
        return *self._retargeted(root, rotations), contacts[:, at.clamp(max=contacts.shape[1] - 1)]

    def _retargeted(self, root: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        clip, skeleton = self.clip, self.skeleton
        assert clip is not None and skeleton is not None
        batch, frames = root.shape[:2]
        lifted = torch.zeros(batch, 1, 3)
        lifted[:, 0, 1] = torch.tensor(self.ground.lifted_m)
        # all in one: what retargeting does to a frame does not depend on its neighbors
        joined = Motion(skeleton, self.bundle.feature.fps, (root - lifted).flatten(0, 1), rotations.flatten(0, 1))
        there = retarget(joined, clip.skeleton, feet=False)
        tracks = zip(there.root.view(batch, frames, 3), there.rotations.unflatten(0, (batch, frames)), strict=True)
        pieces = [resample_cubic(there.replace(root=r, rotations=q), clip.fps, len(clip)) for r, q in tracks]
        return torch.stack([p.root for p in pieces]), torch.stack([p.rotations for p in pieces])

    def _set_residual(self) -> None:
        """What the way to the bundle and back loses of the clips, and where they lie."""
        root, rotations, _ = self._there(self.ground.features)
        self.start = torch.zeros(len(root), 3)
        if self.clip is None or self.skeleton is None:
            return
        self.said = torch.zeros(len(self.clip.skeleton), dtype=torch.bool)
        self.said[list(paired_joints(self.clip.skeleton, self.skeleton, range(len(self.clip.skeleton))))] = True
        self.start = _laid_over(self.ground.clips, root, rotations)
        root, rotations = _placed(root, rotations, self.start)
        self.own_turn = torch.stack([clip.rotations.float() for clip in self.ground.clips])
        self.lost_turn = quat_multiply(quat_conjugate(rotations), self.own_turn)
        self.base_turn = quat_conjugate(rotations[:, :, 0])
        self.lost_root = torch.stack([clip.root.float() for clip in self.ground.clips]) - root


def fading(length: int, span: Span, fade: float) -> Float[Tensor, " T"]:
    """1 inside the span, 0 outside, smooth over ``fade`` frames inside each border that is not the clip's own end."""
    start, stop = span
    at = torch.arange(length, dtype=torch.float32)
    fade = max(1.0, min(fade, (stop - start) / 4))
    weight = torch.ones(length)
    if start > 0:
        weight = weight * eased(((at - start + 1) / (fade + 1)).clamp(0, 1))
    if stop < length:
        weight = weight * eased(((stop - at) / (fade + 1)).clamp(0, 1))
    return weight


def _placed(root: Tensor, rotations: Tensor, start: Float[Tensor, "B 3"]) -> tuple[Tensor, Tensor]:
    """Turned about the vertical and moved along the ground."""
    turn = quat_about_y(start[:, 0])[:, None]
    shift = torch.stack([start[:, 1], torch.zeros_like(start[:, 1]), start[:, 2]], dim=-1)
    first = quat_multiply(turn, rotations[:, :, 0])
    return quat_apply(turn, root) + shift[:, None], torch.cat([first[:, :, None], rotations[:, :, 1:]], dim=2)


def _laid_over(motions: Sequence[Motion], root: Tensor, rotations: Tensor) -> Float[Tensor, "B 3"]:
    """Yaw, x and z that lay the first frame of each over its motion's."""
    there = torch.stack([motion.root[0].float() for motion in motions])
    turn = torch.stack([motion.rotations[0, 0].float() for motion in motions])
    yaw = quat_yaw_between(turn, rotations[:, 0, 0])
    shift = there - quat_apply(quat_about_y(yaw), root[:, 0])
    return torch.stack([yaw, shift[:, 0], shift[:, 2]], dim=-1)
