"""Looks up what `explaining` needs to say why a run does not go on: its row and log, its queue, workers, limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from penstock.app.causes import Cause, Known, Slot, Worker
from penstock.app.explaining import explain
from penstock.app.limits import Waiting, Waits
from penstock.app.owners import is_gone
from penstock.app.pacing import seconds_to_token
from penstock.app.queues import Queues, gate_of, said_in
from penstock.app.reading import Reading
from penstock.app.standing import StepStanding, standing_of
from penstock.errors import PenstockError, RunNotFound
from penstock.model.limits import Bounds
from penstock.model.outline import Graph, graph_of
from penstock.model.states import FINISHED
from penstock.model.wording import guess
from penstock.ports import Store

MOST: Final = 10_000


def why(engine: Reading, run_id: str, step: str | None = None, definition: Any = None) -> list[Cause]:
    """Why a run, or a step of it, does not go on. `definition` is its code, if it is at hand.

    Raises RunNotFound.
    """
    known = known_of(engine, run_id, definition)
    if step is not None and step not in known.standing.steps:
        raise RunNotFound(f"run {run_id} has no step {step!r}; {guess(step, known.standing.steps, 'it has')}")
    return explain(known, step)


def known_of(engine: Reading, run_id: str, definition: Any = None) -> Known:
    """All that is known of why a run does not go on."""
    store = engine.durable_store()
    row = store.get("runs", [run_id]).get(run_id)
    if row is None:
        raise RunNotFound(f"no run {run_id!r} in {engine.address}; see `penstock runs`")
    log = engine.events_of(run_id)
    program = None if definition is None else definition.as_program()
    standing = standing_of(run_id, log, program, _outline(definition, log[0][2]))
    known = Known(row, standing, engine.clock.now())
    if row["status"] in FINISHED:
        return known
    known.workers = _workers(engine, row)
    _slots_in(known, Waits(store, run_id))
    if row["state"] == "leased":
        _lease_in(store, known, row)
    elif row["state"] in ("ready", "delayed"):
        _queue_in(store, known, row)
    return known


def _outline(definition: Any, started: Any) -> Graph | None:
    try:
        return None if definition is None else graph_of(definition, started.input)
    except PenstockError:
        return None


def _lease_in(store: Store, known: Known, row: Mapping[str, Any]) -> None:
    owner = row["owner"]
    known.owner = _named(owner, known.workers)
    known.owner_gone = is_gone(owner)
    known.lapses = row["due"]
    leased = store.find("runs", {"state": "leased", "owner": owner}, limit=MOST)
    known.neighbours = [
        each["id"] for each in leased if each["id"] != row["id"] and each["status"] == "running"
    ]


def _named(owner: str, workers: Any) -> str:
    """A process in words; an owner's name holds its number."""
    for worker in workers:
        if worker.owner == owner:
            return f"worker {worker.name}"
    parts = owner.split(".")
    return f"process {parts[1]}" if len(parts) > 1 and parts[1].isdigit() else f"process {owner}"


def _workers(engine: Reading, row: Mapping[str, Any]) -> list[Worker]:
    """Those that take runs of its queue, or of any queue."""
    found = []
    for each in Queues(engine).workers():
        if each["queues"] is None or row["queue"] in each["queues"]:
            name, busy = f"{each['host']}:{each['pid']}", each["driven"] >= each["slots"]
            refusal = each["refused"].get(row["id"], "")
            found.append(Worker(each["owner"], name, each["alive"], busy, refusal))
    return found


def _queue_in(store: Store, known: Known, row: Mapping[str, Any]) -> None:
    gate = row["gate"] or gate_of(row["queue"])
    documents = store.get("documents", [gate, f"gate:{gate}"])
    said = {key: json.loads(document["data"]) for key, document in documents.items()}
    known.queue_paused = bool(said.get(f"gate:{gate}", {}).get("shut"))
    rule = said_in(documents.get(gate))
    known.bound = rule.concurrency
    if rule.rate is not None and row["status"] == "pending":
        known.rate = rule.rate
        known.token_in = seconds_to_token(store, gate, rule.bounds) or None
    if known.bound is not None:
        held = store.find("runs", {"state": "leased", "gate": gate}, limit=MOST)
        known.holders = [each["id"] for each in held if not is_gone(each["owner"])]
    if row["state"] == "ready":
        waiting = store.find("runs", {"state": "ready", "queue": row["queue"]}, limit=MOST)
        mine = next((n for n, each in enumerate(waiting) if each["id"] == row["id"]), len(waiting))
        places = {each["id"]: n for n, each in enumerate(waiting)}
        before = sorted(waiting, key=lambda each: each["rank"])
        ahead = [each["id"] for each in before if (each["rank"], places[each["id"]]) < (row["rank"], mine)]
        known.ahead = ahead
        known.later = [run for run in ahead if places[run] > mine]


def _slots_in(known: Known, waits: Waits) -> None:
    """What waits for a slot, though its code may not be at hand; the run itself, a workflow inside it, a step."""
    itself = waits.named.get("")
    if itself is not None:
        known.slot = _slot(itself)
        return
    steps = known.standing.steps
    for name in waits.named:
        if not name.endswith("]"):
            steps.setdefault(name, StepStanding(name, "ready")).status = "ready"
    found = {
        step.step: waits.around(step.step) or (waits.behind if step.under else None)
        for step in known.standing.having("ready", "running")
    }
    known.slots = {step: _slot(waiting) for step, waiting in found.items() if waiting is not None}


def _slot(waiting: Waiting) -> Slot:
    holders = [f"{each.step} of {each.run[:8]}" if each.step else each.run[:8] for each in waiting.holders]
    return Slot(waiting.kind, waiting.key, _said(waiting.bounds), holders, waiting.at, waiting.ahead)


def _said(bounds: Bounds) -> str:
    most = [] if bounds.at_most is None else [f"{bounds.at_most} at once"]
    rate = [] if bounds.rate is None else [f"{bounds.rate:g} a second"]
    return ", ".join(most + rate) or "no bound"
