"""The models of gpu_models.py in PyTorch, with the same weights: model_of(torch, name, weights) and input_of(torch, name, x).

Keras keeps [inputs, outputs] where PyTorch has [outputs, inputs], channels last, and the gates of a GRU as update, reset,
new where PyTorch has reset, update, new; those of an LSTM stand in one order in both. PyTorch's second bias of an LSTM is
zero. A recurrent model gives its last state, as Thaw's does.
"""

import numpy as np

from gpu_models import FEATURES, ONLY_XLA, RECURRENT, WORDS

NAMES = [name for name in RECURRENT if name not in ONLY_XLA] + ["mlp", "bilstm", "cnn", "resnet50", "bert"]


def assign(torch, parameter, value):
    if tuple(parameter.shape) != value.shape:  # copy_ would repeat the smaller one
        raise ValueError(f"{value.shape} is no {tuple(parameter.shape)}")
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def assign_cell(torch, layer, suffix, weights):
    def gates(value):
        if layer.mode != "GRU":
            return value
        update, reset, new = np.split(value, 3, axis=-1)
        return np.concatenate((reset, update, new), axis=-1)

    kernel, recurrent, bias = (next(weights) for _ in range(3))
    biases = bias if layer.mode == "GRU" else (bias, np.zeros_like(bias))
    for name, value in (("weight_ih", kernel), ("weight_hh", recurrent), ("bias_ih", biases[0]), ("bias_hh", biases[1])):
        assign(torch, getattr(layer, f"{name}_{suffix}"), gates(value).T)


def assign_linear(torch, layer, weights):
    assign(torch, layer.weight, next(weights).reshape(layer.in_features, -1).T)
    assign(torch, layer.bias, next(weights).reshape(-1))


def assign_convolution(torch, layer, weights):
    assign(torch, layer.weight, next(weights).transpose(3, 2, 0, 1))
    if layer.bias is not None:
        assign(torch, layer.bias, next(weights))


def assign_norm(torch, layer, weights, names=("weight", "bias")):
    for name in names:
        assign(torch, getattr(layer, name), next(weights))


def last_state(torch, layer, first=None):
    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.layer = first, layer

        def forward(self, x):
            states = self.layer(x if self.first is None else self.first(x))[1]
            states = states[0] if isinstance(states, tuple) else states
            return states[-1] if not self.layer.bidirectional else torch.cat((states[-2], states[-1]), 1)

    return Last()


def recurrent(torch, name, weights):
    cell, units, _ = RECURRENT[name]
    layer = getattr(torch.nn, cell)(FEATURES, units, batch_first=True)
    assign_cell(torch, layer, "l0", weights)
    return last_state(torch, layer)


def bilstm(torch, weights):
    words = torch.nn.Embedding(WORDS, FEATURES)
    assign(torch, words.weight, next(weights))
    layer = torch.nn.LSTM(FEATURES, 128, 2, batch_first=True, bidirectional=True)
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        assign_cell(torch, layer, suffix, weights)
    return last_state(torch, layer, words)


def mlp(torch, weights):
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(-1))
    for layer in (model[0], model[2]):
        assign_linear(torch, layer, weights)
    return model


def cnn(torch, weights):
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(7 * 7 * 64, 10), nn.Softmax(-1))
    for layer in (model[0], model[3]):
        assign_convolution(torch, layer, weights)
    kernel = next(weights).reshape(7, 7, 64, 10).transpose(2, 0, 1, 3).reshape(-1, 10)  # flattened with channels first
    assign_linear(torch, model[7], iter((kernel, next(weights))))
    return model


def resnet50(torch, weights):
    import torchvision

    model = torchvision.models.resnet50()
    for layer in model.modules():  # in the order of their calls, a block's short cut last
        if isinstance(layer, torch.nn.Conv2d):
            assign_convolution(torch, layer, weights)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            assign_norm(torch, layer, weights, ("weight", "bias", "running_mean", "running_var"))
        elif isinstance(layer, torch.nn.Linear):
            assign_linear(torch, layer, weights)
    return torch.nn.Sequential(model, torch.nn.Softmax(-1)).to(memory_format=torch.channels_last)


def bert(torch, weights):
    width = 768
    layer = torch.nn.TransformerEncoderLayer(width, 12, 3072, 0.0, "gelu", layer_norm_eps=1e-12, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    for layer in model.layers:
        attention = layer.self_attn
        kernels, biases = zip(*((next(weights).reshape(width, width), next(weights).reshape(width)) for _ in range(3)))
        assign(torch, attention.in_proj_weight, np.concatenate(kernels, axis=1).T)
        assign(torch, attention.in_proj_bias, np.concatenate(biases))
        assign_linear(torch, attention.out_proj, weights)
        assign_norm(torch, layer.norm1, weights)
        assign_linear(torch, layer.linear1, weights)
        assign_linear(torch, layer.linear2, weights)
        assign_norm(torch, layer.norm2, weights)
    return model.bfloat16()


MODELS = {"bilstm": bilstm, "mlp": mlp, "cnn": cnn, "resnet50": resnet50, "bert": bert}


def model_of(torch, name, weights):
    weights = iter(weights)
    model = MODELS[name](torch, weights) if name in MODELS else recurrent(torch, name, weights)
    if next(weights, None) is not None:
        raise ValueError("weights are left over")
    return model.eval()


def input_of(torch, name, x):
    """On the host; images as they lie in memory, channels last."""
    x = torch.from_numpy(x)
    return x.permute(0, 3, 1, 2) if x.dim() == 4 else x.bfloat16() if name == "bert" else x
