"""Other products' addresses for senders, so that what sends to them sends to us once host and key are changed."""
