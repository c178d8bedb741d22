"""How many people does a workshop need on a busy day, so that nineteen of twenty repairs are done within two hours?

    python examples/what_if.py

    inspect ─┬─> order_parts ─┬─> repair ─> test
             └─> clean ───────┘

Nobody repairs anything here: the workflow is played in virtual time, a working day of eight hours for each seed. How long its
steps take is said in a table; where it had really run, that would be learned from its runs.
"""

from penstock import Workflow
from penstock.whatif import Poisson, simulate

TWO_HOURS = 7200.0

MINUTES = {"inspect": [5, 15], "order_parts": [1, 3], "clean": [5, 20], "repair": [15, 50], "test": [5, 10]}
SECONDS = {step: [60 * low, 60 * high] for step, (low, high) in MINUTES.items()}
DURATIONS = {**SECONDS, "test": {"duration": SECONDS["test"], "fails": 0.1, "retries": 2}}


def work() -> None:
    """What a step would do."""


flow = Workflow("repairs")
flow.add_task(work, name="inspect")
flow.add_task(work, name="order_parts", depends_on="inspect")
flow.add_task(work, name="clean", depends_on="inspect")
flow.add_task(work, name="repair", depends_on=["order_parts", "clean"])
flow.add_task(work, name="test", depends_on="repair")


def main() -> None:
    a_day = Poisson(rate=4.5 / 3600, seconds=8 * 3600)
    print("people  busy  19 of 20 within  waiting for somebody")
    for people in range(4, 11):
        report = simulate(
            flow, workers=people, arrivals=a_day, durations=DURATIONS, store="memory:", bottleneck=False
        )
        (place,) = report.places
        within = report.latency.p95.median
        print(
            f"{people:6}  {place.utilisation.mean:4.0%}  {within / 60:14,.0f} min  {place.waiting.mean:20.1f}"
        )
        if within <= TWO_HOURS:
            break


if __name__ == "__main__":
    main()
