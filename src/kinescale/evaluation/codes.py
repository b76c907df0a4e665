"""What a tokenizer keeps of recorded motion, and which of its codes recordings and generated motions use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.evaluation.protocol import Protocol
from kinescale.evaluation.record import CodeRow, Row
from kinescale.evaluation.report import Value, figure
from kinescale.metrics import codebook, mpjpe
from kinescale.motion import Motion, canonicalise
from kinescale.pipelines import onto_feature, reconstruct
from kinescale.tokens import TokenMap


def reconstruction(
    bundle: Bundle, motions: Iterable[Motion], protocol: Protocol, step: Callable[[], None]
) -> tuple[Row, list[TokenMap]]:
    """Error of recordings put through all scales, mean over clips with its interval, and the tokens they became."""
    world, aligned, tokens = [], [], []
    for motion in motions:
        source = onto_feature(motion, bundle.feature).to(torch.float32)
        made = reconstruct(bundle, source)
        frames = min(len(made), len(source))
        pair = source.positions()[:frames], made.positions()[:frames]
        world.append(mpjpe.mpjpe(*pair))
        aligned.append(mpjpe.mpjpe_aligned(*pair))
        tokens.append(encoded(bundle, source))
        step()
    rows = {"mpjpe_mm": world, "mpjpe_aligned_mm": aligned}
    return {name: figure(protocol.but(spread="student"), [_over_clips(found)]) for name, found in rows.items()}, tokens


@torch.no_grad()
def encoded(bundle: Bundle, motion: Motion) -> TokenMap:
    """The tokens of a motion on the bundle's skeleton, as far as one pass holds; only whole latent steps."""
    features = bundle.feature.from_motion(canonicalise(motion))[: bundle.max_frames]
    whole = max(len(features) // bundle.stride, 1) * bundle.stride
    normal = bundle.normalizer.apply(features[:whole]).to(bundle.device)
    held = torch.cat([normal, normal[-1:].expand(whole - len(normal), -1)])
    return bundle.tokenizer.encode(held[None], torch.tensor([whole], device=bundle.device)).tokens


def usage(bundle: Bundle, source: str, maps: Sequence[TokenMap]) -> list[CodeRow]:
    """Use of each scale's codes; of bits, the mean over them of a book of two."""
    bits = bundle.tokenizer.codec.token_kind == "bits"
    found = []
    for scale, size in enumerate(bundle.tokenizer.codec.vocabularies):
        ids = [_valid(tokens, scale) for tokens in maps]
        whole = torch.cat([one for one in ids if len(one)] or ids[:1])
        if not whole.numel():
            continue
        columns = list(whole.unbind(-1)) if bits else [whole]
        uses = [codebook.codebook_use(column, 2 if bits else size) for column in columns]
        found.append(
            CodeRow.parse(
                {
                    "source": source,
                    "scale": scale + 1,
                    "codes": 2 if bits else size,
                    "used": sum(use.used for use in uses) / len(uses),
                    "perplexity": sum(use.perplexity for use in uses) / len(uses),
                    "tokens": uses[0].tokens,
                    "bits": size if bits else 0,
                }
            )
        )
    return found


def _valid(tokens: TokenMap, scale: int) -> Tensor:
    """The tokens of the filled positions, [n] or [n, K]."""
    return tokens.scales[scale][tokens.valid(scale)].cpu()


def _over_clips(values: Sequence[float]) -> Value:
    numbers = torch.tensor(values, dtype=torch.float64)
    error = float(numbers.std() / len(numbers) ** 0.5) if len(numbers) > 1 else None
    return Value(float(numbers.mean()), error)
