"""Multi-scale residual quantization: one loop, with pooling and upsampling by time, skeleton or stream."""

from kinescale.pyramid.loop import Config, Quantized, ResidualPyramid

__all__ = ["Config", "Quantized", "ResidualPyramid"]
