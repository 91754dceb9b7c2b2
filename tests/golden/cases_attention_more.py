"""Attention with masks of every kind, over several axes, with gates, bands and groups; EinsumDense with every form of equation."""
from golden_lib import Spec, case


def some(w, *shape):
    """A mask that keeps at least the first of every row."""
    mask = w.rng.random(shape) < 0.6
    mask[..., 0] = True
    return mask


@case("attention_arguments", h5="tfkeras", check64=False)
def attention_arguments(w):
    L = w.L
    q, v, k = w.Input((4, 3), name="q"), w.Input((5, 3), name="v"), w.Input((5, 3), name="k")
    qm, vm = w.Input((4,), dtype="bool", name="qm"), w.Input((5,), dtype="bool", name="vm")
    outs = [L.Attention(name="masks")([q, v, k], mask=[qm, vm]), *L.Attention(use_scale=True, name="scores")([q, v, k], mask=[qm, vm], return_attention_scores=True),
            L.Attention(use_scale=True, score_mode="concat", name="concat")([q, v, k], mask=[qm, vm]),
            *L.AdditiveAttention(name="additive")([q, v], mask=[qm, vm], return_attention_scores=True, use_causal_mask=True),
            L.Attention(dropout=0.4, name="causal")([q, v], use_causal_mask=True)]
    return Spec(w.randomise(w.Model([q, v, k, qm, vm], outs)), [w.normal(3, 4, 3), w.normal(3, 5, 3), w.normal(3, 5, 3), some(w, 3, 4), some(w, 3, 5)])


@case("multi_head_attention_axes")
def multi_head_attention_axes(w):
    L = w.L
    x, y, v = w.Input((2, 3, 4), name="x"), w.Input((2, 5, 4), name="y"), w.Input((None, 4), name="v")
    keep = w.Input((2, 3, 5), dtype="bool", name="keep")
    outs = [L.MultiHeadAttention(2, 3, attention_axes=(1, 2), name="both")(x, x), L.MultiHeadAttention(2, 2, attention_axes=2, name="rows")(x, y),
            L.MultiHeadAttention(2, 3, attention_axes=(2, 1), value_dim=2, name="swapped")(x, x), L.MultiHeadAttention(1, 3, attention_axes=(2,), name="masked_rows")(x, y, attention_mask=keep),
            *L.MultiHeadAttention(2, 3, attention_axes=(1,), name="columns")(x, x, return_attention_scores=True),
            L.MultiHeadAttention(2, 3, output_shape=(2, 3), name="shaped")(v, v)]
    if not w.k2:
        outs.append(L.MultiHeadAttention(2, 2, attention_axes=(-2,), name="negative")(x, y))
    return Spec(w.randomise(w.Model([x, y, v, keep], outs)), [w.normal(3, 2, 3, 4), w.normal(3, 2, 5, 4), w.normal(3, 4, 4), some(w, 3, 2, 3, 5)])


@case("multi_head_attention_masks", check64=False)
def multi_head_attention_masks(w):
    """Masks together, float and integer masks, and rows of which nothing is kept."""
    L = w.L
    x, c = w.Input((4, 6), name="x"), w.Input((5, 3), name="context")
    keep, whole, soft = w.Input((4, 5), dtype="bool", name="keep"), w.Input((4, 4), dtype="bool", name="whole"), w.Input((4, 5), dtype="int32", name="soft")
    outs = [L.MultiHeadAttention(2, 3, name="causal_masked")(x, x, attention_mask=whole, use_causal_mask=True), L.MultiHeadAttention(2, 3, name="integers")(x, c, attention_mask=soft),
            L.MultiHeadAttention(2, 3, dropout=0.3, name="dropped")(x, c, attention_mask=keep), L.MultiHeadAttention(2, 3, name="empty_rows")(x, c, attention_mask=keep),
            *L.MultiHeadAttention(2, 3, name="empty_scores")(x, c, attention_mask=keep, return_attention_scores=True),
            L.MultiHeadAttention(2, 3, name="with_key")(x, c, key=c, attention_mask=soft)]
    mask = some(w, 3, 4, 5)
    mask[1, 2] = False
    return Spec(w.randomise(w.Model([x, c, keep, whole, soft], outs)),
                [w.normal(3, 4, 6), w.normal(3, 5, 3), mask, some(w, 3, 4, 4), some(w, 3, 4, 5).astype("int32")])


@case("multi_head_attention_gates", writers=("keras3",), h5=True)
def multi_head_attention_gates(w):
    L = w.L
    x = w.Input((6, 4), name="x")
    outs = [L.MultiHeadAttention(2, 3, use_gate=True, value_dim=5, name="gate")(x, x), L.MultiHeadAttention(2, 3, sliding_window=2, name="band")(x, x),
            L.MultiHeadAttention(2, 3, sliding_window=3, use_bias=False, use_gate=True, name="causal_band")(x, x, use_causal_mask=True)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 6, 4))


@case("grouped_query_attention", writers=("keras3",), check64=False)
def grouped_query_attention(w):
    L = w.L
    x, c, keep = w.Input((None, 4), name="x"), w.Input((5, 4), name="context"), w.Input((None, 5), dtype="bool", name="keep")
    outs = [L.GroupQueryAttention(3, 4, 2, name="groups")(x, x), L.GroupQueryAttention(2, 2, 1, use_bias=False, name="one_group")(x, c),
            L.GroupQueryAttention(2, 2, 2, use_gate=True, name="gate")(x, x, use_causal_mask=True),
            *L.GroupQueryAttention(3, 4, 2, dropout=0.2, name="scores")(x, c, attention_mask=keep, return_attention_scores=True),
            L.GroupQueryAttention(3, 4, 2, sliding_window=2, name="band")(x, x)]
    return Spec(w.randomise(w.Model([x, c, keep], outs)), [w.normal(3, 4, 4), w.normal(3, 5, 4), some(w, 3, 4, 5)])


@case("transformer_padded", h5="tfkeras", check64=False)
def transformer_padded(w):
    """Padded ids through blocks of attention; masks go on to the layers behind."""
    L = w.L
    ids, more = w.Input((6,), dtype="int32", name="ids"), w.Input((5,), dtype="int32", name="more")
    x = L.Embedding(9, 4, mask_zero=True, name="embedding")(ids)
    c = L.Embedding(9, 4, mask_zero=True, name="context")(more)
    h = L.LayerNormalization(name="norm")(L.Add(name="add")([x, L.MultiHeadAttention(2, 3, name="self")(x, x)]))
    h = L.Dropout(0.1, name="drop")(h)
    d = L.Add(name="add_cross")([h, L.MultiHeadAttention(2, 3, name="cross")(h, c)])
    outs = [L.LSTM(3, name="lstm")(h), L.GlobalAveragePooling1D(name="mean")(d), L.Attention(name="luong")([d, c]), L.Dense(2, name="dense")(d)]
    if not w.k2:
        outs.append(L.GroupQueryAttention(2, 2, 1, name="grouped")(h, c))
    a, b = w.ints(4, 6, low=1, high=9), w.ints(4, 5, low=1, high=9)
    a[0, 4:], a[1, :2], b[0, 1:3], b[3, 3:] = 0, 0, 0, 0
    return Spec(w.randomise(w.Model([ids, more], outs)), [a, b])


@case("attention_mixed_float16", check64=False)
def attention_mixed_float16(w):
    L = w.L
    x = w.Input((4, 6), name="x")
    w.set_policy("mixed_float16")
    outs = [L.MultiHeadAttention(2, 3, name="self")(x, x, use_causal_mask=True), L.Attention(name="luong")([x, x]), L.AdditiveAttention(name="additive")([x, x]),
            L.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d", name="einsum")(x), L.GroupNormalization(groups=2, name="groups")(x),
            L.UnitNormalization(name="unit")(x)]
    if not w.k2:
        outs += [L.GroupQueryAttention(2, 2, 1, name="grouped")(x, x), L.RMSNormalization(name="rms")(x)]
    w.set_policy("float32")
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 6), rtol=1e-2, atol=1e-2)


@case("einsum_dense_equations", h5="tfkeras")
def einsum_dense_equations(w):
    L = w.L
    x, y, v = w.Input((4, 6), name="x"), w.Input((3, 4, 6), name="y"), w.Input((None, 6), name="v")
    outs = [L.EinsumDense("ab...,bc->ac...", output_shape=3, bias_axes="c", name="right")(x), L.EinsumDense("ab...,bcd->adc...", output_shape=(2, 3), bias_axes="dc", name="right_two")(y),
            L.EinsumDense("...x,xyz->...zy", output_shape=(2, 3), bias_axes="z", name="left_two")(y), L.EinsumDense("...xy,xyz->...z", output_shape=5, bias_axes="z", name="left_pair")(y),
            L.EinsumDense("abc,bc->abc", output_shape=(4, 6), bias_axes="bc", name="diagonal")(x), L.EinsumDense("abc,bcd->abd", output_shape=(4, 3), bias_axes="b", name="by_row")(x),
            L.EinsumDense("abc,bcd->ad", output_shape=3, name="all")(x), L.EinsumDense("abc,d->abcd", output_shape=(4, 6, 2), bias_axes="d", name="outer")(x),
            L.EinsumDense("abc,cd->adb", output_shape=(3, None), name="unknown", activation="softmax")(v), L.EinsumDense("ABc,cD->ABD", output_shape=(None, 3), bias_axes="D", name="capitals")(v)]
    return Spec(w.randomise(w.Model([x, y, v], outs)), [w.normal(3, 4, 6), w.normal(3, 3, 4, 6), w.normal(3, 5, 6)])
