"""Crashes, real and simulated, for as long as one likes: `make soak SOAK_SECONDS=600`."""
