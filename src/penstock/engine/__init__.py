"""The engine: a core that waits for nothing, the drivers that serve it, recovery and leases."""
