"""Tracing of a function of named tensors to an ONNX graph of fixed shapes.

By torch's tracing exporter: what decides between two ways in Python (a mask that is not needed, the form of a state) is
decided while tracing, by the example, and every shape is fixed. So an example must be one where masks do something,
and a graph serves the lengths of its layout alone.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from kinescale.core.errors import BundleError

OPSET = 17

OUT = "out."
"""Prefix of the names of outputs in the file: a graph may give what it takes, and ONNX knows each name once."""

Function = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class _Traced(nn.Module):
    """The function as a module with positional tensors; ``owner`` holds the weights it uses."""

    def __init__(self, owner: nn.Module, function: Function, names: tuple[str, ...], outputs: tuple[str, ...]):
        super().__init__()
        self.owner, self.function, self.names, self.outputs = owner, function, names, outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        with _FixedSizes():
            made = self.function(dict(zip(self.names, tensors, strict=True)))
        return tuple(made[name] for name in self.outputs)


class _FixedSizes(TorchFunctionMode):
    """Sizes of tensors are plain numbers: the tracer would make operations of them, and no shape would be fixed."""

    SIZES = frozenset({torch.Tensor.shape.__get__, torch.Tensor.size, torch.Tensor.numel, torch.Tensor.__len__})  # type: ignore

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func not in self.SIZES:
            return func(*args, **(kwargs or {}))
        tracing = torch._C._get_tracing_state()
        torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
        try:
            return func(*args, **(kwargs or {}))
        finally:
            torch._C._set_tracing_state(tracing)  # type: ignore[attr-defined]


@torch.no_grad()
def trace(owner: nn.Module, function: Function, example: Mapping[str, Tensor]) -> tuple[Any, tuple[str, ...]]:
    """The ONNX model of a function, and the names of what it gives, in order.

    Tensors that the function hands on under their own name are no outputs of the graph, those it does not use no
    inputs.
    """
    import onnx

    made = function(dict(example))
    outputs = tuple(name for name, tensor in made.items() if example.get(name) is not tensor)
    module = _Traced(owner, function, tuple(example), outputs).eval()
    with tempfile.TemporaryDirectory() as folder, _quiet(), _rms_norm_as_arithmetic():
        path = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module,
            tuple(example.values()),
            path,
            input_names=list(example),
            output_names=[OUT + name for name in outputs],
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(path)
    used = {name for node in model.graph.node for name in node.input} | {one.name for one in model.graph.output}
    kept = [one for one in model.graph.input if one.name in used]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    if len(model.graph.output) != len(outputs):
        raise BundleError(f"the exporter gave {len(model.graph.output)} of {len(outputs)} outputs; this is a fault.")
    return model, outputs


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tracer's remarks that values of the example become fixed: here they are meant to."""
    fast, level = torch.backends.mha.get_fastpath_enabled(), logging.getLogger("torch.onnx").level
    torch.backends.mha.set_fastpath_enabled(False)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        logging.getLogger("torch.onnx").setLevel(level)


@contextlib.contextmanager
def _rms_norm_as_arithmetic() -> Iterator[None]:
    """The exporter does not know RMSNorm: as its definition (Zhang and Sennrich 2019)."""
    from torch.onnx import symbolic_helper

    @symbolic_helper.parse_args("v", "none", "v", "f")
    def symbolic(graph: Any, rows: Any, shape: Any, weight: Any, eps: float) -> Any:
        mean = graph.op("ReduceMean", graph.op("Mul", rows, rows), axes_i=[-1], keepdims_i=1)
        size = graph.op("Sqrt", graph.op("Add", mean, graph.op("Constant", value_t=torch.tensor(eps))))
        return graph.op("Mul", graph.op("Div", rows, size), weight)

    torch.onnx.register_custom_op_symbolic("aten::rms_norm", symbolic, OPSET)
    try:
        yield
    finally:
        torch.onnx.unregister_custom_op_symbolic("aten::rms_norm", OPSET)
