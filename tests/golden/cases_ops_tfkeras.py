"""TensorFlow functions called between the layers of a tf-keras model (TFOpLambda, SlicingOpLambda), many in one model."""
import numpy as np
import tensorflow as tf

from golden_lib import Spec, case


def only(w, inputs, outs, arrays, **kw):
    flat = tf.nest.flatten(outs)
    return Spec(w.Model(inputs, flat), arrays, flat_outputs=range(len(flat)), **kw)


def op_case(name, **options):
    return case(name, writers=("tfkeras",), **options)


@op_case("tf_elementwise")
def tf_elementwise(w):
    m = tf.math
    x, y = w.Input((4, 5), name="x"), w.Input((4, 5), name="y")
    p = tf.abs(x) + 0.1
    outs = [x + y, 2.0 * x - 1.0, x / (tf.square(y) + 1.0), 1.0 / p, x // p, x % p, -x, abs(x), x ** 2, tf.pow(p, y), m.floormod(x, p), m.atan2(x, y),
            tf.maximum(x, 0.25), tf.minimum(x, y), m.squared_difference(x, y), m.divide_no_nan(x, tf.nn.relu(y)), m.multiply_no_nan(x, y), m.xlogy(p, p),
            m.xdivy(x, p), tf.sin(x), tf.cos(x), tf.tan(x / 2), tf.sinh(x), tf.cosh(x), tf.tanh(x), tf.asin(tf.tanh(x)), tf.acos(tf.tanh(x)), tf.atan(x),
            tf.asinh(x), tf.acosh(p + 1), tf.atanh(tf.tanh(x) * 0.9), tf.exp(x), m.expm1(x), m.log(p), m.log1p(p), tf.sqrt(p), tf.square(x), m.rsqrt(p),
            m.reciprocal(p), tf.sign(x), tf.floor(x), m.ceil(x), tf.round(x), m.rint(x), m.erf(x), m.erfc(x), tf.sigmoid(x), m.softplus(x), tf.nn.softsign(x),
            m.log_sigmoid(x), m.lgamma(p), m.digamma(p), tf.clip_by_value(x, -0.5, 1.5), tf.where(x > y, x, 0.5), tf.where(x > 0, x, y), m.scalar_mul(0.5, x),
            tf.add_n([x, y, x]), tf.identity(x), tf.stop_gradient(x), tf.nn.relu(x), tf.nn.relu6(x), tf.nn.elu(x), tf.nn.selu(x), tf.nn.silu(x), tf.nn.gelu(x),
            tf.nn.gelu(x, approximate=True), tf.nn.leaky_relu(x), tf.nn.leaky_relu(x, 0.05), tf.nn.softmax(x), tf.nn.softmax(x, axis=1), tf.nn.log_softmax(x),
            tf.nn.crelu(x), x > y, x >= 0.5, x < y, x <= y, tf.equal(x, y), tf.not_equal(x, y), tf.logical_and(x > 0, y > 0), tf.logical_or(x > 0, y > 0),
            tf.logical_not(x > 0), m.logical_xor(x > 0, y > 0), m.is_nan(x), m.is_finite(x), tf.cast(x, "int32"), tf.cast(x > 0, tf.float32),
            tf.convert_to_tensor(x), tf.constant([1.0, 2.0, 3.0, 4.0, 5.0]) * x, x - np.arange(5, dtype="float32")]
    a, b = w.normal(3, 4, 5), w.normal(3, 4, 5)
    a[0, 0, :3] = b[0, 0, :3]
    return only(w, [x, y], outs, [a, b])


@op_case("tf_integers", check64=False)
def tf_integers(w):
    i, j = w.Input((6,), dtype="int32", name="i"), w.Input((6,), dtype="int32", name="j")
    k = tf.abs(i)
    outs = [i + j, i - 3, 2 * i, i / 4, i // (k + 1), i % (k + 1), tf.math.truediv(i, 2), tf.reduce_sum(i, axis=1), tf.reduce_mean(i, axis=1), tf.argmax(i, axis=1),
            tf.argmin(i, axis=-1, output_type=tf.int32), tf.cumsum(i, axis=1), tf.cumsum(i, axis=1, exclusive=True, reverse=True), tf.bitwise.bitwise_and(i, j),
            tf.bitwise.bitwise_or(i, j), tf.bitwise.bitwise_xor(i, 3), tf.bitwise.invert(i), tf.bitwise.left_shift(i, 2), tf.one_hot(k, 4),
            tf.one_hot(k, 3, on_value=2.0, off_value=-1.0, axis=1), tf.sort(i), tf.sort(i, direction="DESCENDING"), tf.argsort(i), tf.sequence_mask(k, 5),
            tf.math.count_nonzero(i, axis=1), tf.reverse(i, axis=[1]), tf.roll(i, shift=2, axis=1), tf.cast(i, tf.float32) * 0.5, tf.abs(i), tf.sign(i), i ** 2,
            tf.gather(np.arange(30, dtype="float32").reshape(10, 3), k), tf.nn.embedding_lookup(np.arange(30, dtype="float32").reshape(10, 3), k)]
    a = w.ints(3, 6, low=-9, high=10)
    return only(w, [i, j], outs, [a, w.ints(3, 6, low=-9, high=10)])


@op_case("tf_shapes", check64=False)
def tf_shapes(w):
    x, y, s = w.Input((4, 6), name="x"), w.Input((4, 6), name="y"), w.Input((3, 4, 4), name="s")
    n = tf.shape(x)[0]
    outs = [x[:, 1], x[:, -1, 2:], x[:, 1:-1, tf.newaxis], x[:, :, ::2], x[:, :, ::-1], x[:, 3:0:-2], x[1], x[0, 0], x[:, :, 1:100], x[:, :n],
            tf.reshape(x, (-1, 24)), tf.reshape(x, (n, 6, 4)), tf.reshape(x, tf.stack([n, 2, 12])), tf.transpose(x, (0, 2, 1)), tf.transpose(x),
            tf.expand_dims(x, -1), tf.squeeze(tf.expand_dims(x, 1), 1), tf.squeeze(tf.expand_dims(x, 1), [1]), tf.concat([x, y], -1), tf.concat([x, y, x], axis=1),
            tf.stack([x, y], axis=1), tf.unstack(x, axis=1), tf.split(x, 2, axis=2), tf.split(x, [1, 3, 2], axis=-1), tf.tile(x, [1, 2, 1]),
            tf.tile(x, tf.stack([1, n, 1])), tf.repeat(x, 2, axis=1), tf.repeat(x, [1, 0, 2, 1], axis=1), tf.reverse(x, [1, 2]), tf.roll(x, [1, -2], [1, 2]),
            tf.pad(x, ((0, 0), (1, 2), (0, 3))), tf.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=1.5), tf.pad(x, ((0, 0), (1, 1), (2, 2)), mode="REFLECT"),
            tf.pad(x, ((0, 0), (1, 2), (2, 0)), "SYMMETRIC"), tf.broadcast_to(x[:, :1], tf.stack([n, 4, 6])), tf.zeros_like(x) + x, tf.ones_like(x) * x,
            tf.zeros((n, 3)), tf.ones((n, 4, 6)) * x, tf.fill((n, 2), 2.5), tf.shape(x), tf.size(x), tf.rank(x), tf.shape(s, out_type=tf.int64),
            tf.gather(x, [0, 2], axis=1), tf.gather(x, tf.argsort(x[:, :, 0]), axis=1, batch_dims=1), tf.gather_nd(x, np.array([[0, 1], [2, 3]])),
            tf.slice(x, [0, 1, 2], [-1, 2, 3]), tf.strided_slice(x, [0, 1, 0], [3, 4, 6], [1, 2, 3]), tf.boolean_mask(x, x[:, :, 0] > 0),
            tf.where(x[:, 0] > 0), tf.linalg.band_part(s, 1, 0), tf.linalg.diag(x), tf.linalg.diag_part(s), tf.linalg.trace(s), tf.linalg.set_diag(s, s[:, :, 0]),
            tf.linalg.matrix_transpose(x), tf.reverse_sequence(x, tf.cast(tf.abs(x[:, 0, 0]) * 2, tf.int32) % 5, seq_axis=1, batch_axis=0),
            tf.tensor_scatter_nd_update(x, np.array([[0, 1], [1, 2]]), x[0, :2]), tf.tensor_scatter_nd_add(x, np.array([[0, 1], [0, 1]]), x[0, :2]),
            tf.scatter_nd(np.array([[1], [3], [1]]), x[0, :3], (5, 6)), tf.range(n), tf.linspace(x, y, 4), tf.nn.space_to_depth(tf.transpose(s, (0, 2, 3, 1)), 2),
            tf.nn.depth_to_space(s, 2), tf.ensure_shape(x, (None, 4, 6))]
    return only(w, [x, y, s], outs, [w.normal(3, 4, 6), w.normal(3, 4, 6), w.normal(3, 3, 4, 4)])


@op_case("tf_reductions", check64=False)
def tf_reductions(w):
    x = w.Input((4, 5, 3), name="x")
    r = [tf.reduce_sum, tf.reduce_mean, tf.reduce_max, tf.reduce_min, tf.reduce_prod, tf.math.reduce_std, tf.math.reduce_variance, tf.reduce_logsumexp,
         tf.math.reduce_euclidean_norm]
    outs = [f(x, axis=a, keepdims=k) for f in r for a, k in ((None, False), (-1, True), ([1, 2], False))]
    K = w.keras.backend
    outs += [tf.reduce_any(x > 1.5, axis=1), tf.reduce_all(x > -1, axis=[1, 2]), tf.argmax(x, axis=1), tf.argmin(x, axis=-1), tf.argmax(x), tf.cumsum(x, axis=1),
             tf.math.cumprod(x, axis=-1, reverse=True), tf.math.l2_normalize(x, axis=1), tf.nn.l2_normalize(x, axis=[1, 2]), tf.norm(x, axis=1), tf.norm(x),
             tf.norm(x, ord=1, axis=2), tf.norm(x, ord=np.inf, axis=-1, keepdims=True), tf.norm(x, axis=[1, 2]), tf.nn.moments(x, [1, 2]),
             tf.nn.moments(x, axes=[0], keepdims=True), tf.math.top_k(x, 2), tf.nn.top_k(x, k=3, sorted=True), tf.math.zero_fraction(tf.nn.relu(x)),
             tf.clip_by_norm(x, 2.0, axes=[1]), tf.nn.l2_loss(x), tf.searchsorted(tf.sort(x[:, :, 0, 0]), x[:, :, 0, 1]), K.mean(x, axis=1), K.sum(x, axis=(1, 2)),
             K.l2_normalize(x, axis=-1), K.max(x, axis=1, keepdims=True), K.std(x, axis=2), K.softmax(x), K.clip(x, -1.0, 1.0), K.square(x), K.abs(x), K.exp(x),
             K.concatenate([x, x], axis=1), K.expand_dims(x), K.squeeze(K.expand_dims(x), -1), K.permute_dimensions(x, (0, 3, 1, 2)), K.reshape(x, (-1, 60)),
             K.flatten(x), K.batch_flatten(x), K.dot(x, tf.constant(w.normal(3, 2))), K.batch_dot(x[:, 0], x[:, 1], axes=2), K.relu(x, max_value=2.0), K.hard_sigmoid(x),
             K.repeat_elements(x, 2, axis=1), K.reverse(x, 1), K.stack([x, x], axis=1), K.cast(x, "float16"), K.zeros_like(x), K.temporal_padding(x[:, 0], (1, 2)),
             tf.math.unsorted_segment_sum(x[0], np.array([0, 2, 0, 1]), 3), tf.math.segment_max(x[0], np.array([0, 0, 1, 3]))]
    return only(w, x, outs, w.normal(3, 4, 5, 3))


@op_case("tf_products", check64=False)
def tf_products(w):
    x, y = w.Input((4, 5), name="x"), w.Input((5, 4), name="y")
    k = w.normal(5, 2)
    outs = [x @ y, tf.matmul(x, k), tf.matmul(x, x, transpose_b=True), tf.matmul(y, x, transpose_a=True, transpose_b=True), tf.linalg.matvec(x, y[:, :, 0]),
            tf.tensordot(x, k, axes=1), tf.tensordot(x, y, axes=[[1, 2], [2, 1]]), tf.linalg.cross(x[:, :, :3], x[:, :, 1:4]), tf.nn.bias_add(x, w.normal(5)),
            tf.linalg.adjoint(x)]
    return only(w, [x, y], outs, [w.normal(3, 4, 5), w.normal(3, 5, 4)])


@op_case("tf_network", check64=False)
def tf_network(w):
    nn = tf.nn
    x, s, t = w.Input((8, 9, 4), name="x"), w.Input((10, 4), name="s"), w.Input((5,), name="t")
    k2, k1, d2, p2 = w.normal(3, 2, 4, 3), w.normal(3, 4, 2), w.normal(3, 3, 4, 2), w.normal(1, 1, 8, 3)
    outs = [nn.conv2d(x, k2, 1, "SAME"), nn.conv2d(x, k2, [1, 2, 2, 1], "VALID"), nn.conv2d(x, k2, 1, "VALID", dilations=2),
            nn.conv2d(x, k2, 1, [[0, 0], [1, 2], [0, 3], [0, 0]]), nn.conv1d(s, k1, 2, "SAME"), nn.depthwise_conv2d(x, d2, [1, 1, 1, 1], "SAME"),
            nn.separable_conv2d(x, d2, p2, [1, 1, 1, 1], "VALID"), nn.convolution(x, k2, strides=2, padding="SAME"), nn.max_pool2d(x, 2, 2, "VALID"),
            nn.max_pool(x, (2, 3), 1, "SAME"), nn.avg_pool2d(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"), nn.avg_pool1d(s, 3, 1, "VALID"), nn.pool(x, (2, 2), "AVG"),
            nn.conv2d_transpose(x, w.normal(3, 2, 3, 4), tf.stack([tf.shape(x)[0], 16, 18, 3]), 2, "SAME"),
            nn.batch_normalization(x, w.normal(4), w.uniform(4, low=0.5, high=2), w.normal(4), w.normal(4), 0.01),
            nn.local_response_normalization(x, 2, 1.5, 0.3, 0.6), nn.sigmoid_cross_entropy_with_logits(tf.nn.sigmoid(t), t),
            nn.softmax_cross_entropy_with_logits(tf.nn.softmax(t), t * 2), nn.sparse_softmax_cross_entropy_with_logits(tf.argmax(t, axis=1), t)]
    im = tf.image
    outs += [im.resize(x, (5, 12)), im.resize(x, (16, 18), method="nearest"), im.resize(x, (5, 6), method="bicubic"), im.resize(x, (4, 3), antialias=True),
             im.resize(x, (4, 5), method="area"), im.resize(x, (12, 7), method="lanczos3"), im.flip_left_right(x), im.flip_up_down(x), im.rgb_to_grayscale(x[:, :, :, :3]),
             im.adjust_contrast(x, 1.5), im.adjust_brightness(x, 0.2), im.per_image_standardization(x), im.crop_to_bounding_box(x, 1, 2, 4, 5), im.central_crop(x, 0.5)]
    return only(w, [x, s, t], outs, [w.normal(2, 8, 9, 4), w.normal(2, 10, 4), w.normal(2, 5)])


@op_case("tf_by_op", check64=False)
def tf_by_op(w):
    """Functions that are one op with attributes."""
    m, im = tf.math, tf.image
    x, t, i = w.Input((8, 8, 3), name="x"), w.Input((5,), name="t"), w.Input((5,), dtype="int32", name="i")
    p = tf.abs(t) + 0.5
    outs = [m.cumulative_logsumexp(t, axis=1), m.cumulative_logsumexp(t, axis=-1, exclusive=True, reverse=True), m.in_top_k(i[:, 0], t, 2),
            m.igamma(p, p * 0.7), m.igammac(p, p * 0.7), m.betainc(p, p, tf.sigmoid(t)), m.zeta(p + 1, p), m.polygamma(tf.ones_like(p), p), m.special.dawsn(t),
            m.special.expint(p), m.special.spence(p), m.special.fresnel_cos(t), m.bincount(i), m.bincount(i, minlength=8), m.erfinv(tf.tanh(t) * 0.9),
            m.bessel_i0(t), m.ndtri(tf.sigmoid(t)), im.adjust_hue(x, 0.1), im.adjust_saturation(x, 0.5), im.rgb_to_hsv(x), im.hsv_to_rgb(x),
            im.extract_patches(x, [1, 3, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
            im.crop_and_resize(x, np.array([[0.1, 0.2, 0.8, 0.9], [0.0, 0.0, 1.2, 1.0]], "float32"), np.array([0, 1], "int32"), [4, 3], extrapolation_value=0.25),
            tf.quantization.fake_quant_with_min_max_args(t, -2.0, 2.0, num_bits=4), tf.linalg.inv(x[:, :3, :3, 0] + 2 * np.eye(3, dtype="float32")),
            tf.linalg.det(x[:, :3, :3, 1]), tf.linalg.cholesky(tf.matmul(x[:, :, :4, 0], x[:, :, :4, 0], transpose_a=True)), tf.linalg.svd(x[:, :, :, 0], compute_uv=False),
            tf.math.real(tf.signal.fft(tf.complex(t, t * 0.5)))]
    return only(w, [x, t, i], outs, [w.uniform(2, 8, 8, 3), w.normal(2, 5), w.ints(2, 5, low=0, high=5)], rtol=1e-3, atol=1e-4)


@op_case("tf_ellipsis", h5=True, only=("keras_h5",), check64=False)
def tf_ellipsis(w):
    """tf-keras can write an ellipsis to .h5 alone."""
    x = w.Input((4, 6), name="x")
    return only(w, x, [x[..., ::2], x[..., -1], x[:, 1:-1, tf.newaxis, ...]], w.normal(3, 4, 6))


@op_case("tf_masks", check64=False)
def tf_masks(w):
    """A function's result has no mask, but a function that returns its argument returns its mask."""
    L = w.L
    ids = w.Input((6,), dtype="int32", name="ids")
    e = L.Embedding(9, 4, mask_zero=True, name="e")(ids)
    outs = [L.LSTM(3, name="lost")(e * 1.0), L.LSTM(3, name="lost_too")(tf.concat([e, e], -1)), L.LSTM(3, name="sliced")(e[:, 1:]),
            L.LSTM(3, name="kept")(tf.cast(e, "float32")), L.GlobalAveragePooling1D(name="converted")(tf.convert_to_tensor(e))]
    a = w.ints(3, 6, low=1, high=9)
    a[0, 4:] = a[1, 2:] = 0
    return Spec(w.randomise(w.Model(ids, outs)), a)


@op_case("tf_shared_functions", h5=True)
def tf_shared_functions(w):
    """Functions between layers, in both file formats."""
    L = w.L
    x = w.Input((8, 8, 3), name="x")
    y = x / 127.5 - 1.0
    y = L.Conv2D(4, 3, padding="same", name="conv")(y)
    y = tf.nn.relu6(y + 3.0) * 0.16666667 * y
    pooled = tf.reduce_mean(y, axis=[1, 2], keepdims=True)
    gate = tf.sigmoid(L.Dense(4, name="gate")(pooled))
    y = tf.concat([y * gate, tf.image.resize(pooled, (8, 8))], axis=-1)
    z = tf.reshape(y, (-1, 64, 8))
    z = tf.matmul(z, z, transpose_b=True) / tf.math.sqrt(8.0)
    outs = [tf.nn.softmax(z, axis=-1)[:, 0], L.Dense(2, name="head")(tf.squeeze(y[:, ::4, ::4, :][:, 0, :1], 1))]
    return Spec(w.randomise(w.Model(x, outs)), w.uniform(2, 8, 8, 3, high=255.0), flat_outputs=range(2))
