"""The `mer` command, a module for each of its words."""
