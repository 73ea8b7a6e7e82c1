"""python -m tests.bench.translation [MODEL] [--rows N] [--plain]: chrF and BLEU against a dictionary.

One JSON line a direction and test set, `name` first: UD-PUD (professional, long news sentences) and the
development split of Tatoeba (short everyday ones). The peer is a word-by-word dictionary induced by IBM
model 1 from the very pairs that the model was trained on, in this run. sacrebleu computes both figures;
chrF (Popović 2015) is the bar's. References and translations are evened out alike (`engine.parallel`).

A pair is `unseen` when neither of its sides stands in a training pair; figures of those alone follow.
--plain leaves out the memory of our own pairs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import sacrebleu
import torch

from engine import checkpoint, corpus, lexicon, parallel
from engine.decode import Decoder
from engine.translate import Translator
from engine.weights import folder_of

DATA = Path(__file__).parents[3] / "shared" / "data"
WHOLE = ("pair-en_zh-ntrex", "qa-en_zh-xquad")
"""Training files whose published split is not train; nothing is measured on them."""
TRAINING = (
    *("written/pair-zh_en.jsonl", "pair-en_zh-tatoeba.jsonl.gz", "pair-en_zh-ntrex.jsonl.gz"),
    *("pair-en_zh-asp.jsonl.gz", "qa-en_zh-xquad.jsonl.gz"),
)
SETS = (("tatoeba-dev", "pair-en_zh-tatoeba.jsonl.gz"), ("ud-pud", "pair-en_zh-ud-pud.jsonl.gz"))
BAR = 10.0
"""Points of chrF above the dictionary."""

Pair = tuple[str, str]


def training_pairs() -> list[Pair]:
    found: list[Pair] = []
    for name in TRAINING:
        whole = Path(name).name.split(".")[0] in WHOLE
        for row in corpus.rows(DATA / name):
            if whole or row.get("split", "train") == "train":
                found += parallel.pairs(row)
    return list(dict.fromkeys(found))


def held_out(name: str, rows: int) -> list[Pair]:
    """Pairs whose split is not train, evenly taken where `rows` is above 0."""
    found = [
        pair
        for row in corpus.rows(DATA / name)
        if row.get("split") not in (None, "train")
        for pair in parallel.pairs(row)
    ]
    step = max(1, len(found) // rows) if rows else 1
    return found[::step][: rows or None]


def figures(translated: Sequence[str], wanted: Sequence[str], language: str) -> dict[str, float]:
    tokenize = "zh" if language == "zh" else "13a"
    return {
        "chrf": round(sacrebleu.corpus_chrf(list(translated), [list(wanted)]).score, 2),
        "bleu": round(sacrebleu.corpus_bleu(list(translated), [list(wanted)], tokenize=tokenize).score, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", default="translate")
    parser.add_argument("--rows", type=int, default=0, help="rows of each set; 0: all")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--show", type=int, default=0, help="print so many translations of each")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    translator = Translator(Decoder(checkpoint.load(folder_of(asked.model))))
    training = training_pairs()
    dictionary = lexicon.learn(training, symmetric=False)
    seen = ({english for english, _ in training}, {chinese for _, chinese in training})
    for title, name in SETS:
        pairs = held_out(name, asked.rows)
        unseen = [n for n, (e, c) in enumerate(pairs) if e not in seen[0] and c not in seen[1]]
        for side, language in ((0, "zh"), (1, "en")):
            sources, wanted = [p[side] for p in pairs], [p[1 - side] for p in pairs]
            best = [translator.translate(s, language, drafts=1, memory=not asked.plain)[0] for s in sources]
            ours = [one.text.replace("\n", " ") for one in best]
            peer = [dictionary.word_by_word(source) for source in sources]
            us, them = figures(ours, wanted, language), figures(peer, wanted, language)
            alone = figures([ours[n] for n in unseen], [wanted[n] for n in unseen], language)
            row = {
                "name": f"{title} {'en>zh' if language == 'zh' else 'zh>en'}",
                "ours": us["chrf"],
                "unit": "chrF",
                "peer_name": "word by word, IBM model 1",
                "peer": them["chrf"],
                "gain": round(us["chrf"] - them["chrf"], 2),
                "bar": BAR,
                "ok": us["chrf"] - them["chrf"] >= BAR,
                "bleu": us["bleu"],
                "peer_bleu": them["bleu"],
                "rows": len(pairs),
                "unseen": len(unseen),
                "unseen_chrf": alone["chrf"],
                "confidence": round(sum(one.confidence for one in best) / len(best), 3),
            }
            print(json.dumps(row, ensure_ascii=False), flush=True)
            for n in range(asked.show):
                print(f"#   {sources[n]} | {ours[n]} | {peer[n]} | {wanted[n]}", flush=True)


if __name__ == "__main__":
    main()
