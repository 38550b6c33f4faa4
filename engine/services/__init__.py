"""Use cases: gather, let core decide, apply; one transaction each."""
