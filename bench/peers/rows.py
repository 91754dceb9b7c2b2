"""The rows of the table: names, batch sizes, goals. Needs nothing but Python; models.py builds them."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One model at one batch size. `goals`: threads -> least ratio best peer / Thaw."""

    name: str
    title: str
    model: str  # function of models.py
    arguments: dict = field(default_factory=dict)
    goals: dict = field(default_factory=lambda: {1: 1.0, 2: 1.0})
    weights: str = "f32"  # how Thaw keeps the weights; the peers always keep float32

    @property
    def tolerance(self):
        """Greatest difference from Keras' own output, as a share of Keras' greatest output."""
        return 1e-4 if self.weights == "f32" else 2e-3


def _both(goal):
    return {1: goal, 2: goal}


def _lstm(units, batch=1, **more):
    return {"cell": "LSTM", "units": units, "batch": batch, **more}


ROWS = [
    Row("mlp_b1", "MLP 784-128-10, B=1", "mlp", {"batch": 1}, _both(1.3)),
    Row("mlp_b256", "MLP 784-128-10, B=256", "mlp", {"batch": 256}, _both(1.2)),
    Row("lstm64_b1", "LSTM(64), T=100, I=128, B=1", "recurrent", _lstm(64), _both(1.8)),
    Row("lstm128_b1", "LSTM(128), T=100, I=128, B=1", "recurrent", _lstm(128), {1: 1.5, 2: 2.0}),
    Row("lstm512_b1", "LSTM(512), T=100, I=128, B=1", "recurrent", _lstm(512), {1: 1.0, 2: 1.7}),
    Row("lstm512_f16_b1", "LSTM(512), B=1, Thaw with fp16 weights", "recurrent", _lstm(512), _both(4.0), "fp16"),
    Row("lstm1024_b1", "LSTM(1024), T=100, I=128, B=1", "recurrent", _lstm(1024), _both(1.0)),
    Row("lstm1024_f16_b1", "LSTM(1024), B=1, Thaw with fp16 weights", "recurrent", _lstm(1024), _both(2.0), "fp16"),
    Row("lstm128_b32", "LSTM(128), T=100, I=128, B=32", "recurrent", _lstm(128, 32), _both(1.3)),
    Row("gru128_b32", "GRU(128), T=100, I=128, B=32", "recurrent",
        {"cell": "GRU", "units": 128, "batch": 32}, _both(1.3)),
    Row("gru128_b1", "GRU(128), T=100, I=128, B=1", "recurrent",
        {"cell": "GRU", "units": 128, "batch": 1}, _both(3.0)),
    Row("gru128_reset_before_b1", "GRU(128, reset_after=False), B=1", "recurrent",
        {"cell": "GRU", "units": 128, "batch": 1, "reset_after": False}, _both(3.0)),
    Row("simplernn128_b1", "SimpleRNN(128), T=100, I=128, B=1", "recurrent",
        {"cell": "SimpleRNN", "units": 128, "batch": 1}, _both(3.0)),
    Row("lstm128_hard_sigmoid_b1", "LSTM(128, recurrent_activation=hard_sigmoid), B=1", "recurrent",
        _lstm(128, recurrent_activation="hard_sigmoid"), _both(3.0)),
    Row("lstm128_masked_b1", "Masking + LSTM(128), right-padded, B=1", "recurrent",
        _lstm(128, padding="right"), _both(3.0)),
    Row("lstm128_left_padded_b32", "Masking + LSTM(128), left-padded, B=32", "recurrent",
        _lstm(128, 32, padding="left"), _both(3.0)),
    Row("emb_bilstm_b1", "Embedding(100k,128) + BiLSTM(64) + Dense, B=1", "embedding_bilstm",
        {"batch": 1}, _both(1.5)),
    Row("emb_bilstm_b32", "Embedding(100k,128) + BiLSTM(64) + Dense, B=32", "embedding_bilstm",
        {"batch": 32}, _both(1.5)),
    Row("bilstm_stack_b1", "2 x BiLSTM(128, sequences) + Dense, T=100, B=1", "bilstm_stack",
        {"batch": 1}, _both(1.5)),
    Row("convlstm_b1", "2 x ConvLSTM2D(32, 3x3), 10 frames of 32x32x3, B=1", "convlstm", {"batch": 1}, _both(1.5)),
    Row("textcnn_b1", "TextCNN (3/4/5 x 100, 200 words), B=1", "textcnn", {"batch": 1}, _both(1.5)),
    Row("cnn_b1", "MNIST CNN (32, 64, Dense 10), B=1", "mnist_cnn", {"batch": 1}, _both(1.2)),
    Row("mobilenet96_b1", "MobileNetV2 96x96, B=1", "mobilenet", {"batch": 1}, _both(1.0)),
    Row("resnet18_b1", "ResNet-18, 224x224, B=1", "resnet18", {"batch": 1}, _both(1.0)),
    Row("unet_b1", "U-Net (16..256), 128x128, B=1", "unet", {"batch": 1}, _both(1.0)),
    Row("enc_small_b1", "Transformer, d=64, 2 layers, S=64, B=1", "small_transformer", {"batch": 1}, _both(1.5)),
    Row("enc_base_b1", "BERT-base encoder, S=128, B=1", "encoder",
        {"batch": 1, "length": 128, "width": 768, "heads": 12, "depth": 12}, _both(1.0)),
]

# A model of one multiplication: what a call of each peer costs at the least, its binding to Python included.
FLOOR = Row("floor", "Dense(1) of one number: the cost of a call", "floor", {"batch": 1})

# File -> first output in a fresh process, and the memory it then holds; in the order of the table.
LOAD_ROWS = ["mlp_b1", "lstm128_b1", "lstm512_b1", "emb_bilstm_b1", "mobilenet96_b1", "enc_base_b1"]
LOAD_GOALS = {"ort": 5.0, "tf": 100.0}
MEMORY_SLACK = 15 << 20  # Thaw: resident <= weights + arena + this
