"""The runner of the workflows in this folder, for code that imports it from here, and as a command.

python workflows/workflow_runner.py stf_processing --version 1.0
"""

from penstock.simulations import WorkflowDefinition, WorkflowExecution, WorkflowRunner, generate_execution_id

__all__ = ["WorkflowDefinition", "WorkflowExecution", "WorkflowRunner", "generate_execution_id"]


if __name__ == "__main__":
    import sys

    from penstock.cli.swf_testbed import main

    main(["run-workflow", *sys.argv[1:]])
