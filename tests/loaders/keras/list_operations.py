"""Prints every class of operations that Keras 3 can write into a model's configuration, one a line.

    python tests/loaders/keras/list_operations.py > tests/loaders/keras/keras_operations.txt
"""
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from keras.src.layers.layer import Layer
from keras.src.ops import core, image, linalg, math, nn, numpy
from keras.src.ops.operation import Operation

names = set()
for module in (core, image, linalg, math, nn, numpy):
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Operation) and not issubclass(value, Layer):
            if value.__module__ == module.__name__:
                names.add(value.__name__)
print("\n".join(sorted(names)))
