"""The error of the commands."""


class CommandError(Exception):
    """A command failed; the message says in one line why and what to do about it."""
