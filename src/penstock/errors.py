"""Every error Penstock raises, in one tree whose first branches say whose fault it is.

PenstockError
├── UserError                 the caller's: the message names the value and the remedy
│   ├── DefinitionError       a workflow that cannot work (also a ValueError)
│   ├── InputError            inputs of a run: missing, unknown, of a wrong type (also a ValueError)
│   ├── CodecError            a value that cannot be stored, with the path to it (also a TypeError)
│   ├── RunNotFound           no run, step or workflow has this name (also a LookupError)
│   │   └── NotInCatalogue    no definition is registered under this name (also a KeyError)
│   ├── CommandRefused        a command that this run's state does not allow
│   ├── ParameterTypeError    a value that does not fit a process's parameter (also a TypeError)
│   ├── ParameterLocked       a parameter changed while or after its process ran (also a RuntimeError)
│   ├── UnknownParameter      a process has no parameter of this name (also a KeyError)
│   ├── CodeChanged           the code at hand cannot continue this run's log
│   └── SettingsError         a store's address, an option or a setting that means nothing
├── WorldError                the world's: disks, locks, processes, clocks
│   ├── StoreError
│   │   ├── StoreUnavailable  busy or locked for now: keep trying, start nothing new
│   │   ├── StoreFull         the disk or quota is full
│   │   ├── StoreReadOnly     the file or its folder cannot be written
│   │   ├── StoreCorrupt      the file is damaged
│   │   ├── StoreForeign      the file is no Penstock store
│   │   ├── StoreTooNew       the file was written by a newer Penstock
│   │   ├── StoreUnlockable   the file lies where locks do not work
│   │   ├── StoreClosed       used after close, or in a forked child
│   │   └── LogTruncated      events below the floor of a cleaned log were asked for
│   ├── BrokerError           a broker, or what stands in its place, did not do what it was asked
│   │   ├── BrokerUnavailable not there, or not answering: what was promised is kept, and tried again
│   │   ├── BrokerFull        no room for a message that was promised
│   │   └── BrokerClosed      used after close, or in a forked child
│   ├── LeaseLost             another engine owns the run now
│   └── WorkerLost            a worker process died under a step
├── RunError                  a run ended without its result
│   ├── RunFailed             carries failed_step and the step's exception as its cause
│   │   ├── ProcessExecutionError   a child of a process failed; carries process_name
│   │   └── WorkflowExecutionError  an executor of tasks ran it; carries failed_task (also a RuntimeError)
│   ├── TaskExecutionError    a task that was executed alone failed (also a RuntimeError)
│   ├── RunCancelled
│   └── RunStopped            the engine was closed while the run was unfinished; it can be resumed
├── StepFailed                a step of a durable function failed, and its own exception cannot be made again
├── Rejected                  somebody who was asked for approval said no
├── StepTimeout               an attempt or a run took longer than it was allowed (also a TimeoutError)
└── BugError                  ours
    ├── InvariantBroken       a state that cannot be
    └── Nondeterminism        a log that its program would not have written
Raised by steps to steer the engine: Retry, Cancelled. Raised in durable functions to end them: FunctionStopped.
"""

from __future__ import annotations


class PenstockError(Exception):
    """The root of the tree."""


class UserError(PenstockError):
    """The caller can mend it; the message says how, and begins with the `place`, FILE:LINE, where that is known."""

    place: str = ""


class DefinitionError(UserError, ValueError):
    """A workflow that cannot work, found when it is built."""


class InputError(UserError, ValueError):
    """Inputs of a run that are missing, unknown or of a wrong type."""


class CodecError(UserError, TypeError):
    """A value that cannot be stored; the message holds the path to it."""


class RunNotFound(UserError, LookupError):
    """No run (or step, or workflow) answers to this name."""


class NotInCatalogue(RunNotFound, KeyError):
    """No definition is registered under this name; the message lists what is, the nearest first."""

    __str__ = Exception.__str__  # a KeyError's would put the message in quotes


class CommandRefused(UserError):
    """The run's state does not allow this command."""


class ParameterTypeError(UserError, TypeError):
    """A value that does not fit the parameter of a process."""


class ParameterLocked(UserError, RuntimeError):
    """A parameter was to change while or after its process ran."""


class UnknownParameter(UserError, KeyError):
    """A process has no parameter of this name; the message holds the nearest."""

    __str__ = Exception.__str__  # a KeyError's would put the message in quotes


class CodeChanged(UserError):
    """The code at hand cannot continue this run's log."""


class SettingsError(UserError, ValueError):
    """A store's address, an option or a setting that means nothing."""


class WorldError(PenstockError):
    """Disks, locks, processes, clocks."""


class StoreError(WorldError):
    """A store could not do what it was asked; nothing recorded was lost."""


class StoreUnavailable(StoreError):
    """Busy or locked for now: keep trying, start nothing new."""


class StoreFull(StoreError):
    """The disk or quota is full."""


class StoreReadOnly(StoreError):
    """The file or its folder cannot be written."""


class StoreCorrupt(StoreError):
    """The file is damaged."""


class StoreForeign(StoreError):
    """The file is no Penstock store."""


class StoreTooNew(StoreError):
    """The file was written by a newer Penstock."""


class StoreUnlockable(StoreError):
    """The file lies where locks do not work (a network share, say)."""


class StoreClosed(StoreError):
    """Used after close, or in a forked child."""


class LogTruncated(StoreError):
    """Events below the floor of a cleaned log were asked for."""


class BrokerError(WorldError):
    """A broker, or what stands in its place, did not do what it was asked; runs go on without it."""


class BrokerUnavailable(BrokerError):
    """Not there, or not answering: messages that were promised are kept while there is room, and tried again."""


class BrokerFull(BrokerError):
    """No room for a message that was promised: it was not taken."""


class BrokerClosed(BrokerError):
    """Used after close, or in a forked child."""


class LeaseLost(WorldError):
    """Another engine owns the run now."""


class WorkerLost(WorldError):
    """A worker process died under a step."""


class RunError(PenstockError):
    """A run ended without its result."""

    def __init__(self, message: str, *, run_id: str = "", failed_step: str | None = None) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.failed_step = failed_step


class RunFailed(RunError):
    """A run failed: `failed_step` names the step, `__cause__` is its exception where it is at hand."""


class ProcessExecutionError(RunFailed):
    """A child of a process failed: `process_name` is the child's, `__cause__` its exception where it is at hand."""

    def __init__(
        self, message: str, *, process_name: str = "", run_id: str = "", failed_step: str | None = None
    ) -> None:
        super().__init__(message, run_id=run_id, failed_step=failed_step)
        self.process_name = process_name


class WorkflowExecutionError(RunFailed, RuntimeError):
    """A workflow failed under an executor of tasks: `failed_task` names the task, `__cause__` is its exception if at hand."""

    @property
    def failed_task(self) -> str | None:
        return self.failed_step


class TaskExecutionError(RunError, RuntimeError):
    """A task that was executed alone failed: `__cause__` is its exception where it is at hand."""


class RunCancelled(RunError):
    """A run was cancelled."""


class RunStopped(RunError):
    """The engine was closed while the run was unfinished; `penstock resume` continues it."""


class StepFailed(PenstockError):
    """A step of a durable function failed, and its own exception cannot be made again: `step` names it."""

    def __init__(self, message: str, *, step: str | None = None) -> None:
        super().__init__(message)
        self.step = step


class Rejected(PenstockError):
    """Somebody was asked for approval and said no; the message holds who, and what was said."""


class StepTimeout(PenstockError, TimeoutError):
    """An attempt or a run took longer than it was allowed."""


class BugError(PenstockError):
    """Penstock's own fault: please report it with the run's log."""


class InvariantBroken(BugError):
    """A state that cannot be."""


class Nondeterminism(BugError):
    """A log that its program would not have written: the code changed, or reads a clock or chance."""


class Retry(Exception):
    """Raised by a step: try me again, `after` seconds from now (else after what its policy says)."""

    def __init__(
        self, message: str = "the step asked to be tried again", *, after: float | None = None
    ) -> None:
        super().__init__(message)
        self.after = after


class Cancelled(Exception):
    """Raised by a step that noticed its run was cancelled and stopped by itself."""


class FunctionStopped(GeneratorExit):
    """Raised in a durable function that is cancelled, out of time or has lost a race: clean up in `finally`, start no steps."""
