"""Makes one row's files: convert.py ROW FOLDER FORMAT...

Each format is tried alone; what became of it stands in FOLDER/formats.json, errors in the converter's own words.
A format is marked before it is tried, so that a converter that kills the process leaves a trace.
"""

import json
import os
import sys
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

# In the order of making; those of one group share a process.
GROUPS = [("keras", "saved_model", "onnx", "onnx_operator", "tflite"),
          ("openvino_onnx", "openvino_operator", "openvino_tf")]
OPENVINO_SOURCES = {"openvino_onnx": "model.onnx", "openvino_operator": "operator.onnx", "openvino_tf": "saved_model"}


def groups_of(row):
    """The groups with the formats that the row can have: an ONNX operator is for single recurrent layers."""
    return [[form for form in group if row.model == "recurrent" or not form.endswith("_operator")] for group in GROUPS]


def note(folder, form, **what):
    path = os.path.join(folder, "formats.json")
    notes = json.load(open(path)) if os.path.exists(path) else {}
    notes[form] = what
    with open(path + ".new", "w") as file:
        json.dump(notes, file, indent=1)
    os.replace(path + ".new", path)


def _save_keras(folder, model, inputs):
    model.save(f"{folder}/model.keras")
    for i, values in enumerate(inputs):
        np.savez(f"{folder}/input_{i}.npz", input_0=values)
        np.savez(f"{folder}/expected_{i}.npz", output_0=np.asarray(model(values, training=False)))


def _from_keras(form, folder, row, model):
    import onnx_recurrent

    if form == "saved_model":
        model.export(f"{folder}/saved_model", verbose=False)
    elif form == "onnx":
        model.export(f"{folder}/model.onnx", format="onnx", verbose=False)
        onnx_recurrent.without_erfc(f"{folder}/model.onnx")
    elif form == "onnx_operator":
        onnx_recurrent.save(f"{folder}/operator.onnx", row, model)
    elif form == "tflite":
        _to_litert(folder, model)


def _to_litert(folder, model):
    """A frozen function of LiteRT's own ops: with TensorFlow's allowed too, as Keras' exporter does, recurrent
    loops need the Flex delegate, which LiteRT's package does not have; variables are not supported in loops."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype)
    function = tf.function(lambda values: model(values, training=False)).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(function)
    with open(f"{folder}/model.tflite", "wb") as file:
        file.write(tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert())


def _to_openvino(form, folder):
    import openvino

    source = OPENVINO_SOURCES[form]
    if not os.path.exists(f"{folder}/{source}"):
        raise RuntimeError(f"needs {source}, which is not there")
    model = openvino.convert_model(f"{folder}/{source}")
    openvino.save_model(model, f"{folder}/{form}.xml", compress_to_fp16=False)


def main(name, folder, forms):
    os.makedirs(folder, exist_ok=True)
    if any(form in GROUPS[0] for form in forms):
        import models
        from rows import FLOOR, ROWS

        row = next(row for row in [*ROWS, FLOOR] if row.name == name)
        model, inputs = models.build(row)
    for form in forms:
        note(folder, form, trying=True)
        start = time.monotonic()
        try:
            if form == "keras":
                _save_keras(folder, model, inputs)
            elif form in GROUPS[0]:
                _from_keras(form, folder, row, model)
            else:
                _to_openvino(form, folder)
            note(folder, form, ok=True, seconds=round(time.monotonic() - start, 2))
        except Exception as error:  # a converter may fail in any way; the table says how
            note(folder, form, ok=False, error=f"{type(error).__name__}: {str(error)[:2000]}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
