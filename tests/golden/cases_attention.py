"""Attention, EinsumDense, convolutional recurrence, and layers of one code line only."""
from golden_lib import Spec, case


@case("attention", h5="tfkeras")
def attention(w):
    L = w.L
    q, v, k = w.Input((4, 3), name="q"), w.Input((5, 3), name="v"), w.Input((5, 3), name="k")
    outs = [L.Attention(name="plain")([q, v]), L.Attention(name="key")([q, v, k]), L.Attention(use_scale=True, name="scale")([q, v, k]),
            L.Attention(score_mode="concat", name="concat")([q, v, k]), L.AdditiveAttention(name="additive")([q, v, k]),
            L.AdditiveAttention(use_scale=False, name="additive_plain")([q, v]),
            L.Attention(name="causal")([v, v], use_causal_mask=True), L.Attention(dropout=0.3, name="dropout")([q, v])]
    return Spec(w.randomise(w.Model([q, v, k], outs)), [w.normal(3, 4, 3), w.normal(3, 5, 3), w.normal(3, 5, 3)])


@case("multi_head_attention", h5=True)
def multi_head_attention(w):
    L = w.L
    x = w.Input((None, 6), name="x")
    y = L.MultiHeadAttention(num_heads=2, key_dim=3, name="self")(x, x)
    return Spec(w.randomise(w.Model(x, L.LayerNormalization(name="norm")(L.Add(name="add")([x, y])))), w.normal(3, 5, 6))


@case("multi_head_attention_arguments")
def multi_head_attention_arguments(w):
    L = w.L
    x, c = w.Input((4, 6), name="x"), w.Input((5, 3), name="context")
    keep = w.Input((4, 5), dtype="bool", name="keep")
    outs = [L.MultiHeadAttention(2, 3, value_dim=4, output_shape=5, name="sizes")(x, c), L.MultiHeadAttention(3, 2, use_bias=False, name="no_bias")(x, x),
            L.MultiHeadAttention(2, 2, dropout=0.2, name="causal")(x, x, use_causal_mask=True), L.MultiHeadAttention(2, 3, name="masked")(x, c, attention_mask=keep),
            *L.MultiHeadAttention(2, 3, name="scores")(x, c, return_attention_scores=True), L.MultiHeadAttention(1, 4, name="key")(x, c, key=c)]
    mask = w.rng.random((3, 4, 5)) < 0.6
    mask[..., 0] = True
    return Spec(w.randomise(w.Model([x, c, keep], outs)), [w.normal(3, 4, 6), w.normal(3, 5, 3), mask])


@case("attention_masked", tfkeras=dict(check64=False))
def attention_masked(w):
    """Padded ids in front of attention; no row is masked completely."""
    L = w.L
    a, b = w.Input((6,), dtype="int32", name="a"), w.Input((5,), dtype="int32", name="b")
    ea, eb = L.Embedding(9, 4, mask_zero=True, name="ea")(a), L.Embedding(9, 4, mask_zero=True, name="eb")(b)
    h = L.MultiHeadAttention(2, 3, name="mha")(ea, eb)
    outs = [L.GlobalAveragePooling1D(name="mean")(L.Attention(name="dot")([ea, eb])), L.AdditiveAttention(name="additive")([ea, eb]), h,
            L.LSTM(3, name="lstm")(h)]
    ids = w.ints(4, 6, low=1, high=9)
    ids[0, 4:] = 0
    ids[1, :2] = 0
    other = w.ints(4, 5, low=1, high=9)
    other[0, 1:3] = 0
    other[3, 3:] = 0
    return Spec(w.randomise(w.Model([a, b], outs)), [ids, other], note="queries that are padding have every key masked: tf-keras adds -1e9 there, "
                "which in float32 leaves a uniform softmax and in float64 does not" if w.k2 else None)


@case("einsum_dense")
def einsum_dense(w):
    L, x = w.L, w.Input((4, 6), name="x")
    outs = [L.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d", name="last")(x),
            L.EinsumDense("...x,xy->...y", output_shape=3, activation="relu", bias_axes="y", name="dots")(x),
            L.EinsumDense("abc,cde->abde", output_shape=(4, 2, 3), bias_axes="de", name="heads")(x), L.EinsumDense("abc,bd->adc", output_shape=(3, 6), name="other_axis")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 6))


@case("conv_lstm", h5="tfkeras")
def conv_lstm(w):
    L = w.L
    x, s = w.Input((3, 5, 5, 2), name="x"), w.Input((3, 6, 2), name="s")
    outs = [L.ConvLSTM2D(2, 3, padding="same", return_sequences=True, name="seq")(x), L.ConvLSTM2D(2, 2, strides=2, recurrent_activation="hard_sigmoid", name="last")(x),
            L.ConvLSTM1D(2, 3, use_bias=False, go_backwards=True, name="one")(s), *L.ConvLSTM1D(2, 2, padding="same", return_state=True, name="state")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(3, 3, 5, 5, 2), w.normal(3, 3, 6, 2)])


@case("locally_connected", writers=("tfkeras",), h5="tfkeras")
def locally_connected(w):
    L = w.L
    x, s = w.Input((5, 6, 2), name="x"), w.Input((6, 3), name="s")
    outs = [L.LocallyConnected2D(3, 2, name="two")(x), L.LocallyConnected2D(2, 3, strides=2, activation="relu", use_bias=False, name="strided")(x),
            L.LocallyConnected1D(4, 3, name="one")(s), L.LocallyConnected1D(2, 2, implementation=2, padding="same", name="one_impl2")(s),
            L.LocallyConnected1D(2, 2, implementation=3, name="one_impl3")(s)]
    return Spec(w.randomise(w.Model([x, s], outs)), [w.normal(3, 5, 6, 2), w.normal(3, 6, 3)])


@case("operators", h5=True)
def operators(w):
    """Operators on tensors instead of layers: TFOpLambda and SlicingOpLambda in tf-keras, operation nodes in Keras 3."""
    L = w.L
    x, y = w.Input((4, 6), name="x"), w.Input((4, 6), name="y")
    h = x * 2.0 + 1.0 - y / 3.0
    outs = [h, 1.0 - x, -y, x[:, 0], x[:, 1:3, ::2], L.Dense(3, name="d")(abs(h))]
    if w.k2:
        import tensorflow as tf
        outs += [tf.nn.relu(h), tf.concat([x, y], axis=-1), tf.reduce_mean(x, axis=1), tf.reshape(y, (-1, 3, 8)), tf.matmul(x, y, transpose_b=True), tf.squeeze(x[:, :, 2:3], -1)]
    else:
        ops = w.keras.ops
        outs += [ops.relu(h), ops.concatenate([x, y], axis=-1), ops.mean(x, axis=1), ops.reshape(y, (-1, 3, 8)), ops.matmul(x, ops.transpose(y, (0, 2, 1))), ops.squeeze(x[:, :, 2:3], -1)]
    return Spec(w.randomise(w.Model([x, y], outs)), [w.normal(3, 4, 6), w.normal(3, 4, 6)])
