"""Layers that join tensors."""
from golden_lib import Spec, case

KINDS = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


@case("merging")
def merging(w):
    L = w.L
    a, b, c = [w.Input((4, 3), name=n) for n in "abc"]
    outs = [getattr(L, k)(name=k.lower())([a, b]) for k in KINDS]
    outs += [getattr(L, k)(name=k.lower() + "_three")([a, b, c]) for k in KINDS if k != "Subtract"]
    return Spec(w.Model([a, b, c], outs), [w.normal(3, 4, 3) for _ in range(3)])


@case("merging_broadcast")
def merging_broadcast(w):
    L = w.L
    a, b, c, v = w.Input((4, 3), name="a"), w.Input((1, 3), name="b"), w.Input((4, 1), name="c"), w.Input((3,), name="v")
    outs = [getattr(L, k)(name=k.lower())([a, b]) for k in KINDS]
    outs += [L.Add(name="add_three")([a, b, c]), L.Multiply(name="multiply_outer")([b, c]), L.Maximum(name="maximum_twice")([c, a, b]),
             L.Add(name="self")([a, a]), L.Multiply(name="ranks")([a, L.Reshape((1, 3), name="row")(v)])]
    return Spec(w.Model([a, b, c, v], outs), [w.normal(3, 4, 3), w.normal(3, 1, 3), w.normal(3, 4, 1), w.normal(3, 3)])


@case("concatenate")
def concatenate(w):
    L = w.L
    a, b, c = w.Input((4, 3), name="a"), w.Input((4, 2), name="b"), w.Input((4, 3), name="c")
    outs = [L.Concatenate(name="last")([a, b]), L.Concatenate(axis=1, name="axis1")([a, c]), L.Concatenate(axis=-2, name="minus2")([c, a, a]),
            L.Concatenate(axis=2, name="three")([b, a, c]), L.Concatenate(axis=0, name="batch")([a, c])]
    return Spec(w.Model([a, b, c], outs), [w.normal(3, 4, 3), w.normal(3, 4, 2), w.normal(3, 4, 3)])


@case("dot")
def dot(w):
    L = w.L
    a, b, c, v, u = w.Input((4, 3), name="a"), w.Input((5, 3), name="b"), w.Input((4, 6), name="c"), w.Input((3,), name="v"), w.Input((3,), name="u")
    outs = [L.Dot(axes=1, name="vectors")([v, u]), L.Dot(axes=1, normalize=True, name="cosine")([v, u]), L.Dot(axes=2, name="axes2")([a, b]),
            L.Dot(axes=(2, 2), normalize=True, name="axes22")([a, b]), L.Dot(axes=(1, 1), name="axes11")([a, c]), L.Dot(axes=-1, name="minus1")([a, b]),
            L.Dot(axes=(2, 1), name="matrix_vector")([a, v])]
    return Spec(w.Model([a, b, c, v, u], outs), [w.normal(3, 4, 3), w.normal(3, 5, 3), w.normal(3, 4, 6), w.normal(3, 3), w.normal(3, 3)])
