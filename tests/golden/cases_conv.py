"""Convolutions. A CPU cannot run channels_first ones: their answers come from a channels_last model with the same weights."""
from golden_lib import Spec, case


@case("cnn_batchnorm", save_tf=True, full=True)
def cnn_batchnorm(w):
    L = w.L
    m = w.Sequential([w.Input((12, 12, 3)), L.Conv2D(4, 3, use_bias=False), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D(),
                      L.Conv2D(6, 3, padding="same", activation="relu"), L.BatchNormalization(), L.GlobalAveragePooling2D(),
                      L.Dense(8), L.BatchNormalization(), L.Activation("relu"), L.Dropout(0.3), L.Dense(4, activation="softmax")])
    return Spec(w.randomise(m), w.normal(3, 12, 12, 3))


@case("conv1d")
def conv1d(w):
    L, x = w.L, w.Input((None, 4), name="x")
    outs = [L.Conv1D(5, 3, name="valid")(x), L.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu", name="causal")(x),
            L.Conv1D(3, 4, strides=2, padding="same", name="same")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 9, 4))


@case("conv1d_arguments")
def conv1d_arguments(w):
    L, x = w.L, w.Input((11, 4), name="x")
    outs = []
    for pad in ("valid", "same", "causal"):
        for k, s, d in ((3, 1, 1), (4, 1, 1), (3, 2, 1), (2, 3, 1), (3, 1, 2), (2, 1, 3)):
            outs.append(L.Conv1D(3, k, strides=s, dilation_rate=d, padding=pad, name="%s_k%d_s%d_d%d" % (pad, k, s, d))(x))
    outs += [L.Conv1D(4, 3, groups=2, name="groups2")(x), L.Conv1D(8, 3, groups=4, padding="same", use_bias=False, name="groups4")(x),
             L.Conv1D(3, 1, activation="tanh", name="pointwise")(x), L.Conv1D(3, 11, use_bias=False, activation="elu", name="whole")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 11, 4))


@case("conv2d", h5="tfkeras")
def conv2d(w):
    L, x = w.L, w.Input((None, None, 3), name="x")
    outs = [L.Conv2D(4, 3, activation="relu", name="valid")(x), L.Conv2D(3, (2, 4), strides=(2, 1), padding="same", name="same")(x),
            L.Conv2D(3, 3, dilation_rate=2, padding="same", use_bias=False, name="dilated")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 8, 7, 3))


@case("conv2d_arguments")
def conv2d_arguments(w):
    L, x = w.L, w.Input((9, 8, 4), name="x")
    outs = []
    for pad in ("valid", "same"):
        for k, s, d in ((3, 1, 1), ((2, 3), 1, 1), (4, 2, 1), ((3, 1), (1, 2), 1), (3, (3, 2), 1), (3, 1, 2), ((2, 3), 1, (3, 1))):
            name = "%s_%d" % (pad, len(outs))
            outs.append(L.Conv2D(3, k, strides=s, dilation_rate=d, padding=pad, name=name)(x))
    outs += [L.Conv2D(4, 3, groups=2, name="groups2")(x), L.Conv2D(8, 2, groups=4, padding="same", strides=2, use_bias=False, name="groups4")(x),
             L.Conv2D(5, 1, activation="gelu", name="pointwise")(x), L.Conv2D(2, 1, strides=2, name="pointwise_strided")(x),
             L.Conv2D(3, (9, 8), activation="softplus", name="whole")(x), L.Conv2D(3, 3, activation="softmax", name="softmax")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 9, 8, 4))


@case("conv3d")
def conv3d(w):
    L, x = w.L, w.Input((5, 6, 4, 2), name="x")
    outs = [L.Conv3D(3, 2, activation="relu", name="valid")(x), L.Conv3D(2, (1, 3, 2), strides=(1, 2, 2), padding="same", name="same")(x),
            L.Conv3D(2, 2, strides=2, use_bias=False, name="strided")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 5, 6, 4, 2))


@case("conv3d_dilated")
def conv3d_dilated(w):
    L, x = w.L, w.Input((5, 6, 5, 2), name="x")
    outs = [L.Conv3D(2, 2, dilation_rate=2, name="dilated")(x), L.Conv3D(2, 2, dilation_rate=(1, 2, 1), padding="same", name="dilated_same")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 5, 6, 5, 2))


@case("conv1d_transpose")
def conv1d_transpose(w):
    L, x = w.L, w.Input((5, 3), name="x")
    outs = [L.Conv1DTranspose(4, 3, name="plain")(x), L.Conv1DTranspose(3, 3, strides=2, padding="same", activation="relu", name="same")(x),
            L.Conv1DTranspose(3, 4, strides=3, name="strided")(x), L.Conv1DTranspose(2, 2, strides=3, use_bias=False, name="gaps")(x),
            L.Conv1DTranspose(3, 3, strides=2, padding="same", output_padding=1, name="output_padding")(x),
            L.Conv1DTranspose(3, 4, strides=2, padding="valid", output_padding=1, name="output_padding_valid")(x),
            L.Conv1DTranspose(3, 5, strides=2, padding="same", output_padding=0, name="output_padding_0")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 5, 3))


@case("conv2d_transpose", h5="tfkeras")
def conv2d_transpose(w):
    L, x = w.L, w.Input((None, None, 3), name="x")
    outs = [L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu", name="up")(x), L.Conv2DTranspose(2, (2, 3), name="valid")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 4, 5, 3))


@case("conv2d_transpose_arguments")
def conv2d_transpose_arguments(w):
    L, x = w.L, w.Input((4, 5, 3), name="x")
    outs = [L.Conv2DTranspose(2, 3, strides=(2, 3), name="strided")(x), L.Conv2DTranspose(2, 2, strides=3, use_bias=False, name="gaps")(x),
            L.Conv2DTranspose(2, 2, strides=3, padding="same", name="gaps_same")(x),
            L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1, name="output_padding")(x),
            L.Conv2DTranspose(2, (3, 4), strides=2, padding="valid", output_padding=(0, 1), name="output_padding_valid")(x),
            L.Conv2DTranspose(2, 5, strides=2, padding="same", name="five")(x), L.Conv2DTranspose(2, 1, activation="tanh", name="pointwise")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 4, 5, 3))


@case("conv3d_transpose")
def conv3d_transpose(w):
    L, x = w.L, w.Input((3, 2, 4, 2), name="x")
    outs = [L.Conv3DTranspose(2, 2, name="valid")(x), L.Conv3DTranspose(2, 3, strides=2, padding="same", activation="elu", name="same")(x),
            L.Conv3DTranspose(2, 3, strides=(2, 1, 2), padding="same", output_padding=(1, 0, 1), use_bias=False, name="output_padding")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(2, 3, 2, 4, 2))


@case("conv_transpose_dilated")
def conv_transpose_dilated(w):
    L, x, s = w.L, w.Input((4, 5, 3), name="x"), w.Input((6, 3), name="s")
    outs = [L.Conv2DTranspose(2, 3, dilation_rate=2, name="two")(x), L.Conv2DTranspose(2, 3, dilation_rate=2, padding="same", name="two_same")(x),
            L.Conv1DTranspose(2, 3, dilation_rate=2, name="one")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(2, 4, 5, 3), w.normal(2, 6, 3)])


@case("depthwise", h5="tfkeras")
def depthwise(w):
    L, x, s = w.L, w.Input((8, 7, 3), name="x"), w.Input((9, 3), name="s")
    outs = [L.DepthwiseConv2D(3, activation="relu", name="two")(x), L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="two_multiplier")(x),
            L.DepthwiseConv1D(3, padding="same", depth_multiplier=2, activation="tanh", name="one")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(2, 8, 7, 3), w.normal(3, 9, 3)])


@case("depthwise_arguments")
def depthwise_arguments(w):
    L, x, s = w.L, w.Input((8, 7, 3), name="x"), w.Input((9, 3), name="s")
    outs = [L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, name="strided")(x), L.DepthwiseConv2D((2, 4), strides=2, name="strided_valid")(x),
            L.DepthwiseConv2D(3, dilation_rate=2, name="dilated")(x), L.DepthwiseConv2D(2, dilation_rate=(2, 1), padding="same", depth_multiplier=3, name="dilated_same")(x),
            L.DepthwiseConv1D(3, name="one")(s), L.DepthwiseConv1D(4, strides=2, padding="same", depth_multiplier=2, use_bias=False, name="one_strided")(s),
            L.DepthwiseConv1D(3, dilation_rate=2, padding="valid", name="one_dilated")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(2, 8, 7, 3), w.normal(3, 9, 3)])


@case("separable", h5="tfkeras")
def separable(w):
    L, x, s = w.L, w.Input((8, 7, 3), name="x"), w.Input((9, 3), name="s")
    outs = [L.SeparableConv2D(4, 3, activation="relu", padding="same", name="two")(x),
            L.SeparableConv1D(4, 3, depth_multiplier=2, padding="causal" if w.k2 else "same", name="one")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(2, 8, 7, 3), w.normal(3, 9, 3)])


@case("separable_arguments")
def separable_arguments(w):
    L, x, s = w.L, w.Input((8, 7, 3), name="x"), w.Input((9, 3), name="s")
    outs = [L.SeparableConv2D(3, 3, strides=2, depth_multiplier=2, use_bias=False, name="strided")(x),
            L.SeparableConv2D(3, 2, dilation_rate=2, padding="same", activation="tanh", name="dilated")(x),
            L.SeparableConv1D(3, 3, strides=2, padding="same", name="one_strided")(s), L.SeparableConv1D(3, 2, dilation_rate=3, use_bias=False, name="one_dilated")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(2, 8, 7, 3), w.normal(3, 9, 3)])


def _pair(w, build, shape, batch=2):
    """One model per data format with the same weights. build(x, data_format, channel axis) gives outputs of any rank."""
    n = len(shape) - 1
    x = w.Input((shape[-1],) + shape[:-1], name="x")
    first = w.randomise(w.Model(x, build(x, "channels_first", 1)))
    y = w.Input((shape[-1],) + shape[:-1], name="x")
    last_in = w.L.Permute(tuple(range(2, n + 2)) + (1,), name="to_last")(y)

    def back(t):
        return w.L.Permute((n + 1,) + tuple(range(1, n + 1)))(t) if len(t.shape) == n + 2 else t
    last = w.Model(y, [back(t) for t in build(last_in, "channels_last", -1)])
    last.set_weights(first.get_weights())
    return Spec(first, w.normal(batch, shape[-1], *shape[:-1]), expected_model=last,
                oracle=w.oracle + ", channels_last model with the same weights",
                note="channels_first: the writer itself cannot run it on a CPU")


@case("conv_channels_first", run=False, h5="tfkeras")
def conv_channels_first(w):
    L = w.L

    def build(x, f, axis):
        h = L.Conv2D(4, 3, data_format=f, name="conv")(x)
        h = L.BatchNormalization(axis=axis, name="norm")(h)
        h = L.Activation("relu", name="relu")(h)
        h = L.MaxPooling2D(2, data_format=f, name="pool")(h)
        return [h, L.GlobalAveragePooling2D(data_format=f, name="mean")(h)]
    return _pair(w, build, (9, 8, 3))


@case("conv_channels_first_all", run=False, keras3=dict(no_savedmodel="Keras adds a bias that is as long as the last axis along that axis, and no CPU runs the graph to tell"))
def conv_channels_first_all(w):
    L = w.L

    def build(x, f, axis):
        k = dict(data_format=f)
        return [L.Conv2D(4, (3, 2), strides=2, padding="same", name="strided", **k)(x),
                L.Conv2D(3, 2, dilation_rate=2, use_bias=False, activation="tanh", name="dilated", **k)(x),
                L.Conv2DTranspose(3, 3, strides=2, padding="same", name="transpose", **k)(x), L.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise", **k)(x),
                L.SeparableConv2D(4, 3, name="separable", **k)(x), L.AveragePooling2D((3, 2), strides=2, padding="same", name="average", **k)(x),
                L.UpSampling2D((2, 3), name="up", **k)(x), L.ZeroPadding2D(((1, 2), (0, 3)), name="pad", **k)(x),
                L.Cropping2D(((1, 0), (2, 1)), name="crop", **k)(x), L.GlobalMaxPooling2D(name="max", **k)(x), L.Flatten(name="flat", **k)(x)]
    return _pair(w, build, (7, 8, 3))


@case("conv3d_conv1d_channels_first", run=False)
def conv3d_conv1d_channels_first(w):
    L = w.L

    def build(x, f, axis):
        k = dict(data_format=f)
        return [L.Conv3D(3, 2, strides=(1, 2, 1), name="conv", **k)(x), L.MaxPooling3D(2, name="pool", **k)(x), L.Cropping3D(1, name="crop", **k)(x),
                L.ZeroPadding3D(((0, 1), (2, 0), (1, 1)), name="pad", **k)(x), L.UpSampling3D(2, name="up", **k)(x),
                L.GlobalAveragePooling3D(name="mean", **k)(x)]
    return _pair(w, build, (4, 5, 3, 2))
