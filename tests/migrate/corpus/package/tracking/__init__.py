from .core import Tracker, current, start
from .core import shared as shared_experiment

__all__ = ["Tracker", "current", "start", "shared_experiment"]
