"""The models of gpu.py's rows as Thaw opens them, made on the spot: python3 bench/peers/gpu_models.py FOLDER [NAME...].

FOLDER/<name>/model.json is a Keras architecture, model.npz beside it its weights: random ones of one seed, since time does
not depend on them. Needs numpy.
"""

import json
import pathlib
import sys

import numpy as np

STEPS, FEATURES = 100, 128
RECURRENT = {f"{cell.lower()}{units}": (cell, units)
             for cell, sizes in (("LSTM", (64, 128, 512, 1024)), ("GRU", (128,))) for units in sizes}


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, "dtype": "float32", **config}}


def sequential(name, shape, layers):
    first = layer("InputLayer", "input", batch_input_shape=[None, *shape], sparse=False, ragged=False)
    return {"class_name": "Sequential", "keras_version": "2.15.0", "backend": "tensorflow",
            "config": {"name": name, "layers": [first, *layers]}}


def recurrent(name):
    cell, units = RECURRENT[name]
    gates = 4 if cell == "LSTM" else 3
    options = {"reset_after": True} if cell == "GRU" else {"unit_forget_bias": True}
    bias = (2, gates * units) if cell == "GRU" else (gates * units,)
    model = sequential(name, [STEPS, FEATURES], [layer(
        cell, "recurrent", units=units, activation="tanh", recurrent_activation="sigmoid", use_bias=True,
        return_sequences=False, return_state=False, go_backwards=False, stateful=False, **options)])
    return model, [(FEATURES, gates * units), (units, gates * units), bias]


def mlp():
    model = sequential("mlp", [784], [
        layer("Dense", "hidden", units=128, activation="relu", use_bias=True),
        layer("Dense", "scores", units=10, activation="softmax", use_bias=True)])
    return model, [(784, 128), (128,), (128, 10), (10,)]


def main(folder, *names):
    for name in names or [*RECURRENT, "mlp"]:
        model, shapes = mlp() if name == "mlp" else recurrent(name)
        random = np.random.default_rng(20261121)
        weights = [(random.standard_normal(shape) * 0.05).astype("float32") for shape in shapes]
        place = pathlib.Path(folder) / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.json").write_text(json.dumps(model))
        np.savez(place / "model.npz", *weights)


main(*sys.argv[1:])
