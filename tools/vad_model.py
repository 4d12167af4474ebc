"""Makes service/audio/silero_vad_v6.onnx, which hears many streams at once, of the file that faster-whisper ships.

    .venv/bin/python tools/vad_model.py [--check]

The weights stay as they are. What changes is the shape of the inputs, which have an axis of streams, and how the
convolutions are written: over the four positions of a frame they are matrix products, which are three times as fast.
`--check` only compares, and exits 1.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

MADE = Path(__file__).parents[1] / "service" / "audio" / "silero_vad_v6.onnx"
INPUT = 576  # samples: a frame of 512, led by the last 64 of the one before
WINDOW, HOP, BINS = 256, 128, 129  # of the short-time Fourier transform
POSITIONS = 4
TAPS = 3
HIDDEN = 128
LSTM = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")  # weights of input and state, biases

Weights = npt.NDArray[np.float32]


class Graph:
    """Nodes and constants as they are added; every method returns the name of what it computes."""

    def __init__(self, weights: dict[str, Weights]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def numbers(self, *values: int) -> str:
        return self.constant("numbers_" + "_".join(map(str, values)), np.array(values, np.int64))

    def reshape(self, x: str, *shape: int) -> str:
        return self.node("Reshape", x, self.numbers(*shape))

    def cut(self, x: str, start: int, end: int, axis: int) -> str:
        return self.node("Slice", x, self.numbers(start), self.numbers(end), self.numbers(axis))

    def windows(self, x: str, starts: range, length: int, onto: int) -> str:
        """The windows of `x` along axis 1, joined along the axis `onto`."""
        return self.node("Concat", *(self.cut(x, at, at + length, 1) for at in starts), axis=onto)

    def layer(self, x: str, number: int, taps: slice = slice(None)) -> str:
        """A convolution whose columns are laid out already, and its ReLU: [n, taps * channels] to [n, filters]."""
        weight = self.weights[f"encoder.conv_layers.{number}.weight"]  # [filters, channels, taps]
        columns = weight.transpose(2, 1, 0)[taps].reshape(-1, weight.shape[0])
        product = self.node("MatMul", x, self.constant(f"weight_{number}", columns))
        bias = self.constant(f"bias_{number}", self.weights[f"encoder.conv_layers.{number}.bias"])
        return self.node("Relu", self.node("Add", product, bias))


def spectrum(graph: Graph) -> str:
    """Magnitudes [steps * streams, 4, 129] of `frames` [steps, streams, 576]."""
    frames = graph.reshape("frames", -1, INPUT)
    padded = graph.node("Pad", frames, graph.numbers(0, 0, 0, WINDOW // 4), mode="reflect")
    windows = graph.reshape(graph.windows(padded, range(0, POSITIONS * HOP, HOP), WINDOW, 1), -1, WINDOW)
    basis = graph.weights["encoder.feature_extractor.forward_basis_buffer"][:, 0].T
    transformed = graph.node("MatMul", windows, graph.constant("basis", basis))
    squares = graph.node("Mul", transformed, transformed)
    power = graph.node("Add", graph.cut(squares, 0, BINS, 1), graph.cut(squares, BINS, 2 * BINS, 1))
    return graph.reshape(graph.node("Sqrt", power), -1, POSITIONS, BINS)


def features(graph: Graph, magnitudes: str) -> str:
    """Four convolutions of three taps, padded by one at both ends, the second and third with stride 2, so that four
    positions become two, then one: [n, 4, 129] to [n, 128]. Taps that only ever meet padding are left out."""
    padded = graph.node("Pad", magnitudes, graph.numbers(0, 1, 0, 0, 1, 0))
    four = graph.layer(graph.reshape(graph.windows(padded, range(3), POSITIONS, 2), -1, TAPS * BINS), 0)
    led = graph.node("Pad", graph.reshape(four, -1, POSITIONS, HIDDEN), graph.numbers(0, 1, 0, 0, 0, 0))
    two = graph.layer(graph.reshape(graph.windows(led, range(0, 4, 2), TAPS, 1), -1, TAPS * HIDDEN), 1)
    one = graph.layer(graph.reshape(two, -1, HIDDEN), 2, slice(1, 3))
    return graph.layer(one, 3, slice(1, 2))


def probabilities(graph: Graph, heard: str) -> None:
    """An LSTM over the steps of each stream, and of its outputs the probability of speech."""
    leading = graph.node("Shape", "frames", start=0, end=2)
    shape = graph.node("Concat", leading, graph.numbers(HIDDEN), axis=0)
    steps = graph.node("Reshape", heard, shape)
    weights = [graph.constant(name, graph.weights[name]) for name in LSTM]
    graph.nodes.append(
        helper.make_node("LSTM", [steps, *weights, "", "h", "c"], ["said", "hn", "cn"], hidden_size=HIDDEN)
    )
    rectified = graph.node("Relu", graph.node("Squeeze", "said", graph.numbers(1)))
    product = graph.node("MatMul", rectified, graph.constant("weight_out", graph.weights["decoder.conv1d.weight"][0]))
    biased = graph.node("Add", product, graph.constant("bias_out", graph.weights["decoder.conv1d.bias"]))
    sigmoid = graph.node("Sigmoid", biased)
    graph.nodes.append(helper.make_node("Squeeze", [sigmoid, graph.numbers(2)], ["probabilities"]))


def batched(source: onnx.ModelProto) -> onnx.ModelProto:
    """`frames` [steps, streams, 576], `h` and `c` [1, streams, 128] to `probabilities` [steps, streams], `hn`, `cn`."""
    graph = Graph({tensor.name: numpy_helper.to_array(tensor) for tensor in source.graph.initializer})
    probabilities(graph, features(graph, spectrum(graph)))
    state = [1, "streams", HIDDEN]
    inputs = [_value("frames", ["steps", "streams", INPUT]), _value("h", state), _value("c", state)]
    outputs = [_value("probabilities", ["steps", "streams"]), _value("hn", state), _value("cn", state)]
    made = helper.make_model(
        helper.make_graph(graph.nodes, "silero_vad_v6", inputs, outputs, list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", source.opset_import[0].version)],
        ir_version=source.ir_version,
        producer_name="sotto",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def _value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    package = importlib.util.find_spec("faster_whisper")
    assert package is not None
    assert package.submodule_search_locations
    shipped = Path(package.submodule_search_locations[0]) / "assets" / "silero_vad_v6.onnx"
    made = batched(onnx.load(shipped)).SerializeToString(deterministic=True)
    if not parser.parse_args().check:
        MADE.write_bytes(made)
    elif MADE.read_bytes() != made:
        print(f"{MADE.name} is not what {shipped} makes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
