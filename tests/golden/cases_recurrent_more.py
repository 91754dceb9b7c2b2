"""Recurrent layers of mixed kinds: two directions of different layers, stacks of cells and their states, models step by step."""
from golden_lib import Spec, case


@case("bidirectional_mixed")
def bidirectional_mixed(w):
    L = w.L
    x = w.Input((5, 3), name="x")
    m = L.Masking(name="mask")(x)

    def pair(merge, name, inputs, sequences=True, **options):
        return L.Bidirectional(L.LSTM(2, return_sequences=sequences, name=name + "_f", **options), merge_mode=merge,
                               backward_layer=L.GRU(2, return_sequences=sequences, go_backwards=True, name=name + "_b", **options), name=name)(inputs)
    outs = [pair("concat", "concat", x), pair("mul", "masked", m), *pair(None, "separate", m), pair("ave", "last", m, sequences=False),
            *pair(None, "separate_last", x, sequences=False), *pair("sum", "states", x, return_state=True)[:4]]
    if w.k2:
        outs += pair(None, "separate_states", m, return_state=True)
    data = w.normal(3, 5, 3)
    data[0, 3:], data[1, 1] = 0, 0
    return Spec(w.randomise(w.Model(x, outs)), data)


@case("stacked_cells_states", h5="tfkeras")
def stacked_cells_states(w):
    L = w.L
    x, h, c, s = w.Input((4, 3), name="x"), w.Input((2,), name="h"), w.Input((2,), name="c"), w.Input((3,), name="s")

    def stack(name, **options):
        return L.StackedRNNCells([L.LSTMCell(2, dropout=0.2, name=name + "_lstm"), L.GRUCell(3, recurrent_dropout=0.3, name=name + "_gru")], name=name + "_stack", **options)
    outs = [*L.RNN(stack("a"), return_state=True, name="state")(x), L.RNN(stack("b"), return_sequences=True, go_backwards=True, name="backwards")(x)]
    if w.k2:
        outs += [L.RNN(stack("c"), name="initial")(x, initial_state=[[h, c], s])]
    else:
        outs += [L.Add(name="other_inputs")([L.Concatenate(name="joined")([h, c]), L.Concatenate(name="again")([h, c])]), s]
    return Spec(w.randomise(w.Model([x, h, c, s], outs)), [w.normal(3, 4, 3), w.normal(3, 2), w.normal(3, 2), w.normal(3, 3)])


@case("stateful_states", check64=False)
def stateful_states(w):
    """Stateful layers that give their states, and that are given some."""
    L = w.L
    x, h = w.Input(batch_shape=(2, 3, 4), name="x"), w.Input(batch_shape=(2, 3), name="h")
    outs = [*L.LSTM(3, stateful=True, return_state=True, name="lstm")(x), L.GRU(3, stateful=True, return_sequences=True, name="given")(x, initial_state=h),
            *L.RNN(L.SimpleRNNCell(2, name="cell"), stateful=True, return_state=True, go_backwards=True, name="rnn")(x),
            L.Bidirectional(L.GRU(2, stateful=True, return_sequences=True, name="inner"), name="both")(x)]
    calls = [[w.normal(2, 3, 4), w.normal(2, 3)] for _ in range(2)]
    return Spec(w.randomise(w.Model([x, h], outs)), [w.normal(2, 3, 4), w.normal(2, 3)], calls=calls)


@case("time_distributed_anything")
def time_distributed_anything(w):
    L = w.L
    x, v = w.Input((3, 6, 5, 2), name="x"), w.Input((3, 4, 2), name="v")
    inner = w.Sequential([w.Input((6, 5, 2)), L.Conv2D(2, 3, name="conv"), L.BatchNormalization(name="norm"), L.Flatten(name="flat"), L.Dense(3, name="dense")], name="inner")
    outs = [L.TimeDistributed(inner, name="model")(x), L.TimeDistributed(L.MaxPooling2D(2, name="pool"), name="pools")(x), L.TimeDistributed(L.LSTM(2, name="lstm"), name="sequences")(v),
            L.TimeDistributed(L.Bidirectional(L.GRU(2, return_sequences=True, name="gru"), name="both"), name="both_ways")(v), L.TimeDistributed(L.Flatten(name="flatten"), name="flattened")(x),
            L.TimeDistributed(L.TimeDistributed(L.Dense(2, name="dense_twice"), name="inside"), name="twice")(v)]
    return Spec(w.randomise(w.Model([x, v], outs)), [w.normal(2, 3, 6, 5, 2), w.normal(2, 3, 4, 2)])


@case("time_distributed_fixed_batch")
def time_distributed_fixed_batch(w):
    """Models and layers under a known batch size, with a mask."""
    L = w.L
    x = w.Input(batch_shape=(3, 5, 2), name="x")
    m = L.Masking(name="mask")(x)
    inner = w.Sequential([w.Input((2,)), L.Dense(3, activation="tanh", name="dense")], name="inner")
    outs = [L.TimeDistributed(inner, name="model")(m), L.TimeDistributed(L.Dense(2, name="plain"), name="layer")(m)]
    data = w.normal(3, 5, 2)
    data[0, :2], data[1, 2:4], data[2, 4] = 0, 0, 0
    return Spec(w.randomise(w.Model(x, outs)), data)
