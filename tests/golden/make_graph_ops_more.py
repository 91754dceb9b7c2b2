"""Writes more of tests/golden/graph_ops/<case>/: axes, sizes and choices that are known at run time, indices outside of a tensor,
and ops that only files of TensorFlow 1 and its quantiser have. As make_graph_ops.py, whose helpers it uses:

    python tests/golden/make_graph_ops_more.py [--only pattern]
"""
import fnmatch
import gzip
import os
import shutil
import sys

import make_graph_ops
from make_graph_ops import CASES, R, case, np, packed, rand, tf, whole

CASES.clear()
ROWS = np.arange(24, dtype="float32").reshape(2, 3, 4) * 37 % 11 - 4
TEXTS = np.array([[b"a", b"", b"bc"], [b"d", b"ef", b"g"]])


def any_rank(x, like):
    """The same tensor, of a rank that no importer sees."""
    return tf.reshape(x, tf.concat([tf.fill([tf.size(like) - 2], 1), tf.shape(x)], 0)[tf.size(like) - 2:])


# ---- axes ----

@case(1e-6, 1e-6, ROWS, TEXTS, np.int32(1), np.array([-1, 0], "int32"))
def run_time_axes(x, texts, axis, axes):
    wide, out, loose = tf.cast(axis, tf.int64), [], any_rank(x, axes)
    for y, a in ((x, axis), (x, wide - 3), (loose, axis), (loose, axis - 2)):
        for index in (tf.int32, tf.int64):
            out += [R.ArgMax(input=y, dimension=a, output_type=index), R.ArgMin(input=y, dimension=a, output_type=index)]
        for exclusive, reverse in ((False, False), (True, False), (False, True), (True, True)):
            out += [R.Cumsum(x=y, axis=a, exclusive=exclusive, reverse=reverse), R.Cumprod(x=y, axis=a, exclusive=exclusive, reverse=reverse), R.CumulativeLogsumexp(x=y, axis=a, exclusive=exclusive, reverse=reverse)]
        out += [tf.concat([y, y * 2, y[:, :, :]], a), R.Concat(concat_dim=tf.cast(a, tf.int32), values=[y, -y]), tf.expand_dims(y, a), tf.shape(tf.expand_dims(y, a - 2))]
        out += [R.GatherV2(params=y, indices=[[1, 0], [0, 1]], axis=a), R.GatherV2(params=y, indices=tf.constant(1, tf.int64), axis=a), tf.shape(R.GatherV2(params=y, indices=tf.zeros([0, 2], tf.int32), axis=a))]
        out += [tf.reverse(y, tf.reshape(a, [1])), tf.reverse(y, tf.stack([a, a * 0])) if y is x and a is axis else tf.reverse(y, axes), tf.roll(y, 2, a), tf.roll(y, [1, 2], axes)]
        out += R.SplitV(value=y, size_splits=tf.constant([1, -1]), axis=tf.cast(a, tf.int32), num_split=2)
        out += list(tf.shape(t) for t in R.SplitV(value=y, size_splits=tf.constant([1, -1]), axis=tf.cast(a, tf.int32), num_split=2))
    out += R.Split(axis=axis + 1, value=x, num_split=2) + R.Split(axis=axis - 2, value=loose, num_split=4)
    batched = tf.constant([[2, 0], [1, 1]])
    out += [R.GatherV2(params=x, indices=batched, axis=axis, batch_dims=1), R.GatherV2(params=x, indices=batched, axis=axis + 1, batch_dims=1), R.GatherV2(params=loose, indices=any_rank(batched, axes), axis=axis + 1, batch_dims=-1)]
    out += [R.Reverse(tensor=x, dims=tf.stack([axis > 0, axis < 0, axis == 1])), R.Reverse(tensor=loose, dims=tf.stack([axis > 5, axis > 0, axis < 0]))]
    empty = x[:, :0]
    out += [tf.concat([empty, x], axis), tf.shape(tf.reverse(empty, axes)), tf.shape(tf.roll(any_rank(empty, axes), 1, axis)), tf.shape(tf.cumsum(empty, axis)), tf.shape(R.ArgMax(input=empty, dimension=axis + 1))]
    out += [tf.concat([texts, texts], axis), tf.reverse(texts, axes), tf.gather(texts, [1, 0], axis=axis - 1), tf.roll(any_rank(texts, axes), 1, axis)] + R.SplitV(value=texts, size_splits=tf.stack([axis, axis + 1]), axis=axis, num_split=2)
    for dtype in (tf.int64, tf.complex64, tf.bool, tf.float16):
        y = tf.cast(x, dtype)
        out += [tf.cast(t, tf.int32) if dtype == tf.bool else t for t in (tf.concat([y, y], axis), tf.reverse(y, axes), tf.expand_dims(y, axis), tf.gather(y, [0], axis=axis))]
    for index in (tf.int32, tf.int64):
        shapes = [tf.cast(s, index) for s in ([2, 3, 5], [2, 1, 5], [2, 4, 5])]
        out += R.ConcatOffset(concat_dim=axis, shape=shapes)
        out += R.ConcatOffset(concat_dim=axis - 3, shape=[tf.cast(tf.shape(x), index), tf.cast(tf.shape(loose), index)])
        a, b = tf.cast(tf.shape(x), index), tf.constant([1, 4], index)
        out += [R.BroadcastArgs(s0=a, s1=b), R.BroadcastArgs(s0=b[axis:], s1=a), R.BroadcastArgs(s0=b[:axis - 1], s1=b[axis:]), R.BroadcastArgs(s0=b[:axis - 1], s1=b[:axis - 1])]
    return packed(out)


# ---- other choices ----

@case(1e-6, 1e-6, ROWS, np.array([-1, 0], "int32"), np.array([b"farmhash64", b"x"]), np.array([1.00390625 + 0.001, 3.14159, -2.71828, 1e-40, np.inf, np.nan, 65519.0, 1e6, 7e-8, 449.0, -17.3], "float32"))
def run_time_choices(x, axes, method, numbers):
    loose, one, out = any_rank(x, axes), tf.size(axes) - 1, []
    for y in (x, loose):
        for z in (y, y[:, :, :1], y[0], y[0, 0, 0], y[:, :2], y[:1, 0], y[0, 0, :one]):
            out += [tf.cast(t, tf.int32) for f in (R.Equal, R.NotEqual) for t in (f(x=y, y=z, incompatible_shape_error=False), f(x=z, y=y, incompatible_shape_error=False))]
    out += [tf.shape(R.Equal(x=loose, y=x[:, :2], incompatible_shape_error=False)), tf.cast(R.Equal(x=x[:, :0], y=x[:, :1], incompatible_shape_error=False), tf.int32)]
    for flag in (tf.constant([True, False]), x > 0, tf.constant(True)):
        out += [R.Select(condition=any_rank(flag, axes), x=loose, y=-loose), R.Select(condition=any_rank(flag, axes), x=x, y=-x)]
    size = tf.constant(4)
    for y in (tf.cast(x, tf.int32), tf.cast(loose, tf.int32), tf.constant(2), any_rank(tf.constant([1, 3, 1]), axes)):
        y = tf.abs(y)
        out += [R.Bincount(arr=y, size=size, weights=tf.zeros([0])), R.Bincount(arr=y, size=size, weights=tf.cast(y, tf.float32) * 2)]
    out += [R.DenseBincount(input=tf.constant(2), size=size, weights=tf.zeros([0])), R.DenseBincount(input=tf.constant(2), size=size, weights=tf.zeros([0]), binary_output=True)]
    for n in (4, 2):
        full = tf.range(10, 10 + n)
        out += [R.DataFormatVecPermute(x=tf.concat([full[:one], full[one:]], 0), src_format=a, dst_format=b) for a, b in (("NHWC", "NCHW"), ("NCHW", "NHWC"), ("NHWC", "HWNC"))]
        out += [R.DataFormatVecPermute(x=any_rank(tf.stack([full, full + 5], 1), axes))]
    image = tf.reshape(x, [1, 2, 3, 4])
    out += [R.SpaceToDepth(input=any_rank(image[:, :, :2], axes), block_size=2), R.DepthToSpace(input=any_rank(image, axes), block_size=2)]
    for y in (image, tf.concat([image, image], 3)[..., :4 + one]):
        out += [R.LRN(input=any_rank(y, axes), depth_radius=r, bias=0.5, alpha=0.7, beta=0.8) for r in (0, 1, 2, 9)]
    out += [R.BiasAdd(value=any_rank(y, axes), bias=[1.0, 2.0], data_format="NCHW") for y in (tf.transpose(image, [0, 1, 3, 2]), tf.transpose(image, [0, 1, 2, 3])[:, :2])]
    out += [R.L2Loss(t=loose), R.MaxPool(input=image, ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID"), R.MaxPool(input=any_rank(image, axes), ksize=[1, 1, 1, 4], strides=[1, 1, 1, 4], padding="SAME"), R.MaxPoolV2(input=image, ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID")]
    out += [R.Fingerprint(data=method, method=method[0])]
    key, counter, alg = R.StatelessRandomGetKeyCounterAlg(seed=[3, 4])
    out += [R.StatelessRandomUniformV2(shape=[3], key=key, counter=counter, alg=one + a) for a in (0, 2)]
    for source in (tf.float32, tf.float64, tf.float16, tf.bfloat16):
        for target in (tf.bfloat16, tf.float16, tf.float32, tf.dtypes.experimental.float8_e5m2, tf.dtypes.experimental.float8_e4m3fn):
            out += [tf.cast(R.Cast(x=tf.cast(numbers, source), DstT=target, Truncate=True), tf.float32)]
    out += [R.Cast(x=tf.cast(numbers[:3], tf.complex64), DstT=tf.float16, Truncate=True), R.Cast(x=numbers[:3], DstT=tf.int32, Truncate=True), R.Cast(x=numbers[:3], DstT=tf.complex64, Truncate=True)]
    return packed(out)


# ---- indices outside of a tensor, strings that are joined ----

@case(1e-6, 1e-6, ROWS, TEXTS, np.array([[1, 2], [-1, 0], [0, 3], [1, 2], [2, 0]], "int32"))
def bad_indices(x, texts, at):
    out, wide = [], tf.cast(at, tf.int64)
    for y in (x, tf.cast(x, tf.int64), tf.cast(x, tf.complex64), tf.cast(x, tf.float16)):
        for i in (at, wide, at[:, :1], tf.reshape(at, [5, 1, 2]), at[:0], at[:, :0]):
            out += [R.GatherNd(params=y, indices=i, bad_indices_policy="IGNORE")]
        rows = tf.reverse(y, [0])
        updates = tf.gather(tf.reshape(rows, [6, 4]), [0, 1, 2, 3, 4])
        for f in (R.TensorScatterUpdate, R.TensorScatterAdd, R.TensorScatterSub) + (() if y.dtype.is_complex else (R.TensorScatterMax, R.TensorScatterMin)):
            for i in (at, wide):
                out += [f(tensor=y, indices=i, updates=updates, bad_indices_policy="IGNORE")]
        out += [R.ScatterNd(indices=wide, updates=updates, shape=tf.constant([2, 3, 4], tf.int64), bad_indices_policy="IGNORE"), R.ScatterNd(indices=at[:, :1], updates=updates, shape=[3, 4], bad_indices_policy="IGNORE")]
        out += [R.ScatterNdNonAliasingAdd(input=y, indices=at, updates=updates, bad_indices_policy="IGNORE")]
    out += [R.GatherNd(params=texts, indices=at, bad_indices_policy="IGNORE"), R.GatherNd(params=texts, indices=at[:, 1:], bad_indices_policy="IGNORE")]
    words = tf.constant([b"p", b"qr", b"s", b"", b"t"])
    out += [R.ScatterNd(indices=at, updates=words, shape=[2, 3], bad_indices_policy="IGNORE"), R.ScatterNd(indices=wide[:1] - 1, updates=texts[:1, 0], shape=tf.constant([2, 3], tf.int64)), R.ScatterNd(indices=tf.abs(at[:, :1]), updates=tf.stack([words, words], 1), shape=[4, 2])]
    return packed(out)


# ---- parts of images ----

@case(1e-6, 1e-6, rand(40, 2, 5, 6, 3, dtype="float32"), np.array([[0.0, 0.0], [-0.3, 0.45]], "float32"), np.array([2, 3], "int32"))
def glimpses(images, offsets, size):
    out = []
    for f, name in ((R.ExtractGlimpse, "zero"), (R.ExtractGlimpseV2, "zero")):
        for centered in (True, False):
            for normalized in (True, False):
                for places in (offsets, tf.abs(offsets), offsets * 4, tf.constant([[1.0, 2.0], [30.0, -30.0]])):
                    for n in (size, size + 5, size * 0 + 1):
                        out += [f(input=images, size=n, offsets=places, centered=centered, normalized=normalized, uniform_noise=False, noise=name)]
    out += [f(input=images, size=size, offsets=offsets[:1] * [[1.0], [0.5]]) for f in (R.ExtractGlimpse, R.ExtractGlimpseV2)]
    return packed(out + [tf.shape(R.ExtractGlimpseV2(input=images[:0], size=size, offsets=offsets[:0]))])


# ---- more layers of integers ----

@case(1e-6, 1e-6, rand(41, 2, 6, 7, 4, dtype="float32"), rand(42, 4, dtype="float32"), rand(43, 6, 7, 4, dtype="float32"))
def quantised_sums(x, row, some):
    def quantised(y, low, high):
        return R.QuantizeV2(input=y, min_range=low, max_range=high, T=tf.quint8, mode="MIN_FIRST")
    a, out = quantised(x, -2.5, 3.0), []
    for b in (quantised(x * 0.5, -1.0, 4.0), quantised(row, -0.5, 1.0), quantised(some, -3.0, 0.25), quantised(row[0], -1.0, 1.0)):
        for f in (R.QuantizedAdd, R.QuantizedMul):
            for p, q in ((a, b), (b, a)):
                out += [whole(t) for t in f(x=p[0], y=q[0], min_x=p[1], max_x=p[2], min_y=q[1], max_y=q[2], Toutput=tf.qint32)]
    for padding, window, stride in (("SAME", 3, 1), ("VALID", 2, 2), ("SAME", 2, 3)):
        out += [whole(t) for t in R.QuantizedAvgPool(input=a[0], min_input=a[1], max_input=a[2], ksize=[1, window, window + 1, 1], strides=[1, stride, 1, 1], padding=padding)]
    return packed(out)


# ---- singular systems ----

@case(2e-4, 1e-5, np.array([[[1, 2, 0], [0, 0, 3], [0, 1, 2]], [[1, 1, 9], [1, 2, 1], [9, 1, 1]], [[0, 0, 0], [2, 5, 1], [0, 0, 0]]], "float32"), rand(44, 3, 3, 2, dtype="float32"))
def singular_systems(diagonals, right):
    out = []
    for dtype in (tf.float32, tf.float64, tf.complex64, tf.complex128):
        d, b = tf.cast(diagonals, dtype), tf.cast(right, dtype)
        out += [R.TridiagonalSolve(diagonals=d[::2], rhs=b[::2], partial_pivoting=True, perturb_singular=True)]
        out += [R.TridiagonalSolve(diagonals=d[:, :, :1] + 0, rhs=b[:, :1], partial_pivoting=True, perturb_singular=True)[:2]]
        # A direction that the matrix takes to zero grows without bound; its relation to the others does not.
        y = R.TridiagonalSolve(diagonals=d[1:2], rhs=b[1:2], partial_pivoting=True, perturb_singular=True)
        out += [y / tf.cast(tf.reduce_max(tf.abs(y), 1, keepdims=True), dtype)]
    return packed(out)


# ---- ops that later ones have replaced ----

def write_first_forms():
    """Tables behind names and a variable of TensorFlow 1, filled by an initialiser of the SavedModel."""
    folder = os.path.join(make_graph_ops.HERE, "graph_ops", "first_forms")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_resource_variables()
        x = v1.placeholder(tf.string, [None], "x")
        keys, numbers, rows = tf.constant([b"a", b"b", b"cd"]), tf.constant([5, -6, 7], tf.int64), tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        fixed = R.HashTable(key_dtype=tf.string, value_dtype=tf.int64, shared_name="fixed")
        mutable = R.MutableHashTable(key_dtype=tf.string, value_dtype=tf.int64, shared_name="mutable")
        wide = R.MutableHashTableOfTensors(key_dtype=tf.string, value_dtype=tf.float32, value_shape=[2], shared_name="wide")
        fill = [R.InitializeTable(table_handle=fixed, keys=keys, values=numbers), R.LookupTableImport(table_handle=mutable, keys=keys, values=numbers * 2), R.LookupTableImport(table_handle=wide, keys=keys, values=rows)]
        main_op = tf.group(*fill)
        variable = v1.get_variable("v", initializer=tf.constant([1.5, 2.5]), use_resource=False)
        outs = {"fixed": R.LookupTableFind(table_handle=fixed, keys=x, default_value=tf.constant(-1, tf.int64)), "mutable": R.LookupTableFind(table_handle=mutable, keys=x, default_value=tf.constant(0, tf.int64)),
                "wide": R.LookupTableFind(table_handle=wide, keys=x, default_value=tf.constant([9.0, 8.0])),
                "size": tf.stack([R.LookupTableSize(table_handle=t) for t in (fixed, mutable, wide)]), "exported": tf.sort(R.LookupTableExport(table_handle=fixed, Tkeys=tf.string, Tvalues=tf.int64)[1]),
                "variable": tf.identity(variable) * 2.0, "is_set": tf.cast(v1.is_variable_initialized(variable), tf.int32)}
        session.run([v1.global_variables_initializer(), main_op])
        words = np.array([b"b", b"", b"cd", b"a"])
        answers = session.run(outs, {x: words})
        builder = v1.saved_model.Builder(os.path.join(folder, "saved_model"))
        info = v1.saved_model.utils.build_tensor_info
        signature = v1.saved_model.signature_def_utils.build_signature_def({"x": info(x)}, {name: info(y) for name, y in outs.items()}, "tensorflow/serving/predict")
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=main_op, strip_default_attrs=True)
        builder.save()
    path = os.path.join(folder, "saved_model")
    make_graph_ops.g.pack_folder(path, path + ".zip")
    names = sorted(outs)
    make_graph_ops.finish(folder, "first_forms", 1e-6, 1e-6, [words], ["x"], [make_graph_ops.stored(answers[name]) for name in names], names, "savedmodel", "saved_model.zip")


def main():
    """Graphs are kept compressed: these repeat themselves."""
    make_graph_ops.main()
    if len(sys.argv) < 2 or fnmatch.fnmatch("first_forms", sys.argv[-1]):
        write_first_forms()
    for name in CASES:
        folder = os.path.join(make_graph_ops.HERE, "graph_ops", name)
        plain, case = os.path.join(folder, "graph.pb"), os.path.join(folder, "case.json")
        if os.path.exists(plain):
            with open(plain, "rb") as graph, open(plain + ".gz", "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0) as z:
                z.write(graph.read())
            os.remove(plain)
            with open(case) as f:
                text = f.read()
            with open(case, "w") as f:
                f.write(text.replace('"graph.pb"', '"graph.pb.gz"'))


if __name__ == "__main__":
    main()
