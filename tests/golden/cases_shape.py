"""Layers that move numbers about: reshaping, padding, cropping, upsampling."""
from golden_lib import Spec, case


@case("reshaping")
def reshaping(w):
    L, x, s = w.L, w.Input((4, 6, 2), name="x"), w.Input((5,), name="s")
    outs = [L.Flatten(name="flatten")(x), L.Flatten(name="flatten_2d")(s), L.Reshape((8, 6), name="reshape")(x), L.Reshape((-1, 4), name="minus_one")(x),
            L.Reshape((2, 2, -1, 3), name="minus_one_inside")(x), L.Reshape((-1,), name="flat")(x), L.Permute((2, 1, 3), name="permute")(x),
            L.Permute((3, 1, 2), name="permute_312")(x), L.RepeatVector(3, name="repeat")(s)]
    return Spec(w.Model([x, s], outs), [w.normal(3, 4, 6, 2), w.normal(3, 5)])


@case("reshaping_unknown_length")
def reshaping_unknown_length(w):
    L, x = w.L, w.Input((None, 6), name="x")
    outs = [L.Reshape((-1, 3), name="split")(x), L.Permute((2, 1), name="permute")(x), L.Reshape((-1, 2, 3), name="more")(x),
            L.Flatten(name="flatten")(w.L.GlobalMaxPooling1D(name="max")(x))]
    return Spec(w.Model(x, outs), w.normal(3, 4, 6))


@case("zero_padding")
def zero_padding(w):
    L = w.L
    a, b, c = w.Input((4, 3), name="a"), w.Input((3, 4, 2), name="b"), w.Input((2, 3, 2, 2), name="c")
    outs = [L.ZeroPadding1D(2, name="p1")(a), L.ZeroPadding1D((1, 3), name="p1_uneven")(a), L.ZeroPadding2D(1, name="p2")(b),
            L.ZeroPadding2D((2, 1), name="p2_pair")(b), L.ZeroPadding2D(((1, 0), (3, 2)), name="p2_uneven")(b), L.ZeroPadding3D(1, name="p3")(c),
            L.ZeroPadding3D((1, 0, 2), name="p3_triple")(c), L.ZeroPadding3D(((1, 0), (0, 2), (2, 1)), name="p3_uneven")(c)]
    return Spec(w.Model([a, b, c], outs), [w.normal(3, 4, 3), w.normal(3, 3, 4, 2), w.normal(2, 2, 3, 2, 2)])


@case("cropping")
def cropping(w):
    L = w.L
    a, b, c = w.Input((7, 3), name="a"), w.Input((6, 7, 2), name="b"), w.Input((4, 5, 6, 2), name="c")
    outs = [L.Cropping1D(2, name="c1")(a), L.Cropping1D((0, 3), name="c1_uneven")(a), L.Cropping2D(1, name="c2")(b), L.Cropping2D((2, 1), name="c2_pair")(b),
            L.Cropping2D(((1, 0), (3, 2)), name="c2_uneven")(b), L.Cropping3D(1, name="c3")(c), L.Cropping3D((1, 0, 2), name="c3_triple")(c),
            L.Cropping3D(((1, 0), (0, 2), (2, 1)), name="c3_uneven")(c)]
    return Spec(w.Model([a, b, c], outs), [w.normal(3, 7, 3), w.normal(3, 6, 7, 2), w.normal(2, 4, 5, 6, 2)])


@case("upsampling")
def upsampling(w):
    L = w.L
    a, b, c = w.Input((4, 3), name="a"), w.Input((3, 4, 2), name="b"), w.Input((2, 3, 2, 2), name="c")
    outs = [L.UpSampling1D(3, name="u1")(a), L.UpSampling2D(2, name="u2")(b), L.UpSampling2D((3, 1), name="u2_pair")(b),
            L.UpSampling2D((2, 3), interpolation="bilinear", name="bilinear")(b), L.UpSampling2D(3, interpolation="bilinear", name="bilinear3")(b),
            L.UpSampling3D((2, 1, 3), name="u3")(c)]
    return Spec(w.Model([a, b, c], outs), [w.normal(3, 4, 3), w.normal(3, 3, 4, 2), w.normal(2, 2, 3, 2, 2)])


@case("upsampling_other")
def upsampling_other(w):
    b = w.Input((4, 5, 2), name="b")
    kinds = ["bicubic", "lanczos3", "lanczos5"] + (["area", "gaussian", "mitchellcubic"] if w.k2 else [])
    return Spec(w.Model(b, [w.L.UpSampling2D(2, interpolation=k, name=k)(b) for k in kinds]), w.normal(2, 4, 5, 2))


@case("padded_unknown_size")
def padded_unknown_size(w):
    L, a, b = w.L, w.Input((None, 3), name="a"), w.Input((None, None, 2), name="b")
    outs = [L.ZeroPadding1D((0, 2), name="p1")(a), L.Cropping1D((1, 1), name="c1")(a), L.UpSampling1D(2, name="u1")(a),
            L.ZeroPadding2D(((0, 1), (2, 0)), name="p2")(b), L.Cropping2D(((1, 0), (0, 1)), name="c2")(b), L.UpSampling2D(2, name="u2")(b)]
    return Spec(w.Model([a, b], outs), [w.normal(3, 5, 3), w.normal(2, 4, 3, 2)])
