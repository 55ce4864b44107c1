"""The 16,000 pieces that ship: BERT's uncased pieces by use in the texts, and every Latin character."""

import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from common import TEACHER, need

UNKNOWN = "[UNK]"


def bert():
    return [line.rstrip("\n") for line in open(need(TEACHER / "vocab.txt", "the teacher's vocabulary"), encoding="utf-8")]


def bare(piece):
    return piece[2:] if piece.startswith("##") and len(piece) > 2 else piece


def usable(piece):
    """Pieces of Latin letters, digits and marks. Other scripts stay unknown on purpose: the engine abstains there."""
    if piece.startswith("[") and piece.endswith("]") and len(piece) > 1:
        return False
    return all(c.isascii() or (c.isalpha() and unicodedata.name(c, "").startswith("LATIN"))
               or unicodedata.category(c)[0] in "PS" for c in bare(piece))


def choose(texts, size):
    """Pieces in the file's order: word starts before continuations, then by length in bytes, then by bytes."""
    full = bert()
    index = {piece: i for i, piece in enumerate(full)}
    # A Zipf prior over BERT's own order (words are sorted by use there) smooths the counts of the texts.
    count = {piece: (0.0 if piece.startswith("##") else 60_000 / (i - 900) if i > 1_995 else 0.0) for piece, i in index.items()}
    for encoding in tokenizer(full).encode_batch(texts, add_special_tokens=False):
        for token in encoding.tokens:
            if token in count:
                count[token] += 1
    candidates = [p for p in full if usable(p)]
    singles = [p for p in candidates if len(bare(p)) == 1]
    rest = sorted((p for p in candidates if len(bare(p)) > 1), key=lambda p: (-count[p], index[p]))
    chosen = singles + rest[:size - len(singles)]
    return sorted(chosen, key=lambda p: (p != bare(p), len(bare(p).encode()), bare(p).encode()))


def tokenizer(pieces):
    """The reference implementation over any list of pieces."""
    ids = {piece: i for i, piece in enumerate(pieces)}
    ids.setdefault(UNKNOWN, len(pieces))
    made = Tokenizer(models.WordPiece(ids, unk_token=UNKNOWN, max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made
