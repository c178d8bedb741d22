"""What flows are written with."""
