"""A Slack and a mail server on loopback, for `tocsin demo`, the scenarios and the benchmark.

They are the outermost wire and nothing more: the product talks to them over HTTP and SMTP with the same clients as to
the real ones. What arrives is kept, can be looked at and answered by a click, and can be made to fail on demand.
"""
