"""The SMTP face: mail in, on the same path as what comes to the webhooks."""
