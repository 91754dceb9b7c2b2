"""Families of make_op_types.py: sparse and ragged tensors, sets, quantised numbers, random numbers of known seeds, texts."""
import numpy as np
import tensorflow as tf
from op_types_math import operands

R = tf.raw_ops
FAMILIES = []
INDEX = (tf.int32, tf.int64)


def family(fn):
    FAMILIES.append(fn)
    return fn


OPERANDS = operands(v=([1.5, -2, 0.25, 3], [5, 120, 7, 3]), w=([4, 0.5, 2], [4, 1, 2]), dense=([[1, -2, 3], [0.5, 4, -1]], [[1, 2, 3], [5, 4, 1]]))
AT = [[0, 0], [0, 2], [1, 1], [2, 0]]
SHAPE = [3, 3]


def sparse(x):
    return dict(indices=tf.constant(AT, tf.int64), values=x("v"), dense_shape=tf.constant(SHAPE, tf.int64))


@family
def sparse_tensors(f):
    at, shape, other = (tf.constant(a, tf.int64) for a in (AT, SHAPE, [[0, 0], [1, 1], [2, 2]]))
    s = dict(sp_indices=at, sp_shape=shape)
    f.each("SparseAdd", lambda op, x, t: list(op(a_indices=at, a_values=x("v"), a_shape=shape, b_indices=other, b_values=x("w"), b_shape=shape, thresh=tf.constant(0, t.real_dtype))))
    f.each("SparseConcat", lambda op, x, t: list(op(indices=[at, other], values=[x("v"), x("w")], shapes=[shape, shape], concat_dim=1)))
    f.each("SparseSplit", lambda op, x, t: list(op(split_dim=tf.constant(1, tf.int64), indices=at, values=x("v"), shape=shape, num_split=2)))
    f.each("SparseReorder", lambda op, x, t: list(op(input_indices=tf.reverse(at, [0]), input_values=x("v"), input_shape=shape)))
    f.each("SparseSlice", lambda op, x, t: list(op(indices=at, values=x("v"), shape=shape, start=tf.constant([0, 1], tf.int64), size=tf.constant([2, 2], tf.int64))))
    f.each("SparseFillEmptyRows", lambda op, x, t: list(op(indices=at, values=x("v"), dense_shape=tf.constant([5, 3], tf.int64), default_value=x("w")[0])))
    f.each("SparseToDense", lambda op, x, t: [op(sparse_indices=tf.constant(AT, i), output_shape=tf.constant(SHAPE, i), sparse_values=x("v"), default_value=x("w")[0]) for i in INDEX])
    f.each("SparseReduceSum SparseReduceMax", lambda op, x, t: op(input_indices=at, input_values=x("v"), input_shape=shape, reduction_axes=[1], keep_dims=True))
    f.each("SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul", lambda op, x, t: op(sp_values=x("v"), dense=x("dense")[0], **s))
    f.each("SparseSparseMaximum SparseSparseMinimum", lambda op, x, t: list(op(a_indices=at, a_values=x("v"), a_shape=shape, b_indices=other, b_values=x("w"), b_shape=shape)))
    f.each("SparseTensorDenseAdd", lambda op, x, t: [op(a_indices=tf.constant([[0, 0], [1, 2]], i), a_values=x("v")[:2], a_shape=tf.constant([2, 3], i), b=x("dense")) for i in INDEX])
    f.each("SparseTensorDenseMatMul", lambda op, x, t: [op(a_indices=tf.constant(AT, i), a_values=x("v"), a_shape=shape, b=x("dense"), adjoint_b=True) for i in INDEX])
    f.each("SparseSoftmax", lambda op, x, t: op(sp_values=x("v"), **s))
    f.each("SparseMatMul", lambda op, x, t: op(a=x("dense"), b=x("dense"), transpose_b=True, a_is_sparse=True), attr="Ta")
    f.each("SparseBincount", lambda op, x, t: [op(indices=at, values=tf.constant([1, 0, 1, 2], i), dense_shape=shape, size=tf.constant(3, i), weights=x("v")) for i in INDEX])
    f.once("SparseReshape", lambda: list(R.SparseReshape(input_indices=at, input_shape=shape, new_shape=tf.constant([-1], tf.int64))))
    for t in f.types("SparseCountSparseOutput", "output_type"):
        w = f.operand("v", t)
        for i in INDEX:
            f.add("SparseCountSparseOutput " + t.name, lambda: list(R.SparseCountSparseOutput(indices=at, values=tf.constant([1, 0, 1, 2], i), dense_shape=shape, weights=w, binary_output=False)))
            f.add("DenseCountSparseOutput " + t.name, lambda: list(R.DenseCountSparseOutput(values=tf.constant([1, 0, 1, 2], i), weights=w, binary_output=False)))
            f.add("RaggedCountSparseOutput " + t.name, lambda: list(R.RaggedCountSparseOutput(splits=tf.constant([0, 1, 4], tf.int64), values=tf.constant([1, 0, 1, 2], i), weights=w, binary_output=False)))
    f.each("DenseToDenseSetOperation", lambda op, x, t: list(op(set1=x("dense"), set2=x("dense")[::-1], set_operation="a-b")))
    f.each("DenseToSparseSetOperation", lambda op, x, t: list(op(set1=tf.concat([x("dense"), x("dense")[:1]], 0), set2_indices=at, set2_values=x("v"), set2_shape=shape, set_operation="union")))
    f.each("SparseToSparseSetOperation", lambda op, x, t: list(op(set1_indices=at, set1_values=x("v"), set1_shape=shape, set2_indices=other, set2_values=x("w"), set2_shape=shape, set_operation="union")))
    f.each("SetSize", lambda op, x, t: op(set_indices=at, set_values=x("v"), set_shape=shape))


@family
def ragged_tensors(f):
    splits = [0, 1, 1, 4]
    f.each("RaggedBincount", lambda op, x, t: [op(splits=tf.constant(splits, tf.int64), values=tf.constant([1, 0, 1, 2], i), size=tf.constant(3, i), weights=x("v")) for i in INDEX])
    f.each("RaggedFillEmptyRows", lambda op, x, t: list(op(value_rowids=tf.constant([0, 2, 2, 2], tf.int64), values=x("v"), nrows=tf.constant(4, tf.int64), default_value=x("w")[0])))
    f.each("RaggedGather", lambda op, x, t: [y for s in INDEX for i in INDEX for y in tf.nest.flatten(op(params_nested_splits=[tf.constant(splits, s)], params_dense_values=x("v"), indices=tf.constant([2, 0], i), OUTPUT_RAGGED_RANK=1))], attr="Tvalues")
    f.each("RaggedTensorToSparse", lambda op, x, t: [y for s in INDEX for y in tf.nest.flatten(op(rt_nested_splits=[tf.constant(splits, s)], rt_dense_values=x("v")))])
    f.each("RaggedTensorToTensor", lambda op, x, t: [op(shape=tf.constant([3, -1], i), values=x("v"), default_value=x("w")[0], row_partition_tensors=[tf.constant(splits, s)], row_partition_types=["ROW_SPLITS"]) for i in INDEX for s in INDEX])
    f.each("RaggedTensorToVariant", lambda op, x, t: [tf.nest.flatten(R.RaggedTensorFromVariant(encoded_ragged=op(rt_nested_splits=[tf.constant(splits, s)], rt_dense_values=x("v"), batched_input=True), input_ragged_rank=0, output_ragged_rank=1, Tvalues=t, Tsplits=s)) for s in INDEX], attr="Tvalues")
    f.each("RaggedRange", lambda op, x, t: [y for s in INDEX for y in op(starts=x("w"), limits=x("w") * tf.cast(3, t), deltas=tf.cast(2, t), Tsplits=s)])


@family
def numbers(f):
    def fake(x):
        return [R.FakeQuantWithMinMaxArgs(inputs=x, min=-1.5, max=2.5, num_bits=5, narrow_range=n) for n in (False, True)] + [R.FakeQuantWithMinMaxVars(inputs=x, min=-1.5, max=2.5), R.FakeQuantWithMinMaxVarsPerChannel(inputs=x, min=[-1.0, 0.5, -2.0], max=[1.0, 2.0, 0.0])]
    f.once("FakeQuant", lambda: fake(f.operand("dense", tf.float32)))
    f.each("QuantizeAndDequantizeV2 QuantizeAndDequantizeV4", lambda op, x, t: [op(input=x("dense"), input_min=tf.constant(-1, t), input_max=tf.constant(2, t), num_bits=5, range_given=True, narrow_range=n) for n in (False, True)])
    f.each("QuantizeAndDequantizeV3", lambda op, x, t: op(input=x("dense"), input_min=tf.constant(-1, t), input_max=tf.constant(2, t), num_bits=6, range_given=True))
    seed = tf.constant([7, 11])
    key, counter = R.StatelessRandomGetKeyCounter(seed=tf.constant([3, 5], tf.int64))
    v2 = dict(key=key, counter=counter, alg=tf.constant(1))
    for name in "StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal".split():
        f.each(name, lambda op, x, t: [op(shape=tf.constant([5], i), seed=tf.cast(seed, s)) for i in INDEX for s in INDEX], attr="dtype")
        f.each(name + "V2", lambda op, x, t: [op(shape=tf.constant([5], i), dtype=t, **v2) for i in INDEX], attr="dtype")
    for t in f.types("StatelessRandomUniform", "dtype"):
        f.add("random " + t.name, lambda: [R.StatelessRandomUniform(shape=[5], seed=seed, dtype=t), R.StatelessRandomNormal(shape=[5], seed=seed, dtype=t), R.StatelessTruncatedNormal(shape=[5], seed=seed, dtype=t)])
    for t in f.types("StatelessRandomUniformFullIntV2", "dtype"):
        f.add("StatelessRandomUniformFullIntV2 " + t.name, lambda: R.StatelessRandomUniformFullIntV2(shape=[3], dtype=t, **v2))
    for t in f.types("StatelessRandomUniformIntV2", "dtype"):
        f.add("StatelessRandomUniformIntV2 " + t.name, lambda: R.StatelessRandomUniformIntV2(shape=[3], minval=tf.constant(2, t), maxval=tf.constant(90, t), **v2))
    for t in f.types("StatelessRandomGammaV3", "dtype"):
        f.add("StatelessRandomGammaV3 " + t.name, lambda: R.StatelessRandomGammaV3(shape=[4], alpha=tf.constant(1.5, t), **v2))
    f.each("StatelessShuffle", lambda op, x, t: op(value=x("v"), **v2))
    f.each("StatelessMultinomial", lambda op, x, t: [op(logits=x("dense"), num_samples=5, seed=seed, output_dtype=o) for o in INDEX])
    f.once("StatelessRandomGetAlg", lambda: [tf.reshape(R.StatelessRandomGetAlg(), [1])[:0]])
    f.each("Multinomial", lambda op, x, t: [tf.shape(op(logits=x("dense"), num_samples=5, output_dtype=o)) for o in INDEX])


@family
def measures(f):
    """Losses, distances, fits."""
    scores = tf.reshape(tf.sin(tf.range(0.0, 72.0) * 1.7), [6, 3, 4])
    labels = dict(labels_indices=tf.constant([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 0]], tf.int64), sequence_length=[6, 5, 3])
    for t in f.types("CTCLoss"):
        for merge, collapse in ((True, False), (False, False), (True, True)):
            f.add("CTCLoss " + t.name, lambda: R.CTCLoss(inputs=tf.cast(scores, t), labels_values=[0, 1, 2, 2, 1, 0], ctc_merge_repeated=merge, preprocess_collapse_repeated=collapse, **labels)[0])
    at, other = tf.constant([[0, 0], [0, 1], [1, 0], [2, 0]], tf.int64), tf.constant([[0, 0], [0, 2], [1, 1], [3, 0]], tf.int64)
    shape = tf.constant([4, 3], tf.int64)
    for t in ("float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128 string bool".split() if not f.halves else []):
        f.add("EditDistance " + t, lambda: [R.EditDistance(hypothesis_indices=at, hypothesis_values=f.operand("v", t), hypothesis_shape=shape, truth_indices=other, truth_values=f.operand("v", t)[::-1], truth_shape=shape, normalize=n) for n in (True, False)])
    deep = tf.constant([[0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1]], tf.int64)
    f.once("EditDistance deep", lambda: R.EditDistance(hypothesis_indices=deep, hypothesis_values=f.operand("v", tf.int64), hypothesis_shape=tf.constant([2, 2, 2], tf.int64), truth_indices=deep[2:], truth_values=f.operand("v", tf.int64)[:2], truth_shape=tf.constant([2, 3, 2], tf.int64)))
    for o in (tf.float32, tf.float64) if not f.halves else (tf.float16, tf.bfloat16):
        f.each("IsotonicRegression", lambda op, x, t: list(op(input=tf.concat([x("dense"), x("dense")[:, ::-1], x("dense")[:, :2]], 1), output_dtype=o)))
    f.once("NearestNeighbors", lambda: [y for k in (2, 9) for y in R.NearestNeighbors(points=f.operand("dense", tf.float32), centers=[[1.0, -2, 3], [0, 0, 0.5], [2, 4, -1]], k=tf.constant(k, tf.int64))])
    f.once("EncodeWav", lambda: R.EncodeWav(audio=tf.reshape(f.operand("dense", tf.float32) / 3, [3, 2]), sample_rate=8000))
    f.once("DeviceIndex", lambda: R.DeviceIndex(device_names=["GPU", "CPU"]))
    f.each("ToBool", lambda op, x, t: [op(input=x("v")[0]), op(input=x("v")[:0]), op(input=x("v"))])
    f.each("CheckNumericsV2", lambda op, x, t: op(tensor=x("v"), message="m"))


@family
def texts(f):
    t = tf.strings.as_string(f.operand("dense", tf.int64))
    words = tf.constant([b"Caf\xc3\xa9 No\xc3\xabl", b" two  words ", b""])
    f.once("String", lambda: [R.StringLower(input=words, encoding="utf-8"), R.StringUpper(input=words), R.StringStrip(input=words), R.StringLength(input=words, unit="UTF8_CHAR"), R.StringJoin(inputs=[t, t], separator="-"), R.ReduceJoin(inputs=t, reduction_indices=[1], separator=","),
                              R.RegexReplace(input=words, pattern="o+", rewrite="0"), R.RegexFullMatch(input=words, pattern=".*"), R.StaticRegexReplace(input=words, pattern="[a-z]", rewrite="x", replace_global=False), R.StaticRegexFullMatch(input=words, pattern=" .*"),
                              R.StringToHashBucket(string_tensor=words, num_buckets=97), R.StringToHashBucketFast(input=words, num_buckets=97), R.StringToHashBucketStrong(input=words, num_buckets=97, key=[3, 4]), R.StringFormat(inputs=[t], template="<{}>", placeholder="{}"),
                              R.UnicodeScript(input=[65, 0x3b1, 0x4e00]), R.UnicodeTranscode(input=words, input_encoding="UTF-8", output_encoding="UTF-16-BE"), R.EncodeBase64(input=words), R.DecodeBase64(input=R.EncodeBase64(input=words, pad=True))]
           + list(R.StringSplit(input=words, delimiter=" ")) + list(R.StringSplitV2(input=words, sep="")) + list(R.StringNGrams(data=t[0], data_splits=tf.constant([0, 2, 3]), separator=" ", ngram_widths=[2], left_pad="<", right_pad=">", pad_width=1, preserve_short_sequences=False)))
    for i in INDEX:
        f.once("Substr", lambda: R.Substr(input=words, pos=tf.constant([1, -3, 0], i), len=tf.constant([2, 2, 0], i)))
        f.once("UnsortedSegmentJoin", lambda: [R.UnsortedSegmentJoin(inputs=words, segment_ids=tf.constant([1, 0, 1], i), num_segments=tf.constant(2, n), separator="+") for n in INDEX])
        f.once("UnicodeDecode", lambda: list(R.UnicodeDecode(input=words, input_encoding="UTF-8", Tsplits=i)) + (list(R.UnicodeDecodeWithOffsets(input=words, input_encoding="UTF-8")) if i == tf.int64 else []))
    for d in (tf.float32, tf.float64, tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64, tf.float16, tf.bfloat16):
        f.once("DecodeRaw " + d.name, lambda: [R.DecodeRaw(input_bytes=tf.constant([b"\x01\x02\x03\x04\x05\x06\x07\x08"] * 2), out_type=d, little_endian=e) for e in (True, False)] + [R.DecodePaddedRaw(input_bytes=tf.constant([b"\x01\x02\x03\x04\x05\x06\x07\x08", b"\x01"]), fixed_length=8, out_type=d)])
        f.once("AsString " + d.name, lambda: R.AsString(input=f.operand("v", d)))
