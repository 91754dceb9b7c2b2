"""Normalisation, alone and behind the layers that it can be folded into."""
from golden_lib import Spec, case


@case("batchnorm", h5="tfkeras")
def batchnorm(w):
    L, x = w.L, w.Input((4, 5, 3), name="x")
    outs = [L.BatchNormalization(name="plain")(x), L.BatchNormalization(axis=1, name="axis1")(x), L.BatchNormalization(axis=2, name="axis2")(x),
            L.BatchNormalization(scale=False, name="no_scale")(x), L.BatchNormalization(center=False, name="no_center")(x),
            L.BatchNormalization(scale=False, center=False, epsilon=0.1, momentum=0.5, name="neither")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 5, 3))


@case("batchnorm_ranks")
def batchnorm_ranks(w):
    L = w.L
    a, b, c = w.Input((6,), name="a"), w.Input((None, 4), name="b"), w.Input((3, 2, 4, 2), name="c")
    outs = [L.BatchNormalization(name="rank2")(a), L.BatchNormalization(name="rank3")(b), L.BatchNormalization(name="rank5")(c),
            L.BatchNormalization(axis=-2, name="rank5_axis")(c), L.BatchNormalization(axis=-1, trainable=False, name="frozen")(a)]
    return Spec(w.randomise(w.Model([a, b, c], outs)), [w.normal(3, 6), w.normal(3, 5, 4), w.normal(2, 3, 2, 4, 2)])


@case("batchnorm_folding")
def batchnorm_folding(w):
    L = w.L
    x, s = w.Input((8, 8, 3), name="x"), w.Input((6,), name="s")
    h = L.BatchNormalization(name="bn_conv")(L.Conv2D(4, 3, use_bias=False, name="conv")(x))
    h = L.Activation("relu", name="relu")(h)
    h = L.BatchNormalization(name="bn_depthwise")(L.DepthwiseConv2D(3, padding="same", name="depthwise")(h))
    h = L.BatchNormalization(name="bn_relu_conv")(L.Conv2D(3, 2, padding="same", activation="relu", name="relu_conv")(h))
    h = L.BatchNormalization(name="bn_transpose")(L.Conv2DTranspose(3, 2, strides=2, name="transpose")(h))
    d = L.BatchNormalization(name="bn_dense")(L.Dense(5, name="dense")(s))
    d = L.Dense(4, name="dense_after")(d)
    return Spec(w.randomise(w.Model([x, s], [h, d])), [w.normal(3, 8, 8, 3), w.normal(3, 6)])


@case("batchnorm_not_foldable")
def batchnorm_not_foldable(w):
    """A convolution that two layers read, normalisation over another axis, normalisation in front of zero padding."""
    L, x = w.L, w.Input((6, 6, 3), name="x")
    c = L.Conv2D(4, 3, padding="same", name="conv")(x)
    front = L.BatchNormalization(name="front")(x)
    outs = [L.Add(name="skip")([c, L.BatchNormalization(name="bn_branch")(c)]), L.BatchNormalization(axis=1, name="bn_rows")(L.Conv2D(2, 1, name="conv1")(x)),
            L.Conv2D(3, 3, padding="same", use_bias=False, name="after_front")(front), L.Dense(3, name="dense_after")(L.Flatten(name="flat")(front)), c,
            L.BatchNormalization(name="bn_separable")(L.SeparableConv2D(3, 2, name="separable")(x)),
            L.BatchNormalization(name="second")(L.BatchNormalization(name="first")(c))]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 6, 6, 3))


@case("layernorm", h5="tfkeras")
def layernorm(w):
    L, x = w.L, w.Input((None, 6), name="x")
    outs = [L.LayerNormalization(name="plain")(x), L.LayerNormalization(scale=False, epsilon=0.05, name="no_scale")(x),
            L.LayerNormalization(center=False, name="no_center")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 5, 6))


@case("layernorm_axes")
def layernorm_axes(w):
    L, x = w.L, w.Input((4, 5, 3), name="x")
    outs = [L.LayerNormalization(axis=1, name="axis1")(x), L.LayerNormalization(axis=[1, 2], name="axes12")(x),
            L.LayerNormalization(axis=[1, 2, 3], name="axes123")(x), L.LayerNormalization(axis=[-2, -1], name="last_two")(x),
            L.LayerNormalization(axis=-1, scale=False, center=False, name="neither")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 5, 3))


@case("other_norms")
def other_norms(w):
    L, x = w.L, w.Input((4, 5, 6), name="x")
    outs = [L.GroupNormalization(groups=3, name="groups")(x), L.GroupNormalization(groups=-1, scale=False, name="instance")(x),
            L.GroupNormalization(groups=2, axis=1, center=False, epsilon=0.01, name="axis1")(x),
            L.UnitNormalization(name="unit")(x), L.UnitNormalization(axis=[1, 2], name="unit_axes")(x)]
    if not w.k2:
        outs += [L.RMSNormalization(name="rms")(x), L.RMSNormalization(epsilon=0.1, name="rms_epsilon")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 5, 6))
