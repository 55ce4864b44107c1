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

TREES, LEAVES = 120, 12
COSINE, BIAS = 10.0, -8.5
# How much the pairs of questions.txt weigh, all together, against what is neither written nor judged; and those of judged.tsv.
WRITTEN, JUDGED = 0.5, 0.4
# Features that tell how a pair is worded, not what it asks: cosine, jaccard_all, length_ratio, length_gap, shorter, trigram_dice,
# first_word, bigrams, subsequence, last_content, shared_weight, rarest_shared.
WORDING = [0, 7, 11, 12, 13, 14, 15, 33, 34, 37, 39, 47]


def prior(cosine):
    return 1 / (1 + np.exp(-(COSINE * cosine + BIAS)))


def balanced(features, labels):
    """Weights under which wording says nothing of the label beyond the cosine.

    Who writes questions that are near but different keeps their words, and who rewords one changes them: more than people do who
    ask without knowing of each other. A model of the labels by wording alone, on what it has not seen, tells how much more.
    """
    wording, folds, guess = features[:, WORDING], np.arange(len(labels)) % 4, np.zeros(len(labels))
    for fold in range(4):
        train = lightgbm.Dataset(wording[folds != fold], labels[folds != fold])
        model = lightgbm.train(
            {"objective": "binary", "num_leaves": 8, "learning_rate": 0.08, "min_data_in_leaf": 80, "lambda_l2": 5.0, "seed": SEED,
             "verbose": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}, train, 100)
        guess[folds == fold] = model.predict(wording[folds == fold])
    guess, wanted = np.clip(guess, 0.003, 0.997), prior(features[:, 0])
    return np.minimum(np.where(labels == 1, wanted / guess, (1 - wanted) / (1 - guess)), 10)


def main():
    labels, weights, sources = [], [], []
    for line in open(WORK / "pairs.tsv", encoding="utf-8"):
        _, _, label, weight, source = line.rstrip("\n").split("\t")
        labels.append(float(label))
        weights.append(float(weight))
        sources.append(source)
    features = np.fromfile(WORK / "pairs.features", "<f4").reshape(len(labels), -1)
    labels, weights, sources = np.array(labels), np.array(weights), np.array(sources)
    # What a veto stops never reaches the trees: they learn the rest. Of what people wrote all is kept.
    kept = (features[:, -1] == 0) | (sources == "written")
    features, labels, weights, sources = features[kept, :-1], labels[kept], weights[kept], sources[kept]
    written, judged = sources == "written", sources == "judged"
    weights[written] = balanced(features[written], labels[written])
    others = weights[~written & ~judged].sum()
    weights[written] *= WRITTEN * others / weights[written].sum()
    weights[judged] *= JUDGED * others / weights[judged].sum()
    weights /= weights.mean()
    start = COSINE * features[:, 0] + BIAS
    holdout = np.arange(len(labels)) % 10 == 0
    train = lightgbm.Dataset(features[~holdout], labels[~holdout], weight=weights[~holdout], init_score=start[~holdout])
    check = lightgbm.Dataset(features[holdout], labels[holdout], weight=weights[holdout], init_score=start[holdout], reference=train)
    model = lightgbm.train(
        {"objective": "cross_entropy", "num_leaves": LEAVES, "learning_rate": 0.1, "min_data_in_leaf": 120, "lambda_l2": 5.0,
         "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": SEED, "verbose": -1, "num_threads": 1,
         "deterministic": True, "force_row_wise": True},
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
