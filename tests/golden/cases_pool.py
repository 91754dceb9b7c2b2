"""Pooling."""
from golden_lib import Spec, case


def _windows(w, rank):
    L = w.L
    out = []
    for kind in ("Max", "Average"):
        layer = getattr(L, "%sPooling%dD" % (kind, rank))
        glob = getattr(L, "Global%sPooling%dD" % (kind, rank))
        for pool, stride, pad in ((2, None, "valid"), (3, 2, "same"), (3, 1, "valid"), (2, 3, "same"), (3, 1, "same")):
            name = "%s_%d_%s_%s" % (kind, pool, stride, pad)
            out.append(layer(pool, strides=stride, padding=pad, name=name.lower()))
        out += [glob(name="global_" + kind.lower()), glob(keepdims=True, name="global_kept_" + kind.lower())]
    return out


@case("pooling1d")
def pooling1d(w):
    x = w.Input((8, 3), name="x")
    outs = [l(x) for l in _windows(w, 1)]
    cf = w.Input((3, 8), name="cf")
    outs += [w.L.GlobalAveragePooling1D(data_format="channels_first", name="mean_cf")(cf),
             w.L.GlobalMaxPooling1D(data_format="channels_first", keepdims=True, name="max_cf")(cf)]
    return Spec(w.Model([x, cf], outs), [w.normal(3, 8, 3), w.normal(3, 3, 8)])


@case("pooling2d")
def pooling2d(w):
    x = w.Input((7, 8, 3), name="x")
    outs = [l(x) for l in _windows(w, 2)]
    outs += [w.L.MaxPooling2D((2, 3), strides=(1, 2), name="max_rect")(x), w.L.AveragePooling2D((3, 1), strides=(2, 1), padding="same", name="average_rect")(x),
             w.L.GlobalAveragePooling2D(data_format="channels_first", name="mean_cf")(x), w.L.GlobalMaxPooling2D(data_format="channels_first", name="max_cf")(x)]
    return Spec(w.Model(x, outs), w.normal(3, 7, 8, 3))


@case("pooling3d")
def pooling3d(w):
    x = w.Input((4, 5, 6, 2), name="x")
    outs = [l(x) for l in _windows(w, 3)]
    outs += [w.L.MaxPooling3D((1, 2, 3), strides=(2, 1, 2), name="max_rect")(x), w.L.GlobalMaxPooling3D(data_format="channels_first", name="max_cf")(x)]
    return Spec(w.Model(x, outs), w.normal(2, 4, 5, 6, 2))


@case("pooling_unknown_size")
def pooling_unknown_size(w):
    L, x, s = w.L, w.Input((None, None, 2), name="x"), w.Input((None, 2), name="s")
    outs = [L.MaxPooling2D(2, padding="same", name="max")(x), L.AveragePooling1D(3, strides=2, padding="same", name="average")(s),
            L.GlobalAveragePooling2D(name="mean")(x), L.GlobalMaxPooling1D(name="largest")(s)]
    return Spec(w.Model([x, s], outs), [w.normal(2, 5, 6, 2), w.normal(2, 7, 2)])


@case("adaptive_pooling", writers=("keras3",))
def adaptive_pooling(w):
    L, x, s = w.L, w.Input((7, 8, 3), name="x"), w.Input((9, 3), name="s")
    v = w.Input((5, 4, 7, 2), name="v")
    outs = [L.AdaptiveAveragePooling2D((3, 4), name="average")(x), L.AdaptiveMaxPooling2D((2, 5), name="max")(x),
            L.AdaptiveAveragePooling1D(4, name="average1")(s), L.AdaptiveMaxPooling1D(2, name="max1")(s),
            L.AdaptiveAveragePooling3D((2, 4, 3), name="average3")(v), L.AdaptiveMaxPooling3D(3, name="max3")(v),
            L.AdaptiveAveragePooling2D((5, 2), data_format="channels_first", name="average_first")(x),
            L.AdaptiveMaxPooling1D(12, name="max_more")(s)]
    return Spec(w.Model([x, s, v], outs), [w.normal(2, 7, 8, 3), w.normal(2, 9, 3), w.normal(2, 5, 4, 7, 2)])
