"""Trains the verifier's trees on WORK/pairs.tsv and writes crates/semantic/model/verifier-v1.bin.

    python pairs.py
    cargo run --profile tool -p sluice-eval-semantic -- features WORK/pairs.tsv WORK/pairs.features
    python verifier.py
"""

import struct
import zlib

import lightgbm
import numpy as np

from common import CRATE, SEED, WORK

TREES, LEAVES = 80, 12
COSINE, BIAS = 10.0, -8.5


def main():
    labels, weights, sources = [], [], []
    for line in open(WORK / "pairs.tsv", encoding="utf-8"):
        _, _, label, weight, source = line.rstrip("\n").split("\t")
        labels.append(float(label))
        weights.append(float(weight))
        sources.append(source)
    features = np.fromfile(WORK / "pairs.features", "<f4").reshape(len(labels), -1)
    labels, weights, sources = np.array(labels), np.array(weights), np.array(sources)
    # What a veto stops never reaches the trees: they learn the rest.
    kept = features[:, -1] == 0
    features, labels, weights, sources = features[kept, :-1], labels[kept], weights[kept], sources[kept]
    start = COSINE * features[:, 0] + BIAS
    holdout = np.arange(len(labels)) % 10 == 0
    train = lightgbm.Dataset(features[~holdout], labels[~holdout], weight=weights[~holdout], init_score=start[~holdout])
    check = lightgbm.Dataset(features[holdout], labels[holdout], weight=weights[holdout], init_score=start[holdout], reference=train)
    # More of what aligns can only speak for the same question, more left over only against it.
    up = {0, 1, 6, 7, 10, 14, 33, 34, 38}
    down = {2, 3, 4, 5, 8, 9, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
    monotone = [1 if i in up else -1 if i in down else 0 for i in range(features.shape[1])]
    model = lightgbm.train(
        {"objective": "cross_entropy", "num_leaves": LEAVES, "learning_rate": 0.12, "min_data_in_leaf": 120, "lambda_l2": 5.0,
         "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": SEED, "verbose": -1, "num_threads": 1,
         "monotone_constraints": monotone, "deterministic": True, "force_row_wise": True},
        train, TREES, valid_sets=[check], callbacks=[lightgbm.log_evaluation(20)])
    score = start + model.predict(features, raw_score=True)
    for source in sorted(set(sources)):
        part = sources == source
        print(f"{source:24} {part.sum():6} label {labels[part].mean():.2f} predicted {(1 / (1 + np.exp(-score[part & holdout]))).mean():.2f}")
    gain = model.feature_importance("gain")
    print("gain:", " ".join(f"{i}:{gain[i] / gain.sum():.2f}" for i in np.argsort(-gain)[:14]))
    path = CRATE / "model" / "verifier-v1.bin"
    path.write_bytes(pack(model.dump_model(), features.shape[1]))
    print(path, path.stat().st_size)


def pack(dump, features):
    nodes, roots = [], []

    def place(node):
        at = len(nodes)
        nodes.append(None)
        if "leaf_value" in node:
            nodes[at] = (255, 0, 0, node["leaf_value"])
        else:
            left = place(node["left_child"])
            right = place(node["right_child"])
            nodes[at] = (node["split_feature"], left, right, node["threshold"])
        return at

    for tree in dump["tree_info"]:
        roots.append(place(tree["tree_structure"]))
    body = struct.pack(f"<{len(roots)}H", *roots) + b"".join(struct.pack("<BBHHf", f, 0, l, r, v) for f, l, r, v in nodes)
    head = b"SLUICVER" + struct.pack("<4I2fI", 1, features, len(roots), len(nodes), COSINE, BIAS, zlib.crc32(body))
    return head.ljust(64, b"\0") + body


if __name__ == "__main__":
    main()
