"""Layers of tf.keras alone: convolutions without shared weights, random features; embeddings of Keras 3 read backwards."""
from golden_lib import Spec, case


@case("locally_connected_arguments", writers=("tfkeras",), h5=True)
def locally_connected_arguments(w):
    """Channels first has no kernel for implementation 1 on this machine's CPU, the others have."""
    L = w.L
    x, f, s = w.Input((5, 4, 2), name="x"), w.Input((2, 5, 4), name="f"), w.Input((7, 2), name="s")
    outs = [L.LocallyConnected2D(2, (3, 2), strides=(2, 1), implementation=1, name="first")(x),
            L.LocallyConnected2D(2, (2, 3), padding="same", implementation=2, activation="softmax", name="matrix")(x),
            L.LocallyConnected2D(3, 2, strides=2, padding="same", implementation=3, name="list_same")(x),
            L.LocallyConnected2D(2, 2, data_format="channels_first", implementation=1, name="cf_first")(f),
            L.LocallyConnected2D(2, (3, 2), data_format="channels_first", implementation=2, padding="same", activation="tanh", name="cf_matrix")(f),
            L.LocallyConnected2D(2, (2, 3), strides=(1, 2), data_format="channels_first", implementation=3, name="cf_list")(f),
            L.LocallyConnected1D(3, 3, strides=3, name="one")(s), L.LocallyConnected1D(2, 4, implementation=2, strides=2, padding="same", name="one_matrix")(s),
            L.LocallyConnected1D(2, 3, implementation=3, padding="same", use_bias=False, name="one_list")(s)]
    return Spec(w.randomise(w.Model([x, f, s], outs)), [w.normal(3, 5, 4, 2), w.normal(3, 2, 5, 4), w.normal(3, 7, 2)])


@case("random_fourier_features", writers=("tfkeras",), h5=True, check64=False)
def random_fourier_features(w):
    L, x = w.L, w.Input((5,), name="x")
    outs = [L.experimental.RandomFourierFeatures(6, scale=2.0, name="gaussian")(x),
            L.experimental.RandomFourierFeatures(4, kernel_initializer="laplacian", trainable=True, name="laplacian")(x)]
    model = w.randomise(w.Model(x, outs))
    for layer, scale in zip(model.layers[1:], (1.5, 0.8)):
        layer.kernel_scale.assign([scale])
    return Spec(model, w.normal(3, 5))


@case("reversible_embedding", writers=("keras3",), h5=True)
def reversible_embedding(w):
    L, i = w.L, w.Input((4,), dtype="int32", name="i")
    tied, untied = L.ReversibleEmbedding(7, 3, name="tied"), L.ReversibleEmbedding(7, 3, tie_weights=False, mask_zero=True, logit_soft_cap=0.5, name="untied")
    a, b = tied(i), untied(i)
    outs = [a, tied(L.Dense(3, name="dense")(a), reverse=True), untied(a, reverse=True), L.LSTM(2, name="lstm")(b)]
    ids = w.ints(3, 4, low=1, high=7)
    ids[0, 2:] = 0
    return Spec(w.randomise(w.Model(i, outs)), ids)
