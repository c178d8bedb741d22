"""On which weekday does the 13th of a month fall most often? Four processes, two of which run together.

python examples/simple_workflow.py
penstock run examples/simple_workflow.py:Thirteenths --last-year 2100
"""

import asyncio
import calendar
from collections import Counter
from datetime import date

from penstock.processes import (
    AtomarProcess,
    InputParameter,
    OrchestratedProcess,
    OutputParameter,
    ProcessExecutionFlags,
)


class ListDays(AtomarProcess):
    """Lists the 13th of every month."""

    def __init__(self, name: str = "ListDays") -> None:
        super().__init__(name)
        self.input.add(InputParameter("first_year", int))
        self.input.add(InputParameter("last_year", int))
        self.output.add(OutputParameter("days", list[date]))

    async def on_before_execute(self) -> None:
        first, last = self.input["first_year"].value, self.input["last_year"].value
        if first > last:
            raise ValueError(f"the years {first} to {last} are none")

    async def execute_impl(self) -> None:
        years = range(self.input["first_year"].value, self.input["last_year"].value + 1)
        self.output["days"].value = [date(year, month, 13) for year in years for month in range(1, 13)]


class CountWeekdays(AtomarProcess):
    """Counts on which weekdays they fall."""

    def __init__(self, name: str = "CountWeekdays") -> None:
        super().__init__(name)
        self.input.add(InputParameter("days", list))
        self.output.add(OutputParameter("counts", dict[str, int], "how often, by weekday"))

    async def execute_impl(self) -> None:
        found = Counter(calendar.day_name[day.weekday()] for day in self.input["days"].value)
        self.output["counts"].value = dict(found.most_common())


class CountLeapYears(AtomarProcess):
    """Counts the leap years among theirs."""

    def __init__(self, name: str = "CountLeapYears") -> None:
        super().__init__(name)
        self.input.add(InputParameter("days", list))
        self.output.add(OutputParameter("leap_years", int))

    async def execute_impl(self) -> None:
        years = {day.year for day in self.input["days"].value}
        self.output["leap_years"].value = sum(calendar.isleap(year) for year in years)


class Report(AtomarProcess):
    """Says what was found."""

    def __init__(self, name: str = "Report") -> None:
        super().__init__(name)
        self.input.add(InputParameter("counts", dict))
        self.input.add(InputParameter("leap_years", int))
        self.output.add(OutputParameter("text", str))

    async def execute_impl(self) -> None:
        counts = self.input["counts"].value
        lines = [f"{name:10}{count:5}" for name, count in counts.items()]
        said = (
            f"Of {sum(counts.values())} days, with {self.input['leap_years'].value} leap years between them:"
        )
        self.output["text"].value = "\n".join([said, *lines])


class Thirteenths(OrchestratedProcess):
    """ListDays → [CountWeekdays, CountLeapYears] → Report. The calendar repeats itself every 400 years."""

    def __init__(self, name: str = "Thirteenths") -> None:
        super().__init__(name)
        self.input.add(InputParameter("first_year", int, default=2001))
        self.input.add(InputParameter("last_year", int, default=2400))
        self.output.add(OutputParameter("text", str))

    def define_orchestration(self) -> None:
        days, weekdays, leap_years, report = ListDays(), CountWeekdays(), CountLeapYears(), Report()

        self.add_child(days)
        self.add_child(weekdays, ProcessExecutionFlags(parallel=True))
        self.add_child(leap_years, ProcessExecutionFlags(parallel=True))
        self.add_child(report)

        self._connect_param(self.input["first_year"], days.input["first_year"])
        self._connect_param(self.input["last_year"], days.input["last_year"])
        self._connect_param(days.output["days"], weekdays.input["days"])
        self._connect_param(days.output["days"], leap_years.input["days"])
        self._connect_param(weekdays.output["counts"], report.input["counts"])
        self._connect_param(leap_years.output["leap_years"], report.input["leap_years"])
        self._connect_param(report.output["text"], self.output["text"])


async def main() -> None:
    workflow = Thirteenths()
    await workflow.execute()
    print(workflow.output["text"].value)
    for child, _ in workflow.children:
        print(f"{child.name}: {child.status}, {child.execution_time_ms:.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
