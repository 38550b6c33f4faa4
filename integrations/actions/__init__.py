"""Kinds of playbook steps: one module each, listed in the registry."""
