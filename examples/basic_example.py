"""Two routines: one counts the words of a text, the other tells which are the most frequent.

python examples/basic_example.py
penstock run examples/basic_example.py --text "to be or not to be"
"""

from __future__ import annotations

from collections import Counter

from penstock.routines import Flow, Routine

TEXT = "the quick brown fox jumps over the lazy dog, and the dog lets the fox be"


class WordCount(Routine):
    """Counts words; emits each number of times."""

    def __init__(self) -> None:
        super().__init__()
        self.define_slot("text", handler=self.count)
        self.define_event("counted", {"counts": dict})

    def count(self, text: str = TEXT) -> None:
        counts = Counter(text.replace(",", " ").split())
        self.increment_stat("words", counts.total())
        self.emit("counted", counts=dict(counts))


class MostFrequent(Routine):
    """Picks the words that occur most often; of equals the first by the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        self.set_config(how_many=3)
        self.define_slot("counts", handler=self.pick)
        self.define_event("picked", {"words": list})

    def pick(self, counts: dict[str, int]) -> None:
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self.emit("picked", words=[[word, counts[word]] for word in ranked[: self.get_config("how_many")]])


flow = Flow("basic")
count, most = WordCount(), MostFrequent()
flow.add_routine(count, "count")
flow.add_routine(most, "most")
flow.connect("count", "counted", "most", "counts")

if __name__ == "__main__":
    job = flow.execute("count", entry_params={"text": TEXT})
    print(job.status, count.stats())
    for word, number in job.outputs["most.picked"]["words"]:
        print(f"{number} x {word}")
    for record in job.execution_history:
        print(f"{record.routine_id}: {record.event_name}")
