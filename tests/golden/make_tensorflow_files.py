"""Writes tests/golden/tensorflow_files/<case>/: one small model each in the forms that SavedModels and graphs come in.

    python tests/golden/make_tensorflow_files.py [--only pattern] [--out folder]

Text and binary files, tables that an initialiser fills from an asset, modules without tags and version, no variables at all,
index blocks compressed with Snappy, and functions: nested, with captured variables and tables, with attributes that the call
fills in, and with others that nothing calls. Answers are those of TensorFlow.
"""
import json
import os
import shutil
import struct

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from case_folders import write_cases
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
CASES = []


def case(fn):
    CASES.append(fn)
    return fn


def finish(folder, inputs, outputs, forms, note):
    names = list(inputs), list(outputs)
    data = dict(writer="TensorFlow " + tf.__version__, inputs=names[0], outputs=names[1], rtol=1e-5, atol=1e-5, expect="match",
                oracle="TensorFlow " + tf.__version__, note=note, forms=forms)
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **inputs)
    np.savez_compressed(os.path.join(folder, "expected.npz"), **outputs)
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")


def form(model, inputs, outputs, signature="serving_default"):
    return dict(kind="savedmodel", model=model, signature=signature, inputs=list(inputs), outputs=list(outputs))


def read_model(folder):
    model = saved_model_pb2.SavedModel()
    with open(os.path.join(folder, "saved_model.pb"), "rb") as f:
        model.ParseFromString(f.read())
    return model


def write_model(folder, model, text=False):
    name = os.path.join(folder, "saved_model.pb")
    if text:
        os.remove(name)
        with open(name + "txt", "w") as f:
            f.write(text_format.MessageToString(model))
    else:
        with open(name, "wb") as f:
            f.write(model.SerializeToString(deterministic=True))


# ---- sstables, for the index of a checkpoint ----

CRC = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    CRC.append(byte)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def entries(block):
    end, at, key = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0], 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        fresh, at = read_varint(block, at)
        size, at = read_varint(block, at)
        key = key[:shared] + block[at:at + fresh]
        yield key, block[at + fresh:at + fresh + size]
        at += fresh + size


def snappy(data):
    """Literals and copies of what the last 60000 bytes hold."""
    out, seen, at, start = bytearray(varint(len(data))), {}, 0, 0

    def literal(piece):
        while piece:
            part, piece = piece[:60], piece[60:]
            out.append(len(part) - 1 << 2)
            out.extend(part)
    while at + 4 <= len(data):
        where = seen.get(data[at:at + 4])
        seen[data[at:at + 4]] = at
        if where is None or at - where > 60000:
            at += 1
            continue
        size = 4
        while size < 64 and at + size < len(data) and data[where + size] == data[at + size]:
            size += 1
        literal(data[start:at])
        out.append(size - 1 << 2 | 2)
        out.extend(struct.pack("<H", at - where))
        at += size
        start = at
    literal(data[start:])
    return bytes(out)


def block_of(items, interval):
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(items):
        shared = 0 if i % interval == 0 else len(os.path.commonprefix([last, key]))
        if i % interval == 0:
            restarts.append(len(out))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return bytes(out) + b"".join(struct.pack("<I", r) for r in restarts or [0]) + struct.pack("<I", max(1, len(restarts)))


def compress_index(path):
    with open(path, "rb") as f:
        data = f.read()
    _, at = read_varint(data[-48:], 0)
    _, at = read_varint(data[-48:], at)
    start, at = read_varint(data[-48:], at)
    size, at = read_varint(data[-48:], at)
    items = []
    for _, handle in entries(data[start:start + size]):
        offset, next_at = read_varint(handle, 0)
        length, _ = read_varint(handle, next_at)
        items += entries(data[offset:offset + length])
    out = bytearray()

    def add(block):
        packed = snappy(block)
        handle = varint(len(out)) + varint(len(packed))
        out.extend(packed + b"\x01" + struct.pack("<I", masked_crc(packed + b"\x01")))
        return handle
    half = len(items) // 2
    index = [(part[-1][0], add(block_of(part, 16))) for part in (items[:half], items[half:])]
    footer = add(block_of([], 16)) + add(block_of(index, 1))
    out += footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    with open(path, "wb") as f:
        f.write(out)


# ---- cases ----


def tables_graph():
    """A table from a file and a variable that no checkpoint holds, both made by the legacy_init_op."""
    words = "words.txt"  # the graph keeps the path as it is given
    with open(words, "w") as f:
        f.write("red\ngreen\nblue\n")
    v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, tf.constant(words, name="words"))
    table = tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(
        v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS)[0], tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER), num_oov_buckets=2)
    x = v1.placeholder(tf.string, [None], name="x")
    w = v1.get_variable("w", initializer=tf.constant(np.linspace(-1, 1, 10).reshape(5, 2).astype("float32")), use_resource=False)
    late = v1.get_variable("late", initializer=tf.constant([1.0, 1.0]), collections=["late"], use_resource=False)
    init = tf.group(v1.tables_initializer(), v1.assign(late, [10.0, 20.0]), name="init_all")
    y = tf.gather(w, table.lookup(x)) * late
    return x, y, init


@case
def legacy_init_op(folder):
    x_value = np.array([b"blue", b"red", b"", b"mauve"], dtype=object)
    home, folder = os.getcwd(), os.path.abspath(folder)
    os.chdir(folder)
    for name, text in (("binary", False), ("text", True)):
        with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
            x, y, init = tables_graph()
            session.run([v1.global_variables_initializer(), init])
            expected = session.run(y, {x: x_value})
            builder = v1.saved_model.builder.SavedModelBuilder(os.path.join(folder, name))
            signature = v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": y})
            builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, legacy_init_op=init,
                                                 assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
                                                 strip_default_attrs=True, saver=v1.train.Saver([v1.global_variables()[0]]))
            builder.save(as_text=text)
    os.remove("words.txt")
    os.chdir(home)
    finish(folder, dict(x=x_value.astype("S5")), dict(y=expected), [form(n, ["x"], ["y"]) for n in ("binary", "text")],
           "a legacy_init_op that fills a table from an asset and assigns a variable; binary and text")


@case
def hub_module(folder):
    path = os.path.join(folder, "module")
    x_value = np.random.default_rng(3).standard_normal((3, 4)).astype("float32")
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        w = v1.get_variable("dense/kernel", [4, 3], initializer=v1.random_normal_initializer(seed=1), use_resource=False)
        y = tf.nn.relu(tf.matmul(x, w))
        session.run(v1.global_variables_initializer())
        expected = session.run(y, {x: x_value})
        v1.saved_model.simple_save(session, path, {"x": x}, {"y": y})
    model = read_model(path)
    model.saved_model_schema_version = 0
    meta = model.meta_graphs[0]
    del meta.meta_info_def.tags[:]
    meta.ClearField("saver_def")
    meta.signature_def["default"].CopyFrom(meta.signature_def.pop("serving_default"))
    kept = [n for n in meta.graph_def.node if not n.name.startswith("save/")]
    del meta.graph_def.node[:]
    meta.graph_def.node.extend(kept)
    write_model(path, model)
    with open(os.path.join(path, "tfhub_module.pb"), "wb") as f:
        f.write(b"\x08\x03")
    finish(folder, dict(x=x_value), dict(y=expected), [form("module", ["x"], ["y"], "default")],
           "as a module of TensorFlow Hub, version 1: no schema version, no tags, no saver; variables by name")


class Nested(tf.Module):
    """Functions within functions that capture a variable and a table; and one that nothing needs."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(np.random.default_rng(4).standard_normal((3, 2)).astype("float32"))
        self.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([3, 5], [1.5, -2.5], tf.int32, tf.float32), 0.25)

    @tf.function
    def inner(self, x):
        return tf.matmul(x, self.w)

    @tf.function
    def outer(self, x):
        return self.inner(x) + self.inner(tf.abs(x))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x"), tf.TensorSpec([], tf.int32, name="k")])
    def serve(self, x, k):
        return dict(y=self.outer(x) * self.table.lookup(k))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    def unused(self, x):
        return tf.numpy_function(lambda a: a, [x], tf.float32)


@case
def functions(folder):
    module, inputs = Nested(), dict(x=np.random.default_rng(5).standard_normal((4, 3)).astype("float32"), k=np.int32(5))
    expected = module.serve(**inputs)["y"].numpy()
    for name in ("nested", "compressed", "text"):
        tf.saved_model.save(module, os.path.join(folder, name), signatures=module.serve)
        shutil.rmtree(os.path.join(folder, name, "assets"), ignore_errors=True)
    compress_index(os.path.join(folder, "compressed", "variables", "variables.index"))
    # The type of `inner` becomes an attribute that its callers fill in.
    model = read_model(os.path.join(folder, "text"))
    library = model.meta_graphs[0].graph_def.library
    inner = [f for f in library.function if "inner" in f.signature.name]
    for function in inner:
        function.signature.attr.add(name="Type", type="type")
        for node in function.node_def:
            if node.op == "MatMul":
                node.attr["T"].placeholder = "Type"
    names = {f.signature.name for f in inner}
    for function in library.function:
        for node in function.node_def:
            if "f" in node.attr and node.attr["f"].func.name in names:
                node.attr["f"].func.attr["Type"].type = tf.float32.as_datatype_enum
    model.meta_graphs[0].meta_info_def.ClearField("stripped_op_list")  # they make a small text large
    for node in [n for f in library.function for n in f.node_def] + list(model.meta_graphs[0].graph_def.node):
        for hint in ("config_proto", "executor_type", "_output_shapes"):
            node.attr.pop(hint, None)
    write_model(os.path.join(folder, "text"), model, text=True)
    finish(folder, inputs, dict(y=expected), [form(n, ["x", "k"], ["y"]) for n in ("nested", "compressed", "text")],
           "nested functions with captured variables and tables, a Python function that no signature reaches; an index of Snappy "
           "blocks; as text with an attribute that the calls fill in")


@case
def no_variables(folder):
    module = tf.Module()
    module.serve = tf.function(lambda x: dict(y=tf.sqrt(x) + 1.0), input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    path = os.path.join(folder, "saved_model")
    tf.saved_model.save(module, path, signatures=module.serve)
    for name in ("variables", "assets"):
        shutil.rmtree(os.path.join(path, name), ignore_errors=True)
    x_value = np.array([1, 4, 2], "float32")
    finish(folder, dict(x=x_value), dict(y=np.sqrt(x_value) + 1), [form("saved_model", ["x"], ["y"])],
           "a SavedModel without the folder of its variables")


@case
def text_graphs(folder):
    x_value = np.random.default_rng(6).standard_normal((2, 4)).astype("float32")
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, [None, 4], name="x")
        w = v1.get_variable("w", [4, 2], initializer=v1.random_normal_initializer(seed=2), use_resource=False)
        y = tf.identity(tf.tanh(tf.matmul(x, w)), name="y")
        session.run(v1.global_variables_initializer())
        expected = session.run(y, {x: x_value})
        saver = v1.train.Saver()
        saver.save(session, os.path.join(folder, "model.ckpt"), write_meta_graph=False)
        os.remove(os.path.join(folder, "checkpoint"))
        v1.train.export_meta_graph(os.path.join(folder, "model.ckpt.meta"), as_text=True, strip_default_attrs=True)
        frozen = v1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), ["y"])
    with open(os.path.join(folder, "graph.pbtxt"), "w") as f:
        f.write(text_format.MessageToString(frozen))
    names = dict(inputs=["x:0"], outputs=["y:0"])
    finish(folder, dict(x=x_value), dict(y=expected),
           [dict(kind="graphdef", model="graph.pbtxt", **names), dict(kind="checkpoint_meta", model="model.ckpt.meta", **names)],
           "a frozen graph and a MetaGraph as text")


def main():
    write_cases(__doc__, "tensorflow_files", {fn.__name__: fn for fn in CASES})


if __name__ == "__main__":
    main()
