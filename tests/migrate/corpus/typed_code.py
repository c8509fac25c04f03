from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, cast

import ml_dash.client as mc

if TYPE_CHECKING:
    from ml_dash import Experiment, RemoteClient
    from ml_dash.metric import MetricBuilder
    from ml_dash.files import FileBuilder

ClientLike = t.Union["RemoteClient", None]


def quoted(exp: "Experiment", client: Union["RemoteClient", None]) -> dict:
    print(client.list_files("x"))  #: MLD001 certain list_files_or_raise
    return exp.params.get()  #: MLD004 certain get_or_raise


def annotated(exp: Annotated[Experiment, "live"], n: t.Optional["RemoteClient"] = None):
    n.get_parameters("1")  #: MLD001 certain TODO
    return exp.params.get()  #: MLD004 certain get_or_raise


def casted(thing: Any, other: object):
    exp = cast("Experiment", thing)
    print(exp.metrics("a").read())  #: MLD004 certain read_or_raise
    if isinstance(other, mc.RemoteClient):
        return other.list_tracks("1")  #: MLD001 certain list_tracks_or_raise


def parts(metric: MetricBuilder, file: FileBuilder):
    if file.exists():  #: MLD003 certain exists_or_raise
        return metric.read()  #: MLD004 certain read_or_raise


def many(exps: Sequence[Experiment], make: Callable[[], Experiment], *clients: RemoteClient):
    for exp in exps:
        print(exp.params.get())  #: MLD004 certain get_or_raise
    for c in clients:
        print(c.list_projects_graphql())  #: MLD001 certain list_projects_graphql_or_raise
    return make().params.get()  #: MLD004 certain get_or_raise


class Generic(t.Generic[t.TypeVar("T")]):
    exp: Final[Experiment]
    count: int

    def get(self) -> Experiment:
        return self.exp

    def read(self) -> dict[str, Any]:
        return self.get().params.get()  #: MLD004 certain get_or_raise


def unrelated(file: t.TextIO, params: dict) -> str:
    return file.read() + params.get("x")
