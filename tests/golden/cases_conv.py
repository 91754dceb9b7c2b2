"""Convolutions."""
from golden_lib import Spec, case


@case("cnn_batchnorm", save_tf=True, also_weights_h5=True)
def cnn_batchnorm(w):
    L = w.L
    m = w.Sequential([w.Input((12, 12, 3)), L.Conv2D(4, 3, use_bias=False), L.BatchNormalization(), L.ReLU(), L.MaxPooling2D(),
                      L.Conv2D(6, 3, padding="same", activation="relu"), L.BatchNormalization(), L.GlobalAveragePooling2D(),
                      L.Dense(8), L.BatchNormalization(), L.Activation("relu"), L.Dropout(0.3), L.Dense(4, activation="softmax")])
    return Spec(w.randomise(m), w.normal(3, 12, 12, 3))
