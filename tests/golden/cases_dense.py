"""Dense, Embedding, Activation and the activation layers."""
import numpy as np

from golden_lib import Spec, case

K3_ACTIVATIONS = ["relu", "leaky_relu", "relu6", "softmax", "celu", "elu", "selu", "softplus", "softsign", "squareplus",
                  "soft_shrink", "sparse_plus", "silu", "swish", "gelu", "glu", "tanh", "tanh_shrink", "sigmoid",
                  "sparse_sigmoid", "exponential", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "hard_shrink",
                  "linear", "mish", "log_softmax", "log_sigmoid", "sparsemax"]
K2_ACTIVATIONS = ["softmax", "elu", "selu", "softplus", "softsign", "swish", "silu", "relu", "gelu", "tanh", "sigmoid",
                  "exponential", "hard_sigmoid", "linear", "mish"]


@case("dense_2d", full=True, saved_model_folder=True)
def dense_2d(w):
    x = w.Input((7,), name="x")
    h = w.L.Dense(6, activation="tanh", name="hidden")(x)
    outs = [w.L.Dense(5, name="plain")(h), w.L.Dense(4, use_bias=False, name="no_bias")(h),
            w.L.Dense(3, activation="softmax", name="probabilities")(h), w.L.Dense(1, activation="sigmoid", name="one")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 7))


@case("dense_nd")
def dense_nd(w):
    a = w.Input((None, 5), name="steps")
    b = w.Input((2, 3, 4), name="grid")
    d = w.L.Dense(4, activation="relu", name="per_step")
    outs = [d(a), w.L.Dense(3, activation="softmax", name="soft_step")(a), w.L.Dense(5, name="on_grid")(b),
            w.L.Dense(2, use_bias=False, activation="elu", name="no_bias")(b)]
    return Spec(w.randomise(w.Model([a, b], outs)), [w.normal(3, 6, 5), w.normal(3, 2, 3, 4)])


def _activation_list(w):
    return K2_ACTIVATIONS if w.k2 else K3_ACTIVATIONS


@case("dense_activations")
def dense_activations(w):
    x = w.Input((5,), name="x")
    names = ["relu", "elu", "selu", "softplus", "softsign", "swish", "gelu", "exponential", "hard_sigmoid", "mish", "linear"]
    outs = [w.L.Dense(4, activation=a, name="dense_" + a)(x) for a in names + ([] if w.k2 else ["leaky_relu", "glu", "log_softmax"])]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(5, 5, scale=1.5))


@case("activation_layers")
def activation_layers(w):
    x = w.Input((None, 6), name="x")
    outs = [w.L.Activation(a, name="act_" + a)(x) for a in _activation_list(w)]
    if not w.k2:
        outs.append(w.L.Activation("sparse_plus", name="again")(x))
    return Spec(w.Model(x, outs), w.normal(3, 4, 6, scale=2.5))


@case("advanced_activations", h5=True)
def advanced_activations(w):
    L = w.L
    slope = (lambda v: dict(alpha=v)) if w.k2 else (lambda v: dict(negative_slope=v))
    x = w.Input((4, 5, 3), name="x")
    outs = [L.ReLU(name="relu_plain")(x), L.ReLU(max_value=1.0, name="relu_max")(x),
            L.ReLU(negative_slope=0.25, threshold=0.3, name="relu_slope_threshold")(x),
            L.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.2, name="relu_all")(x),
            L.ReLU(max_value=1.0, threshold=0.4, name="relu_max_threshold")(x),
            L.LeakyReLU(name="leaky_default")(x), L.LeakyReLU(name="leaky_own", **slope(0.05))(x),
            L.PReLU(name="prelu")(x), L.PReLU(shared_axes=[1, 2], name="prelu_shared")(x),
            L.PReLU(shared_axes=[2], name="prelu_shared_one")(x),
            L.ELU(name="elu")(x), L.ELU(alpha=0.4, name="elu_alpha")(x),
            L.Softmax(name="softmax")(x), L.Softmax(axis=1, name="softmax_axis1")(x), L.Softmax(axis=-2, name="softmax_minus2")(x),
            L.Softmax(axis=[1, 2], name="softmax_axes")(x)]
    if w.k2:
        outs += [L.ThresholdedReLU(name="thresholded")(x), L.ThresholdedReLU(theta=0.3, name="thresholded_own")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 5, 3))


@case("softmax_masked", h5="tfkeras", saved_model_folder=True)
def softmax_masked(w):
    x = w.Input((None, 4), name="x")
    m = w.Input((None, 4), dtype="bool", name="keep")
    outs = [w.L.Softmax(name="masked")(x, mask=m), w.L.Softmax(name="unmasked")(x)]
    keep = w.rng.random((3, 5, 4)) < 0.6
    keep[..., 0] = True
    return Spec(w.Model([x, m], outs), [w.normal(3, 5, 4), keep])


@case("embedding", full=True, saved_model_folder=True)
def embedding(w):
    ids = w.Input((None,), dtype="int32", name="ids")
    grid = w.Input((2, 3), name="float_ids")
    e = w.L.Embedding(12, 5, name="plain")
    outs = [e(ids), e(grid), w.L.Dense(3, name="after_mask")(w.L.Embedding(12, 4, mask_zero=True, name="mask_zero")(ids))]
    x = w.ints(3, 6, low=0, high=12)
    x[0, -2:] = 0
    return Spec(w.randomise(w.Model([ids, grid], outs)), [x, w.ints(3, 2, 3, low=0, high=12).astype("float32")])


@case("embedding_in_sequential", h5="tfkeras")
def embedding_in_sequential(w):
    L = w.L
    first = [L.Embedding(20, 4, input_length=6)] if w.k2 else [w.Input((6,)), L.Embedding(20, 4)]
    m = w.Sequential(first + [L.Flatten(), L.Dense(3, activation="tanh")])
    return Spec(w.randomise(m), w.ints(3, 6, low=0, high=20).astype("float32"))


@case("identity_at_inference")
def identity_at_inference(w):
    L = w.L
    x = w.Input((6, 4), name="x")
    img = w.Input((4, 4, 3), name="img")
    vol = w.Input((2, 2, 2, 3), name="vol")
    outs = [L.Dropout(0.5, noise_shape=(None, 1, 4), seed=3)(x), L.SpatialDropout1D(0.4)(x), L.GaussianNoise(0.3)(x),
            L.GaussianDropout(0.3)(x), L.AlphaDropout(0.2)(x), L.ActivityRegularization(l1=0.1, l2=0.2)(x), L.SpatialDropout2D(0.4)(img),
            L.SpatialDropout3D(0.4)(vol), L.Identity()(x), L.Dense(3, name="after")(L.Dropout(0.9, name="before")(x))]
    return Spec(w.randomise(w.Model([x, img, vol], outs)), [w.normal(3, 6, 4), w.normal(3, 4, 4, 3), w.normal(3, 2, 2, 2, 3)])
