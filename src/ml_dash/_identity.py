"""Who an experiment is: the parts of its prefix, its ids on a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from ml_dash.run import require_open

T = TypeVar("T")


class WhileOpen(Generic[T]):
    """A property that costs nothing while the run is open.

    Then the instance's own dictionary has the value, and Python does not ask further.
    """

    def __init__(self, value: Callable[[Any], T]) -> None:
        self._value = value
        self.__doc__ = value.__doc__

    @overload
    def __get__(self, experiment: None, _owner: type | None = None) -> WhileOpen[T]: ...

    @overload
    def __get__(self, experiment: object, _owner: type | None = None) -> T: ...

    def __get__(self, experiment: Any, _owner: type | None = None) -> WhileOpen[T] | T:
        if experiment is None:
            return self
        require_open(experiment)
        return self._value(experiment)


class RunIdentity:
    """The identity of an experiment; ``run`` holds it."""

    run: Any
    _experiment_id: str | None
    _experiment_data: dict[str, Any] | None

    @property
    def owner(self) -> str | None:
        """Owner of the run: the first part of its prefix."""
        value: str | None = self.run.owner
        return value

    @owner.setter
    def owner(self, value: str | None) -> None:
        self.run.owner = value

    @property
    def project(self) -> str | None:
        """Project of the run: the second part of its prefix."""
        value: str | None = self.run.project
        return value

    @project.setter
    def project(self, value: str | None) -> None:
        self.run.project = value

    @property
    def name(self) -> str | None:
        """Name of the run: the last part of its prefix."""
        value: str | None = self.run.name
        return value

    @name.setter
    def name(self, value: str | None) -> None:
        self.run.name = value

    @property
    def _folder_path(self) -> str | None:
        value: str | None = self.run._folder_path
        return value

    @_folder_path.setter
    def _folder_path(self, value: str) -> None:
        self.run.prefix = value

    def _take_answer(self, answer: dict[str, Any] | None) -> None:
        """Take note of what the server said to the run."""
        self._experiment_data = answer
        self._experiment_id = None if answer is None else str(answer["experiment"]["id"])

    @property
    def id(self) -> str | None:
        """The run's id on the server; None while it is local."""
        return self._experiment_id

    @property
    def data(self) -> dict[str, Any] | None:
        """The server's record of the run; None while it is local."""
        return self._experiment_data
