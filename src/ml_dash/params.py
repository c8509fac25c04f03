"""Parameters: ``exp.params.set(lr=0.001, model={"depth": 3})``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ml_dash._base import deprecate
from ml_dash._base.facts import about
from ml_dash._record import flatten, jsonable
from ml_dash._store.outage import write_error
from ml_dash.exceptions import CorruptDataError, InvalidValueError

if TYPE_CHECKING:
    from ml_dash.experiment import Experiment

_log = logging.getLogger("ml_dash")


class ParametersBuilder:
    """Sets and reads the parameters of one run; nested dictionaries become dotted keys.

    Args:
        experiment: The run's experiment.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment

    @deprecate.changes("ParametersBuilder.set")
    def set(self, **kwargs: Any) -> ParametersBuilder:
        """Merge parameters into the run; they are on disk when this returns.

        Args:
            **kwargs: Values, dictionaries of values, or classes whose public attributes are the
                values. numpy, torch and JAX values, dates, paths, enums, dataclasses and the like
                are stored as plain JSON.

        Returns:
            This object, for chaining.

        Raises:
            SerializationError: a value has no JSON form; nothing was changed (is a ``TypeError``).
            InvalidValueError: a name is given twice, from 0.9 on.
            LocalWriteError: the folder refuses the write; nothing was changed.
            NotOpenError: the run is not open.
            WriteProtectedError: the run is write-protected.
        """
        self._experiment._require_open()
        self._experiment._require_writable()
        data = self._plain(kwargs)
        if data:
            store = self._experiment._run_store
            try:
                store.params.set(data)
            except OSError as error:
                kept = "all parameters set before"
                raise write_error(error, store.folder, "parameters", kept) from error
        return self

    def log(self, **kwargs: Any) -> ParametersBuilder:
        """Do the same as :meth:`set`."""
        return self.set(**kwargs)

    def _plain(self, given: dict[str, Any]) -> dict[str, Any]:
        plain = jsonable.to_plain(self._process_class_objects(given))
        for key in flatten.find_collisions(plain):
            error = InvalidValueError(
                f"The parameter {key!r} is given twice in one call", context={"parameter": key},
                kept="the parameters as they were", hint="Give it once",
            )  # fmt: skip
            deprecate.refuse(self._experiment._rules, "ParametersBuilder.set", error)
        whole, flat = flatten.flatten(plain, keep_empty=True), self.flatten_dict(plain)
        for key in whole.keys() - flat.keys():
            _log.warning(
                "The parameter %r is an empty dictionary, of which nothing is stored", key,
                extra=about("setting parameters", key=key),
            )  # fmt: skip
        return flat

    @deprecate.changes("ParametersBuilder.get")
    def get(self, flatten: bool = True) -> dict[str, Any]:
        """Return the parameters that are on disk now.

        Args:
            flatten: True for dotted keys, False for nested dictionaries.

        Returns:
            The parameters; empty when none were set, and (as in 0.6) when they are unreadable.
            Use :meth:`get_or_raise` to tell the two apart.

        Raises:
            NotOpenError: the run is not open.
        """
        return deprecate.answer(
            self._experiment._rules,
            "ParametersBuilder.get",
            dict,
            lambda: self.get_or_raise(flatten),
            lambda error: isinstance(error, CorruptDataError),
        )

    def get_or_raise(self, flatten: bool = True) -> dict[str, Any]:
        """Return the parameters that are on disk now; empty only when none were set.

        Raises:
            CorruptDataError: they are unreadable.
            NotOpenError: the run is not open.
        """
        self._experiment._require_open()
        data = self._experiment._run_store.params.read() or {}
        return data if flatten else self.unflatten_dict(data)

    @staticmethod
    def flatten_dict(d: dict[str, Any], parent_key: str = "", sep: str = ".") -> dict[str, Any]:
        """Turn nested dictionaries into one with joined keys; lists stay whole."""
        flat = flatten.flatten(d, sep)
        return {f"{parent_key}{sep}{key}": v for key, v in flat.items()} if parent_key else flat

    @staticmethod
    def unflatten_dict(d: dict[str, Any], sep: str = ".") -> dict[str, Any]:
        """Turn joined keys into nested dictionaries again."""
        return flatten.unflatten(d, sep)

    @staticmethod
    def _process_class_objects(d: dict[str, Any]) -> dict[str, Any]:
        return {
            key: jsonable.class_values(value) if isinstance(value, type) else value
            for key, value in d.items()
        }
