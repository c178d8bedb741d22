"""The command line in this process, in a folder with workflows and a store of its own."""

from tests.cli.conftest import cli, folder, spawn

__all__ = ["cli", "folder", "spawn"]
