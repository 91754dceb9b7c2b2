"""Families of make_op_types.py: what moves, joins, picks and marks elements."""
import numpy as np
import tensorflow as tf
from op_types_math import operands

R = tf.raw_ops
FAMILIES = []
RNG = np.random.default_rng(2)
INDEX = (tf.int32, tf.int64)


def family(fn):
    FAMILIES.append(fn)
    return fn


def drawn(*shape):
    return RNG.standard_normal(shape), RNG.integers(-9, 120, shape)


OPERANDS = operands(x=drawn(2, 3, 4), y=drawn(2, 3, 4), v=([1.5, -2, 0.25, 3, 1.5, 8], [1, 2, 0, 3, 1, 250]), s=drawn(4, 4), image=drawn(1, 4, 4, 4), tied=([3, 1, 3, 2, 1, 3], [3, 1, 3, 2, 1, 3]),
                    wide=([0, -0.0, 1.0625, -1.1875, 0.001, 0.0009765625, 0.0029296875, -1e-5, 7.5e-6, 447, 448, 464, 464.1, -480, 57344, 61439, 61440, -1e6, np.inf, -np.inf, np.nan, 17, 0.3, -0.7], [0, 1, 2, 3, 5, 7, 9, 17, 18, 19, 27, 29, 100, -100, 200, 447, 464, 465, 500, 57344, 61439, 61440, -7, -1000]))


@family
def moves(f):
    f.each("Concat", lambda op, x, t: [op(concat_dim=-1, values=[x("x"), x("y")]), op(concat_dim=0, values=[x("x"), x("y")[:0]])])
    f.each("ConcatV2", lambda op, x, t: [op(values=[x("x"), x("y")], axis=tf.constant(1, i)) for i in INDEX])
    f.each("Pack", lambda op, x, t: op(values=[x("x"), x("y")], axis=-2))
    f.each("Unpack", lambda op, x, t: op(value=tf.ensure_shape(x("x"), [2, 3, 4]), num=3, axis=1))
    f.each("Split", lambda op, x, t: op(axis=-1, value=x("x"), num_split=2))
    f.each("SplitV", lambda op, x, t: [op(value=tf.ensure_shape(x("x"), [2, 3, 4]), size_splits=tf.constant([1, -1, 0], i), axis=1, num_split=3) for i in INDEX])
    f.each("Slice", lambda op, x, t: [op(input=x("x"), begin=tf.constant([0, 1, 2], i), size=tf.constant([-1, 1, 2], i)) for i in INDEX] + [op(input=x("x"), begin=[0, 3, 0], size=[2, 0, 4])])
    f.each("StridedSlice", lambda op, x, t: [op(input=x("x"), begin=tf.constant([1, -1, 0], i), end=tf.constant([9, 0, 4], i), strides=tf.constant([1, -1, 2], i), shrink_axis_mask=1) for i in INDEX + (tf.int16,)])
    f.each("TensorStridedSliceUpdate", lambda op, x, t: [op(input=x("x"), begin=tf.constant([0, 1], i), end=tf.constant([2, 3], i), strides=tf.constant([1, 1], i), value=x("y")[:, 1:]) for i in INDEX])
    f.each("Tile", lambda op, x, t: [op(input=x("s"), multiples=tf.constant([2, 1], i)) for i in INDEX] + [op(input=x("s"), multiples=[0, 1])])
    f.each("Transpose ConjugateTranspose", lambda op, x, t: [op(x=x("x"), perm=tf.constant([2, 0, 1], i)) for i in INDEX])
    f.each("Reverse", lambda op, x, t: op(tensor=x("s"), dims=[True, False]))
    f.each("ReverseV2", lambda op, x, t: [op(tensor=x("x"), axis=tf.constant([-1, 0], i)) for i in INDEX])
    f.each("ReverseSequence", lambda op, x, t: [op(input=x("s"), seq_lengths=tf.constant([3, 0, 4, 1], i), seq_dim=1, batch_dim=0) for i in INDEX])
    f.each("Roll", lambda op, x, t: [op(input=x("x"), shift=tf.constant([1, -5], i), axis=tf.constant([0, -1], a)) for i in INDEX for a in INDEX])
    f.each("BroadcastTo", lambda op, x, t: [op(input=x("v"), shape=tf.constant([2, 6], i)) for i in INDEX])
    f.each("ExpandDims", lambda op, x, t: [op(input=x("v"), axis=tf.constant(-1, i)) for i in INDEX])
    f.each("Squeeze", lambda op, x, t: op(input=x("image"), axis=[0]))
    f.each("Reshape", lambda op, x, t: [op(tensor=x("x"), shape=tf.constant([4, -1], i)) for i in INDEX])
    f.each("EnsureShape", lambda op, x, t: op(input=x("x"), shape=[None, 3, None]))
    f.each("Fill", lambda op, x, t: [op(dims=tf.constant([2, 1], i), value=x("v")[3]) for i in INDEX] + [op(dims=[0, 2], value=x("v")[0])])
    f.each("Empty", lambda op, x, t: op(shape=[2], dtype=t, init=True), attr="dtype", but=("bool",))
    f.each("Pad", lambda op, x, t: [op(input=x("s"), paddings=tf.constant([[1, 0], [0, 2]], i)) for i in INDEX])
    f.each("PadV2", lambda op, x, t: [op(input=x("s"), paddings=tf.constant([[1, 0], [0, 2]], i), constant_values=x("v")[1]) for i in INDEX])
    f.each("MirrorPad", lambda op, x, t: [op(input=x("s"), paddings=tf.constant([[1, 0], [2, 2]], i), mode=m) for i in INDEX for m in ("REFLECT", "SYMMETRIC")])
    f.each("Where", lambda op, x, t: op(condition=x("v")))
    f.each("OneHot", lambda op, x, t: [op(indices=tf.constant([1, 3, 0], i), depth=3, on_value=x("v")[0], off_value=x("v")[3]) for i in (tf.uint8, tf.int8, tf.int32, tf.int64)])
    f.each("InplaceAdd InplaceSub", lambda op, x, t: op(x=R.DeepCopy(x=x("s")), i=[2, 0], v=x("s")[:2]), but=("string", "bool"))
    f.each("InplaceUpdate", lambda op, x, t: op(x=R.DeepCopy(x=x("s")), i=[2, 0], v=x("s")[:2]))
    f.each("ParallelConcat", lambda op, x, t: op(values=[tf.ensure_shape(x("s"), [4, 4])[:1], tf.ensure_shape(x("s"), [4, 4])[2:3]], shape=[2, 4]))
    f.once("Bitcast", lambda: [R.Bitcast(input=f.operand("v", a), type=b) for a, b in ((tf.float64, tf.int64), (tf.complex64, tf.float64), (tf.int32, tf.complex64) if False else (tf.int64, tf.uint64))])
    f.once("ConcatOffset", lambda: [R.ConcatOffset(concat_dim=1, shape=[tf.constant([2, 3, 4], i), tf.constant([2, 5, 4], i)]) for i in (tf.int32,)])
    f.once("BroadcastArgs", lambda: [R.BroadcastArgs(s0=tf.constant([3, 1], i), s1=tf.constant([2, 1, 5], i)) for i in INDEX])
    f.once("InvertPermutation", lambda: [R.InvertPermutation(x=tf.cast(f.operand("tied", i)[:0], i)) for i in INDEX] + [R.InvertPermutation(x=tf.constant([2, 0, 1], i)) for i in INDEX])
    f.once("LinSpace", lambda: [R.LinSpace(start=tf.constant(-1, t), stop=tf.constant(2, t), num=tf.constant(5, i)) for t in (tf.float32, tf.float64) for i in INDEX])
    for t in f.types("Range", "Tidx"):
        f.add("Range " + t.name, lambda: R.Range(start=f.operand("v", t)[3], limit=tf.constant(9, t), delta=tf.constant(2, t)))
    f.each("PlaceholderWithDefault", lambda op, x, t: op(input=x("v"), shape=[None]), attr="dtype")


@family
def picks(f):
    f.each("Gather", lambda op, x, t: [op(params=x("x"), indices=tf.constant([[1], [0]], i)) for i in INDEX], attr="Tparams")
    f.each("GatherV2", lambda op, x, t: [op(params=x("x"), indices=tf.constant([[2], [0]], i), axis=tf.constant(1, a)) for i in INDEX + (tf.int16,) for a in INDEX] + [op(params=x("x"), indices=tf.zeros([0], tf.int32), axis=0), op(params=x("x"), indices=tf.constant([[2], [0]]), axis=1, batch_dims=1)], attr="Tparams")
    f.each("GatherNd", lambda op, x, t: [op(params=x("x"), indices=tf.constant([[1, 2], [0, 0]], i)) for i in INDEX + (tf.int16,)], attr="Tparams")
    f.each("ScatterNd", lambda op, x, t: [op(indices=tf.constant([[3], [0], [3]], i), updates=x("v")[:3], shape=tf.constant([5], i)) for i in INDEX], but=("string",))
    f.each("ScatterNdNonAliasingAdd", lambda op, x, t: [op(input=x("v"), indices=tf.constant([[3], [0], [3]], i), updates=x("v")[:3]) for i in INDEX])
    f.each("TensorScatterAdd TensorScatterSub TensorScatterMax TensorScatterMin", lambda op, x, t: [op(tensor=x("x"), indices=tf.constant([[1, 2], [0, 0], [1, 2]], i), updates=x("y")[0]) for i in INDEX])
    f.each("TensorScatterUpdate", lambda op, x, t: [op(tensor=x("x"), indices=tf.constant([[1, 2], [0, 0]], i), updates=x("y")[0, :2]) for i in INDEX])
    f.each("DynamicPartition", lambda op, x, t: op(data=x("v"), partitions=[1, 0, 1, 2, 0, 1], num_partitions=4))
    f.each("DynamicStitch ParallelDynamicStitch", lambda op, x, t: op(indices=[tf.constant([2, 0]), tf.constant([[1, 3]])], data=[x("s")[:2], x("s")[tf.newaxis, 2:]]))
    f.each("Unique UniqueWithCounts", lambda op, x, t: [y for i in INDEX for y in op(x=x("tied"), out_idx=i)])
    f.each("UniqueV2 UniqueWithCountsV2", lambda op, x, t: [y for i in INDEX for y in op(x=x("tied"), axis=tf.constant([0], i), out_idx=i)])
    f.each("UniqueV2", lambda op, x, t: list(op(x=tf.gather(x("s"), [1, 0, 1]), axis=[0])) if t.name not in ("complex64", "complex128") else [])
    f.each("ListDiff", lambda op, x, t: [z for i in INDEX for z in op(x=x("v"), y=x("tied"), out_idx=i)])
    f.each("BatchToSpace", lambda op, x, t: [op(input=tf.reshape(x("image"), [4, 2, 2, 4]), crops=tf.constant([[0, 1], [1, 0]], i), block_size=2) for i in INDEX])
    f.each("BatchToSpaceND", lambda op, x, t: [op(input=tf.reshape(x("image"), [4, 4, 4]), block_shape=tf.constant([2], i), crops=tf.constant([[1, 2]], i)) for i in INDEX])
    f.each("SpaceToBatch", lambda op, x, t: [op(input=x("image"), paddings=tf.constant([[1, 1], [0, 2]], i), block_size=2) for i in INDEX])
    f.each("SpaceToBatchND", lambda op, x, t: [op(input=x("x"), block_shape=tf.constant([2], i), paddings=tf.constant([[1, 2]], i)) for i in INDEX])


@family
def blocks(f):
    f.each("DepthToSpace SpaceToDepth", lambda op, x, t: op(input=x("image"), block_size=2))
    f.each("ExtractImagePatches", lambda op, x, t: op(images=x("image"), ksizes=[1, 2, 3, 1], strides=[1, 2, 1, 1], rates=[1, 1, 1, 1], padding="SAME"))
    f.each("ExtractVolumePatches", lambda op, x, t: op(input=x("image")[..., tf.newaxis], ksizes=[1, 2, 2, 1, 1], strides=[1, 2, 1, 2, 1], padding="VALID"))
    f.each("Dilation2D", lambda op, x, t: op(input=x("image"), filter=x("image")[0, :2, :3], strides=[1, 1, 2, 1], rates=[1, 1, 1, 1], padding="SAME"))


blocks.known_shapes = True


@family
def diagonals(f):
    f.each("MatrixBandPart", lambda op, x, t: op(input=x("x"), num_lower=1, num_upper=0))
    f.each("MatrixDiag", lambda op, x, t: op(diagonal=x("s")))
    f.each("MatrixDiagPart", lambda op, x, t: op(input=x("x")))
    f.each("MatrixSetDiag", lambda op, x, t: op(input=x("x"), diagonal=x("y")[:, 0, :3]))
    f.once("MatrixBandPart index", lambda: [R.MatrixBandPart(input=f.operand("x", tf.float32), num_lower=tf.constant(0, i), num_upper=tf.constant(-1, i)) for i in INDEX])
    f.each("MatrixDiagV2", lambda op, x, t: op(diagonal=x("s"), k=1, num_rows=-1, num_cols=-1, padding_value=x("v")[1]))
    f.each("MatrixDiagV3", lambda op, x, t: op(diagonal=x("s"), k=[-2, 1], num_rows=5, num_cols=4, padding_value=x("v")[1], align="LEFT_RIGHT"))
    f.each("MatrixDiagPartV2", lambda op, x, t: op(input=x("x"), k=[-1, 1], padding_value=x("v")[1]))
    f.each("MatrixDiagPartV3", lambda op, x, t: op(input=x("x"), k=[-1, 1], padding_value=x("v")[1], align="LEFT_RIGHT"))
    f.each("MatrixSetDiagV2", lambda op, x, t: op(input=x("x"), diagonal=x("y")[:, 0, :3], k=1))
    f.each("MatrixSetDiagV3", lambda op, x, t: op(input=x("x"), diagonal=x("y")[:, :2, :3], k=[0, 1], align="RIGHT_LEFT"))


diagonals.known_shapes = True


@family
def float8(f):
    """Numbers of 8 bits: cast, stored, moved, and multiplied after a cast."""
    wide = [t for t in ((tf.float16, tf.bfloat16) if f.halves else (tf.float32, tf.float64, tf.int8, tf.int32, tf.int64, tf.uint8))]
    for name in ("float8_e4m3fn", "float8_e5m2"):
        t = tf.as_dtype(name)
        for other in wide:
            f.add("Cast %s %s" % (other.name, name), lambda: R.Cast(x=R.Cast(x=f.operand("wide", other), DstT=t), DstT=tf.float32))
            if other.is_floating:
                f.add("Cast back " + name, lambda: R.Cast(x=R.Cast(x=f.operand("s", tf.float32), DstT=t), DstT=other))
        if f.halves:
            continue
        f.add("move " + name, lambda: moved_float8(R.Cast(x=f.operand("s", tf.float32), DstT=t), t))
        f.add("MatMul " + name, lambda: R.MatMul(a=R.Cast(x=R.Cast(x=f.operand("s", tf.float32), DstT=t), DstT=tf.float32), b=R.Cast(x=tf.constant(np.linspace(-2, 3, 8).reshape(4, 2).astype(t.as_numpy_dtype)), DstT=tf.float32)))


def moved_float8(x, t):
    y = R.ConcatV2(values=[R.Reshape(tensor=x, shape=[2, 8]), R.Slice(input=R.Reshape(tensor=x, shape=[2, 8]), begin=[0, 1], size=[2, 3])], axis=1)
    y = R.Transpose(x=R.ExpandDims(input=R.Identity(input=y), axis=0), perm=[0, 2, 1])
    parts = R.Split(axis=2, value=y, num_split=2)
    y = R.Pack(values=[R.Squeeze(input=p) for p in parts], axis=0)
    y = R.GatherV2(params=y, indices=[1, 0, 1], axis=0)
    return [R.Cast(x=R.StridedSlice(input=y, begin=[0, 2], end=[3, 9], strides=[1, 2]), DstT=tf.float32), R.Cast(x=R.BroadcastTo(input=tf.constant(0.4375, t), shape=[3]), DstT=tf.float32)]


@family
def lists(f):
    """Tensor lists of every type; the flow of tensor arrays."""
    for t in f.types("TensorListStack", "element_dtype"):
        x = f.operand("s", t)
        shape = tf.constant([4])
        made = lambda i=tf.int32: R.TensorListFromTensor(tensor=f.operand("s", t), element_shape=tf.constant([4], i))
        stack = lambda h: R.TensorListStack(input_handle=h, element_shape=shape, element_dtype=t)
        f.add("TensorListStack " + t.name, lambda: [stack(made()), stack(made(tf.int64)), R.TensorListLength(input_handle=made())])
        f.add("TensorListSetItem " + t.name, lambda: stack(R.TensorListSetItem(input_handle=made(), index=2, item=x[0])))
        f.add("TensorListReserve " + t.name, lambda: [stack(R.TensorListSetItem(input_handle=R.TensorListReserve(element_shape=tf.constant([4], i), num_elements=2, element_dtype=t), index=1, item=x[3])) for i in INDEX])
        f.add("TensorListPushBack " + t.name, lambda: [stack(R.TensorListPushBack(input_handle=R.TensorListPushBack(input_handle=R.EmptyTensorList(element_shape=tf.constant([4], i), max_num_elements=-1, element_dtype=t), tensor=x[1]), tensor=x[0])) for i in INDEX])
        f.add("TensorListPopBack " + t.name, lambda: R.TensorListPopBack(input_handle=made(), element_shape=shape, element_dtype=t)[1])
        f.add("TensorListGetItem " + t.name, lambda: R.TensorListGetItem(input_handle=made(), index=1, element_shape=shape, element_dtype=t))
        f.add("TensorListGather " + t.name, lambda: R.TensorListGather(input_handle=made(), indices=[3, 1], element_shape=shape, element_dtype=t))
        f.add("TensorListScatter " + t.name, lambda: [stack(R.TensorListScatter(tensor=x, indices=[2, 0, 1, 3], element_shape=tf.constant([4], i))) for i in INDEX])
        f.add("TensorListScatterV2 " + t.name, lambda: [stack(R.TensorListScatterV2(tensor=x[:2], indices=[2, 0], element_shape=tf.constant([4], i), num_elements=tf.constant(3))) for i in INDEX])
        f.add("TensorListScatterIntoExistingList " + t.name, lambda: stack(R.TensorListScatterIntoExistingList(input_handle=made(), tensor=x[:2], indices=[2, 0])))
        f.add("TensorListConcat " + t.name, lambda: list(R.TensorListConcat(input_handle=made(), element_dtype=t, element_shape=[4])))
        f.add("TensorListConcatV2 " + t.name, lambda: [y for i in INDEX for y in R.TensorListConcatV2(input_handle=made(), element_dtype=t, element_shape=tf.constant([4], i), leading_dims=tf.constant([], tf.int64))])
        f.add("TensorListSplit " + t.name, lambda: [R.TensorListGetItem(input_handle=R.TensorListSplit(tensor=x, element_shape=tf.constant([-1, 4], i), lengths=tf.constant([1, 3], tf.int64)), index=1, element_shape=tf.constant([-1, 4]), element_dtype=t) for i in INDEX])
        f.add("TensorListConcatLists " + t.name, lambda: stack(R.TensorListConcatLists(input_a=made(), input_b=made(), element_dtype=t)))
        f.add("TensorListResize " + t.name, lambda: stack(R.TensorListResize(input_handle=made(), size=2)))
    f.once("TensorListElementShape", lambda: [R.TensorListElementShape(input_handle=R.TensorListFromTensor(tensor=f.operand("s", tf.float32), element_shape=tf.constant([4])), shape_type=i) for i in INDEX])
    for t in f.types("TensorArrayGatherV3", "dtype"):
        def array(t=t):
            x = f.operand("s", t)
            a, flow = R.TensorArrayV3(size=4, dtype=t, element_shape=[4], dynamic_size=False, clear_after_read=False)
            flow = R.TensorArrayScatterV3(handle=a, indices=[0, 1, 2], value=x[:3], flow_in=flow)
            flow = R.TensorArrayWriteV3(handle=a, index=3, value=x[0], flow_in=flow)
            b, other = R.TensorArrayV3(size=2, dtype=t)
            other = R.TensorArraySplitV3(handle=b, value=x, lengths=tf.constant([1, 3], tf.int64), flow_in=other)
            return [R.TensorArrayGatherV3(handle=a, indices=[3, 1], flow_in=flow, dtype=t), R.TensorArrayReadV3(handle=a, index=3, flow_in=flow, dtype=t), R.TensorArraySizeV3(handle=a, flow_in=flow)] + list(R.TensorArrayConcatV3(handle=b, flow_in=other, dtype=t))
        f.add("TensorArrayV3 " + t.name, array)
