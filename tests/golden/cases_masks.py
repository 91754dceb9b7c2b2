"""Masks from Embedding(mask_zero) and Masking, and where they flow."""
import numpy as np

from golden_lib import Spec, case


def masked_ids(w, batch=5, steps=7, high=12):
    """Rows with the mask on the right, the left, in the middle, nowhere, and everywhere."""
    ids = w.ints(batch, steps, low=1, high=high)
    ids[0, steps - 3:] = 0
    ids[1, :2] = 0
    ids[2, 2:4] = 0
    if batch > 4:
        ids[4, :] = 0
    return ids


def masked_rows(w, value, batch=5, steps=6, n=4):
    x = w.normal(batch, steps, n)
    x[masked_ids(w, batch, steps) == 0] = value
    x[3, 1, 0] = value  # one such number alone masks nothing
    return x


def ids_input(w, name="ids"):
    return w.Input((None,), dtype="int32", name=name)


@case("mask_embedding_lstm", full=True)
def mask_embedding_lstm(w):
    ids = ids_input(w)
    e = w.L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    return Spec(w.randomise(w.Model(ids, w.L.LSTM(4, name="lstm")(e))), masked_ids(w))


@case("mask_lstm")
def mask_lstm(w):
    L, ids = w.L, ids_input(w)
    e = L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    outs = [L.LSTM(4, return_sequences=True, name="seq")(e), L.LSTM(4, name="last")(e),
            *L.LSTM(3, return_sequences=True, return_state=True, name="seq_state")(e),
            L.LSTM(3, go_backwards=True, return_sequences=True, name="backwards_seq")(e),
            L.LSTM(3, go_backwards=True, name="backwards_last")(e),
            L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True, name="unfused")(e),
            L.LSTM(3, use_bias=False, activation="relu", name="no_bias")(e)]
    return Spec(w.randomise(w.Model(ids, outs)), masked_ids(w))


@case("mask_gru_rnn")
def mask_gru_rnn(w):
    L, ids = w.L, ids_input(w)
    e = L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    outs = [L.GRU(4, return_sequences=True, name="gru_seq")(e), L.GRU(4, name="gru_last")(e),
            L.GRU(3, reset_after=False, return_sequences=True, name="before_seq")(e),
            *L.GRU(3, reset_after=False, return_state=True, name="before_state")(e),
            L.GRU(3, go_backwards=True, return_sequences=True, name="gru_backwards")(e),
            L.SimpleRNN(3, return_sequences=True, name="rnn_seq")(e), L.SimpleRNN(3, activation="sigmoid", name="rnn_last")(e),
            L.SimpleRNN(3, go_backwards=True, name="rnn_backwards")(e),
            L.RNN([L.GRUCell(3), L.LSTMCell(2)], return_sequences=True, name="stacked_cells")(e)]
    return Spec(w.randomise(w.Model(ids, outs)), masked_ids(w))


@case("mask_gru_seq")
def mask_gru_seq(w):
    ids = ids_input(w)
    e = w.L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    return Spec(w.randomise(w.Model(ids, w.L.GRU(4, return_sequences=True, name="gru")(e))), masked_ids(w))


@case("mask_simple_rnn")
def mask_simple_rnn(w):
    m = w.Sequential([w.Input((None,)), w.L.Embedding(12, 5, mask_zero=True), w.L.SimpleRNN(4, return_sequences=True), w.L.SimpleRNN(3)])
    return Spec(w.randomise(m), masked_ids(w).astype("float32"))


@case("mask_bidirectional", h5="tfkeras")
def mask_bidirectional(w):
    L, ids = w.L, ids_input(w)
    e = L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    outs = [L.Bidirectional(L.LSTM(3, return_sequences=True), name="lstm_seq")(e), L.Bidirectional(L.LSTM(3), name="lstm_last")(e),
            L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum", name="gru_sum")(e),
            L.Bidirectional(L.GRU(3), merge_mode="ave", name="gru_ave")(e),
            *L.Bidirectional(L.SimpleRNN(3, return_sequences=True), merge_mode=None, name="rnn_apart")(e),
            *L.Bidirectional(L.LSTM(2, return_sequences=True, return_state=True), name="states")(e),
            L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="mul", name="lstm_mul")(e)]
    return Spec(w.randomise(w.Model(ids, outs)), masked_ids(w))


@case("mask_bidirectional_stack")
def mask_bidirectional_stack(w):
    L = w.L
    m = w.Sequential([w.Input((None,), dtype="int32"), L.Embedding(12, 5, mask_zero=True),
                      L.Bidirectional(L.LSTM(3, return_sequences=True)), L.Bidirectional(L.GRU(3)), L.Dense(1, activation="sigmoid")])
    return Spec(w.randomise(m), masked_ids(w))


@case("masking", full=True)
def masking(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    m = L.Masking(mask_value=-1.5, name="masking")(x)
    outs = [L.LSTM(3, return_sequences=True, name="lstm")(m), m, L.Dense(3, name="dense")(m)]
    return Spec(w.randomise(w.Model(x, outs)), masked_rows(w, -1.5))


@case("masking_through_layers", keras3=dict(no_savedmodel="Keras takes the batch for the steps of TimeDistributed where both are unknown: the exported graph computes something else"))
def masking_through_layers(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    m = L.Masking(name="masking")(x)
    h = L.Dense(4, activation="tanh", name="dense")(m)
    h = L.Dropout(0.4, name="dropout")(h)
    h = L.BatchNormalization(name="norm")(h)
    h = L.Activation("relu", name="relu")(h)
    h = L.LayerNormalization(name="layer_norm")(h)
    h = L.LeakyReLU(name="leaky")(h)
    h = L.TimeDistributed(L.Dense(3), name="distributed")(h)
    h = L.SpatialDropout1D(0.3, name="spatial")(h)
    outs = [L.GRU(3, name="gru")(h), L.LSTM(3, return_sequences=True, name="lstm")(h),
            L.Bidirectional(L.SimpleRNN(2, return_sequences=True), name="both")(h)]
    return Spec(w.randomise(w.Model(x, outs)), masked_rows(w, 0.0))


@case("masking_stack", h5="tfkeras")
def masking_stack(w):
    L = w.L
    m = w.Sequential([w.Input((6, 4)), L.Masking(mask_value=0.0), L.LSTM(3, return_sequences=True), L.LSTM(3, return_sequences=True),
                      L.GRU(3), L.Dense(2)])
    return Spec(w.randomise(m), masked_rows(w, 0.0))


@case("mask_given")
def mask_given(w):
    L = w.L
    x, keep = w.Input((None, 4), name="x"), w.Input((None,), dtype="bool", name="keep")
    outs = [L.LSTM(3, return_sequences=True, name="lstm")(x, mask=keep), L.GRU(3, name="gru")(x, mask=keep)]
    return Spec(w.randomise(w.Model([x, keep], outs)), [w.normal(5, 6, 4), masked_ids(w, 5, 6) != 0])


@case("mask_merges")
def mask_merges(w):
    L = w.L
    a, b = ids_input(w, "a"), ids_input(w, "b")
    ea = L.Embedding(12, 4, mask_zero=True, name="ea")(a)
    eb = L.Embedding(12, 4, mask_zero=True, name="eb")(b)
    plain = L.Embedding(12, 4, name="plain")(b)
    outs = [L.LSTM(3, return_sequences=True, name="l_concat")(L.Concatenate(name="concat")([ea, eb])),
            L.LSTM(3, return_sequences=True, name="l_time")(L.Concatenate(axis=1, name="concat_time")([ea, eb])),
            L.LSTM(3, return_sequences=True, name="l_half")(L.Concatenate(name="concat_half")([ea, plain])),
            L.GRU(3, return_sequences=True, name="g_add")(L.Add(name="add")([ea, eb])),
            L.GRU(3, return_sequences=True, name="g_add_half")(L.Add(name="add_half")([ea, plain])),
            L.SimpleRNN(3, name="r_mul")(L.Multiply(name="mul")([ea, eb])),
            L.SimpleRNN(3, name="r_max")(L.Maximum(name="max")([ea, eb])),
            L.SimpleRNN(3, name="r_sub")(L.Subtract(name="sub")([ea, eb])),
            L.SimpleRNN(3, name="r_avg")(L.Average(name="avg")([ea, eb, plain]))]
    if not w.k2:  # tf-keras cannot join masked and unmasked inputs along the time axis
        outs.append(L.LSTM(3, name="l_half_time")(L.Concatenate(axis=1, name="concat_half_time")([ea, plain])))
    x = masked_ids(w)
    return Spec(w.randomise(w.Model([a, b], outs)), [x, np.roll(x[[2, 0, 3, 1, 4]], 1, axis=1)])


@case("mask_concatenate_lstm")
def mask_concatenate_lstm(w):
    L = w.L
    a, b = ids_input(w, "a"), ids_input(w, "b")
    h = L.Concatenate(name="concat")([L.Embedding(12, 4, mask_zero=True, name="ea")(a), L.Embedding(9, 3, mask_zero=True, name="eb")(b)])
    x = masked_ids(w, high=9)
    return Spec(w.randomise(w.Model([a, b], L.LSTM(3, name="lstm")(h))), [x, np.roll(x[[2, 0, 3, 1, 4]], 1, axis=1)])


@case("mask_pooling")
def mask_pooling(w):
    L, ids = w.L, ids_input(w)
    e = L.Embedding(12, 5, mask_zero=True, name="embedding")(ids)
    outs = [L.GlobalAveragePooling1D(name="average")(e), L.GlobalMaxPooling1D(name="max")(e),
            L.GlobalAveragePooling1D(name="average_kept", keepdims=True)(L.Dense(3, activation="tanh", name="dense")(e))]
    return Spec(w.randomise(w.Model(ids, outs)), masked_ids(w, batch=4), note="no row is masked completely: that would divide 0 by 0")


@case("mask_time_distributed", keras3=dict(no_savedmodel="Keras takes the batch for the steps of TimeDistributed where both are unknown: the exported graph computes something else"))
def mask_time_distributed(w):
    L = w.L
    words = w.Input((3, 5), dtype="int32", name="words")
    x = w.Input((None, 4), name="x")
    e = L.Embedding(12, 4, mask_zero=True, name="embedding")(words)
    s = L.TimeDistributed(L.LSTM(3), name="sentence")(e)
    m = L.TimeDistributed(L.Dense(4, activation="tanh"), name="dense")(L.Masking(mask_value=0.25, name="masking")(x))
    outs = [s, L.LSTM(3, return_sequences=True, name="lstm")(m)]
    if w.k2:  # Keras 3 hands the words' mask on to the document's layer and fails there
        outs.append(L.GRU(3, name="document")(L.TimeDistributed(L.GRU(3), name="sentence_gru")(e)))
    ids = w.ints(4, 3, 5, low=1, high=12)
    ids[0, 0, 3:] = 0
    ids[1, 1, :2] = 0
    ids[2, 2, 1:3] = 0
    ids[2, 1, :] = 0
    ids[3, 0, :] = 0
    return Spec(w.randomise(w.Model([words, x], outs)), [ids, masked_rows(w, 0.25, batch=4)])


@case("mask_repeat_and_reshape")
def mask_repeat_and_reshape(w):
    """Layers that drop the mask: what comes after them sees every step."""
    L = w.L
    ids = w.Input((6,), dtype="int32", name="ids")
    e = L.Embedding(12, 4, mask_zero=True, name="embedding")(ids)
    outs = [L.LSTM(3, name="after_reshape")(L.Reshape((3, 8), name="reshape")(e)),
            L.LSTM(3, name="after_conv")(L.Conv1D(4, 2, name="conv")(e)),
            L.LSTM(3, return_sequences=True, name="after_repeat")(L.RepeatVector(3, name="repeat")(L.LSTM(4, name="code")(e))),
            L.Dense(3, name="after_flatten")(L.Flatten(name="flatten")(e))]
    return Spec(w.randomise(w.Model(ids, outs)), masked_ids(w, steps=6))
