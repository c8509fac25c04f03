"""``RUN``: the name and place of a run, from code, command line and environment; its start and end.

``RUN`` is a params-proto class: ``RUN.project = "x"`` sets a default for every later run, and
``--run.project x`` does so on a command line that params-proto reads.
"""

from __future__ import annotations

import functools
import getpass
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from params_proto import proto

from ml_dash._base.around import around
from ml_dash._base.facts import about
from ml_dash._project_root import (
    PROJECT_ROOT_FILES,
    find_project_root,
    find_project_root_or_raise,
)
from ml_dash._record import prefix as prefixes
from ml_dash.exceptions import (
    ClosedExperimentError,
    NotOpenError,
    PrefixError,
    RunOpenError,
)

__all__ = [
    "PROJECT_ROOT_FILES",
    "RUN",
    "find_project_root",
    "find_project_root_or_raise",
    "require_open",
    "requires_open",
]

_log = logging.getLogger("ml_dash")
_HERE = str(Path(__file__).resolve().parent) + os.sep
_INTERACTIVE = "interactive"
_FIRST_JOB = 1
F = TypeVar("F", bound=Callable[..., Any])

_EXAMPLE = """
    with Experiment("owner/project/name").run as exp:
        exp.log("training starts")
        exp.metrics("train").log(loss=0.5)"""


@proto.prefix
class RUN:
    """One run: where it is recorded, when it starts and how it ends.

    Args:
        user: Who runs it; ``ML_DASH_USER``, then ``USER``.
        api_url: Server that ``dash_url=True`` means; ``ML_DASH_API_URL``.
        prefix: Path of the run below the data root, or a template for it; ``ML_DASH_PREFIX``.
        id: A number that ``{EXP.id}`` in a prefix makes.
        timestamp: Free for use.
        project_root: Folder of the project; found from ``entry``.
        entry: The script, or the notebook where Jupyter tells; found from the call.
        path_stem: The script's path below the project, without ending; found. Its bare name
            when it lies outside the project, ``interactive`` when there is no script (a
            prompt, ``python -c``).
        job_counter: How many runs this process has built.
        job_name: Last part of the default prefix.
        owner: First part of the prefix.
        name: Last part of the prefix.
        project: Second part of the prefix; first part of the default prefix.
        readme: Free text.
        now: When the process began.
        debug: Whether a debugger is attached.
    """

    user: str = os.environ.get("ML_DASH_USER") or os.environ.get("USER")  # type: ignore[assignment]
    api_url: str = os.environ.get("ML_DASH_API_URL", "https://api.dash.ml")
    prefix: str = os.environ.get(
        "ML_DASH_PREFIX", "{project}/{now:%Y/%m-%d}/{path_stem}/{job_name}"
    )
    id: int = None  # type: ignore[assignment]
    timestamp: str = None  # type: ignore[assignment]
    project_root: str = None  # type: ignore[assignment]
    entry: str = None  # type: ignore[assignment]
    path_stem: str = None  # type: ignore[assignment]
    job_counter: int = _FIRST_JOB
    job_name: str = "{now:%H.%M.%S}/{job_counter:03d}"
    owner: str = None  # type: ignore[assignment]
    name: str = None  # type: ignore[assignment]
    project: str = "{user}/scratch"
    readme: str = None  # type: ignore[assignment]
    now: datetime = datetime.now()  # noqa: DTZ005 - a run is named in the user's local time
    debug: bool = "pydevd" in sys.modules

    _experiment = None  # type: Any
    _folder_path = None  # type: Any
    _built = False  # type: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "prefix":
            self._set_prefix(value)
        else:
            object.__setattr__(self, name, value)

    def __post_init__(self) -> None:
        """Fill in what was not given, then the templates."""
        if isinstance(RUN.job_counter, (int, float)):
            RUN.job_counter += 1
        if self.user is None:
            self.user = _login_name()
        self.entry = self.entry or _calling_script()
        if not self.path_stem:
            self.project_root = self.project_root or find_project_root(self.entry)
            self.path_stem = _stem(self.entry, self.project_root)
        if isinstance(self.prefix, str):
            self.__dict__["prefix"] = self._with_exp(self.prefix)
            if "{" in self.prefix:
                self._fill_in_templates()
            self._take_parts(self.prefix)
        self._built = True

    def _fill_in_templates(self) -> None:
        fields = dict(vars(self))
        on_demand: dict[str, Callable[[], Any]] = {
            "date": lambda: self.date,
            "datetime_str": lambda: self.datetime_str,
        }
        if self.user is None:
            # Only a template that names the user has to fail for want of one.
            del fields["user"]
            on_demand["user"] = _nobody
        self.__dict__.update(prefixes.expand(fields, on_demand))

    def _set_prefix(self, value: Any) -> None:
        if self._experiment is not None and self._experiment._is_open:
            raise RunOpenError(
                f"Cannot change prefix of the open run {self.prefix!r}",
                hint="Set it before run.start()",
                context={"prefix": self.prefix, "wanted": value},
            )
        if self._built and isinstance(value, str):
            value = self._with_exp(value)
            prefixes.check(value)
            self._take_parts(value)
        object.__setattr__(self, "prefix", value)

    def _take_parts(self, prefix: str) -> None:
        self._folder_path = prefix
        parts = prefixes.split(prefix)
        if parts.name is not None:
            self.__dict__.update(owner=parts.owner, project=parts.project, name=parts.name)

    def _with_exp(self, template: str) -> str:
        usable = {
            name for name, value in vars(self).items() if value is not None and name[0] != "_"
        }
        return prefixes.expand_exp(
            template, self._exp_value, {*usable, "id", "date", "datetime_str"} - {"prefix"}
        )

    def _exp_value(self, name: str) -> Any:
        if name == "id" and not self.id:
            from ml_dash.snowflake import generate_id

            self.id = generate_id()
        if name == "job_counter" and not self._built:
            # As in 0.6: a constructor's prefix sees the first number; {job_counter} counts.
            return _FIRST_JOB
        value = getattr(self, name, None)
        return None if callable(value) else value

    @property
    def date(self) -> str:
        """The day of ``now``, as ``YYYYMMDD``."""
        return f"{self.now:%Y%m%d}"

    @property
    def datetime_str(self) -> str:
        """Day and time of ``now``, as ``YYYYMMDD.HHMMSS``."""
        return f"{self.now:%Y%m%d.%H%M%S}"

    @property
    def _client(self) -> Any:
        return None if self._experiment is None else self._experiment._client

    @_client.setter
    def _client(self, value: Any) -> None:
        _experiment_of(self)._client = value

    @property
    def _storage(self) -> Any:
        return None if self._experiment is None else self._experiment._storage

    @_storage.setter
    def _storage(self, value: Any) -> None:
        _experiment_of(self)._storage = value

    def start(self) -> Any:
        """Open the run and return its experiment; nothing happens when it is open.

        Raises:
            LocalWriteError: its folder cannot be made.
            NotOpenError: this ``RUN`` belongs to no experiment.
        """
        return _experiment_of(self)._open()

    def complete(self) -> None:
        """Close the run as COMPLETED; nothing happens when it is not open.

        Raises:
            MLDashError: by the error mode, what closing met.
        """
        _experiment_of(self)._close("COMPLETED")

    def complete_or_raise(self) -> None:
        """Do the same as :meth:`complete`, and raise unless everything is where it belongs.

        Raises:
            MLDashError: what closing met, in every error mode; the run is closed all the same.
            DeliveryTimeoutError: the server has not confirmed everything.
            RemoteRejectedError: the server has refused records; they are set aside.

        .. versionadded:: 0.7
        """
        _experiment_of(self)._close_or_raise("COMPLETED")

    def fail(self, error: BaseException | None = None) -> None:
        """Close the run as FAILED; see :meth:`complete`.

        Args:
            error: Why; its type and text are kept with the run.
        """
        _experiment_of(self)._close("FAILED", error)

    def fail_or_raise(self, error: BaseException | None = None) -> None:
        """Do the same as :meth:`fail`, and raise unless everything is where it belongs.

        Raises:
            MLDashError: what closing met, in every error mode; the run is closed all the same.
            DeliveryTimeoutError: the server has not confirmed everything.
            RemoteRejectedError: the server has refused records; they are set aside.

        .. versionadded:: 0.7
        """
        _experiment_of(self)._close_or_raise("FAILED", error)

    def cancel(self) -> None:
        """Close the run as CANCELLED; see :meth:`complete`."""
        _experiment_of(self)._close("CANCELLED")

    def cancel_or_raise(self) -> None:
        """Do the same as :meth:`cancel`, and raise unless everything is where it belongs.

        Raises:
            MLDashError: what closing met, in every error mode; the run is closed all the same.
            DeliveryTimeoutError: the server has not confirmed everything.
            RemoteRejectedError: the server has refused records; they are set aside.

        .. versionadded:: 0.7
        """
        _experiment_of(self)._close_or_raise("CANCELLED")

    def __enter__(self) -> Any:
        experiment = _experiment_of(self)
        opened = self.start()
        experiment._blocks += 1
        if experiment._blocks > 1:
            _log.warning(
                "The run %s is open in another block already; whichever block is left "
                "first ends it for both",
                self.prefix,
                extra=about("opening a run", run=self.prefix),
            )
        return opened

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        experiment = _experiment_of(self)
        experiment._blocks -= 1
        left_well = error is None or (isinstance(error, SystemExit) and error.code in (None, 0))
        experiment._close("COMPLETED" if left_well else "FAILED", error)

    def __call__(self, func: F) -> F:
        """Return a function that does its work inside this run: ``@exp.run``.

        The run is opened for each call and closed after it; for a coroutine or a generator, when
        its body begins and ends. A generator that its reader leaves early is CANCELLED. A
        parameter called ``experiment`` gets the experiment.

        Raises:
            UsageError: ``func`` is no function.
        """
        return around(func, lambda: self, lambda _: self.cancel(), "experiment")


def _experiment_of(run: Any) -> Any:
    if run._experiment is None:
        raise NotOpenError(
            "This RUN belongs to no experiment, so there is nothing to open or close",
            hint="Build an Experiment(...) and use its .run",
        )
    return run._experiment


def require_open(experiment: Any) -> None:
    """Refuse to go on unless an experiment's run is open.

    Raises:
        ClosedExperimentError: it was closed.
        NotOpenError: it was never opened.
    """
    if experiment._is_open:
        return
    if getattr(experiment, "_was_closed", False):
        raise ClosedExperimentError(
            "Experiment not open: the run has been closed",
            kept="everything logged before",
            hint="Call experiment.run.start() to go on with the same run",
        )
    raise NotOpenError(
        "Experiment not started. Use a `with experiment.run:` block or call "
        f"`experiment.run.start()` first, for example:\n{_EXAMPLE}\n"
    )


def requires_open(method: F) -> F:
    """Make a method refuse to run before the run is open; see :func:`require_open`."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        require_open(self)
        return method(self, *args, **kwargs)

    return wrapper  # type: ignore[return-value]


def _calling_script() -> str:
    """Return the file of the innermost caller that is neither this package nor params-proto."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        path = frame.f_globals.get("__file__")
        foreign = not frame.f_code.co_filename.startswith(_HERE)
        if foreign and module.split(".")[0] not in ("params_proto", "functools"):
            return str(path or os.environ.get("JPY_SESSION_NAME", ""))
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def _stem(entry: str, project_root: str) -> str:
    """Return the path of a script below its project, without ending; its name when outside."""
    if not entry:
        return _INTERACTIVE
    path, root = Path(entry).resolve(), Path(project_root).resolve()
    below = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    below = below if below.name else Path(path.name)
    return below.with_suffix("").as_posix() if below.name else _INTERACTIVE


def _login_name() -> str | None:
    """Return the system's name for this user; None when it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return None


def _nobody() -> str:
    raise PrefixError(
        "Nobody knows who runs this: neither ML_DASH_USER nor USER is set, and the system has no "
        "name for this user",
        hint="Set ML_DASH_USER, or give a prefix with an owner",
        context={"placeholder": "user"},
    )
