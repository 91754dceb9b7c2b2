"""Writes tests/golden/yaml/<case>/: architectures as model.to_yaml() wrote them until Keras 2.5, with weights and answers.

    pip install -r tests/golden/requirements.txt
    python tests/golden/make_yaml.py

Most cases take a golden model of tf-keras apart: its model.json becomes YAML in the dialect of one generation of PyYAML and
Python, inputs, weights and answers stay. The Keras 1 case is written here as a whole; numpy computes its answers in float64.
"""
import json
import os
import shutil

import h5py
import numpy as np
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "yaml")
SHAPES = ("batch_input_shape", "kernel_size", "strides", "pool_size", "dilation_rate", "axis")


class Unicode(str):
    """A string of Python 2's type unicode."""


class Dumper(yaml.SafeDumper):
    """Keras used yaml.dump, which tags Python's own types."""


Dumper.add_representer(tuple, lambda d, t: d.represent_sequence("tag:yaml.org,2002:python/tuple", t))
Dumper.add_representer(Unicode, lambda d, t: d.represent_scalar("tag:yaml.org,2002:python/unicode", str(t)))


def keras_2(value):
    """An object of tf-keras 2.13 and later as older versions wrote it."""
    if isinstance(value, list):
        return [keras_2(v) for v in value]
    if not isinstance(value, dict):
        return value
    drop = {"build_config", "registered_name"} | ({"module"} if "class_name" in value else set())
    return {k: keras_2(v) for k, v in value.items() if k not in drop}


def with_tuples(value, shared, key=""):
    """Shapes as tuples; equal ones are one object, so that PyYAML writes anchors and aliases."""
    if isinstance(value, list):
        items = [with_tuples(v, shared) for v in value]
        return shared.setdefault(repr(items), tuple(items)) if key in SHAPES else items
    if isinstance(value, dict):
        items = {k: with_tuples(v, shared, k) for k, v in value.items()}
        return shared.setdefault(repr(items), items) if key.endswith("_initializer") else items
    return value


def with_unicode(value):
    if isinstance(value, str):
        return Unicode(value)
    if isinstance(value, (list, tuple)):
        return type(value)(with_unicode(v) for v in value)
    if isinstance(value, dict):
        return {Unicode(k): with_unicode(v) for k, v in value.items()}
    return value


def dump(config, **options):
    return yaml.dump(config, Dumper=Dumper, **options)


# PyYAML 5.1 and later; PyYAML before that put innermost collections in brackets; Python 2.
def block(config):
    return dump(with_tuples(config, {}))


def flow(config):
    return dump(with_tuples(config, {}), default_flow_style=None)


def python_2(config):
    return dump(with_unicode(with_tuples(config, {})), default_flow_style=None)


def in_json(config):
    return json.dumps(block(config))


def write_case(name, base, text, model):
    source, folder = os.path.join(HERE, "tfkeras", base), os.path.join(OUT, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(source, "model.json")) as file:
        config = keras_2(json.load(file))
    config["keras_version"] = "2.4.0"
    with open(os.path.join(folder, model), "w") as file:
        file.write(text(config))
    for file in ("inputs.npz", "expected.npz", "model_weights.h5"):
        shutil.copyfile(os.path.join(source, file), os.path.join(folder, file))
    with open(os.path.join(source, "case.json")) as file:
        case = json.load(file)
    case["forms"] = [{"kind": "keras_yaml_weights", "model": model, "weights": "model_weights.h5"}]
    case.pop("not_saved", None)
    with open(os.path.join(folder, "case.json"), "w") as file:
        json.dump(case, file, indent=1)
        file.write("\n")


def keras_1():
    folder = os.path.join(OUT, "keras1_sequential")
    os.makedirs(folder, exist_ok=True)
    random = np.random.default_rng(7)
    kernels = [random.normal(size=s).astype("float32") for s in ((5, 4), (4, 3))]
    biases = [random.normal(size=s).astype("float32") for s in (4, 3)]

    def dense(i, activation, **more):
        return {"class_name": "Dense", "config": {
            "name": "dense_%d" % i, "trainable": True, "output_dim": len(biases[i - 1]), "init": "glorot_uniform",
            "activation": activation, "W_regularizer": None, "b_regularizer": None, "activity_regularizer": None,
            "W_constraint": None, "b_constraint": None, "bias": True, "input_dim": None, **more}}

    layers = [dense(1, "relu", batch_input_shape=(None, 5), input_dtype="float32", input_dim=5),
              {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 1e-05}},
              dense(2, "softmax")]
    config = {"class_name": "Sequential", "config": layers, "keras_version": "1.2.2"}
    with open(os.path.join(folder, "model.yaml"), "w") as file:
        file.write(dump(with_unicode(config), default_flow_style=None))
    with h5py.File(os.path.join(folder, "model_weights.h5"), "w") as file:
        file.attrs["layer_names"] = np.array([b"dense_1", b"dropout_1", b"dense_2"])
        file.attrs["keras_version"] = "1.2.2"
        file.attrs["backend"] = "theano"
        file.create_group("dropout_1").attrs["weight_names"] = np.zeros(0, "S1")
        for i, (kernel, bias) in enumerate(zip(kernels, biases), 1):
            group = file.create_group("dense_%d" % i)
            group.attrs["weight_names"] = np.array([b"dense_%d_W" % i, b"dense_%d_b" % i])
            group["dense_%d_W" % i] = kernel
            group["dense_%d_b" % i] = bias
    x = random.normal(size=(3, 5)).astype("float32")
    hidden = np.maximum(x.astype("float64") @ kernels[0] + biases[0], 0)
    y = np.exp(hidden @ kernels[1] + biases[1])
    y /= y.sum(-1, keepdims=True)
    np.savez(os.path.join(folder, "inputs.npz"), input_0=x)
    np.savez(os.path.join(folder, "expected.npz"), output_0=y.astype("float32"))
    case = {"writer": "make_yaml.py, as Keras 1.2.2", "inputs": ["input_0"], "outputs": ["output_0"], "rtol": 1e-4,
            "atol": 1e-5, "expect": "match", "oracle": "numpy, float64", "float64_gap": 0.0,
            "layers": ["Dense", "Dropout"], "output_layers": ["dense_2"],
            "forms": [{"kind": "keras_yaml_weights", "model": "model.yaml", "weights": "model_weights.h5"}]}
    with open(os.path.join(folder, "case.json"), "w") as file:
        json.dump(case, file, indent=1)
        file.write("\n")


def main():
    write_case("sequential", "sequential_with_input", block, "model.yaml")
    write_case("functional", "functional_many_inputs", flow, "model.yaml")
    write_case("shared_layers", "nested_shared_model", block, "model.yaml")
    write_case("convolutional_python_2", "cnn_batchnorm", python_2, "model.yaml")
    write_case("lstm_in_json", "lstm", in_json, "model.json")
    keras_1()


if __name__ == "__main__":
    main()
