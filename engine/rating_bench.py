"""The reward model on ratings that nobody here made, beside logistic regression on TF-IDF and length.

    rating-en-topicalchat-turns   replies rated 1 to 5 by the partner of the talk: 5 against 1 to 3
    rating-en-taskmaster-reward   outputs of an assistant that people marked right or wrong

A fifth of the texts is kept aside, three times anew, always whole texts. The three see the same: the reply
alone, and of more than MOST ratings the same MOST by chance. The networks stop once they gain nothing for
PATIENCE epochs. All ratings and all epochs (`--full`) take half an hour of one core.

Knows: the two files, the peers, the AUC. Does not know: how the model is made.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from engine import gate
from engine.errors import BadFile, ExtraMissing
from engine.reward import Example, RewardConfig, RewardModel
from engine.summary_bench import Measurement

FILES = {
    "topical chat": "rating-en-topicalchat-turns.jsonl.gz",
    "taskmaster": "rating-en-taskmaster-reward.jsonl.gz",
}
SPLITS = 3
MOST, PATIENCE = 3100, 2
_BAR = "> TF-IDF's and length's"


def ratings(data: Path, config: RewardConfig | None = None, *, full: bool = False) -> Iterator[Measurement]:
    """For each file the mean AUC of each way on texts kept aside. Raises BadFile, ExtraMissing."""
    config = config or RewardConfig(patience=0 if full else PATIENCE)
    for name, file in FILES.items():
        every = balanced(read(data / file))
        rows = every if full else every[:MOST]
        found = np.array([compared(rows, config, split) for split in range(SPLITS)])
        ours, words, length = found.mean(axis=0).tolist()
        spread = gate.student(SPLITS - 1) * float((found[:, 0] - found[:, 1]).std(ddof=1)) / SPLITS**0.5
        gain = ours - words
        over = f"over TF-IDF {gain:+.3f}, 95 % interval {gain - spread:+.3f} to {gain + spread:+.3f}"
        over += f"; {len(rows)} of {len(every)} ratings"
        said = f"{name}: AUC on texts kept aside ({over})"
        holds = ours > max(words, length)
        yield Measurement(said, ours, "AUC", "logistic regression on TF-IDF", words, 1.0, _BAR, holds)
        yield Measurement(f"{name}: AUC beside length", ours, "AUC", "length", length, 1.0, _BAR, holds)


def read(file: Path) -> list[tuple[str, bool]]:
    """(text, whether it was rated well); what was rated in between is left out. Raises BadFile."""
    try:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        found = []
        for row in rows:
            rating = float(row["rating"])
            if "split" not in row:
                found.append((str(row["response"]), rating > 0.5))
            elif rating <= 3 or rating == 5:
                found.append((str(row["response"]), rating == 5))
    except (OSError, ValueError, KeyError) as error:
        raise BadFile(file=str(file), reason=str(error)) from error
    return found


def balanced(rows: Sequence[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """As many of either kind where one is more than twice the other, in an order by chance."""
    draw = random.Random(0)
    kinds = [[row for row in rows if row[1] is liked] for liked in (True, False)]
    least = min(map(len, kinds))
    if max(map(len, kinds)) > 2 * least:
        kinds = [draw.sample(kind, least) for kind in kinds]
    found = [*kinds[0], *kinds[1]]
    draw.shuffle(found)
    return found


def compared(
    rows: Sequence[tuple[str, bool]], config: RewardConfig, split: int
) -> tuple[float, float, float]:
    """The AUC of the reward model, of TF-IDF, of length, on a fifth of the texts."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ExtraMissing(option="--ratings", package="scikit-learn", extra="bench") from error
    texts = sorted({text for text, _ in rows})
    random.Random(split).shuffle(texts)
    aside = set(texts[: len(texts) // 5])
    train = [row for row in rows if row[0] not in aside]
    test = [row for row in rows if row[0] in aside]
    model = RewardModel.fit([Example("chat", text, float(liked)) for text, liked in train], config, split)
    ours = [one.logit for one in model.opinions([("chat", text) for text, _ in test])]
    vectors = TfidfVectorizer(sublinear_tf=True)
    peer = LogisticRegression(max_iter=1000)
    peer.fit(vectors.fit_transform([text for text, _ in train]), [liked for _, liked in train])
    words = peer.decision_function(vectors.transform([text for text, _ in test]))
    lengths = [float(len(text)) for text, _ in test]
    side = 1 if auc([float(len(text)) for text, _ in train], train) >= 0.5 else -1
    return auc(ours, test), auc(list(words), test), auc([side * length for length in lengths], test)


def auc(scores: Sequence[float], rows: Sequence[tuple[str, bool]]) -> float:
    """How often a liked text scores above a disliked one."""
    liked, tasks = [liked for _, liked in rows], [""] * len(rows)
    return float(gate.pairwise_accuracy(scores, liked, tasks, np.ones((1, len(rows))))[0])
