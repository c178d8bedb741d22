"""A classifier that tells from its words which package of Python's library a file belongs to.

    python examples/ml_pipeline.py

    load ─> split ─┬─> smooth_0.01 ─┐
                   ├─> smooth_0.1 ──┼─> choose ─> evaluate
                   └─> smooth_1 ────┘

Naive Bayes on counted words, trained on half of the files. How much it is smoothed is chosen on a quarter, and how good it
is is told by the last quarter, which nothing has seen before. The split is by name, so every run comes to the same end.
"""

import math
import re
import sysconfig
from collections import Counter
from pathlib import Path

from penstock.tasks import ThreadedExecutor, Workflow

PACKAGES = ("asyncio", "email", "encodings", "importlib", "multiprocessing", "unittest", "xml")
SMOOTHINGS = (0.01, 0.1, 1.0)
WORD = re.compile(r"[A-Za-z_]{3,}")

Sample = tuple[str, dict[str, int]]  # the package, and how often its file says each word
Model = dict[str, dict[str, float]]  # package -> word -> log probability; "" is any other word


def load(packages: tuple[str, ...] = PACKAGES) -> list[Sample]:
    library = Path(sysconfig.get_path("stdlib"))
    files = [(name, path) for name in packages for path in sorted((library / name).rglob("*.py"))]
    texts = [(name, path.read_text(encoding="utf-8", errors="replace")) for name, path in files]
    return [(name, dict(Counter(WORD.findall(text)))) for name, text in texts if len(text) > 500]


def split(load: list[Sample]) -> dict[str, list[Sample]]:
    """Half to train on, a quarter to choose by, a quarter to be judged by: the files in turn."""
    return {"train": load[::2], "choose": load[1::4], "judge": load[3::4]}


def train(split: dict[str, list[Sample]], smoothing: float) -> Model:
    counts: dict[str, Counter[str]] = {}
    for package, words in split["train"]:
        counts.setdefault(package, Counter()).update(words)
    size = len({word for words in counts.values() for word in words})
    return {package: _log_shares(words, smoothing, size) for package, words in counts.items()}


def _log_shares(words: Counter[str], smoothing: float, size: int) -> dict[str, float]:
    whole = words.total() + smoothing * size
    shares = {word: math.log((count + smoothing) / whole) for word, count in words.items()}
    return shares | {"": math.log(smoothing / whole)}


def accuracy(model: Model, samples: list[Sample]) -> float:
    return sum(guess(model, words) == package for package, words in samples) / len(samples)


def guess(model: Model, words: dict[str, int]) -> str:
    def score(package: str) -> float:
        shares = model[package]
        return sum(count * shares.get(word, shares[""]) for word, count in words.items())

    return max(model, key=score)


def choose(split: dict[str, list[Sample]], **models: Model) -> str:
    """The name of the model that is best on files it was not trained on."""
    return max(models, key=lambda name: accuracy(models[name], split["choose"]))


def evaluate(split: dict[str, list[Sample]], choose: str, **models: Model) -> dict[str, float]:
    """Its share of right guesses on the last quarter, and that of always guessing the commonest package."""
    ((_, commonest),) = Counter(package for package, _ in split["judge"]).most_common(1)
    return {"right": accuracy(models[choose], split["judge"]), "by_chance": commonest / len(split["judge"])}


MODELS = [f"smooth_{smoothing:g}" for smoothing in SMOOTHINGS]
flow = Workflow("ml_pipeline")
flow.add_task(load)
flow.add_task(split, depends_on=["load"])
for model, smoothing in zip(MODELS, SMOOTHINGS, strict=True):
    flow.add_task(train, name=model, depends_on=["split"], values={"smoothing": smoothing})
flow.add_task(choose, depends_on=["split", *MODELS])
flow.add_task(evaluate, depends_on=["split", "choose", *MODELS])

if __name__ == "__main__":
    ThreadedExecutor(max_workers=3).execute(flow)
    found = flow.get_task_result("evaluate")
    print(
        f"{flow.get_task_result('choose')}: {found['right']:.0%} of files are told right, {found['by_chance']:.0%} by chance"
    )
