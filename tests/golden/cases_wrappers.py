"""Bidirectional and TimeDistributed."""
from golden_lib import Spec, case


@case("bidirectional_lstm", save_tf=True, full=True)
def bidirectional_lstm(w):
    x = w.Input((None, 4), name="x")
    y = w.L.Bidirectional(w.L.LSTM(3, return_sequences=True), name="both")(x)
    return Spec(w.randomise(w.Model(x, y)), w.normal(3, 6, 4))


@case("bidirectional_gru")
def bidirectional_gru(w):
    x = w.Input((None, 4), name="x")
    y = w.L.Bidirectional(w.L.GRU(3), merge_mode="sum", name="both")(x)
    return Spec(w.randomise(w.Model(x, y)), w.normal(3, 6, 4))


@case("bidirectional_merge_modes")
def bidirectional_merge_modes(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    outs = []
    kinds = [L.LSTM, L.GRU, L.SimpleRNN]
    for i, mode in enumerate(["concat", "sum", "mul", "ave", None]):
        for seq in (True, False):
            y = L.Bidirectional(kinds[(i + seq) % 3](3, return_sequences=seq), merge_mode=mode, name="%s_%s" % (mode, "seq" if seq else "last"))(x)
            outs += list(y) if mode is None else [y]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 6, 4))


@case("bidirectional_states", h5="tfkeras")
def bidirectional_states(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    h, c = w.Input((3,), name="h"), w.Input((3,), name="c")
    outs = [*L.Bidirectional(L.LSTM(3, return_state=True), name="lstm")(x),
            *L.Bidirectional(L.GRU(3, return_state=True, return_sequences=True), name="gru")(x),
            *L.Bidirectional(L.LSTM(2, return_state=True, return_sequences=True), merge_mode=None, name="apart")(x),
            L.Bidirectional(L.LSTM(3), name="started")(x, initial_state=[h, c, c, h])]
    return Spec(w.randomise(w.Model([x, h, c], outs)), [w.normal(3, 5, 4), w.normal(3, 3), w.normal(3, 3)])


@case("bidirectional_backward_layer", h5="tfkeras")
def bidirectional_backward_layer(w):
    L = w.L
    x = w.Input((None, 4), name="x")
    y = L.Bidirectional(L.LSTM(3, return_sequences=True), backward_layer=L.GRU(2, go_backwards=True, return_sequences=True), name="mixed")(x)
    z = L.Bidirectional(L.SimpleRNN(3, activation="relu"), backward_layer=L.SimpleRNN(3, go_backwards=True, use_bias=False),
                        merge_mode="ave", name="simple")(x)
    return Spec(w.randomise(w.Model(x, [y, z])), w.normal(3, 6, 4))


@case("bidirectional_stack")
def bidirectional_stack(w):
    L = w.L
    m = w.Sequential([w.Input((None, 4)), L.Bidirectional(L.GRU(3, return_sequences=True, reset_after=False)),
                      L.Bidirectional(L.SimpleRNN(3)), L.Dense(2, activation="tanh")])
    return Spec(w.randomise(m), w.normal(2, 7, 4))


@case("bidirectional_rnn_cell")
def bidirectional_rnn_cell(w):
    L = w.L
    x = w.Input((5, 4), name="x")
    y = L.Bidirectional(L.RNN(L.LSTMCell(3), return_sequences=True), name="cell")(x)
    return Spec(w.randomise(w.Model(x, y)), w.normal(3, 5, 4))


@case("time_distributed", h5="tfkeras")
def time_distributed(w):
    L = w.L
    x = w.Input((None, 6, 6, 2), name="frames")
    h = L.TimeDistributed(L.Conv2D(3, 3, activation="relu"), name="conv")(x)
    h = L.TimeDistributed(L.BatchNormalization(), name="norm")(h)
    h = L.TimeDistributed(L.MaxPooling2D(), name="pool")(h)
    h = L.TimeDistributed(L.Flatten(), name="flat")(h)
    d = L.TimeDistributed(L.Dense(4, activation="tanh"), name="dense")(h)
    return Spec(w.randomise(w.Model(x, [d, L.LSTM(3, name="lstm")(d)])), w.normal(3, 4, 6, 6, 2))


@case("time_distributed_nested", h5="tfkeras")
def time_distributed_nested(w):
    L = w.L
    x = w.Input((4, 5, 3), name="x")
    inner_x = w.Input((5, 3))
    inner = w.Model(inner_x, L.Dense(3)(L.Conv1D(4, 2, activation="relu", name="inner_conv")(inner_x)), name="inner")
    seq = w.Sequential([w.Input((5, 3)), L.Flatten(), L.Dense(4, activation="elu")], name="inner_seq")
    outs = [L.TimeDistributed(inner, name="model")(x), L.TimeDistributed(seq, name="sequential")(x),
            L.TimeDistributed(L.LSTM(3), name="lstm")(x), L.TimeDistributed(L.Dense(2), name="dense")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(3, 4, 5, 3))
