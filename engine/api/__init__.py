"""The HTTP face: webhooks in, the REST API, Slack over HTTP, health, metrics."""
