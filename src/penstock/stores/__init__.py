"""Where facts are kept: each backend implements `Store` and inherits `penstock.testing.store_suite`."""
