"""An experiment that is there at import but built, with all that it reads, when first used."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from ml_dash._base.facts import about
from ml_dash._base.policy import ErrorHandlingMode
from ml_dash.exceptions import MLDashError, NotAuthenticatedError
from ml_dash.experiment import Experiment
from ml_dash.run import RUN

_log = logging.getLogger("ml_dash")


class AutoStarted(Experiment):
    """An ordinary experiment whose making is put off until an attribute of it is used.

    Args:
        arguments: Returns the keywords of :class:`Experiment`; called when it is first used.
        find_user: Returns the owner of its prefix; called at the first start, unless the prefix
            was changed before.
    """

    def __init__(
        self,
        arguments: Callable[[], dict[str, Any]],
        find_user: Callable[[], str] | None = None,
    ) -> None:
        state = self.__dict__
        state["_unbuilt"] = arguments
        state["_find_user"] = find_user
        state["_building"] = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not there: before and during the building, or for wrong names.
        if not name.startswith("__"):
            self._build()
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._build()
        super().__setattr__(name, value)

    def _build(self) -> None:
        state = self.__dict__
        if "_first_prefix" in state or "_building" not in state:
            return
        with state["_building"]:  # other threads wait; the building itself comes here again
            arguments = state.pop("_unbuilt", None)
            if arguments is None:
                return
            try:
                super().__init__(**arguments())
                state["_first_prefix"] = self.run.prefix
            except BaseException:
                kept = {name: state[name] for name in ("_find_user", "_building")}
                state.clear()
                state.update(kept, _unbuilt=arguments)
                raise

    def _open(self) -> Experiment:
        self._build()
        self._settle_owner()
        return super()._open()

    def _settle_owner(self) -> None:
        """Put the logged-in user in front of the prefix, unless the script chose a prefix."""
        find_user, self.__dict__["_find_user"] = self._find_user, None
        if find_user is None or self._is_open or not self._prefix_names_user():
            return
        try:
            owner = find_user()
        except MLDashError as error:
            if self._mode is ErrorHandlingMode.STRICT:
                self.__dict__["_find_user"] = find_user
                raise
            _log.warning(
                "The user could not be looked up, so the run is recorded as %r: %s", self.run.owner,
                error, exc_info=None if isinstance(error, NotAuthenticatedError) else error,
                extra=about("looking up the user", error, owner=self.run.owner),
            )  # fmt: skip
            return
        _, _, rest = self._first_prefix.partition("/")
        self.run.prefix = f"{owner}/{rest}"

    def _prefix_names_user(self) -> bool:
        """Return whether the prefix is still the one made from a template with the user."""
        template = str(RUN.prefix)
        made = self.run.prefix == self._first_prefix and "{" in template
        return made and self.run.owner == self.run.user and not os.environ.get("ML_DASH_USER")

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_building": None, "_find_user": None}
