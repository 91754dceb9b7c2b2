#!/usr/bin/env python3
"""Writes the small files that the tests of the byte readers read, with h5py, numpy, Keras and TensorFlow.

    python make_files.py            # into files/ beside this script

Values are simple functions of the element's index, so that the tests can state them.
"""
import io
import os
import pathlib
import struct
import zipfile
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import numpy as np

OUT = pathlib.Path(__file__).parent / "files"
TEXT = '{"class_name": "Sequential", "name": "m\u00fcller"}'


def ramp(shape, dtype):
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def fill(f):
    """The same tree in every version of the file format."""
    f.attrs["model_config"] = TEXT
    f.attrs["fixed"] = np.bytes_(b"fixed text")
    f.attrs["keras_version"] = "2.15.0"
    f.attrs["number"] = 3.5
    f.attrs["one"] = np.array([b"only"])
    f.attrs["empty_text"] = ""
    f.attrs.create("ascii", "plain", dtype=h5py.string_dtype("ascii"))
    g = f.create_group("model_weights")
    g.attrs["layer_names"] = np.array([b"dense_1", b"d2"])
    g.attrs["vlen_names"] = np.array(["dense_1", "d\u00fc"], dtype=object)
    g.attrs["weight_names"] = []
    for part, names in enumerate(([b"a", b"bb"], [b"ccc"])):
        g.attrs[f"split_names{part}"] = np.array(names)
    d = g.create_group("dense_1/dense_1")
    d["kernel:0"] = ramp((3, 4), "<f4")
    d["bias:0"] = ramp((4,), "<f4")
    t = f.create_group("types")
    for name in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]:
        t["little_" + name] = ramp((2, 3), "<" + name)
        t["big_" + name] = ramp((2, 3), ">" + name)
    t["bool"] = np.array([True, False, True])
    t["scalar"] = np.float32(7)
    t["empty"] = np.zeros((0, 5), "f4")
    t["fixed_strings"] = np.array([b"one", b"three", b""])
    t.create_dataset("strings", data=["one", "dr\u00fcben", ""], dtype=h5py.string_dtype())
    t["opaque"] = np.array([0x3F80, 0xC000], "<u2").view("V2")
    t["bfloat_uint"] = np.array([0x3F80, 0xC000], "<u2")
    t["bfloat_uint"].attrs["dtype"] = "bfloat16"
    t["compound"] = np.zeros(2, [("r", "f4"), ("i", "f4")])
    t["other_opaque"] = np.zeros(2, "V3")


def h5_files():
    for name, libver in (("old", None), ("latest", ("latest", "latest")), ("v108", ("v108", "v108"))):
        with h5py.File(OUT / f"{name}.h5", "w", libver=libver) as f:
            fill(f)
    with h5py.File(OUT / "user_block.h5", "w", userblock_size=1024) as f:
        f["x"] = ramp((3,), "<f4")
    for name, libver in (("chunks_old", None), ("chunks_latest", ("latest", "latest"))):
        with h5py.File(OUT / f"{name}.h5", "w", libver=libver) as f:
            chunks(f)
    with h5py.File(OUT / "many.h5", "w", libver="latest") as f:  # dense links and attributes
        g = f.create_group("g")
        for i in range(300):
            g[f"dataset_{i:03}"] = np.float32(i)
        for i in range(40):
            g.attrs[f"attribute_{i:02}"] = f"value {i}"
        g.attrs["long"] = np.array([b"x" * 1000 + b"%03d" % i for i in range(100)])
    with h5py.File(OUT / "many_old.h5", "w") as f:
        for i in range(300):
            f[f"dataset_{i:03}"] = np.float32(i)
    refused()


def chunks(f):
    data = ramp((10, 7), "<f4")
    f.create_dataset("plain", data=data, chunks=(4, 3))
    f.create_dataset("gzip", data=data, chunks=(4, 3), compression="gzip")
    f.create_dataset("all", data=data, chunks=(4, 3), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("shuffle", data=ramp((10, 7), ">f8"), chunks=(4, 3), shuffle=True)
    f.create_dataset("fletcher", data=ramp((11,), "u1"), chunks=(5,), fletcher32=True)
    f.create_dataset("single", data=data, chunks=(10, 7), compression="gzip")
    f.create_dataset("single_plain", data=data, chunks=(10, 7))
    f.create_dataset("extensible", data=ramp((700,), "<i4"), chunks=(1,), maxshape=(None,))
    f.create_dataset("extensible_gzip", data=ramp((3, 500), "<i4"), chunks=(2, 3), maxshape=(3, None),
                     compression="gzip")
    f.create_dataset("two_unlimited", data=data, chunks=(3, 2), maxshape=(None, None))
    f.create_dataset("two_unlimited_gzip", data=data, chunks=(3, 2), maxshape=(None, None), compression="gzip")
    f.create_dataset("larger_max", data=data, chunks=(4, 3), maxshape=(30, 20))
    f.create_dataset("paged", data=ramp((2500,), "<i2"), chunks=(1,))
    f.create_dataset("empty", shape=(0, 4), dtype="f4", chunks=(2, 2), maxshape=(None, 4))
    space = h5py.h5s.create_simple((10, 7))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((4, 3))
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early = h5py.h5d.create(f.id, b"early", h5py.h5t.IEEE_F32LE, space, plist)
    early.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    f.create_dataset("unwritten", shape=(10, 7), dtype="f4", chunks=(4, 3))
    f.create_dataset("lzf", data=data, chunks=(4, 3), compression="lzf")
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", h5py.h5t.IEEE_F32LE, space, compact).write(
        h5py.h5s.ALL, h5py.h5s.ALL, data)


def refused():
    with h5py.File(OUT / "links.h5", "w") as f:
        f["x"] = ramp((3,), "<f4")
        f["soft/link"] = h5py.SoftLink("/x")
        f["external/link"] = h5py.ExternalLink("/etc/passwd", "/x")
        f["deep/er/link"] = h5py.SoftLink("/deep")
        f["hard/group/x"] = ramp((2,), "<f4")
        f["hard/alias"] = f["hard/group"]
        f["cycle/self"] = f.create_group("cycle/inner")
        f["cycle/inner/up"] = f["cycle"]
    with h5py.File(OUT / "links_latest.h5", "w", libver="latest") as f:
        f["x"] = ramp((3,), "<f4")
        f["soft/link"] = h5py.SoftLink("/x")
        f["external/link"] = h5py.ExternalLink("/etc/passwd", "/x")
        for i in range(20):
            f[f"dense/link_{i}"] = h5py.SoftLink("/x")
    with h5py.File(OUT / "storage.h5", "w") as f:
        f.create_dataset("external", (8,), "u1", external=[("/etc/passwd", 0, 8)])
        f["typed"] = np.dtype("f4")
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
        f.create_virtual_dataset("virtual", layout)
        f.create_dataset("unwritten", (4,), "f4")
        f.create_dataset("bomb", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")
        f.create_dataset("contiguous_bomb", (1 << 30,), "f4")
        h5py.h5d.create(f.id, b"committed", h5py.h5t.open(f.id, b"typed"), h5py.h5s.create_simple((2,)))


def npy_files():
    a = ramp((2, 3, 4), "<f4")
    arrays = {
        "c_order": a,
        "fortran": np.asfortranarray(a),
        "big": a.astype(">f4"),
        "half": a.astype("<f2"),
        "double": a.astype("f8"),
        "bool": np.array([[True, False], [False, True]]),
        "bytes": np.array([b"one", b"three", b""]),
        "unicode": np.array(["one", "dr\u00fcben \U0001f600", ""]),
        "unicode_big": np.array(["z\u00fc"], ">U3"),
        "bytes_fortran": np.asfortranarray(np.array([[b"a", b"b", b"c"], [b"d", b"e", b"f"]])),
        "complex": np.array([1 + 2j, -3j], "c8"),
        "complex_big": np.array([1 + 2j, -3j], ">c16"),
        "scalar": np.float32(7),
        "empty": np.zeros((3, 0), "i8"),
        "i1": ramp((3,), "i1"), "u8": ramp((3,), "u8"), "i2_big": ramp((3,), ">i2"),
        "bfloat": np.array([0x3F80, 0xC000], "<u2").view("V2"),
    }
    np.savez(OUT / "arrays.npz", **arrays)
    np.savez_compressed(OUT / "arrays_deflated.npz", **arrays)
    np.save(OUT / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(OUT / "record.npy", np.zeros(2, [("a", "f4"), ("b", "i4")]))
    for version in ((2, 0), (3, 0)):
        with open(OUT / f"version{version[0]}.npy", "wb") as f:
            np.lib.format.write_array(f, a, version=version)


def zip_files():
    stored = ("hello.txt", b"hello world"), ("dir/second.txt", b"second")
    with zipfile.ZipFile(OUT / "plain.zip", "w") as z:
        z.writestr("dir/", b"")
        for name, data in stored:
            z.writestr(name, data)
        z.writestr("deflated.txt", b"a" * 5000, zipfile.ZIP_DEFLATED)

    class Stream(io.RawIOBase):  # not seekable: sizes follow the data
        def __init__(self, path):
            self.file = open(path, "wb")

        def writable(self):
            return True

        def write(self, data):
            return self.file.write(data)

    stream = Stream(OUT / "stream.zip")
    with zipfile.ZipFile(stream, "w") as z:
        for name, data in stored:
            z.writestr(name, data)
        with z.open("wide.txt", "w", force_zip64=True) as f:
            f.write(b"zip64 descriptor")
    stream.file.close()
    with zipfile.ZipFile(OUT / "bzip2.zip", "w") as z:
        z.writestr("a.txt", b"a" * 100, zipfile.ZIP_BZIP2)
    bomb = b"\0" * (1 << 20)
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    with zipfile.ZipFile(OUT / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        z.writestr("zeros", bomb)
    del body


def keras_files():
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2, dtype="bfloat16", name="d")])
    model.layers[0].set_weights([ramp((3, 2), "f4"), np.array([0.5, -2.0], "f4")])
    model.save_weights(OUT / "bfloat16.weights.h5")


def bundle_files():
    import tensorflow as tf

    folder = OUT / "bundle"
    folder.mkdir(exist_ok=True)
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        names, values = zip(*{
            "float": ramp((3, 4), "f4"), "scalar": np.float64(7), "int64": ramp((5,), "i8"),
            "bool": np.array([True, False]), "half": ramp((4,), "f2"), "empty": np.zeros((0, 2), "f4"),
            "complex": np.array([1 + 2j], "c8"), "int8": ramp((3,), "i1"), "uint16": ramp((3,), "u2"),
            "strings": np.array([[b"one"], [b""], [b"x" * 300]], object),
            "no_strings": np.array([], object),
        }.items())
        tensors = [tf.constant(v, tf.string if v.dtype == object else None, shape=v.shape)
                   if isinstance(v, np.ndarray) else tf.constant(v) for v in values]
        names += ("bfloat",)
        tensors.append(tf.cast(tf.constant([1.0, -2.0]), tf.bfloat16))
        session.run(v1.raw_ops.SaveV2(prefix=str(folder / "all"), tensor_names=list(names),
                                      shape_and_slices=[""] * len(names), tensors=tensors))
        # Two shards, with slices of one variable in both.
        for shard, (begin, rows) in enumerate(((0, 2), (2, 3))):
            session.run(v1.raw_ops.SaveV2(
                prefix=str(folder / f"part{shard}"), tensor_names=["sliced", f"whole{shard}"],
                shape_and_slices=[f"5 100 {begin},{rows}:0,100", ""],
                tensors=[tf.constant(ramp((5, 100), "f4")[begin:begin + rows]), tf.constant([shard])]))
        session.run(v1.raw_ops.MergeV2Checkpoints(
            checkpoint_prefixes=[str(folder / f"part{i}") for i in range(2)],
            destination_prefix=str(folder / "sharded"), delete_old_dirs=False))


def masked_crc(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def big_endian_bundle():
    """A bundle as a big-endian machine writes it: the index is the same, the elements are swapped."""
    data = np.arange(3).astype(">f4").tobytes() + np.arange(2).astype(">i2").tobytes()
    shape = lambda n: b"\x12\x04\x12\x02\x08" + bytes([n])
    header = b"\x08\x01\x10\x01\x1a\x02\x08\x01"
    entry = lambda dtype, n, at, part: (
        b"\x08" + bytes([dtype]) + shape(n) + (b"\x20" + bytes([at]) if at else b"") + b"\x28" +
        bytes([len(part)]) + b"\x35" + struct.pack("<I", masked_crc(part)))
    rows = [(b"", header), (b"f", entry(1, 3, 0, data[:12])), (b"i", entry(5, 2, 12, data[12:]))]

    def block(entries):
        body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
        starts, at = [], 0
        for k, v in entries:
            starts.append(at)
            at += len(varint(0) + varint(len(k)) + varint(len(v)) + k + v)
        body += b"".join(struct.pack("<I", s) for s in (starts or [0])) + struct.pack("<I", len(starts) or 1)
        return body + b"\0" + struct.pack("<I", masked_crc(body + b"\0"))

    first, meta = block(rows), block([])
    index = block([(b"j", varint(0) + varint(len(first) - 5))])
    handles = varint(len(first)) + varint(len(meta) - 5)
    handles += varint(len(first) + len(meta)) + varint(len(index) - 5)
    footer = handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    (OUT / "bundle" / "big.index").write_bytes(first + meta + index + footer)
    (OUT / "bundle" / "big.data-00000-of-00001").write_bytes(data)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    h5_files()
    npy_files()
    zip_files()
    bundle_files()
    big_endian_bundle()
    keras_files()
