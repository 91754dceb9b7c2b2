"""tf-keras layers over TensorFlow's feature columns, and its premade models."""
import numpy as np
import tensorflow as tf

from golden_lib import Spec, case

ONLY2 = dict(writers=("tfkeras",), check64=False)
CITIES = np.array([b"Oslo", b"", "na\u00efve".encode(), b"Bern", b"Oslo", b"\xff"], "S").reshape(6, 1)
COLOURS = np.array([b"red", b"blue", b"", b"grey", b"green", b"red", b"", b"", b"blue", b"blue", b"teal", b""], "S").reshape(6, 2)
AGES = np.array([[-1.0], [10.0], [20.5], [19.75], [64.0], [0.0]], "float32")
NUMBERS = np.array([[3, 1], [-1, 2], [4, 4], [0, -1], [-1, -1], [2, 0]], "int64")


def randomised(w, layer_model):
    layer_model.set_weights([w.normal(*v.shape, scale=0.8) for v in layer_model.weights])
    return layer_model


def columns(fc):
    age, price = fc.numeric_column("age"), fc.numeric_column("price", shape=(2, 2))
    bins = fc.bucketized_column(age, [0, 10, 20.5])
    grid = fc.bucketized_column(fc.numeric_column("pair", shape=(2,)), [-0.5, 0.5])
    city = fc.categorical_column_with_hash_bucket("city", 5)
    code = fc.categorical_column_with_hash_bucket("code", 4, dtype=tf.int64)
    colour = fc.categorical_column_with_vocabulary_list("colour", ["red", "green", "blue"], num_oov_buckets=2)
    plain = fc.categorical_column_with_vocabulary_list("plain", ["red", "green", "blue"], default_value=1)
    digits = fc.categorical_column_with_vocabulary_list("digits", [3, 1, 4], dtype=tf.int64)
    number = fc.categorical_column_with_identity("number", 5)
    safe = fc.categorical_column_with_identity("wild", 3, default_value=2)
    weighed = fc.weighted_categorical_column(fc.categorical_column_with_identity("item", 5), "mass")
    heavy = fc.weighted_categorical_column(fc.categorical_column_with_hash_bucket("thing", 6), "mass")
    return [age, price, bins, grid, fc.indicator_column(city), fc.embedding_column(city, 3), fc.indicator_column(code), fc.indicator_column(colour),
            fc.embedding_column(colour, 2, combiner="sum"), fc.indicator_column(plain), fc.indicator_column(digits), fc.embedding_column(number, 3, combiner="sqrtn", max_norm=0.7),
            fc.embedding_column(safe, 2, trainable=False), fc.indicator_column(weighed), fc.embedding_column(weighed, 2), fc.embedding_column(heavy, 2, combiner="sqrtn"),
            fc.embedding_column(bins, 2), fc.embedding_column(grid, 2),
            fc.indicator_column(fc.crossed_column(["city", bins], 7)), fc.embedding_column(fc.crossed_column([colour, "code", number], 9, hash_key=99), 2)]


@case("feature_columns", **ONLY2)
def feature_columns(w):
    one, two = (1,), (2,)
    shapes = dict(age=(one, "float32"), price=((2, 2), "float32"), pair=(two, "float32"), city=(one, "string"), code=(two, "int64"), colour=(two, "string"), plain=(one, "string"), digits=(two, "int32"),
                  number=(two, "int64"), wild=(two, "int64"), item=(two, "int64"), thing=(two, "string"), mass=(two, "float32"))
    inputs = {name: w.Input(shape, dtype=dtype, name=name) for name, (shape, dtype) in shapes.items()}
    model = w.Model(inputs, w.L.DenseFeatures(columns(tf.feature_column), name="columns")(inputs))
    randomised(w, model)
    values = dict(age=AGES, price=w.normal(6, 2, 2), pair=w.normal(6, 2), city=CITIES, code=NUMBERS[::-1] * 7, colour=COLOURS, plain=COLOURS[:, :1], digits=NUMBERS.astype("int32"), number=np.maximum(NUMBERS, -1), wild=NUMBERS * 2 - 1,
                  item=np.abs(NUMBERS), thing=np.array([b"a", b"b", b"c", b"a", b"d", b"e"] * 2, "S").reshape(6, 2), mass=w.uniform(6, 2, low=0.1, high=2.0))
    return Spec(model, [values[name] for name in sorted(values)])


@case("sequence_features", h5=True, **ONLY2)
def sequence_features(w):
    fc = tf.feature_column
    word = fc.sequence_categorical_column_with_hash_bucket("word", 6)
    tag = fc.sequence_categorical_column_with_identity("tag", 4)
    inputs = dict(word=w.Input((3,), dtype="string", name="word"), tag=w.Input((3,), dtype="int64", name="tag"))
    outputs, length = w.keras.experimental.SequenceFeatures([fc.embedding_column(word, 3), fc.indicator_column(tag)], name="steps")(inputs)
    model = randomised(w, w.Model(inputs, [outputs, length]))
    words = np.array([b"one", b"two", b"three", b"four", b"", b"six", b"one", b"", b"", b"", b"", b""], "S").reshape(4, 3)
    return Spec(model, [np.array([[0, 1, 2], [3, -1, 1], [2, -1, -1], [-1, -1, -1]], "int64"), words])


def linear(w, **more):
    return w.keras.experimental.LinearModel(2, **more)


@case("linear_model", writers=("tfkeras",), only=["keras_v3"])
def linear_model(w):
    model = linear(w, activation="tanh")
    model.build((None, 3))
    return Spec(randomised(w, model), w.normal(4, 3))


@case("linear_model_layer", writers=("tfkeras",))
def linear_model_layer(w):
    a, b = w.Input((3,), name="a"), w.Input((4,), name="b")
    pair = linear(w, use_bias=False)([a, b])
    named = linear(w)({"second": b, "first": a})
    return Spec(randomised(w, w.Model([a, b], [pair, named, linear(w, activation="relu")(w.L.Concatenate()([pair, named]))])), [w.normal(4, 3), w.normal(4, 4)])


@case("wide_deep_model", writers=("tfkeras",))
def wide_deep_model(w):
    a, b = w.Input((3,), name="a"), w.Input((4,), name="b")
    deep = w.Sequential([w.L.Dense(4, activation="relu"), w.L.Dense(2)])
    x = w.Input((3,))
    other = w.Model(x, w.L.Dense(2, activation="tanh")(x))
    both = w.keras.experimental.WideDeepModel(linear(w), other, name="both")
    return Spec(randomised(w, w.Model([a, b], [w.keras.experimental.WideDeepModel(linear(w), deep, activation="sigmoid", name="apart")([a, b]), both(a)])), [w.normal(4, 3), w.normal(4, 4)])


@case("wide_deep_alone", writers=("tfkeras",), only=["keras_v3"])
def wide_deep_alone(w):
    model = w.keras.experimental.WideDeepModel(linear(w), w.Sequential([w.L.Dense(4, activation="relu"), w.L.Dense(2)]), activation="sigmoid")
    inputs = [w.normal(4, 3), w.normal(4, 4)]
    model([tf.constant(x) for x in inputs])
    return Spec(randomised(w, model), inputs)
