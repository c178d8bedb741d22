"""LangGraph on its SQLite checkpointer: a state graph with a node for each step.

`durability="sync"` is its setting for steps that are recorded before the next one starts; its default lets the record
follow in a thread of its own, and is no faster here. The checkpointer chooses WAL; SQLite's synchronous=FULL stays.
"""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from workloads import FIRST, SHORT_STEPS, Peer, Work, advance, item, join, main, short_inputs

DATABASE = "langgraph.sqlite"
RESUMED = "resumed"


class Passed(TypedDict):
    value: str


class Collected(Passed):
    values: Annotated[list[str], operator.add]


class LangGraph(Peer):
    name = "langgraph"

    @contextmanager
    def running(self) -> Iterator[None]:
        with closing(sqlite3.connect(DATABASE, check_same_thread=False)) as connection:
            self._saver = SqliteSaver(connection)
            self._saver.setup()
            self._names = count(1)
            yield

    def chain(self, n: int) -> Work:
        graph = self._steps(n)
        return lambda: self._invoke(graph, FIRST, n)

    def fan_out(self, n: int) -> Work:
        graph = self._items(n)
        return lambda: self._invoke(graph, FIRST, n)

    def one_by_one(self, n: int) -> Work:
        graph = self._steps(SHORT_STEPS)
        return lambda: [self._invoke(graph, value, SHORT_STEPS) for value in short_inputs(n)]

    def in_flight(self, n: int) -> Work:
        graph = self._steps(SHORT_STEPS)

        def work() -> list[str]:
            with ThreadPoolExecutor(n) as threads:
                return list(
                    threads.map(lambda value: self._invoke(graph, value, SHORT_STEPS), short_inputs(n))
                )

        return work

    def interrupt(self, n: int) -> Work:
        graph = self._steps(n)
        return lambda: self._invoke(graph, FIRST, n, RESUMED)

    def resume(self, n: int) -> Work:
        graph = self._steps(n)
        return lambda: self._invoke(graph, None, n, RESUMED)

    def _invoke(self, graph: Any, value: str | None, n: int, name: str = "") -> str:
        """The last value of a run; without a value, of the run of that name, taken up where it stopped."""
        config: RunnableConfig = {
            "configurable": {"thread_id": name or str(next(self._names))},
            "recursion_limit": n + 10,
        }
        given = None if value is None else {"value": value}
        last: str = graph.invoke(given, config, durability="sync")["value"]
        return last

    def _steps(self, n: int) -> Any:
        graph = StateGraph(Passed)
        names = [f"step{k}" for k in range(n)]
        for name in names:
            graph.add_node(name, lambda state: {"value": advance(state["value"])})
        for before, after in zip([START, *names], [*names, END], strict=True):
            graph.add_edge(before, after)
        return graph.compile(checkpointer=self._saver)

    def _items(self, n: int) -> Any:
        graph = StateGraph(Collected)
        names = [f"item{k}" for k in range(n)]
        for number, name in enumerate(names):
            graph.add_node(name, item_node(number))
            graph.add_edge(START, name)
        graph.add_node("join", lambda state: {"value": join(state["values"])})
        graph.add_edge(names, "join")
        graph.add_edge("join", END)
        return graph.compile(checkpointer=self._saver)


def item_node(number: int) -> Any:  # LangGraph asks for a protocol whose parameter has a name
    return lambda state: {"values": [item(number, state["value"])]}


if __name__ == "__main__":
    main(LangGraph)
