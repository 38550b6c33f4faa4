"""Reports: facts of an incident → report model → Markdown, HTML, PDF, JSON. Pure; knows no database and no network."""
