"""Keras 3's operation nodes: functions of keras.ops called on symbolic tensors, many in one model."""
import numpy as np

from golden_lib import Spec, case


def only(w, inputs, outs, arrays, **kw):
    """A model of every output; nested results are flattened."""
    flat = w.keras.tree.flatten(outs)
    # Indices, masks and counts may well be constant, and NaN rules show in NaN.
    return Spec(w.Model(inputs, flat), arrays, flat_outputs=range(len(flat)), **kw)


def op_case(name, **options):
    return case(name, writers=("keras3",), **options)


def special(w, *shape):
    x = w.normal(*shape, scale=2.0)
    flat = x.reshape(-1)
    flat[:6] = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5]
    return x


@op_case("ops_elementwise")
def ops_elementwise(w):
    o = w.keras.ops
    x, y = w.Input((4, 5), name="x"), w.Input((4, 5), name="y")
    p = o.abs(x) + 0.1
    outs = [x + y, 2 * x - 1, x / (o.square(y) + 1), x // (o.abs(y) + 1), x % (o.abs(y) + 1), -x, abs(x), x ** 2, o.power(p, y),
            o.mod(x, p), o.fmod(x, p), o.arctan2(x, y), o.hypot(x, y), o.logaddexp(x, y), o.logaddexp2(x, y),
            o.maximum(x, 0.25), o.minimum(x, y), o.fmax(x, y), o.fmin(x, y), o.heaviside(x, y), o.divide_no_nan(x, o.relu(y)),
            o.sin(x), o.cos(x), o.tan(x / 2), o.sinh(x), o.cosh(x), o.tanh(x), o.arcsin(o.tanh(x)), o.arccos(o.tanh(x)), o.arctan(x),
            o.arcsinh(x), o.arccosh(p + 1), o.arctanh(o.tanh(x) * 0.9), o.exp(x), o.exp2(x), o.expm1(x), o.log(p), o.log2(p), o.log10(p),
            o.log1p(p), o.sqrt(p), o.square(x), o.rsqrt(p), o.reciprocal(p), o.cbrt(x), o.sign(x), o.floor(x), o.ceil(x), o.round(x),
            o.round(x, decimals=2), o.trunc(x), o.erf(x), o.erfc(x), o.sinc(x), o.deg2rad(x), o.rad2deg(x), o.clip(x, -0.5, 1.5),
            o.clip(x, -np.inf, 0.75), o.where(x > y, x, 0.5), o.select([x > 1, x < -1], [x, 2 * y], 0.5), o.fabs(x),
            o.ldexp(x, o.cast(o.round(y), "int32"))]
    return only(w, [x, y], outs, [special(w, 3, 4, 5), special(w, 3, 4, 5)])


@op_case("ops_integers", check64=False)
def ops_integers(w):
    o = w.keras.ops
    i, j = w.Input((6,), dtype="int32", name="i"), w.Input((6,), dtype="int32", name="j")
    b = o.greater(i, j)
    s = o.cast(i, "int8")
    u = o.cast(o.abs(i), "uint8")
    outs = [i + j, i - 3, i * 2, i / 4, i // (o.abs(j) + 1), i % (o.abs(j) + 1), i + 0.5, o.mean(i, axis=1), o.sum(s, axis=1), o.sum(u, axis=1),
            o.sum(b, axis=1), o.prod(s, axis=1), o.std(i, axis=1), o.var(i, axis=1), o.sqrt(o.abs(i)), o.exp(i / 10), o.sin(i), o.floor(i),
            o.bitwise_and(i, j), o.bitwise_or(i, np.array([6], "int32")), o.bitwise_xor(i, j), o.bitwise_not(i), o.left_shift(i, 2), o.right_shift(i, 1),
            o.gcd(i, j), o.lcm(i, j), o.logical_and(b, i), o.logical_or(b, i), o.logical_xor(b, i), o.logical_not(b), b, o.equal(i, j),
            o.not_equal(i, 2), o.less(i, j), o.less_equal(i, j), o.greater_equal(i, 2.5), o.max(b, axis=1), o.min(i, axis=1), o.argmax(i, axis=1),
            o.cumsum(i, axis=1), o.cumprod(o.sign(i), axis=1), o.cumsum(b, axis=1), o.add(s, u), o.add(s, 300), o.multiply(u, i), o.maximum(s, u),
            o.add(b, 1), o.add(b, 1.5), o.matmul(o.reshape(s, (-1, 2, 3)), o.reshape(s, (-1, 3, 2))), o.dot(i, j[0]), o.count_nonzero(i, axis=1),
            o.diff(i, axis=-1), o.sort(i, axis=-1), o.argsort(i, axis=-1), o.square(b), o.sign(u), o.abs(u), o.clip(i, -2, 3), o.cast(i, "float16"),
            o.cast(i, "bool"), o.isfinite(i), o.nan_to_num(i), o.power(i, 2), o.one_hot(o.abs(i), 4), o.multi_hot(o.abs(i), 5), o.where(b, i, 0.5),
            o.where(b, i, 2), o.stack([i, j], axis=1), o.concatenate([i, o.cast(j, "float32")], axis=-1), o.take(i, [0, -1], axis=1),
            o.searchsorted(np.array([-3, 0, 2, 5], "int32"), i[0]), o.digitize(o.cast(i, "float32"), np.array([-2.0, 0.5, 3.0])), o.isin(i, [1, 2, 3]),
            o.bincount(o.abs(i), minlength=12), o.unravel_index(o.abs(i)[0], (3, 5)), o.true_divide(i, 2), o.saturate_cast(i * 100, "int8")]
    a = w.ints(3, 6, low=-9, high=10)
    a[0, :3] = [0, 4, -4]
    return only(w, [i, j], outs, [a, w.ints(3, 6, low=-9, high=10)])


@op_case("ops_reductions")
def ops_reductions(w):
    o = w.keras.ops
    x, v = w.Input((4, 5, 3), name="x"), w.Input((4, 5, 3), name="v")
    outs = [f(x, axis=a, keepdims=k) for f in (o.sum, o.mean, o.max, o.min, o.prod, o.std, o.var) for a, k in ((None, False), (-1, True), ((1, 2), False))]
    outs += [o.max(x, axis=1, initial=0.5), o.min(x, axis=1, initial=-0.5), o.amax(x, axis=(1, 3)), o.amin(x, axis=2), o.any(x > 1.5, axis=1),
             o.all(x > -1, axis=(1, 2)), o.argmax(x, axis=1), o.argmin(x, axis=-1, keepdims=True), o.argmax(x), o.average(x, axis=1),
             o.average(x, axis=1, weights=np.array([1.0, 2.0, 0.5, 0.25])), o.average(x, weights=v * v), o.logsumexp(x, axis=(1, 2)),
             o.logsumexp(x, axis=-1, keepdims=True), o.ptp(x, axis=1), o.cumsum(x, axis=1), o.cumprod(x, axis=-1), o.cumsum(x), o.diff(x, n=2, axis=1),
             o.count_nonzero(o.relu(x), axis=(1, 2)), o.moments(x, axes=[1, 2]), o.moments(x, axes=[0], keepdims=True), o.trapezoid(x, axis=1, dx=0.5),
             o.norm(x, axis=1), o.norm(x, axis=(1, 2)), o.norm(x, ord=1, axis=2), o.norm(x, ord=np.inf, axis=-1),
             o.norm(x, ord=3, axis=1, keepdims=True), o.norm(x, ord=1, axis=(1, 2)), o.norm(x, ord="fro", axis=(2, 3)),
             o.norm(x, ord=-np.inf, axis=(1, 2), keepdims=True)]
    return only(w, [x, v], outs, [w.normal(3, 4, 5, 3), w.normal(3, 4, 5, 3)])


@op_case("ops_nan", check64=False)
def ops_nan(w):
    o = w.keras.ops
    x, y = w.Input((5, 4), name="x"), w.Input((5, 4), name="y")
    outs = [f(x, axis=1) for f in (o.nansum, o.nanmean, o.nanmax, o.nanmin, o.nanprod, o.nanstd, o.nanvar, o.nanargmax, o.nanargmin)]
    outs += [o.nansum(x), o.nanmax(x, axis=(1, 2), keepdims=True), o.nancumsum(x, axis=1), o.nancumprod(x, axis=1), o.nan_to_num(x),
             o.nan_to_num(x, nan=-1.0, posinf=9.0, neginf=-9.0), o.isnan(x), o.isinf(x), o.isfinite(x), o.isposinf(x), o.isneginf(x), o.isclose(x, y),
             o.isclose(x, y, rtol=0.5, atol=0.1, equal_nan=True), o.fmax(x, y), o.fmin(x, y), o.maximum(x, y), o.minimum(x, y), o.max(x, axis=1),
             o.min(x, axis=1), o.nanmedian(x, axis=1), o.nanquantile(x, 0.6, axis=1), o.nanquantile(x, [0.25, 0.6]), o.nanpercentile(x, 30.0, axis=(1, 2), keepdims=True)]
    a = w.normal(3, 5, 4)
    a[0, 0, 0] = a[0, 2, 0] = a[1, :, 1] = np.nan
    a[2, 1, 2] = np.inf
    a[2, 3, 3] = -np.inf
    b = w.normal(3, 5, 4)
    b[0, 0, 0] = np.nan
    b[1, 0, 2] = a[1, 0, 2]
    return only(w, [x, y], outs, [a, b])


@op_case("ops_shapes")
def ops_shapes(w):
    o = w.keras.ops
    x, s = w.Input((4, 6), name="x"), w.Input((3, 4, 4), name="s")
    y = w.Input((4, 6), name="y")
    outs = [o.reshape(x, (-1, 24)), o.reshape(x, (-1, 2, 3, 4)), o.transpose(x, (0, 2, 1)), o.transpose(x), o.swapaxes(x, 1, -1), o.moveaxis(s, 1, -1),
            o.moveaxis(s, (1, 2), (-1, 1)), o.expand_dims(x, -1), o.expand_dims(x, (1, 3)), o.squeeze(o.expand_dims(x, 1), 1), o.ravel(x),
            o.stack([x, y], axis=-1), o.concatenate([x, y], axis=1), o.hstack([x, y]), o.vstack([x, y]), o.dstack([x, y]), o.append(x, y, axis=2),
            o.append(x, y), o.split(x, 2, axis=2), o.split(x, [1, 3], axis=1), o.array_split(x, 4, axis=2), o.hsplit(s, 3), o.dsplit(s, [1, 3]),
            o.unstack(x, axis=1), o.tile(x, (1, 2, 1)), o.tile(x, 2), o.tile(x, (2, 1, 1, 2)), o.repeat(x, 2, axis=1), o.repeat(x, [1, 0, 2, 1], axis=1),
            o.repeat(x, 2), o.roll(x, 2, axis=1), o.roll(x, (1, -2), axis=(1, 2)), o.roll(x, 3), o.roll(x, 1, axis=0), o.flip(x), o.flip(x, axis=-1),
            o.flip(x, axis=(1, 2)), o.fliplr(x), o.flipud(x), o.rot90(x, axes=(1, 2)), o.rot90(x, k=2, axes=(1, 2)), o.rot90(x, k=3, axes=(1, 2)),
            o.rot90(s, k=-1, axes=(2, 3)), o.pad(x, ((0, 0), (1, 2), (0, 3))), o.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=1.5),
            o.pad(x, ((0, 0), (1, 1), (2, 2)), mode="reflect"), o.pad(x, ((0, 0), (1, 2), (2, 0)), mode="symmetric"), o.pad(x[0, 0], 1),
            o.broadcast_to(x[0], (2, 4, 6)), o.meshgrid(x[0, 0], x[0, :, 0]), o.meshgrid(x[0, 0], x[0, :, 0], indexing="ij"),
            o.tril(s), o.tril(s, k=-1), o.triu(s, k=1), o.triu(s, k=-2), o.diagonal(s, axis1=2, axis2=3), o.diagonal(s, offset=1, axis1=1, axis2=2),
            o.trace(s, axis1=2, axis2=3), o.trace(s, offset=-1, axis1=1, axis2=2), o.diag(x[0]), o.diag(x[0, 0], k=1), o.diag(x[0, 0], k=-2),
            o.diagflat(x[0]), o.zeros_like(x) + x, o.ones_like(x) * x, o.full_like(x, 2.5) + x, x * o.ones((6,)), o.linspace(x, y, 4, axis=1),
            o.linspace(x, y, 3, endpoint=False, axis=-1), o.logspace(x, y, 3), o.geomspace(o.abs(x) + 1, o.abs(y) + 1, 3),
            o.vander(x[0, 0]), o.vander(x[0, 0], N=3, increasing=True), o.size(x) + o.cast(x, "int32"), o.copy(x) + 1, o.stop_gradient(x) + 1]
    return only(w, [x, s, y], outs, [w.normal(3, 4, 6), w.normal(3, 3, 4, 4), w.normal(3, 4, 6)])


@op_case("ops_indexing")
def ops_indexing(w):
    o = w.keras.ops
    x, i = w.Input((4, 6), name="x"), w.Input((3,), dtype="int32", name="i")
    m = w.Input((4, 3), dtype="int32", name="m")
    outs = [x[:, 1], x[:, -1, 2:], x[:, 1:-1, None, ...], x[..., ::2], x[..., ::-1], x[:, 3:0:-2], x[1], x[0, 0], x[:, :, 1:100], x[None, :, 0],
            o.take(x, i, axis=1), o.take(x, [0, -1, 2], axis=-1), o.take(x, 1, axis=1), o.take(x, [3, -4]), o.take_along_axis(x, m, axis=2),
            o.take_along_axis(x, o.argsort(x, axis=1), axis=1), o.slice(x, [0, 1, 2], (2, 2, 3)), o.slice_update(x, [0, 1, 2], x[:, :2, :3] * 10),
            o.slice_update(x, [0, 3, 5], x[:, :2, :3] * 10), o.scatter(np.array([[1], [3], [1]]), x[0, :3], (5, 6)),
            o.scatter_update(x, np.array([[0, 1], [1, 2]]), x[0, :2]), o.scatter_update(x, np.array([[0, 1], [0, 1]]), x[0, :2], reduction="add"),
            o.scatter_update(x, np.array([[0, 1], [1, 2]]), x[0, :2], reduction="max"), o.one_hot(i, 5), o.one_hot(i, 5, axis=1, dtype="int32"),
            o.multi_hot(i, 6), o.segment_sum(x[0], np.array([0, 2, 0, 1]), num_segments=4), o.segment_max(x[0], np.array([0, 2, 0, 1]), num_segments=3),
            o.where(x > 0, x, o.zeros_like(x)), o.isin(i, np.array([0, 2])), o.nonzero(x[0] > 0), o.unravel_index(m, (2, 3)), o.top_k(x, 3),
            o.in_top_k(i[:, 0], x[:, 0], 2), o.sort(x, axis=1), o.sort(x, axis=None), o.argsort(x), o.argpartition(o.cast(x[0, 0] * 10, "int32"), 2),
            o.searchsorted(o.sort(x[0, 0]), x[0, 1]), o.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), x[0, 0], side="right"), o.median(x, axis=1),
            o.median(x), o.quantile(x, 0.3, axis=-1, keepdims=True), o.quantile(x, [0.1, 0.5, 0.95], axis=(1, 2)), o.percentile(x, 75.0, axis=1),
            o.quantile(x, [0.2, 0.7], axis=1, method="nearest"),
            o.percentile(x, [20.0, 70.0], axis=1, method="nearest"), o.percentile(x, 40.0, method="lower"), o.percentile(x, 40.0, axis=1, method="midpoint"),
            o.percentile(x, 40.0, axis=(0, 2), method="higher", keepdims=True),
            o.bincount(i, minlength=6)]
    return only(w, [x, i, m], outs, [w.normal(3, 4, 6), w.ints(3, 3, low=0, high=4), w.ints(3, 4, 3, low=0, high=6)])


@op_case("ops_products")
def ops_products(w):
    o = w.keras.ops
    x, y, v = w.Input((4, 5), name="x"), w.Input((5, 4), name="y"), w.Input((3,), name="v")
    k = w.normal(5, 2)
    outs = [x @ y, o.matmul(x, k), o.matmul(x, k[:, 0]), o.matmul(k[:4, 0], x), o.dot(x, k), o.dot(x, o.reshape(y, (-1, 5, 4))[0]), o.einsum("bij,bjk->bik", x, y),
            o.einsum("bij->bj", x), o.einsum("...ij,jk->...ik", x, k), o.tensordot(x, k, axes=1), o.tensordot(x, y, axes=((1, 2), (2, 1))),
            o.tensordot(x, k, axes=((-1,), (0,))), o.inner(x, k.T), o.outer(v, v), o.vdot(v, v * 2), o.cross(v, v[:, ::-1]), o.cross(v[:, :2], v[:, 1:]),
            o.cross(v[:, :2], v), o.kron(x[0], k), o.corrcoef(x[0]), o.correlate(x[0, 0], k[:3, 0]), o.correlate(x[0, 0], k[:3, 0], mode="full"),
            o.correlate(x[0, 0], k[:4, 0], mode="same"), o.norm(x, axis=(0, 1)), o.cdist(x, o.transpose(y, (0, 2, 1)))]
    return only(w, [x, y, v], outs, [w.normal(3, 4, 5), w.normal(3, 5, 4), w.normal(3, 3)])


@op_case("ops_activations")
def ops_activations(w):
    o = w.keras.ops
    x = w.Input((4, 6), name="x")
    names = "relu relu6 sigmoid sparse_sigmoid softplus softsign soft_shrink sparse_plus silu squareplus log_sigmoid leaky_relu hard_sigmoid hard_silu elu " \
            "selu gelu celu glu tanh_shrink hard_tanh hard_shrink softmax log_softmax sparsemax"
    outs = [getattr(o, n)(x) for n in names.split()]
    outs += [o.leaky_relu(x, 0.05), o.elu(x, 0.5), o.celu(x, 2.0), o.gelu(x, approximate=False), o.soft_shrink(x, 1.0), o.hard_shrink(x, 1.0),
             o.squareplus(x, 2), o.glu(x, axis=1), o.softmax(x, axis=1), o.softmax(x, axis=None), o.log_softmax(x, axis=1), o.sparsemax(x, axis=1),
             o.threshold(x, 0.5, -2.0), o.normalize(x, axis=1), o.normalize(x), o.normalize(x, order=1), o.normalize(x, axis=-1, order=3)]
    return only(w, x, outs, special(w, 3, 4, 6))


@op_case("ops_network")
def ops_network(w):
    o = w.keras.ops
    x, s, q = w.Input((8, 9, 4), name="x"), w.Input((10, 4), name="s"), w.Input((5, 4, 6), name="q")
    t = w.Input((5,), name="t")
    k2, k1, d2, p2 = w.normal(3, 2, 4, 3), w.normal(3, 4, 2), w.normal(3, 3, 4, 2), w.normal(1, 1, 8, 3)
    outs = [o.conv(x, k2), o.conv(x, k2, strides=2, padding="same"), o.conv(x, k2, dilation_rate=2), o.conv(s, k1, padding="same"),
            o.depthwise_conv(x, d2, padding="same"), o.separable_conv(x, d2, p2),
            o.max_pool(x, 2), o.max_pool(x, (2, 3), strides=1, padding="same"), o.average_pool(x, 3, strides=2, padding="same"), o.average_pool(s, 3),
            o.adaptive_average_pool(x, (3, 4)), o.adaptive_max_pool(x, (3, 3)), o.batch_normalization(x, w.normal(4), w.uniform(4, low=0.5, high=2), -1),
            o.batch_normalization(x, w.normal(8), w.uniform(8, low=0.5, high=2), 1, offset=w.normal(8), scale=w.normal(8), epsilon=0.01),
            o.layer_normalization(x, w.normal(4), w.normal(4), -1), o.layer_normalization(x, axis=(2, 3)), o.rms_normalization(x, w.normal(4)),
            o.rms_normalization(x, axis=(1, 3)), o.dot_product_attention(q, q * 0.5, q + 1), o.dot_product_attention(q, q[:, :, :2], q[:, :, :2], is_causal=True),
            o.dot_product_attention(q, q, q, scale=0.3, bias=q[:, :1, :1, :1]), o.dot_product_attention(q, q, q, mask=q[:, :1, :1, :5] > -1),
            o.depth_to_space(x, 2), o.space_to_depth(x[:, :, :8], 2), o.psnr(x, x * 0.9, 2.0), o.extract_sequences(t, 3, 2),
            o.binary_crossentropy(o.relu(t), o.sigmoid(t)),
            o.binary_crossentropy(o.relu(t), o.abs(t) / 10), o.binary_crossentropy(o.relu(t), t, from_logits=True),
            o.categorical_crossentropy(o.softmax(t), o.softmax(t * 2)), o.categorical_crossentropy(o.softmax(t), o.abs(t) + 0.1),
            o.categorical_crossentropy(o.softmax(t), t, from_logits=True), o.sparse_categorical_crossentropy(o.argmax(t, axis=1), o.softmax(t)),
            o.sparse_categorical_crossentropy(o.argmin(t, axis=1), o.abs(t) + 0.1)]
    return only(w, [x, s, q, t], outs, [w.normal(2, 8, 9, 4), w.normal(2, 10, 4), w.normal(2, 5, 4, 6), w.normal(2, 5)])


@op_case("ops_fixed_batch")
def ops_fixed_batch(w):
    """Operations whose result's shape Keras works out from a known batch."""
    o = w.keras.ops
    x = w.Input(batch_shape=(2, 3, 6, 8), name="x")
    outs = [o.unfold(x, 2), o.unfold(x, (2, 3), dilation=2, padding=1, stride=(2, 1)), o.fold(o.unfold(x, (2, 2), stride=2), (6, 8), (2, 2), stride=2),
            o.fold(o.unfold(x, 3, padding=1), (6, 8), 3, padding=1), o.average_pool(x, 2, data_format="channels_first"),
            o.conv(x, w.normal(2, 2, 3, 2), data_format="channels_first"), o.unique(x[0, 0, 0], return_index=True, return_inverse=True, return_counts=True, size=10),
            o.reshape(x, (2, -1)), o.squeeze(x[:1, :, 0]), o.broadcast_to(x[:, :1], (2, 3, 6, 8)), o.full((2, 2), x[0, 0, 0, 0])]
    return only(w, x, outs, w.normal(2, 3, 6, 8))


@op_case("ops_masks", check64=False)
def ops_masks(w):
    """An operation's result has no mask; a cast to its own type returns its argument, mask and all."""
    o, L = w.keras.ops, w.L
    ids = w.Input((6,), dtype="int32", name="ids")
    e = L.Embedding(9, 4, mask_zero=True, name="e")(ids)
    outs = [L.LSTM(3, name="kept")(o.cast(e, "float32")), L.LSTM(3, name="lost")(e * 1.0), L.LSTM(3, name="lost_too")(o.concatenate([e, e], axis=-1)),
            L.GlobalAveragePooling1D(name="converted")(o.convert_to_tensor(e))]
    a = w.ints(3, 6, low=1, high=9)
    a[0, 4:] = a[1, 2:] = 0
    return Spec(w.randomise(w.Model(ids, outs)), a)


@op_case("ops_images", check64=False)
def ops_images(w):
    o = w.keras.ops
    x, g = w.Input((6, 8, 3), name="x"), w.Input((2, 5), name="g")
    im = o.image
    outs = [im.resize(x, (4, 5)), im.resize(x, (9, 12), interpolation="nearest"), im.resize(x, (4, 6), interpolation="bicubic"),
            im.resize(x, (3, 4), antialias=True), im.resize(x, (5, 5), interpolation="lanczos3"), im.resize(x, (3, 4), interpolation="area"),
            im.resize(x, (4, 4), crop_to_aspect_ratio=True), im.resize(x, (4, 4), pad_to_aspect_ratio=True, fill_value=0.5), im.rgb_to_grayscale(x),
            im.extract_patches(x, (2, 3)), im.extract_patches(x, 2, strides=1, padding="same"), im.pad_images(x, 1, 2, 3, 0),
            im.pad_images(x, 1, 2, target_height=9, target_width=12), im.crop_images(x, 1, 2, 1, 1), im.crop_images(x, 1, 2, target_height=4, target_width=3),
            im.map_coordinates(x[0, :, :, 0], g[0], 1), im.map_coordinates(x[0, :, :, 0], g[0], 0, fill_mode="nearest"),
            im.map_coordinates(x[0, :, :, 0], g[0] * 3 - 4, 1, fill_mode="reflect"), im.map_coordinates(x[0, :, :, 0], g[0] * 3 - 4, 1, fill_mode="wrap"),
            im.gaussian_blur(x, (3, 3), (1.0, 2.0)), im.sobel_edges(x)]
    return only(w, [x, g], outs, [w.uniform(2, 6, 8, 3), w.uniform(2, 2, 5, high=5.0)])


@op_case("ops_transforms", check64=False)
def ops_transforms(w):
    o = w.keras.ops
    x, im = w.Input((6, 8, 3), name="x"), w.keras.ops.image
    t = np.array([1.0, 0.2, -0.5, -0.1, 0.9, 0.7, 0.0, 0.0], "float32")
    a, b = np.array([[0, 0], [0, 5], [7, 0], [7, 5]], "float32"), np.array([[0.5, 0], [0, 5], [7, 1], [6, 4]], "float32")
    outs = [im.affine_transform(x, t), im.affine_transform(x, t, interpolation="nearest", fill_mode="reflect"), im.affine_transform(x, t, fill_value=0.5),
            im.perspective_transform(x, np.stack([a, a]), np.stack([b, b])), im.rgb_to_hsv(x), im.hsv_to_rgb(x)]
    return only(w, x, outs, w.uniform(2, 6, 8, 3))


@op_case("ops_linear_algebra", check64=False)
def ops_linear_algebra(w):
    o = w.keras.ops
    x, b = w.Input((4, 4), name="x"), w.Input((4, 2), name="b")
    s = o.matmul(x, o.transpose(x, (0, 2, 1))) + 4.0 * np.eye(4, dtype="float32")
    l = o.linalg
    outs = [l.cholesky(s), l.cholesky(s, upper=True), l.det(s), l.inv(s), l.solve(s, b), l.solve_triangular(l.cholesky(s), b, lower=True), o.logdet(s),
            o.slogdet(s), l.eigh(s)[0], l.svd(x, compute_uv=False), l.norm(x, ord="nuc", axis=(1, 2)), l.norm(x, ord=2, axis=(1, 2)), l.lstsq(x[0], b[0]),
            l.matrix_rank(x), l.pinv(x), l.cholesky_inverse(l.cholesky(s))]
    return only(w, [x, b], outs, [w.normal(3, 4, 4), w.normal(3, 4, 2)], rtol=1e-3, atol=1e-4)


@op_case("ops_signal", check64=False)
def ops_signal(w):
    o = w.keras.ops
    x, y = w.Input((32,), name="x"), w.Input((4, 8), name="y")
    outs = [o.fft((x, x * 0.5)), o.fft2((y, y * 0.5)), o.ifft2((y, y * 0.5)), o.rfft(x), o.rfft(x, fft_length=40), o.irfft(o.rfft(x)),
            o.stft(x, 8, 4, 8), o.stft(x, 6, 4, 8, window="hamming", center=False), o.istft(o.stft(x, 8, 4, 8), 8, 4, 8), o.extract_sequences(x, 5, 3),
            o.erfinv(o.tanh(x) * 0.99), o.i0(x), o.real(x), o.angle(x), o.conj(x), o.signbit(x), o.nextafter(x, x + 1),
            o.view_as_real(o.polar(o.abs(x), x))]
    return only(w, [x, y], outs, [w.normal(2, 32), w.normal(2, 4, 8)])


@op_case("ops_half", check64=False)
def ops_half(w):
    """Results keep half precision where Keras keeps it, and numbers do not widen it."""
    o = w.keras.ops
    x, b = w.Input((4, 5), dtype="float16", name="x"), w.Input((4, 5), dtype="bfloat16", name="b")
    i = w.Input((4, 5), dtype="int64", name="i")
    outs = [x + 1, x * 0.5, x + i, x / 3, 1 / (o.abs(x) + 1), o.mean(x, axis=1), o.sum(x, axis=-1), o.var(x, axis=1), o.std(x, axis=1), o.max(x, axis=1),
            o.softmax(x), o.matmul(x, o.transpose(x, (0, 2, 1))), o.sqrt(o.abs(x)), o.exp(x / 4), o.where(x > 0, x, 0.5), o.clip(x, -1, 1), o.argmax(x, axis=1),
            o.moments(x, axes=[1]), o.layer_normalization(x, axis=-1), o.gelu(x), o.cast(b, "float32"), b + 1, b * x, o.mean(b, axis=1), i + 1, i / 2, o.mean(i, axis=1),
            i * 0.5, o.sin(i), o.sum(i, axis=1), o.maximum(i, 3), o.stack([x, o.cast(i, "float16")], axis=1), o.concatenate([x, b], axis=-1), o.isclose(x, x + 0.001),
            o.cumsum(x, axis=1), o.sort(x, axis=1), o.median(x, axis=1), o.power(x, 2), o.square(b), x > 0.5, o.logaddexp(x, x)]
    return only(w, [x, b, i], outs, [w.normal(3, 4, 5).astype("float16"), w.normal(3, 4, 5), w.ints(3, 4, 5, low=-9, high=9).astype("int64")], rtol=1e-2, atol=4e-3)
