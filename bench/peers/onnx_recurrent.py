"""A `recurrent` row as ONNX's own LSTM, GRU or RNN operator, written by hand.

tf2onnx recognises Keras' plain LSTM; of GRU, SimpleRNN, other activations and masks it makes a Loop of small ops,
which says little about the runtimes. This is what their users would write to be quick.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Keras' gates in the order of ONNX.
GATES = {"LSTM": [0, 3, 1, 2], "GRU": [0, 1, 2], "SimpleRNN": [0]}


def _reordered(matrix, gates):
    """[..., gates * units] in Keras' order -> in ONNX's"""
    parts = np.split(matrix, len(gates), axis=-1)
    return np.concatenate([parts[gate] for gate in gates], axis=-1)


def _parameters(cell, layer):
    kernel, recurrent, bias = layer.get_weights()
    gates = GATES[cell]
    pair = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return {"W": _reordered(kernel, gates).T[None], "R": _reordered(recurrent, gates).T[None],
            "B": np.concatenate([_reordered(row, gates) for row in pair])[None]}


def _attributes(cell, arguments):
    attributes = {"hidden_size": arguments["units"]}
    if cell == "GRU":
        attributes["linear_before_reset"] = int(arguments.get("reset_after", True))
    if arguments.get("recurrent_activation") == "hard_sigmoid":
        attributes.update(activations=["HardSigmoid", "Tanh", "Tanh"], activation_alpha=[1 / 6],
                          activation_beta=[0.5])
    return attributes


def _lengths():
    """Nodes that count the steps which are not all zeros: Masking, where the padding is on the right."""
    return [helper.make_node("Abs", ["x"], ["absolute"]),
            helper.make_node("ReduceMax", ["absolute"], ["largest"], axes=[2], keepdims=0),
            helper.make_node("Cast", ["largest"], ["there"], to=TensorProto.BOOL),
            helper.make_node("Cast", ["there"], ["ones"], to=TensorProto.INT32),
            helper.make_node("ReduceSum", ["ones", "axis_1"], ["lengths"], keepdims=0)]


def save(path, row, model):
    arguments, cell = row.arguments, row.arguments["cell"]
    if arguments.get("padding") == "left":
        raise NotImplementedError("ONNX's recurrent operators have no mask, only lengths")
    padded = "padding" in arguments
    constants = _parameters(cell, model.layers[-1])
    constants.update(axis_0=np.array([0], "int64"), axis_1=np.array([1], "int64"))
    nodes = _lengths() if padded else []
    outputs = ["", "last"]
    nodes += [helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
              helper.make_node("RNN" if cell == "SimpleRNN" else cell,
                               ["steps", "W", "R", "B", *(["lengths"] if padded else [])], outputs,
                               **_attributes(cell, arguments)),
              helper.make_node("Squeeze", ["last", "axis_0"], ["y"])]
    shapes = [list(model.inputs[0].shape), list(model.outputs[0].shape)]
    graph = helper.make_graph(
        nodes, "recurrent", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shapes[0])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes[1])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(made)
    onnx.save(made, path)


def without_erfc(path):
    """Keras' gelu becomes `Erfc`, which is no ONNX operator: 1 - Erf(x)."""
    model = onnx.load(path)
    if not any(node.op_type == "Erfc" for node in model.graph.node):
        return
    nodes = []
    for i, node in enumerate(model.graph.node):
        if node.op_type != "Erfc":
            nodes.append(node)
            continue
        nodes += [helper.make_node("Erf", list(node.input), [f"erf_{i}"]),
                  helper.make_node("Sub", ["erfc_one", f"erf_{i}"], list(node.output))]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.array(1, "float32"), "erfc_one"))
    onnx.save(model, path)
