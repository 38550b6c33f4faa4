"""Tocsin, a self-hosted incident response engine."""

__version__ = "0.1.0"
