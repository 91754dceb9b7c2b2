"""Writes tests/golden/op_types/<case>/: every op over every element type that TensorFlow's CPU kernels take, over NaN, infinities,
the ends of integers and empty tensors, as frozen graphs (gzip) with TensorFlow's answers.

    python tests/golden/make_op_types.py [--only pattern...] [--map file]

A graph holds a family of ops (op_types_*.py). Its few operands are fed as float64, int64 and complex128 and cast to each type, and all results are
joined to one vector of real numbers, one of integers and one of texts. The half types stand in graphs of their own (`_half`), where
two steps of bfloat16 count as equal. Types without a kernel are found by asking TensorFlow. --map writes which op stands where.
"""
import argparse
import fnmatch
import gzip
import json
import os
import shutil

# oneDNN's kernels round half types in their own ways.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

from make_graph_ops import INTEGERS, R, finish, g, np, shrink, stored, tf
from tensorflow.python.framework import kernels, op_def_registry

import op_types_arrays
import op_types_math
import op_types_nn
import op_types_sparse

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = [tf.as_dtype(name) for name in "float32 float64 complex64 complex128 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool string float16 bfloat16".split()]
HALVES = (tf.float16, tf.bfloat16)


def kernel_types(op, attr):
    """Types that a CPU kernel of the op is registered for; all of them where kernels do not say."""
    found = set()
    for kernel in kernels.get_registered_kernels_for_op(op).kernel:
        if kernel.device_type not in ("CPU", "DEFAULT"):
            continue
        rows = [c for c in kernel.constraint if c.name == attr]
        found |= {tf.as_dtype(t) for c in rows for t in c.allowed_values.list.type} if rows else set(TYPES)
    allowed = [a.allowed_values.list.type for a in op_def_registry.get(op).attr if a.name == attr]
    if allowed and allowed[0]:
        found &= {tf.as_dtype(t) for t in allowed[0]}
    return [t for t in TYPES if t in found]


class Op:
    """A raw op; `of` gives it its only operand."""

    def __init__(self, name):
        self.name, self.call = name, getattr(R, name)

    def __call__(self, **operands):
        return self.call(**operands)

    def of(self, x):
        return self.call(**{op_def_registry.get(self.name).input_arg[0].name: x})


class Family:
    """One graph: operands by name, results with the op and type that they are of."""

    def __init__(self, halves, placeholders, skipped):
        self.halves, self.placeholders, self.skipped = halves, placeholders, skipped
        self.casts, self.results = {}, []

    def types(self, op, attr="T", but=()):
        names = [t for t in kernel_types(op, attr) if (t in HALVES) == self.halves]
        return [t for t in names if t.name not in but]

    def operand(self, name, dtype):
        """The operand `name` (one array for real types, one for integers, one for complex numbers), as this type."""
        dtype = tf.as_dtype(dtype)
        kind = "c" if dtype.is_complex else "f" if dtype.is_floating else "i"
        key = (name, dtype)
        if key not in self.casts:
            x = self.placeholders[name + "_" + kind]
            self.casts[key] = tf.strings.as_string(x) if dtype == tf.string else tf.cast(x, dtype)
        return self.casts[key]

    def each(self, ops, make, attr="T", but=()):
        """make(op function, operand by name, type) for every op and every type of its kernels."""
        for op in ops.split():
            for dtype in self.types(op, attr, but):
                self.add("%s %s" % (op, dtype.name), lambda: make(Op(op), lambda name: self.operand(name, dtype), dtype))

    def once(self, label, make):
        """For ops without types: in the graph of the wide types."""
        if not self.halves:
            self.add(label, make)

    def add(self, label, make):
        place = self.tried = getattr(self, "tried", -1) + 1
        if place in self.skipped:
            return
        try:
            ys = make()
        except (tf.errors.OpError, TypeError, ValueError) as e:
            if not tf.executing_eagerly():
                raise
            self.skipped.add(place)
            print("    TensorFlow does not run %s: %s" % (label, g.one_line(e)[:150]))
            return
        for y in tf.nest.flatten(ys, expand_composites=True):
            y = tf.bitcast(y, INTEGERS[y.dtype]) if y.dtype in INTEGERS else y
            self.results.append((label, y))

    def joined(self):
        """Vectors, and what stands in each: (label, first place)."""
        by_type = {}
        for label, y in self.results:
            by_type.setdefault(y.dtype, []).append((label, tf.reshape(y, [-1])))
        kinds = {}
        for dtype, group in by_type.items():
            vector = tf.concat([y for _, y in group], 0) if len(group) > 1 else group[0][1]
            labels = [(label, y) for label, y in group]
            if dtype.is_complex:
                vector, dtype = tf.concat([tf.math.real(vector), tf.math.imag(vector)], 0), dtype.real_dtype
                labels = labels * 2
            kind = "s" if dtype == tf.string else "f" if dtype.is_floating else "i"
            vector = vector if kind == "s" else tf.cast(vector, tf.float64 if kind == "f" else tf.int64)
            kinds.setdefault(kind, []).append((vector, labels))
        return [(tf.concat([v for v, _ in parts], 0), [one for _, labels in parts for one in labels]) for _, parts in sorted(kinds.items())]


def write(name, module, fn, halves, map_file):
    full = name + ("_half" if halves else "")
    operands = getattr(module, "OPERANDS")
    folder = os.path.join(HERE, "op_types", full)
    sizes, skipped = [], set()
    fn(Family(halves, {key: tf.constant(x) for key, x in operands.items()}, skipped))

    def build(*xs):
        family = Family(halves, dict(zip(operands, xs)), skipped)
        fn(family)
        out = []
        for vector, labels in family.joined():
            out.append(vector)
            sizes.append([(label, tf.size(y)) for label, y in labels])
        return out, [tf.stack([s for _, s in one]) for one in sizes]

    known = getattr(fn, "known_shapes", False)
    specs = [tf.TensorSpec(x.shape if known else [None] * x.ndim, x.dtype) for x in operands.values()]
    concrete = tf.function(build, autograph=False).get_concrete_function(*specs)
    answers, counts = concrete(*[tf.constant(x) for x in operands.values()])
    if not answers:
        return
    if map_file:
        with open(os.path.join(map_file, full + ".json"), "w") as f:
            json.dump([[(label, int(n)) for (label, _), n in zip(one, count.numpy())] for one, count in zip(sizes, counts)], f)
    outs = concrete.outputs[:len(answers)]
    graph, names = shrink(concrete.graph.as_graph_def(), [t.name for t in list(concrete.inputs) + list(outs)])
    for function in graph.library.function:
        function.ClearField("arg_attr")
        for node in function.node_def:
            node.ClearField("experimental_debug_info")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    tolerance = getattr(fn, "half_tolerance", (8e-3, 1e-3)) if halves else getattr(fn, "tolerance", (1e-5, 1e-6))
    save_graph(folder, full, graph, names, operands, [y.numpy() for y in answers], tolerance)


def save_graph(folder, name, graph, names, operands, answers, tolerance):
    """The first names are those of the operands; what no op of the graph needs is not fed."""
    alive = {x.lstrip("^").split(":")[0] for node in graph.node for x in node.input}
    fed = [(n, x) for n, x in zip(names, operands.values()) if n.split(":")[0] in alive]
    dead = {n.split(":")[0] for n in names[:len(operands)]} - alive
    kept = [n for n in graph.node if n.name not in dead]
    del graph.node[:]
    graph.node.extend(kept)
    with open(os.path.join(folder, "graph.pb.gz"), "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0) as z:
        z.write(graph.SerializeToString())
    finish(folder, name, *tolerance, [x for _, x in fed], [n for n, _ in fed], [stored(y) for y in answers], names[len(operands):], "graphdef", "graph.pb.gz")


STATE = {"x_f": np.array([[1.5, -2], [0, 4], [3, 0.25]]), "x_i": np.array([[5, 2], [0, 4], [3, 1]]), "u_f": np.array([[2.0, 1], [0.5, 3]]), "u_i": np.array([[2, 1], [1, 3]])}
STATE.update({key[0] + "_c": STATE[key] + 0.5j * STATE[key][::-1] for key in ("x_f", "u_f")})
INDEX = (tf.int32, tf.int64)


def ref_ops(f):
    """Updates of variables of TensorFlow 1, each of a temporary one."""
    count = [0]

    def updated(t, update):
        name = "t%d" % count[0]
        count[0] += 1
        ref = R.Assign(ref=R.TemporaryVariable(shape=[3, 2], dtype=t, var_name=name), value=tf.ensure_shape(f.operand("x", t), [3, 2]))
        return R.DestroyTemporaryVariable(ref=update(ref), var_name=name)

    for name in "Add Sub Mul Div Max Min Update".split():
        f.each("Scatter" + name, lambda op, x, t: [updated(t, lambda ref: op(ref=ref, indices=tf.constant([2, 0], i), updates=x("u"))) for i in INDEX], but=("string",))
    for name in "Add Sub Max Min Update".split():
        f.each("ScatterNd" + name, lambda op, x, t: [updated(t, lambda ref: op(ref=ref, indices=tf.constant([[2], [0]], i), updates=x("u"))) for i in INDEX], but=("string", "bool"))
    f.each("AssignAdd AssignSub", lambda op, x, t: updated(t, lambda ref: op(ref=ref, value=x("x"))))
    f.each("Assign", lambda op, x, t: updated(t, lambda ref: op(ref=ref, value=x("x")[::-1])))
    f.each("RefIdentity", lambda op, x, t: updated(t, lambda ref: op(input=ref)), but=("string",))
    f.each("StridedSliceAssign", lambda op, x, t: [updated(t, lambda ref: op(ref=ref, begin=tf.constant([0, 1], i), end=tf.constant([2, 2], i), strides=tf.constant([1, 1], i), value=x("u")[:, :1])) for i in INDEX])


def write_refs(halves):
    """Ref variables are of graph mode alone."""
    name = "refs_half" if halves else "refs"
    folder = os.path.join(HERE, "op_types", name)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        ins = {key: tf.compat.v1.placeholder(x.dtype, [None, None], name=key) for key, x in STATE.items()}
        family = Family(halves, ins, set())
        ref_ops(family)
        joined = family.joined()
        outs = [vector for vector, _ in joined]
        answers = session.run(outs, {ins[key]: x for key, x in STATE.items()})
        small, names = shrink(graph.as_graph_def(), [t.name for t in list(ins.values()) + outs])
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    save_graph(folder, name, small, names, dict(STATE), answers, (8e-3, 1e-3) if halves else (1e-6, 1e-6))


class Variables(tf.Module):
    """Updates of resource variables: each assigned anew before the op."""

    def __init__(self):
        self.variables_of = {t.name: tf.Variable(tf.zeros([3, 2], t) if t != tf.string else tf.fill([3, 2], ""), name="v_" + t.name) for t in TYPES}

    def updates(self, f):
        def updated(t, update):
            v = self.variables_of[t.name]
            v.assign(f.operand("x", t))
            update(v.handle)
            return R.ReadVariableOp(resource=v.handle, dtype=t)
        for name in "Add Sub Mul Div Max Min Update".split():
            f.each("ResourceScatter" + name, lambda op, x, t: [updated(t, lambda h: op(resource=h, indices=tf.constant([2, 0], i), updates=x("u"))) for i in INDEX], attr="dtype", but=("string",))
        for name in "Add Sub Max Min Update".split():
            f.each("ResourceScatterNd" + name, lambda op, x, t: [updated(t, lambda h: op(ref=h, indices=tf.constant([[2], [0]], i), updates=x("u"))) for i in INDEX], but=("string", "bool"))
        f.each("AssignAddVariableOp AssignSubVariableOp", lambda op, x, t: updated(t, lambda h: op(resource=h, value=x("x"))), attr="dtype")
        f.each("ResourceGather", lambda op, x, t: [op(resource=self.variables_of[t.name].handle, indices=tf.constant([2, 0], i), dtype=t) for i in INDEX], attr="dtype")
        f.each("ResourceGatherNd", lambda op, x, t: [op(resource=self.variables_of[t.name].handle, indices=tf.constant([[2], [0]], i), dtype=t) for i in INDEX], attr="dtype")
        f.each("ResourceStridedSliceAssign", lambda op, x, t: [updated(t, lambda h: op(ref=h, begin=tf.constant([0, 1], i), end=tf.constant([2, 2], i), strides=tf.constant([1, 1], i), value=x("u")[:, :1])) for i in INDEX])
        f.once("VariableShape", lambda: [R.VariableShape(input=self.variables_of["float32"].handle, out_type=i) for i in INDEX])
        f.once("VarIsInitializedOp", lambda: R.VarIsInitializedOp(resource=self.variables_of["float32"].handle))


def write_variables(halves):
    name = "variables_half" if halves else "variables"
    folder = os.path.join(HERE, "op_types", name)
    module, skipped = Variables(), set()
    module.updates(Family(halves, {key: tf.constant(x) for key, x in STATE.items()}, skipped))
    keys = list(STATE)

    @tf.function(input_signature=[tf.TensorSpec([None, None], STATE[key].dtype, key) for key in keys])
    def serve(*xs):
        family = Family(halves, dict(zip(keys, xs)), skipped)
        module.updates(family)
        return {"output_%d" % i: vector for i, (vector, _) in enumerate(family.joined())}

    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    path = os.path.join(folder, "saved_model")
    tf.saved_model.save(module, path, signatures=serve)
    for extra in ("fingerprint.pb", "assets"):
        extra = os.path.join(path, extra)
        shutil.rmtree(extra) if os.path.isdir(extra) else os.remove(extra)
    g.pack_folder(path, path + ".zip")
    answers = serve(*[tf.constant(STATE[key]) for key in keys])
    outs = ["output_%d" % i for i in range(len(answers))]
    finish(folder, name, *((8e-3, 1e-3) if halves else (1e-6, 1e-6)), [STATE[key] for key in keys], keys, [stored(answers[key].numpy()) for key in outs], outs, "savedmodel", "saved_model.zip")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", nargs="*", default=["*"])
    ap.add_argument("--map", default=None)
    args = ap.parse_args()
    for module in (op_types_math, op_types_arrays, op_types_nn, op_types_sparse):
        for fn in module.FAMILIES:
            for halves in (False, True):
                if any(fnmatch.fnmatch(fn.__name__ + ("_half" if halves else ""), pattern) for pattern in args.only):
                    write(fn.__name__, module, fn, halves, args.map)
    for name, fn in (("refs", write_refs), ("variables", write_variables)):
        for halves in (False, True):
            if any(fnmatch.fnmatch(name + ("_half" if halves else ""), pattern) for pattern in args.only):
                fn(halves)


if __name__ == "__main__":
    main()
