"""The sampler contract: one request record in, one output record out.

A sampler's file offers ``Config`` (a ``SamplerConfig``) and a free function
``sample(request: SampleRequest, config: Config) -> SamplerOutput``. What it calls of a generator is declared in
``generators.base``.
"""

from kinescale.samplers.base.guidance import GuidanceScale, SamplerConfig, current_names
from kinescale.samplers.base.output import SamplerOutput
from kinescale.samplers.base.passes import Steps, drained, sample_clips
from kinescale.samplers.base.request import Keep, OnScale, SampleRequest

__all__ = [
    "GuidanceScale",
    "Keep",
    "OnScale",
    "SampleRequest",
    "SamplerConfig",
    "SamplerOutput",
    "Steps",
    "current_names",
    "drained",
    "sample_clips",
]
