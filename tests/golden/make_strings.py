"""Writes tests/golden/strings/<case>/: string, ragged and counting ops over edge inputs as frozen graphs, and lookup tables as
SavedModels, with TensorFlow's answers.

    python tests/golden/make_strings.py [--only pattern]
"""
import argparse
import fnmatch
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import golden_lib as g
import numpy as np
import tensorflow as tf

HERE = os.path.dirname(os.path.abspath(__file__))
R = tf.raw_ops
S = tf.constant
CASES = {}

# Empty, blank, several scripts, ill-formed, NUL inside (numpy drops NULs at the end).
WORDS = [b"", b" a  b\tc ", b"a,b,,c", b"<>x<><>y", b",", "stra\u00dfe \u00c4\u0130\u01c5".encode(), "\u039f\u0394\u039f\u03a3 \u03a3A\u03a3.".encode(),
         b"a\0b", b"\xff\xfeab\xe2\x82", b"\xf0\x9f\x92\xa9z\xc0\xaf\xed\xa0\x80", b"  ", b"\x0b\x0cx\r\n", "h\u00e9llo w\u00f6rld".encode(), b"AbC xYz 123"]
NUMBERS = [b"1", b" 12 ", b"-7", b"+3", b"0777", b"\t7\n", b"-0", b"2147483647"]
REALS = NUMBERS + [b"-1.5", b"1e3", b"inf", b"-Infinity", b"nan", b"0x1F", b"0x1.8p3", b"1e400", b"-1e-400", b"99999999999", b".5", b"5.", b"INF",
                   b"340282350000000000000000000000000000000000", b"3.4028236e38", b"1e-46", b"0.1", b"16777217", b"1.00000005960464477540", b"4e-324"]
TEXTS_TO_HASH = [b"", b"a", b"abc", b"hello world", b"0123456789abcdef", b"0123456789abcdef0", b"x" * 31, b"x" * 32, b"x" * 33, b"y" * 63, b"y" * 64,
                 b"y" * 65, b"z" * 100, b"z" * 128, b"z" * 129, b"z" * 200, bytes(range(1, 256)), b"abcdefgh", b"abcdefghijklmnopqrstuvwxyz" * 20]


def case(*inputs):
    def register(fn):
        CASES[fn.__name__] = (inputs, fn)
        return fn
    return register


def words(values=WORDS):
    return np.array(values, dtype="S")


@case(words())
def basic(x):
    out = [tf.strings.lower(x), tf.strings.upper(x), tf.strings.lower(x, encoding="utf-8"), tf.strings.upper(x, encoding="utf-8"),
           tf.strings.strip(x), tf.strings.length(x), tf.strings.length(x, unit="UTF8_CHAR")]
    grid = tf.reshape(x, [2, 7])
    return out + [tf.strings.upper(grid), grid == tf.reverse(grid, [1]), tf.where(grid != "", grid, "empty"), tf.gather(x, [3, 0, 13]),
                  tf.concat([grid, grid], 1), tf.transpose(grid), tf.tile(x[:2], [2]), tf.strings.join([grid, "-", tf.reverse(grid, [0])], "\u00b7"),
                  tf.io.encode_base64(x), tf.io.encode_base64(x, pad=True), tf.io.decode_base64(tf.io.encode_base64(x)), tf.io.decode_base64(tf.io.encode_base64(x, pad=True))]


@case(words([b"hello", b"h\xc3\xa9l\xffl\xe2\x82\xaco", b"0123456789", b"w\xc3\xb6rld"]), np.array([0, 1, -3, 5], "int32"), np.array([2, -1, 9, 0], "int32"), np.array([[1], [-2], [0]], "int64"), np.array([[3], [1], [0]], "int64"))
def substr(x, pos, n, column, lengths):
    out = []
    for unit in ("BYTE", "UTF8_CHAR"):
        out += [tf.strings.substr(x, p, k, unit=unit) for p, k in ((0, 2), (1, 100), (-2, 1), (-4, 3), (3, 0), (2, -1))]
        out += [tf.strings.substr(x, pos, tf.abs(n), unit=unit), tf.strings.substr(x, column, lengths, unit=unit)]
    return out + [tf.strings.substr(x, pos, n), tf.strings.substr(tf.reshape(x, [1, 2, 2]), 1, 2)]


@case(words(), words([b",", b"<>"]))
def split(x, separators):
    out = []
    for sep, most in (("", -1), ("", 1), ("", 0), ("", 2), (",", -1), (",", 1), (",", 0), ("<>", -1), ("<>", 2), ("\u00f6", -1)):
        out += list(R.StringSplitV2(input=x, sep=sep, maxsplit=most))
    whole = tf.concat([x[:7], x[8:]], 0)  # numpy cannot hold a lone NUL
    for delimiter, skip in ((" ", True), (" ", False), ("", True), (", ", True), (", ", False), ("<>", True)):
        out += list(R.StringSplit(input=whole, delimiter=delimiter, skip_empty=skip))
    out += list(R.StringSplitV2(input=x, sep=separators[1])) + list(R.StringSplitV2(input=x[:0], sep=""))
    return out + [tf.strings.split(x).to_tensor("-"), tf.strings.bytes_split(x).row_lengths(), tf.strings.unicode_split(whole, "UTF-8").to_tensor("")]


@case(words(), words([b"[aeiou]+", b"<\\0>"]))
def regex(x, dynamic):
    out = []
    for pattern, rewrite, all_of_them in (("a+", "<\\0>", True), ("(\\w)(\\w)", "\\2\\1", False), ("", "-", True), ("x*", "-", True), ("a", "\\1", True), ("[\\d]", "#", True),
                                          ("\\s+", " ", True), (".", "_", True), ("(?i)ABC", "\\\\", True), ("[!\"#$%&()\\*\\+,-\\./:;<=>?@\\[\\\\\\]^_`{|}~\\']", "", True), ("\\pL+", "L", True), ("^|$", "|", True)):
        out += [tf.strings.regex_replace(x, pattern, rewrite, all_of_them)]
    out += [R.RegexReplace(input=x, pattern=dynamic[0], rewrite=dynamic[1], replace_global=True), R.RegexReplace(input=x, pattern=dynamic[0], rewrite="", replace_global=False)]
    out += [tf.strings.regex_full_match(x, p) for p in ("a.*", "", ".*", "(?s).*", "\\C*", "[ -~]*")]
    return out + [R.RegexFullMatch(input=tf.reshape(x, [7, 2]), pattern=dynamic[0])]


@case(words([b"a", b"b", b"", b"d", b"\xc3\xa9", b"f"]), np.array([0, 2, 0, 1, 3, 3], "int32"))
def join(x, ids):
    grid, cube = tf.reshape(x, [2, 3]), tf.reshape(x, [1, 2, 3])
    out = [tf.strings.join([x, x, "!"], "+"), tf.strings.join([x[0], x[1]], " "), tf.strings.join([grid])]
    for axes in ([0], [1], [0, 1], [1, 0], [-1], []):
        for keep in (False, True):
            out.append(R.ReduceJoin(inputs=grid, reduction_indices=axes, separator="-", keep_dims=keep))
    out += [R.ReduceJoin(inputs=cube, reduction_indices=[2, 0], separator="/"), R.ReduceJoin(inputs=tf.reshape(x[:0], [2, 0]), reduction_indices=[1], separator="-"),
            R.ReduceJoin(inputs=tf.reshape(x[:0], [0, 2]), reduction_indices=[1], separator="-")]
    out += [R.UnsortedSegmentJoin(inputs=x, segment_ids=ids, num_segments=5, separator=":"), R.UnsortedSegmentJoin(inputs=grid, segment_ids=[1, 1], num_segments=3),
            R.UnsortedSegmentJoin(inputs=grid, segment_ids=tf.constant([[1, 0, 0], [0, 1, 1]], tf.int64), num_segments=2, separator=",")]
    return out


@case(words(NUMBERS), words(REALS), words([b"0", b" 4294967295"]), words([b"18446744073709551615"]), words([b"-9223372036854775808", b"9223372036854775807"]))
def to_number(integers, reals, natural, long_natural, long_integers):
    return [tf.strings.to_number(integers, tf.int32), tf.strings.to_number(integers, tf.int64), tf.strings.to_number(reals, tf.float32), tf.strings.to_number(reals, tf.float64),
            tf.strings.to_number(natural, tf.uint32), tf.strings.to_number(long_natural, tf.uint64), tf.strings.to_number(long_integers, tf.int64), tf.strings.to_number(tf.reshape(reals[:4], [2, 2]))]


REAL_VALUES = [0.1, -1.5, np.nan, np.inf, -np.inf, 1e20, 3e-9, 0, -0.0, 123456.789, 2.5, 9.9999999e9]


@case(np.array(REAL_VALUES, "float32"), np.array(REAL_VALUES + [1e300], "float64"), np.array([-7, 0, 2147483647], "int32"), np.array([200, 5], "uint8"), np.array([2**63 + 5, 1], "uint64"),
      np.array([-5, 2**62], "int64"), np.array([True, False]), np.array([1 + 2j, -1.5 - 0.25j], "complex64"), words())
def as_string(f, d, i, u, big, l, b, c, s):
    out = []
    for arguments in (dict(), dict(width=8), dict(width=8, fill="0"), dict(width=8, fill="-"), dict(width=6, fill=" "), dict(width=12, fill="+"), dict(width=9, fill="#"), dict(fill="0")):
        out += [tf.strings.as_string(x, **arguments) for x in (f, d, i, u, big, l, b, c, s)]
    for arguments in (dict(precision=2), dict(precision=0), dict(scientific=True), dict(shortest=True), dict(shortest=True, precision=3), dict(scientific=True, precision=0, width=12, fill="#"),
                      dict(shortest=True, width=10, fill="#"), dict(precision=3, width=14, fill="0")):
        out += [tf.strings.as_string(x, **arguments) for x in (f, d, c)]
    return out + [tf.strings.as_string(tf.cast(f, x)) for x in (tf.float16, tf.bfloat16)] + [tf.strings.as_string(tf.cast(i, x)) for x in (tf.int8, tf.int16)]


@case(np.arange(24, dtype="int32"), np.array([1 / 3, 1e20, np.nan, np.inf, 123456789, 1e6, 1e5, 1e-5, 16777216, 0.1], "float32"), np.array([1 / 3, 123456789, 1e16, 1e17, 1e-7], "float64"), words([b"a\"b", b"c\nd\t\\", b"\xff\x7f'", b""]), np.array([True, False]))
def string_format(i, f, d, s, b):
    text = lambda x, n=3: tf.strings.format("{}", x, summarize=n)
    shaped = lambda *dims: tf.reshape(i, dims)
    out = [tf.strings.format("a{}b{} {}", (i, s, f[0])), text(f, -1), text(f), text(d, 9), text(s, -1), text(b), text(s[1])]
    out += [text(shaped(*dims), n) for dims in ((2, 3, 4), (4, 6), (2, 2, 3, 2), (1, 24)) for n in (1, 2, 3, -1)]
    return out + [text(i[:0]), text(shaped(2, 3, 4)[:, :0]), text(shaped(2, 3, 4)[:0]), text(tf.cast(f, tf.float16)), text(tf.cast(i, tf.uint8), 0), text(tf.cast(i, tf.int64)), text(i[:6]), text(i[:7])]


@case(words(TEXTS_TO_HASH))
def hashes(x):
    out = [tf.strings.to_hash_bucket_fast(x, n) for n in (1, 10, 1000003, 2**63 - 1)] + [tf.strings.to_hash_bucket(x, n) for n in (7, 2**63 - 1)]
    out += [tf.strings.to_hash_bucket_strong(x, n, key) for n, key in ((10, [1, 2]), (2**63 - 1, [-1, 2**63 - 1]), (2**63 - 1, [0, 0]))]
    grid = tf.reshape(x[:18], [9, 2])
    return out + [tf.fingerprint(x), tf.fingerprint(grid), tf.fingerprint(tf.cast(tf.strings.length(grid), tf.float32)), tf.fingerprint(tf.strings.length(x))]


@case(words([b"a", b"b", b"c", b"d", b"", b"\xc3\xa9"]), np.array([0, 3, 3, 4, 6], "int64"))
def ngrams(x, splits):
    out = []
    for widths, left, right, pad, keep in (([2], "", "", 0, False), ([2, 3], "L", "R", -1, False), ([2], "L", "R", 0, True), ([5], "", "", 1, True), ([1, 2], "", "", 0, False), ([4], "<", ">", 2, False), ([3], "<", ">", 100, False)):
        for s in (splits, tf.cast(splits, tf.int32)):
            out += list(R.StringNGrams(data=x, data_splits=s, separator="|", ngram_widths=widths, left_pad=left, right_pad=right, pad_width=pad, preserve_short_sequences=keep))
    return out + list(R.StringNGrams(data=x[:0], data_splits=tf.zeros([3], tf.int64), separator=" ", ngram_widths=[2], left_pad="", right_pad="", pad_width=0, preserve_short_sequences=False))


BROKEN = [b"a\xffb", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x92", b"\xf0\x9f\x92\xa9z", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"", b"a\0b", b"\xe2\x82\xff\x41", b"\xef\xbb\xbfx", b"\x80", b"\x01\x1f\x7f"]
UTF16 = [b"\x00a\xd8\x3d\xdc\xa9", b"\xd8\x3d", b"\xdc\xa9\x00a", b"\xd8\x3d\x00a", b"\xfe\xff\x00a", b"\xff\xfea\x01", b"\x01\x02\x03"]
UTF32 = [b"\x00\x00\x00a", b"\x00\x11\x00\x00\x00\x00\x00b", b"\x00\x00\xd8\x01", b"\x01\x02", b"\x00\x00\xfe\xff\x00\x00\x00a", b"a\x00\x00\x00b\x00\x00\x01"]


@case(words(BROKEN), words(UTF16), words(UTF32), np.array([97, 0x1F4A9, 0x110000, -1, 0xD800, 98], "int32"), np.array([0, 2, 2, 6], "int64"), np.array([0x41, 0x20, 0x3b1, 0x4e2d, 0x1F4A9, 0x110000, -1, 0x300, 0x627, 0x378, 0xD800, 0x10FFFF, 0xE000], "int32"))
def unicode(x, wide, wider, points, splits, characters):
    out = []
    for errors in ("replace", "ignore"):
        for control in (False, True):
            kw = dict(errors=errors, replace_control_characters=control, replacement_char=63)
            out += list(R.UnicodeDecode(input=x, input_encoding="UTF-8", Tsplits=tf.int32, **kw)) + list(R.UnicodeDecodeWithOffsets(input=x, input_encoding="UTF-8", **kw))
            out += [R.UnicodeTranscode(input=x, input_encoding="UTF-8", output_encoding=to, **kw) for to in ("UTF-8", "UTF-16-BE", "UTF-32-BE")]
        for to in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
            out += [R.UnicodeEncode(input_values=points, input_splits=splits, errors=errors, output_encoding=to), R.UnicodeEncode(input_values=points[:2], input_splits=[0, 1, 2], errors="strict", output_encoding=to, replacement_char=64)]
    for encoding in ("UTF-16-BE", "UTF-16LE", "UTF-16", "UTF-16-LE"):
        out += list(R.UnicodeDecodeWithOffsets(input=wide, input_encoding=encoding))
    for encoding in ("UTF-32BE", "UTF-32LE", "UTF-32"):
        out += list(R.UnicodeDecodeWithOffsets(input=wider, input_encoding=encoding))
    for encoding in ("US-ASCII", "ISO-8859-1", "windows-1252", "latin1"):
        out += list(R.UnicodeDecodeWithOffsets(input=x, input_encoding=encoding))
    return out + [tf.strings.unicode_script(characters), tf.strings.unicode_transcode(x[4:5], "UTF-8", "UTF-16-BE", errors="strict")]


@case(np.arange(1, 8, dtype="int32"), words([b"a", b"b", b"c", b"d", b"e", b"f", b"g"]), np.array([0, 2, 2, 7], "int64"), np.array([0, 1, 4, 7], "int64"), np.array([0, 0, 0, 2, 3, 3, 5], "int64"))
def ragged(x, s, splits, inner, ids):
    dense = lambda **k: R.RaggedTensorToTensor(**k)
    rows = ["ROW_SPLITS"]
    out = [dense(shape=shape, values=v, default_value=d, row_partition_tensors=[splits], row_partition_types=rows)
           for v, d in ((x, 0), (s, "-")) for shape in ([-1, -1], -1, [2, 1], [5, 7], [-1, 3], [3, -1], [0, 4])]
    pairs = tf.reshape(tf.range(14.0), [7, 2])
    out += [dense(shape=shape, values=pairs, default_value=d, row_partition_tensors=[splits], row_partition_types=rows) for shape, d in (([-1, -1, 2], [7.0, 8.0]), (-1, 9.0), ([2, 3, -1], [1.0]))]
    out += [dense(shape=shape, values=x, default_value=9, row_partition_tensors=[first, ids], row_partition_types=["FIRST_DIM_SIZE", "VALUE_ROWIDS"]) for shape, first in (([-1, -1], S(6, tf.int64)), ([4, 2], S(8, tf.int64)), ([9, 9], S(6, tf.int64)))]
    out += [dense(shape=[-1, -1, -1], values=s, default_value="", row_partition_tensors=[[0, 1, 3], inner], row_partition_types=rows * 2), dense(shape=[1, 4, 1], values=s, default_value="", row_partition_tensors=[[0, 1, 3], inner], row_partition_types=rows * 2),
            dense(shape=[-1, -1], values=x[:0], default_value=9, row_partition_tensors=[[0, 0, 0]], row_partition_types=rows), dense(shape=[-1, 3], values=x[:0], default_value=9, row_partition_tensors=[[0, 0, 0]], row_partition_types=rows)]
    flat = lambda results: [t for r in results for t in (r if isinstance(r, list) else [r])]
    out += flat(R.RaggedGather(params_nested_splits=[splits], params_dense_values=s, indices=[2, 0, 1], OUTPUT_RAGGED_RANK=1)) + flat(R.RaggedGather(params_nested_splits=[splits], params_dense_values=pairs, indices=[[2, 0], [1, 1]], OUTPUT_RAGGED_RANK=2))
    out += flat(R.RaggedGather(params_nested_splits=[splits], params_dense_values=x, indices=2, OUTPUT_RAGGED_RANK=0)) + flat(R.RaggedGather(params_nested_splits=[tf.constant([0, 1, 3], tf.int64), inner], params_dense_values=s, indices=[1, 0, 1], OUTPUT_RAGGED_RANK=2))
    out += flat(R.RaggedTensorToSparse(rt_nested_splits=[splits], rt_dense_values=s)) + flat(R.RaggedTensorToSparse(rt_nested_splits=[tf.constant([0, 1, 3], tf.int64), inner], rt_dense_values=pairs))
    for a, b, d in ((x, x + 3, S(1)), (S(0), x, S(2)), (x[:2], S([5, -5]), S([2, -3])), (S(5), S(3), S(1)), (tf.cast(x, tf.float32), S(9.5), S(0.7)), (tf.cast(x, tf.int64), S(8, tf.int64), S(3, tf.int64))):
        out += list(R.RaggedRange(starts=a, limits=b, deltas=d)) + list(R.RaggedRange(starts=a, limits=b, deltas=d, Tsplits=tf.int32))
    return out


@case(np.array([1, 1, 3, 0, 9, 5, 1], "int32"), np.array([1, 2, 3, 4, 5, 6.5, 7], "float32"), np.array([0, 2, 2, 7], "int64"))
def counts(x, w, splits):
    none = tf.zeros([0])
    out = []
    for kw in (dict(minlength=-1, maxlength=-1, binary_output=False), dict(minlength=12, maxlength=-1, binary_output=True), dict(minlength=6, maxlength=8, binary_output=False)):
        for weights in (none, w):
            out += list(R.RaggedCountSparseOutput(splits=splits, values=x, weights=weights, **kw)) + list(R.DenseCountSparseOutput(values=x, weights=weights, **kw))
            out += list(R.SparseCountSparseOutput(indices=[[0, 0], [0, 1], [2, 0], [2, 1], [2, 2], [3, 0], [3, 1]], values=x, dense_shape=[4, 3], weights=weights, **kw))
        out += list(R.DenseCountSparseOutput(values=tf.reshape(tf.cast(x[:6], tf.int64), [2, 3]), weights=tf.zeros([0], tf.int64), **kw))
    return out


class Tables(tf.Module):
    """Every kind of table and initialiser."""

    def __init__(self, folder):
        lookup = tf.lookup
        pairs = lookup.KeyValueTensorInitializer
        column, line, whole = lambda i: i, lookup.TextFileIndex.LINE_NUMBER, lookup.TextFileIndex.WHOLE_LINE
        os.chdir(folder)  # the tables are named after these paths
        words, rows = "words.txt", "rows.tsv"
        with open(words, "wb") as f:
            f.write("alpha\nbeta\r\nna\u00efve\ngamma ray\n".encode())
        with open(rows, "wb") as f:
            f.write(b"alpha|1|0.5|x\nbeta|-2|1e3|y\ngamma|30|-inf|z")
        text = lambda *a, **k: lookup.StaticHashTable(lookup.TextFileInitializer(*a, **k), -1 if a[3] == tf.int64 else "none" if a[3] == tf.string else -1.0)
        self.static = [lookup.StaticHashTable(pairs(["a", "b", "", "\u00e9"], S([1, 2, 3, 4], tf.int64)), -7), lookup.StaticHashTable(pairs(S([5, -6, 2**40], tf.int64), ["five", "six", ""]), "?"),
                       lookup.StaticHashTable(pairs(S([5, -6], tf.int32), S([0.25, 4.5])), 9.5), lookup.StaticHashTable(pairs(["a", "b"], [True, False]), True),
                       lookup.StaticHashTable(pairs(["a", "b"], tf.range(2, dtype=tf.int64) + 10), 0)]
        self.files = [text(words, tf.string, whole, tf.int64, line), text(words, tf.int64, line, tf.string, whole), text(words, tf.string, whole, tf.int64, line, vocab_size=2, value_index_offset=5),
                      text(rows, tf.string, column(0), tf.int64, column(1), delimiter="|"), text(rows, tf.string, column(3), tf.float32, column(2), delimiter="|"), text(rows, tf.int64, column(1), tf.string, column(0), delimiter="|")]
        self.vocabulary = [lookup.StaticVocabularyTable(pairs(["a", "b", "c"], S([0, 1, 2], tf.int64)), 3), lookup.StaticVocabularyTable(lookup.TextFileInitializer(words, tf.string, whole, tf.int64, line), 5)]
        self.mutable = [lookup.experimental.MutableHashTable(tf.string, tf.int64, -1), lookup.experimental.MutableHashTable(tf.int64, tf.string, "gone"), lookup.experimental.MutableHashTable(tf.string, tf.float32, [-1.0, -2.0])]
        self.mutable[0].insert(["a", "zz"], S([11, 12], tf.int64))
        self.mutable[1].insert(S([0, 5], tf.int64), ["zero", "five"])
        self.mutable[2].insert(["a", "b"], [[1.0, 2.0], [3.0, 4.0]])
        self.dense = lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, -100, -200, initial_num_buckets=8)
        self.dense.insert(S([5, 7], tf.int64), S([50, 70], tf.int64))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words"), tf.TensorSpec([None, 2], tf.int64, name="numbers")])
    def __call__(self, words, numbers):
        text, integer = [self.static[0], self.static[3], self.static[4], self.files[0], self.files[2], self.files[3], self.files[4], self.mutable[0], self.mutable[2]] + self.vocabulary, [self.static[1], self.files[1], self.files[5]]
        flat = tf.reshape(numbers, [-1])
        out = [t.lookup(words) for t in text] + [t.lookup(numbers) for t in integer] + [self.static[2].lookup(tf.cast(numbers, tf.int32)), self.static[0].size(), self.files[0].size(), self.mutable[1].size(), self.vocabulary[0].size()]
        keys, values = self.static[4].export()
        out += [self.mutable[1].lookup(flat), self.dense.lookup(flat), self.dense.size(), self.mutable[0].size()]
        out += [tf.sort(values), tf.sort(tf.strings.length(keys)), tf.cond(tf.size(words) > 2, lambda: self.static[0].lookup(words), lambda: tf.zeros_like(words, tf.int64))]
        return {"out_%02d" % i: y for i, y in enumerate(out)}


def save(name, module, inputs):
    folder = os.path.join(HERE, "strings", name)
    path = os.path.join(folder, "saved_model")
    tf.saved_model.save(module, path, signatures=module.__call__)
    shutil.rmtree(os.path.join(path, "debug"), ignore_errors=True)
    signature = tf.saved_model.load(path).signatures["serving_default"]
    feeds = {k: tf.constant(x.tolist(), tf.string) if x.dtype.kind == "S" else tf.constant(x) for k, x in inputs.items()}
    answers = {k: v.numpy() for k, v in sorted(signature(**feeds).items())}
    answers = {k: np.array(v, dtype="S") if v.dtype.kind == "O" else v for k, v in answers.items()}
    data = dict(writer="TensorFlow %s" % tf.__version__, inputs=["input_%d" % i for i in range(len(inputs))], outputs=["output_%d" % i for i in range(len(answers))], rtol=0, atol=0,
                expect="match", oracle="TensorFlow %s" % tf.__version__, forms=[dict(kind="savedmodel", model="saved_model", signature="serving_default", inputs=list(inputs), outputs=list(answers))])
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **dict(zip(data["inputs"], inputs.values())))
    np.savez_compressed(os.path.join(folder, "expected.npz"), **dict(zip(data["outputs"], answers.values())))
    g.write_json(os.path.join(folder, "case.json"), data)
    print(name, len(answers), "outputs,", sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs) // 1024, "KB", flush=True)


def write_tables():
    folder = os.path.join(HERE, "strings", "tables")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    module = Tables(folder)
    save("tables", module, dict(words=words([b"a", b"", b"beta", "\u00e9".encode(), b"x", "na\u00efve".encode(), b"alpha", b"zz", b"gamma", b"\xff", b"c", b"gamma ray"]), numbers=np.array([[5, -6], [0, 1], [2**40, 30], [-2, 7]], "int64")))
    for name in ("words.txt", "rows.tsv"):
        os.remove(os.path.join(folder, name))


def freeze(fn, inputs):
    specs = [tf.TensorSpec(x.shape, tf.string if x.dtype.kind == "S" else x.dtype) for x in inputs]
    concrete = tf.function(lambda *xs: [tf.identity(y) for y in fn(*xs)]).get_concrete_function(*specs)
    return concrete, [t.name for t in concrete.inputs], [t.name for t in concrete.outputs]


def write(name, inputs, fn):
    folder = os.path.join(HERE, "strings", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    concrete, ins, outs = freeze(fn, inputs)
    answers = [y.numpy() for y in concrete(*[tf.constant(x.tolist(), tf.string, x.shape) if x.dtype.kind == "S" else tf.constant(x) for x in inputs])]
    answers = [np.array(y, dtype="S") if getattr(y, "dtype", np.dtype(object)).kind in "OS" else g.storable(y) for y in answers]
    with open(os.path.join(folder, "graph.pb"), "wb") as f:
        f.write(concrete.graph.as_graph_def().SerializeToString())
    data = dict(writer="TensorFlow %s" % tf.__version__, inputs=["input_%d" % i for i in range(len(ins))], outputs=["output_%d" % i for i in range(len(outs))], rtol=0, atol=0, expect="match",
                oracle="TensorFlow %s" % tf.__version__, forms=[dict(kind="graphdef", model="graph.pb", inputs=ins, outputs=outs)])
    np.savez_compressed(os.path.join(folder, "inputs.npz"), **dict(zip(data["inputs"], inputs)))
    np.savez_compressed(os.path.join(folder, "expected.npz"), **dict(zip(data["outputs"], answers)))
    g.write_json(os.path.join(folder, "case.json"), data)
    print(name, len(outs), "outputs,", sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1024, "KB", flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    args = ap.parse_args()
    for name, (inputs, fn) in CASES.items():
        if fnmatch.fnmatch(name, args.only):
            write(name, inputs, fn)
    if fnmatch.fnmatch("tables", args.only):
        write_tables()


if __name__ == "__main__":
    main()
