"""`penstock graph`: on the terminal, as Mermaid, as SVG, of a file or of a run."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from penstock.cli.drawing.layout import place
from penstock.cli.drawing.mermaid import mermaid
from penstock.cli.drawing.picture import Box, Picture, picture_in
from penstock.cli.drawing.svg import svg
from penstock.cli.drawing.terminal import PLAIN, ROUND, Strokes, draw
from penstock.model.outline import Edge, Graph, Node
from tests.cli.conftest import Cli, document


def picture(depends_on: dict[str, str]) -> Picture:
    return Picture("it", {name: Box(name, tuple(needs.split())) for name, needs in depends_on.items()})


def drawn(depends_on: dict[str, str], strokes: Strokes = ROUND) -> str:
    sign = "●" if strokes is ROUND else "o"
    return "\n".join(draw(picture(depends_on), lambda box: sign, lambda box: box.name, strokes))


DIAMOND = {"a": "", "b": "a", "c": "a", "d": "a", "e": "b c d"}


def test_a_chain_is_a_list() -> None:
    assert drawn({"a": "", "b": "a"}) == "●  a\n●  b"


def test_lanes_split_and_meet() -> None:
    assert drawn(DIAMOND) == "●      a\n├─┬─╮\n● │ │  b\n│ ● │  c\n│ │ ●  d\n├─┴─╯\n●      e"


def test_where_there_is_no_unicode_lanes_are_drawn_in_ascii() -> None:
    assert drawn(DIAMOND, PLAIN) == "o      a\n+-+-+\no | |  b\n| o |  c\n| | o  d\n+-+-+\no      e"


def test_steps_that_have_nothing_to_do_with_each_other_do_not_touch() -> None:
    assert drawn({"a": "", "b": ""}) == "●  a\n\n●  b"


def test_an_edge_passes_behind_the_lanes_it_does_not_touch() -> None:
    text = drawn({"a": "", "b": "a", "c": "a", "d": "b", "e": "b d"})
    assert text == "●      a\n├─╮\n● │    b\n├─│─╮\n│ ● │  c\n●   │  d\n├───╯\n●      e"


def test_every_step_is_drawn_once_whatever_the_graph() -> None:
    names = "abcdefghij"
    for seed in range(200):
        chosen = {
            name: " ".join(
                other
                for number, other in enumerate(names[:at])
                if (seed * 7919 + at * 31 + number * 17) % 5 == 0
            )
            for at, name in enumerate(names)
        }
        lines = drawn(chosen).splitlines()
        assert sorted(line[-1] for line in lines if "●" in line) == sorted(names)


def test_a_graph_of_a_file(cli: Cli) -> None:
    assert (
        cli("graph", "greetings.py").output
        == "greetings\n\n  ●  names\n  ●  greet  for each item\n  ●  letter\n"
    )


def test_a_graph_of_a_run_has_its_statuses(cli: Cli) -> None:
    cli("run", "mendable.py")
    output = cli("graph", "latest").output
    assert "✓  before" in output
    assert "✗  divide" in output


def test_a_graph_in_json_is_what_depends_on_what(cli: Cli) -> None:
    found = document(cli("graph", "greetings.py", "--json"))
    assert found["workflow"] == "greetings"
    assert [(step["step"], step["kind"], step["depends_on"]) for step in found["steps"]] == [
        ("names", "step", []),
        ("greet", "map", ["names"]),
        ("letter", "step", ["greet"]),
    ]


NESTED = """
from penstock import Workflow, task

@task
def add(number: int = 1) -> int:
    return number + 1

inner = Workflow("inner")
inner.add_task(add)
inner.add_task(lambda add: add * 2, name="double", depends_on=["add"])
flow = Workflow("outer")
flow.add_task(lambda: 1, name="one")
flow.add_workflow(inner, depends_on=["one"], values={"number": 3})
flow.add_task(lambda inner: inner, name="last", depends_on=["inner"], when=lambda inner: inner > 0)
"""


def test_a_workflow_inside_a_workflow_is_drawn_as_its_steps(cli: Cli) -> None:
    Path("nested.py").write_text(NESTED)
    found = document(cli("graph", "nested.py:flow", "--json"))
    assert [(step["step"], step["depends_on"]) for step in found["steps"]] == [
        ("one", []),
        ("inner/add", ["one"]),
        ("inner/double", ["inner/add"]),
        ("last", ["inner/double"]),
    ]
    assert cli("run", "nested.py:flow").exit_code == 0
    assert {step["status"] for step in document(cli("graph", "latest", "--json"))["steps"]} == {"completed"}


def test_mermaid_names_every_step_and_edge() -> None:
    text = mermaid(picture(DIAMOND))
    assert text.startswith("flowchart TD\n")
    assert text.count(" --> ") == 6
    assert all(f'["{name}"]' in text for name in DIAMOND)


def test_names_are_quoted_in_mermaid_and_in_svg() -> None:
    odd = Picture("it", {'a"<b>': Box('a"<b>')})
    assert '["a&quot;&lt;b&gt;"]' in mermaid(odd)
    ElementTree.fromstring(svg(odd))


def test_an_svg_has_a_box_a_step_and_a_line_an_edge(cli: Cli, folder: Path) -> None:
    assert cli("graph", "greetings.py", "-o", "graph.svg").exit_code == 0
    space = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(folder / "graph.svg").getroot()
    assert [title.text for title in root.iter(f"{space}title")] == ["names", "greet", "letter"]
    assert len([path for path in root.iter(f"{space}path") if "marker-end" in path.attrib]) == 2


@pytest.mark.parametrize("ending", [".svg", ".mmd", ".txt"])
def test_the_format_follows_from_the_files_ending(cli: Cli, folder: Path, ending: str) -> None:
    cli("graph", "greetings.py", "-o", f"graph{ending}")
    begins = {".svg": "<svg", ".mmd": "flowchart", ".txt": "greetings"}[ending]
    assert (folder / f"graph{ending}").read_text(encoding="utf-8").startswith(begins)


def test_boxes_of_a_layer_do_not_overlap_and_edges_go_down() -> None:
    needs = {
        name: box.depends_on
        for name, box in picture({**DIAMOND, "f": "a e", "g": "b", "h": "g f"}).boxes.items()
    }
    placed = place(needs, dict.fromkeys(needs, 100.0), 20.0)
    for layer in set(placed.layer.values()):
        row = sorted(placed.x[name] for name in needs if placed.layer[name] == layer)
        assert all(right - left >= 119.9 for left, right in itertools.pairwise(row))
    assert min(placed.x.values()) >= 49.9
    assert all(placed.layer[above] < placed.layer[below] for above, below in placed.edges)


def test_a_workflow_that_decides_as_it_runs_has_no_graph_beforehand() -> None:
    from penstock.cli.drawing.picture import picture_of
    from penstock.errors import DefinitionError
    from penstock.model.program import Plan

    with pytest.raises(DefinitionError, match="decides its steps as it runs"):
        picture_of(Plan())


RING = Graph(
    "ring",
    [Node("source", "routine"), Node("work", "routine"), Node("judge", "routine"), Node("end", "routine")],
    [
        Edge("source", "work", "made → given"),
        Edge("work", "judge", "done → seen"),
        Edge("judge", "work", "again → given"),
        Edge("judge", "judge", "unsure → seen"),
        Edge("judge", "end", "good → given"),
        Edge("judge", "end", "late → given"),
    ],
)


def test_edges_that_lead_back_are_drawn_and_end_nothing() -> None:
    found = picture_in(RING)
    assert {box.name: box.back for box in found.boxes.values() if box.back} == {"judge": ("work", "judge")}
    lines = draw(found, lambda box: "●", lambda box: box.name, ROUND)
    assert lines == ["●  source", "●  work", "●  judge", "●  end"]


def test_mermaid_names_edges_and_draws_those_that_lead_back() -> None:
    text = mermaid(picture_in(RING))
    assert 's0(["source"])' in text
    assert 's2 -->|"again → given"| s1' in text
    assert 's2 -->|"unsure → seen"| s2' in text
    assert 's2 -->|"good → given, late → given"| s3' in text


def test_an_svg_leads_back_in_lanes_beside_the_drawing() -> None:
    root = ElementTree.fromstring(svg(picture_in(RING)))
    space = "{http://www.w3.org/2000/svg}"
    back = [path for path in root.iter(f"{space}path") if path.get("class") == "back"]
    assert [path.findtext(f"{space}title") for path in back] == ["again → given", "unsure → seen"]
    wide = float(root.get("width", "0"))
    assert all(
        0 < float(number) < wide for path in back for number in re.findall(r"[HM]([\d.]+)", path.get("d", ""))
    )


RELAY = """
from penstock.model.outline import Edge, Graph, Node
from penstock.model.program import Do, End, Fail, Plan


class Once:
    def begin(self, at):
        return [Do("first", int, ("7",))]

    def done(self, key, value, at):
        return [Do("second", str, (value,))] if key == "first" else [End(value)]

    def failed(self, key, error, at):
        return [Fail(error)]


class Relay(Plan):
    name, version = "relay", "1"

    def as_program(self):
        return self

    def as_graph(self, input=None):
        return Graph("relay", [Node("first"), Node("second", remark="at last")], [Edge("first", "second", "a number")])

    def play(self, input):
        return Once()


relay = Relay()
"""


def test_any_style_is_drawn_that_gives_an_outline(cli: Cli) -> None:
    Path("relay.py").write_text(RELAY)
    assert cli("graph", "relay.py").output == "relay\n\n  ●  first\n  ●  second  at last\n"
    assert cli("run", "relay.py").exit_code == 0
    found = document(cli("graph", "latest", "--json"))
    assert [step["status"] for step in found["steps"]] == ["completed", "completed"]
    assert found["edges"] == [{"from": "first", "to": "second", "label": "a number"}]
    assert "steps    first, second" in cli("validate", "relay.py").output


SCOPES = """
from penstock.model.outline import Edge, Graph, Node
from penstock.model.program import Do, End, Fail, Open, Plan


class Chain(Plan):
    version = "1"

    def __init__(self, name, *asks):
        self.name = name
        self.asks = asks

    def as_program(self):
        return self

    def as_graph(self, input=None):
        return Graph(self.name, [Node(name, kind) for name, kind in self.drawn])

    def play(self, input):
        return Link(list(self.asks))


class Link:
    def __init__(self, asks):
        self.asks = asks

    def begin(self, at):
        return [self.asks.pop(0)]

    def done(self, key, value, at):
        return [self.asks.pop(0)] if self.asks else [End(value)]

    def failed(self, key, error, at):
        return [Fail(error)]


inner = Chain("inner", Do("x", int), Do("y", int))
ring = Chain("ring", Do("ping", int), Open("inner", inner), Do("pong#1", int), Do("ping#2", int), Do("ping#3", int, ("x",)))
ring.drawn = [("ping", "routine"), ("pong", "routine"), ("inner", "step"), ("pang", "routine")]
"""


def test_routines_and_scopes_have_the_status_of_what_ran_in_them(cli: Cli) -> None:
    Path("ring.py").write_text(SCOPES)
    assert cli("run", "ring.py:ring").exit_code == 1
    found = document(cli("graph", "latest", "--json"))
    assert [(step["step"], step["kind"], step["status"]) for step in found["steps"]] == [
        ("ping", "routine", "failed"),
        ("pong", "routine", "completed"),
        ("inner", "step", "completed"),
        ("pang", "routine", "waiting"),
    ]
    output = cli("graph", "latest").output
    assert re.search(r"✗ +ping  3 times in ", output)
    assert re.search(r"✓ +pong  1 time in ", output)


def test_a_run_that_decided_as_it_ran_is_drawn_from_its_log(cli: Cli) -> None:
    Path("deciding.py").write_text(RELAY.replace("def as_graph", "def as_was"))
    assert "decides its steps as it runs" in cli("graph", "deciding.py").stderr
    cli("run", "deciding.py")
    found = document(cli("graph", "latest", "--json"))
    assert [(each["step"], each["depends_on"], each["status"]) for each in found["steps"]] == [
        ("first", [], "completed"),
        ("second", ["first"], "completed"),
    ]


FLOW = """
from penstock.routines import Flow, Routine


class Work(Routine):
    def __init__(self):
        super().__init__()
        self.define_slot("given", handler=self.work)
        self.define_event("left", ["number"])
        self.define_event("over", ["number"])

    def work(self, number: int):
        self.emit("left" if number else "over", number=number - 1)


class Judge(Routine):
    def __init__(self):
        super().__init__()
        self.define_slot("seen", handler=self.judge)
        self.define_event("again", ["number"])

    def judge(self, number: int):
        self.emit("again", number=number)


class End(Routine):
    def __init__(self):
        super().__init__()
        self.define_slot("given", handler=lambda number: None)


ring = Flow("ring", entry="work")
ring.add_routine(Work(), "work")
ring.add_routine(Judge(), "judge")
ring.add_routine(End(), "end")
ring.connect("work", "left", "judge", "seen")
ring.connect("judge", "again", "work", "given")
ring.connect("work", "over", "end", "given")
"""


def test_a_flow_is_drawn_with_its_events_and_what_leads_back(cli: Cli) -> None:
    Path("ring.py").write_text(FLOW)
    assert cli("graph", "ring.py").output == (
        "ring\n\n  ●    work\n  ├─╮\n  ● │  judge  back to work\n    ●  end\n"
    )
    assert 's1 -->|"again → given"| s0' in cli("graph", "ring.py", "--format", "mermaid").output
    assert cli("graph", "ring.py", "-o", "ring.svg").exit_code == 0
    assert Path("ring.svg").read_text().count('class="back"') == 1
    assert "steps    work, judge, end" in cli("validate", "ring.py").output


def test_a_job_of_a_flow_is_drawn_with_how_often_each_routine_ran(cli: Cli) -> None:
    Path("ring.py").write_text(FLOW)
    ran = cli("run", "ring.py", "--number", "2")
    assert "waiting" not in ran.output
    found = document(cli("graph", "latest", "--json"))
    assert [(each["step"], each["kind"], each["status"]) for each in found["steps"]] == [
        ("work", "routine", "completed"), ("judge", "routine", "completed"), ("end", "routine", "completed")
    ]  # fmt: skip
    output = cli("graph", "latest").output
    assert re.search(r"work  3 times in ", output)
    assert re.search(r"judge  2 times in .*, back to work", output)


ORCHESTRATION = """
from penstock.processes import AtomarProcess, InputParameter, OrchestratedProcess, OutputParameter, ProcessExecutionFlags


class Make(AtomarProcess):
    def __init__(self, name="Make"):
        super().__init__(name)
        self.output.add(OutputParameter("number", int))

    async def execute_impl(self):
        self.output["number"].value = 7


class Take(AtomarProcess):
    def __init__(self, name="Take"):
        super().__init__(name)
        self.input.add(InputParameter("given", int, required=False))

    async def execute_impl(self):
        pass


class Inner(OrchestratedProcess):
    def define_orchestration(self):
        for name in ("x", "y"):
            self.add_child(Take(name), ProcessExecutionFlags.PARALLEL)


class Outer(OrchestratedProcess):
    def __init__(self):
        super().__init__("Outer")
        self.input.add(InputParameter("more", int, required=False, default=0))

    def define_orchestration(self):
        make, take = self.add_child(Make()), Take()
        self.add_child(Inner())
        self.add_child(Take("aside"), ProcessExecutionFlags(parallel=True, wait_for_completion=False))
        self.add_child(take, ProcessExecutionFlags.PARALLEL)
        self._connect_param(make.output["number"], take.input["given"])
        for number in range(self.input["more"].value):
            self.add_child(Take(f"more-{number}"))

    async def on_before_execute(self):
        pass

    async def after_children_executed(self):
        pass


class Asking(OrchestratedProcess):
    def __init__(self):
        super().__init__("Asking")
        self.input.add(InputParameter("times", int, required=True))

    def define_orchestration(self):
        for number in range(self.input["times"].value):
            self.add_child(Take(f"take-{number}"))
"""


def test_an_orchestration_is_drawn_with_its_groups_hooks_and_orchestrations(cli: Cli) -> None:
    Path("outer.py").write_text(ORCHESTRATION)
    found = document(cli("graph", "outer.py:Outer", "--json"))
    assert [(each["step"], each["depends_on"], each["condition"]) for each in found["steps"]] == [
        ("on_before_execute", [], None),
        ("Make", ["on_before_execute"], None),
        ("Inner/x", ["Make"], None),
        ("Inner/y", ["Make"], None),
        ("aside", ["Inner/x", "Inner/y"], "nobody waits for it"),
        ("Take", ["Inner/x", "Inner/y"], None),
        ("after_children_executed", ["Take"], None),
    ]


def test_a_run_of_an_orchestration_is_drawn_as_its_inputs_made_it(cli: Cli) -> None:
    Path("outer.py").write_text(ORCHESTRATION)
    run = document(cli("run", "outer.py:Outer", "--more", "2", "--json"))["run"]
    found = document(cli("graph", run, "--json"))
    assert [each["step"] for each in found["steps"]][-3:] == ["more-0", "more-1", "after_children_executed"]
    assert {each["status"] for each in found["steps"]} == {"completed"}


def test_an_orchestration_that_needs_its_inputs_is_drawn_from_a_run(cli: Cli) -> None:
    Path("outer.py").write_text(ORCHESTRATION)
    assert "decides its steps as it runs" in cli("graph", "outer.py:Asking").stderr
    assert cli("run", "outer.py:Asking", "--times", "2").exit_code == 0
    found = document(cli("graph", "latest", "--json"))
    assert [(each["step"], each["depends_on"]) for each in found["steps"]] == [
        ("take-0", []), ("take-1", ["take-0"])
    ]  # fmt: skip
