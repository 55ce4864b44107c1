"""Writes what the reference implementation makes of strings of ours: crates/semantic/tests/golden/*.jsonl.

Ids come from Hugging Face's `tokenizers` over the shipped file's own pieces, vectors from numpy over its rows.
"""

import json
import random

import numpy as np

import model_file
from common import CRATE, SEED
from grammar import questions
from vocabulary import tokenizer

STRINGS = [
    "", " ", "\t\n", "?", "...", "a", "I", "Hello, world!", "How do I reset my password?", "HOW DO I RESET MY PASSWORD?", "café", "cafe\u0301", "Ångström",
    "naïve façade, über-cool", "Zoë's jalapeño", "ÀÉÎÕÜ àéîõü", "ﬁne ﬂour", "Straße", "İstanbul", "ĳssel", "œuvre", "smørrebrød", "Łódź", "ð þ ø æ",
    "don't can't won't it's", "rock'n'roll", "“quoted” ‘single’ — dash – en…", "3.14159", "1,000,000", "15% of 240", "$5.99 €7 £8 ¥9", "2026-11-21T18:41:00Z",
    "user@example.com", "https://example.com/a?b=c&d=e#f", "C++ C# F# .NET", "x=y+z*2", "a_b_c", "snake_case camelCase", "foo(bar)[baz]{qux}", "`code`", "a\\b",
    "tab\tseparated\tvalues", "line\nbreak", "nul\u0000byte", "zero\u200bwidth", "soft\u00adhyphen", "bom\ufeff", "rtl\u200fmark", "replacement\ufffd",
    "non\u00a0breaking\u2003space", "日本語のテキスト", "中文 and English", "東京tower", "Привет, мир", "مرحبا", "שלום", "नमस्ते", "한국어", "ไทย", "ελληνικά",
    "emoji 😀 party 🎉", "👩‍👩‍👧", "™ ® © ° ² ½", "antidisestablishmentarianism", "pneumonoultramicroscopicsilicovolcanoconiosis", "x" * 99, "x" * 100, "x" * 101,
    "supercalifragilisticexpialidocious!", "wxyzq", "qzxj", "0x7fff5fbff8c8", "ABC123def", "e.g. i.e. etc.", "Mr. & Mrs. O'Neill-Smith", "¿Qué? ¡Sí!", "l’été",
    "a\u0301\u0302\u0303", "\u0301alone", "K (kelvin) Å (angstrom)", "ß ẞ", "ſ long s", "ǅ titlecase", "١٢٣", "Ⅷ roman", "x\u2028y\u2029z", "a\u0085b",
    "\u00ab guillemets \u00bb", "§ 12 ¶ 3", "†‡•", "‰ ′ ″", "※ ‖", "、。「」", "！？", "ｆｕｌｌｗｉｄｔｈ", "①②③",
]


def main():
    pieces, codes, scales = model_file.read((CRATE / "model" / "static-v1.bin").read_bytes())
    dice = random.Random(SEED + 2)
    texts = STRINGS + questions(dice, 400)
    # Random mixtures of everything above.
    alphabet = "".join(STRINGS)
    texts += ["".join(dice.choice(alphabet) for _ in range(dice.randrange(1, 40))) for _ in range(600)]
    made, folder = tokenizer(pieces), CRATE / "tests" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "tokens.jsonl", "w", encoding="utf-8") as file:
        for text, encoding in zip(texts, made.encode_batch(texts, add_special_tokens=False)):
            ids = [None if i == len(pieces) else i for i in encoding.ids]
            file.write(json.dumps({"text": text, "ids": ids}) + "\n")
    table = codes * scales[:, None]
    with open(folder / "vectors.jsonl", "w", encoding="utf-8") as file:
        for text in STRINGS[7:16] + texts[len(STRINGS):len(STRINGS) + 12]:
            ids = [i for i in made.encode(text, add_special_tokens=False).ids if i < len(pieces)]
            vector = table[ids].sum(0, dtype=np.float64)
            vector /= np.linalg.norm(vector)
            file.write(json.dumps({"text": text, "vector": [round(float(v), 5) for v in vector]}) + "\n")
    print(len(texts), "strings")


if __name__ == "__main__":
    main()
