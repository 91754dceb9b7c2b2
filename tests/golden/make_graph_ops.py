"""Writes tests/golden/graph_ops/<case>/: ops that writers and optimisers of graphs use beyond those of make_numeric.py, as
frozen graphs with TensorFlow's answers. Generators' states are variables, so their draws are a SavedModel.

    python tests/golden/make_graph_ops.py [--only pattern]
"""
import argparse
import fnmatch
import os
import shutil

# oneDNN's kernels of quantised layers round in their own ways.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

from make_numeric import INF, R, g, np, rand, shrink, tf

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {}


def case(rtol, atol, *inputs):
    def register(fn):
        CASES[fn.__name__] = (rtol, atol, inputs, fn)
        return fn
    return register


INTEGERS = {tf.quint8: tf.uint8, tf.qint8: tf.int8, tf.quint16: tf.uint16, tf.qint16: tf.int16, tf.qint32: tf.int32}


def whole(y):
    """Integers in place of the quantised type, which no file format of arrays has."""
    return tf.bitcast(y, INTEGERS[y.dtype]) if y.dtype in INTEGERS else y


def packed(ys):
    """All real numbers in one vector, integers in another, texts in a third: files of many small arrays are mostly headers."""
    groups = {}
    for y in map(whole, ys):
        groups.setdefault((y.dtype, y.shape.rank == 0), []).append(y)
    flat = {"f": [], "i": [], "s": []}
    for (dtype, scalars), group in groups.items():
        vector = tf.stack(group) if scalars else tf.concat([y if y.shape.rank == 1 else tf.reshape(y, [-1]) for y in group], 0)
        if dtype.is_complex:
            vector, dtype = tf.concat([tf.math.real(vector), tf.math.imag(vector)], 0), dtype.real_dtype
        kind = "s" if dtype == tf.string else "f" if dtype.is_floating else "i"
        flat[kind].append(vector if kind == "s" else tf.cast(vector, tf.float64 if kind == "f" else tf.int64))
    return [tf.concat(vectors, 0) for vectors in flat.values() if vectors]


# ---- quantised types ----

@case(1e-6, 1e-6, np.concatenate([np.linspace(-3, 3, 25), [0.7, -0.7, 1e9, -1e9, 0.5, 2.5]]).astype("float32"), np.float32(-1.2), np.float32(2), rand(1, 2, 3, 2, dtype="float32") * 2)
def quantised_types(x, low, high, channels):
    out = []
    for dtype in INTEGERS:
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
            first = None
            for a, b in ((low, high), (low * 0 + 0.5, high), (low - 2, low), (low * 0, low * 0))[:4 if dtype in (tf.quint8, tf.qint8) else 1]:
                y, y_low, y_high = R.QuantizeV2(input=x, min_range=a, max_range=b, T=dtype, mode=mode)
                out += [whole(y), y_low, y_high]
                first = first or (y, y_low, y_high)
            y, y_low, y_high = first
            if dtype != tf.qint32 or mode != "SCALED":  # no such kernel
                out += [R.Dequantize(input=y, min_range=y_low, max_range=y_high, mode=mode)]
            if mode == "MIN_COMBINED":
                out += [R.Dequantize(input=y, min_range=y_low, max_range=y_high, mode=mode, dtype=tf.bfloat16)]
    for narrow in (False, True):
        for rounding in ("HALF_TO_EVEN", "HALF_AWAY_FROM_ZERO"):
            y, y_low, y_high = R.QuantizeV2(input=x, min_range=low, max_range=high, T=tf.qint8, mode="SCALED", narrow_range=narrow, round_mode=rounding)
            out += [whole(y), y_low, y_high, R.Dequantize(input=y, min_range=y_low, max_range=y_high, mode="SCALED", narrow_range=narrow)]
    for axis, count in ((0, 2), (1, 3), (2, 2)):
        for mode in ("MIN_COMBINED", "SCALED"):
            a, b = -tf.range(1, count + 1, dtype=tf.float32), tf.range(2, count + 2, dtype=tf.float32)
            y, y_low, y_high = R.QuantizeV2(input=channels, min_range=a, max_range=b, T=tf.qint8, mode=mode, axis=axis, ensure_minimum_range=0.5)
            out += [whole(y), y_low, y_high, R.Dequantize(input=y, min_range=y_low, max_range=y_high, mode=mode, axis=axis)]
    y = R.QuantizeV2(input=x[:0], min_range=low, max_range=high, T=tf.quint8)[0]
    return packed(out + [whole(y), R.Dequantize(input=y, min_range=low, max_range=high)])


def quantised(x, low, high, dtype=tf.quint8):
    return R.QuantizeV2(input=x, min_range=low, max_range=high, T=dtype, mode="MIN_FIRST")


@case(1e-6, 1e-6, rand(2, 2, 7, 6, 3, dtype="float32"), rand(3, 3, 2, 3, 4, dtype="float32"), rand(4, 5, 8, dtype="float32"), rand(5, 8, 3, dtype="float32"))
def quantised_layers(image, kernel, a, b):
    out = []
    image = quantised(image, -2.5, 3.0)
    kernel = quantised(kernel, -1.5, 2.0)
    for padding, stride in (("SAME", 1), ("VALID", 2)):
        y, low, high = R.QuantizedConv2D(input=image[0], filter=kernel[0], min_input=image[1], max_input=image[2], min_filter=kernel[1], max_filter=kernel[2], strides=[1, stride, stride, 1], padding=padding)
        new_low, new_high = R.RequantizationRange(input=y, input_min=low, input_max=high)
        z = R.Requantize(input=y, input_min=low, input_max=high, requested_output_min=new_low, requested_output_max=new_high, out_type=tf.quint8)
        out += [whole(y), low, high, new_low, new_high] + [whole(t) for t in z] + [R.Dequantize(input=y, min_range=low, max_range=high, mode="MIN_FIRST")]
        out += [whole(t) for t in R.QuantizeDownAndShrinkRange(input=y, input_min=low, input_max=high, out_type=tf.quint8)]
        for f in (R.QuantizedRelu, R.QuantizedRelu6):
            out += [whole(t) for t in f(features=z[0], min_features=z[1], max_features=z[2], out_type=tf.quint8)]
        out += [whole(t) for t in R.QuantizedMaxPool(input=z[0], min_input=z[1], max_input=z[2], ksize=[1, 2, 2, 1], strides=[1, 2, 1, 1], padding=padding)]
        bias = quantised(tf.constant([-0.5, 0.25, 1.0, 2.0]), -1.0, 2.0)
        out += [whole(t) for t in R.QuantizedBiasAdd(input=z[0], bias=bias[0], min_input=z[1], max_input=z[2], min_bias=bias[1], max_bias=bias[2], out_type=tf.qint32)]
        flat = R.QuantizedReshape(tensor=z[0], shape=[2, -1], input_min=z[1], input_max=z[2])
        out += [whole(t) for t in flat]
    x, y = quantised(a, -2.0, 2.5), quantised(b, -1.0, 3.0)
    for first, second, flip in ((x[0], y[0], False), (tf.bitcast(tf.transpose(whole(x[0])), tf.quint8), tf.bitcast(tf.transpose(whole(y[0])), tf.quint8), True)):
        out += [whole(t) for t in R.QuantizedMatMul(a=first, b=second, min_a=x[1], max_a=x[2], min_b=y[1], max_b=y[2], transpose_a=flip, transpose_b=flip)]
    out += [whole(t) for t in R.QuantizedConcat(concat_dim=0, values=[x[0], x[0]], input_mins=[x[1], x[1]], input_maxes=[x[2], x[2]])]
    out += [whole(t) for t in R.QuantizedConcat(concat_dim=0, values=[x[0], tf.bitcast(tf.transpose(whole(y[0])), tf.quint8)], input_mins=[x[1], y[1]], input_maxes=[x[2], y[2]])]
    return packed(out)


# ---- random numbers ----

@case(1e-6, 1e-6, np.array([3, -5], "int32"), np.array([2**40 + 1, 17], "int64"), np.array([0.3, 1.0, 4.5, 30.0], "float32"))
def distributions(seed, long_seed, p):
    out = []
    for dtype in (tf.float16, tf.float32, tf.float64):
        alpha = tf.cast(p, dtype)
        out += [R.StatelessRandomGammaV2(shape=[3, 4], seed=seed, alpha=alpha), R.StatelessRandomPoisson(shape=[6, 4], seed=long_seed, lam=alpha, dtype=dtype)]
    key, counter, alg = R.StatelessRandomGetKeyCounterAlg(seed=seed)
    out += [R.StatelessRandomGammaV3(shape=[2, 4], key=key, counter=counter, alg=alg, alpha=p), R.StatelessRandomGammaV2(shape=[0, 4], seed=seed, alpha=p), R.StatelessRandomGammaV2(shape=[5], seed=seed, alpha=0.05)]
    for rate in (tf.int32, tf.int64, tf.float16):
        out += [R.StatelessRandomPoisson(shape=[2, 4], seed=seed, lam=tf.cast(p, rate), dtype=d) for d in (tf.int32, tf.int64, tf.float32)]
    out += [R.StatelessRandomPoisson(shape=[40], seed=seed, lam=9.5, dtype=tf.int64), R.StatelessRandomPoisson(shape=[3, 2], seed=seed, lam=[-1.0, 0.0], dtype=tf.float32)]
    counts, probs = tf.constant([[4.0], [40.0], [0.0]]), tf.constant([0.2, 0.5, 0.9, 1.0, 0.0])
    for dtype in (tf.int32, tf.int64, tf.float32, tf.float64, tf.float16):
        out += [R.StatelessRandomBinomial(shape=[2, 3, 5], seed=seed, counts=counts, probs=probs, dtype=dtype)]
    for t in (tf.float64, tf.float16):
        out += [R.StatelessRandomBinomial(shape=[4, 3, 1], seed=long_seed, counts=tf.cast(counts, t), probs=tf.cast(tf.constant(0.4), t))]
    return packed(out)


# ---- updates, layouts, older names ----

@case(1e-6, 1e-6, np.arange(24, dtype="float32").reshape(2, 3, 4), np.array([[0, 1], [1, 2]], "int32"), np.array([7, 0, 23], "int32"))
def updates(x, at, flat):
    rows = tf.reshape(x[0, :2], [2, 4])
    out = [tf.tensor_scatter_nd_sub(x, at, rows), R.ScatterNdNonAliasingAdd(input=x, indices=at, updates=rows), tf.tensor_scatter_nd_sub(tf.cast(x, tf.int64), at, tf.cast(rows, tf.int64))]
    places = [tf.unravel_index(flat, [2, 3, 4]), tf.unravel_index(flat[0], [2, 3, 4]), tf.unravel_index(tf.cast(flat, tf.int64), tf.constant([24], tf.int64))]
    update = R.TensorStridedSliceUpdate
    out += [update(input=x, begin=[0, 2, 1], end=[2, 0, 4], strides=[1, -1, 2], value=-tf.ones([2, 2, 2])), update(input=x, begin=[1], end=[2], strides=[1], value=x[:1] * 2, begin_mask=1),
            update(input=x, begin=[0, -1], end=[0, 0], strides=[1, 1], value=x[:, :, 3] * 2, ellipsis_mask=1, shrink_axis_mask=2), update(input=tf.cast(x, tf.int32), begin=[0, 1, 0], end=[0, 2, 0], strides=[1, 1, 1], value=tf.zeros([2, 4], tf.int32), begin_mask=5, end_mask=5, shrink_axis_mask=2)]
    out += [R.DataFormatDimMap(x=tf.constant([0, 1, 2, 3, -1, -4])), R.DataFormatDimMap(x=tf.constant([[1, 3]], tf.int64), src_format="NCHW", dst_format="NHWC"), R.DataFormatDimMap(x=tf.constant(-2), src_format="NDHWC", dst_format="NCDHW")]
    for source, target in (("NHWC", "NCHW"), ("NCHW", "NHWC"), ("NHWC", "HWNC")):
        out += [R.DataFormatVecPermute(x=tf.constant([1, 2, 3, 4]), src_format=source, dst_format=target), R.DataFormatVecPermute(x=tf.constant([[1, 2], [3, 4], [5, 6], [7, 8]], tf.int64), src_format=source, dst_format=target)]
    out += [R.DataFormatVecPermute(x=tf.constant([5, 6])), R.DataFormatVecPermute(x=tf.constant([[5, 6], [7, 8]])), tf.shape(R.Empty(shape=[2, 0, 3], dtype=tf.float32)), R.Empty(shape=[2], dtype=tf.int32, init=True)]
    return packed(out) + places


# TensorFlow's kernels of padded convolutions give wrong values for all images but the first.
@case(2e-5, 2e-5, rand(6, 1, 6, 5, 3, dtype="float32"), rand(7, 3, 2, 3, 4, dtype="float32"))
def older_names(image, kernel):
    kernel, out = tf.ensure_shape(kernel, [3, 2, 3, 4]), []
    for stride, padding in ((1, "SAME"), (2, "VALID")):
        y = R.DepthwiseConv2dNative(input=image, filter=kernel, strides=[1, stride, stride, 1], padding=padding)
        out += [R.DepthwiseConv2dNativeBackpropInput(input_sizes=[1, 6, 5, 3], filter=kernel, out_backprop=y[..., ::-1], strides=[1, stride, stride, 1], padding=padding)]
    for mode in ("REFLECT", "SYMMETRIC"):
        pads = tf.constant([[0, 0], [2, 1], [1, 2], [0, 0]])
        out += [R.FusedPadConv2D(input=image, paddings=pads, filter=kernel, mode=mode, strides=[1, 2, 2, 1], padding="VALID")]
        out += [R.FusedResizeAndPadConv2D(input=image, size=[9, 7], paddings=pads, filter=kernel, mode=mode, strides=[1, 1, 1, 1], padding="VALID", resize_align_corners=align) for align in (False, True)]
    return out


def message(dtype, dims, **fields):
    proto = tf.make_tensor_proto(np.zeros([1], "float32"))
    proto.Clear()
    proto.dtype = dtype.as_datatype_enum
    for dim in dims:
        proto.tensor_shape.dim.add(size=dim)
    for key, values in fields.items():
        getattr(proto, key).extend(values)
    return tf.constant(proto.SerializeToString())


@case(0, 0, np.array([[1.5, -2, INF], [0, 0.25, 7]], "float32"), np.array([b"a", b"", b"\x00\xff"]), message(tf.int32, [2, 3], int_val=[1, -2, 3]).numpy())
def messages(x, texts, typed):
    out = []
    for dtype in (tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.uint8, tf.int16, tf.uint16, tf.int32, tf.int64, tf.uint32, tf.uint64, tf.bool, tf.complex64, tf.complex128):
        y = tf.cast(tf.abs(x[:, :2]) if dtype in (tf.uint8, tf.uint16, tf.uint32, tf.uint64) else x[:, :2], dtype)
        s = tf.io.serialize_tensor(y)
        z = tf.io.parse_tensor(s, dtype)
        out += [tf.io.encode_base64(s), tf.cast(z, tf.float32) if dtype == tf.bfloat16 else z]
    out += [tf.io.encode_base64(tf.io.serialize_tensor(texts)), tf.io.parse_tensor(tf.io.serialize_tensor(texts), tf.string), tf.io.encode_base64(tf.io.serialize_tensor(x[:0])), tf.io.parse_tensor(tf.io.serialize_tensor(x[0, 0]), tf.float32)]
    out += [tf.io.parse_tensor(tf.reshape(typed, []), tf.int32)]
    for dtype, field, values in ((tf.float32, "float_val", [1.5, -2.5]), (tf.float64, "double_val", [1.5, -2.5]), (tf.int64, "int64_val", [2**40, -1]), (tf.bool, "bool_val", [False, True]), (tf.float16, "half_val", [15360, 16384]), (tf.string, "string_val", [b"p", b"qr"]),
                                 (tf.uint32, "uint32_val", [2**31]), (tf.uint64, "uint64_val", [2**63]), (tf.complex64, "scomplex_val", [1.0, 2.0, 3.0, 4.0]), (tf.int8, "int_val", [-3])):
        out += [tf.io.parse_tensor(message(dtype, [3], **{field: values}), dtype)]
    return packed(out)


# ---- ragged tensors ----

@case(1e-6, 1e-6, np.array([0, 2, 2, 5, 6], "int64"), np.arange(1, 7, dtype="float32"), np.array([b"a", b"bc", b"", b"d", b"ef", b"g"]))
def ragged(splits, values, texts):
    x = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
    t = tf.RaggedTensor.from_row_splits(texts, splits, validate=False)
    out = []

    def parts(y):
        return [y.flat_values] + list(y.nested_row_splits) if isinstance(y, tf.RaggedTensor) else [y]

    out += parts(tf.map_fn(lambda r: tf.strings.upper(r), t))
    out += parts(tf.map_fn(lambda r: r * 2, x[:0]))
    out += parts(tf.map_fn(tf.range, tf.constant([3, 0, 2]), fn_output_signature=tf.RaggedTensorSpec([None], tf.int32)))
    deep = tf.RaggedTensor.from_nested_row_splits(tf.reshape(tf.range(12.0), [6, 2]), [tf.constant([0, 1, 1, 4], tf.int64), splits], validate=False)
    out += parts(tf.map_fn(lambda r: r + 1, deep))
    out += list(R.RaggedFillEmptyRows(value_rowids=tf.constant([0, 0, 2, 4, 4], tf.int64), values=values[:5], nrows=tf.constant(6, tf.int64), default_value=-1.0))
    out += list(R.RaggedFillEmptyRows(value_rowids=tf.zeros([0], tf.int64), values=texts[:0], nrows=tf.constant(2, tf.int64), default_value=b"x"))
    ids = tf.RaggedTensor.from_row_splits(tf.cast(values, tf.int64), splits, validate=False)
    dense = tf.constant([[b"p", b"q"], [b"r", b"s"], [b"t", b"u"], [b"v", b"w"]])
    for y in (tf.ragged.cross([t, dense, ids]), tf.ragged.cross([ids.to_sparse(), t]), tf.ragged.cross([dense, t]), tf.ragged.cross_hashed([t, dense, ids], num_buckets=100, hash_key=7), tf.ragged.cross_hashed([ids, t.to_sparse()])):
        out += parts(y)
    return packed(out)


# ---- sizes, shifts and bounds that are known at run time ----

@case(1e-6, 1e-6, rand(30, 2, 4, 6, 8, dtype="float32"), np.int32(3), np.array([1, -2], "int32"))
def run_time_sizes(image, k, shifts):
    wide = tf.cast(k, tf.int64)
    out = [R.DepthToSpace(input=image, block_size=2), R.SpaceToDepth(input=image, block_size=2), R.DepthToSpace(input=image[:0], block_size=2)]
    out += [tf.roll(image, k, 1), tf.roll(image, shifts, [1, 3]), tf.roll(image, shifts, shifts), tf.roll(image, [k, k + 2], [-1, -1]), tf.roll(image[:0], k, 0), tf.signal.fftshift(image)]
    for dtype in (tf.float32, tf.float64):
        out += [R.LinSpace(start=tf.constant(-1, dtype), stop=tf.constant(2, dtype), num=n) for n in (k + 2, wide - 2)]
    any_rank = tf.reshape(image, tf.concat([tf.fill([k - 1], 2), [-1, 8]], 0))
    out += [tf.linalg.band_part(image, wide - 2, wide - 4), tf.linalg.band_part(image, wide - 5, wide - 1), tf.linalg.band_part(any_rank, wide - 3, wide), tf.debugging.check_numerics(any_rank, "numbers")]
    bins = tf.constant([1, 0, 2, 1])
    for n in (k + 1, k - 3):
        out += [R.DenseBincount(input=bins, size=3, weights=image[0, 0, :n, 0]), R.Bincount(arr=bins, size=3, weights=image[0, 1, :n, 0])]
    return packed(out)


# ---- sparse tensors as strings ----

@case(1e-6, 1e-6, np.array([1.5, -2.0, 0.25, 3.0], "float32"), np.array([b"a", b"", b"b\x00c", b"d"]))
def sparse_packed(v, texts):
    at, shape, out = tf.constant([[0, 0], [0, 2], [2, 1], [2, 3]], tf.int64), tf.constant([4, 5], tf.int64), []
    for dtype in (tf.float32, tf.float64, tf.float16, tf.bfloat16, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.complex64, tf.bool, tf.string):
        x = texts if dtype == tf.string else tf.cast(v, dtype) if dtype not in (tf.uint8, tf.uint16) else tf.cast(tf.abs(v), dtype)
        sparse = dict(sparse_indices=at, sparse_values=x, sparse_shape=shape)
        one, many = R.SerializeSparse(**sparse), R.SerializeManySparse(**sparse)
        if dtype in (tf.float32, tf.string, tf.bool):
            out += [tf.io.encode_base64(one), tf.io.encode_base64(many)]
        for y in (R.DeserializeSparse(serialized_sparse=one, dtype=dtype), R.DeserializeSparse(serialized_sparse=tf.stack([many, many[::-1]]), dtype=dtype), R.DeserializeManySparse(serialized_sparse=many, dtype=dtype)):
            out += [y[0], tf.cast(y[1], tf.int32) if dtype == tf.bool else y[1], y[2]]
        if dtype in (tf.float32, tf.float64, tf.float16, tf.int32, tf.int64, tf.uint8, tf.complex64):
            for axes, keep in (([1], False), ([0], True), ([0, 1], False), ([-1, 0], True), ([], False)):
                operands = dict(input_indices=at, input_values=x, input_shape=shape, reduction_axes=tf.constant(axes, tf.int32), keep_dims=keep)
                out += list(R.SparseReduceSumSparse(**operands)) + ([] if dtype.is_complex else list(R.SparseReduceMaxSparse(**operands)))
    rows = tf.SparseTensor(at, v, shape)
    out += [tf.map_fn(tf.sparse.reduce_sum, rows, fn_output_signature=tf.float32)]
    doubled = tf.map_fn(lambda row: tf.SparseTensor(row.indices, row.values * 2, row.dense_shape), rows, fn_output_signature=tf.SparseTensorSpec([None], tf.float32))
    return packed(out + [doubled.indices, doubled.values, doubled.dense_shape])


# ---- one sequence of examples ----

def sequence():
    def feature(x):
        lists = {int: lambda: dict(int64_list=tf.train.Int64List(value=x)), float: lambda: dict(float_list=tf.train.FloatList(value=x)), bytes: lambda: dict(bytes_list=tf.train.BytesList(value=x))}
        return tf.train.Feature(**(lists[type(x[0])]() if x else {}))
    context = tf.train.Features(feature={"id": feature([7]), "names": feature([b"n", b"mm"])})
    lists = {"cap": [[4], [5], [6]], "var": [[b"q"], [], [b"r", b"st"]], "vec": [[0.5, 1.0], [1.5, 2.0], [2.5, 3.0]]}
    steps = {key: tf.train.FeatureList(feature=[feature(x) for x in values]) for key, values in lists.items()}
    return tf.train.SequenceExample(context=context, feature_lists=tf.train.FeatureLists(feature_list=steps)).SerializeToString(deterministic=True)


@case(0, 0, np.array([sequence()]))
def one_sequence(batch):
    serialized = batch[0]
    fixed, steps, ragged = tf.io.FixedLenFeature, tf.io.FixedLenSequenceFeature, tf.io.RaggedFeature
    out = []
    for features in (({"id": fixed([], tf.int64), "names": tf.io.VarLenFeature(tf.string), "other": fixed([2], tf.float32, default_value=[1.0, 2.0])},
                      {"cap": steps([], tf.int64), "vec": steps([2], tf.float32), "var": tf.io.VarLenFeature(tf.string), "none": steps([], tf.int64, allow_missing=True)}),
                     ({"names": ragged(tf.string), "id": ragged(tf.int64, row_splits_dtype=tf.int64)}, {"var": ragged(tf.string), "vec": ragged(tf.float32, row_splits_dtype=tf.int64)})):
        context, lists = tf.io.parse_single_sequence_example(serialized, *features)
        out += tf.nest.flatten((context, lists), expand_composites=True)
    out += tf.nest.flatten(R.ParseSingleSequenceExample(
        serialized=serialized, feature_list_dense_missing_assumed_empty=["none"], context_sparse_keys=["names"], context_dense_keys=["id", "other"], feature_list_sparse_keys=["var"], feature_list_dense_keys=["none", "vec"],
        context_dense_defaults=[tf.zeros([0], tf.int64), [1.0, 2.0]], debug_name="", context_sparse_types=[tf.string], context_dense_shapes=[[], [2]], feature_list_sparse_types=[tf.string], feature_list_dense_types=[tf.int64, tf.float32], feature_list_dense_shapes=[[], [2]]))
    return packed(out)


# ---- what an optimiser makes ----

def fused_graph():
    """Op, operands (names of arrays or of consts), attributes; and the same with plain ops."""
    x, w = rand(10, 2, 3, 4, 3, dtype="float32"), rand(11, 3, 2, 3, 4, dtype="float32")
    b, side = rand(12, 4, dtype="float32"), rand(13, 2, 3, 4, 4, dtype="float32")
    scale, offset, mean, var = (rand(14 + i, 4, dtype="float32") for i in range(4))
    var = np.abs(var) + 0.5
    m, n = rand(20, 5, 3, dtype="float32"), rand(21, 3, 4, dtype="float32")
    depth = rand(22, 2, 2, 3, 2, dtype="float32")
    depth_bias = rand(23, 6, dtype="float32")
    acts = {"Relu": tf.nn.relu, "Relu6": tf.nn.relu6, "Elu": tf.nn.elu, "Tanh": tf.tanh, "Sigmoid": tf.sigmoid, "LeakyRelu": lambda y: tf.nn.leaky_relu(y, 0.3), "GeluExact": lambda y: tf.nn.gelu(y), "GeluApproximate": lambda y: tf.nn.gelu(y, approximate=True)}
    plain = tf.nn.conv2d(x, w, 1, "SAME")
    rows = [("_FusedConv2D", [x, w, b], dict(fused_ops=["BiasAdd"]), plain + b)]
    rows += [("_FusedConv2D", [x, w, b], dict(fused_ops=["BiasAdd", a], leakyrelu_alpha=0.3), f(plain + b)) for a, f in acts.items()]
    rows += [("_FusedConv2D", [x, w, b, side], dict(fused_ops=["BiasAdd", "Add", "Relu"]), tf.nn.relu(plain + b + side))]
    norm = (plain - mean) * tf.math.rsqrt(var + 0.01) * scale + offset
    rows += [("_FusedConv2D", [x, w, scale, offset, mean, var], dict(fused_ops=["FusedBatchNorm", "Relu"], epsilon=0.01), tf.nn.relu(norm))]
    first = np.transpose(x, [0, 3, 1, 2])
    rows += [("_FusedConv2D", [first, w, b], dict(fused_ops=["BiasAdd"], data_format="NCHW"), tf.transpose(plain + b, [0, 3, 1, 2])),
             ("_FusedConv2D", [first, w, scale, offset, mean, var], dict(fused_ops=["FusedBatchNorm"], epsilon=0.01, data_format="NCHW"), tf.transpose(norm, [0, 3, 1, 2]))]
    rows += [("_FusedMatMul", [m, n, b], dict(fused_ops=["BiasAdd", a], leakyrelu_alpha=0.3), f(m @ n + b)) for a, f in acts.items()]
    rows += [("_FusedMatMul", [m.T.copy(), n, b], dict(fused_ops=["BiasAdd"], transpose_a=True), m @ n + b)]
    rows += [("_FusedDepthwiseConv2dNative", [x, depth, depth_bias], dict(fused_ops=["BiasAdd", "Relu6"]), tf.nn.relu6(tf.nn.depthwise_conv2d(x, depth, [1, 1, 1, 1], "SAME") + depth_bias))]
    rows += [("_FusedBatchNormEx", [side, scale, offset, mean, var] + more, dict(activation_mode=mode, epsilon=0.01, is_training=False, num_side_inputs=len(more)), f((side - mean) * tf.math.rsqrt(var + 0.01) * scale + offset + (more[0] if more else 0)))
             for more in ([], [side * 2]) for mode, f in (("Identity", tf.identity), ("Relu", tf.nn.relu))]
    return rows + [("_UnaryOpsComposition", [m], dict(op_names=["Abs", "Sqrt", "Neg", "Exp", "Relu6"]), tf.nn.relu6(tf.exp(-tf.sqrt(tf.abs(m)))))]


def write_fused():
    """TensorFlow takes these ops from no file, so the expected values are those of the ops that they stand for."""
    folder = os.path.join(HERE, "graph_ops", "fused")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    graph = tf.compat.v1.GraphDef()
    constants, arrays, outs, expected = {}, {}, [], []

    def operand(x):
        x = np.ascontiguousarray(x)
        key = x.tobytes() + str(x.shape).encode()
        if key not in constants:
            node = graph.node.add(name="c%d" % len(constants), op="Const" if x.ndim != 4 or constants else "Placeholder")
            node.attr["dtype"].type = 1
            if node.op == "Const":
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(x))
            else:
                arrays[node.name] = x
            constants[key] = node.name
        return constants[key]

    for i, (op, xs, attrs, y) in enumerate(fused_graph()):
        names = [operand(x) for x in xs]
        node = graph.node.add(name="y%d" % i, op=op, input=names)
        node.attr["T"].type = 1
        if op == "_FusedConv2D":
            node.attr["TArgs"].list.type.extend([1] * (len(xs) - 2))
        if op == "_FusedBatchNormEx":
            node.attr["U"].type = 1
        elif op != "_UnaryOpsComposition":
            node.attr["num_args"].i = len(xs) - 2
        if "Conv" in op:
            node.attr["strides"].list.i.extend([1, 1, 1, 1])
            node.attr["padding"].s = b"SAME"
        for key, value in attrs.items():
            if isinstance(value, list):
                node.attr[key].list.s.extend(v.encode() for v in value)
            elif isinstance(value, bool):
                node.attr[key].b = value
            elif isinstance(value, int):
                node.attr[key].i = value
            elif isinstance(value, float):
                node.attr[key].f = value
            else:
                node.attr[key].s = value.encode()
        flat = graph.node.add(name="f%d" % i, op="Reshape", input=[node.name, "all"])
        flat.attr["T"].type = 1
        outs.append(flat.name)
        expected.append(np.asarray(y).reshape(-1))
    for name, value in (("all", [-1]), ("axis", 0)):
        node = graph.node.add(name=name, op="Const")
        node.attr["dtype"].type = 3
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.int32))
    joined = graph.node.add(name="joined", op="ConcatV2", input=outs + ["axis"])
    joined.attr["T"].type = 1
    joined.attr["N"].i = len(outs)
    with open(os.path.join(folder, "graph.pb"), "wb") as f:
        f.write(graph.SerializeToString())
    finish(folder, "fused", 1e-5, 1e-5, list(arrays.values()), [name + ":0" for name in arrays], [np.concatenate(expected)], ["joined:0"], "graphdef", "graph.pb")


def stored(y):
    y = np.asarray(y)
    return y.astype("S") if y.dtype == object else g.storable(y)


def finish(folder, name, rtol, atol, inputs, ins, answers, outs, kind, model, then=()):
    data = dict(writer="TensorFlow %s" % tf.__version__, inputs=["input_%d" % i for i in range(len(ins))], outputs=["output_%d" % i for i in range(len(outs))], rtol=rtol, atol=atol, expect="match",
                oracle="TensorFlow %s" % tf.__version__, forms=[dict(kind=kind, model=model, inputs=ins, outputs=outs)])
    arrays = dict(zip(data["outputs"], answers))
    if then:
        data["then"] = [dict(inputs=data["inputs"], outputs=["call%d_%s" % (i + 1, key) for key in data["outputs"]]) for i in range(len(then))]
        for i, call in enumerate(then):
            arrays.update(zip(data["then"][i]["outputs"], call))
    if kind == "savedmodel":
        data["forms"][0]["signature"] = "serving_default"
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **dict(zip(data["inputs"], inputs)))
    np.savez_compressed(os.path.join(folder, "expected.npz"), **arrays)
    g.write_json(os.path.join(folder, "case.json"), data)
    print(name, len(outs), "outputs,", sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs) // 1024, "KB", flush=True)


def write(name, rtol, atol, inputs, fn):
    folder = os.path.join(HERE, "graph_ops", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    inputs = [np.asarray(x) for x in inputs]
    specs = [tf.TensorSpec(x.shape if x.ndim < 2 else [None] * x.ndim, x.dtype if x.dtype.kind != "S" else tf.string) for x in inputs]
    concrete = tf.function(lambda *xs: [tf.identity(y) for y in fn(*xs)], autograph=False).get_concrete_function(*specs)
    answers = [stored(y.numpy()) for y in concrete(*[tf.constant(x) for x in inputs])]
    graph, names = shrink(concrete.graph.as_graph_def(), [t.name for t in list(concrete.inputs) + list(concrete.outputs)])
    for function in graph.library.function:
        function.ClearField("arg_attr")
        for key in list(function.attr):
            del function.attr[key]
        for node in function.node_def:
            node.ClearField("experimental_debug_info")
            for key in [k for k in node.attr if k.startswith("_") and not (k == "_output_shapes" and node.op == "RaggedTensorFromVariant")]:
                del node.attr[key]
    with open(os.path.join(folder, "graph.pb"), "wb") as f:
        f.write(graph.SerializeToString())
    finish(folder, name, rtol, atol, inputs, names[:len(inputs)], answers, names[len(inputs):], "graphdef", "graph.pb")


class Generators(tf.Module):
    def __init__(self):
        self.state = tf.random.Generator.from_seed(11, alg="philox")
        self.table = tf.Variable(np.arange(12, dtype="float32").reshape(3, 4), name="table")

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int32, "shape")])
    def __call__(self, shape):
        s = dict(resource=self.state.state.handle, algorithm=tf.constant(1, tf.int64))
        out = [R.StatefulUniform(shape=shape, **s), R.StatefulStandardNormalV2(shape=shape, dtype=tf.float64, **s), R.StatefulTruncatedNormal(shape=shape, **s),
               R.StatefulUniformInt(shape=shape, minval=tf.constant(-5), maxval=tf.constant(9), **s), R.StatefulUniformFullInt(shape=shape, **s), R.StatefulUniformFullInt(shape=[3], dtype=tf.int32, **s),
               R.StatefulRandomBinomial(shape=shape, counts=20.0, probs=0.3, dtype=tf.float32, **s), R.StatefulUniform(shape=[0], **s), R.StatefulStandardNormalV2(shape=[5], dtype=tf.float16, **s)]
        R.RngSkip(delta=tf.constant(3, tf.int64), **s)
        out += [R.StatefulUniform(shape=[2], **s), tf.random.gamma(shape, [0.5, 3.0], seed=4), tf.random.poisson(shape, [2.0, 30.0], seed=5), tf.random.poisson(shape, 4.0, tf.int64, seed=6)]
        self.table[1:, ::2].assign(tf.reshape(R.StatefulUniform(shape=[4], **s), [2, 2]))
        return {"output_%d" % i: y for i, y in enumerate(packed(out + [self.table.read_value()]))}


def write_generators():
    folder = os.path.join(HERE, "graph_ops", "generators")
    shutil.rmtree(folder, ignore_errors=True)
    module = Generators()
    tf.saved_model.save(module, os.path.join(folder, "saved_model"), signatures=module.__call__)
    for name in ("fingerprint.pb", "assets"):
        path = os.path.join(folder, "saved_model", name)
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    shape = np.array([2, 3], "int32")
    calls = []
    for _ in range(3):
        y = module(tf.constant(shape))
        calls.append([g.storable(y["output_%d" % i].numpy()) for i in range(len(y))])
    outs = ["output_%d" % i for i in range(len(calls[0]))]
    finish(folder, "generators", 1e-6, 1e-6, [shape], ["shape"], calls[0], outs, "savedmodel", "saved_model", calls[1:])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    args = ap.parse_args()
    for name, (rtol, atol, inputs, fn) in CASES.items():
        if fnmatch.fnmatch(name, args.only):
            write(name, rtol, atol, inputs, fn)
    for name, fn in (("fused", write_fused), ("generators", write_generators)):
        if fnmatch.fnmatch(name, args.only):
            fn()


if __name__ == "__main__":
    main()
