"""The errors of the commands."""


class CommandError(Exception):
    """A command failed; the message says in one line why and what to do about it."""


class UsageError(CommandError):
    """The arguments are wrong: a word that is not known, a number out of range."""
