"""The Slack app: cards with buttons, and the listeners that turn a press into a command. It knows no database."""
