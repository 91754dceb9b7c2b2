"""Writes tests/loaders/keras/files/*.h5: one small model in every way that HDF5 and the generations of Keras can store it.

    python tests/loaders/keras/make_files.py

Needs h5py and numpy only. Every file holds the dense layer y = x W + b with W[i][j] = (2 i + j) / 4 - 0.5 and
b = [0.25, -0.5]; the LSTM and convolution files say what they hold beside their names. oracle: numpy, in keras_files_test.cc.
"""
import json
import os

import h5py
import numpy as np

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
W = (np.arange(6).reshape(3, 2) / 4 - 0.5).astype("float32")
B = np.array([0.25, -0.5], "float32")


def config(name="d", padding=""):
    layers = [dict(class_name="InputLayer", config=dict(name="x", batch_input_shape=[None, 3], dtype="float32", note=padding)),
              dict(class_name="Dense", config=dict(name=name, trainable=True, dtype="float32", units=2, activation="linear", use_bias=True))]
    return dict(class_name="Sequential", config=dict(name="m", layers=layers))


def write(file, model, arrays, names=None, backend="tensorflow", version="2.3.1", create=None, layer="d", dtype=None):
    create = create or (lambda group, name, value: group.create_dataset(name, data=value))
    file.attrs["keras_version"], file.attrs["backend"] = version.encode(), backend.encode()
    file.attrs["model_config"] = json.dumps(model).encode()
    top = file.create_group("model_weights")
    top.attrs["layer_names"] = [layer.encode()]
    group = top.create_group(layer)
    names = names or ["%s/%s:0" % (layer, n) for n in arrays]
    group.attrs["weight_names"] = [n.encode() for n in names]
    for name, value in zip(names, arrays.values()):
        create(group, name, value if dtype is None else value.astype(dtype))


def plain(path, libver=None, userblock=0, **more):
    with h5py.File(os.path.join(HERE, path), "w", libver=libver, userblock_size=userblock) as f:
        write(f, config(), dict(kernel=W, bias=B), **more)


def main():
    os.makedirs(HERE, exist_ok=True)
    plain("plain.h5")
    plain("half.h5", dtype="float16")
    plain("double.h5", dtype="float64")
    plain("big_endian.h5", dtype=">f4")
    plain("compressed.h5", create=lambda g, n, v: g.create_dataset(n, data=v, chunks=tuple(max(1, s - 1) for s in v.shape), compression="gzip", shuffle=True, fletcher32=True))
    plain("latest.h5", libver="latest")
    plain("latest_compressed.h5", libver="latest", create=lambda g, n, v: g.create_dataset(n, data=v, chunks=True, compression="gzip"))
    plain("user_block.h5", userblock=1024)
    # Attributes beyond 64 KiB: only the newer object headers can hold them.
    with h5py.File(os.path.join(HERE, "big_attribute.h5"), "w", libver="latest") as f:
        f.attrs.create("model_config", np.bytes_(json.dumps(config(padding=" " * 70000)).encode()))
        top = f.create_group("model_weights")
        top.attrs["layer_names"] = [b"d"]
        g = top.create_group("d")
        g.attrs["weight_names"] = [b"k", b"b"]
        g["k"], g["b"] = W, B
    # Older headers: Keras cuts lists of names into numbered attributes.
    with h5py.File(os.path.join(HERE, "numbered_attributes.h5"), "w") as f:
        f.attrs["model_config"] = json.dumps(config()).encode()
        top = f.create_group("model_weights")
        top.attrs["layer_names0"], top.attrs["layer_names1"] = [b"x"], [b"d"]
        top.create_group("x").attrs["weight_names"] = np.zeros(0)
        g = top.create_group("d")
        g.attrs["weight_names0"], g.attrs["weight_names1"] = [b"d/kernel:0"], [b"d/bias:0"]
        g["d/kernel:0"], g["d/bias:0"] = W, B
    # The order of groups, datasets and JSON members says nothing.
    with h5py.File(os.path.join(HERE, "any_order.h5"), "w") as f:
        top = f.create_group("model_weights")
        g = top.create_group("d")
        g["z"], g["a"] = W, B
        g.attrs["weight_names"] = [b"z", b"a"]
        top.attrs["layer_names"] = [b"d"]
        turned = lambda v: {k: turned(v[k]) for k in reversed(list(v))} if isinstance(v, dict) else [turned(i) for i in v] if isinstance(v, list) else v
        f.attrs["model_config"] = json.dumps(turned(config())).encode()
    # Keras 2.2.2 and before: a Sequential model's configuration is the list of its layers.
    with h5py.File(os.path.join(HERE, "bare_list.h5"), "w") as f:
        model = dict(class_name="Sequential", config=[dict(class_name="Dense", config=dict(name="d", units=2, activation="linear", batch_input_shape=[None, 3]))])
        write(f, model, dict(kernel=W, bias=B), version="2.2.2")
    # Keras 1: its arguments, and names that every layer's arrays carry.
    with h5py.File(os.path.join(HERE, "keras1.h5"), "w") as f:
        model = dict(class_name="Sequential", config=[dict(class_name="Dense", config=dict(
            name="d", output_dim=2, init="glorot_uniform", activation="linear", bias=True, W_regularizer=None, b_regularizer=None, input_dim=3,
            batch_input_shape=[None, 3], input_dtype="float32", trainable=True))])
        write(f, model, dict(kernel=W, bias=B), names=["d_W", "d_b"], version="1.2.2")
    # Weights only, saved under another layer name.
    with h5py.File(os.path.join(HERE, "weights_only.h5"), "w") as f:
        f.attrs["layer_names"] = [b"dense_7"]
        g = f.create_group("dense_7")
        g.attrs["weight_names"] = [b"dense_7/kernel:0", b"dense_7/bias:0"]
        g["dense_7/kernel:0"], g["dense_7/bias:0"] = W, B
    with open(os.path.join(HERE, "model.json"), "w") as f:
        json.dump(config(), f)
    # An image [1, 4, 4, 1] and a kernel [2, 2, 1, 1] that Theano convolves with: it runs the other way round.
    with h5py.File(os.path.join(HERE, "theano_kernel.h5"), "w") as f:
        model = dict(class_name="Sequential", config=[dict(class_name="Conv2D", config=dict(
            name="c", filters=1, kernel_size=[2, 2], data_format="channels_last", use_bias=False, batch_input_shape=[None, 4, 4, 1]))])
        write(f, model, dict(kernel=np.arange(4, dtype="float32").reshape(2, 2, 1, 1)[::-1, ::-1]), layer="c", backend="theano", version="2.1.3")
    # Keras 1 LSTM, a matrix for each gate in the order i, c, f, o; the arrays hold gate + 10 * kind, kinds W, U, b.
    with h5py.File(os.path.join(HERE, "keras1_lstm.h5"), "w") as f:
        model = dict(class_name="Sequential", config=[dict(class_name="LSTM", config=dict(
            name="l", output_dim=2, activation="tanh", inner_activation="hard_sigmoid", return_sequences=False, consume_less="cpu", batch_input_shape=[None, 2, 3]))])
        rng = np.random.default_rng(7)
        arrays = {}
        for gate in "icfo":
            for kind, shape in (("W", (3, 2)), ("U", (2, 2)), ("b", (2,))):
                arrays["l_%s_%s" % (kind, gate)] = rng.standard_normal(shape).astype("float32")
        write(f, model, arrays, names=list(arrays), layer="l", version="1.1.0")
    x = np.linspace(-1, 1, 6).reshape(1, 2, 3)
    h, c = np.zeros((1, 2)), np.zeros((1, 2))
    hard = lambda v: np.clip(0.2 * v + 0.5, 0, 1)
    for t in range(2):
        z = {g: x[:, t] @ arrays["l_W_" + g] + h @ arrays["l_U_" + g] + arrays["l_b_" + g] for g in "icfo"}
        c = hard(z["f"]) * c + hard(z["i"]) * np.tanh(z["c"])
        h = hard(z["o"]) * np.tanh(c)
    print("keras1_lstm.h5 on linspace(-1, 1, 6):", ["%.7f" % v for v in h[0]])


if __name__ == "__main__":
    main()
