"""Containers, optimizer state, dtype policies, and calls that carry arguments."""
import numpy as np

from golden_lib import Spec, case


def _small(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    h = L.LSTM(4, return_sequences=True, name="lstm")(x)
    h = L.BatchNormalization(name="norm")(L.Conv1D(3, 2, name="conv")(h))
    return w.randomise(w.Model(x, L.Dense(2, activation="tanh", name="dense")(h), name="small"))


@case("h5_named_keras", only=["keras_h5"], h5_named_keras=True)
def h5_named_keras(w):
    return Spec(_small(w), w.normal(3, 6, 4), note="an HDF5 file whose name ends in .keras")


@case("keras_directory", only=["keras_v3"], directory=True)
def keras_directory(w):
    return Spec(_small(w), w.normal(3, 6, 4), note="a .keras file unpacked into a folder")


@case("keras_deflated", only=["keras_v3"], deflate=True)
def keras_deflated(w):
    return Spec(_small(w), w.normal(3, 6, 4), note="a .keras file packed again with DEFLATE")


@case("keras_stored", only=["keras_v3"], deflate=False)
def keras_stored(w):
    return Spec(_small(w), w.normal(3, 6, 4), note="a .keras file as its writer leaves it: nothing compressed")


def weighted_loss(y_true, y_pred):
    return (y_true - y_pred) ** 2 * 1.5


def custom_metric(y_true, y_pred):
    return abs(y_true - y_pred)


@case("compiled_and_fitted", optimizer=True, deflate=False, check64=False, full=True,
      custom_objects={"weighted_loss": weighted_loss, "custom_metric": custom_metric})
def compiled_and_fitted(w):
    L = w.L
    x = w.Input((6, 3), name="x")
    h = L.Dropout(0.2, seed=1)(L.GRU(4, name="gru")(x))
    m = w.randomise(w.Model(x, [L.Dense(2, activation="tanh", name="a")(h), L.Dense(1, name="b")(h)], name="fitted"))
    w.keras.utils.set_random_seed(5)
    m.compile(optimizer=w.keras.optimizers.Adam(1e-2), loss={"a": weighted_loss, "b": "mse"}, metrics={"a": [custom_metric], "b": ["mae"]},
              loss_weights={"a": 0.3, "b": 1.0})
    m.fit(w.normal(32, 6, 3), [w.normal(32, 2), w.normal(32, 1)], epochs=3, batch_size=8, verbose=0)
    return Spec(m, w.normal(3, 6, 3), note="saved with optimizer state; the loss and a metric of output a are functions of the training script")


@case("compiled_sgd_momentum", optimizer=True, deflate=False, check64=False, only=["keras_v3", "keras_h5"])
def compiled_sgd_momentum(w):
    L = w.L
    m = w.randomise(w.Sequential([w.Input((5,)), L.Dense(4, activation="relu", kernel_regularizer="l2", bias_constraint="non_neg"), L.BatchNormalization(), L.Dense(3, activation="softmax")]))
    w.keras.utils.set_random_seed(5)
    m.compile(optimizer=w.keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    m.fit(w.normal(32, 5), w.ints(32, low=0, high=3), epochs=3, batch_size=8, verbose=0)
    return Spec(m, w.normal(3, 5), note="saved with optimizer state, regularizer and constraint")


def _policy_model(w, last_dtype=None):
    L = w.L
    x, s = w.Input((8, 8, 2), name="x", dtype="float32" if w.floatx == "float32" else None), w.Input((None, 3), name="s")
    h = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(L.Conv2D(3, 3, name="conv")(x)))
    h = L.GlobalAveragePooling2D(name="mean")(h)
    g = L.LSTM(3, name="lstm")(s)
    c = L.Concatenate(name="join")([h, g])
    outs = [L.Dense(3, activation="softmax", name="low")(L.LayerNormalization(name="ln")(c)), L.Dense(3, name="full", dtype=last_dtype)(c)]
    return w.randomise(w.Model([x, s], outs))


@case("mixed_float16", check64=False, deflate=False, h5="tfkeras")
def mixed_float16(w):
    w.set_policy("mixed_float16")
    return Spec(_policy_model(w, "float32"), [w.normal(3, 8, 8, 2), w.normal(3, 5, 3)], rtol=1e-2, atol=5e-3,
                note="computes in float16 with float32 weights: a float16 step is 1e-3 of a value, so the order of additions shows")


@case("mixed_bfloat16", check64=False, deflate=False)
def mixed_bfloat16(w):
    w.set_policy("mixed_bfloat16")
    return Spec(_policy_model(w, "float32"), [w.normal(3, 8, 8, 2), w.normal(3, 5, 3)], rtol=4e-2, atol=3e-2,
                note="computes in bfloat16 with float32 weights: a bfloat16 step is 8e-3 of a value. output_0 is bfloat16, kept as float32")


@case("float16_policy", check64=False, h5="tfkeras")
def float16_policy(w):
    w.set_policy("float16")
    return Spec(_policy_model(w), [w.normal(3, 8, 8, 2), w.normal(3, 5, 3).astype("float16")], rtol=1e-2, atol=5e-3,
                note="weights and computation in float16")


@case("float64_policy", check64=False)
def float64_policy(w):
    w.set_policy("float64")
    L = w.L
    x = w.Input((None, 3), name="x", dtype="float64")
    h = L.GRU(4, return_sequences=True, name="gru")(x)
    outs = [L.LSTM(3, name="lstm")(h), L.Dense(3, activation="softmax", name="dense")(L.Conv1D(3, 2, name="conv")(h))]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 6, 3).astype("float64"), rtol=1e-6, atol=1e-7,
                note="float64 throughout: an engine that computes in float32 needs rtol 1e-4 and atol 1e-5")


@case("per_layer_dtypes", check64=False)
def per_layer_dtypes(w):
    L = w.L
    x = w.Input((5,), name="x")
    h = L.Dense(4, activation="tanh", dtype="float64", name="wide")(x)
    h = L.Dense(4, activation="relu", dtype="float32", name="single")(h)
    return Spec(w.randomise(w.Model(x, L.Dense(3, dtype="mixed_float16", name="half")(h))), w.normal(3, 5), rtol=1e-2, atol=5e-3,
                note="one layer in float64, one in float32, the last computes in float16")


@case("integer_inputs")
def integer_inputs(w):
    L = w.L
    a, b = w.Input((4,), dtype="int64", name="a"), w.Input((3,), dtype="int32", name="b")
    h = L.Concatenate(name="join")([L.Flatten(name="flat")(L.Embedding(9, 2, name="ea")(a)), L.GlobalAveragePooling1D(name="mean")(L.Embedding(7, 3, name="eb")(b))])
    return Spec(w.randomise(w.Model([a, b], L.Dense(3, name="d")(h))), [w.ints(3, 4, low=0, high=9).astype("int64"), w.ints(3, 3, low=0, high=7)])


@case("batch_of_one")
def batch_of_one(w):
    m = _small(w)
    return Spec(m, w.normal(1, 2, 4), note="one row, the shortest possible sequence")


@case("fixed_batch")
def fixed_batch(w):
    L = w.L
    x = w.Input(batch_shape=(2, 5, 3), name="x") if not w.k2 else w.Input(batch_size=2, shape=(5, 3), name="x")
    return Spec(w.randomise(w.Model(x, L.Dense(2, name="d")(L.SimpleRNN(3, name="rnn")(x)))), w.normal(2, 5, 3))


@case("scaling_layers", h5="tfkeras")
def scaling_layers(w):
    L = w.L
    x = w.Input((4, 5, 3), name="x")
    outs = [L.Rescaling(1 / 127.5, offset=-1.0, name="rescale")(x), L.Rescaling([0.5, 2.0, 1.0], offset=[0.1, 0.0, -1.0], name="rescale_channels")(x),
            L.Normalization(mean=[0.1, -0.4, 1.0], variance=[0.5, 2.0, 1.5], name="fixed")(x)]
    n = L.Normalization(name="adapted")
    n.adapt(w.normal(20, 4, 5, 3) * 2 + 1)
    outs += [n(x), L.Dense(2, name="d")(n(x))]
    m = w.Model(x, outs)
    d = m.get_layer("d")
    d.set_weights([w.normal(3, 2), w.normal(2)])
    return Spec(m, w.normal(3, 4, 5, 3))
