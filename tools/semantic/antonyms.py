"""Cuts the shared list of antonyms (WordNet 3.0 and our own) to common words: crates/semantic/model/antonyms.txt."""

from common import CRATE, WORDNET, need, tsv

KEPT = 1_500


def main():
    counts = {}
    for line in open(need(WORDNET / "cntlist.rev", "WordNet 3.0"), encoding="utf-8"):
        key, _, count = line.split()
        counts[key.split("%")[0]] = counts.get(key.split("%")[0], 0) + int(count)
    pairs = {tuple(sorted(row[:2])) for row in tsv("antonyms") if all(w.isascii() and w.isalpha() for w in row[:2])}
    # Pairs WordNet never saw tagged are our own additions (techniques, settings): they rank with the commonest.
    def use(pair):
        known = [counts.get(w, 0) for w in pair]
        return min(known) if max(known) else 5
    best = sorted(pairs, key=lambda p: (-use(p), p))[:KEPT]
    path = CRATE / "model" / "antonyms.txt"
    path.write_text("".join(f"{a} {b}\n" for a, b in sorted(best)))
    print(path, len(best), path.stat().st_size)


if __name__ == "__main__":
    main()
