"""Second configurations of layers whose other cases show one only: other sizes, modes, ranks and data formats."""
import numpy as np

from golden_lib import Spec, case
from cases_image import image

RANDOM = dict(check64=False, keras3=dict(no_savedmodel="the exported graph draws random numbers, as in training"))


@case("flat_adaptive_pooling", writers=("keras3",))
def flat_adaptive_pooling(w):
    L, s, x, v = w.L, w.Input((10, 4), name="s"), w.Input((6, 5, 3), name="x"), w.Input((5, 4, 7, 2), name="v")
    first = dict(data_format="channels_first")
    outs = [L.AdaptiveAveragePooling1D(3, **first)(s), L.AdaptiveMaxPooling1D(3)(s), L.AdaptiveAveragePooling2D((4, 2))(x),
            L.AdaptiveMaxPooling2D((4, 2))(x), L.AdaptiveAveragePooling3D((3, 3, 2))(v)]
    return Spec(w.Model([s, x, v], outs), [w.normal(2, 10, 4), w.normal(2, 6, 5, 3), w.normal(2, 5, 4, 7, 2)])


@case("solid_adaptive_pooling", writers=("keras3",))
def solid_adaptive_pooling(w):
    v = w.Input((5, 4, 7, 2), name="v")
    return Spec(w.Model(v, w.L.AdaptiveMaxPooling3D((2, 3, 5))(v)), w.normal(2, 5, 4, 7, 2))


@case("other_pooling")
def other_pooling(w):
    L, s, v = w.L, w.Input((None, 3), name="s"), w.Input((6, 5, 4, 2), name="v")
    outs = [L.MaxPooling1D(4, strides=1, padding="same")(s), L.AveragePooling3D((3, 1, 2), strides=(1, 2, 1), padding="same")(v),
            L.GlobalMaxPooling3D(keepdims=True)(v), L.GlobalAveragePooling3D(keepdims=True)(v)]
    return Spec(w.Model([s, v], outs), [w.normal(2, 9, 3), w.normal(2, 6, 5, 4, 2)])


@case("other_merges")
def other_merges(w):
    L, a, b, c = w.L, w.Input((3, 4), name="a"), w.Input((3, 4), name="b"), w.Input((4,), name="c")
    r = L.RepeatVector(2)(c)
    outs = [L.Average()([a, b]), L.Maximum()([a, b, a]), L.Minimum()([b, a]), L.Multiply()([a, b]), L.Subtract()([b, a]), L.Add()([a, b, b]),
            L.RepeatVector(5)(c), L.Identity()(r)]
    return Spec(w.Model([a, b, c], outs), [w.normal(2, 3, 4), w.normal(2, 3, 4), w.normal(2, 4)])


@case("other_conv3d_transpose")
def other_conv3d_transpose(w):
    L, x = w.L, w.Input((None, 3, 4, 2), name="x")
    y = L.Conv3DTranspose(3, (2, 3, 1), strides=(1, 2, 2), padding="same", use_bias=False, activation="elu", name="same")(x)
    return Spec(w.randomise(w.Model(x, [y, L.Conv3DTranspose(2, 2, dilation_rate=(1, 2, 1), name="spread")(x)])), w.normal(2, 2, 3, 4, 2))


@case("other_conv_lstm3d")
def other_conv_lstm3d(w):
    L, x = w.L, w.Input((3, 3, 4, 2, 2), name="x")
    y = L.ConvLSTM3D(2, (2, 1, 2), strides=(1, 2, 1), padding="same", return_sequences=True, use_bias=False, recurrent_activation="hard_sigmoid", name="lstm")(x)
    return Spec(w.randomise(w.Model(x, y)), w.normal(2, 3, 3, 4, 2, 2))


@case("other_activations")
def other_activations(w):
    L, x = w.L, w.Input((2, 5), name="x")
    outs = [L.ELU(alpha=0.3)(x), L.ELU(alpha=2.0)(x), L.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.5)(x)]
    if w.k2:
        outs += [L.ThresholdedReLU(theta=0.2)(x), L.ThresholdedReLU(theta=1.5)(x)]
    return Spec(w.Model(x, outs), w.normal(3, 2, 5))


@case("other_identities")
def other_identities(w):
    L, x, i, v = w.L, w.Input((5, 3), name="x"), w.Input((3, 4, 2), name="i"), w.Input((2, 3, 2, 2), name="v")
    y = L.ActivityRegularization(l2=0.5)(L.AlphaDropout(0.6, noise_shape=(None, 5, 1))(L.GaussianDropout(0.7)(L.GaussianNoise(0.9)(L.Identity()(x)))))
    outs = [L.Dense(2)(y), L.Conv2D(2, 2)(L.SpatialDropout2D(0.8, data_format="channels_first")(i)), L.Conv3D(2, 2)(L.SpatialDropout3D(0.1)(v))]
    return Spec(w.randomise(w.Model([x, i, v], outs)), [w.normal(2, 5, 3), w.normal(2, 3, 4, 2), w.normal(2, 2, 3, 2, 2)])


@case("other_augmentation", **RANDOM)
def other_augmentation(w):
    L, x = w.L, w.Input((6, 5, 3), name="x")
    layers = [L.RandomFlip("horizontal", seed=1), L.RandomRotation((-0.1, 0.3), fill_mode="nearest", interpolation="nearest"), L.RandomZoom((-0.2, 0.1), (0, 0.3)),
              L.RandomTranslation((-0.1, 0.2), 0.3, fill_mode="constant", fill_value=2.0), L.RandomContrast((0.2, 0.4)), L.RandomBrightness((-0.5, 0.1), value_range=(0, 1))]
    if w.k2:
        layers += [L.RandomHeight((0.1, 0.3), interpolation="nearest"), L.RandomWidth((-0.1, 0.2), interpolation="bicubic")]
    else:
        layers += [L.RandomHue((0.1, 0.2), value_range=(0, 1)), L.RandomSaturation((0.2, 0.7), value_range=(0, 1)), L.RandomSharpness((0.1, 0.9), value_range=(0, 1)),
                   L.RandomShear((0.1, 0.3), 0.2, interpolation="nearest"), L.RandomGrayscale(0.9), L.RandomColorJitter(value_range=(0, 1), brightness_factor=0.3, hue_factor=0.1),
                   L.RandomColorDegeneration((0.3, 0.4), value_range=(0, 1)), L.RandomErasing(0.3, scale=(0.1, 0.2), value_range=(0, 1)), L.RandomGaussianBlur(0.5, kernel_size=5, value_range=(0, 1)),
                   L.RandomInvert(0.2, value_range=(0, 1)), L.RandomPerspective(0.2, interpolation="nearest"), L.RandomPosterization(2, value_range=(0, 1)),
                   L.RandomElasticTransform(0.3, value_range=(0, 1)), L.AugMix((0, 1), num_chains=2), L.RandAugment((0, 1), num_ops=1), L.Solarization(0.4, threshold_factor=0.3, value_range=(0, 1)),
                   L.Pipeline([L.CutMix(factor=0.3), L.MixUp(alpha=0.6), L.Equalization(value_range=(0, 1), bins=64), L.MaxNumBoundingBoxes(7)])]
    y = x
    for layer in layers:
        y = layer(y)
    return Spec(w.randomise(w.Model(x, L.Conv2D(2, 3, name="conv")(y))), w.uniform(2, 6, 5, 3))


@case("other_pipeline", writers=("keras3",))
def other_pipeline(w):
    L, x = w.L, w.Input((8, 6, 2), name="x")
    inner = L.Pipeline([L.CenterCrop(5, 5), L.Rescaling(0.01)], name="crop")
    y = L.Pipeline([L.Resizing(7, 9, interpolation="nearest"), inner], name="prepare")(x)
    return Spec(w.Model(x, y), image(w, 2, 8, 6, 2))


@case("other_contrast", writers=("keras3",))
def other_contrast(w):
    L, x = w.L, w.Input((9, 9, 3), name="x")
    outs = [L.ContrastLimitedAdaptiveHistogramEqualization(clip_limit=1.5, tile_grid_size=(2, 3), name="colours")(x), L.AutoContrast(value_range=(0, 255), name="auto")(x)]
    return Spec(w.Model(x, outs), image(w, 2, 9, 9, 3))


@case("other_scaling")
def other_scaling(w):
    x = w.Input((4, 3), name="x")
    bins = w.Input((4,), name="bins")
    D = w.L.Discretization
    outs = [w.L.Rescaling(scale=-0.5, offset=3.0)(x), D([-0.5, 0.1, 0.7])(bins), D([0.0, 1.0], output_mode="multi_hot")(bins), D([0.0], output_mode="count")(bins)]
    return Spec(w.Model([x, bins], outs), [w.normal(3, 4, 3), w.normal(3, 4)])


@case("other_hashing", check64=False)
def other_hashing(w):
    L, s, i, t = w.L, w.Input((1,), dtype="string", name="s"), w.Input((1,), dtype="int64", name="i"), w.Input((3,), dtype="string", name="t")
    outs = [L.HashedCrossing(13, output_mode="one_hot")((s, i)), L.HashedCrossing(29)((s, i)), L.Hashing(17, mask_value="", salt=[3, 9])(t),
            L.Hashing(5, output_mode="multi_hot")(t), L.Hashing(6, salt=11)(i)]
    return Spec(w.Model([s, i, t], outs), [np.array([[b"a"], [b"be"], [b""], [b"long one"]]), np.array([[1], [-5], [10 ** 12], [0]], "int64"),
                                           np.array([[b"x", b"", b"y"], [b"one", b"two", b"x"], [b"", b"", b"a"], [b"b", b"b", b"c"]])])


@case("other_spectral_norm", writers=("keras3",), check64=False)
def other_spectral_norm(w):
    L, x, e = w.L, w.Input((5, 4), name="x"), w.Input((3,), dtype="int32", name="e")
    outs = [L.SpectralNormalization(L.Conv1D(3, 2, padding="causal"), power_iterations=3, name="conv")(x), L.SpectralNormalization(L.Dense(4, use_bias=False), name="dense")(x),
            L.SpectralNormalization(L.Embedding(6, 3), power_iterations=2, name="table")(e)]
    return Spec(w.randomise(w.Model([x, e], outs)), [w.normal(2, 5, 4), w.ints(2, 3, low=0, high=6)])


@case("other_fourier_features", writers=("tfkeras",), check64=False)
def other_fourier_features(w):
    L, x = w.L, w.Input((3,), name="x")
    F = L.experimental.RandomFourierFeatures
    y = F(5, scale=0.5, name="first")(x)
    model = w.randomise(w.Model(x, F(3, kernel_initializer="laplacian", scale=3.0, name="second")(y)))
    for layer, scale in zip(model.layers[1:], (0.9, 1.7)):
        layer.kernel_scale.assign([scale])
    return Spec(model, w.normal(4, 3))


@case("other_columns", writers=("tfkeras",), check64=False)
def other_columns(w):
    import tensorflow as tf
    from cases_columns import randomised
    fc = tf.feature_column
    age = fc.numeric_column("age", shape=(3,))
    city = fc.categorical_column_with_vocabulary_list("city", ["b", "a", "c"], num_oov_buckets=2)
    inputs = dict(age=w.Input((3,), name="age"), city=w.Input((2,), dtype="string", name="city"))
    dense = w.L.DenseFeatures([fc.embedding_column(city, 2, combiner="sqrtn"), age], name="two")(inputs)
    only = w.L.DenseFeatures(fc.indicator_column(city), name="one")(inputs)
    model = randomised(w, w.Model(inputs, [dense, only]))
    return Spec(model, [w.normal(4, 3), np.array([[b"a", b"b"], [b"zz", b"a"], [b"c", b""], [b"b", b"b"]])])


@case("other_sequences", writers=("tfkeras",), check64=False)
def other_sequences(w):
    import tensorflow as tf
    from cases_columns import randomised
    fc = tf.feature_column
    tag = fc.sequence_categorical_column_with_vocabulary_list("tag", ["x", "y"], default_value=0)
    outputs, length = w.keras.experimental.SequenceFeatures([fc.embedding_column(tag, 2, combiner="sum"), fc.indicator_column(tag)], name="steps")(
        dict(tag=w.Input((4,), dtype="string", name="tag")))
    inputs = outputs.node.keras_inputs if hasattr(outputs, "node") else None
    model = randomised(w, w.Model(inputs, [outputs, length]))
    return Spec(model, np.array([[b"x", b"y", b"q", b""], [b"y", b"", b"", b""], [b"x", b"x", b"x", b"y"]]))
