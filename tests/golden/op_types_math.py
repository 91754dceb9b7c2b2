"""Families of make_op_types.py: elementwise ops, products, reductions, orders."""
import numpy as np
import tensorflow as tf

R = tf.raw_ops
FAMILIES = []
INF, NAN = np.inf, np.nan
ENDS = [127, -128, 255, 32767, -32768, 65535, 2**31 - 1, -2**31, 2**32 - 1, 2**63 - 1, -2**63]


def family(fn):
    FAMILIES.append(fn)
    return fn


def operands(**arrays):
    """One array per kind of type: name_f, name_i, name_c."""
    out = {}
    for name, (f, i) in arrays.items():
        f, i = np.asarray(f, "float64"), np.asarray(i, "int64")
        out[name + "_f"], out[name + "_i"] = f, i
        rng = np.random.default_rng(len(name))
        finite = np.where(np.isfinite(f), f, 2.5)
        out[name + "_c"] = finite + 1j * rng.standard_normal(f.shape)
    return out


RNG = np.random.default_rng(1)
OPERANDS = operands(
    any=([0, -0.0, 1, -1, 0.5, -0.5, 2.5, -3.5, 1e-3, 0.99, -0.99, 17, -17, 88, INF, -INF, NAN], [0, 1, -1, 2, -3, 17, 100] + ENDS),
    unit=([0, -0.0, 0.25, -0.5, 0.9, -1, 1, 1.5, NAN], [0, 1, 0, -1, 1, 1, -1, 1, 0]),
    plus=([0.01, 0.5, 1, 2.5, 10, 30, INF], [1, 2, 5, 7, 100, 3, 9]),
    a=([[1.5, -2, 0, 3, -0.5], [7, NAN, -7, 5.5, INF]], [[5, -7, 0, 100, -128], [7, 250, -13, 3, 1]]),
    b=([[2, 2, 3, -1.5, 0.25], [NAN, 1, 2, 5.5, 3]], [[3, 2, 5, -7, 4], [7, 3, 5, 1, 2]]),
    row=([2, -1.5, 0.25, 4, 1], [2, 1, 3, 5, 1]),
    m=(RNG.standard_normal([2, 3, 4]), RNG.integers(-5, 6, [2, 3, 4])),
    n=(RNG.standard_normal([2, 4, 3]), RNG.integers(-5, 6, [2, 4, 3])),
    tied=([3, 1, 3, -2, 7, 7, 0, 1], [3, 1, 3, 2, 7, 7, 0, 1]),
)


@family
def unary(f):
    f.each("Abs Neg Sign Square Relu Relu6 LeakyRelu Ceil Floor Rint Invert IsFinite IsInf IsNan ZerosLike OnesLike",
           lambda op, x, t: op.of(x("any")))
    f.each("Round", lambda op, x, t: op(x=x("any")), but=("int32", "int64"))  # TensorFlow's kernel does not leave integers alone
    f.each("CheckNumerics", lambda op, x, t: op(tensor=x("unit")[:8], message="m"))
    f.each("Acos Asin Asinh Atan Atanh Cos Cosh Elu Erf Erfc Exp Expm1 Selu Sigmoid Sin Sinh Softplus Softsign Tan Tanh L2Loss Inv Reciprocal", lambda op, x, t: op.of(x("unit")))
    f.each("Log Log1p Rsqrt Sqrt Digamma Lgamma Acosh", lambda op, x, t: op.of(x("plus")))
    f.each("BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0 BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Dawsn Expint FresnelCos FresnelSin Spence", lambda op, x, t: op(x=x("plus")[:5]))
    f.each("Erfinv Ndtri", lambda op, x, t: op(x=x("unit")[2:5]))
    f.each("Abs Exp Sigmoid Neg Square Log", lambda op, x, t: op(x=x("any")[:0]))
    f.each("StopGradient PreventGradient GuaranteeConst Snapshot DeepCopy Identity", lambda op, x, t: op.of(x("unit")))
    f.each("Rank Size Shape", lambda op, x, t: [op(input=x("a")), op(input=x("a")[:0])] + ([] if op.name == "Rank" else [op(input=x("a"), out_type=tf.int64)]))
    f.each("ShapeN", lambda op, x, t: [op(input=[x("a"), x("row")]), op(input=[x("a")], out_type=tf.int64)])

    f.once("LogicalNot", lambda: R.LogicalNot(x=f.operand("any", tf.bool)))
    f.once("IdentityN", lambda: R.IdentityN(input=[f.operand("any", tf.bool), f.operand("any", tf.float32)]))
    f.once("Complex", lambda: [R.Complex(real=f.operand("a", t), imag=f.operand("b", t), Tout=u) for t, u in ((tf.float32, tf.complex64), (tf.float64, tf.complex128))])
    f.once("Real Imag Angle", lambda: [op(input=f.operand("m", t), Tout=t.real_dtype) for op in (R.Real, R.Imag, R.Angle) for t in (tf.complex64, tf.complex128)])


@family
def binary(f):
    def two(op, x, t):
        return [op(x=x("a"), y=x("b")), op(x=x("a"), y=x("row")), op(x=x("row")[1], y=x("b")[:0])]
    f.each("Add AddV2 Sub Mul Maximum Minimum Equal NotEqual", two)
    f.each("Greater GreaterEqual Less LessEqual SquaredDifference MulNoNan DivNoNan Div RealDiv FloorDiv FloorMod TruncateDiv TruncateMod Mod Atan2 Xdivy Xlogy Xlog1py BitwiseAnd BitwiseOr BitwiseXor", two)
    f.each("NextAfter", lambda op, x, t: op(x1=x("a"), x2=x("b")))
    f.each("LeftShift RightShift", lambda op, x, t: op(x=x("a"), y=x("row")))
    f.each("Pow", lambda op, x, t: [op(x=x("a") if not t.is_complex else x("m")[0], y=x("row") if not t.is_complex else x("m")[1])])
    f.each("ApproximateEqual", lambda op, x, t: [op(x=x("a"), y=x("a") * tf.cast(1.001, t), tolerance=0.01), op(x=x("a"), y=x("b"))])
    f.once("LogicalAnd LogicalOr", lambda: [op(x=f.operand("a", tf.bool), y=f.operand("row", tf.bool)) for op in (R.LogicalAnd, R.LogicalOr)])
    f.each("AddN", lambda op, x, t: [op(inputs=[x("a"), x("b"), x("a")]), op(inputs=[x("a")])])
    f.each("Select", lambda op, x, t: [op(condition=f.operand("a", tf.bool), x=x("a"), y=x("b")), op(condition=[True, False], x=x("a"), y=x("b")), op(condition=False, x=x("a"), y=x("b"))])
    f.each("SelectV2", lambda op, x, t: op(condition=f.operand("b", tf.int64) > 3, t=x("row"), e=x("b")))
    f.each("ClipByValue", lambda op, x, t: [op(t=x("b"), clip_value_min=tf.cast(1, t), clip_value_max=tf.cast(4, t)), op(t=x("b"), clip_value_min=x("row")[:1] + tf.zeros_like(x("b")), clip_value_max=tf.cast(4, t))], but=("complex64", "complex128"))
    f.each("Cross", lambda op, x, t: op(a=x("n")[0], b=x("n")[1]))
    f.each("Betainc Igamma Igammac Polygamma Zeta", lambda op, x, t: list(special(op, x, t)))


def special(op, x, t):
    p = x("plus")[1:5]
    if op.name == "Betainc":
        yield op(a=p, b=p[::-1], x=x("unit")[2:3] + tf.zeros_like(p))
    elif op.name == "Zeta":
        yield op(x=p + 1, q=p[::-1])
    elif op.name == "Polygamma":
        yield op(a=tf.constant([1, 2, 0, 3], t), x=p)
    else:
        yield op(a=p, x=p[::-1])


@family
def products(f):
    f.each("MatMul", lambda op, x, t: [op(a=x("m")[0], b=x("n")[0]), op(a=x("m")[0], b=x("m")[1], transpose_b=True), op(a=x("n")[0], b=x("n")[1], transpose_a=True), op(a=x("m")[0][:0], b=x("n")[0])])
    f.each("BatchMatMul BatchMatMulV2", lambda op, x, t: [op(x=x("m"), y=x("n")), op(x=x("m"), y=x("m"), adj_y=True), op(x=x("n"), y=x("n"), adj_x=True)] + ([op(x=x("m"), y=x("n")[0])] if op.name == "BatchMatMulV2" else []))
    wide = {tf.int8: tf.int32, tf.uint8: tf.int32}
    f.each("BatchMatMulV3", lambda op, x, t: [op(x=x("m"), y=x("n"), Tout=t)], attr="Ta", but=("int8", "uint8", "float16"))
    f.once("BatchMatMulV3 8", lambda: [R.BatchMatMulV3(x=f.operand("m", a), y=f.operand("n", b), Tout=tf.int32) for a in wide for b in wide])
    f.each("Einsum", lambda op, x, t: [op(inputs=[x("m"), x("n")], equation="abc,acd->abd"), op(inputs=[x("m")], equation="abc->cb"), op(inputs=[x("m"), x("m")], equation="...bc,...dc->...bd")])
    f.each("Diag", lambda op, x, t: [op(diagonal=x("row")), op(diagonal=x("b"))])
    f.each("DiagPart", lambda op, x, t: op(input=tf.ensure_shape(x("m")[:, :, :3][0], [3, 3])))


# TensorFlow rounds bfloat16 sums at every step.
products.half_tolerance = (2e-2, 3e-2)


@family
def reductions(f):
    f.each("Max Min Sum Prod Mean EuclideanNorm", lambda op, x, t: [op(input=x("b"), axis=tf.constant(-1, i), keep_dims=keep) for i in (tf.int32, tf.int64) for keep in (False, True)]
           + [op(input=x("b"), axis=[0, 1]), op(input=x("row"), axis=tf.constant([], tf.int32))], but=("complex64", "complex128"))
    f.each("EuclideanNorm", lambda op, x, t: op(input=x("m"), axis=[0, 2]) if t.is_complex else [])
    f.each("Sum Prod Mean", lambda op, x, t: [op(input=x("b")[:0], axis=0), op(input=x("m"), axis=[0, 2])] if not t.is_complex else [op(input=x("m"), axis=[0, 2])])
    f.once("All Any", lambda: [op(input=f.operand("a", tf.bool), axis=tf.constant(0, i)) for op in (R.All, R.Any) for i in (tf.int32, tf.int64)] + [op(input=f.operand("a", tf.bool)[:0], axis=0) for op in (R.All, R.Any)])
    for name in ("ArgMax", "ArgMin"):
        f.each(name, lambda op, x, t: [op(input=x("tied"), dimension=tf.constant(0, i), output_type=o) for i in (tf.int32, tf.int64) for o in (tf.int32, tf.int64)] + [op(input=x("b")[:, :2], dimension=-1)])
    f.once("ArgMax 16", lambda: [R.ArgMax(input=f.operand("tied", tf.float32), dimension=0, output_type=o) for o in (tf.int16, tf.uint16)])
    f.each("Cumsum Cumprod", lambda op, x, t: [op(x=x("b")[:1] if t.is_floating else x("b"), axis=tf.constant(1, i), exclusive=e, reverse=r) for i in (tf.int32, tf.int64) for e, r in ((False, False), (True, True))])
    f.each("CumulativeLogsumexp", lambda op, x, t: [op(x=x("row"), axis=tf.constant(0, i), exclusive=e, reverse=r) for i in (tf.int32, tf.int64) for e, r in ((False, False), (True, True))])
    f.each("TopK", lambda op, x, t: list(op(input=x("tied"), k=3)) + list(op(input=x("b")[:1], k=2)))
    f.each("TopKV2", lambda op, x, t: [y for k in (tf.int16, tf.int32, tf.int64) for i in (tf.int16, tf.int32, tf.int64) for y in op(input=x("tied"), k=tf.constant(3, k), index_type=i)])
    f.each("NthElement", lambda op, x, t: [op(input=x("tied"), n=2), op(input=x("tied"), n=1, reverse=True)])
    f.each("LowerBound UpperBound", lambda op, x, t: [op(sorted_inputs=tf.cast([[0, 1, 3, 3, 7]], t), values=x("tied")[tf.newaxis], out_type=o) for o in (tf.int32, tf.int64)])
    f.each("Bucketize", lambda op, x, t: op(input=x("tied"), boundaries=[0.0, 1.5, 3.0, 6.0]))
    f.each("HistogramFixedWidth", lambda op, x, t: [op(values=x("tied"), value_range=tf.cast([0, 8], t), nbins=4, dtype=o) for o in (tf.int32, tf.int64)])
    f.each("InTopKV2", lambda op, x, t: op(predictions=f.operand("m", tf.float32)[0], targets=tf.constant([0, 3, 9], t), k=2))
    f.each("InTopK", lambda op, x, t: op(predictions=f.operand("m", tf.float32)[0], targets=tf.constant([0, 3, 2], t), k=2))
    f.each("Bincount", lambda op, x, t: op(arr=[1, 1, 3, 0], size=4, weights=tf.ensure_shape(x("row")[:4], [4])))
    f.each("DenseBincount", lambda op, x, t: [op(input=tf.constant([1, 1, 3, 0, 9], i), size=tf.constant(4, i), weights=tf.ensure_shape(x("row"), [5]), binary_output=False) for i in (tf.int32, tf.int64)])
    ids = [0, 0, 2, 3, 3]
    f.each("SegmentMax SegmentMin SegmentMean SegmentProd SegmentSum", lambda op, x, t: [op(data=x("row"), segment_ids=tf.constant(ids, i)) for i in (tf.int32, tf.int64)] + [op(data=x("row")[:0], segment_ids=tf.constant([], tf.int32))])
    f.each("UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum", lambda op, x, t: [op(data=x("row"), segment_ids=tf.constant([2, 0, -1, 2, 0], i), num_segments=tf.constant(4, n)) for i in (tf.int16, tf.int32, tf.int64) for n in (tf.int32, tf.int64)])
    for n in "Mean SqrtN Sum".split():
        f.each("SparseSegment" + n, lambda op, x, t: [op(data=x("b")[:, 1:], indices=tf.constant([1, 0, 1], i), segment_ids=tf.constant([0, 0, 2], s)) for i in (tf.int32, tf.int64) for s in (tf.int32, tf.int64)])
        f.each("SparseSegment%sWithNumSegments" % n, lambda op, x, t: [op(data=x("b")[:, 1:], indices=tf.constant([1, 0, 1], i), segment_ids=tf.constant([0, 0, 2], i), num_segments=tf.constant(4, k)) for i in (tf.int32, tf.int64) for k in (tf.int32, tf.int64)])
