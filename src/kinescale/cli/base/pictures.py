"""What commands that draw share: where a picture may be written, and a motion's stages from coarse to fine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kinescale.core.errors import InputError
from kinescale.core.files import refuse_overwrite

if TYPE_CHECKING:
    from kinescale.bundle import Bundle
    from kinescale.motion import Motion
    from kinescale.render import Stages


def check_picture(out: Path, force: bool) -> Path:
    """``out`` itself when a picture can be written there; ``InputError`` otherwise."""
    # Only the suffix look-up of the render room is imported: a typing slip should not wait for torch.
    from kinescale.render import output_for

    output_for(out)
    if not out.parent.is_dir():
        raise InputError(f"cannot write {out}: the folder {out.parent} does not exist; make it first.")
    return refuse_overwrite(out, force)


class Watch:
    """Keeps what a pipeline shows of its clips while it draws them; ``on_scale`` is what the pipeline calls."""

    def __init__(self) -> None:
        self.clips: list[list[Motion]] = []
        self.batch: list[list[Motion]] = []

    def on_scale(self, scale: int, motions: Sequence[Motion]) -> None:
        if scale == 0:
            self.batch = [[] for _ in motions]
            self.clips += self.batch
        for seen, motion in zip(self.batch, motions, strict=True):
            seen.append(motion)

    def stages(self, made: Sequence[Motion], scales: int | None = None) -> list[Stages]:
        """What each clip was after each of its scales; the last is the motion that was made of it."""
        from kinescale.render import Stages

        found = []
        for seen, motion in zip(self.clips, made, strict=True):
            count = scales or len(seen)
            found.append(Stages([*seen[: count - 1], motion], scale_labels(count, len(seen))))
        return found


def prefix_stages(bundle: Bundle, motion: Motion) -> Stages:
    """What the coarsest scale keeps of a motion, the two coarsest, and so on; last the motion itself.

    All of them on the bundle's skeleton and at its frame rate.
    """
    from kinescale.pipelines import onto_feature, reconstruct
    from kinescale.render import Stages

    count = len(bundle.tokenizer.layout().scales)
    source = onto_feature(motion, bundle.feature)
    kept = [reconstruct(bundle, source, k + 1) for k in range(count)]
    return Stages([*kept, source.to(kept[0].root.dtype)], [*scale_labels(count, count), "the motion itself"])


def scale_labels(count: int, scales: int) -> list[str]:
    """Names of the coarsest ``count`` of so many scales."""
    return [f"scale {k + 1} of {scales}" for k in range(count)]
