"""Families of make_op_types.py: layers, images, linear algebra."""
import numpy as np
import tensorflow as tf
from op_types_math import operands

R = tf.raw_ops
FAMILIES = []
RNG = np.random.default_rng(3)
INDEX = (tf.int32, tf.int64)


def family(fn):
    FAMILIES.append(fn)
    return fn


def drawn(*shape):
    return RNG.standard_normal(shape), RNG.integers(0, 100, shape)


OPERANDS = operands(image=drawn(2, 5, 6, 3), kernel=drawn(3, 2, 3, 4), deep=drawn(3, 2, 3, 2), volume=drawn(1, 4, 4, 5, 2), block=drawn(2, 2, 2, 2, 3), b=drawn(3), rows=drawn(4, 5), square=drawn(2, 3, 3), rhs=drawn(2, 3, 2),
                    colours=(RNG.random([2, 2, 3]), RNG.integers(0, 255, [2, 2, 3])))


@family
def layers(f):
    pads = ("SAME", "VALID")
    f.each("BiasAdd", lambda op, x, t: [op(value=x("image"), bias=x("b")), op(value=tf.transpose(x("image"), [0, 3, 1, 2]), bias=x("b"), data_format="NCHW")])
    f.each("BiasAddV1", lambda op, x, t: op(value=x("image"), bias=x("b")))
    f.each("MaxPool", lambda op, x, t: [op(input=x("image"), ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding=p) for p in pads])
    f.each("MaxPoolV2", lambda op, x, t: [op(input=x("image"), ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding=p) for p in pads])
    f.each("MaxPoolWithArgmax", lambda op, x, t: [y for a in INDEX for y in op(input=x("image"), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], Targmax=a, padding="VALID")])
    f.each("Softmax LogSoftmax", lambda op, x, t: op(logits=x("rows")))
    f.each("SoftmaxCrossEntropyWithLogits", lambda op, x, t: op(features=x("rows"), labels=R.Softmax(logits=x("rows")[::-1]))[0])
    f.each("SparseSoftmaxCrossEntropyWithLogits", lambda op, x, t: [op(features=x("rows"), labels=tf.constant([0, 4, 2, 2], i))[0] for i in INDEX])
    f.each("LRN", lambda op, x, t: op(input=x("image"), depth_radius=1, bias=1.5, alpha=0.5, beta=0.75))
    norm = lambda op, x, t: [op(x=x("image"), scale=x1, offset=x2, mean=x3, variance=x4, is_training=False, epsilon=0.01)[0] for x1, x2, x3, x4 in [norm_operands(f, op)]]
    f.each("FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3", norm)


def norm_operands(f, op):
    b = f.operand("b", tf.float32)
    return b, b + 1, b - 1, tf.abs(b) + 0.5


layers.known_shapes = True
layers.tolerance = (2e-5, 2e-5)
layers.half_tolerance = (1.6e-2, 1e-3)  # cross entropies round three times


@family
def convolutions(f):
    pads = ("SAME", "VALID")
    f.each("AvgPool", lambda op, x, t: [op(value=x("image"), ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding=p) for p in pads])
    f.each("AvgPool3D MaxPool3D", lambda op, x, t: [op(input=x("volume"), ksize=[1, 2, 2, 3, 1], strides=[1, 1, 2, 2, 1], padding=p) for p in pads])
    f.each("Conv2D", lambda op, x, t: [op(input=x("image"), filter=x("kernel"), strides=[1, 2, 1, 1], padding=p) for p in pads])
    f.each("Conv", lambda op, x, t: op(input=x("image"), filter=x("kernel"), strides=[1, 1, 1, 1], padding="SAME"), but=("int32",))
    f.each("Conv2DBackpropInput", lambda op, x, t: op(input_sizes=[2, 5, 6, 3], filter=x("kernel"), out_backprop=tf.concat([x("image"), x("image")[..., :1]], 3), strides=[1, 1, 1, 1], padding="SAME"))
    f.each("Conv3D", lambda op, x, t: op(input=x("volume"), filter=x("block"), strides=[1, 1, 1, 1, 1], padding="SAME"))
    f.each("Conv3DBackpropInputV2", lambda op, x, t: [op(input_sizes=tf.constant([1, 4, 4, 5, 2], i), filter=x("block"), out_backprop=tf.concat([x("volume"), x("volume")[..., :1]], 4), strides=[1, 1, 1, 1, 1], padding="SAME") for i in INDEX])
    f.each("DepthwiseConv2dNative", lambda op, x, t: [op(input=x("image"), filter=x("deep"), strides=[1, 1, 1, 1], padding=p) for p in pads])
    f.each("DepthwiseConv2dNativeBackpropInput", lambda op, x, t: op(input_sizes=[2, 5, 6, 3], filter=x("deep"), out_backprop=tf.concat([x("image"), x("image")], 3), strides=[1, 1, 1, 1], padding="SAME"))
    f.each("FusedPadConv2D", lambda op, x, t: op(input=x("image")[:1], paddings=[[0, 0], [1, 1], [0, 1], [0, 0]], filter=x("kernel"), mode="REFLECT", strides=[1, 1, 1, 1], padding="VALID"))
    f.each("FusedResizeAndPadConv2D", lambda op, x, t: op(input=x("image")[:1], size=[7, 5], paddings=[[0, 0], [1, 1], [0, 1], [0, 0]], filter=x("kernel"), mode="REFLECT", strides=[1, 1, 1, 1], padding="VALID"))


convolutions.known_shapes = True
convolutions.tolerance = (2e-5, 2e-5)
# TensorFlow rounds sums of half types at every step.
convolutions.half_tolerance = (2e-2, 0.25)


@family
def images(f):
    for name in ("ResizeArea", "ResizeBicubic", "ResizeBilinear", "ResizeNearestNeighbor"):
        f.each(name, lambda op, x, t: [op(images=x("image"), size=[3, 7], align_corners=a) for a in (False, True)])
    f.each("ScaleAndTranslate", lambda op, x, t: op(images=x("image"), size=[4, 5], scale=[0.8, 1.1], translation=[0.5, -0.25]))
    f.each("CropAndResize", lambda op, x, t: op(image=x("image"), boxes=[[0.1, 0.2, 0.9, 1.2], [1.0, 0.0, 0.0, 1.0]], box_ind=[1, 0], crop_size=[3, 4], extrapolation_value=-1))
    f.each("HSVToRGB RGBToHSV", lambda op, x, t: op.of(x("colours")))
    f.each("DrawBoundingBoxes", lambda op, x, t: op(images=x("image")[..., :3], boxes=[[[0.1, 0.2, 0.7, 0.9]], [[0.0, 0.0, 1.0, 1.0]]]))
    f.each("DrawBoundingBoxesV2", lambda op, x, t: op(images=x("image")[..., :3], boxes=[[[0.1, 0.2, 0.7, 0.9]], [[0.0, 0.0, 1.0, 1.0]]], colors=[[0.5, 0.25, 1.0]]))
    f.each("ImageProjectiveTransformV2", lambda op, x, t: [op(images=x("image"), transforms=[[0.9, 0.1, 0.3, -0.1, 1.1, 0.2, 0.0, 0.0]], output_shape=[5, 6], interpolation=m) for m in ("NEAREST", "BILINEAR")], attr="dtype")
    f.each("ImageProjectiveTransformV3", lambda op, x, t: op(images=x("image"), transforms=[[0.9, 0.1, 0.3, -0.1, 1.1, 0.2, 0.0, 0.0]], output_shape=[5, 6], fill_value=2.0, interpolation="BILINEAR", fill_mode="CONSTANT"), attr="dtype")
    boxes = lambda t: tf.constant([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, -0.1, 1, 0.9], [0, 10, 1, 11]], t)
    scores = lambda t: tf.constant([0.9, 0.75, 0.6, 0.95], t)
    f.once("NonMaxSuppression", lambda: R.NonMaxSuppression(boxes=boxes(tf.float32), scores=scores(tf.float32), max_output_size=3, iou_threshold=0.5))
    for t in f.types("NonMaxSuppressionV3"):
        a = dict(boxes=boxes(t), scores=scores(t), max_output_size=3, iou_threshold=tf.constant(0.5, t))
        f.add("NonMaxSuppressionV2 " + t.name, lambda: R.NonMaxSuppressionV2(**a))
        f.add("NonMaxSuppressionV3 " + t.name, lambda: R.NonMaxSuppressionV3(score_threshold=tf.constant(0.7, t), **a))
        f.add("NonMaxSuppressionV4 " + t.name, lambda: list(R.NonMaxSuppressionV4(score_threshold=tf.constant(0.7, t), pad_to_max_output_size=True, **a)))
        f.add("NonMaxSuppressionV5 " + t.name, lambda: list(R.NonMaxSuppressionV5(score_threshold=tf.constant(0.2, t), soft_nms_sigma=tf.constant(0.5, t), **a)))
    f.once("NonMaxSuppressionWithOverlaps", lambda: R.NonMaxSuppressionWithOverlaps(overlaps=[[1.0, 0.8, 0.1, 0], [0.8, 1, 0, 0], [0.1, 0, 1, 0.7], [0, 0, 0.7, 1]], scores=scores(tf.float32), max_output_size=3, overlap_threshold=0.5, score_threshold=0.1))


images.known_shapes = True
images.tolerance = (2e-5, 2e-5)


@family
def linear_algebra(f):
    def spd(x, t):
        return tf.matmul(x("square"), x("square"), adjoint_b=True) / tf.cast(100, t) + tf.eye(3, dtype=t)
    f.each("Cholesky", lambda op, x, t: op(input=spd(x, t)))
    f.each("MatrixDeterminant", lambda op, x, t: op(input=spd(x, t)))
    f.each("MatrixInverse", lambda op, x, t: op(input=spd(x, t), adjoint=True))
    f.each("MatrixSolve", lambda op, x, t: op(matrix=spd(x, t), rhs=x("rhs")))
    f.each("MatrixTriangularSolve", lambda op, x, t: op(matrix=spd(x, t), rhs=x("rhs"), lower=False))
    f.each("MatrixSolveLs", lambda op, x, t: op(matrix=spd(x, t), rhs=x("rhs"), l2_regularizer=tf.constant(0.0, tf.float64), fast=True))
    f.each("Svd", lambda op, x, t: op(**{"input": spd(x, t), "compute_uv": False})[0])
    f.each("SelfAdjointEigV2", lambda op, x, t: op(input=spd(x, t), compute_v=False)[0])
    f.each("MatrixLogarithm MatrixSquareRoot", lambda op, x, t: op(input=spd(x, t)))
    f.each("Qr", lambda op, x, t: list(op(input=spd(x, t))))
    f.each("Eig", lambda op, x, t: tf.sort(tf.math.real(op(input=spd(x, t), compute_v=False, Tout=tf.complex128 if t in (tf.float64, tf.complex128) else tf.complex64)[0])))
    for n, rank in (("FFT", 1), ("FFT2D", 2), ("FFT3D", 3)):
        f.each(n + " I" + n, lambda op, x, t: op(input=x("volume")), attr="Tcomplex")
        f.each("R" + n, lambda op, x, t: op(input=x("volume"), fft_length=[4, 4, 2][3 - rank:], Tcomplex=tf.complex64 if t == tf.float32 else tf.complex128), attr="Treal")
        f.each("IR" + n, lambda op, x, t: op(input=x("volume"), fft_length=[4, 4, 2][3 - rank:], Treal=tf.float32 if t == tf.complex64 else tf.float64), attr="Tcomplex")



linear_algebra.known_shapes = True
linear_algebra.tolerance = (2e-4, 2e-4)
