"""What an error becomes when the error mode turns it into a warning."""

from __future__ import annotations


class MLDashWarning(Warning):
    """Base of the warnings of ml-dash."""


class DataLossWarning(MLDashWarning, RuntimeWarning):
    """A data-loss error that the error mode turned into a warning."""


class RecoverableWarning(MLDashWarning, UserWarning):
    """A recoverable error that the error mode turned into a warning."""


class MLDashDeprecationWarning(MLDashWarning, DeprecationWarning):
    """A call whose answer changes in a later release."""
