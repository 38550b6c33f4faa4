"""When to look. What is due stands in the database."""
