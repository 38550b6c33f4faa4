"""What Tocsin connects to: alert sources, channels that reach people, playbook actions."""
