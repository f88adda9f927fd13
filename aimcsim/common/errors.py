"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake in what the user gave us; shown as one message, without a traceback.

    The message names the key or file, the value found there, and the remedy.
    """
