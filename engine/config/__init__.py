"""Settings from the environment, and the configuration from `tocsin.yaml`: read, checked, compared, kept."""
