"""Alert sources: one module per kind of sender. Shared: foreign JSON, times, signatures, expressions."""
