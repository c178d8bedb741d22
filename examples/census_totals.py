"""From the records of all files to one census: a row a module, the import graph, and what stands out. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import quantiles

from census_measure import Module

TOP = 20
SINGLE = "single-file modules"


@dataclass(frozen=True)
class Row:
    """What the report and the CSV say of a module. `imports` and `imported_by` count modules, not statements."""

    module: str
    package: str
    path: str
    lines: int
    code: int
    comments: int
    docstrings: int
    blank: int
    classes: int
    functions: int
    longest_function: int
    highest_complexity: int
    definitions: int
    documented: int
    imports: int
    imported_by: int
    error: str

    @property
    def defines(self) -> bool:
        return bool(self.functions or self.classes)


@dataclass(frozen=True)
class Complex:
    """A function among the most complex."""

    module: str
    function: str
    line: int
    length: int
    complexity: int


@dataclass(frozen=True)
class Hub:
    """A module among the most imported. One without a source file is built in, or not of this system."""

    module: str
    imported_by: int
    has_source: bool


@dataclass(frozen=True)
class Share:
    """How many of a package's public definitions carry a docstring."""

    package: str
    definitions: int
    documented: int

    @property
    def fraction(self) -> float:
        return self.documented / self.definitions if self.definitions else 0.0


@dataclass(frozen=True)
class Census:
    """Everything the report needs. `lengths` are the lines of every function, ascending."""

    python: str
    rows: list[Row]
    lengths: list[int]
    most_complex: list[Complex]
    hubs: list[Hub]
    shares: list[Share]

    def total(self, column: str) -> int:
        return sum(getattr(row, column) for row in self.rows)

    @property
    def errors(self) -> list[Row]:
        return [row for row in self.rows if row.error]

    @property
    def overall(self) -> Share:
        return Share("all", self.total("definitions"), self.total("documented"))


def census_of(modules: Sequence[Module], *, python: str) -> Census:
    """Count everything. The order of `modules` does not matter."""
    ordered = sorted(modules, key=lambda module: module.path)
    graph = import_graph(ordered)
    fan_in = Counter(target for targets in graph.values() for target in targets)
    rows = [row_of(module, len(graph[module.name]), fan_in[module.name]) for module in ordered]
    return Census(
        python=python,
        rows=rows,
        lengths=sorted(function.length for module in ordered for function in module.functions),
        most_complex=most_complex(ordered),
        hubs=hubs(fan_in, known=graph.keys()),
        shares=shares(rows),
    )


def row_of(module: Module, imports: int, imported_by: int) -> Row:
    return Row(
        module=module.name,
        package=top_package(module),
        path=module.path,
        lines=module.lines,
        code=module.code,
        comments=module.comments,
        docstrings=module.docstrings,
        blank=module.blank,
        classes=module.classes,
        functions=len(module.functions),
        longest_function=max((function.length for function in module.functions), default=0),
        highest_complexity=max((function.complexity for function in module.functions), default=0),
        definitions=module.definitions,
        documented=module.documented,
        imports=imports,
        imported_by=imported_by,
        error=module.error,
    )


def top_package(module: Module) -> str:
    first, slash, _ = module.path.partition("/")
    return first if slash else SINGLE


def import_graph(modules: Iterable[Module]) -> dict[str, set[str]]:
    """Which modules each module imports. One without a file here is known by the root of its name."""
    names = {module.name: module.imports for module in modules}
    return {
        name: {resolved(imported, names) for imported in imports} - {name} for name, imports in names.items()
    }


def resolved(imported: str, imports_of: Mapping[str, Sequence[str]]) -> str:
    """The longest module that the name begins with, else the name's root."""
    prefixes = list(accumulate(imported.split("."), "{}.{}".format))
    if is_shadowed(imported, imports_of):
        prefixes.pop()
    return next((prefix for prefix in reversed(prefixes) if prefix in imports_of), prefixes[0])


def is_shadowed(name: str, imports_of: Mapping[str, Sequence[str]]) -> bool:
    """Whether the package has put a thing of that name over its module: `unittest.main` is a function."""
    package, _, last = name.rpartition(".")
    return f"{name}.{last}" in imports_of.get(package, ())


def most_complex(modules: Iterable[Module]) -> list[Complex]:
    found = [
        Complex(module.name, function.name, function.line, function.length, function.complexity)
        for module in modules
        for function in module.functions
    ]
    return sorted(found, key=lambda one: (-one.complexity, -one.length, one.module, one.line))[:TOP]


def hubs(fan_in: Counter[str], *, known: Iterable[str]) -> list[Hub]:
    ranked = sorted(fan_in.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return [Hub(name, count, name in known) for name, count in ranked]


def shares(rows: Iterable[Row]) -> list[Share]:
    """Every package's share, the best documented first."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        counts[row.package][0] += row.definitions
        counts[row.package][1] += row.documented
    found = [Share(package, *pair) for package, pair in counts.items()]
    return sorted(found, key=lambda share: (-share.fraction, share.package))


def percentile(ascending: Sequence[int], percent: int) -> int:
    """The value that `percent` of the values do not exceed, rounded; 0 of nothing."""
    if len(ascending) < 2:
        return sum(ascending)
    return round(quantiles(ascending, n=100, method="inclusive")[percent - 1])
