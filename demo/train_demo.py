"""Trains the demo models on real data and saves each in every form: demo/models/<writer>_<task>/.

    pip install -r demo/requirements.txt
    python demo/train_demo.py [--only pattern]

Tasks: digits_mlp and digits_cnn on scikit-learn's 1,797 handwritten digits; names_lstm and names_bilstm tell female from
male first names (US census lists of the package `names`), character by character.
"""
import argparse
import fnmatch
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "golden"))

import golden_lib as g
import numpy as np
import tensorflow as tf

NAME_LENGTH = 12


def digits():
    from sklearn.datasets import load_digits
    data = load_digits()
    order = np.random.default_rng(1).permutation(len(data.target))
    x, y = (data.images[order] / 16.0).astype("float32"), data.target[order].astype("int32")
    return (x[:1397], y[:1397]), (x[1397:], y[1397:])


def names():
    import names as package
    folder = os.path.dirname(package.__file__)
    lists = {}
    for sex in ("female", "male"):
        with open(os.path.join(folder, "dist.%s.first" % sex)) as f:
            lists[sex] = {line.split()[0].lower(): float(line.split()[1]) for line in f if line.strip()}
    rows = []
    for name in sorted(set(lists["female"]) | set(lists["male"])):
        f, m = lists["female"].get(name, 0.0), lists["male"].get(name, 0.0)
        if name in lists["female"] and name in lists["male"] and 0.1 < f / max(f + m, 1e-9) < 0.9:
            continue  # borne by both
        rows.append((name, 0 if f > m or name not in lists["male"] else 1))
    order = np.random.default_rng(2).permutation(len(rows))
    rows = [rows[i] for i in order]
    x = np.zeros((len(rows), NAME_LENGTH), "int32")
    for i, (name, _) in enumerate(rows):
        codes = [ord(c) - 96 for c in name if "a" <= c <= "z"][:NAME_LENGTH]
        x[i, :len(codes)] = codes
    y = np.array([label for _, label in rows], "int32")
    cut = len(rows) * 4 // 5
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def digits_mlp(w):
    L = w.L
    m = w.Sequential([w.Input((8, 8)), L.Flatten(), L.Dense(64, activation="relu"), L.BatchNormalization(), L.Dropout(0.3),
                      L.Dense(32, activation="relu"), L.Dense(10, activation="softmax")], name="digits_mlp")
    return m, digits(), dict(epochs=40, loss="sparse_categorical_crossentropy")


def digits_cnn(w):
    L = w.L
    x = w.Input((8, 8, 1), name="image")
    h = L.Conv2D(16, 3, padding="same", use_bias=False)(x)
    h = L.ReLU()(L.BatchNormalization()(h))
    h = L.MaxPooling2D()(h)
    h = L.Conv2D(32, 3, activation="relu")(h)
    h = L.Dropout(0.3)(L.Flatten()(h))
    m = w.Model(x, L.Dense(10, activation="softmax")(h), name="digits_cnn")
    (a, b), (c, d) = digits()
    return m, ((a[..., None], b), (c[..., None], d)), dict(epochs=25, loss="sparse_categorical_crossentropy")


def names_lstm(w):
    L = w.L
    x = w.Input((None,), dtype="int32", name="characters")
    h = L.Embedding(27, 16, mask_zero=True)(x)
    h = L.LSTM(64, dropout=0.1)(h)
    m = w.Model(x, L.Dense(1, activation="sigmoid")(h), name="names_lstm")
    return m, names(), dict(epochs=14, loss="binary_crossentropy", balance=True)


def names_bilstm(w):
    L = w.L
    m = w.Sequential([w.Input((None,), dtype="int32"), L.Embedding(27, 16, mask_zero=True),
                      L.Bidirectional(L.LSTM(32, return_sequences=True)), L.Bidirectional(L.GRU(24)),
                      L.Dense(16, activation="tanh"), L.Dense(1, activation="sigmoid")], name="names_bilstm")
    return m, names(), dict(epochs=10, loss="binary_crossentropy", balance=True)


def accuracy(p, y):
    guess = (p[:, 0] > 0.5).astype("int32") if p.shape[1] == 1 else p.argmax(1)
    return float(np.mean(guess == y)), float(np.mean([np.mean(guess[y == c] == c) for c in np.unique(y)]))


def latency(model, x, repeat):
    """Median microseconds of model(x) with one row, called eagerly and as a compiled function."""
    one = tf.constant(x[:1])
    compiled = tf.function(lambda t: model(t, training=False)).get_concrete_function(tf.TensorSpec(one.shape, one.dtype))

    def median(fn, n):
        for _ in range(20):
            fn(one)
        times = []
        for _ in range(n):
            t = time.perf_counter()
            np.asarray(fn(one))
            times.append(time.perf_counter() - t)
        return round(float(np.median(times)) * 1e6, 1)
    return median(lambda t: model(t, training=False), repeat), median(compiled, repeat)


def train(w, task, fn):
    w.begin(task, "float32")
    w.keras.utils.set_random_seed(7)
    model, ((x, y), (xt, yt)), how = fn(w)
    model.compile(optimizer=w.keras.optimizers.Adam(3e-3), loss=how["loss"], metrics=["accuracy"])
    weights = {c: len(y) / (2.0 * np.sum(y == c)) for c in (0, 1)} if how.get("balance") else None
    half = int(how["epochs"] * 0.7)
    model.fit(x, y, batch_size=64, epochs=half, verbose=0, class_weight=weights)
    model.optimizer.learning_rate.assign(5e-4)
    model.fit(x, y, batch_size=64, epochs=how["epochs"] - half, verbose=0, class_weight=weights)
    expected = g.call(model, [xt], "float32")
    acc, balanced = accuracy(expected[0], yt)
    eager, compiled = latency(model, xt, 300)
    majority = float(max(np.mean(yt == c) for c in np.unique(yt)))
    print("  %d parameters, test accuracy %.4f (balanced %.4f, always the same class %.4f), %.0f / %.0f us" % (
        model.count_params(), acc, balanced, majority, eager, compiled), flush=True)
    assert acc > (0.95 if task.startswith("digits") else 0.75)
    spec = g.Spec(model, [xt], note="trained; labels.npz holds the true labels of the rows of inputs.npz")
    options = dict(optimizer=True, save_tf=task != "names_bilstm", full=True, saved_model_folder=True)
    folder = os.path.join(HERE, "models", "%s_%s" % (w.name, task))
    extra = dict(labels="labels.npz", accuracy=dict(test=round(acc, 5), balanced=round(balanced, 5), majority_class=round(majority, 5),
                                                    train_rows=len(y), test_rows=len(yt)),
                 keras_latency=dict(batch=1, unit="microseconds, median of 300 calls", eager=eager, tf_function=compiled,
                                    versions="%s, tensorflow %s" % (w.oracle.split(" on ")[0], tf.__version__), threads=1, device="cpu"))
    g.write_case(w, folder, spec, expected, options, extra)
    np.savez_compressed(os.path.join(folder, "labels.npz"), labels=yt)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    args = ap.parse_args()
    for writer in ("keras3", "tfkeras"):
        w = g.Writer(writer)
        for fn in (digits_mlp, digits_cnn, names_lstm, names_bilstm):
            label = "%s_%s" % (writer, fn.__name__)
            if fnmatch.fnmatch(label, args.only):
                print(label, flush=True)
                train(w, fn.__name__, fn)


if __name__ == "__main__":
    main()
