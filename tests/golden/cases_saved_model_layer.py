"""Keras 3's TFSMLayer: a SavedModel that stands beside the model's file."""
import os
import shutil
import tempfile

import numpy as np

from golden_lib import Spec, case

EXPORTS = os.path.join(tempfile.gettempdir(), "golden_exports")


def export(w, name, model):
    path = os.path.join(EXPORTS, name)
    shutil.rmtree(path, ignore_errors=True)
    w.randomise(model).export(path, format="tf_saved_model", verbose=False)
    shutil.rmtree(os.path.join(path, "assets"), ignore_errors=True)
    os.remove(os.path.join(path, "fingerprint.pb"))
    w.keras.config.enable_unsafe_deserialization()
    return path


def beside(*names):
    """Copies the exports into the case's folder. The model's file holds the absolute path where they were."""
    def copy(w, model, p):
        for name in names:
            shutil.rmtree(p(name), ignore_errors=True)
            shutil.copytree(os.path.join(EXPORTS, name), p(name))
        return []
    return copy


@case("saved_model_layer", writers=("keras3",), check64=False, only=["keras_v3"], extra_forms=beside("pair", "named"))
def saved_model_layer(w):
    a, b = w.Input((3,), name="zeta"), w.Input((2,), name="alpha")
    x = w.L.BatchNormalization()(w.L.Concatenate()([w.L.Dense(4, activation="tanh")(a), b]))
    pair = export(w, "pair", w.Model([a, b], [w.L.Dense(2)(x), w.L.Dense(3)(x)]))
    a, b = w.Input((3,), name="zeta"), w.Input((2,), name="alpha")
    named = export(w, "named", w.Model({"zeta": a, "alpha": b}, {"second": w.L.Dense(2)(a), "first": w.L.Dense(1)(b)}))
    p, q = w.Input((2,), name="p"), w.Input((3,), name="q")
    two, three = w.L.TFSMLayer(pair, name="two_and_three")([q, p])
    results = w.L.TFSMLayer(named, name="by_name")({"alpha": p, "zeta": q})
    model = w.Model([p, q], [w.L.Dense(2)(two), three, results["first"], results["second"]])
    return Spec(w.randomise(model), [w.normal(4, 2), w.normal(4, 3)])


@case("saved_model_layer_alone", writers=("keras3",), check64=False, only=["keras_v3"], extra_forms=beside("alone"))
def saved_model_layer_alone(w):
    alone = export(w, "alone", w.Sequential([w.Input((3,)), w.L.Dense(2, activation="sigmoid")]))
    layer = w.L.TFSMLayer(alone, call_endpoint="serving_default")
    return Spec(w.Sequential([w.Input((3,), name="x"), layer]), w.normal(4, 3))
