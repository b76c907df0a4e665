"""How a motion was drawn, as it stands in its ``meta``: the sampler and every setting of it that was in force."""

from __future__ import annotations

from typing import Any

from kinescale.bundle.bundle import Bundle
from kinescale.core.records import Record
from kinescale.pipelines.runtime import PostProcess


def sampling_meta(bundle: Bundle, config: Record, finish: PostProcess, *, scales: int | None = None) -> dict[str, Any]:
    """``sampling``: the sampler's name and settings, and what was done to the decoded motion.

    ``scales``: so many of the coarsest were decoded; ``None`` for all.
    """
    part = bundle.manifest.sampling
    known = {"sampler": "" if part is None else part.name, **config.to_json()}
    known |= {"smoothing": finish.smoothing, "anchor": finish.anchor, "plant": finish.plant, "decoded_scales": scales}
    return {"sampling": {name: value for name, value in known.items() if value is not None}}
