"""Writes tests/golden/tensorflow_data/<case>/: TensorFlow's data ops (segments, sets, sparse tensors, images, tf.io), many in
one graph, with their answers.

    python tests/golden/make_tensorflow_data.py [--only pattern] [--out folder]

Every case is written twice: <case> feeds all operands through placeholders of unknown size, <case>_frozen holds the same
operands as constants. Answers are TensorFlow's own; integers, bools and strings are exact, since all of them are small
against the tolerance.
"""
import argparse
import fnmatch
import gzip
import json
import os
import shutil
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
raw = tf.raw_ops
HERE = os.path.dirname(os.path.abspath(__file__))
CASES = []


def case(fn):
    CASES.append(fn)
    return fn


class Ops:
    """The ops of one case: operands by name, and the results that are asked for."""

    def __init__(self, name, frozen):
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.frozen = frozen
        self.inputs, self.outputs, self.shared = {}, {}, {}  # equal operands are one

    def add(self, name, fn, *operands):
        """fn(*tensors) gives one result or several."""
        tensors = []
        for operand in operands:
            value = np.asarray(operand)
            if value.dtype.kind in "SO":
                value = np.asarray(operand, dtype=object)
            same = (value.dtype.str, value.shape, repr(value.tolist()))
            if same not in self.shared:
                key = "in%d" % len(self.shared)
                dtype = tf.string if value.dtype.kind == "O" else tf.as_dtype(value.dtype)
                if self.frozen:
                    self.shared[same] = tf.constant(value, name=key)
                else:
                    self.shared[same] = v1.placeholder(dtype, [None] * value.ndim, name=key)
                    self.inputs[key] = (self.shared[same], value)
            tensors.append(self.shared[same])
        results = fn(*tensors)
        for k, result in enumerate(tf.nest.flatten(results)):
            if result.dtype in (tf.bfloat16, tf.float16):
                result = tf.cast(result, tf.float32)
            key = "%s_%d" % (name, k)
            self.outputs[key] = tf.identity(result, name=key)

    def normal(self, *shape, dtype="float32"):
        return self.rng.standard_normal(shape).astype(dtype)

    def uniform(self, *shape, low=0.0, high=1.0, dtype="float32"):
        return self.rng.uniform(low, high, shape).astype(dtype)

    def ints(self, *shape, low=0, high=10, dtype="int32"):
        return self.rng.integers(low, high, shape).astype(dtype)


# ---- segments, sets, counts ----

@case
def segments(o):
    ids = np.array([0, 0, 1, 1, 1, 4], "int32")
    sorted_ops = [raw.SegmentSum, raw.SegmentMean, raw.SegmentProd, raw.SegmentMax, raw.SegmentMin]
    for op in sorted_ops:
        for dtype in ("float32", "float64", "int32", "int64", "uint8", "float16"):
            data = o.normal(6, 3, dtype=dtype) if "float" in dtype else o.ints(6, 3, high=4, dtype=dtype)
            o.add("%s_%s" % (op.__name__, dtype), lambda d, i, op=op: op(data=d, segment_ids=i), data, ids)
        o.add(op.__name__ + "_rank1", lambda d, i, op=op: op(data=d, segment_ids=i), o.normal(6), ids.astype("int64"))
        o.add(op.__name__ + "_empty", lambda d, i, op=op: op(data=d, segment_ids=i), o.normal(0, 2), ids[:0])


@case
def segments_unsorted(o):
    ids = np.array([0, 0, 1, 1, 1, 4], "int32")
    unsorted = [raw.UnsortedSegmentSum, raw.UnsortedSegmentProd, raw.UnsortedSegmentMax, raw.UnsortedSegmentMin]
    for op in unsorted:
        for dtype in ("float32", "float64", "int32", "uint8", "int64", "float16"):
            data = o.normal(2, 3, 2, dtype=dtype) if "float" in dtype else o.ints(2, 3, 2, low=1, high=5, dtype=dtype)
            o.add("%s_%s" % (op.__name__, dtype),
                  lambda d, i, n, op=op, t=dtype: clip_limits(op(data=d, segment_ids=i, num_segments=n)),
                  data, np.array([[3, 0, -1], [0, 3, 1]], "int32"), np.int32(5))
        o.add(op.__name__ + "_none", lambda d, i, n, op=op: clip_limits(op(data=d, segment_ids=i, num_segments=n)),
              o.normal(0, 2), ids[:0], np.int32(2))
    indices = np.array([3, 0, 0, 2, 1], "int32")
    segment = np.array([0, 0, 2, 2, 2], "int32")
    for op in (raw.SparseSegmentSum, raw.SparseSegmentMean, raw.SparseSegmentSqrtN):
        o.add(op.__name__, lambda d, i, s, op=op: op(data=d, indices=i, segment_ids=s), o.normal(4, 3), indices, segment)
        o.add(op.__name__ + "_double", lambda d, i, s, op=op: op(data=d, indices=i, segment_ids=s),
              o.normal(4, dtype="float64"), indices.astype("int64"), segment)
        o.add(op.__name__ + "_empty", lambda d, i, s, op=op: op(data=d, indices=i, segment_ids=s), o.normal(4, 3),
              indices[:0], segment[:0])
    for op in (raw.SparseSegmentSumWithNumSegments, raw.SparseSegmentMeanWithNumSegments, raw.SparseSegmentSqrtNWithNumSegments):
        o.add(op.__name__, lambda d, i, s, n, op=op: op(data=d, indices=i, segment_ids=s, num_segments=n), o.normal(4, 3),
              indices, segment, np.int32(4))


def clip_limits(x):
    """The limits of a type, which a segment without elements gives, are too large for a sum of tolerances."""
    if x.dtype.is_floating:
        return tf.clip_by_value(tf.cast(x, tf.float32), -60000.0, 60000.0)
    return x


@case
def unique(o):
    x = np.array([3, 1, 3, 0, 1, 7], "int32")
    for dtype in ("int32", "int64", "uint8", "int8", "float32", "float64"):
        o.add("unique_" + dtype, lambda x: raw.Unique(x=x), x.astype(dtype))
    o.add("unique_float", lambda x: raw.Unique(x=x, out_idx=tf.int64), np.array([0.0, -0.0, 1.5, 0.0, 1.5], "float32"))
    o.add("unique_string", lambda x: raw.Unique(x=x), np.array([b"b", b"", b"a", b"b", b""]))
    o.add("unique_bool", lambda x: raw.Unique(x=x), np.array([True, False, True]))
    o.add("unique_empty", lambda x: raw.UniqueWithCounts(x=x), x[:0])
    o.add("counts", lambda x: raw.UniqueWithCounts(x=x, out_idx=tf.int64), x)
    o.add("counts_string", lambda x: raw.UniqueWithCounts(x=x), np.array([b"x", b"y", b"x"]))
    m = np.array([[1, 2, 1], [3, 4, 3], [1, 2, 1]], "int32")
    for axis in (0, 1, -1):
        o.add("rows%d" % (axis % 3), lambda x, a: raw.UniqueV2(x=x, axis=a), m, np.array([axis], "int64"))
        o.add("rows_counts%d" % (axis % 3), lambda x, a: raw.UniqueWithCountsV2(x=x, axis=a), m.astype("float32"),
              np.array([axis], "int64"))
    o.add("no_axis", lambda x, a: raw.UniqueV2(x=x, axis=a), x, np.zeros(0, "int32"))
    o.add("difference", lambda x, y: raw.ListDiff(x=x, y=y), np.array([1, 2, 3, 4, 2, 6]), np.array([2, 9, 4]))
    o.add("difference_string", lambda x, y: raw.ListDiff(x=x, y=y, out_idx=tf.int64), np.array([b"a", b"b", b"a"]), np.array([b"b"]))
    o.add("difference_none", lambda x, y: raw.ListDiff(x=x, y=y), np.array([1.5, 2.5], "float32"), np.zeros(0, "float32"))


@case
def partitions(o):
    ids = np.array([0, 2, 0, 1, 2], "int32")
    for dtype in ("float32", "int64", "bool", "complex64"):
        data = o.ints(5, 2, high=2, dtype=dtype)
        o.add("partition_" + dtype, lambda d, p: [as_real(x) for x in raw.DynamicPartition(data=d, partitions=p, num_partitions=4)],
              data, ids)
    o.add("partition_string", lambda d, p: raw.DynamicPartition(data=d, partitions=p, num_partitions=3),
          np.array([b"a", b"b", b"c", b"d", b"e"]), ids)
    o.add("partition_matrix", lambda d, p: raw.DynamicPartition(data=d, partitions=p, num_partitions=2), o.normal(2, 2, 3),
          np.array([[1, 0], [1, 1]], "int32"))
    o.add("partition_scalar", lambda d, p: raw.DynamicPartition(data=d, partitions=p, num_partitions=2), o.normal(3), np.int32(1))
    for op in (raw.DynamicStitch, raw.ParallelDynamicStitch):
        o.add(op.__name__, lambda i, j, a, b, op=op: op(indices=[i, j], data=[a, b]), np.array([3, 0], "int32"),
              np.array([[1, 2], [4, 5]], "int32"), o.normal(2, 2), o.normal(2, 2, 2))
    o.add("stitch_scalar", lambda i, j, a, b: raw.DynamicStitch(indices=[i, j], data=[a, b]), np.int32(1),
          np.array([0, 1], "int32"), np.array([7, 8], "int64"), np.array([[1, 2], [3, 4]], "int64"))
    o.add("stitch_string", lambda i, a: raw.DynamicStitch(indices=[i], data=[a]), np.array([1, 0], "int32"), np.array([b"x", b"y"]))
    o.add("parallel_concat", lambda a, b: raw.ParallelConcat(values=[tf.ensure_shape(a, [1, 3]), tf.ensure_shape(b, [1, 3])], shape=[2, 3]),
          o.normal(1, 3), o.normal(1, 3))
    x, v = o.normal(4, 2), o.normal(2, 2)
    for op in (raw.InplaceUpdate, raw.InplaceAdd, raw.InplaceSub):
        o.add(op.__name__, lambda x, i, v, op=op: op(x=raw.DeepCopy(x=x), i=i, v=v), x, np.array([2, 0], "int32"), v)


def as_real(x):
    return tf.math.real(x) if x.dtype.is_complex else x


@case
def orders(o):
    p = np.array([[0.1, 0.9, 0.3, 0.9], [0.5, np.nan, 0.2, 0.1], [np.inf, 1, 2, 3], [4, 3, 2, 1]], "float32")
    t = np.array([2, 0, 1, 7], "int32")
    o.add("top1", lambda p, t: raw.InTopK(predictions=p, targets=t, k=1), p, t)
    for k in (1, 2, 3):
        o.add("top_v2_%d" % k, lambda p, t, k: raw.InTopKV2(predictions=p, targets=t, k=k), p, t.astype("int64"), np.int64(k))
    o.add("top_ties", lambda p, t, k: raw.InTopKV2(predictions=p, targets=t, k=k), p[:1], np.array([3], "int32"), np.int32(1))
    o.add("inverse", lambda p: tf.math.invert_permutation(p), np.array([2, 0, 3, 1], "int32"))
    for reverse in (False, True):
        o.add("nth_%d" % reverse, lambda x, n, r=reverse: raw.NthElement(input=x, n=n, reverse=r), o.normal(2, 3, 5), np.int32(1))
        o.add("nth_int_%d" % reverse, lambda x, n, r=reverse: raw.NthElement(input=x, n=n, reverse=r), o.ints(6), np.int32(4))
    s = np.sort(o.ints(2, 5, high=6), axis=1)
    v = o.ints(2, 7, low=-1, high=8)
    for op in (raw.LowerBound, raw.UpperBound):
        o.add(op.__name__, lambda s, v, op=op: op(sorted_inputs=s, values=v), s, v)
        o.add(op.__name__ + "_float", lambda s, v, op=op: op(sorted_inputs=s, values=v, out_type=tf.int64), s.astype("float32"),
              v.astype("float32"))
        o.add(op.__name__ + "_empty", lambda s, v, op=op: op(sorted_inputs=s, values=v), s[:, :0], v)
    for dtype in ("float32", "float64", "int32", "int64"):
        o.add("histogram_" + dtype, lambda v, r, n: raw.HistogramFixedWidth(values=v, value_range=r, nbins=n),
              o.uniform(3, 7, low=-2, high=12).astype(dtype), np.array([0, 10], dtype), np.int32(4))
    o.add("histogram_empty", lambda v, r, n: raw.HistogramFixedWidth(values=v, value_range=r, nbins=n, dtype=tf.int64),
          np.zeros(0, "float32"), np.array([0, 1], "float32"), np.int32(3))
    for binary in (False, True):
        o.add("bins_sparse_%d" % binary,
              lambda i, v, d, s, w, b=binary: raw.SparseBincount(indices=i, values=v, dense_shape=d, size=s, weights=w, binary_output=b),
              np.array([[0, 0], [0, 2], [2, 1], [2, 2]], "int64"), np.array([1, 1, 3, 9]), np.array([3, 3], "int64"), np.int64(5),
              np.zeros(0, "float32") if binary else o.normal(4))
        o.add("bins_ragged_%d" % binary,
              lambda p, v, s, w, b=binary: raw.RaggedBincount(splits=p, values=v, size=s, weights=w, binary_output=b),
              np.array([0, 2, 2, 5], "int64"), np.array([1, 1, 3, 0, 3], "int32"), np.int32(4),
              np.zeros(0, "int32") if binary else np.array([1, 2, 3, 4, 5], "int32"))


@case
def sets(o):
    a = np.array([[[1, 2, 2], [5, 6, 7]], [[0, 0, 0], [9, 8, 7]]], "int64")
    b = np.array([[[2, 3], [5, 5]], [[0, 4], [1, 2]]], "int64")
    i = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 2], [1, 1, 0]], "int64")
    v, d = np.array([2, 6, 5, 9], "int64"), np.array([2, 2, 4], "int64")
    for kind in ("a-b", "b-a", "intersection", "union"):
        n = kind.replace("-", "_minus_")
        o.add("dense_" + n, lambda a, b, k=kind: raw.DenseToDenseSetOperation(set1=a, set2=b, set_operation=k), a, b)
        o.add("sparse_" + n, lambda a, i, v, d, k=kind: raw.DenseToSparseSetOperation(
            set1=a, set2_indices=i, set2_values=v, set2_shape=d, set_operation=k), a, i, v, d)
        o.add("both_" + n, lambda i, v, d, j, w, e, k=kind: raw.SparseToSparseSetOperation(
            set1_indices=i, set1_values=v, set1_shape=d, set2_indices=j, set2_values=w, set2_shape=e, set_operation=k),
            i, v, d, i[1:], v[1:] - 1, d)
    o.add("strings", lambda a, b: raw.DenseToDenseSetOperation(set1=a, set2=b, set_operation="union"),
          np.array([[b"b", b"a"]]), np.array([[b"c", b"a"]]))
    o.add("size", lambda i, v, d: raw.SetSize(set_indices=i, set_values=v, set_shape=d), i, np.array([2, 6, 6, 9], "int64"), d)


# ---- sparse tensors ----

@case
def sparse(o):
    i = np.array([[0, 1], [0, 3], [2, 0], [3, 3]], "int64")
    v, d = o.normal(4), np.array([4, 5], "int64")
    o.add("to_dense", lambda i, d, v, z: raw.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=z),
          i, d, v, np.float32(-1))
    o.add("to_dense_scalar", lambda i, d, v, z: raw.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=z),
          np.array([1, 3], "int32"), np.array([5], "int32"), np.int32(7), np.int32(0))
    o.add("to_dense_string", lambda i, d, v, z: raw.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=z),
          i, d, np.array([b"a", b"b", b"c", b"d"]), b"-")
    o.add("to_dense_unsorted", lambda i, d, v, z: raw.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=z,
                                                                    validate_indices=False), i[::-1].copy(), d, v, np.float32(0))
    o.add("to_dense_bool", lambda i, d, v, z: raw.SparseToDense(sparse_indices=i, output_shape=d, sparse_values=v, default_value=z),
          i, d, np.array([True, True, False, True]), np.bool_(False))
    dense = o.normal(4, 5)
    o.add("dense_add", lambda i, v, d, b: raw.SparseTensorDenseAdd(a_indices=i, a_values=v, a_shape=d, b=b), i, v, d, dense)
    o.add("dense_add_int", lambda i, v, d, b: raw.SparseTensorDenseAdd(a_indices=i, a_values=v, a_shape=d, b=b), i.astype("int32"),
          o.ints(4, dtype="int64"), d.astype("int32"), o.ints(4, 5, dtype="int64"))
    for aa in (False, True):
        for ab in (False, True):
            b = o.normal(4 if aa else 5, 3)
            o.add("matmul_%d%d" % (aa, ab), lambda i, v, d, b, x=aa, y=ab: raw.SparseTensorDenseMatMul(
                a_indices=i, a_values=v, a_shape=d, b=b, adjoint_a=x, adjoint_b=y), i, v, d, b.T.copy() if ab else b)
    for op in (raw.SparseDenseCwiseMul, raw.SparseDenseCwiseDiv, raw.SparseDenseCwiseAdd):
        o.add(op.__name__, lambda i, v, d, b, op=op: op(sp_indices=i, sp_values=v, sp_shape=d, dense=b), i, v, d, dense)
        o.add(op.__name__ + "_row", lambda i, v, d, b, op=op: op(sp_indices=i, sp_values=v, sp_shape=d, dense=b), i, v, d, dense[:1])
    o.add("dense_matmul", lambda a, b: raw.SparseMatMul(a=a, b=b, transpose_b=True), o.normal(3, 4), o.normal(2, 4))
    j = np.array([[0, 3], [1, 1], [3, 3]], "int64")
    w = o.normal(3)
    o.add("add", lambda i, v, d, j, w, t: raw.SparseAdd(a_indices=i, a_values=v, a_shape=d, b_indices=j, b_values=w, b_shape=d, thresh=t),
          i, v, d, j, w, np.float32(0.3))
    for op in (raw.SparseSparseMaximum, raw.SparseSparseMinimum):
        o.add(op.__name__, lambda i, v, d, j, w, op=op: op(a_indices=i, a_values=v, a_shape=d, b_indices=j, b_values=w, b_shape=d),
              i, v, d, j, w)


@case
def sparse_layout(o):
    i = np.array([[0, 1], [0, 3], [2, 0], [3, 3]], "int64")
    v, d = o.normal(4), np.array([4, 5], "int64")
    mix = np.array([2, 0, 3, 1])
    o.add("reorder", lambda i, v, d: raw.SparseReorder(input_indices=i, input_values=v, input_shape=d), i[mix], v, d)
    for n, shape in (("flat", [-1]), ("cube", [2, 2, -1]), ("same", [5, 4])):
        o.add("reshape_" + n, lambda i, d, s: raw.SparseReshape(input_indices=i, input_shape=d, new_shape=s), i, d, np.array(shape, "int64"))
    for axis in (0, 1, -1):
        o.add("concat_%d" % (axis % 3), lambda i, v, d, j, w, a=axis: raw.SparseConcat(
            indices=[i, j], values=[v, w], shapes=[d, d], concat_dim=a), i, v, d, i[1:], v[1:])
    o.add("concat_string", lambda i, v, d: raw.SparseConcat(indices=[i, i], values=[v, v], shapes=[d, d], concat_dim=1), i,
          np.array([b"a", b"b", b"c", b"d"]), d)
    o.add("slice", lambda i, v, d, s, n: raw.SparseSlice(indices=i, values=v, shape=d, start=s, size=n), i, v, d,
          np.array([0, 1], "int64"), np.array([3, 9], "int64"))
    for axis in (0, 1):
        o.add("split_%d" % axis, lambda i, v, d, a: raw.SparseSplit(split_dim=a, indices=i, values=v, shape=d, num_split=3), i, v, d,
              np.int64(axis))
    o.add("fill_rows", lambda i, v, d, z: raw.SparseFillEmptyRows(indices=i, values=v, dense_shape=d, default_value=z), i, v, d,
          np.float32(9))
    o.add("fill_rows_string", lambda i, v, d, z: raw.SparseFillEmptyRows(indices=i, values=v, dense_shape=d, default_value=z), i,
          np.array([b"a", b"b", b"c", b"d"]), d, b"?")
    o.add("fill_all_rows", lambda i, v, d, z: raw.SparseFillEmptyRows(indices=i, values=v, dense_shape=d, default_value=z), i[:0], v[:0],
          d, np.float32(1))
    o.add("fill_cube", lambda i, v, d, z: raw.SparseFillEmptyRows(indices=i, values=v, dense_shape=d, default_value=z),
          np.array([[2, 1, 0], [0, 1, 1]], "int64"), v[:2], np.array([4, 2, 2], "int64"), np.float32(1))
    for op in (raw.SparseReduceSum, raw.SparseReduceMax):
        for keep in (False, True):
            for n, axes in (("none", []), ("rows", [0]), ("columns", [-1]), ("both", [0, 1])):
                o.add("%s_%s_%d" % (op.__name__, n, keep), lambda i, v, d, a, op=op, k=keep: op(
                    input_indices=i, input_values=v, input_shape=d, reduction_axes=a, keep_dims=k), i, v, d, np.array(axes, "int32"))
    o.add("softmax", lambda i, v, d: raw.SparseSoftmax(sp_indices=i, sp_values=v, sp_shape=d), i, v, d)
    x = o.normal(6, 3, 5)
    lengths = np.array([6, 4, 0], "int32")
    for merge in (False, True):
        o.add("ctc_greedy_%d" % merge, lambda x, n, m=merge: raw.CTCGreedyDecoder(inputs=x, sequence_length=n, merge_repeated=m), x, lengths)
        o.add("ctc_beam_%d" % merge, lambda x, n, m=merge: raw.CTCBeamSearchDecoder(
            inputs=x, sequence_length=n, beam_width=7, top_paths=2, merge_repeated=m), x, np.array([6, 4, 3], "int32"))
    o.add("ctc_blank", lambda x, n: raw.CTCGreedyDecoder(inputs=x, sequence_length=n, blank_index=0), x, lengths)


@case
def crosses(o):
    i, d = np.array([[0, 0], [0, 1], [2, 0]], "int64"), np.array([3, 2], "int64")
    words, numbers = np.array([b"a", b"bc", b"d"]), np.array([7, 2**40, -3], "int64")
    dense_words, dense_numbers = np.array([[b"x", b"y"], [b"z", b""], [b"u", b"v"]]), np.array([[5], [6], [2**33]], "int64")
    for n, buckets in (("some", 50), ("all", 0)):
        o.add("hashed_" + n, lambda i, w, k, d, x, y, b=buckets: split_words(raw.SparseCross(
            indices=[i, i], values=[w, k], shapes=[d, d], dense_inputs=[x, y], hashed_output=True, num_buckets=b, hash_key=0xDECAFCAFFE,
            out_type=tf.int64, internal_type=tf.int64)), i, words, numbers, d, dense_words, dense_numbers)
        o.add("salted_" + n, lambda i, w, k, d, x, y, b, s, z: split_words(raw.SparseCrossHashed(
            indices=[i, i], values=[w, k], shapes=[d, d], dense_inputs=[x, y], num_buckets=b, strong_hash=s, salt=z)),
            i, words, numbers, d, dense_words, dense_numbers, np.int64(buckets), np.bool_(False), np.array([137, 173], "int64"))
        # TensorFlow itself fails on integers under a strong hash.
        o.add("strong_" + n, lambda i, w, d, x, b, s, z: split_words(raw.SparseCrossHashed(
            indices=[i], values=[w], shapes=[d], dense_inputs=[x], num_buckets=b, strong_hash=s, salt=z)),
            i, words, d, dense_words, np.int64(buckets), np.bool_(True), np.array([137, 173], "int64"))
    o.add("joined", lambda i, w, k, d, x: raw.SparseCross(
        indices=[i, i], values=[w, k], shapes=[d, d], dense_inputs=[x], hashed_output=False, num_buckets=0, hash_key=1, out_type=tf.string,
        internal_type=tf.int64), i, words, numbers, d, dense_words)
    o.add("separated", lambda i, w, d, x, s: raw.SparseCrossV2(
        indices=[i], values=[w], shapes=[d], dense_inputs=[x], sep=s), i, words, d, dense_words, b"/")
    o.add("dense", lambda x, y: split_words(raw.SparseCross(
        indices=[], values=[], shapes=[], dense_inputs=[x, y], hashed_output=True, num_buckets=1000, hash_key=0xDECAFCAFFE,
        out_type=tf.int64, internal_type=tf.int64)), dense_words, dense_numbers)


def split_words(found):
    """Large integers as strings, which no tolerance hides."""
    indices, values, shape = (found.indices, found.values, found.dense_shape) if isinstance(found, tf.SparseTensor) else found
    return [indices, tf.strings.as_string(values), shape]


# ---- losses, cells ----

@case
def cells(o):
    x, y = o.normal(4, 5), o.uniform(4, 5)
    o.add("loss", lambda x, y: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y), x, y)
    o.add("loss_row", lambda x, y: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y), x, y[:1])
    o.add("loss_double", lambda x, y: raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y), x.astype("float64") * 90, y.astype("float64"))
    for dtype in ("int32", "int64"):
        o.add("sparse_loss_" + dtype, lambda x, t: raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=t), x,
              np.array([0, 4, 2, 2], dtype))
    units, size, batch = 3, 2, 2
    w, b = o.normal(size + units, 4 * units), o.normal(4 * units)
    peep = [o.normal(units) for _ in range(3)]
    state = [o.normal(batch, units), o.normal(batch, units)]
    for n, attrs in (("plain", {}), ("peephole", dict(use_peephole=True, forget_bias=0.3)), ("clip", dict(cell_clip=0.4)),
                     ("no_clip", dict(cell_clip=-1.0))):
        o.add("lstm_cell_" + n, lambda x, c, h, w, i, f, p, b, a=attrs: raw.LSTMBlockCell(
            x=x, cs_prev=c, h_prev=h, w=w, wci=i, wcf=f, wco=p, b=b, **a), o.normal(batch, size), *state, w, *peep, b)
        o.add("lstm_" + n, lambda s, x, c, h, w, i, f, p, b, a=attrs: raw.BlockLSTM(
            seq_len_max=s, x=x, cs_prev=c, h_prev=h, w=w, wci=i, wcf=f, wco=p, b=b, **a), np.int64(4), o.normal(4, batch, size), *state, w,
            *peep, b)
    o.add("lstm_v2", lambda s, x, c, h, w, i, f, p, b: raw.BlockLSTMV2(
        seq_len_max=s, x=x, cs_prev=c, h_prev=h, w=w, wci=i, wcf=f, wco=p, b=b, cell_clip=0.9, use_peephole=True), np.int64(3),
        o.normal(3, batch, size), *state, w, *peep, b)
    o.add("lstm_short", lambda s, x, c, h, w, i, f, p, b: raw.BlockLSTM(
        seq_len_max=s, x=x, cs_prev=c, h_prev=h, w=w, wci=i, wcf=f, wco=p, b=b)[1::5], np.int64(2), o.normal(4, batch, size), *state, w,
        *peep, b)
    o.add("gru_cell", lambda x, h, a, c, d, e: raw.GRUBlockCell(x=x, h_prev=h, w_ru=a, w_c=c, b_ru=d, b_c=e), o.normal(batch, size),
          state[0], o.normal(size + units, 2 * units), o.normal(size + units, units), o.normal(2 * units), o.normal(units))


# ---- images ----

@case
def colours(o):
    x = o.uniform(2, 3, 4, 3)
    x[0, 0] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.2], [0.2, 0.7, 0.7]]
    for dtype in ("float32", "float64"):
        o.add("to_hsv_" + dtype, lambda x: raw.RGBToHSV(images=x), x.astype(dtype))
        o.add("to_rgb_" + dtype, lambda x: raw.HSVToRGB(images=x), o.uniform(5, 3, low=-0.1, high=1.1).astype(dtype))
    o.add("to_hsv_negative", lambda x: raw.RGBToHSV(images=x), o.normal(4, 3))
    for k, delta in enumerate((0.3, -0.7, 0.0, 1.0)):
        o.add("hue_%d" % k, lambda x, d: raw.AdjustHue(images=x, delta=d), x, np.float32(delta))
    for k, scale in enumerate((0.0, 0.5, 3.0)):
        o.add("saturation_%d" % k, lambda x, s: raw.AdjustSaturation(images=x, scale=s), x, np.float32(scale))
        o.add("contrast_%d" % k, lambda x, s: raw.AdjustContrastv2(images=x, contrast_factor=s), x, np.float32(scale))
    o.add("empty", lambda x: raw.RGBToHSV(images=x), np.zeros((0, 3), "float32"))


@case
def boxes(o):
    image = np.round(o.uniform(2, 6, 7, 3), 2)
    box = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.6], [-0.5, 0.3, 0.7, 1.5], [0.9, 0.8, 0.2, 0.1]], "float32")
    index = np.array([0, 1, 1, 0], "int32")
    for method in ("bilinear", "nearest"):
        for size in ([4, 5], [1, 1], [9, 2]):
            o.add("crop_%s_%d" % (method, size[0]), lambda x, b, i, s, m=method: raw.CropAndResize(
                image=x, boxes=b, box_ind=i, crop_size=s, method=m, extrapolation_value=-2.5), image, box, index, np.array(size, "int32"))
    for dtype in ("uint8", "int32", "float64", "float16"):
        o.add("crop_" + dtype, lambda x, b, i, s: raw.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=s), (image * 200).astype(dtype),
              box, index, np.array([3, 3], "int32"))
    o.add("crop_none", lambda x, b, i, s: raw.CropAndResize(image=x, boxes=b, box_ind=i, crop_size=s), image, box[:0], index[:0],
          np.array([3, 3], "int32"))
    many = np.array([[[0.1, 0.2, 0.8, 0.6], [0.5, 0.5, 0.5, 0.9], [-0.3, 0.1, 0.4, 1.4]], [[0, 0, 1, 1], [0.9, 0.1, 0.2, 0.5], [0.3, 0.3, 0.6, 0.6]]], "float32")
    o.add("draw", lambda x, b, c: raw.DrawBoundingBoxesV2(images=x, boxes=b, colors=c), image, many, o.uniform(2, 3))
    o.add("draw_v1", lambda x, b: raw.DrawBoundingBoxes(images=x, boxes=b), image, many)
    o.add("draw_grey", lambda x, b: raw.DrawBoundingBoxes(images=x, boxes=b), image[..., :1].copy(), many)
    for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"):
        for method in ("NEAREST", "BILINEAR"):
            o.add("warp_%s_%s" % (mode, method), lambda x, t, s, f, m=mode, n=method: raw.ImageProjectiveTransformV3(
                images=x, transforms=t, output_shape=s, fill_value=f, interpolation=n, fill_mode=m), image,
                np.array([[0.9, 0.3, -2.3, -0.2, 1.1, 1.7, 0, 0], [1.3, 0, -7.2, 0.1, 0.8, 4.4, 0.01, 0.02]], "float32"), np.array([5, 8], "int32"),
                np.float32(0.25))
    o.add("warp_v2", lambda x, t, s: raw.ImageProjectiveTransformV2(images=x, transforms=t, output_shape=s, interpolation="NEAREST"),
          (image * 255).astype("uint8"), np.array([[1, 0, 1, 0, 1, -2, 0, 0]], "float32"), np.array([6, 7], "int32"))


@case
def suppression(o):
    centre = o.uniform(24, 2)
    size = o.uniform(24, 2, low=0.1, high=0.5)
    box = np.concatenate([centre - size / 2, centre + size / 2], 1).astype("float32")
    box[3] = box[3][[2, 3, 0, 1]]
    box[7, 2] = box[7, 0]
    score = o.uniform(24)
    score[5] = score[6] = score[11]
    score[20] = -np.inf
    most = np.int32(9)
    f = np.float32
    o.add("v1", lambda b, s, m: raw.NonMaxSuppression(boxes=b, scores=s, max_output_size=m, iou_threshold=0.3), box, score, most)
    for dtype in ("float32", "float16"):
        b, s, t = box.astype(dtype), score.astype(dtype), np.dtype(dtype).type
        o.add("v2_" + dtype, lambda b, s, m, i: raw.NonMaxSuppressionV2(boxes=b, scores=s, max_output_size=m, iou_threshold=i), b, s, most, t(0.3))
        o.add("v3_" + dtype, lambda b, s, m, i, t: raw.NonMaxSuppressionV3(
            boxes=b, scores=s, max_output_size=m, iou_threshold=i, score_threshold=t), b, s, most, t(0.2), t(0.3))
        for pad in (False, True):
            o.add("v4_%s_%d" % (dtype, pad), lambda b, s, m, i, t, p=pad: raw.NonMaxSuppressionV4(
                boxes=b, scores=s, max_output_size=m, iou_threshold=i, score_threshold=t, pad_to_max_output_size=p), b, s, np.int32(30), t(0.5), t(0.1))
            for sigma in (0.0, 0.5):
                o.add("v5_%s_%d_%d" % (dtype, pad, sigma * 2), lambda b, s, m, i, t, g, p=pad: raw.NonMaxSuppressionV5(
                    boxes=b, scores=s, max_output_size=m, iou_threshold=i, score_threshold=t, soft_nms_sigma=g, pad_to_max_output_size=p),
                    b, s, np.int32(20), t(0.4), t(0.05), t(sigma))
    overlap = o.uniform(8, 8)
    o.add("overlaps", lambda b, s, m, i, t: raw.NonMaxSuppressionWithOverlaps(
        overlaps=b, scores=s, max_output_size=m, overlap_threshold=i, score_threshold=t), overlap, o.uniform(8), most, f(0.5), f(0.1))
    o.add("none", lambda b, s, m, i, t: raw.NonMaxSuppressionV3(boxes=b, scores=s, max_output_size=m, iou_threshold=i, score_threshold=t),
          box[:0], score[:0], most, f(0.5), f(0.1))
    many = np.stack([box, np.roll(box, 5, 0)])[:, :, None]
    per_class = np.concatenate([many * (1 + 0.05 * k) for k in range(3)], 2)
    scores = np.round(o.uniform(2, 24, 3), 1)
    for n, b in (("shared", many), ("own", per_class)):
        for pad in (False, True):
            for clip in (False, True):
                o.add("combined_%s_%d%d" % (n, pad, clip), lambda b, s, m, t, i, u, p=pad, c=clip: raw.CombinedNonMaxSuppression(
                    boxes=b, scores=s, max_output_size_per_class=m, max_total_size=t, iou_threshold=i, score_threshold=u, pad_per_class=p,
                    clip_boxes=c), b.astype("float32"), scores, np.int32(4), np.int32(14), f(0.4), f(0.25))


@case
def windows(o):
    x = o.normal(2, 7, 6, 3)
    for padding in ("VALID", "SAME"):
        for k, (size, stride, rate) in enumerate((([3, 2], [1, 1], [1, 1]), ([2, 3], [3, 2], [1, 1]), ([2, 2], [2, 1], [2, 3]))):
            o.add("patches_%s_%d" % (padding, k), lambda x, s=size, t=stride, r=rate, p=padding: raw.ExtractImagePatches(
                images=x, ksizes=[1, *s, 1], strides=[1, *t, 1], rates=[1, *r, 1], padding=p), x)
            o.add("dilation_%s_%d" % (padding, k), lambda x, f, t=stride, r=rate, p=padding: raw.Dilation2D(
                input=x, filter=f, strides=[1, *t, 1], rates=[1, *r, 1], padding=p), x, o.normal(*size, 3))
        o.add("patches_int_" + padding, lambda x, p=padding: raw.ExtractImagePatches(
            images=x, ksizes=[1, 2, 2, 1], strides=[1, 2, 2, 1], rates=[1, 1, 1, 1], padding=p), o.ints(1, 5, 5, 2, dtype="int64"))
        o.add("volume_" + padding, lambda x, p=padding: raw.ExtractVolumePatches(
            input=x, ksizes=[1, 2, 3, 2, 1], strides=[1, 2, 1, 2, 1], padding=p), o.normal(1, 4, 5, 3, 2))
        for batch in (False, True):
            o.add("argmax_%s_%d" % (padding, batch), lambda x, p=padding, b=batch: raw.MaxPoolWithArgmax(
                input=x, ksize=[1, 3, 2, 1], strides=[1, 2, 2, 1], padding=p, include_batch_in_index=b), x)
        o.add("argmax_ties_" + padding, lambda x, p=padding: raw.MaxPoolWithArgmax(
            input=x, ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding=p, Targmax=tf.int32), o.ints(1, 5, 5, 1, high=2).astype("float32"))


# ---- tf.io ----

def example(**features):
    made = {}
    for key, values in features.items():
        feature = tf.train.Feature()
        if values is None:
            pass
        elif values and isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif values and isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
        made[key] = feature
    message = tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString(deterministic=True)
    # numpy drops zeros at the end of strings: an unknown field stands behind them.
    return message + b"\x10\x01"


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def unpacked_example():
    """int_list [1, 300, -1] and float_list [0.5] without packing, one number per field."""
    def part(field, body):
        return varint(field << 3 | 2) + varint(len(body)) + body
    numbers = b"".join(b"\x08" + varint(n % 2**64) for n in (1, 300, -1))
    floats = b"\x0d" + np.float32(0.5).tobytes()
    def entry(key, kind, body):
        return part(1, part(1, key) + part(2, part(kind, body)))
    return part(1, entry(b"i", 3, numbers) + entry(b"f", 2, floats)) + b"\x10\x01"


@case
def parse(o):
    fixed, varying, listed = tf.io.FixedLenFeature, tf.io.VarLenFeature, tf.io.FixedLenSequenceFeature
    batch = np.array([
        example(x=[1.0, 2.0], n=[5], s=[b"hello", b"world"], v=[1, 2, 3], q=[1.5, 2.5, 3.5, 4.5], t=[b"a"], extra=[9]),
        example(x=[3.0, 4.0], n=None, s=[b"", b"x"], v=None, q=[0.5, 0.25]),
        example(x=[-1.0, 0.0], s=[b"p", b"q"], v=[-7, 2**40], t=[b"b", b"c\xc3\xa9"]),
        example(n=[3], x=[0.5, 0.5], s=[b"p", b"q"])])

    def spec():
        return {"x": fixed([2], tf.float32), "n": fixed([], tf.int64, default_value=-4), "s": fixed([2, 1], tf.string),
                "v": varying(tf.int64), "t": varying(tf.string), "q": listed([2], tf.float32, allow_missing=True),
                "absent": varying(tf.float32), "d": fixed([1, 2], tf.float32, default_value=[[7.5, 8.5]]),
                "w": listed([], tf.string, allow_missing=True, default_value="pad")}

    def columns(found):
        parts = []
        for key in sorted(found):
            value = found[key]
            if isinstance(value, tf.SparseTensor):
                parts += [value.indices, value.values, value.dense_shape]
            elif isinstance(value, tf.RaggedTensor):
                parts += [value.flat_values, *value.nested_row_splits]
            else:
                parts.append(value)
        return parts

    o.add("v2", lambda e: columns(tf.io.parse_example(e, spec())), batch)
    o.add("v2_names", lambda e, n: columns(tf.io.parse_example(e, spec(), example_names=n)), batch, np.array([b"a", b"b", b"c", b"d"]))
    o.add("empty_batch", lambda e: columns(tf.io.parse_example(e, spec())), batch[:0])
    o.add("single", lambda e: columns(tf.io.parse_single_example(e, spec())), batch[0])
    o.add("unpacked", lambda e: columns(tf.io.parse_example(e, {"i": fixed([3], tf.int64), "f": varying(tf.float32)})),
          np.array([unpacked_example(), example(i=[4, 5, 6], f=[1.0, 2.0])]))
    twice = example(x=[1.0]) + example(x=[2.0, 3.0])
    o.add("repeated", lambda e: columns(tf.io.parse_example(e, {"x": varying(tf.float32)})), np.array([twice, example()]))
    ragged = {"v": tf.io.RaggedFeature(tf.int64), "t": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64),
              "p": tf.io.RaggedFeature(tf.float32, value_key="q", partitions=[tf.io.RaggedFeature.UniformRowLength(2)])}
    o.add("ragged", lambda e: columns(tf.io.parse_example(e, ragged)), batch)
    o.add("ragged_single", lambda e: columns(tf.io.parse_single_example(e, {"v": tf.io.RaggedFeature(tf.int64)})), batch[2])
    o.add("sparse_feature", lambda e: columns(tf.io.parse_example(e, {"z": tf.io.SparseFeature("i", "f", tf.float32, 10)})),
          np.array([example(i=[3, 1], f=[1.0, 2.0]), example(i=[7], f=[4.0])]))

    def old(e):
        return raw.ParseExample(serialized=e, names=tf.constant([], tf.string), sparse_keys=["v", "t"], dense_keys=["n", "x"],
                                dense_defaults=[tf.constant([-4], tf.int64), tf.constant([], tf.float32)],
                                sparse_types=[tf.int64, tf.string], dense_shapes=[[1], [2]])
    o.add("v1", lambda e: list(old(e)), batch)

    def alone(e):
        return raw.ParseSingleExample(serialized=e, dense_defaults=[tf.constant([], tf.float32)], num_sparse=1, sparse_keys=["v"],
                                      dense_keys=["x"], sparse_types=[tf.int64], dense_shapes=[[2]])
    o.add("v1_single", lambda e: list(alone(e)), batch[0])


def sequence(context, **lists):
    def feature(values):
        made = tf.train.Feature()
        if values and isinstance(values[0], bytes):
            made.bytes_list.value.extend(values)
        elif values and isinstance(values[0], int):
            made.int64_list.value.extend(values)
        elif values:
            made.float_list.value.extend(values)
        return made
    message = tf.train.SequenceExample(
        context=tf.train.Features(feature={k: feature(v) for k, v in context.items()}),
        feature_lists=tf.train.FeatureLists(feature_list={k: tf.train.FeatureList(feature=[feature(v) for v in steps])
                                                          for k, steps in lists.items()}))
    return message.SerializeToString(deterministic=True) + b"\x18\x01"


@case
def parse_sequence(o):
    batch = np.array([
        sequence({"n": [3], "v": [1.0, 2.0]}, x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], w=[[b"a"], [b"b", b"c"]], r=[[1, 2], [], [3]]),
        sequence({"v": [], "t": [b"q", b"r"]}, x=[[7.0, 8.0]], w=[], e=[[5]]),
        sequence({"n": [-1]}, x=[], r=[[4]], w=[[b"d", b"e", b"f"]])])
    context = {"n": tf.io.FixedLenFeature([], tf.int64, default_value=8), "v": tf.io.VarLenFeature(tf.float32),
               "t": tf.io.RaggedFeature(tf.string)}
    steps = {"x": tf.io.FixedLenSequenceFeature([2], tf.float32), "e": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
             "w": tf.io.VarLenFeature(tf.string), "r": tf.io.RaggedFeature(tf.int64)}

    def parts(e):
        first, lists, lengths = tf.io.parse_sequence_example(e, context, steps)
        found = []
        for values in (first, lists, lengths):
            for key in sorted(values):
                value = values[key]
                if isinstance(value, tf.SparseTensor):
                    found += [value.indices, value.values, value.dense_shape]
                elif isinstance(value, tf.RaggedTensor):
                    found += [value.flat_values, *value.nested_row_splits]
                else:
                    found.append(value)
        return found
    o.add("v2", parts, batch)
    o.add("v2_none", parts, batch[:0])

    def old(e):
        return raw.ParseSequenceExample(
            serialized=e, debug_name=tf.constant([], tf.string), context_dense_defaults=[tf.constant([8], tf.int64)],
            feature_list_dense_missing_assumed_empty=["e"], context_sparse_keys=["v"], context_dense_keys=["n"],
            feature_list_sparse_keys=["w"], feature_list_dense_keys=["e", "x"], Ncontext_sparse=1, Ncontext_dense=1,
            Nfeature_list_sparse=1, Nfeature_list_dense=2, context_sparse_types=[tf.float32], feature_list_dense_types=[tf.int64, tf.float32],
            context_dense_shapes=[[1]], feature_list_sparse_types=[tf.string], feature_list_dense_shapes=[[], [2]])
    o.add("v1", lambda e: list(old(e)), batch)


@case
def records(o):
    data = np.array([[b"abcdefgh", b"ABCDEFGH"], [b"12345678", b"zyxwvuts"]])
    for dtype in (tf.uint8, tf.int8, tf.int16, tf.uint16, tf.int32):
        for little in (True, False):
            o.add("raw_%s_%d" % (dtype.name, little),
                  lambda b, t=dtype, l=little: low_digits(raw.DecodeRaw(bytes=b, out_type=t, little_endian=l)), data)
    numbers = np.array([o.normal(3).tobytes() + b"\x01\x02\x03\x3f"])
    o.add("raw_float", lambda b: raw.DecodeRaw(bytes=b, out_type=tf.float32), numbers)
    o.add("raw_bool", lambda b: raw.DecodeRaw(bytes=b, out_type=tf.bool), np.array([b"\x01\x00\x01"]))
    o.add("raw_none", lambda b: raw.DecodeRaw(bytes=b, out_type=tf.float32), np.array([b"", b""]))
    o.add("raw_no_strings", lambda b: raw.DecodeRaw(bytes=b, out_type=tf.int16), data[:0])
    for little in (True, False):
        o.add("padded_%d" % little, lambda b, n, l=little: low_digits(raw.DecodePaddedRaw(
            input_bytes=b, fixed_length=n, out_type=tf.int16, little_endian=l)), np.array([b"abc", b"", b"abcdefghij"]), np.int32(6))
    packed = np.array([zlib.compress(b"hello " * 50), zlib.compress(b"x")])
    o.add("zlib", lambda b: raw.DecodeCompressed(bytes=b, compression_type="ZLIB"), packed)
    # numpy drops zeros at the end of strings
    o.add("gzip", lambda b: raw.DecodeCompressed(bytes=tf.strings.join([b, b"\x00\x00"]), compression_type="GZIP"),
          gzip.compress(b"hello " * 90 + b"!", mtime=0)[:-2])
    o.add("not_compressed", lambda b: raw.DecodeCompressed(bytes=b), np.array([b"as it is"]))
    lines = np.array([b'1,2.5,"a ""q"" b",x', b' -7 ,1e3,,"y,z"', b"3,inf,c,"])

    def defaults():
        return [tf.constant([0]), tf.constant([0.5]), tf.constant(["none"]), tf.constant(["last"])]
    o.add("csv", lambda r: raw.DecodeCSV(records=r, record_defaults=defaults()), lines)
    o.add("csv_matrix", lambda r: raw.DecodeCSV(records=r, record_defaults=defaults()), lines[:2].reshape(1, 2))
    o.add("csv_missing", lambda r: raw.DecodeCSV(records=r, record_defaults=[tf.constant([9], tf.int64), tf.constant([1.5], tf.float64)],
                                                 field_delim="|", na_value="NA"), np.array([b"NA|2", b"4|", b"|NA"]))
    o.add("csv_select", lambda r: raw.DecodeCSV(records=r, record_defaults=[tf.constant([0.0]), tf.constant(["none"])], select_cols=[1, 3]),
          lines)
    o.add("csv_no_quotes", lambda r: raw.DecodeCSV(records=r, record_defaults=[tf.constant([""]), tf.constant([""])],
                                                   use_quote_delim=False), np.array([b'"a,b"']))


def low_digits(x):
    """Numbers that the tolerance cannot hide a wrong byte of."""
    return [tf.cast(tf.bitwise.bitwise_and(tf.cast(x, tf.int64), 0xFFFF), tf.int32),
            tf.cast(tf.bitwise.right_shift(tf.cast(x, tf.int64), tf.constant(16, tf.int64)), tf.int32)]


def photo(height, width, channels, seed=0):
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 90 * np.sin(x * (0.2 + 0.1 * c) + seed) * np.cos(y * 0.3 - c) + 20 * ((x // 5 + y // 7) % 2) for c in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 255).astype("uint8")


def encoded(op, image, **attributes):
    with tf.Graph().as_default(), v1.Session() as session:
        return session.run(op(image=image, **attributes))


@case
def jpeg(o):
    rgb, grey = photo(21, 30, 3), photo(17, 13, 1)
    files = {"rgb": encoded(raw.EncodeJpeg, rgb), "grey": encoded(raw.EncodeJpeg, grey, quality=60),
             "full_chroma": encoded(raw.EncodeJpeg, rgb, chroma_downsampling=False), "progressive": encoded(raw.EncodeJpeg, rgb, progressive=True)}
    for name, file in files.items():
        for channels in (0, 1, 3):
            o.add("%s_%d" % (name, channels), lambda f, c=channels: raw.DecodeJpeg(contents=f, channels=c), file)
    for ratio in (2, 4, 8):
        o.add("ratio_%d" % ratio, lambda f, r=ratio: raw.DecodeJpeg(contents=f, ratio=r), files["rgb"])
    o.add("plain_upscaling", lambda f: raw.DecodeJpeg(contents=f, fancy_upscaling=False), files["rgb"])
    o.add("accurate", lambda f: raw.DecodeJpeg(contents=f, dct_method="INTEGER_ACCURATE"), files["rgb"])
    o.add("truncated", lambda f: raw.DecodeJpeg(contents=f, try_recover_truncated=True), files["rgb"][:len(files["rgb"]) * 2 // 3] + b"\x01")
    for k, window in enumerate(([0, 0, 21, 30], [3, 5, 9, 11], [16, 17, 5, 13])):
        o.add("crop_%d" % k, lambda f, w: raw.DecodeAndCropJpeg(contents=f, crop_window=w), files["rgb"], np.array(window, "int32"))
    o.add("shape", lambda f: raw.ExtractJpegShape(contents=f), files["grey"])
    o.add("shape_long", lambda f: raw.ExtractJpegShape(contents=f, output_type=tf.int64), files["rgb"])
    for dtype in (tf.uint8, tf.uint16, tf.float32):
        o.add("image_" + dtype.name, lambda f, t=dtype: raw.DecodeImage(contents=f, dtype=t, expand_animations=False), files["rgb"])
    o.add("as_png", lambda f: raw.DecodePng(contents=f), files["grey"])
    o.add("written", lambda x: raw.DecodeJpeg(contents=raw.EncodeJpeg(image=x, quality=80)), rgb)
    o.add("written_grey", lambda x: raw.DecodeJpeg(contents=raw.EncodeJpeg(image=x, progressive=True, optimize_size=True)), grey)


@case
def png(o):
    for channels in (1, 2, 3, 4):
        narrow = photo(7, 9, channels)
        wide = narrow.astype("uint16") * 257 - 100
        for name, image in (("narrow", narrow), ("wide", wide)):
            file = encoded(raw.EncodePng, image)
            for wanted in (0, 1, 3, 4):
                o.add("%s_%d_%d" % (name, channels, wanted), lambda f, c=wanted: raw.DecodePng(contents=f, channels=c), file)
            o.add("%s_%d_words" % (name, channels), lambda f: tf.cast(raw.DecodePng(contents=f, dtype=tf.uint16), tf.int32), file)
            o.add("%s_%d_image" % (name, channels), lambda f: raw.DecodeImage(contents=f, dtype=tf.float32, expand_animations=False), file)
        o.add("written_%d" % channels, lambda x: raw.DecodePng(contents=raw.EncodePng(image=x)), narrow)
        o.add("written_wide_%d" % channels, lambda x: tf.cast(raw.DecodePng(contents=raw.EncodePng(image=x), dtype=tf.uint16), tf.int32), wide)
    for name, file in handmade_png().items():
        for wanted in (0, 1, 3, 4):
            o.add("%s_%d" % (name, wanted), lambda f, c=wanted: raw.DecodePng(contents=f, channels=c), file)
    o.add("batch", lambda x: tf.map_fn(lambda f: raw.DecodePng(contents=f), raw.EncodePng(image=x), fn_output_signature=tf.uint8),
          np.stack([photo(5, 4, 3), photo(5, 4, 3, seed=2)]))


def chunk(kind, body):
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_file(width, height, depth, colour, rows, extra=b"", interlace=0):
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, interlace])
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def handmade_png():
    """Palettes, fewer than 8 bits, transparent colours."""
    palette = chunk(b"PLTE", bytes([10, 20, 30, 200, 100, 50, 0, 255, 0, 90, 90, 200]))
    rows = b"".join(b"\x00" + bytes([r]) for r in (0b00011011, 0b11100100, 0b01010101))
    return {"palette": png_file(4, 3, 2, 3, rows, palette),
            "palette_alpha": png_file(4, 3, 2, 3, rows, palette + chunk(b"tRNS", bytes([255, 0, 128]))),
            "bits": png_file(8, 3, 1, 0, rows), "grey_key": png_file(4, 3, 2, 0, rows, chunk(b"tRNS", bytes([0, 3])))}


def gif_codes(indices, bits):
    """LZW codes of a dictionary that grows as decoders expect it."""
    clear, codes, table, size, out = 1 << bits, [], {}, bits + 1, []
    def reset():
        return {(i,): i for i in range(clear)}, bits + 1
    out.append((clear, bits + 1))
    table, size = reset()
    text = ()
    for index in indices:
        if text + (index,) in table:
            text += (index,)
            continue
        out.append((table[text], size))
        table[text + (index,)] = len(table) + 2
        if len(table) + 1 == 1 << size and size < 12:
            size += 1
        text = (index,)
    out.append((table[text], size))
    if len(table) + 2 == 1 << size and size < 12:
        size += 1
    out.append((clear + 1, size))
    value = shift = 0
    for code, width in out:
        value |= code << shift
        shift += width
    return value.to_bytes((shift + 7) // 8, "little")


def gif_file(screen, frames, colours):
    """frames: (left, top, indices [h, w], transparent index or None, interlaced)."""
    bits = 3
    out = b"GIF89a" + screen[1].to_bytes(2, "little") + screen[0].to_bytes(2, "little") + bytes([0x80 | bits - 1, 0, 0]) + colours
    for left, top, indices, transparent, interlaced in frames:
        if transparent is not None:
            out += b"\x21\xf9\x04" + bytes([1, 5, 0, transparent, 0])
        height, width = indices.shape
        rows = [*range(0, height, 8), *range(4, height, 8), *range(2, height, 4), *range(1, height, 2)] if interlaced else range(height)
        data = gif_codes([int(v) for y in rows for v in indices[y]], bits)
        out += b"\x2c" + b"".join(v.to_bytes(2, "little") for v in (left, top, width, height)) + bytes([0x40 if interlaced else 0, bits])
        out += b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\x00"
    return out + b"\x21\xfe\x02hi\x00\x3b"


@case
def gif(o):
    colours = bytes(range(10, 250, 10))
    first, second = o.ints(13, 11, high=8), o.ints(5, 4, high=8)
    plain = gif_file((13, 11), [(0, 0, first, None, False)], colours)
    moving = gif_file((13, 11), [(0, 0, first, None, True), (3, 2, second, 5, False), (8, 10, second, None, True)], colours)
    small = gif_file((20, 20), [(2, 1, second, 3, False), (0, 0, first, 0, False)], colours)
    long = gif_file((40, 50), [(0, 0, o.ints(40, 50, high=8), None, False)], colours)
    for name, file in (("plain", plain), ("moving", moving), ("small", small), ("long", long)):
        o.add(name, lambda f: raw.DecodeGif(contents=f), file)
        o.add(name + "_image", lambda f: raw.DecodeImage(contents=f), file)
        o.add(name + "_first", lambda f: raw.DecodeImage(contents=f, expand_animations=False, channels=3), file)
    o.add("as_png", lambda f: raw.DecodePng(contents=f), plain)
    o.add("as_jpeg", lambda f: raw.DecodeJpeg(contents=f, channels=3), plain)
    o.add("as_float", lambda f: raw.DecodeImage(contents=f, dtype=tf.float32), moving)
    o.add("as_word", lambda f: tf.cast(raw.DecodeImage(contents=f, dtype=tf.uint16), tf.int32), plain)
    o.add("jpeg", lambda f: raw.DecodeGif(contents=f), encoded(raw.EncodeJpeg, photo(6, 5, 3)))


@case
def bmp(o):
    def file(image, top_down):
        height, width, channels = image.shape
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        rows = image[..., order].reshape(height, -1)
        pad = -rows.shape[1] % 4
        rows = np.pad(rows, ((0, 0), (0, pad)), constant_values=1)
        body = (rows if top_down else rows[::-1]).tobytes()
        header = b"BM" + (54 + len(body)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
        header += (40).to_bytes(4, "little") + width.to_bytes(4, "little")
        header += (-height if top_down else height).to_bytes(4, "little", signed=True)
        header += (1).to_bytes(2, "little") + (8 * channels).to_bytes(2, "little") + bytes(24)
        return header + body
    for channels in (1, 3, 4):
        for top_down in (False, True):
            content = file(np.maximum(photo(5, 3, channels), 1), top_down)
            for wanted in (0, 3, 4):
                o.add("d%d%d_%d" % (channels, top_down, wanted), lambda f, c=wanted: raw.DecodeBmp(contents=f, channels=c), content)
            o.add("image_%d%d" % (channels, top_down), lambda f: raw.DecodeImage(contents=f, expand_animations=False), content)


# ---- writing ----

def storable(value):
    value = np.asarray(value)
    if value.dtype.kind == "O":
        value = np.array([v if isinstance(v, bytes) else v.encode() for v in value.ravel()], dtype="S").reshape(value.shape)
    return value


def write(fn, frozen, out):
    name = fn.__name__ + ("_frozen" if frozen else "")
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        ops = Ops(fn.__name__, frozen)
        fn(ops)
        expected = session.run(ops.outputs, {t: v for t, v in ops.inputs.values()})
        keep = [t.op.name for t in ops.outputs.values()]
        definition = v1.graph_util.extract_sub_graph(graph.as_graph_def(), keep + [t.op.name for t, _ in ops.inputs.values()])
        for node in definition.node:  # hints that make a small graph large
            for hint in ("_class", "_output_shapes", "parallel_iterations"):
                node.attr.pop(hint, None)
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "graph.pb"), "wb") as f:
        f.write(definition.SerializeToString())
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **{k: storable(v) for k, (_, v) in ops.inputs.items()})
    np.savez_compressed(os.path.join(folder, "expected.npz"), **{k: storable(v) for k, v in expected.items()})
    form = dict(kind="graphdef", model="graph.pb", inputs=[t.name for t, _ in ops.inputs.values()],
                outputs=[t.name for t in ops.outputs.values()])
    data = dict(writer="TensorFlow " + tf.__version__, inputs=list(ops.inputs), outputs=list(ops.outputs), rtol=1e-5, atol=1e-5,
                expect="match", oracle="TensorFlow %s, a session in graph mode" % tf.__version__, forms=[form])
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(data, f, separators=(",", ":"))
    size = sum(os.path.getsize(os.path.join(folder, n)) for n in os.listdir(folder))
    print("%-24s %4d results %6d bytes" % (name, len(expected), size))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="*")
    parser.add_argument("--out", default=os.path.join(HERE, "tensorflow_data"))
    options = parser.parse_args()
    for fn in CASES:
        if fnmatch.fnmatch(fn.__name__, options.only):
            for frozen in (False, True):
                write(fn, frozen, options.out)


if __name__ == "__main__":
    main()
