"""ml-dash: track machine-learning experiments in a folder that keeps everything it accepts."""

__version__ = "0.7.0"
