"""Rows of one clip: read, retarget, resample, cut into windows, caption."""

from __future__ import annotations

from typing import Any

import numpy as np

from kinescale import description as measured
from kinescale import skeletons
from kinescale.core.errors import DataError
from kinescale.core.files import sha256_file
from kinescale.data import datasets
from kinescale.data.captions.measured_captions import with_measured_captions
from kinescale.data.datasets.base import RawClip
from kinescale.data.datasets.base.captions import ClipCaptions
from kinescale.data.prepare.settings import PART_AMOUNTS, Settings
from kinescale.data.prepare.windows import Window, windows
from kinescale.data.prepared import PreparedRow
from kinescale.motion import Motion, canonicalize, mirror, resample, retarget

LEAST_FRAMES = 8
FASTEST_JOINT = 40.0
"""Meters per second: no human joint is faster; a clip that exceeds it has broken frames."""


def clip_rows(clip: RawClip, settings: Settings, license: str) -> list[PreparedRow]:
    """Read one clip, bring it to the common skeleton, rate and start, and caption it; a long take in windows."""
    module = datasets.FAMILY.load(clip.corpus)
    motion = module.load(clip)
    motion = canonicalize(resample(retarget(motion, skeletons.get(settings.skeleton), feet=False), settings.fps))
    if len(motion) < LEAST_FRAMES:
        raise DataError(
            f"{clip.files[0].name}: {len(motion)} frames after resampling; at least {LEAST_FRAMES} are needed."
        )
    fastest = float((motion.positions().diff(dim=0).norm(dim=-1) * motion.fps).max())
    if fastest > FASTEST_JOINT:
        raise DataError(f"{clip.files[0].name}: a joint moves at {fastest:.0f} m/s; the clip has broken frames.")
    given = module.given(clip) if keeps_given(module, settings) else None
    if given is not None and not np.isfinite(given).all():
        raise DataError(f"{clip.files[0].name}: holds features that are not finite.")
    return [_row(clip, window, settings, license, given) for window in windows(motion, settings.window_frames)]


def _row(clip: RawClip, window: Window, settings: Settings, license: str, given: np.ndarray | None) -> PreparedRow:
    words = _words(clip, window, settings)
    return PreparedRow(
        id=window.name(clip.id),
        corpus=clip.corpus,
        action=clip.action,
        style=clip.style,
        license=license,
        captions=words.captions,
        captions_mirrored=words.mirrored,
        steady=words.steady,
        source_sha256=sha256_file(clip.files[0]),
        motion=window.motion,
        split=settings.split or clip.split,
        held_by=clip.held_by,
        take=clip.id,
        amounts=words.amounts,
        caption_tokens=clip.caption_tokens,
        given=given if window.whole else None,
    )


def _words(clip: RawClip, window: Window, settings: Settings) -> ClipCaptions:
    """The clip's published captions, else those that its dataset makes from the label; then measured ones."""
    if clip.captions is None:
        words = _from_label(clip, window, settings)
    else:
        words = ClipCaptions.of(clip.captions, steady=False)
        words = words if clip.mirrorable else words.but(mirrored=())
    if not settings.measured:
        return words
    both = [_measured(each, settings.measured) for each in (window.motion, mirror(window.motion))]
    return words.but(
        captions=(*words.captions, *both[0]),
        mirrored=(*words.mirrored, *both[1]),
        amounts=words.amounts + min(map(len, both)),
    )


def _from_label(clip: RawClip, window: Window, settings: Settings) -> ClipCaptions:
    """Captions of the label, and among them the share that states amounts."""
    count, part = settings.captions_per_clip, not window.whole
    words = datasets.FAMILY.get(clip.corpus, "captions")(clip, count, part=part)
    share = min(PART_AMOUNTS * settings.amounts, 1.0) if part and not words.steady else settings.amounts
    measured_count = round(count * share)
    if not measured_count:
        return words
    kept = count - measured_count
    words = words.but(captions=words.captions[:kept], mirrored=words.mirrored[:kept])
    return with_measured_captions(words, window.motion, measured_count, window.name(clip.id), part=part)


def _measured(motion: Motion, count: int) -> tuple[str, ...]:
    """Captions of the measured motion at ``count`` levels of detail; equal sentences once."""
    found = measured.describe(motion)
    return tuple(dict.fromkeys(measured.caption(found, detail) for detail in measured.DETAILS[:count]))


def keeps_given(module: Any, settings: Settings) -> bool:
    """Whether published arrays are kept beside the motions: only at the arrays' skeleton and rate."""
    native = getattr(module, "NATIVE", None)
    return native is not None and (native.skeleton, native.fps) == (settings.skeleton, settings.fps)
