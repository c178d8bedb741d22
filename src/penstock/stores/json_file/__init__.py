"""A store in a JSON file that people can read, and a journal beside it: `JsonFileStore`."""

from penstock.stores.json_file.store import JsonFileStore

__all__ = ["JsonFileStore"]
