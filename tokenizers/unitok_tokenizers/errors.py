"""The one error for what a user can mend."""

from __future__ import annotations


class InputError(ValueError):
    """Something given from outside is wrong: a file, an option, a document, a checkpoint.

    The message is one line that names the thing and the fix. The command line prints it after
    ``error:`` and exits with code 2, without a traceback.
    """
