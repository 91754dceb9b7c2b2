"""Layers from texts and categories to numbers: lookups, vectorisation, hashing, encoding, bins."""
import numpy as np

from golden_lib import Spec, case

ONCE = dict(check64=False, without=("keras_h5", "keras_json_weights"))
WORDS = ["earth", "wind", "and", "fire", "na\u00efve caf\u00e9", "a b"]
QUERIES = np.array([b"earth", b"", b"fire", b"water", "na\u00efve caf\u00e9".encode(), b"[UNK]", b"\xff\xfe", b"a b", b"wind", b"steam", b"Earth", b"and"], "S").reshape(6, 2)
TEXTS = np.array([b"The Earth, the wind & the FIRE!", b"", b"  wind\tand fire\nand earth  ", "na\u00efve Caf\u00e9 -- \u00c4rger?".encode(), b"fire-fire 'fire' [fire]", b"unknown words only", b"don't a_b\\c ~"], "S").reshape(7, 1)


def dense(w, units, width):
    layer = w.L.Dense(units)
    layer.build((None, width))
    layer.set_weights([w.normal(width, units, scale=0.4), w.normal(units, scale=0.2)])
    return layer


@case("string_lookup", check64=False, only=["keras_v3"])
def string_lookup(w):
    x = w.Input((2,), dtype="string", name="words")
    L = w.L.StringLookup
    idf = [0.5, 1.5, 0.25, 2.0, 1.0, 0.75]
    lookups = [L(vocabulary=WORDS), L(vocabulary=WORDS, mask_token=""), L(vocabulary=WORDS, num_oov_indices=3), L(vocabulary=WORDS, num_oov_indices=3, mask_token="steam"),
               L(vocabulary=["[UNK]"] + WORDS), L(vocabulary=["", "[UNK]"] + WORDS, mask_token=""), L(vocabulary=WORDS, oov_token="fire?", max_tokens=20),
               L(vocabulary=WORDS, output_mode="multi_hot"), L(vocabulary=WORDS, output_mode="count", mask_token="water"), L(vocabulary=WORDS, output_mode="count", num_oov_indices=2, max_tokens=12, pad_to_max_tokens=True),
               L(vocabulary=WORDS, output_mode="tf_idf", idf_weights=idf), L(vocabulary=WORDS, output_mode="tf_idf", idf_weights=idf, num_oov_indices=2, max_tokens=10, pad_to_max_tokens=True)]
    return Spec(w.Model(x, [lookup(x) for lookup in lookups]), QUERIES)


@case("string_lookup_one_hot", check64=False, only=["keras_v3"])
def string_lookup_one_hot(w):
    x = w.Input((1,), dtype="string", name="word")
    L = w.L.StringLookup
    outputs = [L(vocabulary=WORDS, output_mode="one_hot")(x), L(vocabulary=WORDS, output_mode="one_hot", mask_token="", num_oov_indices=2)(x)]
    back = L(vocabulary=WORDS, mask_token="", invert=True)(L(vocabulary=WORDS, mask_token="")(x))
    again = L(vocabulary=WORDS + ["water"], num_oov_indices=0 + 1)(back)
    return Spec(w.Model(x, outputs + [again]), QUERIES.reshape(12, 1))


@case("string_lookup_adapted", **ONCE)
def string_lookup_adapted(w):
    x = w.Input((2,), dtype="string", name="words")
    layers = [w.L.StringLookup(mask_token=""), w.L.StringLookup(num_oov_indices=2, output_mode="count"), w.L.StringLookup(output_mode="tf_idf")]
    for layer in layers:
        layer.adapt(np.array([["earth", "wind"], ["wind", "steam"], ["na\u00efve caf\u00e9", "wind"], ["earth", "a b"]]))
    ids, counts, idf = [layer(x) for layer in layers]
    embedded = w.L.Embedding(layers[0].vocabulary_size(), 4, mask_zero=True, name="embed")
    embedded.build((None, 2))
    embedded.set_weights([w.normal(layers[0].vocabulary_size(), 4)])
    return Spec(w.Model(x, [dense(w, 3, 4)(w.L.GlobalAveragePooling1D()(embedded(ids))), counts, idf]), QUERIES)


@case("integer_lookup", check64=False, only=["keras_v3"])
def integer_lookup(w):
    x = w.Input((3,), dtype="int64", name="numbers")
    L = w.L.IntegerLookup
    vocabulary = [12, 36, -1138, 42, 7]
    lookups = [L(vocabulary=vocabulary), L(vocabulary=vocabulary, mask_token=0), L(vocabulary=vocabulary, num_oov_indices=4), L(vocabulary=[-1] + vocabulary, output_mode="multi_hot"),
               L(vocabulary=vocabulary, output_mode="count", mask_token=100, num_oov_indices=2), L(vocabulary=vocabulary, output_mode="tf_idf", idf_weights=[0.1, 0.2, 0.4, 0.8, 1.6])]
    adapted = L(num_oov_indices=1)
    adapted.adapt(np.array([[5, 5, 42], [42, 42, 99]]))
    inverse = L(vocabulary=vocabulary, mask_token=0, invert=True, oov_token=-5)
    return Spec(w.Model(x, [lookup(x) for lookup in lookups] + [adapted(x), inverse(lookups[1](x))]), np.array([[12, 36, 0], [42, -7, 42], [-1138, 100, 7], [5, 99, -1]], "int64"))


@case("text_vectorization", check64=False, only=["keras_v3"])
def text_vectorization(w):
    x = w.Input((1,), dtype="string", name="text")
    L = w.L.TextVectorization
    vocabulary = ["the", "fire", "wind", "and", "earth", "na\u00efve", "caf\u00e9", "fire fire", "wind and", "FIRE", "earth,"]
    letters = list("thefirwndaou ") + ["\u00e9", "\u00ef"]
    layers = [L(vocabulary=vocabulary), L(vocabulary=vocabulary, output_sequence_length=4), L(vocabulary=vocabulary, output_sequence_length=12), L(vocabulary=vocabulary, standardize=None),
              L(vocabulary=vocabulary, standardize="lower"), L(vocabulary=vocabulary, standardize="strip_punctuation"), L(vocabulary=vocabulary, ngrams=2), L(vocabulary=vocabulary, ngrams=(2,), output_sequence_length=3),
              L(vocabulary=letters, split="character"), L(vocabulary=letters, split="character", ngrams=2, output_mode="count"), L(vocabulary=vocabulary, output_mode="multi_hot"),
              L(vocabulary=vocabulary, output_mode="count", max_tokens=30, pad_to_max_tokens=True), L(vocabulary=vocabulary[:4], output_mode="tf_idf", idf_weights=[0.5, 1.5, 0.25, 2.0]),
              L(vocabulary=["don't a_b\\c ~", "dont abc ", "the earth the wind  the fire"], split=None), L(vocabulary=["the earth the wind  the fire"], split=None, output_sequence_length=3, output_mode="int")]
    return Spec(w.Model(x, [layer(x) for layer in layers]), TEXTS)


@case("text_vectorization_saved", **ONCE)
def text_vectorization_saved(w):
    x = w.Input((1,), dtype="string", name="text")
    adapted = w.L.TextVectorization(output_mode="tf_idf", max_tokens=8)
    adapted.adapt(np.array(["the earth the wind", "fire and wind", "wind"]))
    layers = [w.L.TextVectorization(vocabulary=["the", "fire", "wind"], output_sequence_length=4), w.L.TextVectorization(vocabulary=["e", "f", " "], split="character", ngrams=2), adapted]
    return Spec(w.Model(x, [layer(x) for layer in layers]), TEXTS)


@case("text_classifier", **ONCE)
def text_classifier(w):
    """What most text models look like: learnt vocabulary, embedding, a summary of the sequence."""
    x = w.Input((), dtype="string", name="review")
    vectorize = w.L.TextVectorization(max_tokens=12, output_sequence_length=6)
    vectorize.adapt(np.array(["the film was good good good", "the plot was bad", "a good plot and a bad film", "na\u00efve caf\u00e9 film"]))
    embed = w.L.Embedding(12, 5, mask_zero=True)
    embed.build((None, 6))
    embed.set_weights([w.normal(12, 5)])
    h = w.L.GlobalAveragePooling1D()(embed(vectorize(x)))
    return Spec(w.Model(x, dense(w, 2, 5)(h)), np.array([b"The film was GOOD!", b"bad bad plot... unknown", b"plot", "caf\u00e9".encode()], "S"))


@case("hashing", **ONCE)
def hashing(w):
    x, n = w.Input((2,), dtype="string", name="words"), w.Input((2,), dtype="int64", name="numbers")
    L = w.L.Hashing
    outputs = [L(7)(x), L(7, salt=133)(x), L(7, salt=[133, 137])(x), L(7, mask_value="")(x), L(7)(n), L(5, mask_value=0)(n), L(1)(x), L(9, output_mode="multi_hot")(x), L(9, output_mode="count", salt=3)(n)]
    return Spec(w.Model([x, n], outputs), [QUERIES, np.arange(-6, 6).reshape(6, 2)], flat_outputs=[6])


@case("hashed_crossing", **ONCE)
def hashed_crossing(w):
    x, n, m = w.Input((1,), dtype="string", name="words"), w.Input((1,), dtype="int64", name="numbers"), w.Input((1,), dtype="string", name="more")
    L = w.L.HashedCrossing
    outputs = [L(11)([x, n]), L(11)([n, x]), L(9001)([x, m]), L(7, output_mode="one_hot")([x, n])]
    if w.k2:  # Keras 3 cannot build a model that crosses three
        outputs.append(L(101)([x, n, m]))
    return Spec(w.Model([x, n, m], outputs),
                [QUERIES.reshape(12, 1), np.arange(-6, 6).reshape(12, 1), QUERIES.reshape(12, 1)[::-1].copy()])


@case("category_encoding", **ONCE)
def category_encoding(w):
    x, one, c = w.Input((3,), dtype="int64", name="numbers"), w.Input((1,), dtype="int32", name="number"), w.Input((3,), name="weights")
    L = w.L.CategoryEncoding
    outputs = [L(6)(x), L(6, output_mode="count")(x), L(6, output_mode="count")(x, count_weights=c), L(6, output_mode="one_hot")(one), L(6, output_mode="multi_hot")(one)]
    return Spec(w.Model([x, one, c], outputs), [np.array([[0, 1, 1], [5, 5, 5], [2, 3, 4], [1, 0, 5]], "int64"), np.array([[0], [5], [3], [1]], "int32"), w.uniform(4, 3)])


@case("discretization", **ONCE)
def discretization(w):
    x, one = w.Input((3,), name="numbers"), w.Input((1,), name="number")
    L = w.L.Discretization
    bounds = [-1.5, 0.0, 0.1, 2.0]
    adapted = L(num_bins=4, epsilon=0.01)
    adapted.adapt(np.linspace(-2, 5, 200).astype("float32").reshape(-1, 1) ** 3 / 20)
    outputs = [L(bin_boundaries=bounds)(x), L(bin_boundaries=bounds, output_mode="multi_hot")(x), L(bin_boundaries=bounds, output_mode="count")(x), L(bin_boundaries=bounds, output_mode="one_hot")(one), adapted(x)]
    return Spec(w.Model([x, one], outputs), [np.array([[-2, -1.5, 0.05], [0, 0.1, 1.99], [2, 100, -0.0], [0.1, 0.5, 0.0999]], "float32"), np.array([[-3], [0.05], [7], [0.1]], "float32")])


@case("normalization_arguments", check64=False, only=["keras_v3"])
def normalization_arguments(w):
    x, image = w.Input((3,), name="numbers"), w.Input((2, 3, 4), name="grid")
    L = w.L.Normalization
    adapted, over_two = L(), L(axis=(1, 3))
    adapted.adapt(w.normal(20, 3, scale=3) + 1)
    over_two.adapt(w.normal(10, 2, 3, 4, scale=2) - 1)
    outputs = [adapted(x), over_two(image), L(mean=2.0, variance=4.0)(x), L(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.01, 0.25])(x), L(axis=None, mean=1.0, variance=9.0)(image), L(mean=[1.0, 2.0, 3.0], variance=[4.0, 1.0, 0.25], invert=True)(x)]
    return Spec(w.Model([x, image], outputs), [w.normal(4, 3), w.normal(2, 2, 3, 4)], rtol=1e-4, atol=1e-4)
