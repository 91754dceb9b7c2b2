"""How layers are put together: Sequential, Functional, nested and shared models, odd names, frozen parts."""
from golden_lib import Spec, case


@case("sequential_with_input", full=True, saved_model_folder=True)
def sequential_with_input(w):
    L = w.L
    m = w.Sequential([L.InputLayer(input_shape=(5,)) if w.k2 else L.InputLayer(shape=(5,)), L.Dense(4, activation="relu"), L.Dense(3)], name="seq")
    return Spec(w.randomise(m), w.normal(3, 5))


@case("sequential_without_input")
def sequential_without_input(w):
    L = w.L
    first = [L.Dense(4, activation="tanh", input_shape=(5,))] if w.k2 else [L.Dense(4, activation="tanh")]
    m = w.Sequential(first + [L.Dropout(0.1), L.Dense(3)])
    m.build((None, 5))
    return Spec(w.randomise(m), w.normal(3, 5))


@case("sequential_built_late", h5=True)
def sequential_built_late(w):
    L = w.L
    m = w.Sequential([L.Conv1D(3, 2), L.BatchNormalization(), L.Flatten(), L.Dense(2)])
    m.build((None, 6, 3))
    return Spec(w.randomise(m), w.normal(3, 6, 3), note="no input layer: the shape comes from build()")


@case("sequential_nested", full=True, saved_model_folder=True)
def sequential_nested(w):
    L = w.L
    inner = w.Sequential([w.Input((6, 6, 2)), L.Conv2D(3, 3, activation="relu"), L.BatchNormalization()], name="features")
    deep = w.Sequential([w.Input((3,)), L.Dense(4, activation="elu"), w.Sequential([w.Input((4,)), L.Dense(3)], name="innermost")], name="head")
    m = w.Sequential([w.Input((6, 6, 2)), inner, L.GlobalAveragePooling2D(), deep, L.Softmax()])
    return Spec(w.randomise(m), w.normal(3, 6, 6, 2))


@case("functional_many_inputs", full=True)
def functional_many_inputs(w):
    """Outputs that are not the last layers, inputs listed in another order than they were made, one tensor given out twice."""
    L = w.L
    c = w.Input((3,), name="third")
    a = w.Input((4,), name="first")
    b = w.Input((None, 2), name="second")
    d = L.Dense(5, activation="tanh", name="a_dense")(a)
    g = L.GRU(3, name="b_gru")(b)
    j = L.Concatenate(name="join")([g, d, c])
    z = L.Dense(2, name="z_out")(j)
    y = L.Dense(3, activation="softmax", name="a_out")(L.Add(name="sum")([g, c]))
    return Spec(w.randomise(w.Model([a, b, c], [z, d, y], name="many")), [w.normal(3, 4), w.normal(3, 5, 2), w.normal(3, 3)])


@case("functional_shared_layer", h5="tfkeras")
def functional_shared_layer(w):
    L = w.L
    a, b = w.Input((None, 4), name="left"), w.Input((None, 4), name="right")
    enc = L.LSTM(3, name="encoder")
    dense = L.Dense(3, activation="tanh", name="shared")
    u, v = dense(enc(a)), dense(enc(b))
    outs = [L.Dot(axes=1, normalize=True, name="similarity")([u, v]), L.Subtract(name="difference")([u, v]), dense(dense(u))]
    return Spec(w.randomise(w.Model([a, b], outs)), [w.normal(3, 5, 4), w.normal(3, 7, 4)])


def _tower(w, name):
    L = w.L
    x = w.Input((6, 3), name=name + "_in")
    h = L.Conv1D(4, 3, padding="same", name="conv")(x)
    h = L.BatchNormalization(name="norm")(h)
    h = L.Activation("relu", name="act")(h)
    return w.Model(x, [L.GlobalMaxPooling1D(name="top")(h), L.GlobalAveragePooling1D(name="mean")(h)], name=name)


@case("nested_shared_model", save_tf=True, full=True)
def nested_shared_model(w):
    """One inner model with two outputs called twice, another inside a third model that is called twice too."""
    L = w.L
    tower = _tower(w, "tower")
    ix = w.Input((6, 3), name="wrapped_in")
    t, m = _tower(w, "inner_tower")(ix)
    wrap = w.Model(ix, L.Dense(3, name="project")(L.Concatenate(name="both")([t, m])), name="wrapper")
    a, b = w.Input((6, 3), name="a"), w.Input((6, 3), name="b")
    t1, _ = tower(a)
    t2, m2 = tower(b)
    outs = [L.Subtract(name="distance")([wrap(a), wrap(b)]), L.Dense(2, name="head")(L.Multiply(name="gate")([t1, t2])), m2]
    return Spec(w.randomise(w.Model([a, b], outs)), [w.normal(3, 6, 3), w.normal(3, 6, 3)])


@case("shared_across_levels", writers=("keras3",), only=["keras_h5", "savedmodel"])
def shared_across_levels(w):
    """One model used by the outer model and by another inner one. Only .h5 holds its weights at both places; what tf-keras
    writes does not say which call is meant, and tf-keras itself cannot read it."""
    L = w.L
    tower = _tower(w, "tower")
    ix = w.Input((6, 3), name="wrapped_in")
    t, m = tower(ix)
    wrap = w.Model(ix, L.Dense(3, name="project")(L.Concatenate(name="both")([t, m])), name="wrapper")
    a, b = w.Input((6, 3), name="a"), w.Input((6, 3), name="b")
    t2, m2 = tower(b)
    outs = [L.Subtract(name="distance")([wrap(a), wrap(b)]), L.Dense(2, name="head")(L.Multiply(name="gate")([t2, m2]))]
    return Spec(w.randomise(w.Model([a, b], outs)), [w.normal(3, 6, 3), w.normal(3, 6, 3)])


@case("nested_frozen", full=True)
def nested_frozen(w):
    """Some inner layers are frozen: trainable weights come first in the file, so the order is not that of the layers."""
    L = w.L
    x = w.Input((5,), name="x")
    h = L.Dense(5, name="one")(x)
    h = L.BatchNormalization(name="norm_one")(h)
    h = L.Dense(5, activation="tanh", name="two")(h)
    h = L.BatchNormalization(name="norm_two")(h)
    inner = w.Model(x, L.Dense(5, name="three")(h), name="inner")
    inner.get_layer("one").trainable = False
    inner.get_layer("norm_two").trainable = False
    seq = w.Sequential([w.Input((5,)), L.Dense(5), L.Dense(5, activation="relu"), L.Dense(5)], name="partly")
    seq.layers[1].trainable = False
    cold = w.Sequential([w.Input((5,)), L.Dense(5), L.BatchNormalization(), L.Dense(5)], name="cold")
    cold.trainable = False
    y = w.Input((5,), name="outer")
    m = w.Model(y, [seq(inner(y)), cold(inner(y))])
    return Spec(w.randomise(m), w.normal(3, 5))


@case("frozen_wrappers", h5=True)
def frozen_wrappers(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    seq = w.Sequential([w.Input((4,)), L.Dense(3), L.BatchNormalization(), L.Dense(3)], name="inner")
    seq.layers[0].trainable = False
    both = L.Bidirectional(L.LSTM(3), name="both")
    outs = [L.TimeDistributed(seq, name="steps")(x), both(x)]
    both.forward_layer.trainable = False
    m = w.Model(x, outs)
    return Spec(w.randomise(m), w.normal(3, 5, 4), note="frozen parts put weights in another order, and the config does not tell for the forward layer: "
                "the names in the .h5 do" if w.k2 else None)


@case("odd_names", full=True, saved_model_folder=True)
def odd_names(w):
    L = w.L
    x = w.Input((4,), name="klass")
    h = L.Dense(4, activation="tanh", name="lambda")(x)
    h = L.Dense(4, name="None")(h)
    h = L.BatchNormalization(name="layers")(h)
    h = L.Dense(4, name="vars")(h)
    h = L.Dense(4, activation="relu", name="dense-1.a_2")(h)
    h = L.Add(name="import")([h, x])
    h = L.Dense(4, name="model_weights")(h)
    return Spec(w.randomise(w.Model(x, [L.Dense(3, name="0")(h), L.Dense(2, name="output_1")(h)], name="def")), w.normal(3, 4))


@case("unicode_names", writers=("keras3",), h5=True)
def unicode_names(w):
    """Names with a space, umlauts, Chinese characters, brackets and a colon."""
    L = w.L
    x = w.Input((4,), name="class")
    h = L.Dense(4, activation="tanh", name="größe naïve")(x)
    h = L.Dense(4, name="密集层")(h)
    h = L.BatchNormalization(name="norm (β, γ) #1")(h)
    return Spec(w.randomise(w.Model(x, L.Dense(3, name="a:b")(h))), w.normal(3, 4))


@case("names_with_slashes", writers=("tfkeras",), full=True, saved_model_folder=True)
def names_with_slashes(w):
    """tf-keras allows slashes, which are folders in the file, and dots, hyphens and > inside a name."""
    L = w.L
    x = w.Input((4,), name="x")
    h = L.Dense(4, activation="tanh", name="block1/dense")(x)
    h = L.Dense(4, name="block1/dense/again")(h)
    h = L.BatchNormalization(name="block1/norm.v2-a>b")(h)
    return Spec(w.randomise(w.Model(x, L.Dense(3, name="block2/dense")(h))), w.normal(3, 4))


@case("default_names", h5=True)
def default_names(w):
    """Many layers of one class: the numbers in the file come from the order in the model."""
    L = w.L
    x = w.Input((4,))
    hs = [L.Dense(4)(x) for _ in range(11)]
    h = L.Add()(hs[::-1])
    h = L.PReLU()(L.Dense(4)(h))
    return Spec(w.randomise(w.Model(x, [L.Dense(2)(h), hs[10], hs[2]])), w.normal(3, 4))


@case("dictionary_inputs")
def dictionary_inputs(w):
    L = w.L
    a, b = w.Input((4,), name="zeta"), w.Input((3,), name="alpha")
    h = L.Concatenate(name="join")([a, b])
    m = w.Model({"zeta": a, "alpha": b}, {"score": L.Dense(2, name="s")(h), "class": L.Dense(3, activation="softmax", name="c")(h)})
    return Spec(w.randomise(m), [w.normal(3, 3), w.normal(3, 4)], note="inputs and outputs are dictionaries: their order is that of the sorted keys")


@case("input_is_output")
def input_is_output(w):
    x = w.Input((4,), name="x")
    return Spec(w.randomise(w.Model(x, [x, w.L.Dense(3, name="d")(x)])), w.normal(3, 4))


@case("residual_net", h5="tfkeras")
def residual_net(w):
    L = w.L
    x = w.Input((8, 8, 3), name="image")
    h = L.Conv2D(4, 3, padding="same", name="stem")(x)
    for i in range(2):
        r = L.ReLU(max_value=6.0)(L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(h)))
        r = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(r))
        h = L.ReLU()(L.Add()([h, r]))
    s = L.Dense(4, activation="sigmoid")(L.Dense(2, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(h)))
    h = L.Multiply()([h, s])
    return Spec(w.randomise(w.Model(x, L.Dense(3, activation="softmax", name="p")(L.Flatten()(h)))), w.normal(3, 8, 8, 3))
