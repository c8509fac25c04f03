"""The one table of behaviour that changes between 0.6 and 1.0, and the rules that read it.

A *flag* is one changed behaviour. Each release gives each flag a *stage*; ``ML_DASH_FUTURE``,
``ml_dash.future`` and ``Experiment(future=...)`` choose another. Nothing here reads the
environment or warns: that is :mod:`ml_dash._base.chosen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ml_dash import __version__

RELEASES: Final = ("0.6", "0.7", "0.8", "0.9", "1.0")


def _release_of(version: str) -> str:
    """Return the last stop of the train that a version has reached."""
    reached = [int(part) for part in version.split(".")[:2]]
    stops = [stop for stop in RELEASES if [int(part) for part in stop.split(".")] <= reached]
    return stops[-1]


RELEASE: Final = _release_of(__version__)
"""The release that this is, without its last number."""

OFF, WARN, ON, LOCKED = "off", "warn", "on", "locked"
Stages = tuple[tuple[str, str], ...]
_TRAIN: Final[Stages] = (("0.6", OFF), ("0.7", WARN), ("0.9", ON), ("1.0", LOCKED))


@dataclass(frozen=True)
class Api:
    """A public name whose answer a flag changes.

    Attributes:
        name: As in ``RemoteClient.get_current_user``.
        old: What 0.6 answers or does, as in "answers None".
        raises: What it raises instead, by the names of the classes.
        or_raise: The sibling that raises in every release, without its class.
        or_none: The sibling that answers None, only for what is not there.
        instead: What to write instead where there is no sibling.
        by_value: Whether it depends on values or stored data, which the code does not show.
    """

    name: str
    old: str
    raises: tuple[str, ...]
    or_raise: str | None = None
    or_none: str | None = None
    instead: str | None = None
    by_value: bool = False

    @property
    def is_member(self) -> bool:
        """Whether it is a member of a class with a sibling: such uses are found in code."""
        return self.or_raise is not None and "." in self.name

    @property
    def advice(self) -> str:
        """What to use instead, as in ``use read_or_raise()``."""
        siblings = [f"{name}()" for name in (self.or_raise, self.or_none) if name]
        return f"use {' or '.join(siblings)}" if siblings else str(self.instead)


@dataclass(frozen=True)
class Flag:
    """One changed behaviour.

    Attributes:
        id: ``MLD`` and three digits, for ever.
        name: The word that users write.
        phase: The phase of the error audit that asked for it, 1 to 4.
        old: What 0.6 does.
        new: What 1.0 does.
        apis: The public names whose answer changes.
        stages: From which release on which stage holds.
    """

    id: str
    name: str
    phase: int
    old: str
    new: str
    apis: tuple[Api, ...] = ()
    stages: Stages = field(default=_TRAIN)

    def stage(self, release: str) -> str:
        """Return ``off``, ``warn``, ``on`` or ``locked``."""
        found = OFF
        for since, stage in self.stages:
            if RELEASES.index(since) <= RELEASES.index(release):
                found = stage
        return found

    def since(self, stage: str) -> str:
        """Return the first release of a stage."""
        return next(release for release, each in self.stages if each == stage)

    @property
    def anchor(self) -> str:
        """Its section of MIGRATION.md."""
        return f"MIGRATION.md#{self.id.lower()}-{self.name}"


_LISTING = ("InvalidResponseError",)
_DAMAGE = ("CorruptDataError",)
_INDEX = ("CorruptDataError", "FileReadError")
_ASKING = ("RemoteClientError",)


def _user(name: str) -> Api:
    return Api(f"userinfo.{name}", "is None", _ASKING, "fetch_or_raise")


def _sibling(name: str, old: str, raises: tuple[str, ...], or_none: str | None = None) -> Api:
    plain = name.rpartition(".")[2]
    return Api(name, old, raises, f"{plain}_or_raise", or_none)


TABLE: Final = (
    Flag(
        "MLD001", "lookups_raise", 1,
        "A question to a server that fails, or whose answer lacks a part, is answered with None, "
        "[] or {}, as if nothing were there",
        "None, [] and {} mean that nothing is there; every failure raises",
        (
            _sibling("RemoteClient.get_project_id", "answers None", _ASKING,
                     "get_project_id_or_none"),
            _sibling("RemoteClient.get_current_user", "answers None", _ASKING,
                     "get_current_user_or_none"),
            _sibling("RemoteClient.get_experiment_graphql", "answers None", _LISTING,
                     "get_experiment_graphql_or_none"),
            _sibling("RemoteClient.list_projects_graphql", "answers []", _LISTING),
            _sibling("RemoteClient.list_experiments_graphql", "answers []", _LISTING),
            _sibling("RemoteClient.search_experiments_graphql", "answers []", _LISTING),
            _sibling("RemoteClient.list_files", "answers []", _LISTING),
            _sibling("RemoteClient.list_tracks", "answers []", _LISTING),
            _sibling("RemoteClient.get_parameters", "answers {}", _LISTING),
            _sibling("RemoteClient.graphql_query", "answers {}", _LISTING),
            *map(_user, ("username", "email", "name", "given_name", "family_name", "picture",
                         "id")),
            Api("bool(userinfo)", "is False", _ASKING, "fetch_or_raise"),
        ),
    ),
    Flag(
        "MLD002", "credentials_raise", 1,
        "A configuration or token file that is damaged or unreadable, or a malformed token, reads "
        "as empty",
        "It raises; only a file that is not there reads as empty",
        (
            Api("Config", "reads as empty", _INDEX, "Config.load_or_raise"),
            _sibling("PlaintextFileStorage.load", "answers None", ("TokenStoreError",)),
            _sibling("decode_jwt_payload", "answers {}", ("AuthenticationError",)),
        ),
    ),
    Flag(
        "MLD003", "file_checks_raise", 1,
        "exists() is False and list() is [] when the list of files cannot be read; of several "
        "files of one name the first is taken",
        "False and [] mean that there is none; everything else raises",
        (
            _sibling("FileBuilder.exists", "answers False", _INDEX),
            _sibling("FileBuilder.list", "answers []", _INDEX),
            _sibling("BindrsBuilder.list", "answers []", _INDEX),
            Api("FileBuilder.download", "takes the first of several files", ("AmbiguousFileError",),
                instead="give the whole path of the file", by_value=True),
            Api("FileBuilder.read_text", "takes the first of several files",
                ("AmbiguousFileError",), instead="give the whole path of the file",
                by_value=True),
        ),
    ),
    Flag(
        "MLD004", "local_reads_raise", 2,
        "Damaged data on disk read as empty, or are left out",
        "Reading damaged data raises",
        (
            _sibling("ParametersBuilder.get", "answers {}", _DAMAGE),
            _sibling("MetricBuilder.read", "leaves damaged points out", _DAMAGE),
            _sibling("MetricBuilder.list_all", "leaves damaged metrics out", _DAMAGE),
            _sibling("TrackBuilder.read", "leaves damaged entries out", _DAMAGE),
            _sibling("TrackBuilder.list_entries", "leaves damaged entries out", _DAMAGE),
            _sibling("LocalStorage.read_parameters", "answers None", _DAMAGE),
            _sibling("LocalStorage.read_metric_data", "leaves damaged points out", _DAMAGE),
            _sibling("LocalStorage.list_metrics", "leaves damaged metrics out", _DAMAGE),
            _sibling("LocalStorage.read_track_data", "leaves damaged entries out", _DAMAGE),
            _sibling("LocalStorage.list_tracks", "leaves damaged tracks out", _DAMAGE),
            _sibling("LocalStorage.list_files", "answers []", _INDEX),
        ),
    ),
    Flag(
        "MLD005", "values_checked", 3,
        "A buffered value that is no number is skipped; of two parameters with one name the last "
        "is taken, and so is a track's time that is a text, a bool, NaN or infinite",
        "Each raises at the call, and nothing is changed",
        (
            Api("MetricBuilder.buffer", "skips what is no number", ("InvalidValueError",),
                instead="buffer numbers only, and log() anything else", by_value=True),
            Api("SummaryCache.store", "skips what is no number", ("InvalidValueError",),
                instead="store numbers only, and set() anything else", by_value=True),
            Api("ParametersBuilder.set", "takes the last of two values for one name",
                ("InvalidValueError",), instead="give each parameter once", by_value=True),
            Api("TrackBuilder.append", "takes a time that is no finite number",
                ("InvalidValueError",), instead="give _ts in seconds, or leave it out",
                by_value=True),
        ),
    ),
    Flag(
        "MLD006", "arguments_checked", 3,
        "Unknown keywords are ignored, prefixes that name no project are taken, and names of 0.5 "
        "still work",
        "Each raises at the call",
        (
            Api("Experiment", "ignores what it does not know", ("UsageError",),
                instead="remove the argument, or correct its name", by_value=True),
            Api("Experiment.prefix", "takes a prefix without owner or project", ("PrefixError",),
                instead="write 'owner/project/name'", by_value=True),
            Api("Experiment.remote", "takes the old name of dash_url", ("UsageError",),
                instead="write dash_url=..."),
            Api("Experiment.local_path", "takes the old name of dash_root", ("UsageError",),
                instead="write dash_root=..."),
            Api("Experiment.log", "returns a builder when there is no message", ("UsageError",),
                instead="use exp.logs.info(...)"),
            Api("files", "ignores options that it does not know", ("UsageError",),
                instead="remove the option, or correct its name", by_value=True),
        ),
    ),
    Flag(
        "MLD007", "cli_exit_codes", 3,
        "Commands of 0.6 exit with 0 when a part failed, nothing was found or nobody is logged in",
        "They exit with 1, 3, 4 or 5",
    ),
    Flag(
        "MLD008", "strict_errors", 4,
        "The error mode is 'default': what could lose data warns, and is logged",
        "The error mode is 'strict': it raises; ML_DASH_ERROR_MODE and error_mode= choose another",
    ),
)  # fmt: skip

FLAGS: Final[Mapping[str, Flag]] = {flag.name: flag for flag in TABLE}
_APIS: Final = {api.name: (flag, api) for flag in TABLE for api in flag.apis}


def api_of(name: str) -> tuple[Flag, Api]:
    """Return a public name's row and the flag that it belongs to."""
    return _APIS[name]


def flag_named(word: str) -> Flag | None:
    """Return the flag of a name or id; None if there is none."""
    return FLAGS.get(word) or next((flag for flag in TABLE if flag.id == word.upper()), None)
