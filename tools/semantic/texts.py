"""Collects the texts the student learns from. None is Quora's; the list with licences is in README.md."""

import random
import re
import subprocess

from common import DATA, GUARDRAILS_DATA, SEED, STUDENT, WORDNET, WORK, jsonl, need, tsv
from grammar import questions

LIMITS = {"wordnet_gloss": 42_000, "wordnet_example": 34_000, "debian": 26_000, "questions": 40_000}


def wordnet():
    """(lemmas, gloss, examples) of every synset."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in open(need(WORDNET / f"data.{part}", "WordNet 3.0"), encoding="utf-8"):
            if line.startswith("  "):
                continue
            head, gloss = line.split(" | ", 1)
            fields = head.split()
            count = int(fields[3], 16)
            lemmas = [re.sub(r"\(.*\)", "", fields[4 + 2 * i]).replace("_", " ") for i in range(count)]
            examples = re.findall(r'"([^"]{8,})"', gloss)
            text = re.split(r'; "', gloss.strip(), maxsplit=1)[0].strip(' ;"')
            yield part, lemmas, text, examples


def debian():
    """One-line descriptions out of the machine's own package lists (`apt-get update`)."""
    dump = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    seen = set()
    for line in dump.splitlines():
        if line.startswith(("Description: ", "Description-en: ")):
            text = line.split(": ", 1)[1].strip()
            if text not in seen and 3 <= len(text.split()):
                seen.add(text)
                yield text


def sentences(text):
    return [s.strip() for s in re.split(r"(?<=[.!?])\s+", text) if 20 < len(s.strip()) < 220]


def collect():
    dice = random.Random(SEED)
    sources = {
        "clinc": [row[0] for row in tsv("clinc150_train")],
        "banking": [row[0] for row in tsv("banking77_train")],
        "stsb_train": [text for row in tsv("stsb_train") for text in row[:2]],
        "wordnet_gloss": [f"{', '.join(lemmas[:2])}: {gloss}" if dice.random() < 0.5 else gloss
                          for _, lemmas, gloss, _ in wordnet() if len(gloss) < 160],
        "wordnet_example": [e for _, _, _, examples in wordnet() for e in examples],
        "debian": list(debian()),
        "chunkeval": [s for row in jsonl(DATA / "chunkeval_corpora.jsonl.gz") for s in sentences(row["text"])][:9_000],
        "chunkeval_questions": [row["question"] for row in jsonl(DATA / "chunkeval_questions.jsonl.gz")],
        "prompts": [row["text"] for row in jsonl(GUARDRAILS_DATA / "benign.jsonl.gz")
                    if row["text"].isascii() and len(row["text"]) < 200],
        "questions": questions(dice, LIMITS["questions"]),
    }
    out, seen = [], set()
    for source, texts in sources.items():
        texts = list(dict.fromkeys(texts))
        if source in LIMITS and len(texts) > LIMITS[source]:
            texts = dice.sample(texts, LIMITS[source])
        for text in texts:
            if text and text not in seen:
                seen.add(text)
                out.append((source, text.replace("\t", " ").replace("\n", " ")))
    dice.shuffle(out)
    return out


def unseen():
    """(source, text) of what the student does not learn from, as far as people would ask it."""
    rows = [line.rstrip("\n").split("\t", 1) for line in open(WORK / "texts.tsv", encoding="utf-8")][STUDENT:]
    asked = [row for row in rows if row[0] in ("clinc", "banking", "stsb_train", "prompts", "chunkeval_questions")]
    examples = [row for row in rows if row[0] == "wordnet_example" and len(row[1].split()) > 4]
    return asked + [row for row in rows if row[0] == "questions"][:5_000] + examples[:3_000]


if __name__ == "__main__":
    WORK.mkdir(parents=True, exist_ok=True)
    rows = collect()
    with open(WORK / "texts.tsv", "w", encoding="utf-8") as file:
        file.writelines(f"{source}\t{text}\n" for source, text in rows)
    counts = {}
    for source, _ in rows:
        counts[source] = counts.get(source, 0) + 1
    print(len(rows), counts)
