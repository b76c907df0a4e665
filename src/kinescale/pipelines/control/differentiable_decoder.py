"""Differentiable decoder: from latents to the motion that is written, with gradients all the way.

``features = clip + fade * smoothed(decode(latent) - decode(clip's latent))``: where the latent is the clip's own, the
motion is the clip's, whatever the tokenizer loses; the fade is zero outside the frames that may change. Then the
feature's root and rotations, the way back to the clip's skeleton and frame rate, and what that way loses is added back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_conjugate, quat_multiply, quat_yaw_between
from kinescale.motion.motion import Motion
from kinescale.pipelines import runtime
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.editing.stretch import paired_joints
from kinescale.pipelines.post_process import RAW, PostProcess, smoothed, smoothing_of
from kinescale.skeletons.base import Skeleton

FADE_S = 0.25
"""Seconds, inside the frames that may change, over which the change sets in."""

Track = tuple[Tensor, Tensor, Tensor]
"""Root [N, 3], rotations [N, J, 4] and contacts [N, 4]."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Overlapping windows of a stretch for the tokenizer: K windows of ``frames`` each, with their blending weights."""

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
class DecoderInput:
    """The clip that a decoder changes.

    Parameters
    ----------
    features : of the clip before control, not normalized.
    span : the frames of ``features`` that may change.
    clip : the clip itself from the first frame of ``features`` on.
    lifted_m : how much its floor was raised for the features.
    post_process : how decoded features are smoothed.
    """

    features: Float[Tensor, "T F"]
    span: Span
    clip: Motion
    lifted_m: float = 0.0
    post_process: PostProcess = RAW


class DifferentiableDecoder:
    """Latents [K, T', P, D] of K windows and a placement [3] (yaw, x and z of the whole clip) to a motion."""

    def __init__(self, bundle: Bundle, source: DecoderInput):
        self.bundle, self.source, self.clip = bundle, source, source.clip
        length = len(source.features)
        self.windows = Windows.over(length, source.span, bundle.max_frames, bundle.stride)
        self.layout = bundle.tokenizer.layout(-(-self.windows.frames // bundle.stride) * bundle.stride)
        self.fade = fading(length, source.span, FADE_S * bundle.feature.fps)
        self.skeleton: Skeleton | None = None
        self.latent = self.encode(source.features)
        with torch.no_grad():
            self.decoded = self._decode(self.latent)
            self.sigma = smoothing_of(bundle.feature, self.decoded, source.post_process)
            self._set_residual()

    def encode(self, features: Float[Tensor, "T F"]) -> Float[Tensor, "K T2 P D"]:
        """The encoder's latents of each window, not quantized."""
        pieces = [features[start : start + self.windows.frames] for start in self.windows.starts]
        with torch.no_grad():
            return torch.cat([runtime.encode(self.bundle, piece.float()).latent for piece in pieces]).float()

    def features(self, latent: Float[Tensor, "K T2 P D"]) -> Float[Tensor, "T F"]:
        """The clip's features with the change of the latents."""
        change = smoothed(self._decode(latent) - self.decoded, self.sigma)
        return self.source.features + self.fade[:, None] * change

    def tracks(self, latent: Tensor, placement: Float[Tensor, "3"]) -> Track:
        """Root, rotations and contacts of the clip as it is written."""
        root, rotations, contacts = self._on_clip(self.features(latent))
        root, rotations = _placed(root, rotations, placement)
        fixed = quat_multiply(rotations, self.lost_turn)
        fixed = torch.where(self.known[:, None], fixed, self.own_turn)
        since = quat_multiply(rotations[:, 0], self.base_turn)
        return root + quat_apply(since, self.lost_root), fixed, contacts

    def motion(self, root: Tensor, rotations: Tensor) -> Motion:
        """Tracks as a motion."""
        return Motion(self.written, self.fps, root.detach(), rotations.detach())

    @property
    def written(self) -> Skeleton:
        """The skeleton of the motion."""
        return self.clip.skeleton

    @property
    def fps(self) -> float:
        """Frame rate of the motion."""
        return self.clip.fps

    # Steps

    def _decode(self, latent: Tensor) -> Float[Tensor, "T F"]:
        bundle, windows = self.bundle, self.windows
        latent = latent.to(bundle.device)
        lengths = torch.full((len(latent),), -(-windows.frames // bundle.stride), device=bundle.device)
        latent = runtime.masked_latent(self.layout, latent, lengths)
        # one by one: rounding then cannot depend on the number of windows
        pieces = [
            runtime.decode_latent(bundle, z, n, windows.frames)
            for z, n in zip(latent.split(1), lengths.split(1), strict=True)
        ]
        if len(pieces) == 1:
            return pieces[0]
        total = pieces[0].new_zeros(self.source.features.shape)
        for k, (start, piece) in enumerate(zip(windows.starts, pieces, strict=True)):
            stop = start + windows.frames
            weighted = piece * windows.weights[k, start:stop, None]
            total = total + torch.nn.functional.pad(weighted, (0, 0, start, len(total) - stop))
        return total

    def _on_bundle(self, features: Tensor) -> Track:
        """Root, rotations and contacts on the bundle's skeleton, from the origin."""
        feature = self.bundle.feature
        contacts = feature.contacts(features).clamp(0, 1).detach()
        motion = feature.to_motion(features)
        # bones measured on a clip (in features that hold positions) stay as they were measured first
        self.skeleton = self.skeleton or motion.skeleton
        motion = motion.replace(skeleton=self.skeleton)
        return motion.root, motion.rotations, contacts

    def _on_clip(self, features: Tensor) -> Track:
        """Root, rotations and contacts on the clip's skeleton and at its frame rate, from the origin."""
        root, rotations, contacts = self._on_bundle(features)
        clip, skeleton, fps = self.clip, self.skeleton, self.bundle.feature.fps
        assert skeleton is not None
        lifted = torch.tensor([0.0, self.source.lifted_m, 0.0])
        made = runtime.from_bundle(Motion(skeleton, fps, root - lifted, rotations), clip, len(clip))
        at = (torch.arange(len(clip)) * (fps / clip.fps)).round().long()
        return made.root, made.rotations, contacts[at.clamp(max=len(contacts) - 1)]

    def _set_residual(self) -> None:
        """What the way to the bundle and back loses of the clip, and where it lies."""
        root, rotations, _ = self._on_clip(self.source.features)
        clip = self.clip
        assert self.skeleton is not None
        self.known = torch.zeros(len(clip.skeleton), dtype=torch.bool)
        self.known[list(paired_joints(clip.skeleton, self.skeleton, range(len(clip.skeleton))))] = True
        self.placement = _laid_over(clip, root, rotations)
        root, rotations = _placed(root, rotations, self.placement)
        self.own_turn = clip.rotations.float()
        self.lost_turn = quat_multiply(quat_conjugate(rotations), self.own_turn)
        self.base_turn = quat_conjugate(rotations[:, 0])
        self.lost_root = clip.root.float() - root


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


def _placed(root: Tensor, rotations: Tensor, placement: Float[Tensor, "3"]) -> tuple[Tensor, Tensor]:
    """Turned about the vertical and moved along the ground."""
    turn = quat_about_y(placement[0])
    shift = torch.stack([placement[1], torch.zeros_like(placement[1]), placement[2]])
    first = quat_multiply(turn, rotations[:, 0])
    return quat_apply(turn, root) + shift, torch.cat([first[:, None], rotations[:, 1:]], dim=1)


def _laid_over(motion: Motion, root: Tensor, rotations: Tensor) -> Float[Tensor, "3"]:
    """Yaw, x and z that lay the first frame over the motion's."""
    yaw = quat_yaw_between(motion.rotations[0, 0].float(), rotations[0, 0])
    shift = motion.root[0].float() - quat_apply(quat_about_y(yaw), root[0])
    return torch.stack([yaw, shift[0], shift[2]])
