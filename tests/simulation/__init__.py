"""Years of incidents on a virtual clock: the real services, seeded chance, an oracle that knows only the standard."""
