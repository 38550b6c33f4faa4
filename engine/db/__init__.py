"""Tables, migrations and every query. No rules."""
