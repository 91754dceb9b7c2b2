"""Writes tests/model/archives/: models of tests/golden packed in the ways people pack them, and damaged or hostile archives.

    python tests/model/make_archives.py

Needs nothing but Python. Times and owners are fixed, so that the same models give the same bytes.
"""
import gzip
import io
import os
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "archives")
GOLDEN = os.path.join(HERE, "..", "golden")
MODEL = os.path.join(GOLDEN, "tfkeras", "softmax_masked")
OLDER = os.path.join(GOLDEN, "keras3", "dense_2d")
GRAPH = os.path.join(GOLDEN, "tensorflow1", "arrays", "graph.pb")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(name, data):
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)


def tree(folder, prefix):
    """Names and contents below a folder, folders first, as [(name, bytes or None)]."""
    result = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        place = prefix + os.path.relpath(root, folder).replace(os.sep, "/") + "/"
        place = place.replace("/./", "/") if prefix else place.removeprefix("./")
        if place:
            result.append((place, None))
        result += [(place + name, read(os.path.join(root, name))) for name in sorted(files)]
    return result


def saved_model(prefix, model=MODEL):
    return tree(os.path.join(model, "saved_model"), prefix)


def tar(members, format=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, data in members:
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
                continue
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            info.size = len(data or b"")
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def packed(data):
    return gzip.compress(data, mtime=0)


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(data, str):  # a symbolic link to this place
                info.external_attr = 0o120777 << 16
                data = data.encode()
            archive.writestr(info, data or b"")
    return out.getvalue()


def link(name, target, type=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, target
    return (name, info)


def huge(name, size):
    """A header that claims a size, and nothing behind it."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def good():
    write("folder.tar", tar(saved_model("softmax_masked/")))
    write("folder.tar.gz", packed(tar(saved_model("softmax_masked/"), tarfile.PAX_FORMAT)))
    write("folder.zip", zipped(saved_model("some/where/softmax_masked/") +
                               [("__MACOSX/some/._softmax_masked", b"\0\5\x16\7")]))
    write("hub.tar.gz", packed(tar(saved_model("./"))))  # as tar -C folder -cz . packs, and TensorFlow Hub
    write("versions.tar.gz", packed(tar([("model/", None), ("model/notes.txt", b"")] + saved_model("model/2/", OLDER) +
                                        saved_model("model/9/", OLDER) + saved_model("model/0010/"))))
    write("two_models.zip", zipped(saved_model("a/") + saved_model("b/", OLDER)))
    keras = read(os.path.join(MODEL, "model.keras"))
    write("keras_inside.zip", zipped([("model.keras", keras), ("__MACOSX/._model.keras", b"\0\5\x16\7"),
                                      (".DS_Store", b"x")]))
    write("keras_inside.tar.gz", packed(tar([("download/", None), ("download/model.keras", keras)])))
    write("model.h5.gz", packed(read(os.path.join(MODEL, "model.h5"))))
    write("graph.pb.gz", packed(read(GRAPH)))
    parts = [(name, read(os.path.join(OLDER, name))) for name in ("model.json", "model.weights.h5")]
    write("architecture.zip", zipped(parts))
    write("tfjs.zip", zipped([("model.json", b'{"format": "layers-model", "modelTopology": {}, "weightsManifest": []}'), ("group1-shard1of1.bin", b"x")]))


def damaged():
    whole = packed(tar(saved_model("")))
    write("truncated.tar.gz", whole[:len(whole) // 2])
    write("wrong_crc.tar.gz", whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    write("truncated.tar", tar(saved_model(""))[:4096])
    archive = zipped(saved_model(""))
    write("truncated.zip", archive[:len(archive) // 2])
    at = archive.index(b"saved_model.pb") + len("saved_model.pb") + 100
    write("wrong_data.zip", archive[:at] + bytes([archive[at] ^ 4]) + archive[at + 1:])


def hostile():
    model = ("saved_model.pb", read(os.path.join(MODEL, "saved_model", "saved_model.pb")))
    write("parent.tar.gz", packed(tar([("../../evil", b"x"), model])))
    write("parent.zip", zipped([("../../evil", b"x"), model]))
    write("absolute.tar.gz", packed(tar([("/etc/evil", b"x"), model])))
    write("absolute.zip", zipped([("/etc/evil", b"x"), model]))
    write("link.tar.gz", packed(tar([link("variables", "/etc"), model])))
    write("hard_link.tar.gz", packed(tar([link("x", "/etc/passwd", tarfile.LNKTYPE), model])))
    write("device.tar.gz", packed(tar([link("x", "", tarfile.CHRTYPE), model])))
    write("link.zip", zipped([("variables", "/etc"), model]))
    write("huge.tar.gz", packed(huge("saved_model.pb", 1 << 40)))
    write("bomb.tar.gz", packed(tar([("saved_model.pb", bytes(8 << 20))])))
    write("bomb.zip", zipped([("saved_model.pb", bytes(8 << 20))]))
    nested = b"\n"
    for _ in range(6):
        nested = packed(nested)
    write("nested.gz", nested)


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    good()
    damaged()
    hostile()
