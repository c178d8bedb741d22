"""Penstock measured: the budgets, one file a question (`make bench`), and other engines beside it (`make bench-peers`)."""
