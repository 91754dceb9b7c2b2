"""Writes tests/golden/custom/<writer>/: a model of custom layers and a Lambda in its saved forms, with its answers.

    python tests/golden/make_custom.py
"""
import json
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))


def layers_of(keras):
    register = keras.saving.register_keras_serializable

    @register(package="demo")
    class CustomDenseLayer(keras.layers.Layer):
        def __init__(self, units=4, scale=1.0, **kwargs):
            super().__init__(**kwargs)
            self.units, self.scale = units, scale

        def build(self, shape):
            self.kernel = self.add_weight(name="kernel", shape=(shape[-1], self.units))
            self.offset = self.add_weight(name="offset", shape=(self.units,), trainable=False)
            self.bias = self.add_weight(name="bias", shape=(self.units,))
            super().build(shape)

        def call(self, x):
            return tf.nn.relu(tf.matmul(x, self.kernel) * self.scale + self.bias - self.offset)

        def get_config(self):
            return {**super().get_config(), "units": self.units, "scale": self.scale}

    @register(package="demo")
    class AttentionPooling(keras.layers.Layer):
        """Weighs the steps of a masked sequence by a score that an inner layer gives."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True
            self.score = keras.layers.Dense(1, name="score")

        def build(self, shape):
            self.score.build(shape)
            super().build(shape)

        def call(self, x, mask=None):
            scores = self.score(x)[..., 0]
            if mask is not None:
                scores = tf.where(mask, scores, -1e9)
            return tf.einsum("bt,btf->bf", tf.nn.softmax(scores), x)

        def compute_mask(self, x, mask=None):
            return None

    return CustomDenseLayer, AttentionPooling


def main():
    import keras
    import tf_keras
    for name, k in (("keras3", keras), ("tfkeras", tf_keras)):
        k.backend.clear_session()
        dense, pooling = layers_of(k)
        words = k.Input((6,), dtype="int32", name="words")
        h = k.layers.Embedding(9, 5, mask_zero=True, name="embedding")(words)
        h = pooling(name="pooling")(h)
        h = dense(7, scale=0.5, name="custom_dense")(h)
        h = k.layers.Lambda(lambda x: x * x + 1.0, output_shape=(7,), name="square_plus_one")(h)
        model = k.Model(words, k.layers.Dense(3, name="out")(h))
        rng = np.random.default_rng(7)
        model.set_weights([rng.standard_normal(v.shape).astype("float32") * 0.6 for v in model.weights])
        x = rng.integers(1, 9, (4, 6)).astype("int32")
        x[1, 3:] = 0
        x[2, 5:] = 0
        folder = os.path.join(HERE, "custom", name)
        os.makedirs(folder, exist_ok=True)
        model.save(os.path.join(folder, "model.keras"))
        model.save(os.path.join(folder, "model.h5"))
        np.savez(os.path.join(folder, "io.npz"), words=x, out=np.asarray(model(x)))
        print(name, np.asarray(model(x))[0], {v.name: v.shape for v in model.weights})

    # A frozen graph with an op that TensorFlow does not have, written as text.
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
        tf.identity(tf.abs(x), name="y")
    text = str(graph.as_graph_def(add_shapes=False)).replace('op: "Abs"', 'op: "Acme>Scale"').replace(
        'attr {\n    key: "T"\n    value {\n      type: DT_FLOAT\n    }\n  }\n}\nnode {\n  name: "y"',
        'attr {\n    key: "factor"\n    value {\n      f: 2.5\n    }\n  }\n}\nnode {\n  name: "y"')
    with open(os.path.join(HERE, "custom", "custom_op.pbtxt"), "w") as f:
        f.write(text)
    print(text)


main()
