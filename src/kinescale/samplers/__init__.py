"""Samplers: functions that sample a token pyramid from a generator; one file per method."""

from kinescale.core.family import Family
from kinescale.samplers.base import SamplerConfig, SampleRequest, SamplerOutput, current_names

FAMILY = Family(__name__, "sampler")

__all__ = ["FAMILY", "SampleRequest", "SamplerConfig", "SamplerOutput", "current_names"]
