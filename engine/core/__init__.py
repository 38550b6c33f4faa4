"""Pure rules: values in, a decision with its reason out. No clock, no database, no network."""
