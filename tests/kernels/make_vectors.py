"""Writes vectors/*.npz: operands and results of subtle ops, computed by TensorFlow and Keras.

An entry consists of "<case>|op" (the op with its attributes, as a graph's text writes them), "<case>|in0", ... and
"<case>|out0", .... reference_vectors_test.cc runs the op on the operands and compares. Run it again after adding a case:

    python tests/kernels/make_vectors.py        # needs tensorflow, keras
"""
import os
import sys
import zlib

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

raw = tf.raw_ops
NAN, INF = float("nan"), float("inf")
FLOATS = ("float32", "float64")


class Vectors:
    def __init__(self):
        self.arrays = {}

    def add(self, name, op, inputs, outputs):
        assert name + "|op" not in self.arrays, name
        self.arrays[name + "|op"] = np.array(op.encode())
        for i, array in enumerate(inputs):
            self.arrays["%s|in%d" % (name, i)] = np.asarray(array)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        for i, array in enumerate(outputs):
            self.arrays["%s|out%d" % (name, i)] = np.asarray(array)

    def save(self, file):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors", file)
        np.savez_compressed(path, **self.arrays)
        print(path, sum(key.endswith("|op") for key in self.arrays), "cases", os.path.getsize(path), "bytes")


def random(name, shape, dtype="float32", low=-1.0, high=1.0):
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if np.dtype(dtype).kind in "iu":
        return generator.integers(int(low), int(high), shape).astype(dtype)
    if np.dtype(dtype).kind == "c":
        return (generator.uniform(low, high, shape) + 1j * generator.uniform(low, high, shape)).astype(dtype)
    return (np.round(generator.uniform(low, high, shape) * 64) / 64).astype(dtype)  # few bits: the files stay small


def attributes(**values):
    def text(value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(str, value)) + "]"
        return str(value)
    return " {" + ", ".join("%s = %s" % (key, text(value)) for key, value in values.items()) + "}"


# ---- elementwise ------------------------------------------------------------------------------------------------------

def elementwise(v):
    everything = np.array([NAN, INF, -INF, 0.0, -0.0, 1e-3, -1e-3, 0.5, -0.5, 0.7, -0.7, 1, -1, 1.5, -1.5, 2.5, -2.5, 3.3,
                           -3.3, 6.5, -6.5, 20, -20])
    positive = np.array([NAN, INF, 0.0, 1e-3, 0.5, 1, 1.5, 3.3, 10, 200])
    unit = np.array([NAN, 0.0, -0.0, 1e-3, 0.5, -0.5, 0.7, -0.9, 1, -1, 1.5])
    functions = {
        "abs": (tf.abs, everything), "neg": (tf.negative, everything), "sign": (tf.sign, everything),
        "square": (tf.square, everything), "sqrt": (tf.sqrt, positive), "rsqrt": (tf.math.rsqrt, positive),
        "reciprocal": (tf.math.reciprocal, everything), "exp": (tf.exp, everything), "expm1": (tf.math.expm1, everything),
        "log": (tf.math.log, positive), "log1p": (tf.math.log1p, positive), "sin": (tf.sin, everything),
        "cos": (tf.cos, everything), "tan": (tf.tan, everything), "asin": (tf.asin, unit), "acos": (tf.acos, unit),
        "atan": (tf.atan, everything), "sinh": (tf.sinh, everything), "cosh": (tf.cosh, everything),
        "tanh": (tf.tanh, everything), "asinh": (tf.asinh, everything), "acosh": (tf.acosh, positive),
        "atanh": (tf.atanh, unit), "erf": (tf.math.erf, everything), "erfc": (tf.math.erfc, everything),
        "floor": (tf.floor, everything), "ceil": (tf.math.ceil, everything), "round": (raw.Round, everything),
        "is_nan": (tf.math.is_nan, everything), "is_inf": (tf.math.is_inf, everything),
        "is_finite": (tf.math.is_finite, everything), "sigmoid": (tf.sigmoid, everything),
        "relu": (tf.nn.relu, everything), "clamp(0.0, 6.0)": (tf.nn.relu6, everything),
        "leaky_relu(0.2, 0.0)": (lambda x: tf.nn.leaky_relu(x, 0.2), everything),
        "elu(1.0, 0.0)": (tf.nn.elu, everything), "selu": (tf.nn.selu, everything),
        "softplus": (tf.nn.softplus, everything), "softsign": (tf.nn.softsign, everything),
        "gelu": (lambda x: tf.nn.gelu(x, False), everything[3:]), "gelu_tanh": (lambda x: tf.nn.gelu(x, True), everything[3:]),
        "silu": (tf.nn.silu, everything[3:]), "log_sigmoid": (tf.math.log_sigmoid, everything),
        "lgamma": (tf.math.lgamma, everything), "digamma": (tf.math.digamma, everything),
    }
    functions["erf"] = (tf.math.erf, everything[3:])  # of infinity in float64 TensorFlow gives NaN
    for name, (function, x) in functions.items():
        # TensorFlow keeps these functions' constants in float32.
        for dtype in FLOATS[:1] if "gelu" in name or "leaky" in name else FLOATS:
            x_typed = x.astype(dtype)
            y = function(x=x_typed) if function is raw.Round else function(x_typed)
            v.add("unary %s %s" % (name, dtype), "unary {fn = %s}" % name, [x_typed], y)

    import keras
    more = {
        "hard_sigmoid(0.16666666666666666, 0.5)": "hard_sigmoid", "hard_silu(0.16666666666666666, 0.5)": "hard_silu",
        "mish": "mish", "tanh_shrink": "tanh_shrink", "soft_shrink(0.5, 0.0)": "soft_shrink",
        "hard_shrink(0.5, 0.0)": "hard_shrink", "sparse_plus": "sparse_plus", "squareplus(4.0, 0.0)": "squareplus",
        "celu(1.0, 0.0)": "celu", "threshold_relu(0.5, 0.0)": "threshold",
    }
    for name, function in more.items():
        x = everything[3:].astype("float64")
        arguments = (0.5, 0.0) if function == "threshold" else ()
        v.add("unary " + name, "unary {fn = %s}" % name, [x], getattr(keras.activations, function)(x, *arguments))

    x = np.array([NAN, 1, 2, INF, -INF, 0, -0.0, 7, -7, 7, -7, 5.5, -5.5, 1e30, 0.1, 3])
    y = np.array([1, NAN, 3, 2, 2, 0, 5, 3, 3, -3, -3, 0.1, 0.1, 1e-30, 0.1, -INF])
    binary = {
        "add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "div": tf.divide, "floor_div": tf.math.floordiv,
        "floor_mod": tf.math.floormod, "truncate_mod": tf.truncatemod, "div_no_nan": tf.math.divide_no_nan,
        "mul_no_nan": tf.math.multiply_no_nan, "xdivy": tf.math.xdivy, "xlogy": lambda a, b: tf.math.xlogy(a, tf.abs(b)),
        "pow": tf.pow, "maximum": tf.maximum, "minimum": tf.minimum, "squared_difference": tf.math.squared_difference,
        "atan2": tf.atan2, "equal": tf.equal, "not_equal": tf.not_equal, "less": tf.less, "less_equal": tf.less_equal,
        "greater": tf.greater, "greater_equal": tf.greater_equal,
    }
    for kind, function in binary.items():
        for dtype in FLOATS:
            a, b = x.astype(dtype), y.astype(dtype)
            if kind == "xlogy":
                b = np.abs(b)
            v.add("binary %s %s" % (kind, dtype), "binary {kind = %s}" % kind, [a, b], function(a, b))
    low, high = -2**31, 2**31 - 1
    a = np.array([7, -7, 7, -7, 6, -6, 0, low, high, high, low], "int32")
    b = np.array([3, 3, -3, -3, 3, -3, -5, 2, high, 3, -1], "int32")
    for kind, function in {
            "add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "floor_div": tf.math.floordiv, "floor_mod": tf.math.floormod,
            "truncate_div": tf.truncatediv, "truncate_mod": tf.truncatemod, "maximum": tf.maximum,
            "squared_difference": tf.math.squared_difference, "bitwise_and": tf.bitwise.bitwise_and,
            "bitwise_or": tf.bitwise.bitwise_or, "bitwise_xor": tf.bitwise.bitwise_xor}.items():
        n = 10 if "div" in kind or "mod" in kind else 11  # TensorFlow's lowest / -1 is undefined
        v.add("binary %s int32" % kind, "binary {kind = %s}" % kind, [a[:n], b[:n]], function(a[:n], b[:n]))
    a, b = np.array([2, 3, -2, 0, 7, -1], "int32"), np.array([33, 2, 3, 0, 20, 5], "int32")
    v.add("binary pow int32", "binary {kind = pow}", [a, b], tf.pow(a, b))
    for dtype in ("int8", "int32", "uint8"):
        a = np.array([1, 1, 127, 5, 64, 3], dtype)
        b = np.array([7, 9, 1, 0, 200 if dtype == "uint8" else -1, 2], dtype)
        if dtype != "uint8":
            a[2] = -100
        v.add("binary left_shift " + dtype, "binary {kind = left_shift}", [a, b], tf.bitwise.left_shift(a, b))
        v.add("binary right_shift " + dtype, "binary {kind = right_shift}", [a, b], tf.bitwise.right_shift(a, b))
    for kind, function in {"add": tf.add, "sub": tf.subtract, "mul": tf.multiply, "div": tf.divide, "pow": tf.pow,
                           "squared_difference": tf.math.squared_difference}.items():
        a, b = random("ca", [5], "complex64"), random("cb", [5], "complex64")
        v.add("binary %s complex64" % kind, "binary {kind = %s}" % kind, [a, b], function(a, b))
    a, b = np.array(["x", "b", "", "ab"]), np.array(["x", "a", "a", "abc"])
    v.add("binary equal string", "binary {kind = equal}", [a.astype("S"), b.astype("S")], a == b)

    x = np.array([NAN, INF, -INF, 3e9, -3e9, 300.7, -1.5, 6e4, -4e4, 0.99, -0.99, 255.5, 127.5, -128.5, 2.0**31, -2.0**31])
    for dtype in FLOATS:
        for to in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                   "bool", "complex64"):
            if to == dtype:
                continue
            z = x.astype(dtype)
            if to in ("int8", "int16", "uint8", "uint16"):
                # Out of range TensorFlow's scalar and vector code differ.
                z = np.array([0.99, 255.5, 127.5, 3] if to[0] == "u" else [0.99, -0.99, -1.5, 127.5, -128.5], dtype)
            v.add("cast %s %s" % (dtype, to), "cast {dtype = %s}" % to, [z], tf.cast(z, to))
    x = np.array([0, 1, -1, 127, 128, -129, 65535, 65536, 2**24 + 1, 2**53 + 1, 2**62 + 12345, -2**63], "int64")
    for to in ("float16", "float32", "float64", "int8", "int16", "int32", "uint8", "uint32", "uint64", "bool"):
        v.add("cast int64 " + to, "cast {dtype = %s}" % to, [x], tf.cast(x, to))


# ---- windows ----------------------------------------------------------------------------------------------------------

def padding_text(padding):
    return {"SAME": "same", "VALID": "valid"}[padding]


def windows(v):
    for rank, convolve in ((1, tf.nn.conv1d), (2, tf.nn.conv2d), (3, tf.nn.conv3d)):
        size = {1: [11], 2: [7, 6], 3: [5, 5, 6]}[rank]
        kernel = {1: [3], 2: [3, 2], 3: [2, 3, 2]}[rank]
        for padding in ("SAME", "VALID"):
            for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
                name = "conv%dd %s stride %d dilation %d" % (rank, padding, stride, dilation)
                x, w = random(name, [2] + size + [2]), random(name + "w", kernel + [2, 3])
                y = tf.nn.convolution(x, w, [stride] * rank, padding, dilations=[dilation] * rank)
                v.add(name, "conv" + attributes(strides=[stride] * rank, dilations=[dilation] * rank,
                                                padding=padding_text(padding)), [x, w], y)
    x, w = random("groups", [2, 6, 5, 4]), random("groupsw", [3, 3, 2, 6])
    v.add("conv2d groups", "conv" + attributes(strides=[2, 1], dilations=[1, 1], padding="same", groups=2), [x, w],
          tf.nn.conv2d(x, w, [2, 1], "SAME"))
    w = random("depthw", [3, 2, 4, 2])
    for strides, padding in (([1, 1], "SAME"), ([2, 2], "SAME"), ([2, 2], "VALID")):
        y = tf.nn.depthwise_conv2d(x, w, [1] + strides + [1], padding)
        v.add("depthwise %s %s" % (padding, strides),
              "conv" + attributes(strides=strides, dilations=[1, 1], padding=padding_text(padding), groups=4),
              [x, w.reshape(3, 2, 1, 8)], y)
    w = random("explicit", [3, 3, 4, 2])
    v.add("conv2d explicit", "conv {strides = [2, 2], dilations = [1, 1], padding = explicit([1, 0], [2, 3])}", [x, w],
          tf.nn.conv2d(x, w, 2, [[0, 0], [1, 2], [0, 3], [0, 0]]))
    import keras
    for dilation, stride in ((1, 1), (2, 1), (1, 2)):
        x, w, b = random("causal", [2, 9, 3]), random("causalw", [3, 3, 4]), random("causalb", [4])
        layer = keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=dilation, strides=stride)
        layer.build(x.shape)
        layer.set_weights([w, b])
        v.add("conv1d causal dilation %d stride %d" % (dilation, stride),
              "conv" + attributes(strides=[stride], dilations=[dilation], padding="causal"), [x, w, b], layer(x))

    for padding in ("SAME", "VALID"):
        for stride, kernel in ((1, 3), (2, 3), (2, 2), (3, 2), (2, 5)):
            for extra in (0, 1):
                small = [4, 5]
                if padding == "SAME":
                    large = [n * stride - (extra if stride > 1 else 0) for n in small]
                else:
                    large = [(n - 1) * stride + kernel + (extra if stride > 1 else 0) for n in small]
                if extra and stride == 1:
                    continue
                name = "conv2d_transpose %s stride %d kernel %d extra %d" % (padding, stride, kernel, extra)
                x, w = random(name, [2] + small + [3]), random(name + "w", [kernel, kernel, 2, 3])
                y = tf.nn.conv2d_transpose(x, w, [2] + large + [2], stride, padding)
                v.add(name, "conv_transpose" + attributes(strides=[stride] * 2, dilations=[1, 1],
                                                          padding=padding_text(padding)),
                      [x, w, np.array(large, "int32")], y)
    x, w = random("ct3", [1, 2, 3, 2, 3]), random("ct3w", [3, 2, 3, 2, 3])
    y = tf.nn.conv3d_transpose(x, w, [1, 4, 6, 4, 2], 2, "SAME")
    v.add("conv3d_transpose", "conv_transpose {strides = [2, 2, 2], dilations = [1, 1, 1], padding = same}",
          [x, w, np.array([4, 6, 4], "int32")], y)
    x, w = random("ct1", [2, 5, 3]), random("ct1w", [4, 2, 3])
    v.add("conv1d_transpose", "conv_transpose {strides = [3], dilations = [1], padding = same}",
          [x, w, np.array([15], "int32")], tf.nn.conv1d_transpose(x, w, [2, 15, 2], 3, "SAME"))

    for kind in ("max", "average"):
        for rank, size in ((1, [11]), (2, [7, 6]), (3, [5, 4, 6])):
            for padding in ("SAME", "VALID"):
                for window, stride in ((2, 2), (3, 2), (3, 1), (2, 3)):
                    name = "pool %s %dd %s %d/%d" % (kind, rank, padding, window, stride)
                    x = random(name, [1] + size + [2], low=-2, high=-1)
                    if stride > window:  # refused by tf.nn.pool
                        function = {"max": (raw.MaxPool, raw.MaxPool3D), "average": (raw.AvgPool, raw.AvgPool3D)}[kind]
                        if rank == 1:
                            continue
                        sizes = dict(ksize=[1] + [window] * rank + [1], strides=[1] + [stride] * rank + [1], padding=padding)
                        y = function[rank - 2](**{"value" if kind == "average" and rank == 2 else "input": x}, **sizes)
                    else:
                        y = tf.nn.pool(x, [window] * rank, "MAX" if kind == "max" else "AVG", [stride] * rank, padding)
                    v.add(name, "pool" + attributes(kind=kind, window=[window] * rank, strides=[stride] * rank,
                                                    padding=padding_text(padding)), [x], y)


# ---- images -----------------------------------------------------------------------------------------------------------

def images(v):
    sizes = [([5, 7], [10, 14]), ([5, 7], [3, 4]), ([4, 6], [9, 5]), ([6, 6], [6, 6]), ([1, 5], [3, 1]), ([10, 10], [7, 23]),
             ([3, 3], [1, 1]), ([97, 2], [31, 3])]
    for before, after in sizes:
        for align, half in ((False, False), (True, False), (False, True)):
            for method, function in (("nearest", raw.ResizeNearestNeighbor), ("bilinear", raw.ResizeBilinear)):
                name = "resize %s %s to %s align %s half %s" % (method, before, after, align, half)
                x = random(name, [2] + before + [2])
                y = function(images=x, size=after, align_corners=align, half_pixel_centers=half)
                v.add(name, "resize" + attributes(method=method, align_corners=align, half_pixel_centers=half),
                      [x, np.array(after, "int32")], y)
            name = "resize bicubic %s to %s align %s half %s" % (before, after, align, half)
            x = random(name, [2] + before + [2])
            y = raw.ResizeBicubic(images=x, size=after, align_corners=align, half_pixel_centers=half)
            v.add(name, "resize" + attributes(method="bicubic", align_corners=align, half_pixel_centers=half),
                  [x, np.array(after, "int32")], y)
        for align in (False, True):
            name = "resize area %s to %s align %s" % (before, after, align)
            x = random(name, [2] + before + [2])
            v.add(name, "resize" + attributes(method="area", align_corners=align), [x, np.array(after, "int32")],
                  raw.ResizeArea(images=x, size=after, align_corners=align))
        if after not in ([3, 4], [9, 5], [3, 1]):
            continue
        for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keys_cubic", "mitchell_cubic"):
            for antialias in (False, True):
                name = "resize %s %s to %s antialias %s" % (kernel, before, after, antialias)
                x, scale = random(name, [2] + before + [2]), np.array(after, "float32") / np.array(before, "float32")
                sampled = lambda scale, shift: raw.ScaleAndTranslate(
                    images=x, size=after, scale=scale, translation=shift, kernel_type=kernel.replace("_", ""), antialias=antialias)
                op = "resize" + attributes(method=kernel, antialias=antialias)
                v.add(name, op, [x, np.array(after, "int32")], sampled(scale, np.zeros(2, "float32")))
                if after == [3, 4]:  # some results lie outside of the image
                    placed = [np.array([0.55, 1.7], "float32"), np.array([-1.25, 0.5], "float32")]
                    v.add(name + " placed", op, [x, np.array(after, "int32")] + placed, sampled(*placed))


# ---- slices and layout ------------------------------------------------------------------------------------------------

def layout(v):
    x = random("ss", [4, 5, 6], "int32", -99, 99)
    specs = [  # begin, end, strides, begin, end, ellipsis, new axis, shrink masks
        ([1, 0, 2], [3, 5, 5], [1, 1, 1], 0, 0, 0, 0, 0), ([3, 4, 5], [0, 0, 0], [-1, -2, -3], 0, 0, 0, 0, 0),
        ([-1, -2, 0], [-5, 9, 6], [-1, 1, 2], 0, 0, 0, 0, 0), ([1, 2, 3], [2, 3, 4], [1, 2, 1], 7, 7, 0, 0, 0),
        ([1, 2, 3], [2, 3, 4], [-1, -2, 1], 3, 3, 0, 0, 0), ([1, 0], [2, 3], [1, 1], 0, 0, 2, 0, 1),
        ([0, 0, 2], [0, 0, 5], [1, 1, 1], 0, 0, 1, 0, 4), ([0, 1], [0, 2], [1, 1], 0, 0, 0, 1, 0),
        ([0, 0, 0, 3], [0, 0, 0, 6], [1, 1, 1, 2], 0, 0, 2, 4, 0), ([-1], [0], [1], 0, 0, 0, 0, 1),
        ([2, -1], [3, 0], [1, 1], 0, 0, 0, 0, 3), ([3], [1], [1], 0, 0, 0, 0, 0), ([0, 0, 0], [4, 0, 6], [1, 1, 1], 0, 0, 0, 0, 0),
        ([9, 1], [99, 2], [1, 1], 0, 0, 0, 0, 0), ([0, 0, 0, 0], [0, 2, 0, 4], [1, 1, 1, 2], 0, 1, 4, 1, 0),
        ([5, -9, 1], [-9, 9, 2], [-2, 3, 1], 1, 2, 0, 0, 4), ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], 31, 31, 0, 18, 0),
    ]
    for i, (begin, end, strides, b, e, ellipsis, new, shrink) in enumerate(specs):
        masks = dict(begin_mask=b, end_mask=e, ellipsis_mask=ellipsis, new_axis_mask=new, shrink_axis_mask=shrink)
        y = raw.StridedSlice(input=x, begin=begin, end=end, strides=strides, **masks)
        v.add("strided_slice %d" % i, "strided_slice" + attributes(**masks),
              [x] + [np.array(a, "int32") for a in (begin, end, strides)], y)
    for begin, size in (([1, 0, 2], [2, -1, 3]), ([0, 0, 0], [-1, -1, -1]), ([4, 5, 6], [0, 0, 0])):
        v.add("slice %s" % begin, "slice", [x, np.array(begin), np.array(size)], tf.slice(x, begin, size))
    paddings = np.array([[1, 2], [0, 3], [2, 0]], "int32")
    for mode in ("constant", "reflect", "symmetric"):
        v.add("pad " + mode, "pad" + attributes(mode=mode), [x, paddings], tf.pad(x, paddings, mode))
    v.add("pad value", "pad", [x, paddings, np.array(7, "int32")], tf.pad(x, paddings, constant_values=7))
    for border, mode in ((3, "reflect"), (4, "symmetric")):
        paddings = np.array([[border, border], [border + 1, 0], [0, border + 1]], "int32")
        v.add("pad %s whole" % mode, "pad" + attributes(mode=mode), [x, paddings], tf.pad(x, paddings, mode))
    v.add("transpose", "transpose", [x, np.array([2, 0, 1])], tf.transpose(x, [2, 0, 1]))
    v.add("tile", "tile", [x, np.array([2, 1, 3])], tf.tile(x, [2, 1, 3]))
    v.add("reverse", "reverse {axes = [0, -1]}", [x], tf.reverse(x, [0, -1]))
    v.add("broadcast_to", "broadcast_to", [x[:, :1], np.array([2, 4, 3, 6])], tf.broadcast_to(x[:, :1], [2, 4, 3, 6]))
    lengths = np.array([0, 1, 3, 5])
    v.add("reverse_sequence", "reverse_sequence", [x, lengths], tf.reverse_sequence(x, lengths, 1, 0))
    lengths = np.array([4, 1, 3, 0, 2, 4], "int32")
    v.add("reverse_sequence axes", "reverse_sequence {sequence_axis = 0, batch_axis = 2}", [x, lengths],
          tf.reverse_sequence(x, lengths, 0, 2))
    x = random("s2b", [2, 5, 4, 3])
    block, paddings = np.array([2, 3]), np.array([[1, 2], [0, 5]])
    y = tf.space_to_batch(x, block, paddings)
    v.add("space_to_batch", "space_to_batch", [x, block, paddings], y)
    v.add("batch_to_space", "batch_to_space", [y, block, paddings], tf.batch_to_space(y, block, paddings))
    v.add("space_to_batch 1", "space_to_batch", [x, np.array([2]), np.array([[2, 1]])], tf.space_to_batch(x, [2], [[2, 1]]))
    v.add("range float", "range", [np.float32(0), np.float32(1), np.float32(0.1)], tf.range(0., 1., 0.1))
    v.add("range down", "range", [np.int32(10), np.int32(0), np.int32(-3)], tf.range(10, 0, -3))


# ---- gathers ----------------------------------------------------------------------------------------------------------

def gathers(v):
    x = random("gather", [3, 4, 5, 2], "int32", -99, 99)
    for axis, batch_dims, shape in ((0, 0, [2, 3]), (2, 0, [4]), (-1, 0, [3]), (1, 1, [3, 2]), (2, 1, [3, 2]), (3, 2, [3, 4, 3]),
                                    (2, 2, [3, 4]), (2, -1, [3, 6]), (1, 0, [])):
        indices = random("gi%d%d" % (axis, batch_dims), shape, "int64", 0, x.shape[axis])
        v.add("gather axis %d batch %d" % (axis, batch_dims), "gather" + attributes(axis=axis, batch_dims=batch_dims),
              [x, indices], tf.gather(x, indices, axis=axis, batch_dims=batch_dims))
    for batch_dims, shape in ((0, [6, 1]), (0, [2, 3, 2]), (0, [5, 4]), (0, [2, 0]), (1, [3, 2, 2]), (2, [3, 4, 1]), (0, [3])):
        high = 2
        indices = random("gnd%s" % shape, shape, "int32", 0, high)
        v.add("gather_nd %s batch %d" % (shape, batch_dims), "gather_nd" + attributes(batch_dims=batch_dims), [x, indices],
              tf.gather_nd(x, indices, batch_dims=batch_dims))
    t = random("scatter", [5, 3], "float32")
    indices = np.array([[4], [0], [4]], "int32")
    updates = random("scatteru", [3, 3])
    for kind, function in (("update", tf.tensor_scatter_nd_update), ("add", tf.tensor_scatter_nd_add),
                           ("max", tf.tensor_scatter_nd_max), ("min", tf.tensor_scatter_nd_min)):
        i, u = (indices[:2], updates[:2]) if kind == "update" else (indices, updates)
        v.add("scatter " + kind, "scatter" + attributes(kind=kind), [t, i, u], function(t, i, u))
    i, u = np.array([[[0, 1]], [[4, 2]]]), np.array([[5.], [6.]], "float32")
    v.add("scatter elements", "scatter", [t, i, u], tf.tensor_scatter_nd_update(t, i, u))
    i = np.array([[0, 2], [-1, 5]])
    for axis in (-1, 0, 1):
        v.add("one_hot axis %d" % axis, "one_hot" + attributes(axis=axis),
              [i, np.int32(4), np.float32(2), np.float32(-1)], tf.one_hot(i, 4, 2., -1., axis))
    x = np.array([[3, 1, 3, 2, 3, -1], [0, 0, 0, 0, 0, 0], [-1, INF, 2, -INF, INF, 2]], "float32")
    for k in (1, 2, 4, 6):
        v.add("top_k %d" % k, "top_k", [x, np.int32(k)], list(raw.TopKV2(input=x, k=k, sorted=True)))


# ---- reductions -------------------------------------------------------------------------------------------------------

def reductions(v):
    x = random("reduce", [3, 4, 5])
    for kind, function in (("sum", tf.reduce_sum), ("mean", tf.reduce_mean), ("prod", tf.reduce_prod), ("max", tf.reduce_max),
                           ("min", tf.reduce_min)):
        for axes, keep in (([0], False), ([-1], True), ([0, 2], False), ([0, 1, 2], True), ([], False)):
            v.add("reduce %s %s %s" % (kind, axes, keep), "reduce" + attributes(kind=kind, keep_dims=keep),
                  [x, np.array(axes, "int32")], function(x, axes, keep))
        empty = np.zeros([2, 0, 3], "float32")
        v.add("reduce %s empty" % kind, "reduce" + attributes(kind=kind), [empty, np.array([1])], function(empty, 1))
        special = np.array([[1, NAN, 2], [INF, 1, -INF], [-INF, -INF, -INF]], "float32")
        v.add("reduce %s special" % kind, "reduce" + attributes(kind=kind), [special, np.array([1])], function(special, 1))
        ints = random("ri", [4, 6], "int32", -2**30, 2**30)
        if kind != "mean":
            v.add("reduce %s int32" % kind, "reduce" + attributes(kind=kind), [ints, np.array([1])], function(ints, 1))
    small = np.array([[100] * 4, [-3, -4, 0, 0]], "int8")
    v.add("reduce mean int8", "reduce {kind = mean}", [small, np.array([1])], tf.reduce_mean(small, 1))
    v.add("reduce sum int8", "reduce {kind = sum}", [small, np.array([1])], tf.reduce_sum(small, 1))
    flags = np.array([[True, True], [True, False], [False, False]])
    v.add("reduce all", "reduce {kind = all}", [flags, np.array([1])], tf.reduce_all(flags, 1))
    v.add("reduce any", "reduce {kind = any}", [flags, np.array([1])], tf.reduce_any(flags, 1))
    for dtype in ("float32", "float16"):
        x = np.array([[NAN, 3, 1, NAN, INF, -INF], [NAN] * 6, [-INF, NAN, -INF, -INF, NAN, -INF], [1, 5, 5, 2, 1, 1],
                      [INF, INF, 1, NAN, NAN, INF]], dtype)
        for axis in (0, 1, -1):
            v.add("argmax %d %s" % (axis, dtype), "arg_reduce" + attributes(axis=axis), [x], tf.argmax(x, axis))
            v.add("argmin %d %s" % (axis, dtype), "arg_reduce" + attributes(minimum=True, axis=axis, dtype="int32"), [x],
                  tf.argmin(x, axis, tf.int32))
    x = random("scan", [3, 4, 5], "float64", 0.5, 1.5)
    for kind, function in (("sum", tf.cumsum), ("prod", tf.math.cumprod)):
        for exclusive in (False, True):
            for reverse in (False, True):
                for axis in (0, 1, -1):
                    v.add("scan %s %d %s %s" % (kind, axis, exclusive, reverse),
                          "scan" + attributes(kind=kind, axis=axis, exclusive=exclusive, reverse=reverse), [x],
                          function(x, axis, exclusive, reverse))
    x = random("softmax", [3, 4, 5], low=-30, high=30)
    v.add("softmax", "softmax {axes = [-1]}", [x], tf.nn.softmax(x))
    v.add("softmax axis", "softmax {axes = [1]}", [x], tf.nn.softmax(x, 1))
    v.add("log_softmax", "softmax {axes = [2], log = true}", [x], tf.nn.log_softmax(x))
    import keras
    v.add("softmax two axes", "softmax {axes = [0, 2]}", [x], keras.layers.Softmax(axis=(0, 2))(x))
    layer = keras.layers.LayerNormalization(axis=[1, 2], epsilon=1e-3)
    layer.build([None, 4, 5])
    scale, offset = random("lns", [4, 5]), random("lno", [4, 5])
    layer.set_weights([scale, offset])
    v.add("layer normalization", "normalize {axes = [1, 2], epsilon = 0.001, centered = true, has_scale = true, has_offset = true}",
          [x, scale.reshape(1, 4, 5), offset.reshape(1, 4, 5)], layer(x))
    layer = keras.layers.RMSNormalization(epsilon=1e-5)
    layer.build([None, 4, 5])
    scale = random("rms", [5])
    layer.set_weights([scale])
    v.add("rms normalization", "normalize {axes = [2], epsilon = 1e-05, centered = false, has_scale = true}",
          [x, scale.reshape(1, 1, 5)], layer(x))


# ---- products ---------------------------------------------------------------------------------------------------------

def products(v):
    for i, (ta, tb, a, b) in enumerate([(False, False, [2, 3, 4], [4, 5]), (True, False, [4, 3], [4, 5]), (False, True, [3, 4], [5, 4]),
                                        (True, True, [2, 1, 4, 3], [3, 5, 4]), (False, False, [2, 0], [0, 3])]):
        for dtype in ("float32", "int32", "complex64"):
            x, y = random("mm%d" % i, a, dtype, -9, 9), random("mm%db" % i, b, dtype, -9, 9)
            z = tf.linalg.matmul(x, y, transpose_a=ta, transpose_b=tb) if len(a) == len(b) else raw.BatchMatMulV2(
                x=np.swapaxes(x, -1, -2) if ta else x, y=np.swapaxes(y, -1, -2) if tb else y)
            v.add("matmul %d %s" % (i, dtype), "matmul" + attributes(transpose_a=ta, transpose_b=tb), [x, y], z)
    for equation, *shapes in (
            ("ij,jk->ik", [3, 4], [4, 5]), ("ij,kj->ik", [3, 4], [5, 4]), ("bij,bjk->bik", [2, 3, 4], [2, 4, 5]),
            ("abc,cde->abde", [2, 3, 4], [4, 5, 2]), ("...ij,...jk->...ik", [2, 1, 3, 4], [5, 4, 3]), ("ii->i", [4, 4]),
            ("ii->", [4, 4]), ("ij->ji", [3, 4]), ("ijk->k", [2, 3, 4]), ("...i->i...", [2, 3, 4]), ("i,j->ij", [3], [4]),
            ("ij,ij->", [3, 4], [3, 4]), ("aecd,abcd->acbe", [2, 3, 4, 5], [2, 6, 4, 5]), ("iij,jk->ik", [3, 3, 4], [4, 2]),
            ("bi...,i->b...", [2, 3, 4], [3]), ("iJ,Jk->ik", [3, 4], [4, 5])):
        x = [random(equation + str(i), shape) for i, shape in enumerate(shapes)]
        v.add("einsum " + equation, 'einsum {equation = "%s"}' % equation, x, raw.Einsum(inputs=x, equation=equation))
    x, y = random("implicit", [3, 4]), random("implicit2", [4, 2])
    v.add("einsum implicit", 'einsum {equation = "ij,jk"}', [x, y], np.einsum("ij,jk", x, y))
    v.add("einsum implicit transposes", 'einsum {equation = "ba"}', [x], np.einsum("ba", x))


if __name__ == "__main__":
    from make_rnn_vectors import recurrent
    for file, parts in (("elementwise", [elementwise]), ("windows", [windows, images]), ("layout", [layout, gathers]),
                        ("reductions", [reductions, products]), ("recurrent", [recurrent])):
        vectors = Vectors()
        for part in parts:
            part(vectors)
        vectors.save(file + ".npz")
