"""tf.image functions that frame pictures, keras.ops.image.scale_and_translate, dtype policies by path."""
import numpy as np

from golden_lib import Spec, case


@case("tf_image_frames", writers=("tfkeras",), h5=True, check64=False)
def tf_image_frames(w):
    import tensorflow as tf
    i = tf.image
    x, u = w.Input((5, 7, 3), name="x"), w.Input((4, 6, 3), dtype="uint8", name="u")
    outs = [i.rgb_to_yuv(x), i.yuv_to_rgb(x), i.rgb_to_yiq(x), i.yiq_to_rgb(x), i.pad_to_bounding_box(x, 1, 2, 8, 10), i.resize_with_crop_or_pad(x, 8, 4),
            i.resize_with_crop_or_pad(x, 4, 12), i.resize_with_pad(x, 6, 6), i.resize_with_pad(x, 9, 20, method="nearest"), i.rot90(x), i.rot90(x, k=2), i.rot90(x, k=-1),
            i.convert_image_dtype(u, "float32"), i.convert_image_dtype(x, "uint8", saturate=True)]
    return Spec(w.Model([x, u], outs), [w.uniform(2, 5, 7, 3), w.rng.integers(0, 256, (2, 4, 6, 3)).astype("uint8")])


@case("ops_scale_and_translate", writers=("keras3",))
def ops_scale_and_translate(w):
    f = w.keras.ops.image.scale_and_translate
    x = w.Input((5, 7, 2), batch_size=2, name="x")
    c = np.float32
    outs = [f(x, (2, 8, 4, 2), c([1.5, 0.6]), c([0.5, -0.25]), (1, 2), m) for m in ("linear", "cubic", "lanczos3", "lanczos5")]
    outs += [f(x, (2, 3, 9, 2), c([0.5, 1.3]), c([0.0, 0.7]), (1, 2), "cubic", antialias=False), f(x, (2, 5, 10, 2), c([1.4]), c([-1.0]), (-2,), "linear")]
    return Spec(w.Model(x, outs), w.normal(2, 5, 7, 2))


@case("policy_map", writers=("keras3",), check64=False)
def policy_map(w):
    P = w.keras.dtype_policies
    policies = P.DTypePolicyMap("float32", {"half": P.DTypePolicy("mixed_float16"), "wide/.*": P.DTypePolicy("float64"), "inner/two": P.DTypePolicy("mixed_bfloat16")})
    L = w.L
    x = w.Input((6,), name="x")
    h = L.Dense(5, activation="tanh", dtype=policies, name="half")(x)
    h = L.Dense(5, dtype=policies, name="plain")(h)
    h = L.Dense(4, dtype=policies, name="wide")(h)
    inner = w.Sequential([w.Input((4,)), L.Dense(4, activation="relu", dtype=policies, name="one"), L.Dense(3, dtype=policies, name="two")], name="inner")
    return Spec(w.randomise(w.Model(x, inner(h))), w.normal(4, 6), rtol=2e-2, atol=2e-2, note="policies by path: float16, bfloat16 and the default")
