"""Weights of eight bits: written where they are asked for, or where they pay.

They pay only on processors with instructions for them (VNNI, AMX): elsewhere eight-bit products gain little and can
saturate (so the range is reduced by a bit). ``auto`` looks at the processor first, then measures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

EIGHT_BIT_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


def eight_bit_flags() -> tuple[str, ...]:
    """Instructions of this processor for products of eight-bit numbers; none where that cannot be found out."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ()
    lines = [line for line in text.splitlines() if line.lower().startswith(("flags", "features"))]
    have = set(lines[0].split()) if lines else set()
    return tuple(flag for flag in EIGHT_BIT_FLAGS if flag in have)


def quantized(model: Any) -> Any:
    """The ONNX model with the weights of its matrix products in eight bits, activations quantized as they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        whole, short = Path(folder) / "whole.onnx", Path(folder) / "short.onnx"
        onnx.save(model, whole)
        quantize_dynamic(
            whole,
            short,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=not eight_bit_flags(),
            op_types_to_quantize=["MatMul", "Gemm"],
        )
        return onnx.load(short)
