"""The inside of an edit: a stretch of a clip as a bundle's features, drawn anew window by window, and back again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.features import Feature
from kinescale.motion.canonicalize import canonicalise
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.motion.retime import retimed
from kinescale.pipelines.editing import Mask, Span, Wish, drawn_positions, latents_touched
from kinescale.pipelines.runtime import PostProcess, PostProcessed, post_process
from kinescale.samplers.base import Keep
from kinescale.skeletons.base import Skeleton
from kinescale.tokenizers import Encoded
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

FADE_FRAMES = 8
"""Frames over which a window takes over from the one before, in features."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """The frames ``start`` to ``stop`` of a clip as a bundle sees them.

    Parameters
    ----------
    features : of the bundle's feature, as they are (not normalized).
    spans : what is to be drawn, in frames of ``features``.
    lifted_m : how much the floor was raised for the features.
    """

    start: int
    stop: int
    features: Float[Tensor, "T F"]
    spans: tuple[Span, ...]
    lifted_m: float


@dataclass(frozen=True, eq=False)
class Rewriting:
    """A text-guided change without a region: the source prompt's text features, and the threshold."""

    text: TextFeatures
    threshold: float


@dataclass(frozen=True, eq=False)
class Drawn:
    """Features of the whole stretch, which of its frames were decoded, and each window's tokens and kept positions."""

    features: Float[Tensor, "T F"]
    decoded: Bool[Tensor, "T"]
    tokens: tuple[TokenMap, ...]
    kept: tuple[Mask, ...]


def stretch_of(bundle: Bundle, motion: Motion, spans: Sequence[Span], *, level: bool = False) -> Stretch:
    """The spans with as much around them as one window of the bundle holds, on its skeleton and at its rate.

    ``level``: the floor is the plane y = 0; else it is found under the feet.
    """
    feature = bundle.feature
    margin = int(bundle.max_frames * motion.fps / feature.fps) + 1
    start, stop = max(0, spans[0][0] - margin), min(len(motion), spans[-1][1] + margin)
    piece = motion.slice(start, stop).to(torch.float32)
    rate = feature.fps / motion.fps
    frames = max(bundle.stride, math.ceil((len(piece) - 1) * rate - 1e-6) + 1)
    there = retimed(retarget(piece, feature.skeleton, feet=False), feature.fps, frames)
    there = canonicalise(there, floor=not level)
    plain = retimed(retarget(piece.slice(0, 1), feature.skeleton, feet=False), feature.fps, 1)
    inside = []
    for first, last in spans:
        begin = int((first - start) * rate + 1e-6)
        inside.append((begin, min(frames, max(begin + 1, math.ceil((last - start) * rate - 1e-6)))))
    lifted = float(there.root[0, 1] - plain.root[0, 1])
    return Stretch(start, stop, row_a_frame(feature, there), tuple(inside), lifted)


def row_a_frame(feature: Feature, motion: Motion) -> Float[Tensor, "T F"]:
    """A motion's features; in a layout of velocities, which has a row less than there are frames, the last is held."""
    found = feature.from_motion(motion)
    return torch.cat([found, found[-1:].expand(len(motion) - len(found), -1)])


def back_on(
    bundle: Bundle,
    stretch: Stretch,
    features: Float[Tensor, "T F"],
    motion: Motion,
    finish: PostProcess,
    decoded: Bool[Tensor, "T"],
) -> PostProcessed:
    """The made features as a motion on the clip's skeleton, at its rate, in its precision; frame 0 is ``start``."""
    done = post_process(bundle.feature, features, finish, decoded=decoded)
    made = done.motion.to(torch.float64)
    down = made.root.new_tensor([0.0, stretch.lifted_m, 0.0])
    made = retarget(made.replace(root=made.root - down), motion.skeleton, feet=False)
    return PostProcessed(retimed(made, motion.fps, stretch.stop - stretch.start), done.report)


def paired_joints(skeleton: Skeleton, other: Skeleton, joints: Sequence[int]) -> tuple[int, ...]:
    """Those of ``joints`` that ``other`` says something of: joints of shared roles, and joints above such ones."""
    if skeleton == other:
        return tuple(joints)
    said = {skeleton.role(role) for role in skeleton.roles if role in other.roles}
    for joint in range(len(skeleton) - 1, 0, -1):
        if joint in said:
            said.add(skeleton.parents[joint])
    return tuple(joint for joint in joints if joint in said)


def windows(length: int, spans: Sequence[Span], capacity: int, stride: int) -> list[tuple[Span, tuple[Span, ...]]]:
    """Windows of at most ``capacity`` frames and the spans that each draws; later ones build on earlier ones.

    A span that one window holds has as much around it as fits, the same on both sides; a longer one is drawn piece by
    piece, each with the last quarter of a window before it.
    """
    if length <= capacity:
        return [((0, length), tuple(spans))]
    plan = []
    for first, wanted in spans:
        at, last = first, min(wanted, length)
        while at < last:
            around = max(capacity // 4, (capacity - (last - at)) // 2)
            # whole latent steps before a piece, so that it begins with one
            start = max(0, at - around // stride * stride)
            start = max(0, min(start, length - capacity))
            stop = min(length, start + capacity)
            plan.append(((start, stop), ((at, min(last, stop)),)))
            at = min(last, stop)
    return plan


OfWindow = Callable[[Tensor, int, tuple[Span, ...]], tuple[Tensor, TokenMap, Mask]]


def window_by_window(bundle: Bundle, whole: Float[Tensor, "T F"], spans: Sequence[Span], make: OfWindow) -> Drawn:
    """What ``make`` makes of each window: (features, first frame, spans in it) to (features, tokens, kept positions).

    A window sees what earlier ones made, and fades into it just before its own span.
    """
    features = whole.clone()
    done = torch.zeros(len(features), dtype=torch.bool)
    tokens, kept = [], []
    for (start, stop), inside in windows(len(features), spans, bundle.max_frames, bundle.stride):
        inner = tuple((a - start, b - start) for a, b in inside)
        decoded, drawn, mask = make(features[start:stop], start, inner)
        weight = torch.ones(stop - start)
        if bool(done[start:stop].any()):
            fade = min(FADE_FRAMES, inner[0][0])
            weight[: inner[0][0] - fade] = 0
            weight[inner[0][0] - fade : inner[0][0]] = torch.arange(1, fade + 1) / (fade + 1)
        features[start:stop] = torch.lerp(features[start:stop], decoded, weight[:, None])
        done[start:stop] = True
        tokens.append(drawn)
        kept.append(mask)
    return Drawn(features, done, tuple(tokens), tuple(kept))


def encode_window(bundle: Bundle, features: Float[Tensor, "T F"]) -> Encoded:
    """A window's tokens; its last frame is held to fill a whole latent step."""
    frames = len(features)
    normal = bundle.normalizer.apply(features).to(bundle.device)
    whole = -(-frames // bundle.stride) * bundle.stride
    held = torch.cat([normal, normal[-1:].expand(whole - frames, -1)])
    return bundle.tokenizer.encode(held[None], torch.tensor([whole], device=bundle.device))


class Redraw:
    """Draws the stretch's spans anew; call it with a random generator for each sample."""

    def __init__(
        self,
        bundle: Bundle,
        stretch: Stretch,
        wish: Wish,
        config: Record,
        text: TextFeatures,
        rewriting: Rewriting | None = None,
    ):
        self.bundle, self.stretch, self.wish = bundle, stretch, wish
        self.config, self.text, self.rewriting = config, text, rewriting

    def __call__(self, rng: torch.Generator) -> Drawn:
        return window_by_window(
            self.bundle,
            self.stretch.features,
            self.stretch.spans,
            lambda features, start, spans: self._window(features, spans, rng),
        )

    def _window(
        self, features: Float[Tensor, "T F"], spans: tuple[Span, ...], rng: torch.Generator
    ) -> tuple[Tensor, TokenMap, Mask]:
        bundle, frames = self.bundle, len(features)
        encoded = encode_window(bundle, features)
        layout, latents = encoded.tokens.layout, encoded.tokens.latents
        masks = drawn_positions(layout, spans, self.wish.roles, bundle.tokenizer.latent_roles, self.wish.strength)
        seen = bundle.codec.from_native(encoded.tokens)
        given = tuple(~mask[None].to(bundle.device) & seen.valid(k) for k, mask in enumerate(masks))
        keep = self._keep(seen, given, rng)
        drawn = self._sample(self.text, keep, layout, latents, rng)
        inside = latents_touched(layout, spans).to(bundle.device)[None, :, None, None]
        latent = torch.where(inside, drawn.latent, encoded.quantized)
        if layout.rounding == "down":
            steps = torch.arange(layout.capacity, device=bundle.device)
            latent = latent * (steps < latents[0])[None, :, None, None]
        decoded = bundle.tokenizer.decode_latent(latent, latents)[0, :frames].float().cpu()
        return bundle.normalizer.undo(decoded), bundle.plain(drawn.tokens), tuple(g[0].cpu() for g in given)

    def _keep(self, seen: TokenMap, given: tuple[Tensor, ...], rng: torch.Generator) -> Keep:
        if self.rewriting is None:
            return Keep(seen.scales, given)
        # the clip's bits under the source prompt: all are given, only their probabilities are asked for
        everything = tuple(seen.valid(k) for k in range(len(seen.scales)))
        source = self._sample(self.rewriting.text, Keep(seen.scales, everything), seen.layout, seen.latents, rng)
        nowhere = [torch.zeros(scale.bins, scale.groups, dtype=torch.bool) for scale in seen.layout.scales]
        module = self._sampler_module()
        return module.rewrite(source, nowhere, early=self.wish.strength, threshold=self.rewriting.threshold)

    def _sampler_module(self) -> Any:
        from kinescale import samplers

        part = self.bundle.manifest.sampling
        assert part is not None
        module = samplers.FAMILY.load(part.name)
        if not hasattr(module, "rewrite"):
            raise InputError(f"the sampler '{part.name}' cannot rewrite by probabilities; leave the source prompt out.")
        return module

    def _sample(self, text: TextFeatures, keep: Keep, layout: Any, latents: Tensor, rng: torch.Generator) -> Any:
        sample, _ = self.bundle.sampler()
        options = {"config": self.config, "rngs": [rng], "keep": keep}
        return sample(self.bundle.generator, self.bundle.codec, text, None, layout, latents, **options)
