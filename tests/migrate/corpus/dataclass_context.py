"""Contexts that are passed around."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Protocol

import attrs
import ml_dash
from ml_dash import Experiment, RemoteClient


@dataclass
class Context:
    exp: Experiment
    client: Optional[RemoteClient] = None
    extra: dict = field(default_factory=dict)


class Pair(NamedTuple):
    left: Experiment
    right: "ml_dash.RemoteClient"


@attrs.define
class Trial:
    context: Context
    name: str = "x"


class HasRun(Protocol):
    experiment: Experiment


def report(ctx: Context):
    if ctx.client:
        ctx.client.list_experiments_graphql("vision")  #: MLD001 certain TODO
    print(ctx.extra.get("x"))
    return ctx.exp.params.get()  #: MLD004 certain get_or_raise


def trial(each: Trial, *, other: HasRun):
    print(other.experiment.files("a").exists())  #: MLD003 certain exists_or_raise
    return each.context.exp.metrics("loss").read()  #: MLD004 certain read_or_raise


def pair(p: Pair):
    left, right = p
    print(p.right.list_files("7"))  #: MLD001 certain list_files_or_raise
    return p.left.tracks("x").read()  #: MLD004 certain read_or_raise


ctx = Context(Experiment("alice/vision/ctx"))
with ctx.exp.run as live:
    print(live.params.get(), ctx.exp.bindrs("x").list())  #: MLD004 certain params.get_or_raise(), MLD003 certain list_or_raise
