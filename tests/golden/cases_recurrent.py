"""LSTM, GRU, SimpleRNN and RNN over cells: every argument, states in and out."""
from golden_lib import Spec, case



def steps(w, n=5):
    return w.Input((None, n), name="x")


def one(w, x, outs, shape=(3, 6, 5), **kw):
    return Spec(w.randomise(w.Model(x, outs)), w.normal(*shape), **kw)


# --- LSTM

@case("lstm", save_tf=True, full=True)
def lstm(w):
    x = steps(w)
    return one(w, x, w.L.LSTM(6, return_sequences=True, name="lstm")(x), (3, 7, 5))


@case("lstm_directions", h5="tfkeras")
def lstm_directions(w):
    L, x = w.L, steps(w)
    return one(w, x, [L.LSTM(3, go_backwards=True, return_sequences=True, name="backwards_seq")(x),
                      *L.LSTM(4, return_state=True, return_sequences=True, name="seq_state")(x)])


@case("lstm_arguments")
def lstm_arguments(w):
    L, x = w.L, steps(w)
    outs = [L.LSTM(4, name="last")(x), L.LSTM(1, return_sequences=True, name="one_unit")(x),
            L.LSTM(3, use_bias=False, unit_forget_bias=False, name="no_bias")(x),
            L.LSTM(3, go_backwards=True, name="backwards_last")(x),
            L.LSTM(3, use_bias=False, go_backwards=True, return_sequences=True, name="no_bias_backwards")(x),
            *L.LSTM(3, return_state=True, name="state")(x),
            *L.LSTM(3, return_state=True, go_backwards=True, name="backwards_state")(x),
            *L.LSTM(3, return_state=True, return_sequences=True, dropout=0.2, recurrent_dropout=0.3, name="dropouts")(x)]
    outs += [L.LSTM(3, implementation=1, name="one_by_one")(x), L.LSTM(3, implementation=2, name="together")(x)] if w.k2 else []
    return one(w, x, outs)


@case("lstm_activations")
def lstm_activations(w):
    L, x = w.L, steps(w)
    pairs = [("relu", "sigmoid"), ("tanh", "hard_sigmoid"), ("sigmoid", "tanh"), ("linear", "hard_sigmoid"), ("elu", "sigmoid"),
             ("softsign", "softplus"), ("hard_sigmoid", "hard_sigmoid"), ("tanh", "relu"), ("gelu", "sigmoid"), (None, "sigmoid")]
    return one(w, x, [L.LSTM(3, activation=a, recurrent_activation=r, return_sequences=i % 2 == 0, name="%s_%s" % (a, r))(x)
                      for i, (a, r) in enumerate(pairs)])


@case("lstm_hard_sigmoid", save_tf=True)
def lstm_hard_sigmoid(w):
    x = steps(w)
    return one(w, x, w.L.LSTM(4, recurrent_activation="hard_sigmoid", return_sequences=True, name="lstm")(x))


@case("lstm_stack")
def lstm_stack(w):
    L = w.L
    m = w.Sequential([w.Input((8, 4)), L.LSTM(5, return_sequences=True), L.Dropout(0.2), L.LSTM(4, return_sequences=True),
                      L.LSTM(3), L.Dense(2)])
    return Spec(w.randomise(m), w.normal(5, 8, 4))


@case("lstm_long", only=["keras_v3", "keras_h5"])
def lstm_long(w):
    x = steps(w, 8)
    return one(w, x, w.L.LSTM(40, name="lstm")(x), (2, 120, 8), note="a longer sequence and a unit count that is no multiple of 16")


# --- GRU

@case("gru", save_tf=True, full=True)
def gru(w):
    x = steps(w)
    return one(w, x, w.L.GRU(6, return_sequences=True, name="gru")(x), (3, 7, 5))


@case("gru_reset_before", h5="tfkeras")
def gru_reset_before(w):
    x = steps(w)
    return one(w, x, w.L.GRU(5, reset_after=False, return_sequences=True, name="gru")(x))


@case("gru_arguments")
def gru_arguments(w):
    L, x = w.L, steps(w)
    outs = []
    for after in (True, False):
        tag = "after" if after else "before"
        outs += [L.GRU(4, reset_after=after, name="last_" + tag)(x),
                 L.GRU(3, reset_after=after, use_bias=False, return_sequences=True, name="no_bias_" + tag)(x),
                 L.GRU(3, reset_after=after, go_backwards=True, return_sequences=True, name="backwards_seq_" + tag)(x),
                 L.GRU(3, reset_after=after, go_backwards=True, name="backwards_last_" + tag)(x),
                 *L.GRU(3, reset_after=after, return_state=True, name="state_" + tag)(x),
                 *L.GRU(3, reset_after=after, return_state=True, return_sequences=True, dropout=0.1, recurrent_dropout=0.2,
                        name="seq_state_" + tag)(x)]
    outs += [L.GRU(3, implementation=1, name="one_by_one")(x), L.GRU(3, implementation=1, reset_after=False, name="one_before")(x)] if w.k2 else []
    return one(w, x, outs)


@case("gru_activations")
def gru_activations(w):
    L, x = w.L, steps(w)
    pairs = [("relu", "sigmoid"), ("tanh", "hard_sigmoid"), ("sigmoid", "tanh"), ("linear", "hard_sigmoid"), ("elu", "sigmoid"),
             ("softsign", "relu"), (None, "sigmoid")]
    return one(w, x, [L.GRU(3, activation=a, recurrent_activation=r, reset_after=i % 2 == 0, return_sequences=i % 3 == 0,
                            name="%s_%s" % (a, r))(x) for i, (a, r) in enumerate(pairs)])


@case("gru_hard_sigmoid")
def gru_hard_sigmoid(w):
    x = steps(w)
    return one(w, x, w.L.GRU(4, recurrent_activation="hard_sigmoid", return_sequences=True, name="gru")(x))


# --- SimpleRNN

@case("simple_rnn", full=True, saved_model_folder=True)
def simple_rnn(w):
    x = steps(w)
    return one(w, x, w.L.SimpleRNN(5, return_sequences=True, name="rnn")(x))


@case("simple_rnn_arguments")
def simple_rnn_arguments(w):
    L, x = w.L, steps(w)
    outs = [L.SimpleRNN(4, name="last")(x), L.SimpleRNN(3, use_bias=False, return_sequences=True, name="no_bias")(x),
            L.SimpleRNN(3, go_backwards=True, return_sequences=True, name="backwards_seq")(x),
            L.SimpleRNN(3, go_backwards=True, name="backwards_last")(x), *L.SimpleRNN(3, return_state=True, name="state")(x),
            *L.SimpleRNN(3, return_state=True, return_sequences=True, dropout=0.2, recurrent_dropout=0.1, name="seq_state")(x)]
    outs += [L.SimpleRNN(3, activation=a, return_sequences=True, name="act_%s" % a)(x)
             for a in ("relu", "sigmoid", "hard_sigmoid", "linear", "elu", "softsign", None)]
    return one(w, x, outs)


# --- states, unrolling, cells

@case("initial_states", h5="tfkeras")
def initial_states(w):
    L, x = w.L, steps(w)
    h, c = w.Input((4,), name="h"), w.Input((4,), name="c")
    outs = [L.LSTM(4, return_sequences=True, name="lstm")(x, initial_state=[h, c]), L.GRU(4, name="gru")(x, initial_state=h),
            L.SimpleRNN(4, name="rnn")(x, initial_state=[c])]
    return Spec(w.randomise(w.Model([x, h, c], outs)), [w.normal(3, 6, 5), w.normal(3, 4), w.normal(3, 4)])


@case("encoder_decoder")
def encoder_decoder(w):
    L = w.L
    a, b = w.Input((None, 3), name="source"), w.Input((None, 2), name="target")
    _, h, c = L.LSTM(4, return_state=True, name="encoder")(a)
    seq, h2, c2 = L.LSTM(4, return_sequences=True, return_state=True, name="decoder")(b, initial_state=[h, c])
    return Spec(w.randomise(w.Model([a, b], [L.Dense(3, activation="softmax", name="word")(seq), h2, c2])),
                [w.normal(3, 5, 3), w.normal(3, 4, 2)])


def _stateful(w, layers):
    x = w.Input(batch_shape=(3, 4, 5), name="x") if not w.k2 else w.Input(batch_size=3, shape=(4, 5), name="x")
    m = w.randomise(w.Model(x, layers(x)))
    return Spec(m, w.normal(3, 4, 5), calls=[[w.normal(3, 4, 5)], [w.normal(3, 4, 5)]],
                note="states start at zero; `then` lists further calls that continue from the states")


@case("stateful_lstm", h5="tfkeras")
def stateful_lstm(w):
    return _stateful(w, lambda x: w.L.LSTM(4, stateful=True, return_sequences=True, name="lstm")(x))


@case("stateful_all")
def stateful_all(w):
    L = w.L
    return _stateful(w, lambda x: [L.LSTM(4, stateful=True, name="lstm")(x), L.GRU(3, stateful=True, name="gru")(x),
                                   L.GRU(3, stateful=True, reset_after=False, return_sequences=True, name="gru_before")(x),
                                   L.SimpleRNN(3, stateful=True, name="rnn")(x), L.LSTM(3, name="stateless")(x)])


@case("unrolled")
def unrolled(w):
    L, x = w.L, w.Input((3, 4), name="x")
    return one(w, x, [L.LSTM(2, unroll=True, return_sequences=True, name="lstm")(x), L.GRU(2, unroll=True, name="gru")(x),
                      L.SimpleRNN(2, unroll=True, return_sequences=True, go_backwards=True, name="rnn")(x)], (3, 3, 4))


@case("time_major", writers=("tfkeras",))
def time_major(w):
    L = w.L
    x = w.Input(batch_shape=(6, 3, 5), name="x")
    outs = [L.LSTM(4, time_major=True, return_sequences=True, name="lstm")(x), L.GRU(4, time_major=True, name="gru")(x),
            *L.LSTM(3, time_major=True, return_state=True, name="state")(x)]
    return Spec(w.randomise(w.Model(x, outs)), w.normal(6, 3, 5), note="axis 0 is time, axis 1 the batch")


@case("rnn_cells")
def rnn_cells(w):
    L, x = w.L, steps(w)
    outs = [L.RNN(L.LSTMCell(3), return_sequences=True, name="lstm_cell")(x),
            L.RNN([L.GRUCell(4), L.LSTMCell(3)], name="stacked")(x)]
    return one(w, x, outs)


@case("rnn_cells_arguments", h5="tfkeras")
def rnn_cells_arguments(w):
    L, x = w.L, steps(w)
    outs = [L.RNN(L.SimpleRNNCell(3, activation="elu"), go_backwards=True, name="simple_cell")(x),
            L.RNN(L.GRUCell(3, reset_after=False, use_bias=False), return_sequences=True, name="gru_before")(x),
            *L.RNN(L.GRUCell(3), return_state=True, name="gru_state")(x),
            *L.RNN(L.LSTMCell(3, recurrent_activation="hard_sigmoid"), return_state=True, return_sequences=True, name="lstm_state")(x),
            L.RNN(L.StackedRNNCells([L.SimpleRNNCell(3), L.SimpleRNNCell(4), L.GRUCell(2)]), return_sequences=True, name="three")(x)]
    return one(w, x, outs)
