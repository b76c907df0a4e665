"""What a motion is, under ``/v1``: described in words and figures, its tokens, and what each scale holds of it."""

from __future__ import annotations

import torch

from kinescale.core.errors import InputError
from kinescale.description import DETAILS, describe, sentence
from kinescale.motion.canonicalize import canonicalize
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines import reconstruct
from kinescale.pipelines.runtime import encode, onto_feature
from kinescale.server.engine import Engine
from kinescale.server.jobs import Context, Payload, Task, json_bytes
from kinescale.server.motion_json import joined_list, joined_object, motion_json, plain

LEAST_FRAMES = 2


def describe_task(motion: Motion, detail: str) -> Task:
    """The task of ``/v1/describe``."""
    if len(motion) < LEAST_FRAMES:
        raise InputError(f"a motion of {len(motion)} frames; expected at least {LEAST_FRAMES}.")

    def run(_context: Context) -> Payload:
        found = describe(motion)
        sentences = {one: sentence(found, one) for one in DETAILS}
        return Payload(
            json_bytes({"sentence": sentences[detail], "sentences": sentences, "measured": plain(found.to_json())})
        )

    return Task("describe", 1.0 + motion.duration_s, run)


def scales_task(engine: Engine, motion: Motion) -> Task:
    """The task of ``/v1/scales``."""

    def run(context: Context) -> Payload:
        made = []
        for scales in range(1, engine.scales + 1):
            context.watch("scale", scales, engine.scales)
            made.append(motion_json(reconstruct(engine.bundle, motion, scales)))
        return Payload(joined_object({}, {"motions": joined_list(made)}))

    return Task("scales", engine.scales * (1.0 + motion.duration_s), run)


def tokens_task(engine: Engine, motion: Motion) -> Task:
    """The task of ``/v1/tokens``."""
    bundle = engine.bundle

    @on_fixed_threads
    def run(context: Context) -> Payload:
        source = onto_feature(motion, bundle.feature).to(torch.float32)
        windows = []
        with torch.no_grad():
            for window in bundle.feature.from_motion(canonicalize(source)).split(bundle.max_frames):
                context.check()
                tokens = encode(bundle, window).tokens
                specs = zip(tokens.layout.scales, tokens.scales, strict=True)
                scales = [{"bins": spec.bins, "groups": spec.groups, "tokens": row[0].tolist()} for spec, row in specs]
                windows.append({"frames": len(window), "scales": scales})
        return Payload(json_bytes({"windows": windows}))

    return Task("tokens", 1.0 + motion.duration_s, run)
