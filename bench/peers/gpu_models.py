"""The models of gpu.py's rows as Thaw opens them, made on the spot: python3 bench/peers/gpu_models.py FOLDER [NAME...].

FOLDER/<name>/model.json is a Keras architecture, model.npz beside it its weights, input_b<batch>.npy what every engine is
given, and bench.txt what scripts/gpu-check adds to `thaw`. All random, of one seed, and of such a size that no output is
saturated: what an engine got wrong shows. What is there already stays. Needs numpy.
"""

import json
import math
import pathlib
import sys

import numpy as np

SEED, STEPS, FEATURES, WORDS = 20261121, 100, 128, 1_000_000
RECURRENT = {f"{cell.lower()}{units}": (cell, units, {})
             for cell, sizes in (("LSTM", (64, 128, 512, 1024)), ("GRU", (128,))) for units in sizes}
# What cuDNN has no form for.
RECURRENT["lstm_hard128"] = ("LSTM", 128, {"recurrent_activation": "hard_sigmoid"})
RECURRENT["gru_before128"] = ("GRU", 128, {"reset_after": False})
RECURRENT["lstm_masked128"] = ("LSTM", 128, {})
ONLY_XLA = ("lstm_hard128", "gru_before128", "lstm_masked128")
BATCHES = {"lstm64": (1,), "lstm128": (1, 32), "lstm512": (1, 32, 256), "lstm1024": (1, 32, 256), "gru128": (1, 32),
           **{name: (1, 32) for name in ONLY_XLA},
           "mlp": (1, 32, 256), "bilstm": (1, 32), "cnn": (1, 32, 256), "resnet50": (1, 32), "bert": (1, 32)}


class Net:
    """Layers in the order of their calls, and the shapes of their weights; a layer reads the one before unless told."""

    def __init__(self, shape, dtype="float32"):
        self.layers, self.weights, self.last = [], [], "input"
        config = {"batch_input_shape": [None, *shape], "dtype": dtype, "sparse": False, "ragged": False, "name": "input"}
        self.layers.append({"class_name": "InputLayer", "config": config, "name": "input", "inbound_nodes": []})

    def add(self, kind, weights=(), inputs=None, call=None, **config):
        name = f"{kind.lower()}_{len(self.layers)}"
        inputs = inputs or [self.last]
        node = [[one, 0, 0, call or {}] for one in inputs]
        self.layers.append({"class_name": kind, "config": {"name": name, "dtype": "float32", **config}, "name": name,
                            "inbound_nodes": [node]})
        self.weights += weights
        self.last = name
        return name

    def model(self):
        config = {"name": "model", "layers": self.layers, "input_layers": [["input", 0, 0]],
                  "output_layers": [[self.last, 0, 0]]}
        return {"class_name": "Functional", "keras_version": "2.15.0", "backend": "tensorflow", "config": config}


def cell_config(cell, units, **more):
    options = {"reset_after": True} if cell == "GRU" else {"unit_forget_bias": True}
    return {"units": units, "activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True,
            "return_sequences": False, "return_state": False, "go_backwards": False, "stateful": False, **options, **more}


def cell_weights(cell, inputs, units, reset_after=True):
    gates = 4 if cell == "LSTM" else 3
    bias = (2, gates * units) if cell == "GRU" and reset_after else (gates * units,)
    return [(inputs, gates * units), (units, gates * units), bias]


def recurrent(name):
    cell, units, options = RECURRENT[name]
    net = Net([STEPS, FEATURES])
    if name == "lstm_masked128":
        net.add("Masking", mask_value=0.0)
    net.add(cell, cell_weights(cell, FEATURES, units, options.get("reset_after", True)),
            **cell_config(cell, units, **options))
    return net


def mlp():
    net = Net([784])
    net.add("Dense", [(784, 128), (128,)], units=128, activation="relu", use_bias=True)
    net.add("Dense", [(128, 10), (10,)], units=10, activation="softmax", use_bias=True)
    return net


def bilstm():
    """Two bidirectional layers behind a look-up in a million rows."""
    net = Net([STEPS], "int32")
    net.add("Embedding", [(WORDS, FEATURES, "rows")], input_dim=WORDS, output_dim=FEATURES, mask_zero=False,
            input_length=STEPS)
    for inputs, whole in ((FEATURES, True), (256, False)):
        layer = {"class_name": "LSTM", "config": {"name": "lstm", "dtype": "float32",
                                                  **cell_config("LSTM", 128, return_sequences=whole)}}
        net.add("Bidirectional", 2 * cell_weights("LSTM", inputs, 128), layer=layer, merge_mode="concat")
    return net


def conv(net, channels, filters, size, stride=1, activation="linear", bias=True, inputs=None, padding="same"):
    weights = [(size, size, channels, filters)] + ([(filters,)] if bias else [])
    return net.add("Conv2D", weights, inputs, filters=filters, kernel_size=[size, size], strides=[stride, stride],
                   padding=padding, data_format="channels_last", dilation_rate=[1, 1], groups=1, activation=activation,
                   use_bias=bias)


def cnn():
    net = Net([28, 28, 1])
    for channels, filters in ((1, 32), (32, 64)):
        conv(net, channels, filters, 3, activation="relu")
        net.add("MaxPooling2D", pool_size=[2, 2], padding="valid", strides=[2, 2], data_format="channels_last")
    net.add("Flatten", data_format="channels_last")
    net.add("Dense", [(7 * 7 * 64, 10), (10,)], units=10, activation="softmax", use_bias=True)
    return net


def resnet50():
    """As torchvision has it: as many zeros on both sides, also where the stride is 2 and "same" would put more behind."""
    net = Net([224, 224, 3])

    def zeros(width):
        net.add("ZeroPadding2D", padding=[[width, width], [width, width]], data_format="channels_last")

    def normalised(channels, filters, size, stride=1, relu=True, inputs=None):
        if stride > 1 and size > 1:
            zeros(size // 2)
        conv(net, channels, filters, size, stride, bias=False, inputs=inputs, padding="valid" if stride > 1 else "same")
        net.add("BatchNormalization", [(filters, "positive"), (filters,), (filters,), (filters, "positive")], axis=[3],
                momentum=0.99, epsilon=1e-5, center=True, scale=True)
        if relu:
            net.add("Activation", activation="relu")
        return net.last

    normalised(3, 64, 7, 2)
    zeros(1)  # behind a relu: no number is less
    net.add("MaxPooling2D", pool_size=[3, 3], padding="valid", strides=[2, 2], data_format="channels_last")
    channels = 64
    for width, blocks, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride, start = (first_stride if block == 0 else 1), net.last
            normalised(channels, width, 1)
            normalised(width, width, 3, stride)
            inner = normalised(width, 4 * width, 1, relu=False)
            outer = start if block > 0 else normalised(channels, 4 * width, 1, stride, relu=False, inputs=[start])
            net.add("Add", inputs=[inner, outer])
            net.add("Activation", activation="relu")
            channels = 4 * width
    net.add("GlobalAveragePooling2D", data_format="channels_last", keepdims=False)
    net.add("Dense", [(2048, 1000), (1000,)], units=1000, activation="softmax", use_bias=True)
    return net


def bert():
    """The encoder of BERT-base: twelve layers over 128 places of 768 numbers."""
    width, heads, inner = 768, 12, 3072
    net = Net([128, width])

    def norm():
        net.add("LayerNormalization", [(width, "positive"), (width,)], axis=[2], epsilon=1e-12, center=True, scale=True)

    for _ in range(12):
        start = net.last
        each = width // heads
        net.add("MultiHeadAttention",
                3 * [(width, heads, each), (heads, each)] + [(heads, each, width), (width,)],
                call={"value": [start, 0, 0]}, num_heads=heads, key_dim=each, value_dim=each, dropout=0.0, use_bias=True,
                output_shape=None, attention_axes=[1], query_shape=[None, 128, width], key_shape=[None, 128, width],
                value_shape=[None, 128, width])
        net.add("Add", inputs=[start, net.last])
        norm()
        start = net.last
        net.add("Dense", [(width, inner), (inner,)], units=inner, activation="gelu", use_bias=True)
        net.add("Dense", [(inner, width), (width,)], units=width, activation="linear", use_bias=True)
        net.add("Add", inputs=[start, net.last])
        norm()
    return net


MODELS = {**{name: (lambda name=name: recurrent(name)) for name in RECURRENT},
          "mlp": mlp, "bilstm": bilstm, "cnn": cnn, "resnet50": resnet50, "bert": bert}


def values(shape, random):
    """Products keep the size of what they multiply: 1 / sqrt(inputs); biases are small."""
    if shape[-1] == "positive":
        return random.uniform(0.5, 1.5, shape[:-1]).astype("float32")
    if shape[-1] == "rows":
        return random.standard_normal(shape[:-1], "float32")
    if len(shape) == 1 or shape[0] == 2 and len(shape) == 2:
        inputs = 400  # a bias, or the two of a GRU
    elif len(shape) == 3:
        inputs = math.isqrt(math.prod(shape))  # heads: as wide together as what they read
    else:
        inputs = math.prod(shape[:-1])
    return random.standard_normal(shape, "float32") * np.float32(inputs ** -0.5)


def numbers_in(name, batch):
    random = np.random.default_rng([SEED, batch])
    if name == "bilstm":
        return random.integers(0, WORDS, (batch, STEPS), "int32")
    shapes = {"mlp": (784,), "cnn": (28, 28, 1), "resnet50": (224, 224, 3), "bert": (128, 768)}
    numbers = random.standard_normal((batch, *shapes.get(name, (STEPS, FEATURES))), "float32")
    if name == "lstm_masked128":
        numbers[:, :STEPS // 4] = 0  # in front, where cuDNN cannot skip
    return numbers


def difference(output, expected):
    """The greatest, in parts of the greatest expected number."""
    if output.shape != expected.shape:
        raise ValueError(f"the output is {output.shape}, not {expected.shape}")
    if not np.isfinite(output).all():
        raise ValueError("the output is not finite")
    return float(np.max(np.abs(output.astype("float64") - expected)) / np.max(np.abs(expected)))


def write(path, text):
    """As a whole or not at all: a run may be cut off."""
    path = pathlib.Path(path)
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def main(folder, *names):
    for name in names or MODELS:
        place = pathlib.Path(folder) / name
        if (place / "bench.txt").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        net, random = MODELS[name](), np.random.default_rng(SEED)
        (place / "model.json").write_text(json.dumps(net.model()))
        np.savez(place / "model.npz", *[values(shape, random) for shape in net.weights])
        for batch in BATCHES[name]:
            np.save(place / f"input_b{batch}.npy", numbers_in(name, batch))
        write(place / "bench.txt", "--precision bf16\n" if name == "bert" else "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
