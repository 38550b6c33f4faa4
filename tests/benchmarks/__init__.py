"""How fast it is, measured on the engine as users start it: `make bench`."""
