"""One file of weights for all graphs of an export: equal tensors are stored once, in single or half precision."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

LEAST_BYTES = 1024
"""Smaller tensors stay inside their graph."""
ALIGNMENT = 64


class WeightFile:
    """Appends tensors to ``path`` and lets graphs refer to them.

    Parameters
    ----------
    path : new file, beside the graphs.
    half : store float32 weights whose values fit as float16; graphs cast them back, so that all arithmetic stays in
        single precision.
    """

    def __init__(self, path: Path, *, half: bool = False):
        self.path, self.half = path, half
        self._places: dict[str, tuple[int, int]] = {}
        self._size = 0
        path.write_bytes(b"")

    def move(self, model: Any) -> None:
        """Move the large tensors of an ONNX model into the file; the model is changed."""
        self._lift_constants(model.graph)
        casts = []
        for tensor in model.graph.initializer:
            if self._move_one(tensor):
                casts.append(tensor)
        nodes = [self._cast(tensor) for tensor in casts]
        # first, since nodes are listed before those that use them
        others = list(model.graph.node)
        del model.graph.node[:]
        model.graph.node.extend([*nodes, *others])

    def _lift_constants(self, graph: Any) -> None:
        """Large constants among the nodes become initializers."""
        kept = []
        for node in graph.node:
            tensors = [item.t for item in node.attribute if item.name == "value" and item.HasField("t")]
            if node.op_type == "Constant" and tensors and tensors[0].ByteSize() >= LEAST_BYTES:
                graph.initializer.add().CopyFrom(tensors[0])
                graph.initializer[-1].name = node.output[0]
            else:
                kept.append(node)
        del graph.node[:]
        graph.node.extend(kept)

    def _move_one(self, tensor: Any) -> bool:
        """Move a tensor; whether it is now half as wide and needs a cast."""
        import onnx
        from onnx import numpy_helper

        values = numpy_helper.to_array(tensor)
        if values.nbytes < LEAST_BYTES:
            return False
        narrow = False
        if self.half and values.dtype == np.float32:
            with np.errstate(over="ignore"):
                short = values.astype(np.float16)
            narrow = bool(np.isfinite(short).all())
            values = short if narrow else values
        data = np.ascontiguousarray(values).tobytes()
        key = hashlib.sha256(data).hexdigest()
        if key not in self._places:
            padding = -self._size % ALIGNMENT
            with self.path.open("ab") as file:
                file.write(b"\0" * padding + data)
            self._places[key] = self._size + padding, len(data)
            self._size += padding + len(data)
        offset, length = self._places[key]
        name = f"{tensor.name}_half" if narrow else tensor.name
        moved = onnx.TensorProto(name=name, dims=values.shape)
        moved.data_type = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
        moved.data_location = onnx.TensorProto.EXTERNAL
        for field, value in (("location", self.path.name), ("offset", str(offset)), ("length", str(length))):
            moved.external_data.add(key=field, value=value)
        tensor.CopyFrom(moved)
        return narrow

    def _cast(self, tensor: Any) -> Any:
        import onnx

        whole = tensor.name.removesuffix("_half")
        return onnx.helper.make_node("Cast", [tensor.name], [whole], to=onnx.TensorProto.FLOAT)
