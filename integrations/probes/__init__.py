"""The ways to look at something: one module each, with its settings and its one run."""
