"""Files from outside that are no single motion: archives unpacked within bounds, and temporary folders that go away."""
