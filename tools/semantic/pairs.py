"""Labelled pairs for the verifier: written and judged by us, by grammar, by edits of permissive texts, mined with the teacher, STS-b. None is Quora's.

Writes WORK/pairs.tsv: a, b, label in 0..1, weight, source.
"""

import itertools
import random
import re

import numpy as np

from common import HERE, SEED, WORK, tsv
from grammar import fill, frames, slots, surface, wordnet_phrases
from texts import unseen

OPENINGS = [
    ["how do i", "how can i", "how could i", "how would i", "what is the best way to", "what's the way to", "how should i", "what can i do to",
     "can you tell me how to", "tell me how to", "i want to know how to", "please explain how to", "what are the steps to"],
    ["what is", "what's", "tell me", "can you tell me", "please tell me", "do you know", "give me"],
    ["can you", "could you", "please", "would you", "i need you to", "i would like you to"],
    ["why is", "what is the reason that", "how come", "for what reason is"],
    ["where can i", "where do i", "in which place can i"],
    ["is it possible to", "can i", "am i able to", "is there a way to", "may i"],
    ["when is", "at what time is", "what time is"],
    ["what are the", "which are the", "what are some", "can you list the", "list the", "tell me the"],
    ["i want to", "i need to", "i'd like to", "i would like to", "i have to"],
]
NAMES = """London Paris Berlin Tokyo Rome Madrid Chicago Boston Seattle Dallas Texas India China Japan Germany France Canada Brazil Italy Spain Mexico
Google Amazon Microsoft Apple Netflix Spotify Facebook Samsung Sony Toyota Honda Walmart Python Java Rust English French Spanish German Chinese
Anna Peter Maria David Einstein Newton Shakespeare Obama Visa Mastercard Paypal Android Windows Linux Chrome Firefox""".split()


# How likely the answer to one question serves the other, by the grade in judged.tsv: something else, another thing about the same,
# a part of it, nearly the same, the same.
GRADES = [0.0, 0.03, 0.2, 0.75, 0.97]


def grammar(dice, count):
    nouns, all_frames = wordnet_phrases(), frames()
    for _ in range(count):
        index = dice.randrange(len(all_frames))
        ways, values = all_frames[index], slots(dice, nouns)
        a = fill(dice.choice(ways), values)
        roll = dice.random()
        if roll < 0.45:
            b, label = fill(dice.choice(ways), values), 1.0
            if a == b:
                continue
        elif roll < 0.65:
            # Another thing asked about the same.
            used = set(re.findall(r"{(\w)", ways[0]))
            others = [f for f in all_frames if f is not ways and set(re.findall(r"{(\w)", f[0])) == used]
            if not others:
                continue
            b, label = fill(dice.choice(dice.choice(others)), values), 0.0
        elif roll < 0.9:
            # The same asked about another thing.
            other = dict(values)
            used = [s for s in set(re.findall(r"{(\w)", ways[0]))]
            changed = dice.choice(sorted(used))
            fresh = slots(dice, nouns)
            if fresh[changed] == values[changed]:
                continue
            other[changed] = fresh[changed]
            b, label = fill(dice.choice(ways), other), 0.0
        elif "{p}" in ways[0] and "{q}" in ways[0]:
            b, label = fill(dice.choice(ways), dict(values, p=values["q"], q=values["p"])), 0.0
        elif "{t}" in ways[0] and "{u}" in ways[0]:
            b = fill(dice.choice(ways), dict(values, t=values["u"], u=values["t"]))
            label = 0.0 if "cause" in ways[0] else 1.0
        else:
            continue
        yield surface(dice, a), surface(dice, b), label, 1.0, "grammar"


def swap_opening(dice, text):
    low = text.lower()
    for group in OPENINGS:
        for opening in group:
            if low.startswith(opening + " "):
                return dice.choice([o for o in group if o != opening]) + text[len(opening):]
    return None


def edits(dice, texts, antonyms):
    """One edit of a real text each: kept meaning, or lost it."""
    for text in texts:
        words = text.split()
        if not 4 <= len(words) <= 22:
            continue
        roll = dice.random()
        if roll < 0.34:
            b = swap_opening(dice, text)
            if b:
                if dice.random() < 0.5:
                    b = b.rstrip("?.!") + dice.choice(["?", " please", ""])
                yield surface(dice, text), surface(dice, b), 0.97, 1.0, "opening"
            continue
        places = [i for i, w in enumerate(words) if w.strip("?.,!").isalpha() and len(w) > 3]
        if not places:
            continue
        i = dice.choice(places)
        bare = words[i].strip("?.,!").lower()
        tail = words[i][len(words[i].rstrip("?.,!")):]
        out = list(words)
        if bare in antonyms and roll < 0.6:
            out[i] = dice.choice(antonyms[bare]) + tail
            kind = "antonym"
        elif roll < 0.72 and any(w in ("is", "are", "can", "do", "does", "will", "should", "did", "was", "have") for w in words):
            j = next(k for k, w in enumerate(words) if w in ("is", "are", "can", "do", "does", "will", "should", "did", "was", "have"))
            out = words[:j + 1] + (["not"] if "not" not in words else []) + words[j + 1:]
            kind = "negation"
        else:
            continue
        if dice.random() < 0.4:
            out = (swap_opening(dice, " ".join(out)) or " ".join(out)).split()
        if out != words:
            yield surface(dice, text), surface(dice, " ".join(out)), 0.02, 1.0, kind


def numbers_and_names(dice, texts):
    for text in texts:
        spots = [(m.start(), m.end()) for m in re.finditer(r"\d+", text)]
        if spots:
            s, e = dice.choice(spots)
            other = str(int(text[s:e]) + dice.choice([1, 2, 5, 10, 30]))
            yield text, text[:s] + other + text[e:], 0.0, 1.0, "number"
        found = [m for m in re.finditer(r"\b[A-Z][a-z]{3,}\b", text) if m.start() > 0]
        if found:
            m = dice.choice(found)
            yield text, text[:m.start()] + dice.choice(NAMES) + text[m.end():], 0.03, 1.0, "name"
    templates = ["What is the capital of {}?", "How far is {} from here?", "Is {} open on Sundays?", "How do I contact {}?", "Tell me about {}.",
                 "Who founded {}?", "Flights to {} in March", "What's the phone number of {}?", "How much does {} pay?", "Is {} a good choice?"]
    for _ in range(1_500):
        t = dice.choice(templates)
        a, b = dice.sample(NAMES, 2)
        yield t.format(a), t.format(b), 0.0, 1.0, "name"


def mined(dice):
    """Teacher-nearest pairs of texts the student has not seen; the teacher's cosine is the label, another intent overrules it."""
    rows, vectors = unseen(), np.load(WORK / "teacher_unseen.npy").astype(np.float32)
    intents = {row[0]: row[1] for name in ("clinc150_train", "banking77_train") for row in tsv(name)}
    for group in (("clinc",), ("banking",), ("stsb_train",), ("questions",), ("chunkeval_questions", "prompts"), ("wordnet_example",)):
        chosen = [i for i, row in enumerate(rows) if row[0] in group]
        mine = vectors[chosen]
        for at, vector in enumerate(mine):
            similar = mine @ vector
            similar[at] = -1
            ranks = np.argpartition(-similar, 24)[:24]
            ranks = ranks[np.argsort(-similar[ranks])]
            picks = {*ranks[:3], dice.choice(ranks[3:8]), dice.choice(ranks[8:]), dice.randrange(len(chosen))}
            for k in sorted(int(k) for k in picks if k != at):
                a, b = rows[chosen[at]][1], rows[chosen[k]][1]
                label = 1 / (1 + np.exp(-(float(similar[k]) - 0.82) / 0.045))
                if a in intents and b in intents and intents[a] != intents[b]:
                    label *= 0.05
                yield a, b, label, 1.0, "mined_" + group[0]


def stsb():
    for a, b, score in ((r[0], r[1], float(r[2])) for r in tsv("stsb_train")):
        yield a, b, float(np.interp(score, [2.5, 3.5, 4.0, 4.5, 5.0], [0.0, 0.06, 0.25, 0.7, 0.97])), 0.7, "stsb"


def written():
    """Pairs of `questions.txt`: two wordings of a question, and each line against what is near and asks something else.

    The third wording shares so few words with the others that no cosine finds it: it stands against other questions only.
    """
    for group in (HERE / "questions.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        same = [line[2:] for line in group.splitlines() if line.startswith("= ")]
        other = [line[2:] for line in group.splitlines() if line.startswith("~ ")]
        yield same[0], same[1], 1.0, 1.0, "written"
        for a, b in [*itertools.product(same, other), *itertools.combinations(other, 2)]:
            yield a, b, 0.0, 1.0, "written"


def judged():
    """Pairs of questions that were asked without knowing of each other, as they were judged. Every third subject is kept for measuring."""
    asked = [line.rstrip("\n").split("\t") for line in open(HERE / "asked.tsv", encoding="utf-8")]
    for line in open(HERE / "judged.tsv", encoding="utf-8"):
        a, b, grade = map(int, line.split("\t"))
        if int(asked[a][0]) % 3 and int(asked[b][0]) % 3:
            yield asked[a][1], asked[b][1], GRADES[grade], 1.0, "judged"


def main():
    dice = random.Random(SEED + 1)
    rows = [line.rstrip("\n").split("\t", 1) for line in open(WORK / "texts.tsv", encoding="utf-8")]
    real = [text for source, text in rows if source in ("clinc", "banking", "prompts", "chunkeval_questions")]
    extra = [text for source, text in rows if source in ("wordnet_example", "stsb_train", "questions")]
    dice.shuffle(real)
    dice.shuffle(extra)
    antonyms = {}
    for a, b in (row[:2] for row in tsv("antonyms")):
        antonyms.setdefault(a, []).append(b)
        antonyms.setdefault(b, []).append(a)
    pairs = list(grammar(dice, 16_000))
    pairs += list(edits(dice, real[:20_000] + extra[:6_000], antonyms))
    pairs += list(numbers_and_names(dice, real + extra[:8_000]))
    pairs += list(mined(dice))
    pairs += list(stsb())
    pairs += list(written())
    pairs += list(judged())
    dice.shuffle(pairs)
    counts = {}
    with open(WORK / "pairs.tsv", "w", encoding="utf-8") as file:
        for a, b, label, weight, source in pairs:
            file.write(f"{a}\t{b}\t{label:.4f}\t{weight}\t{source}\n")
            counts[source] = counts.get(source, 0) + 1
    print(len(pairs), counts)


if __name__ == "__main__":
    main()
