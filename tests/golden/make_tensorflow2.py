"""Writes tests/golden/tensorflow2/<case>/: tf.Modules with their answers.

    python tests/golden/make_tensorflow2.py [--only pattern] [--out folder]

Functions of TensorFlow 2 with If, Case, While and tensor lists, saved as SavedModels and run by TensorFlow itself.
"""
import functools
import json
import os
import shutil
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from case_folders import write_cases

CASES = []
F, I = tf.float32, tf.int32


def case(*signature, calls, note):
    """`signature`: (name, dtype, shape) of the inputs; `calls`: functions from a random generator to their values."""
    def register(fn):
        CASES.append((fn, signature, calls, note))
        return fn
    return register


def write(fn, signature, calls, note, folder):
    rng = np.random.default_rng(zlib.crc32(fn.__name__.encode()))
    module = tf.Module()
    weights = [tf.Variable(rng.standard_normal((3, 3)).astype("float32"), name="w"),
               tf.Variable(rng.standard_normal(3).astype("float32"), name="b")]
    module.weights = weights
    specs = [tf.TensorSpec(shape, dtype, name=name) for name, dtype, shape in signature]
    module.run = tf.function(lambda *args: fn(*args, *weights), input_signature=specs)
    tf.saved_model.save(module, os.path.join(folder, "saved_model"), signatures=module.run)
    shutil.rmtree(os.path.join(folder, "saved_model", "assets"), ignore_errors=True)
    served = tf.saved_model.load(os.path.join(folder, "saved_model")).signatures["serving_default"]
    names, arrays_in, arrays_out, listed = [s[0] for s in signature], {}, {}, []
    outputs = sorted(served.structured_outputs)
    for i, values in enumerate(calls):
        prefix = "" if i == 0 else "call%d_" % i
        feed = dict(zip(names, values(rng)))
        got = served(**{k: tf.constant(v) for k, v in feed.items()})
        arrays_in.update({prefix + k: np.asarray(v) for k, v in feed.items()})
        arrays_out.update({prefix + k: got[k].numpy() for k in outputs})
        listed.append(dict(inputs=[prefix + k for k in names], outputs=[prefix + k for k in outputs]))
    data = dict(writer="TensorFlow " + tf.__version__, **listed[0], rtol=1e-5, atol=1e-5, expect="match",
                oracle="TensorFlow " + tf.__version__, note=note,
                forms=[dict(kind="savedmodel", model="saved_model", signature="serving_default", inputs=names, outputs=outputs)])
    if listed[1:]:
        data["then"] = listed[1:]
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **arrays_in)
    np.savez_compressed(os.path.join(folder, "expected.npz"), **arrays_out)
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")


def rows(n):
    return lambda rng: rng.standard_normal((n, 3)).astype("float32")


def with_number(n, value):
    return lambda rng: (rows(n)(rng), np.int32(value))


@case(("x", F, [None, 3]), ("n", I, []), calls=[with_number(2, 0), with_number(3, 1), with_number(1, 2), with_number(4, -3)],
      note="tf.switch_case, tf.cond inside it, tf.while_loop with variables read inside")
def control(x, n, w, b):
    picked = tf.switch_case(n, [lambda: x + b, lambda: tf.matmul(x, w), lambda: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: -x)])
    _, looped = tf.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w) + b)), [0, x])
    _, broken = tf.while_loop(lambda i, a: tf.reduce_sum(tf.abs(a)) < 100.0, lambda i, a: (i + 1, a * 1.5 + 1.0), [0, x], maximum_iterations=5)

    @tf.function
    def nested(t, times):
        for _ in tf.range(times):
            if tf.reduce_sum(t) > 1.0:
                t = t * 0.5 + b
            else:
                t = t - w[0]
        return t
    return dict(picked=picked, looped=looped, broken=broken, nested=nested(x, n + 1), twice=nested(nested(x, 1), 2))


@case(("x", F, [None, 3]), ("n", I, []), calls=[with_number(2, 1), with_number(4, 0), with_number(3, 2)],
      note="map_fn, scan, foldl, vectorized_map, TensorArray of TensorFlow 2, loops that return while running")
def arrays(x, n, w, b):
    mapped = tf.map_fn(lambda r: tf.reduce_sum(r * b), x)
    pair = tf.map_fn(lambda t: (t[0] + t[1], tf.reduce_max(t[0])), (x, x * 2.0), fn_output_signature=(F, F))
    scanned = tf.scan(lambda a, r: a * 0.5 + r, x, reverse=True)
    folded = tf.foldl(lambda a, r: tf.tanh(a + r), x, initializer=b)
    vector = tf.vectorized_map(lambda r: tf.linalg.matvec(w, r) + b, x)
    grown = tf.TensorArray(F, size=0, dynamic_size=True, element_shape=[3])
    for i in tf.range(n + 2):
        grown = grown.write(i, x[0] * tf.cast(i, F))
    uneven = tf.TensorArray(F, size=2, infer_shape=False).write(0, x).write(1, x[:1] + 1.0)
    pieces = tf.TensorArray(F, size=2, infer_shape=False).split(tf.concat([x, x], 0), tf.stack([tf.shape(x)[0] - 1, tf.shape(x)[0] + 1]))
    return dict(mapped=mapped, pair_0=pair[0], pair_1=pair[1], scanned=scanned, folded=folded, vector=vector,
                grown=grown.stack(), gathered=grown.gather([1, 0]), concat=uneven.concat(), piece=pieces.read(1),
                unstacked=tf.TensorArray(F, size=0, dynamic_size=True).unstack(x).stack())


@case(("x", F, [None, 3]), ("n", I, []), calls=[with_number(2, 3), with_number(3, 1)],
      note="TensorList ops: concat, split, gather, scatter, resize, element shape, concatenated lists, pops")
def lists(x, n, w, b):
    ops = tf.raw_ops
    count = tf.shape(x)[0]
    made = ops.TensorListFromTensor(tensor=x, element_shape=tf.constant([3]))
    gathered = ops.TensorListGather(input_handle=made, indices=tf.stack([count - 1, 0]), element_shape=[3], element_dtype=F)
    scattered = ops.TensorListScatterV2(tensor=x, indices=tf.reverse(tf.range(count), [0]) * 2, element_shape=[3], num_elements=-1)
    sized = ops.TensorListScatterV2(tensor=x, indices=tf.range(count), element_shape=[3], num_elements=count + n)
    into = ops.TensorListScatterIntoExistingList(input_handle=made, tensor=x[:1] * 5.0, indices=[1])
    pieces = ops.TensorListSplit(tensor=x, element_shape=[-1, 3], lengths=tf.cast(tf.stack([1, count - 1]), tf.int64))
    joined, lengths = ops.TensorListConcatV2(input_handle=pieces, element_shape=[-1, 3], leading_dims=tf.constant([], tf.int64), element_dtype=F)
    resized = ops.TensorListResize(input_handle=made, size=n + 1)
    both = ops.TensorListConcatLists(input_a=made, input_b=into, element_dtype=F)
    pushed = ops.TensorListPushBack(input_handle=made, tensor=b)
    rest, popped = ops.TensorListPopBack(input_handle=pushed, element_shape=[3], element_dtype=F)

    def stack(handle):
        return ops.TensorListStack(input_handle=handle, element_shape=[3], element_dtype=F, num_elements=-1)
    return dict(gathered=gathered, scattered=stack(scattered), sized=stack(sized), into=stack(into),
                piece=ops.TensorListGetItem(input_handle=pieces, index=1, element_shape=[-1, 3], element_dtype=F),
                joined=joined, lengths=lengths, resized=stack(resized), both=stack(both), pushed=stack(pushed), rest=stack(rest), popped=popped,
                shape=ops.TensorListElementShape(input_handle=pushed, shape_type=tf.int64),
                length=ops.TensorListLength(input_handle=both))


def main():
    write_cases(__doc__, "tensorflow2", {fn.__name__: functools.partial(write, fn, *rest) for fn, *rest in CASES})


if __name__ == "__main__":
    main()
