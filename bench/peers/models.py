"""Keras models of the rows, their random inputs. One seed: every run makes the same files."""

import keras
import numpy as np
from keras import layers

SEED = 20261121
INPUT_SETS = 4  # rotated while timing, so that no input is special
STEPS, FEATURES = 100, 128


def _normal(random, shape):
    return random.standard_normal(shape).astype("float32")


def floor(batch):
    x = keras.Input(batch_shape=(batch, 1))
    return keras.Model(x, layers.Dense(1)(x)), lambda random: _normal(random, (batch, 1))


def mlp(batch):
    x = keras.Input(batch_shape=(batch, 784))
    y = layers.Dense(10, activation="softmax")(layers.Dense(128, activation="relu")(x))
    return keras.Model(x, y), lambda random: _normal(random, (batch, 784))


def recurrent(cell, units, batch, padding=None, **options):
    x = keras.Input(batch_shape=(batch, STEPS, FEATURES))
    y = layers.Masking()(x) if padding else x
    y = getattr(layers, cell)(units, **options)(y)

    def inputs(random):
        values = _normal(random, (batch, STEPS, FEATURES))
        if padding:
            for row in values:
                length = random.integers(STEPS // 2, STEPS)
                row[slice(length, None) if padding == "right" else slice(0, STEPS - length)] = 0
        return values

    return keras.Model(x, y), inputs


def _ids(words, shape):
    return lambda random: random.integers(0, words, shape).astype("int32")


def embedding_bilstm(batch):
    x = keras.Input(batch_shape=(batch, STEPS), dtype="int32")
    y = layers.Embedding(100_000, 128)(x)
    y = layers.Bidirectional(layers.LSTM(64))(y)
    return keras.Model(x, layers.Dense(1, activation="sigmoid")(y)), _ids(100_000, (batch, STEPS))


def bilstm_stack(batch):
    x = keras.Input(batch_shape=(batch, STEPS, FEATURES))
    y = x
    for _ in range(2):
        y = layers.Bidirectional(layers.LSTM(128, return_sequences=True))(y)
    y = layers.Dense(20, activation="softmax")(y)
    return keras.Model(x, y), lambda random: _normal(random, (batch, STEPS, FEATURES))


def convlstm(batch):
    x = keras.Input(batch_shape=(batch, 10, 32, 32, 3))
    y = layers.ConvLSTM2D(32, 3, padding="same", return_sequences=True)(x)
    y = layers.ConvLSTM2D(32, 3, padding="same")(y)
    y = layers.Conv2D(1, 1, activation="sigmoid")(y)
    return keras.Model(x, y), lambda random: _normal(random, (batch, 10, 32, 32, 3))


def textcnn(batch):
    x = keras.Input(batch_shape=(batch, 200), dtype="int32")
    words = layers.Embedding(20_000, 128)(x)
    pooled = [layers.GlobalMaxPooling1D()(layers.Conv1D(100, width, activation="relu")(words)) for width in (3, 4, 5)]
    y = layers.Dense(2, activation="softmax")(layers.Concatenate()(pooled))
    return keras.Model(x, y), _ids(20_000, (batch, 200))


def mnist_cnn(batch):
    x = keras.Input(batch_shape=(batch, 28, 28, 1))
    y = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(x))
    y = layers.MaxPooling2D()(layers.Conv2D(64, 3, activation="relu")(y))
    y = layers.Dense(10, activation="softmax")(layers.Flatten()(y))
    return keras.Model(x, y), lambda random: _normal(random, (batch, 28, 28, 1))


def mobilenet(batch):
    x = keras.Input(batch_shape=(batch, 96, 96, 3))
    model = keras.applications.MobileNetV2(input_tensor=x, weights=None)
    return model, lambda random: random.uniform(-1, 1, (batch, 96, 96, 3)).astype("float32")


def _conv(y, filters, size, strides=1, activation="relu"):
    y = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    return layers.Activation(activation)(y) if activation else y


def resnet18(batch):
    x = keras.Input(batch_shape=(batch, 224, 224, 3))
    y = layers.MaxPooling2D(3, 2, padding="same")(_conv(x, 64, 7, 2))
    for filters in (64, 128, 256, 512):
        for block in range(2):
            strides = 2 if filters > 64 and block == 0 else 1
            shortcut = _conv(y, filters, 1, strides, None) if strides > 1 else y
            y = _conv(_conv(y, filters, 3, strides), filters, 3, 1, None)
            y = layers.Activation("relu")(layers.Add()([y, shortcut]))
    y = layers.Dense(1000, activation="softmax")(layers.GlobalAveragePooling2D()(y))
    return keras.Model(x, y), lambda random: random.uniform(-1, 1, (batch, 224, 224, 3)).astype("float32")


def unet(batch):
    x = keras.Input(batch_shape=(batch, 128, 128, 3))
    y, skips = x, []
    for filters in (16, 32, 64, 128):
        y = _conv(_conv(y, filters, 3), filters, 3)
        skips.append(y)
        y = layers.MaxPooling2D()(y)
    y = _conv(_conv(y, 256, 3), 256, 3)
    for filters in (128, 64, 32, 16):
        y = layers.Conv2DTranspose(filters, 2, 2)(y)
        y = layers.Concatenate()([y, skips.pop()])
        y = _conv(_conv(y, filters, 3), filters, 3)
    y = layers.Conv2D(1, 1, activation="sigmoid")(y)
    return keras.Model(x, y), lambda random: random.uniform(-1, 1, (batch, 128, 128, 3)).astype("float32")


def _encoder_layer(y, width, heads):
    attended = layers.MultiHeadAttention(heads, width // heads)(y, y)
    y = layers.LayerNormalization(epsilon=1e-12)(layers.Add()([y, attended]))
    hidden = layers.Dense(4 * width, activation="gelu")(y)
    return layers.LayerNormalization(epsilon=1e-12)(layers.Add()([y, layers.Dense(width)(hidden)]))


def encoder(batch, length, width, heads, depth):
    x = keras.Input(batch_shape=(batch, length, width))
    y = x
    for _ in range(depth):
        y = _encoder_layer(y, width, heads)
    return keras.Model(x, y), lambda random: _normal(random, (batch, length, width))


def small_transformer(batch):
    x = keras.Input(batch_shape=(batch, 64), dtype="int32")
    y = layers.Embedding(10_000, 64)(x)
    for _ in range(2):
        y = _encoder_layer(y, 64, 4)
    y = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(y))
    return keras.Model(x, y), _ids(10_000, (batch, 64))


def randomise(model, random):
    """Biases and normalisation statistics that are not all zeros and ones."""
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.rsplit("/", 1)[-1]
        if name in ("bias", "beta", "moving_mean"):
            variable.assign(variable.numpy() + 0.1 * _normal(random, shape))
        elif name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.8, 1.2, shape).astype("float32"))


def build(row):
    """-> (model, list of input arrays)"""
    keras.utils.set_random_seed(SEED)
    random = np.random.default_rng(SEED)
    model, inputs = globals()[row.model](**row.arguments)
    randomise(model, random)
    return model, [inputs(random) for _ in range(INPUT_SETS)]
