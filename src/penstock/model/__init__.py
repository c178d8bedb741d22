"""What a run is, decided without clock, chance or I/O: the same log gives the same state."""
