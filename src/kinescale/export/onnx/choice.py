"""Choice of the weights' precision: what was asked for, or for ``auto`` what the processor and a measurement say."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kinescale.export.onnx.quantization import eight_bit_flags

if TYPE_CHECKING:
    from kinescale.bundle import Bundle

LEAST_AGREEMENT = 0.95
"""Share of positions whose best token must be the same, for ``auto`` to take eight bits."""
REPEATS = 5


def chosen_weights(bundle: Bundle, asked: str) -> tuple[str, list[str]]:
    """``fp32``, ``fp16`` or ``int8``, and sentences that say why.

    ``auto`` and ``int8`` measure: processor time of a first pass, and the share of equal tokens.
    """
    if asked not in ("auto", "int8"):
        return asked, []
    flags = eight_bit_flags()
    if asked == "auto" and not flags:
        return "fp32", ["fp32: this processor has no instructions for eight-bit products (VNNI, AMX)"]
    seconds, same = compare(bundle)
    measured = (
        f"a pass takes {1000 * seconds['int8']:.1f} ms in int8, {1000 * seconds['fp32']:.1f} ms in fp32; "
        f"{100 * same:.1f} % of the best tokens are the same ({', '.join(flags) or 'no eight-bit instructions'})"
    )
    pays = seconds["int8"] < seconds["fp32"] and same >= LEAST_AGREEMENT
    weights = "int8" if asked == "int8" or pays else "fp32"
    return weights, [f"{weights}: {measured}"]


@torch.no_grad()
def compare(bundle: Bundle) -> tuple[dict[str, float], float]:
    """Least processor seconds of a first pass in the longest layout, by precision, and the share of equal tokens."""
    from kinescale.export.onnx.graphs import LayoutGraphs, Writer
    from kinescale.export.onnx.runtime import Graphs
    from kinescale.export.onnx.weight_file import WeightFile

    seconds: dict[str, float] = {}
    best: dict[str, Any] = {}
    for name in ("fp32", "int8"):
        with tempfile.TemporaryDirectory() as folder:
            writer = Writer(Path(folder), WeightFile(Path(folder) / "weights.bin"), int8=name == "int8")
            encoder: Any = bundle.text_encoder
            tokens = min(encoder.max_tokens, getattr(bundle.generator.config, "text_tokens", 1 << 20))  # type: ignore
            graph, example, output = LayoutGraphs(bundle, bundle.tokenizer.layout(), writer, 1, tokens).one_step()
            graphs = Graphs(Path(folder))
            given = {key: value.numpy() for key, value in example.items()}
            best[name] = graphs.run(graph, given)[output].argmax(-1)
            spent = []
            for _ in range(REPEATS):
                start = time.process_time()
                graphs.run(graph, given)
                spent.append(time.process_time() - start)
            seconds[name] = min(spent)
    return seconds, float((best["fp32"] == best["int8"]).mean())
