"""Edit a clip: draw some frames or parts of it anew, join, extend, loop, combine; the rest stays as it was, to the bit.

Every task is a wish that ``Granter.grant`` makes true (``pipelines.editing.edit_pipeline``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.hub import DEFAULT
from kinescale.core.errors import InputError
from kinescale.core.randomness import derive_seed
from kinescale.motion.motion import Motion
from kinescale.nn.threads import on_fixed_threads
from kinescale.pipelines.editing import Span, Wish, merged, outside, parse_seconds
from kinescale.pipelines.editing import tasks as _composing
from kinescale.pipelines.editing.cycle import Round
from kinescale.pipelines.editing.edit_pipeline import Edited, Granter, How, sentence, sorted_options
from kinescale.pipelines.editing.tasks import Looping, Through
from kinescale.pipelines.editing.windows import Rewriting
from kinescale.pipelines.text_to_motion import sample_indices

__all__ = ["Edited", "Editor", "How", "Looping", "Round"]


class Editor(Granter):
    """A bundle that is ready to change clips. Build it once and call it often."""

    @classmethod
    def from_pretrained(cls, path_or_repo_id: str | Path = DEFAULT, **options: Any) -> Editor:
        """The editor of a bundle; takes what ``Bundle.from_pretrained`` takes."""
        return cls(Bundle.from_pretrained(path_or_repo_id, **options))

    @on_fixed_threads
    def edit(
        self,
        motion: Motion,
        prompt: str | Sequence[str] | None = None,
        *,
        frames: Span | Sequence[Span] | None = None,
        seconds: tuple[float, float] | None = None,
        parts: str | Sequence[str] = (),
        strength: int = 0,
        task: str = "edit",
        **options: Any,
    ) -> Edited:
        """Draw some frames (``frames`` 40 to 79: ``(40, 80)``; all when not given), or some parts in them, anew.

        Parameters
        ----------
        prompt : what the person then does; without one the stretch is drawn to fit what is around it.
        parts : names from ``edits.PARTS``, or roles; the rest of the body keeps its rotations.
        strength : so many of the coarsest scales stay.
        task : what the edit is called in ``meta``.
        options : ``how``, or fields of ``How`` (``seed``, ``samples``, ``blend`` ...) and settings of the bundle's
            sampler.

        Raises ``InputError`` for a wish that cannot be, ``SkeletonError`` for a skeleton without the roles it needs.
        """
        spans = _spans(motion, frames, seconds)
        names = tuple(parts.split(",")) if isinstance(parts, str) else tuple(parts)
        if prompt is not None and not isinstance(prompt, str):
            if len(prompt) != 1:
                return self._each(motion, spans, tuple(prompt), names, strength, task, options)
            prompt = prompt[0]
        return self.grant(motion, Wish(len(motion), spans, names, strength), prompt, task=task, **options)

    def _each(
        self,
        motion: Motion,
        spans: tuple[Span, ...],
        prompts: tuple[str, ...],
        parts: tuple[str, ...],
        strength: int,
        task: str,
        options: dict[str, Any],
    ) -> Edited:
        """One prompt a span, the earliest span first."""
        if len(prompts) != len(spans):
            raise InputError(
                f"{len(prompts)} prompts for {len(spans)} stretches of frames; give one for all, or one for each."
            )
        whole = Wish(len(motion), spans, parts, strength)
        if len(merged(spans)) != len(spans):
            raise InputError("the stretches of frames touch each other; leave frames between those of two prompts.")
        how, sampling = sorted_options(None, options)
        samples = []
        for sample in sample_indices(how.samples):
            clip, made = motion, []
            for number, (span, prompt) in enumerate(sorted(zip(spans, prompts, strict=True))):
                one = dataclasses.replace(how, samples=[sample], seed=derive_seed(how.seed, "span", number))
                wish = Wish(len(motion), (span,), parts, strength)
                made.append(self.grant(clip, wish, prompt, task=task, how=one, **sampling))
                clip = made[-1].motions[0]
            meta = {"seed": how.seed, "license": made[0].motions[0].meta["license"]}
            meta["edited_frames"] = ",".join(f"{start}:{stop}" for start, stop in whole.spans)
            samples.append((clip.with_meta(**meta), made))
        notes = dict.fromkeys(note for _, made in samples[:1] for edited in made for note in edited.notes)
        return Edited(
            tuple(clip for clip, _ in samples),
            tuple(tuple(seam for edited in made for seam in edited.seams[0]) for _, made in samples),
            tuple(tuple(tokens for edited in made for tokens in edited.tokens[0]) for _, made in samples),
            tuple(mask for edited in samples[0][1] for mask in edited.kept),
            whole.spans,
            tuple(notes),
        )

    def inpaint(self, motion: Motion, prompt: str | Sequence[str] | None = None, **options: Any) -> Edited:
        """``edit`` that must be told which frames."""
        if options.get("frames") is None and options.get("seconds") is None:
            raise InputError("inpainting needs to know where; name the frames, as 40:80.")
        return self.edit(motion, prompt, **{"task": "inpaint", **options})

    @on_fixed_threads
    def outpaint(
        self, motion: Motion, prompt: str | None = None, *, frames: Span | Sequence[Span], **options: Any
    ) -> Edited:
        """Keep ``frames`` and draw what is before, between and after them."""
        kept = Wish(len(motion), _spans(motion, frames, None)).spans
        rest = outside(kept, len(motion))
        if not rest:
            raise InputError(
                f"the frames {', '.join(f'{a}:{b}' for a, b in kept)} are the whole clip; nothing is left to draw."
            )
        return self.edit(motion, prompt, frames=rest, **{"task": "outpaint", **options})

    def prefix(self, motion: Motion, seconds: float, prompt: str | None = None, **options: Any) -> Edited:
        """Keep the first ``seconds`` and draw how it goes on."""
        return self.outpaint(motion, prompt, frames=(0, _kept_frames(motion, seconds)), task="prefix", **options)

    def suffix(self, motion: Motion, seconds: float, prompt: str | None = None, **options: Any) -> Edited:
        """Keep the last ``seconds`` and draw how it comes to them."""
        count = _kept_frames(motion, seconds)
        return self.outpaint(motion, prompt, frames=(len(motion) - count, len(motion)), task="suffix", **options)

    @on_fixed_threads
    def inbetween(
        self, first: Motion, second: Motion, seconds: float, prompt: str | None = None, **options: Any
    ) -> Edited:
        """``first``, then ``seconds`` that are drawn, then ``second``, which is moved to where it goes on.

        ``second`` is brought to the skeleton and frame rate of ``first`` where they differ.
        """
        return _composing.inbetween(self, first, second, seconds, prompt, options)

    @on_fixed_threads
    def then(
        self, first: Motion, second: Motion, seconds: float = 1.0, prompt: str | None = None, **options: Any
    ) -> Edited:
        """``first`` and then ``second``, with the ``seconds`` around where they meet drawn anew; no frame is added."""
        return _composing.then(self, first, second, seconds, prompt, options)

    @on_fixed_threads
    def extend(
        self, motion: Motion, seconds: float, prompt: str | None = None, *, before: bool = False, **options: Any
    ) -> Edited:
        """The clip with ``seconds`` more after it (or before it); the clip itself stays as it is."""
        return _composing.extend(self, motion, seconds, prompt, before, options)

    @on_fixed_threads
    def loop(
        self, motion: Motion, looping: Looping | None = None, prompt: str | None = None, **options: Any
    ) -> tuple[Edited, tuple[Round, ...]]:
        """A cycle: what is drawn leads from the clip's end to its beginning; and how far each sample's round leads.

        Frame 0 follows the last frame, turned and moved over the ground by the ``Round``.
        """
        return _composing.loop(self, motion, looping or Looping(), prompt, options)

    @on_fixed_threads
    def compose(
        self,
        first: Motion,
        second: Motion,
        parts: str | Sequence[str],
        *,
        tokens: Through | None = None,
        prompt: str | None = None,
        **options: Any,
    ) -> Edited:
        """``parts`` of the first clip, the rest of the second; as long as the shorter.

        Rotations are taken over to the bit. With ``tokens`` the clips meet in the bundle's tokens: "encoded" puts what
        was composed through the tokenizer; "drawn" takes each clip's own tokens, and draws those that hold both, for
        ``prompt`` or without text (MSQ's composition in space).
        """
        names = tuple(parts.split(",")) if isinstance(parts, str) else tuple(parts)
        return _composing.compose_parts(self, first, second, names, tokens, prompt, options)

    @on_fixed_threads
    def compose_scales(self, first: Motion, second: Motion, coarse: int, **options: Any) -> Edited:
        """The first clip's ``coarse`` coarsest scales with the second one's finer ones, decoded (MSQ)."""
        return _composing.compose_scales(self, first, second, coarse, options)

    @on_fixed_threads
    def rewrite(
        self,
        motion: Motion,
        prompt: str,
        source_prompt: str | None = None,
        *,
        threshold: float = 0.1,
        strength: int | None = None,
        how: How | None = None,
        **options: Any,
    ) -> Edited:
        """Change what the whole clip is about, and keep what the new prompt does not speak against.

        ``strength`` coarse scales stay. A system of bits then keeps every bit of the finer ones that the new prompt
        makes less likely by at most ``threshold`` than the source prompt did (ScaleMoGen, section 4.2); others draw
        the finer scales anew.
        """
        if not 0 <= threshold <= 1:
            raise InputError(f"the threshold is {threshold}; expected 0 to 1.")
        early = min(3, self.scales // 2) if strength is None else strength
        wish = Wish(len(motion), ((0, len(motion)),), (), early)
        told, wanted = sentence(source_prompt), sentence(prompt)
        rewriting = Rewriting(self.text(told), threshold) if self.of_bits else None
        return self.grant(motion, wish, wanted, task="rewrite", how=how, rewriting=rewriting, **options)


def _spans(
    motion: Motion, frames: Span | Sequence[Span] | None, seconds: tuple[float, float] | None
) -> tuple[Span, ...]:
    if frames is not None and seconds is not None:
        raise InputError("frames and seconds are both given; name one of them.")
    if seconds is not None:
        return (parse_seconds(f"{seconds[0]}:{seconds[1]}", motion.fps, len(motion)),)
    if frames is None:
        return ((0, len(motion)),)
    spans: Any = [frames] if frames and isinstance(frames[0], int) else frames
    for span in spans:
        if not isinstance(span, Sequence) or len(span) != 2 or not all(isinstance(edge, int) for edge in span):
            raise InputError(f"the frames are {frames}; expected a first and a last, as (40, 80).")
    return tuple((first, last) for first, last in spans)


def _kept_frames(motion: Motion, seconds: float) -> int:
    frames = round(seconds * motion.fps) if 0 < seconds <= motion.duration_s else 0
    if not 0 < frames < len(motion):
        raise InputError(
            f"{seconds:g} seconds of a clip of {motion.duration_s:.2f} seconds are to be kept; expected more than 0 "
            "and less than all."
        )
    return frames
