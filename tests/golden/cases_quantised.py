"""Quantised models of Keras 3: every mode, every layer that has one, weight-only and with inputs quantised."""
import numpy as np

from golden_lib import Spec, case

WRITERS = ("keras3",)
OPTIONS = dict(writers=WRITERS, only=["keras_v3"], check64=False)


def _layers(w):
    L = w.L
    x, ids = w.Input((4, 8), name="x"), w.Input((4,), dtype="int32", name="ids")
    e = L.Embedding(11, 7, name="table")(ids)
    h = L.Dense(7, activation="tanh", name="dense")(x)
    h = L.Concatenate(name="join")([h, e])
    h = L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 5), bias_axes="de", activation="relu", name="heads")(h)
    h = L.EinsumDense("abde,def->abf", output_shape=(None, 6), name="mix")(h)
    m = w.Model([x, ids], [L.Dense(3, use_bias=False, name="last")(h), e])
    return w.randomise(m), [w.normal(2, 4, 8), w.ints(2, 4, low=0, high=11)]


@case("quantised_int8", **{**OPTIONS, "only": ["keras_v3", "keras_h5"]})
def quantised_int8(w):
    m, xs = _layers(w)
    m.quantize("int8")
    return Spec(m, xs, rtol=1e-3, atol=1e-4, note="weights and inputs in int8")


@case("quantised_int8_weights", **OPTIONS)
def quantised_int8_weights(w):
    m, xs = _layers(w)
    m.quantize(config=w.keras.quantizers.Int8QuantizationConfig(activation_quantizer=None))
    return Spec(m, xs, note="weights in int8, inputs as they are")


@case("quantised_int4", **OPTIONS)
def quantised_int4(w):
    m, xs = _layers(w)
    m.quantize(config=w.keras.quantizers.Int4QuantizationConfig(block_size=None))
    return Spec(m, xs, note="weights in int4, one scale for each column")


@case("quantised_int4_inputs", **OPTIONS)
def quantised_int4_inputs(w):
    q = w.keras.quantizers
    m, xs = _layers(w)
    m.quantize(config=q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer()))
    return Spec(m, xs, rtol=1e-3, atol=1e-4, note="weights in int4, inputs in int8")


@case("quantised_int4_blocks", **OPTIONS)
def quantised_int4_blocks(w):
    m, xs = _layers(w)
    m.quantize(config=w.keras.quantizers.Int4QuantizationConfig(block_size=4))
    return Spec(m, xs, note="weights in int4, a scale and a zero point for every four rows")


@case("quantised_float8", **OPTIONS)
def quantised_float8(w):
    L = w.L
    x = w.Input((4, 8), name="x")
    h = L.Dense(7, activation="tanh", name="dense")(x)
    m = w.Model(x, L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de", name="heads")(h))
    w.randomise(m)
    m.quantize("float8")
    for name, scales in (("dense", (0.01, 0.004)), ("heads", (0.5, 2.0))):
        layer = m.get_layer(name)
        layer.inputs_scale.assign(scales[0])
        layer.kernel_scale.assign(scales[1])
    return Spec(m, w.normal(3, 4, 8) * np.float32(2), rtol=1e-3, atol=1e-4, note="products through float8 e4m3fn, with numbers below its normal range and beyond its largest")


def _writer_of_all(layer):
    names = layer.variable_serialization_spec[layer.dtype_policy.quantization_mode]

    def save(store):
        for i, name in enumerate(names):
            store[str(i)] = getattr(layer, name)
    return save


def _packed(w, policy, bits):
    L = w.L
    x = w.Input((4, 6), name="x")
    h = L.Dense(5, activation="tanh", dtype=policy, name="dense")(x)
    h = L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 2), bias_axes="de", dtype=policy, name="heads")(h)
    m = w.Model(x, h)
    for layer in (m.get_layer("dense"), m.get_layer("heads")):
        for name in ("is_gptq_calibrated", "is_awq_calibrated"):
            if hasattr(layer, name):
                setattr(layer, name, True)
        for v in layer.weights:
            shape, part = tuple(v.shape), v.path.split("/")[-1]
            if v.dtype == "uint8":
                value = w.rng.integers(0, 256 if part == "kernel" and bits in (4, 8) else 2 ** bits, shape)
            elif part == "g_idx":
                value = np.arange(shape[0]) // 4
            else:
                value = w.rng.uniform(0.02, 0.2, shape) if "scale" in part else w.rng.standard_normal(shape)
            v.assign(value.astype(v.dtype))
        # Keras 3.15.1 leaves kernel_zero out and cannot load its own file; 3.11 to 3.14 write it.
        layer.save_own_variables = _writer_of_all(layer)
    return Spec(m, w.normal(3, 4, 6))


@case("quantised_gptq4", **OPTIONS)
def quantised_gptq4(w):
    return _packed(w, "gptq/4/4_from_float32", 4)


@case("quantised_gptq8", **OPTIONS)
def quantised_gptq8(w):
    return _packed(w, "gptq/8/4_from_float32", 8)


@case("quantised_awq", **OPTIONS)
def quantised_awq(w):
    return _packed(w, "awq/4/4_from_float32", 4)


def _tokens(w, tied, mode, block=None):
    L = w.L
    ids = w.Input((5,), dtype="int32", name="ids")
    table = L.ReversibleEmbedding(11, 7, tie_weights=tied, logit_soft_cap=None if tied else 5.0, name="tokens")
    h = L.Dense(7, activation="tanh", name="dense")(table(ids))
    m = w.randomise(w.Model(ids, table(h, reverse=True)))
    table.quantize(mode, config=None if block is None else w.keras.quantizers.Int4QuantizationConfig(block_size=block))
    return Spec(m, w.ints(3, 5, low=0, high=11), rtol=1e-3, atol=1e-4)


for _tied in (True, False):
    for _label, _mode, _block in (("int8", "int8", None), ("int4", "int4", None), ("int4_blocks", "int4", 3)):
        case("quantised_reversible_%s_%s" % ("tied" if _tied else "untied", _label), **OPTIONS)(
            lambda w, tied=_tied, mode=_mode, block=_block: _tokens(w, tied, mode, block))


@case("quantised_mixed_bfloat16", **OPTIONS)
def quantised_mixed_bfloat16(w):
    w.set_policy("mixed_bfloat16")
    L = w.L
    x = w.Input((8,), name="x")
    m = w.randomise(w.Model(x, L.Dense(3, name="b")(L.Dense(6, activation="relu", name="a")(x))))
    m.quantize("int8")
    return Spec(m, w.normal(4, 8), rtol=4e-2, atol=3e-2, note="int8 under a policy that computes in bfloat16")
