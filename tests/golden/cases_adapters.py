"""Keras 3: resizing by area, and what it writes to .h5 alone: adapters beside quantised weights, layers whose configuration has no more than an operation's."""
from golden_lib import Spec, case

H5 = dict(writers=("keras3",), h5=True, only=["keras_h5"], check64=False)


def _adapted(w, mode):
    L = w.L
    t, x = w.Input((4,), dtype="int32", name="t"), w.Input((4, 8), name="x")
    layers = [L.Embedding(9, 8, name="e"), L.Dense(6, activation="relu", name="d"), L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="e", name="heads")]
    h = L.Add(name="join")([layers[0](t), x])
    m = w.randomise(w.Model([t, x], [layers[1](h), layers[2](h)]))
    m.quantize(mode)
    for rank, layer in enumerate(layers, 2):
        layer.enable_lora(rank, lora_alpha=3)
        for v in layer.trainable_variables:
            if "lora" in v.path:
                v.assign(w.normal(*v.shape) * 0.4)
    return Spec(m, [w.ints(2, 4, low=0, high=9), w.normal(2, 4, 8)], rtol=1e-3, atol=1e-4)


@case("quantised_lora_int8_h5", **H5, no_savedmodel="the model of quantised_int8 with more products")
def quantised_lora_int8_h5(w):
    return _adapted(w, "int8")


@case("quantised_lora_int4_h5", **H5, no_savedmodel="the model of quantised_int4 with more products")
def quantised_lora_int4_h5(w):
    return _adapted(w, "int4")


@case("preprocessing_h5", **H5)
def preprocessing_h5(w):
    L = w.L
    x = w.Input((5,), name="x")
    bins = L.Discretization([-1.0, 0.0, 1.0], name="bins")(x)
    return Spec(w.Model(x, [L.CategoryEncoding(4, "count", name="counts")(bins), L.Discretization([0.5], output_mode="multi_hot", name="hot")(x), bins]), w.normal(3, 5), flat_outputs=range(3))


@case("image_area", writers=("keras3",))
def image_area(w):
    R = w.L.Resizing
    x = w.Input((6, 8, 2), name="x")
    outs = [R(5, 7, interpolation="area", name="both")(x), R(3, 4, interpolation="area", crop_to_aspect_ratio=True, name="cropped")(x), R(9, 4, interpolation="area", pad_to_aspect_ratio=True, name="padded")(x)]
    return Spec(w.Model(x, outs), w.normal(2, 6, 8, 2))
