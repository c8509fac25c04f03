"""The experiment: what a training script holds on to."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ml_dash import _arguments as arguments
from ml_dash import _lifetime
from ml_dash._arguments import OperationMode
from ml_dash._base import deprecate
from ml_dash._base.around import around
from ml_dash._base.policy import (
    ErrorHandlingMode,
    failure_of,
    note_beside,
    raise_first,
)
from ml_dash._base.settings import Settings
from ml_dash._delivering import Delivered, OnError, courier
from ml_dash._deprecations import RunUses
from ml_dash._flushing import Flushing
from ml_dash._identity import RunIdentity, WhileOpen
from ml_dash._logging import Logging
from ml_dash._record import prefix as prefixes
from ml_dash._times import RunTimes
from ml_dash.buffer import BackgroundBufferManager, BufferConfig
from ml_dash.exceptions import (
    MLDashError,
    RunOpenError,
    WriteProtectedError,
)
from ml_dash.files import BindrsBuilder, FilesAccessor
from ml_dash.log import LogBuilder
from ml_dash.metric import MetricsManager
from ml_dash.params import ParametersBuilder
from ml_dash.run import RUN, require_open, requires_open
from ml_dash.storage import LocalStorage
from ml_dash.track import TracksManager

if TYPE_CHECKING:
    from ml_dash._store.run_store import RunStore

__all__ = ["Experiment", "OperationMode", "ml_dash_experiment"]

_log = logging.getLogger("ml_dash")
F = TypeVar("F", bound=Callable[..., Any])


class Experiment(Flushing, Delivered, Logging, RunIdentity):
    """One experiment: parameters, metrics, logs, tracks and files of a run, in a folder.

    Everything a call accepts is on disk when the call returns.

    Args:
        prefix: ``owner/project/[folder/...]name``; the run's folder below ``dash_root``. Made from
            ``RUN``'s template when omitted.
        readme: Free text about the run.
        tags: Words to find it by.
        bindrs: Names of collections that it belongs to.
        metadata: Facts about it.
        dash_url: Server to deliver to; True for the configured one.
        dash_root: Folder of the data; None keeps them in a spool folder until they are delivered.
        remote: Old name of ``dash_url``.
        local_path: Old name of ``dash_root``.
        error_mode: ``"strict"``, ``"default"`` or ``"permissive"``; see ``set_error_mode``.

            .. versionadded:: 0.7
        offline: Whether to send nothing now; ``ml-dash sync`` delivers it later.

            .. versionadded:: 0.7
        on_delivery_error: Called, on the delivery's thread, with each error of it that is told.

            .. versionadded:: 0.7
        future: Flags or a release whose behaviour is wanted, as ``"lookups_raise"``; see
            :mod:`ml_dash.future`.

            .. versionadded:: 0.7
        echo: Whether ``log`` also prints; ``ML_DASH_ECHO`` when omitted.

            .. versionadded:: 0.7
        **run_params: Fields of ``RUN``, such as ``project`` or ``now``.

    Raises:
        PrefixError: the prefix leaves the root or has an unknown placeholder.
        InvalidValueError: tags, bindrs or metadata are of the wrong type.
        ConfigurationError: an environment variable or the error mode is impossible.
        LocalWriteError: the root cannot be made.

    Opening the run also raises NotAuthenticatedError and ServerUnreachableError, except in
    PERMISSIVE mode, where it goes on without the server.

    Example:
        >>> from ml_dash import Experiment
        >>> with Experiment("ann/digits/first").run as exp:
        ...     _ = exp.params.set(lr=0.001)
        ...     _ = exp.metrics("train").log(loss=0.5)
        ...     exp.metrics("train").read()["data"][0]["data"]
        {'loss': 0.5}
    """

    _store: RunStore | None
    _session: object
    """Another object for each time the run is open; None while it is closed."""
    _times: RunTimes
    _metrics_manager: MetricsManager
    _tracks_manager: TracksManager

    def __init__(
        self,
        prefix: str | None = None,
        *,
        readme: str | None = None,
        tags: list[str] | None = None,
        bindrs: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        dash_url: str | bool | None = None,
        dash_root: str | Path | None = arguments.DEFAULT_ROOT,
        remote: str | bool | None = None,
        local_path: str | Path | None = None,
        error_mode: str | ErrorHandlingMode | None = None,
        offline: bool = False,
        on_delivery_error: OnError | None = None,
        future: str | Iterable[str] | None = None,
        echo: bool | None = None,
        _write_protected: bool = False,
        **run_params: Any,
    ) -> None:
        self._is_open = False
        self._was_closed = False
        self._ended_as: str | None = None
        self._blocks = 0
        self._rules = deprecate.rules(future, error_mode)
        self._mode = self._rules.mode
        self._settings = Settings.from_env()
        self._echo = self._settings.echo if echo is None else echo
        self._buffer_config = BufferConfig.from_env()
        self._buffer_manager: BackgroundBufferManager | None = None
        self.readme = readme
        self.tags = arguments.texts("tags", tags)
        self._bindrs_list = arguments.texts("bindrs", bindrs)
        self.metadata = arguments.checked_metadata(metadata)
        self._write_protected = _write_protected
        dash_url, dash_root = arguments.old_names(
            self._rules, dash_url, dash_root, remote, local_path
        )
        fields = arguments.known_fields(self._rules, run_params)
        self.run: Any = RUN(**({"prefix": prefix} if prefix else {}), **fields)
        self.run._experiment = self
        self._dash_url = self.run.api_url if dash_url is True else dash_url or None
        self.mode = arguments.operation_mode(self._dash_url, dash_root)
        arguments.check_prefix(self._rules, self.run.prefix)
        arguments.check_callback(on_delivery_error)
        self._storage = LocalStorage(
            dash_root if dash_root is not None else arguments.spool_root(), rules=self._rules
        )
        self._courier = courier(self._dash_url, self._mode, spool=dash_root is None,
                                offline=offline, on_error=on_delivery_error)  # fmt: skip
        self._make_own()
        self._merges_tracks = True
        self._experiment_id = None
        self._experiment_data = None

    # -- what a script asks for ------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The run's folder on disk."""
        return self._storage.run_path(self.run.prefix)

    @property
    def params(self) -> ParametersBuilder:
        """Set and read parameters."""
        require_open(self)
        return ParametersBuilder(self)

    @property
    def logs(self) -> LogBuilder:
        """Write log lines."""
        require_open(self)
        return LogBuilder(self)

    @WhileOpen
    def metrics(self) -> MetricsManager:
        """Log and read metrics."""
        return self._metrics_manager

    @property
    def tracks(self) -> TracksManager:
        """Append to and read tracks."""
        require_open(self)
        return self._tracks_manager

    @property
    def files(self) -> FilesAccessor:
        """Store and read files."""
        require_open(self)
        return FilesAccessor(self)

    @requires_open
    def bindrs(self, name: str) -> BindrsBuilder:
        """Return a collection of files by its name."""
        return BindrsBuilder(self, name)

    # -- writing ---------------------------------------------------------------------------------

    @property
    def _run_store(self) -> RunStore:
        if self._store is None:
            require_open(self)
            self._store = self._storage.run_store(self.run.prefix)
        if not self._store.direct:
            self._store.call_hook()
        return self._store

    @property
    def _files(self) -> Any:
        return self._run_store.files

    def _require_open(self) -> None:
        require_open(self)

    def _require_writable(self) -> None:
        if self._write_protected:
            raise WriteProtectedError(
                f"The run {self.run.prefix!r} is write-protected",
                hint="Open it without _write_protected=True to change it",
            )

    def _run_store_for_writing(self) -> RunStore:
        if not self._is_open:
            require_open(self)
        if self._write_protected:
            self._require_writable()
        return self._run_store

    # -- life ------------------------------------------------------------------------------------

    def _open(self) -> Experiment:
        if self._is_open:
            return self
        store = self._storage.run_store(
            self.run.prefix, self.run.project, settings=self._settings, mode=self._mode
        )
        document = {
            "name": prefixes.split(self.run.prefix).segments[-1],
            "project": self.run.project,
            "description": self.readme,
            "tags": self.tags,
            "bindrs": self._bindrs_list,
            "prefix": self.run.prefix,
            "metadata": self.metadata,
            "write_protected": self._write_protected,
        }
        if self._courier is not None:
            self._courier.connect(store, document)
        try:
            store.open(document)
        except MLDashError:
            if self._courier is not None:
                self._courier.give_up()
            raise
        self._store = store
        if self._buffer_config.buffer_enabled:
            self._buffer_manager = BackgroundBufferManager(self, self._buffer_config)
        self._merges_tracks = self._buffer_config.buffer_enabled
        self._is_open, self._was_closed = True, False
        self._session = object()
        self.__dict__["metrics"] = self._metrics_manager
        self._uses = RunUses(self._rules, store.folder)
        _lifetime.opened(self)
        if self._courier is not None:
            self._take_answer(self._courier.answer)
            self._courier.start(self.run.prefix)
        return self

    def _close(
        self, status: str, error: BaseException | None = None, *, on_its_way: bool = True
    ) -> None:
        """Close; what that meets is raised, unless ``error`` is on its way to the user already."""
        if not self._is_open or self._store is None:
            _lifetime.tell_unchanged(self.folder, self._ended_as, status)
            return
        steps: tuple[Callable[[], object], ...] = (
            functools.partial(self._metrics_manager._close, error),
            functools.partial(self._store.close, status, _lifetime.describe(error, status)),
            self._uses.close,
        )
        problems = [problem for problem in map(failure_of, steps) if problem is not None]
        self._is_open, self._was_closed = False, True
        self._session = None
        self.__dict__.pop("metrics", None)
        self._ended_as = status
        _lifetime.closed(self)
        problems += [] if self._courier is None else self._courier.finish()
        if error is None or not on_its_way:
            raise_first(problems)
        else:
            note_beside(error, problems, "closing the run")

    def _terminate(self, status: str, error: dict[str, str]) -> None:
        """End from a signal handler: fully if no lock is held by what it interrupted."""
        if self._store is not None and self._is_open:
            self._store.terminate(status, error)

    def __getstate__(self) -> dict[str, Any]:
        if self._is_open:
            raise RunOpenError(
                f"The open experiment {self.run.prefix!r} cannot be pickled or copied",
                hint="Build one with the same prefix in the other process, or copy it unopened",
            )
        return {name: value for name, value in self.__dict__.items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_own()

    def _make_own(self) -> None:
        """Make the parts that hold locks and caches; a copy gets its own."""
        self._store = None
        self._session = None
        self._times = RunTimes()
        self._metrics_manager = MetricsManager(self)
        self._tracks_manager = TracksManager(self)


_OWN = frozenset(
    {"_store", "_session", "_times", "_metrics_manager", "_tracks_manager", "_own_client"}
)


def __getattr__(name: str) -> Any:
    # A name that 0.6 had here; it brings httpx, so it is loaded only when asked for.
    if name == "RemoteClient":
        from ml_dash.client import RemoteClient

        return RemoteClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def ml_dash_experiment(prefix: str, **kwargs: Any) -> Callable[[F], F]:
    """Return a decorator that runs a function inside a new experiment.

    Args:
        prefix: The experiment's prefix.
        **kwargs: The other arguments of :class:`Experiment`.

    Returns:
        The decorator; the function, plain, asynchronous or a generator, gets the experiment, open
        from the first line of its body to the last, as keyword ``experiment``.
    """

    def decorate(func: F) -> F:
        def anew() -> RUN:
            run: RUN = Experiment(prefix, **kwargs).run
            return run

        def left_early(experiment: Experiment) -> None:
            experiment.run.cancel()

        return around(func, anew, left_early, "experiment", among_others=True)

    return decorate
