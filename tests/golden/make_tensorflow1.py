"""Writes tests/golden/tensorflow1/<case>/: graphs, SavedModels and checkpoints of TensorFlow 1's API with their answers.

    python tests/golden/make_tensorflow1.py [--only pattern] [--out folder]

Control flow is written in TensorFlow 1's form (Switch, Merge, Enter, Exit, ...), not as If and While. Every case is run in
a session of TensorFlow itself; float answers are compared with 1e-5.
"""
import functools
import json
import os
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from case_folders import write_cases

v1 = tf.compat.v1
v1.disable_eager_execution()
v1.disable_v2_behavior()
v1.disable_control_flow_v2()
v1.disable_resource_variables()

CASES = []


def case(fn):
    CASES.append(fn)
    return fn


class Case:
    """One folder: a graph under construction, its calls, and the files written from it."""

    def __init__(self, name, folder):
        self.folder = folder
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.graph = v1.Graph()
        self.inputs, self.outputs, self.forms = {}, {}, []
        self.calls = []

    def placeholder(self, name, dtype, shape):
        self.inputs[name] = v1.placeholder(dtype, shape, name=name)
        return self.inputs[name]

    def output(self, name, tensor):
        self.outputs[name] = tf.identity(tensor, name=name)

    def variable(self, name, *shape, scale=0.5, **options):
        value = (self.rng.standard_normal(shape) * scale).astype("float32")
        return v1.get_variable(name, initializer=tf.constant(value), **options)

    def frozen(self, session):
        names = [t.op.name for t in self.outputs.values()]
        graph = v1.graph_util.convert_variables_to_constants(session, self.graph.as_graph_def(), names)
        for node in graph.node:  # hints that make a small graph large
            for hint in ("_class", "_output_shapes", "parallel_iterations"):
                node.attr.pop(hint, None)
        with open(os.path.join(self.folder, "graph.pb"), "wb") as f:
            f.write(graph.SerializeToString())
        self.forms.append(dict(kind="graphdef", model="graph.pb", inputs=[t.name for t in self.inputs.values()],
                               outputs=[t.name for t in self.outputs.values()]))

    def signature(self):
        return v1.saved_model.signature_def_utils.predict_signature_def(self.inputs, self.outputs)

    def form(self, kind, model, **extra):
        names = kind == "checkpoint_meta"
        self.forms.append(dict(kind=kind, model=model,
                               inputs=[t.name if names else k for k, t in self.inputs.items()],
                               outputs=[t.name if names else k for k, t in self.outputs.items()], **extra))

    def run(self, session, note):
        arrays_in, arrays_out, calls = {}, {}, []
        for i, feed in enumerate(self.calls):
            prefix = "" if i == 0 else "call%d_" % i
            got = session.run(self.outputs, {t: feed[k] for k, t in self.inputs.items()})
            arrays_in.update({prefix + k: np.asarray(feed[k]) for k in self.inputs})
            arrays_out.update({prefix + k: np.asarray(v) for k, v in got.items()})
            calls.append(dict(inputs=[prefix + k for k in self.inputs], outputs=[prefix + k for k in self.outputs]))
        data = dict(writer="TensorFlow " + tf.__version__, **calls[0], rtol=1e-5, atol=1e-5, expect="match",
                    oracle="TensorFlow %s, a session in graph mode" % tf.__version__, note=note, forms=self.forms)
        if calls[1:]:
            data["then"] = calls[1:]
        np.savez_compressed(os.path.join(self.folder, "inputs.npz"), **arrays_in)
        np.savez_compressed(os.path.join(self.folder, "expected.npz"), **arrays_out)
        with open(os.path.join(self.folder, "case.json"), "w") as f:
            json.dump(data, f, indent=1)
            f.write("\n")


def frozen_case(c, build, note):
    with c.graph.as_default(), v1.Session(graph=c.graph) as session:
        build()
        session.run(v1.global_variables_initializer())
        c.frozen(session)
        c.run(session, note)


@case
def branches(c):
    def build():
        x = c.placeholder("x", tf.float32, [None, 3])
        flag = c.placeholder("flag", tf.bool, [])
        i = c.placeholder("i", tf.int32, [])
        c.output("one", v1.cond(flag, lambda: x + 1.0, lambda: x * 2.0))
        a, b = v1.cond(flag, lambda: (tf.tanh(x), tf.reduce_sum(x)), lambda: (tf.exp(x), tf.reduce_max(x)))
        c.output("two_a", a)
        c.output("two_b", b)
        big = tf.greater(tf.reduce_sum(x), 2.0)
        c.output("nested", v1.cond(flag, lambda: v1.cond(big, lambda: x - 1.0, lambda: x - 2.0),
                                   lambda: v1.cond(big, lambda: x - 3.0, lambda: tf.negative(x))))
        c.output("chained", v1.cond(flag, lambda: a + b, lambda: a - b))
        c.output("cases", v1.case([(tf.equal(i, 0), lambda: x * 10.0), (tf.less(i, 0), lambda: x * 20.0)],
                                  default=lambda: x * 30.0))
        false_side, true_side = tf.raw_ops.Switch(data=x, pred=flag)
        merged, index = tf.raw_ops.Merge(inputs=[false_side * 7.0, tf.abs(true_side)])
        c.output("raw", merged)
        c.output("raw_index", index)
        # What only a dead side can compute: a gather outside its range.
        c.output("guarded", v1.cond(tf.less(i, 3), lambda: tf.gather(x, tf.maximum(i, 0), axis=1),
                                    lambda: tf.zeros_like(x[:, 0])))
        with tf.control_dependencies([v1.assert_greater_equal(tf.reduce_sum(tf.abs(x)), 0.0)]):
            c.output("asserted", tf.identity(x))
        known = v1.placeholder_with_default(False, [], name="learning")
        c.output("known", v1.cond(known, lambda: tf.nn.dropout(x, rate=0.5), lambda: tf.nn.relu(x)))
        grown = v1.cond(flag, lambda: tf.concat([x, x], 0), lambda: x)
        c.output("shapes_differ", grown)
        c.output("captured", v1.cond(flag, lambda: grown * b, lambda: grown / (b + 100.0)))
    for flag, i, rows in ((True, 0, 2), (False, 2, 4), (False, -1, 1), (True, 5, 3)):
        c.calls.append(dict(x=c.rng.standard_normal((rows, 3)).astype("float32"), flag=np.bool_(flag), i=np.int32(i)))
    frozen_case(c, build, "tf.cond as Switch and Merge: nested, chained, with several results, one known predicate, raw ops")


@case
def loops(c):
    def build():
        x = c.placeholder("x", tf.float32, [None, 3])
        n = c.placeholder("n", tf.int32, [])
        w = c.variable("w", 3, 3)
        out = v1.while_loop(lambda i, a: tf.less(i, n), lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w))), [0, x])
        c.output("count", out[0])
        c.output("power", out[1])
        c.output("grow", v1.while_loop(lambda a: tf.less(tf.shape(a)[0], n + 3), lambda a: tf.concat([a, a[:1]], 0), [x],
                                       shape_invariants=[tf.TensorShape([None, 3])]))

        def outer(i, a):
            inner = v1.while_loop(lambda j, b: tf.less(j, i), lambda j, b: (j + 1, b * 1.5 + w[0]), [0, a])
            return i + 1, inner[1] + tf.cast(i, tf.float32)
        c.output("nested", v1.while_loop(lambda i, a: tf.less(i, n), outer, [0, x])[1])

        def choose(i, a):
            return i + 1, v1.cond(tf.equal(i % 2, 0), lambda: a + w[1], lambda: a * 0.5)
        c.output("branch_in_loop", v1.while_loop(lambda i, a: tf.less(i, n), choose, [0, x])[1])
        c.output("loop_in_branch", v1.cond(tf.greater(n, 2), lambda: v1.while_loop(
            lambda i, a: tf.less(i, n), lambda i, a: (i + 1, a + x), [0, x])[1], lambda: -x))
        # Exchanged and unchanged variables, and a condition on the data.
        swap = v1.while_loop(lambda i, a, b, k: tf.logical_and(tf.less(i, n), tf.less(tf.reduce_sum(tf.abs(a)), 50.0)),
                             lambda i, a, b, k: (i + 1, b, a + k, k), [0, x, x * 2.0, w[2]])
        for k, t in enumerate(swap[1:]):
            c.output("swap_%d" % k, t)
        c.output("fold", v1.foldl(lambda a, b: a * 0.5 + b, x))
        c.output("map", v1.map_fn(lambda r: tf.reduce_sum(r * r), x))
        c.output("map_two", v1.map_fn(lambda r: r[0] * r[1], (x, x + 1.0), dtype=tf.float32))
        c.output("scan", v1.scan(lambda a, b: a * 0.9 + b, x))
        c.output("scan_reverse", v1.scan(lambda a, b: a * 0.9 + b, x, initializer=tf.zeros([3]), reverse=True))
    for n, rows in ((3, 2), (0, 1), (6, 4)):
        c.calls.append(dict(x=c.rng.standard_normal((rows, 3)).astype("float32"), n=np.int32(n)))
    frozen_case(c, build, "tf.while_loop as Enter, NextIteration and Exit: nested, with branches inside and around, map_fn, scan, foldl")


@case
def arrays(c):
    def build():
        x = c.placeholder("x", tf.float32, [None, 3])
        n = c.placeholder("n", tf.int32, [])
        rows = tf.shape(x)[0]
        full = v1.TensorArray(tf.float32, size=rows, clear_after_read=False).unstack(x)
        c.output("stack", full.stack() * 2.0)
        c.output("gather", full.gather([rows - 1, 0]))
        c.output("read", full.read(n))
        c.output("size", full.size())
        written = v1.TensorArray(tf.float32, size=0, dynamic_size=True)
        _, written = v1.while_loop(lambda i, a: tf.less(i, n + 2), lambda i, a: (i + 1, a.write(i, x[0] * tf.cast(i, tf.float32))), [0, written])
        c.output("written", written.stack())
        c.output("written_size", written.size())
        uneven = v1.TensorArray(tf.float32, size=3, infer_shape=False)
        uneven = uneven.write(0, x).write(1, x[:1]).write(2, x + 1.0)
        c.output("concat", uneven.concat())
        split = v1.TensorArray(tf.float32, size=2, infer_shape=False).split(tf.concat([x, x], 0), tf.stack([rows - 1, rows + 1]))
        c.output("split_0", split.read(0))
        c.output("split_1", split.read(1))
        scattered = v1.TensorArray(tf.float32, size=rows, element_shape=[3]).scatter(tf.reverse(tf.range(rows), [0]), x)
        c.output("scattered", scattered.stack())
        flag = tf.greater(n, 0)
        branch = v1.cond(flag, lambda: v1.TensorArray(tf.float32, size=1).write(0, x).stack(), lambda: tf.expand_dims(x, 0) * 3.0)
        c.output("in_branch", branch)
        unset = v1.TensorArray(tf.float32, size=3, element_shape=[2]).write(1, x[0, :2])
        c.output("unset", unset.stack())
    for n, r in ((0, 2), (1, 3), (2, 4)):
        c.calls.append(dict(x=c.rng.standard_normal((r, 3)).astype("float32"), n=np.int32(n)))
    frozen_case(c, build, "TensorArrayV3: unstack, stack, gather, read, write in a loop, concat, split, scatter, elements never written")


def cells():
    from tf_keras.src.layers.rnn import legacy_cells
    return legacy_cells


def dynamic_rnn(*args, **kwargs):
    from tensorflow.python.ops import rnn
    return rnn.dynamic_rnn(*args, **kwargs)


def recurrent(c, *wanted):
    k = cells()
    x = c.placeholder("x", tf.float32, [None, None, 3])
    lengths = c.placeholder("lengths", tf.int32, [None]) if "masked" in wanted else None
    init = v1.random_uniform_initializer(-0.6, 0.6, seed=3)
    for name, cell in (("basic_lstm", k.BasicLSTMCell(4)), ("lstm", k.LSTMCell(4, initializer=init)), ("gru", k.GRUCell(4)),
                       ("simple", k.BasicRNNCell(4)), ("peephole", k.LSTMCell(4, use_peepholes=True, initializer=init))):
        if name not in wanted:
            continue
        with v1.variable_scope(name, initializer=init):
            y, state = dynamic_rnn(cell, x, dtype=tf.float32)
            c.output(name, y)
            for i, s in enumerate(tf.nest.flatten(state)):
                c.output("%s_state_%d" % (name, i), s)
    if "masked" in wanted:
        with v1.variable_scope("lengths", initializer=init):
            y, state = dynamic_rnn(k.BasicLSTMCell(4), x, sequence_length=lengths, dtype=tf.float32)
            c.output("masked", y)
            c.output("masked_h", state.h)
    if "major" in wanted:
        with v1.variable_scope("major", initializer=init):
            y, state = dynamic_rnn(k.GRUCell(4), tf.transpose(x, [1, 0, 2]), time_major=True, dtype=tf.float32)
            c.output("major", y)
    for b, t in ((2, 5), (3, 2)):
        c.calls.append(dict(x=c.rng.standard_normal((b, t, 3)).astype("float32"),
                            lengths=c.rng.integers(1, t + 1, b).astype("int32")))


@case
def rnn_cells(c):
    frozen_case(c, lambda: recurrent(c, "basic_lstm", "gru", "simple"), "dynamic_rnn with cells of TensorFlow 1")


@case
def rnn_lengths(c):
    frozen_case(c, lambda: recurrent(c, "masked", "major"), "dynamic_rnn with sequence lengths, and time major")


def layers(c):
    x = c.placeholder("x", tf.float32, [None, 4])
    h = tf.tanh(tf.matmul(x, c.variable("first/kernel", 4, 6)) + c.variable("first/bias", 6))
    whole = v1.get_variable("second/kernel", shape=[6, 3], partitioner=v1.fixed_size_partitioner(3),
                            initializer=v1.random_uniform_initializer(-0.7, 0.7, seed=4))
    wide = v1.get_variable("third/kernel", shape=[3, 5], partitioner=v1.fixed_size_partitioner(2, axis=1),
                           initializer=v1.random_uniform_initializer(-0.7, 0.7, seed=5))
    c.output("y", tf.matmul(tf.nn.relu(tf.matmul(h, tf.convert_to_tensor(whole))), tf.convert_to_tensor(wide)) +
             c.variable("scale", use_resource=True))
    c.output("count", v1.get_variable("global_step", initializer=tf.constant(7, tf.int64), trainable=False))
    c.calls.append(dict(x=c.rng.standard_normal((3, 4)).astype("float32")))


@case
def checkpoints(c):
    with c.graph.as_default(), v1.Session(graph=c.graph) as session:
        layers(c)
        session.run(v1.global_variables_initializer())
        for name, options in (("v2", {}), ("v1", dict(write_version=v1.train.SaverDef.V1)), ("sharded", dict(sharded=True))):
            folder = os.path.join(c.folder, name)
            os.makedirs(folder)
            saver = v1.train.Saver(**options)
            saver.save(session, os.path.join(folder, "model.ckpt"), global_step=7 if name == "v2" else None, strip_default_attrs=True)
            state = os.path.join(folder, "checkpoint")  # names the folder of the training, which is another one by now
            with open(state) as f:
                text = f.read().replace(c.folder, "/where/it/was/trained")
            with open(state, "w") as f:
                f.write(text)
            prefix = name + "/model.ckpt" + ("-7" if name == "v2" else "")
            c.form("checkpoint_meta", prefix + ".meta")
            if name != "sharded":
                c.form("checkpoint_meta", name)
        c.form("checkpoint_meta", "v2/model.ckpt-7.meta", weights="v1/model.ckpt")
        c.run(session, "MetaGraphs beside checkpoints of version 2, of version 1 and in shards; a partitioned variable; folders with a state file")


@case
def saved_variables(c):
    with c.graph.as_default():
        layers(c)
        late = v1.Variable(tf.constant([1.0, 2.0]), name="late", collections=[])
        early = v1.Variable(3.0, name="early", collections=[])
        c.output("late", late * early)
        with tf.control_dependencies([early.initializer]):
            init = tf.group(v1.assign(late, early.read_value() * tf.constant([10.0, 20.0])), name="late_init")
    with v1.Session(graph=c.graph) as session, c.graph.as_default():
        session.run(v1.global_variables_initializer())
        session.run(init)
        builder = v1.saved_model.builder.SavedModelBuilder(os.path.join(c.folder, "saved_model"))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map={
            "serving_default": c.signature(), "again": c.signature()}, main_op=init, strip_default_attrs=True)
        builder.add_meta_graph(["serve", "tpu"], signature_def_map={"serving_default": c.signature()}, strip_default_attrs=True)
        builder.save()
        c.form("savedmodel", "saved_model", signature="serving_default")
        c.form("savedmodel", "saved_model", signature="again")
        c.run(session, "a SavedModel of two MetaGraphs with partitioned variables, and a main_op that assigns what is not in the checkpoint")


@case
def rnn_saved(c):
    with c.graph.as_default(), v1.Session(graph=c.graph) as session:
        recurrent(c, "lstm", "peephole")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, os.path.join(c.folder, "saved_model"), c.inputs, c.outputs)
        c.form("savedmodel", "saved_model", signature="serving_default")
        c.run(session, "dynamic_rnn over variables that enter the loop")


@case
def state(c):
    with c.graph.as_default(), v1.Session(graph=c.graph) as session:
        x = c.placeholder("x", tf.float32, [])
        total = v1.Variable(1.5, name="total")
        count = v1.Variable(0, name="count")
        with tf.control_dependencies([v1.assign_add(count, 1)]):
            c.output("count_now", count.read_value())
        flag = tf.greater(x, 0.0)
        added = v1.cond(flag, lambda: v1.assign_add(total, x), lambda: v1.assign_sub(total, 2.0))
        c.output("total_now", added)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, os.path.join(c.folder, "saved_model"), c.inputs, c.outputs)
        c.form("savedmodel", "saved_model", signature="serving_default")
        for value in (2.0, -1.0, 0.5):
            c.calls.append(dict(x=np.float32(value)))
        c.run(session, "ref variables that are assigned at inference, one inside a branch")


def main():
    def fill(fn, folder):
        v1.reset_default_graph()
        v1.set_random_seed(1)
        fn(Case(fn.__name__, folder))
    write_cases(__doc__, "tensorflow1", {fn.__name__: functools.partial(fill, fn) for fn in CASES})


if __name__ == "__main__":
    main()
