"""Export of bundles to other runtimes; a variant is a target, such as ``onnx``."""

from kinescale.core.family import Family

FAMILY = Family(__name__, "export target")

__all__ = ["FAMILY"]
