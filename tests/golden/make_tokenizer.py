"""Writes tests/golden/tokenizer/: fitted Keras tokenizers as JSON, and what tf-keras makes of some texts with each.

    python tests/golden/make_tokenizer.py
"""
import json
import os
import pickle
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tf_keras.preprocessing.sequence import pad_sequences
from tf_keras.preprocessing.text import Tokenizer

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokenizer")
CORPUS = ["The Earth, the wind and the FIRE!", "\u00c4rger und Stra\u00dfe -- \u0130stanbul", "\u039f\u0394\u039f\u03a3 \u039f\u0394\u039f\u03a3", "a\tb\nc  d", "fire and rain; the rain."]
TEXTS = ["the fire AND the sea", "", "\u00e4rger \u0130STANBUL \u039f\u0394\u039f\u03a3", "sea shore", "Rain,rain;rain... the\twind\u00a0and", "THE the tHe a b c d e f"]
TOKENIZERS = {
    "words": Tokenizer(),
    "limited": Tokenizer(num_words=4, oov_token="<OOV>"),
    "limited_silent": Tokenizer(num_words=4),
    "unknown": Tokenizer(oov_token="<unk>", lower=False),
    "characters": Tokenizer(char_level=True, oov_token="?"),
    "separator": Tokenizer(filters=",;", split="_", lower=False),
}


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    os.makedirs(HERE)
    expected = dict(texts=TEXTS, tokenizers={})
    for name, tokenizer in TOKENIZERS.items():
        tokenizer.fit_on_texts(CORPUS if name != "separator" else [t.replace(" ", "_") for t in CORPUS])
        with open(os.path.join(HERE, name + ".json"), "w") as f:
            f.write(tokenizer.to_json(ensure_ascii=name != "words"))
        expected["tokenizers"][name] = dict(
            sequences=tokenizer.texts_to_sequences(TEXTS),
            matrices={mode: tokenizer.texts_to_matrix(TEXTS, mode).tolist() for mode in ("binary", "count", "freq", "tfidf")})
    sequences = TOKENIZERS["words"].texts_to_sequences(TEXTS)
    expected["padded"] = [dict(arguments, result=pad_sequences(sequences, dtype="float32", **arguments).tolist()) for arguments in (
        dict(), dict(maxlen=3), dict(maxlen=3, truncating="post"), dict(maxlen=7, padding="post"), dict(maxlen=2, padding="post", truncating="post", value=-1.5))]
    with open(os.path.join(HERE, "expected.json"), "w") as f:
        json.dump(expected, f)
    with open(os.path.join(HERE, "words.pickle"), "wb") as f:
        pickle.dump(TOKENIZERS["words"], f)


if __name__ == "__main__":
    main()
