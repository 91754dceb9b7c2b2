"""Architectures with weights in other files: checkpoints, numpy archives, shards; adapters that Keras merges."""
import os

import numpy as np
import tensorflow as tf

from golden_lib import Spec, case


def _names(w, model):
    return [(v.path if not w.k2 else v.name.split(":")[0]) for v in model.weights]


def _json(model, p):
    with open(p("model.json"), "w") as f:
        f.write(model.to_json())


def _form(weights, **more):
    return dict(kind="keras_json_weights", model="model.json", weights=weights, **more)


def _weights_forms(w, model, p):
    """The same weights in every file that can hold them."""
    _json(model, p)
    os.makedirs(p("checkpoint_folder"))
    tf.train.Checkpoint(step=tf.Variable(3), model=model, optimizer=model.optimizer).save(p("checkpoint_folder/ckpt"))
    forms = [_form("checkpoint_folder"), _form("checkpoint_folder/ckpt-1"), _form("checkpoint_folder/ckpt-1.index"), _form("checkpoint_folder/checkpoint")]
    np.savez_compressed(p("in_order.npz"), *model.get_weights())
    np.savez_compressed(p("by_name.npz"), **dict(zip(_names(w, model), model.get_weights())))
    forms += [_form("in_order.npz"), _form("by_name.npz")]
    # As TensorFlow 1 named variables: the names are the keys, an optimizer's slots stand beside them.
    keys = _names(w, model) + [_names(w, model)[0] + "/Adam", "global_step"]
    values = [tf.constant(v) for v in model.get_weights()] + [tf.zeros([2]), tf.constant(7, tf.int64)]
    tf.raw_ops.SaveV2(prefix=p("by_name.ckpt"), tensor_names=keys, shape_and_slices=[""] * len(keys), tensors=values)
    forms.append(_form("by_name.ckpt"))
    if w.k2:
        model.save_weights(p("prefix/weights"), save_format="tf")
        forms.append(_form("prefix/weights"))
    return forms


@case("weights_elsewhere", only=["none"], check64=False, extra_forms=_weights_forms)
def weights_elsewhere(w):
    L = w.L
    x = w.Input((4, 3), name="x")
    h = L.Dense(4, activation="tanh", name="first")(x)
    h = L.Bidirectional(L.LSTM(3, return_sequences=True), name="both")(h)
    h = L.TimeDistributed(L.Dense(3), name="each")(h)
    inner = w.Sequential([w.Input((4, 3)), L.Dense(5, activation="relu", name="inner_dense"), L.BatchNormalization(name="inner_norm")], name="inner")
    h = inner(h)
    h = L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.GRUCell(2)]), name="stack")(h)
    outs = [L.Dense(2, name="last")(h), L.Dense(2, name="other")(h)]
    m = w.randomise(w.Model(x, outs, name="elsewhere"))
    w.keras.utils.set_random_seed(5)
    m.compile(w.keras.optimizers.Adam(1e-3), "mse")
    m.fit(w.normal(8, 4, 3), [w.normal(8, 2), w.normal(8, 2)], epochs=1, batch_size=8, verbose=0)
    return Spec(m, w.normal(3, 4, 3), note="one model with its weights in a checkpoint, numpy archives, HDF5 files, shards")


@case("sequential_checkpoint", only=["none"], check64=False, extra_forms=lambda w, model, p: _sequential_forms(w, model, p))
def sequential_checkpoint(w):
    L = w.L
    m = w.Sequential([w.Input((6, 2)), L.Conv1D(3, 2, activation="relu"), L.Dropout(0.3), L.LayerNormalization(), L.Flatten(), L.Dense(4), L.PReLU(), L.Dense(3)], name="line")
    return Spec(w.randomise(m), w.normal(3, 6, 2), note="a checkpoint whose root holds the model under a name of its own, beside another object")


def _sequential_forms(w, model, p):
    _json(model, p)
    os.makedirs(p("training"))
    tf.train.Checkpoint(net=model, epoch=tf.Variable(4)).write(p("training/last"))
    return [_form("training"), _form("training/last")]


def _shard_forms(w, model, p):
    _json(model, p)
    model.save_weights(p("shards.weights.json"), max_shard_size=4e-7)
    assert os.path.exists(p("shards_00001.weights.h5"))
    return [_form("shards.weights.json")]


@case("sharded_weights", writers=("keras3",), only=["none"], check64=False, extra_forms=_shard_forms)
def sharded_weights(w):
    L = w.L
    m = w.Sequential([w.Input((3,)), L.Dense(12, activation="tanh", name="a"), L.BatchNormalization(name="b"), L.Dense(8, name="c")])
    return Spec(w.randomise(m), w.normal(3, 3), note="weights in several HDF5 files and a map of them")


@case("bfloat16_policy", only=["keras_v3"], check64=False)
def bfloat16_policy(w):
    w.set_policy("bfloat16")
    L = w.L
    x = w.Input((5,), name="x")
    h = L.LayerNormalization(name="norm")(L.Dense(4, activation="tanh", name="a")(x))
    return Spec(w.randomise(w.Model(x, L.Dense(3, name="b")(h))), w.normal(3, 5), rtol=4e-2, atol=3e-2, note="weights and computation in bfloat16; the answers are kept as float32")


@case("lora", writers=("keras3",), only=["keras_v3", "keras_h5"], check64=False, extra_forms=lambda w, model, p: _lora_forms(w, model, p))
def lora(w):
    L = w.L
    x, ids = w.Input((4, 5), name="x"), w.Input((4,), dtype="int32", name="ids")
    h = L.Concatenate(name="join")([x, L.Embedding(9, 3, name="table")(ids)])
    h = L.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d", activation="tanh", name="einsum")(h)
    m = w.Model([x, ids], L.Dense(3, name="dense")(h))
    for name, rank in (("table", 2), ("einsum", 3), ("dense", 2)):
        m.get_layer(name).enable_lora(rank)
    m.get_layer("dense").lora_alpha = 4
    m = w.randomise(m)
    return Spec(m, [w.normal(3, 4, 5), w.ints(3, 4, low=0, high=9)], note="LoRA adapters: merged in .keras, stored beside the frozen kernel in the other forms")


def _lora_forms(w, model, p):
    _json(model, p)
    np.savez_compressed(p("by_name.npz"), **dict(zip(_names(w, model), model.get_weights())))
    model.save_weights(p("merged.weights.h5"))
    return [_form("by_name.npz"), _form("merged.weights.h5")]
