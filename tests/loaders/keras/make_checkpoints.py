"""Writes tests/loaders/keras/files/checkpoints: what TensorFlow saves that no single model can be read from.

    python tests/loaders/keras/make_checkpoints.py

two_models: tf.train.Checkpoint(left=, right=) of two models of one kind. no_graph: a checkpoint by names whose entry for the object
graph is a vector of floats.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
import tf_keras

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files", "checkpoints")


def dense():
    return tf_keras.Sequential([tf_keras.Input((2,)), tf_keras.layers.Dense(2, name="a")])


os.makedirs(FOLDER, exist_ok=True)
tf.train.Checkpoint(left=dense(), right=dense()).write(os.path.join(FOLDER, "two_models"))
tf.raw_ops.SaveV2(prefix=os.path.join(FOLDER, "no_graph"), tensor_names=["_CHECKPOINTABLE_OBJECT_GRAPH", "a/kernel"],
                  shape_and_slices=["", ""], tensors=[tf.constant([1.0, 2.0]), tf.zeros((2, 2))])
