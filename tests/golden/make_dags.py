"""Writes tests/golden/dags/<writer>/: random functional models (.keras) and io.npz with their inputs and answers.

    python tests/golden/make_dags.py [--writer keras3|tfkeras] [--count 110]

Every model is drawn from its own seed: 1 to 3 inputs, 6 to 14 layers of any kind that fits the tensors at hand, shared
layers, nested models, merges, arithmetic between tensors; every tensor that nothing uses is an output.
"""
import argparse
import io
import os
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import golden_lib as g
import numpy as np

ACTS = ["relu", "tanh", "sigmoid", "linear", "elu", "softplus", "swish", "selu", "softsign"]


class Drawing:
    def __init__(self, w, rng):
        self.w, self.L, self.rng = w, w.L, rng
        self.tensors, self.used, self.reusable = [], set(), {}

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def chance(self, p):
        return self.rng.random() < p

    def act(self):
        return self.pick(ACTS)

    def units(self):
        return int(self.rng.integers(2, 7))

    def shape(self, t):
        return tuple(t.shape)[1:]

    def add(self, t, *sources):
        self.used.update(id(s) for s in sources)
        self.tensors.append(t)

    def mates(self, t):
        """Other tensors of the same shape."""
        return [o for o in self.tensors if o is not t and self.shape(o) == self.shape(t)]

    def any_rank(self, x):
        L, kinds = self.L, ["act", "norm", "noise", "merge", "concat", "arithmetic", "nested"]
        kind = self.pick(kinds)
        if kind in ("norm", "nested") and self.shape(x)[-1] < 3:
            return None  # one value less its own mean is nothing but rounding
        if kind == "act":
            layer = self.pick([L.LeakyReLU(), L.ELU(), L.ReLU(max_value=2.0), L.Activation(self.act()), L.Softmax(), L.PReLU()])
            return layer(x), [x]
        if kind == "norm":
            layer = self.pick([L.BatchNormalization, L.LayerNormalization, L.UnitNormalization])()
            return layer(x), [x]
        if kind == "noise":
            return self.pick([L.Dropout(0.3), L.GaussianNoise(0.2), L.ActivityRegularization(0.1)])(x), [x]
        if kind == "nested":
            inp = self.w.Input(self.shape(x))
            inner = self.w.Model(inp, L.Dense(self.units(), activation=self.act())(L.LayerNormalization()(inp)))
            return inner(x), [x]
        mates = self.mates(x)
        if kind == "arithmetic":
            other = self.pick(mates) if mates else None
            y = x * float(self.rng.uniform(0.5, 2.0))
            return (y + other if other is not None else y - 0.5), [x] + ([other] if other is not None else [])
        if not mates:
            return None
        other = self.pick(mates)
        if kind == "concat":
            return L.Concatenate(axis=self.pick(list(range(1, len(self.shape(x)) + 1))))([x, other]), [x, other]
        layer = self.pick([L.Add, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Subtract])()
        return layer([x, other]), [x, other]

    def rank2(self, x):
        L, n = self.L, self.shape(x)[0]
        kind = self.pick(["dense", "dense", "repeat", "reshape", "shared", "dot"])
        if kind == "dense":
            return L.Dense(self.units(), activation=self.act(), use_bias=self.chance(0.8))(x), [x]
        if kind == "repeat":
            return L.RepeatVector(int(self.rng.integers(2, 5)))(x), [x]
        if kind == "reshape":
            return (L.Reshape((n // 2, 2))(x), [x]) if n % 2 == 0 else None
        if kind == "shared":
            layer = self.reusable.setdefault(n, L.Dense(4, activation="tanh"))
            return layer(x), [x]
        mates = self.mates(x)
        return (L.Dot(axes=-1, normalize=self.chance(0.5))([x, self.pick(mates)]), [x] + mates[:0]) if mates else None

    def recurrent(self):
        L = self.L
        cls = self.pick([L.LSTM, L.GRU, L.SimpleRNN])
        args = dict(return_sequences=self.chance(0.5), go_backwards=self.chance(0.2), activation=self.pick(["tanh", "relu", "softsign"]))
        if cls is not L.SimpleRNN:
            args["recurrent_activation"] = self.pick(["sigmoid", "hard_sigmoid"])
        if cls is L.GRU:
            args["reset_after"] = self.chance(0.5)
        return cls(self.units(), **args)

    def rank3(self, x):
        L, (t, _) = self.L, self.shape(x)
        kind = self.pick(["rnn", "rnn", "bi", "conv", "conv", "pool", "global", "dense", "td", "permute", "flatten", "pad", "masked", "attention"])
        if kind == "rnn":
            return self.recurrent()(x), [x]
        if kind == "bi":
            inner = self.pick([L.LSTM, L.GRU])(self.units(), return_sequences=self.chance(0.5))
            return L.Bidirectional(inner, merge_mode=self.pick(["concat", "sum", "mul", "ave"]))(x), [x]
        if kind == "conv":
            padding = self.pick(["same", "causal"] + (["valid"] if t >= 3 else []))
            stride = self.pick([1, 1, 2])
            args = dict(strides=stride) if stride > 1 else dict(dilation_rate=self.pick([1, 2]) if padding != "valid" else 1)
            cls = self.pick([L.Conv1D, L.SeparableConv1D])
            return cls(self.units(), self.pick([1, 2, 3]), padding=padding, activation=self.act(), **args)(x), [x]
        if kind == "pool":
            return (self.pick([L.MaxPooling1D, L.AveragePooling1D])(2, padding=self.pick(["same", "valid"]))(x), [x]) if t >= 2 else None
        if kind == "global":
            return self.pick([L.GlobalMaxPooling1D, L.GlobalAveragePooling1D])(keepdims=self.chance(0.3))(x), [x]
        if kind == "dense":
            return L.Dense(self.units(), activation=self.act())(x), [x]
        if kind == "td":
            return L.TimeDistributed(L.Dense(self.units(), activation=self.act()))(x), [x]
        if kind == "permute":
            return L.Permute((2, 1))(x), [x]
        if kind == "flatten":
            return L.Flatten()(x), [x]
        if kind == "pad":
            return self.pick([L.ZeroPadding1D((1, 2)), L.UpSampling1D(2)] + ([L.Cropping1D((1, 1))] if t > 3 else []))(x), [x]
        if kind == "masked":
            return self.recurrent()(L.Masking(0.0)(L.ReLU()(x))), [x]
        mates = self.mates(x) or [x]
        other = self.pick(mates)
        if self.chance(0.5):
            return L.Attention(use_scale=self.chance(0.5))([x, other]), [x, other]
        return L.MultiHeadAttention(2, 3)(x, other), [x, other]

    def rank4(self, x):
        L, (h, wd, c) = self.L, self.shape(x)
        kind = self.pick(["conv", "conv", "depthwise", "transpose", "pool", "global", "resize", "flatten", "permute", "rows", "spatial"])
        padding = "same" if min(h, wd) < 3 else self.pick(["same", "valid"])
        if kind == "conv":
            cls = self.pick([L.Conv2D, L.SeparableConv2D])
            return cls(self.units(), self.pick([1, 2, 3]), strides=self.pick([1, 1, 2]), padding=padding, activation=self.act())(x), [x]
        if kind == "depthwise":
            return L.DepthwiseConv2D(2, padding=padding, depth_multiplier=self.pick([1, 2]), activation=self.act())(x), [x]
        if kind == "transpose":
            return L.Conv2DTranspose(self.units(), 3, strides=self.pick([1, 2]), padding=self.pick(["same", "valid"]))(x), [x] if h * wd < 60 else None
        if kind == "pool":
            return (self.pick([L.MaxPooling2D, L.AveragePooling2D])(2, padding=padding)(x), [x]) if min(h, wd) >= 2 else None
        if kind == "global":
            return self.pick([L.GlobalMaxPooling2D, L.GlobalAveragePooling2D])()(x), [x]
        if kind == "resize":
            if h * wd > 60:
                return None
            return self.pick([L.UpSampling2D(2, interpolation=self.pick(["nearest", "bilinear"])), L.ZeroPadding2D((1, 0))])(x), [x]
        if kind == "flatten":
            return L.Flatten()(x), [x]
        if kind == "permute":
            return L.Permute((2, 1, 3))(x), [x]
        if kind == "rows":
            return L.Reshape((h, wd * c))(x), [x]
        return L.SpatialDropout2D(0.2)(x), [x]

    def step(self):
        fresh = [t for t in self.tensors if id(t) not in self.used]
        x = self.pick(fresh if fresh and self.chance(0.7) else self.tensors)
        rank = len(self.shape(x)) + 1
        own = {2: self.rank2, 3: self.rank3, 4: self.rank4}[rank]
        made = self.any_rank(x) if self.chance(0.35) else own(x)
        if made is None or made[1] is None:
            return False
        y, sources = made
        if len(y.shape) < 2 or len(y.shape) > 4 or None in tuple(y.shape)[1:] or np.prod(self.shape(y)) > 400 or 0 in self.shape(y):
            return False
        self.add(y, *sources)
        return True


def draw(w, seed):
    rng = np.random.default_rng(seed)
    w.begin("dag%d" % seed, "float32")
    d = Drawing(w, rng)
    inputs = []
    for i in range(int(rng.integers(1, 4))):
        shape = d.pick([(6,), (4,), (5, 3), (6, 4), (6, 5, 2), (5, 5, 3)])
        inputs.append(w.Input(shape, name="input_%d" % i))
        d.tensors.append(inputs[-1])
    wanted = int(rng.integers(6, 15))
    for _ in range(200):
        wanted -= d.step()
        if wanted == 0:
            break
    leaves = [t for t in d.tensors if id(t) not in d.used]
    for x in inputs:  # an input that nothing uses
        if any(x is t for t in leaves):
            leaves = [t for t in leaves if t is not x] + [w.L.Dense(2)(w.L.Flatten()(x))]
    model = w.randomise(w.Model(inputs, leaves))
    values = [w.normal(2, *tuple(x.shape)[1:]) for x in inputs]
    return model, values, g.call(model, values, "float32")


def pack(path):
    """The same archive with DEFLATE."""
    with zipfile.ZipFile(path) as z:
        members = [(i.filename, z.read(i)) for i in z.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--writer", action="append")
    parser.add_argument("--count", type=int, default=110)
    args = parser.parse_args()
    for writer in args.writer or ["keras3", "tfkeras"]:
        w = g.Writer(writer)
        folder = os.path.join(HERE, "dags", writer)
        os.makedirs(folder, exist_ok=True)
        arrays, seed, layers, skipped = {}, 0, {}, {}
        while sum(k.endswith("input_0") for k in arrays) < args.count:
            seed += 1
            try:
                model, inputs, outputs = draw(w, seed)
            except Exception as e:  # a layer refused what was drawn
                skipped[type(e).__name__] = skipped.get(type(e).__name__, 0) + 1
                continue
            if not all(np.isfinite(o).all() and np.abs(o).max() < 1e3 for o in outputs) or max(np.std(o) for o in outputs) < 1e-3:
                skipped["values"] = skipped.get("values", 0) + 1
                continue
            name = "%03d" % seed
            path = os.path.join(folder, name + ".keras")
            model.save(path)
            pack(path)
            arrays.update({"%s_input_%d" % (name, i): x for i, x in enumerate(inputs)})
            arrays.update({"%s_output_%d" % (name, i): y for i, y in enumerate(outputs)})
            for layer in model.layers:
                layers[type(layer).__name__] = layers.get(type(layer).__name__, 0) + 1
        np.savez_compressed(os.path.join(folder, "io.npz"), **arrays)
        print(writer, "seeds tried:", seed, "skipped:", skipped, "layers:", dict(sorted(layers.items())))


main()
