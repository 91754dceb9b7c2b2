"""The recurrent part of make_vectors.py: Keras layers in float64 over cells, attributes and masks."""
import keras
import numpy as np
import tensorflow as tf
import tf_keras

from make_vectors import attributes, random

# Rows: nothing masked, the first steps, the last, some inside, all.
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
B, T, I, U = 5, 5, 3, 4

ACTIVATIONS = {  # Keras's name: the op's, in Keras 3 and in tf-keras
    "tanh": ("tanh", "tanh"), "sigmoid": ("sigmoid", "sigmoid"), "relu": ("relu", "relu"), "linear": ("linear", "linear"),
    "hard_sigmoid": ("hard_sigmoid(0.16666666666666666, 0.5)", "hard_sigmoid(0.2, 0.5)"), "softsign": ("softsign", "softsign"),
    "elu": ("elu(1.0, 0.0)", "elu(1.0, 0.0)"),
}


def one(v, library, cell, name, mask=False, state=False, time_major=False, **arguments):
    k3 = library is keras
    prefix = "keras3 " if k3 else "tfkeras "
    name = prefix + cell + " " + name
    layers = {"lstm": library.layers.LSTM, "gru": library.layers.GRU, "simple": library.layers.SimpleRNN}
    if time_major:
        arguments["time_major"] = True
    layer = layers[cell](U, return_state=True, dtype="float64", **arguments)
    x = random(name, [T, B, I] if time_major else [B, T, I], "float64", -2, 2)
    inputs = [x]
    layer(x)
    weights = [random(name + str(i), w.shape, "float64") for i, w in enumerate(layer.get_weights())]
    layer.set_weights(weights)
    inputs += weights
    call = {}
    if mask:
        call["mask"] = np.ascontiguousarray(MASK.T) if time_major else MASK
        inputs.append(MASK)
    if state:
        states = [random(name + "state%d" % i, [B, U], "float64") for i in range(2 if cell == "lstm" else 1)]
        call["initial_state"] = states if len(states) > 1 or not k3 else states[0]
        inputs += states
    call = tf.nest.map_structure(tf.constant, call)
    outputs = layer(tf.constant(x), **call)
    gates = lambda key, default: ACTIVATIONS[arguments.get(key, default)][0 if k3 else 1]
    op = dict(cell=cell, activation=gates("activation", "tanh"), return_sequences=arguments.get("return_sequences", False),
              go_backwards=arguments.get("go_backwards", False), time_major=time_major,
              zero_output_for_mask=arguments.get("zero_output_for_mask", False), has_bias=arguments.get("use_bias", True),
              has_mask=mask, has_state=state)
    if cell != "simple":
        op["recurrent_activation"] = gates("recurrent_activation", "sigmoid")
    if cell == "gru":
        op["reset_after"] = arguments.get("reset_after", True)
    v.add(name, "rnn" + attributes(**op), inputs, [np.asarray(output) for output in outputs])


def recurrent(v):
    for library in (keras, tf_keras):
        for cell in ("lstm", "gru", "simple"):
            one(v, library, cell, "plain")
            one(v, library, cell, "sequences", return_sequences=True)
            one(v, library, cell, "state", state=True, return_sequences=True)
            one(v, library, cell, "no bias backwards", use_bias=False, go_backwards=True, return_sequences=True)
            for activation in ("relu", "hard_sigmoid", "softsign", "linear", "elu") if library is keras else ("hard_sigmoid",):
                one(v, library, cell, "activation " + activation, activation=activation)
            for sequences in (False, True):
                for backwards in (False, True):
                    for zero in (False, True):
                        one(v, library, cell, "mask sequences %s backwards %s zero %s" % (sequences, backwards, zero), mask=True,
                            state=backwards, return_sequences=sequences, go_backwards=backwards, zero_output_for_mask=zero)
            if library is tf_keras:
                one(v, library, cell, "time major", time_major=True, mask=True, return_sequences=True)
                one(v, library, cell, "time major backwards", time_major=True, mask=True, go_backwards=True, state=True)
            if cell != "simple":
                for activation in ("hard_sigmoid", "tanh", "relu"):
                    one(v, library, cell, "recurrent activation " + activation, recurrent_activation=activation)
        for bias in (False, True):
            one(v, library, "gru", "reset before bias %s" % bias, reset_after=False, use_bias=bias, return_sequences=True)
        one(v, library, "gru", "reset before mask", reset_after=False, mask=True, return_sequences=True, state=True)
