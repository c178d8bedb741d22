"""The same work on other engines, side by side with Penstock: `make bench-peers`."""
