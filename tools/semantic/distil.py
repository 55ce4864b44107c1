"""Distils the teacher into one vector a piece, quantises it and writes the model's file.

    python texts.py && python teacher.py && python distil.py
"""

import sys
import time
import zlib

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr

import model_file
from common import CRATE, SEED, WORK, tsv
from vocabulary import bert, choose, tokenizer

PIECES, DIMS = 16_000, 256
EPOCHS, BATCH, RATE = 6, 512, 2e-3


def load():
    texts, chunks = [], sorted(WORK.glob("teacher_0*.npy"))
    vectors = np.concatenate([np.load(c) for c in chunks]).astype(np.float32)
    for line in open(WORK / "texts.tsv", encoding="utf-8"):
        texts.append(line.rstrip("\n").split("\t", 1)[1])
    texts = texts[:len(vectors)]
    return texts, vectors


def bags(made, texts, size):
    """How often each text holds each piece; unknown ones left out."""
    rows, columns = [], []
    for number, encoding in enumerate(made.encode_batch(texts, add_special_tokens=False)):
        for i in encoding.ids:
            if i < size:
                rows.append(number)
                columns.append(i)
    ones = np.ones(len(rows), np.float32)
    return csr_matrix((ones, (rows, columns)), (len(texts), size))


def neighbours(vectors, dice, block=18_000):
    """For each text a near one by the teacher, looked for in its random block."""
    order = dice.permutation(len(vectors))
    near = np.zeros(len(vectors), np.int64)
    for at in range(0, len(order), block):
        part = order[at:at + block]
        mine = vectors[part]
        for start in range(0, len(part), 2_000):
            similar = mine[start:start + 2_000] @ mine.T
            similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = -1
            near[part[start:start + 2_000]] = part[similar.argmax(1)]
    return near


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


class Adam:
    """Touches only the rows a batch uses."""

    def __init__(self, shape):
        self.m, self.v = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.t = np.zeros((shape[0], 1), np.float32)

    def step(self, table, rows, gradient, rate):
        self.t[rows] += 1
        m = self.m[rows] * 0.9 + 0.1 * gradient
        v = self.v[rows] * 0.999 + 0.001 * gradient * gradient
        self.m[rows], self.v[rows] = m, v
        t = self.t[rows]
        table[rows] -= rate * (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.999 ** t)) + 1e-8)


def train(table, x, teacher, check, dice):
    adam, scale, start = Adam(table.shape), np.abs(table).mean(), time.time()
    count = len(teacher)
    for epoch in range(EPOCHS):
        near = neighbours(teacher, dice) if epoch % 6 == 0 else near
        order = dice.permutation(count)
        lost = 0.0
        for number, at in enumerate(range(0, count - BATCH + 1, BATCH)):
            progress = (epoch + number * BATCH / count) / EPOCHS
            rate = RATE * scale / 0.02 * min(1.0, progress * 30 + 0.1) * (0.5 + 0.5 * np.cos(np.pi * progress))
            left = order[at:at + BATCH]
            both = np.concatenate([left, near[left]])
            bag = x[both]
            raw = bag @ table
            length = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-6)
            s, t = raw / length, teacher[both]
            error = s @ s.T - t @ t.T
            np.fill_diagonal(error, 0)
            # Pairs of neighbours carry as much loss as all the random pairs together.
            n = np.arange(BATCH)
            weight = np.float32(1.0 / (2 * BATCH))
            pairs = error[n, n + BATCH].copy()
            lost += float((pairs ** 2).mean() + (error ** 2).mean())
            error *= weight
            error[n, n + BATCH] += pairs
            error[n + BATCH, n] += pairs
            g = error @ s
            g = (g - s * (g * s).sum(1, keepdims=True)) / length
            used = np.unique(bag.indices)
            gradient = (bag.T @ g)[used]
            adam.step(table, used, gradient, np.float32(rate))
        print(f"epoch {epoch + 1} loss {lost / max(1, number + 1):.4f} stsb dev {check(table):.2f} {time.time() - start:.0f}s", flush=True)
    return table


def quantise(table):
    """Row-wise symmetric int4; the clip of least squared error of 24 tried."""
    best = np.full(len(table), np.inf, np.float32)
    codes, scales = np.zeros(table.shape, np.int8), np.zeros(len(table), np.float32)
    top = np.maximum(np.abs(table).max(1), 1e-9)
    for share in np.linspace(0.45, 1.0, 24):
        scale = (top * share / 7).astype(np.float32)
        q = np.clip(np.round(table / scale[:, None]), -8, 7)
        wrong = ((q * scale[:, None] - table) ** 2).sum(1)
        better = wrong < best
        best[better], scales[better], codes[better] = wrong[better], scale[better], q[better].astype(np.int8)
    return codes, scales


def main():
    dice = np.random.default_rng(SEED)
    texts, teacher = load()
    pieces = choose(texts, PIECES)
    made = tokenizer(pieces)
    x = bags(made, texts, PIECES)
    keep = np.diff(x.indptr) > 0
    x, teacher = x[keep], teacher[keep]
    print(f"{x.shape[0]} texts, {x.sum() / x.shape[0]:.1f} pieces each, {len(pieces)} pieces", flush=True)

    count = np.asarray(x.sum(0)).ravel() + 0.5
    sif = 1e-3 / (1e-3 + count / count.sum())
    index = {piece: i for i, piece in enumerate(bert())}
    alone = np.load(WORK / "teacher_pieces.npy").astype(np.float32)[[index[p] for p in pieces]]
    alone -= alone.mean(0)
    _, _, axes = np.linalg.svd(alone[::2], full_matrices=False)
    table = np.ascontiguousarray((alone @ axes[:DIMS].T) * sif[:, None]).astype(np.float32)

    dev = list(tsv("stsb_dev"))
    left, right = (bags(made, [row[i] for row in dev], PIECES) for i in (0, 1))
    truth = [float(row[2]) for row in dev]

    def check(table):
        return 100 * spearmanr((unit(left @ table) * unit(right @ table)).sum(1), truth).statistic

    print(f"untrained: stsb dev {check(table):.2f}")
    if "--pack" in sys.argv:
        finish(np.load(WORK / "table.npy"), pieces, check)
        return
    table = train(table, x, teacher, check, dice)
    sample = unit(x[dice.permutation(x.shape[0])[:40_000]] @ table)
    _, axes = np.linalg.eigh(sample.T @ sample)
    table = table @ axes[:, ::-1]
    np.save(WORK / "table.npy", table)
    finish(table, pieces, check)


def finish(table, pieces, check):
    """Quantises, measures and writes (`--pack`: of the table trained last)."""
    codes, scales = quantise(table)
    print(f"int4: stsb dev {check(codes * scales[:, None]):.2f}")
    for dims in (64, 128):
        print(f"{dims} dims: stsb dev {check(codes[:, :dims] * scales[:, None]):.2f}")
    raw = model_file.write(pieces, codes, scales)
    path = CRATE / "model" / "static-v1.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    print(f"{path}: {len(raw)} bytes, {len(zlib.compress(raw, 9))} deflated")


if __name__ == "__main__":
    main()
