"""Writes tests/golden/tensorflow1/<case>/: TensorFlow 1's fused recurrent ops, alone and as cells of dynamic_rnn.

    python tests/golden/make_recurrent.py [--only pattern] [--out folder]

CudnnRNN runs on GPUs only: its answers are those of cuDNN's equations in float64. Everything else is run in a session.
"""
import functools
import os

import make_tensorflow1 as t1
import numpy as np
import tensorflow as tf
from case_folders import write_cases

v1, raw = t1.v1, tf.raw_ops
UNITS, INPUTS = 4, 3
CASES = []


def case(fn):
    CASES.append(fn)
    return fn


def cell(units, states, step):
    """A cell of dynamic_rnn from a function (x, states) -> (output, states)."""
    k = t1.cells()

    class Cell(k.RNNCell):
        @property
        def state_size(self):
            return (units,) * states if states > 1 else units

        @property
        def output_size(self):
            return units

        def call(self, inputs, state):
            return step(inputs, state)
    return Cell()


def lstm_weights(c, name):
    return dict(w=c.variable(name + "/w", INPUTS + UNITS, 4 * UNITS), b=c.variable(name + "/b", 4 * UNITS),
                **{g: c.variable("%s/%s" % (name, g), UNITS) for g in ("wci", "wcf", "wco")})


def lstm_block(c, name, **options):
    weights = lstm_weights(c, name)

    def step(x, state):
        _, cs, _, _, _, _, h = raw.LSTMBlockCell(x=x, cs_prev=state[0], h_prev=state[1], **weights, **options)
        return h, (cs, h)
    return cell(UNITS, 2, step)


def gru_block(c, name):
    w = [c.variable("%s/%d" % (name, i), INPUTS + UNITS, n * UNITS) for i, n in enumerate((2, 1))]
    b = [c.variable("%s/b%d" % (name, i), n * UNITS) for i, n in enumerate((2, 1))]

    def step(x, h):
        h = raw.GRUBlockCell(x=x, h_prev=h, w_ru=w[0], w_c=w[1], b_ru=b[0], b_c=b[1])[3]
        return h, h
    return cell(UNITS, 1, step)


def outputs(c, name, y, state):
    c.output(name, y)
    for i, s in enumerate(tf.nest.flatten(state)):
        c.output("%s_state_%d" % (name, i), s)


@case
def rnn_block_cells(c):
    def build():
        x = c.placeholder("x", tf.float32, [None, None, INPUTS])
        for name, made in (("lstm", lstm_block(c, "lstm", cell_clip=-1.0)), ("no_bias", lstm_block(c, "no_bias", forget_bias=0.0, cell_clip=0.0)),
                           ("gru", gru_block(c, "gru")), ("peephole", lstm_block(c, "peephole", use_peephole=True, cell_clip=-1.0)),
                           ("clipped", lstm_block(c, "clipped", cell_clip=0.1))):
            with v1.variable_scope("loop_" + name):
                outputs(c, name, *t1.dynamic_rnn(made, x, dtype=tf.float32))
        for b, t in ((2, 4), (1, 1)):
            c.calls.append(dict(x=c.rng.standard_normal((b, t, INPUTS)).astype("float32")))
    t1.frozen_case(c, build, "dynamic_rnn over LSTMBlockCell and GRUBlockCell")


@case
def rnn_row_lengths(c):
    """Rows of length 0 and of the whole sequence; unknown and known steps; constant lengths; both directions."""
    def build():
        k = t1.cells()
        x = c.placeholder("x", tf.float32, [None, None, INPUTS])
        fixed = c.placeholder("fixed", tf.float32, [2, 5, INPUTS])
        lengths = c.placeholder("lengths", tf.int64, [None])
        init = v1.random_uniform_initializer(-0.6, 0.6, seed=3)
        for name, made in (("gru", k.GRUCell(UNITS)), ("simple", k.BasicRNNCell(UNITS)), ("block", gru_block(c, "block")),
                           ("peephole", k.LSTMCell(UNITS, use_peepholes=True, initializer=init))):
            with v1.variable_scope("rows_" + name, initializer=init):
                outputs(c, name, *t1.dynamic_rnn(made, x, sequence_length=lengths, dtype=tf.float32))
        with v1.variable_scope("known", initializer=init):
            outputs(c, "known", *t1.dynamic_rnn(k.LSTMCell(UNITS), fixed, sequence_length=[2, 4], dtype=tf.float32))
        with v1.variable_scope("state", initializer=init):
            start = tf.ones([2, UNITS]) * 0.3
            outputs(c, "state", *t1.dynamic_rnn(k.GRUCell(UNITS), tf.transpose(fixed, [1, 0, 2]), sequence_length=[5, 1],
                                                initial_state=start, time_major=True))
        with v1.variable_scope("both", initializer=init):
            from tensorflow.python.ops import rnn
            y, state = rnn.bidirectional_dynamic_rnn(k.BasicLSTMCell(UNITS), k.BasicLSTMCell(UNITS), x, sequence_length=lengths, dtype=tf.float32)
            outputs(c, "both", tf.concat(y, 2), state)
        for t, rows in ((4, [0, 4, 2]), (3, [1, 2]), (2, [0])):
            c.calls.append(dict(x=c.rng.standard_normal((len(rows), t, INPUTS)).astype("float32"), lengths=np.array(rows, "int64"),
                                fixed=c.rng.standard_normal((2, 5, INPUTS)).astype("float32")))
    t1.frozen_case(c, build, "dynamic_rnn with a length for every row, in each cell and both directions")


@case
def rnn_block_lstm(c):
    def build():
        x = c.placeholder("x", tf.float32, [None, None, INPUTS])
        rows = c.placeholder("rows", tf.int64, [None])
        steps, batch = tf.shape(x, tf.int64)[0], tf.shape(x)[1]
        zero = tf.zeros([batch, UNITS])
        start = dict(cs_prev=tf.ones([batch, UNITS]) * 0.2, h_prev=tf.ones([batch, UNITS]) * -0.3)

        def layer(name, op, length, state, **options):
            return op(seq_len_max=length, x=x, **state, **lstm_weights(c, name), **options)
        empty = dict(cs_prev=zero, h_prev=zero)
        plain = layer("plain", raw.BlockLSTM, steps, empty, cell_clip=-1.0)
        c.output("plain", plain[6])
        c.output("plain_cell", plain[1][-1])
        second = layer("second", raw.BlockLSTMV2, steps, start)
        c.output("second", second[6])
        c.output("second_cell", second[1][-1])
        c.output("no_bias", layer("no_bias", raw.BlockLSTM, steps, start, cell_clip=0.0, forget_bias=0.0)[6])
        c.output("longest", layer("longest", raw.BlockLSTM, tf.reduce_max(rows), start, cell_clip=-1.0)[6])
        c.output("peephole", layer("peephole", raw.BlockLSTM, steps, empty, cell_clip=-1.0, use_peephole=True)[6])
        c.output("clipped", layer("clipped", raw.BlockLSTMV2, steps, empty, cell_clip=0.2)[6])
        c.output("cells", layer("cells", raw.BlockLSTM, steps, empty, cell_clip=-1.0)[1])
        c.output("gates", layer("gates", raw.BlockLSTM, steps, empty, cell_clip=-1.0)[0])
        for b, t, lengths in ((2, 4, [1, 3]), (1, 2, [2]), (3, 3, [0, 0, 0])):
            c.calls.append(dict(x=c.rng.standard_normal((t, b, INPUTS)).astype("float32"), rows=np.array(lengths, "int64")))
    t1.frozen_case(c, build, "BlockLSTM and BlockLSTMV2, alone: plain ones, and ones with peepholes, a clipped cell, and cells and gates as results")


# ---- cuDNN ----

def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Cudnn:
    """One layer: cuDNN's matrices [units, inputs] and biases, by gate: i f c o, or r u n."""

    def __init__(self, rng, mode):
        self.mode, n = mode, 4 if mode == "lstm" else 3
        self.w, self.r = rng.standard_normal((n, UNITS, INPUTS)) * 0.5, rng.standard_normal((n, UNITS, UNITS)) * 0.5
        self.bw, self.br = rng.standard_normal((n, UNITS)) * 0.3, rng.standard_normal((n, UNITS)) * 0.3

    def params(self):
        return np.concatenate([a.reshape(-1) for a in (self.w, self.r, self.bw, self.br)]).astype("float32")

    def run(self, x, h, c, lengths):
        """x [T, B, I]."""
        ys = []
        for t, step in enumerate(x.astype("float64")):
            a = np.einsum("bi,gui->gbu", step, self.w) + self.bw[:, None]
            b = np.einsum("bv,guv->gbu", h, self.r) + self.br[:, None]
            if self.mode == "lstm":
                i, f, o = (sigmoid(a[k] + b[k]) for k in (0, 1, 3))
                c_next = f * c + i * np.tanh(a[2] + b[2])
                h_next = o * np.tanh(c_next)
            else:
                r, u = sigmoid(a[0] + b[0]), sigmoid(a[1] + b[1])
                h_next, c_next = (1 - u) * np.tanh(a[2] + r * b[2]) + u * h, c
            runs = (t < lengths)[:, None]
            h, c = np.where(runs, h_next, h), np.where(runs, c_next, c)
            ys.append(np.where(runs, h, 0))
        return np.stack(ys), h, c


@case
def rnn_cudnn(c):
    x = np.random.default_rng(1).standard_normal((4, 2, INPUTS)).astype("float32")
    short = np.array([2, 4], "int32")
    with c.graph.as_default():
        given = c.placeholder("x", tf.float32, [None, 2, INPUTS])
        turned = c.placeholder("turned", tf.float32, [2, None, INPUTS])
        lengths = c.placeholder("lengths", tf.int32, [2])
        answers = {}

        def add(name, mode, version, time_major=True):
            layer = Cudnn(c.rng, mode)
            h, s = (c.rng.standard_normal((2, UNITS)).astype("float32") for _ in range(2))
            y, h_last, s_last = layer.run(x, h, s, short if version == 3 else np.full(2, 9))
            state = [tf.constant(a[None] if time_major else a[:, None]) for a in (h, s)]
            common = dict(input=given if time_major else turned, input_h=state[0], input_c=state[1] if mode == "lstm" else tf.zeros([1, 1, 1]),
                          params=tf.constant(layer.params()), rnn_mode=mode, is_training=False)
            if version == 3:
                made = raw.CudnnRNNV3(sequence_lengths=lengths, time_major=time_major, **common)
            else:
                made = (raw.CudnnRNN if version == 1 else raw.CudnnRNNV2)(**common)
            turn = (lambda a: a) if time_major else (lambda a: a.swapaxes(0, 1))
            c.output(name, made[0])
            c.output(name + "_h", made[1])
            answers[name], answers[name + "_h"] = turn(y), turn(h_last[None])
            if mode == "lstm":
                c.output(name + "_c", made[2])
                answers[name + "_c"] = turn(s_last[None])
        for mode in ("lstm", "gru"):
            for version in (1, 2, 3):
                add("%s_%d" % (mode, version), mode, version)
            add(mode + "_batch_major", mode, 3, False)
        graph = c.graph.as_graph_def()
        for node in graph.node:
            for hint in ("_class", "_output_shapes"):
                node.attr.pop(hint, None)
        with open(os.path.join(c.folder, "graph.pb"), "wb") as f:
            f.write(graph.SerializeToString())
        c.form("graphdef", "graph.pb")
        c.forms[-1].update(inputs=[t.name for t in c.inputs.values()], outputs=[t.name for t in c.outputs.values()])
    c.calls.append(dict(x=x, turned=x.swapaxes(0, 1), lengths=short))

    class Equations:
        def run(self, wanted, feed):
            return {k: answers[k].astype("float32") for k in wanted}
    c.run(Equations(), "CudnnRNN, CudnnRNNV2 and CudnnRNNV3 of one layer")
    path = os.path.join(c.folder, "case.json")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("TensorFlow %s, a session in graph mode" % tf.__version__, "cuDNN's equations, numpy float64"))


def main():
    def fill(fn, folder):
        fn(t1.Case(fn.__name__, folder))
    write_cases(__doc__, "tensorflow1", {fn.__name__: functools.partial(fill, fn) for fn in CASES})


if __name__ == "__main__":
    main()
