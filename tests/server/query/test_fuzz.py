"""Whatever is asked by GraphQL: an answer in JSON, soon, never a 5xx and never a trace.

The questions are the same in each run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries
from sqlalchemy import select

from ml_dash.server.query.schema import SCHEMA
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import experiments, projects
from tests.server.live import Live, run_of, running

SAME_EACH_TIME = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
WELL_FORMED = queries(print_schema(SCHEMA))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with a run of alice."""
    with running(ServerSettings(data=tmp_path_factory.mktemp("data"))) as made:
        client = made.as_user("alice")
        for project in ("vision", "0", ""):
            run_of(client, f"alice/{project or 'x'}/run-1")
        yield made


@pytest.fixture(scope="module")
def alice(live: Live) -> httpx.Client:
    """Return a client of alice."""
    return live.as_user("alice")


def ask(client: httpx.Client, body: Any) -> dict[str, Any]:
    """Send a body and return what is said; it is always as the documents say.

    The client waits for 30 s at most.
    """
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.post("/graphql", content=raw, headers={"content-type": "application/json"})
    found = reply.json()
    assert reply.status_code < 500, reply.text
    assert "Traceback" not in reply.text
    assert 'File "' not in reply.text
    if reply.status_code != 200:
        assert {"error", "message", "requestId"} <= set(found)
    elif "errors" in found:
        assert found["errors"]
        assert all(each["message"] and each["extensions"]["code"] for each in found["errors"])
    else:
        assert isinstance(found["data"], dict)
    return dict(found)


@settings(SAME_EACH_TIME, max_examples=60)
@given(query=WELL_FORMED)
def test_every_well_formed_question_is_answered(alice: httpx.Client, query: str) -> None:
    """As the schema has them; only what costs too much or cannot be found by its values fails."""
    found = ask(alice, {"query": query})
    for each in found.get("errors", ()):
        assert each["extensions"]["code"] in ("BAD_REQUEST", "INVALID", "TOO-LARGE"), each


@settings(SAME_EACH_TIME, max_examples=80)
@given(query=WELL_FORMED, data=st.data())
def test_damaged_questions_are_answered(
    alice: httpx.Client, query: str, data: st.DataObject
) -> None:
    """Parts of a question are left out, doubled, or replaced by any text."""
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(query)))
        stop = data.draw(st.integers(start, min(len(query), start + 20)))
        part = data.draw(
            st.sampled_from(["", query[start:stop] * 2, "{", "}", "$", "...", "@skip(if:1)", '"""'])
            | st.text(max_size=5)
        )
        query = query[:start] + part + query[stop:]
    ask(alice, {"query": query, "variables": {}})


@settings(SAME_EACH_TIME, max_examples=60)
@given(values=st.dictionaries(st.sampled_from("intsep"), JSON_VALUES), raw=st.booleans())
def test_variables_of_every_kind_are_answered(
    alice: httpx.Client, values: dict[str, Any], raw: bool
) -> None:
    """Where a number, a text, an id or a name of a status is wanted."""
    query = """query Q($i: ID!, $n: Int!, $t: String!, $s: ExperimentStatus) {
      experimentById(id: $i) { id } experimentNode(experimentId: $i) { id }
      projectsPaginated(namespaceSlug: $t, limit: $n, offset: $n) { totalCount }
      experimentsPaginated(projectSlug: $t, status: $s, limit: $n, offset: $n) { totalCount }
      searchExperimentsPaginated(pattern: $t, limit: $n, offset: $n) { totalCount } }"""
    fine = {"i": "1", "n": 1, "t": "t"}
    ask(alice, {"query": query, "variables": values if raw else {**fine, **values}})


@settings(SAME_EACH_TIME, max_examples=60)
@given(body=JSON_VALUES | st.fixed_dictionaries({"query": JSON_VALUES, "variables": JSON_VALUES}))
def test_bodies_of_every_kind_are_answered(alice: httpx.Client, body: Any) -> None:
    """Lists of questions, too, and questions that are no text."""
    ask(alice, body)


def nested(count: int, inner: str = "id") -> str:
    """Return a question with levels."""
    return "{projects{" + "namespace{projects{" * count + inner + "}}" * count + "}}"


def fragments(count: int, spread: int) -> str:
    """Return a question whose fragments are each ``spread`` times in the one before."""
    body = "".join(
        f"fragment f{n} on User{{{f'...f{n + 1} ' * spread}}}" for n in range(count)
    )  # fmt: skip
    return "{me{...f0}}" + body + f"fragment f{count} on User{{id}}"


CYCLES = [
    "{me{...a}} fragment a on User{...a}",
    "{me{...a}} fragment a on User{...b} fragment b on User{...c} fragment c on User{...a}",
    "{me{...a}} fragment a on User{... on User{...b}} fragment b on User{...a}",
    "{me{id}} fragment a on User{...a}",
]
TYPES = "{__schema{types{" + "fields{type{" * 10 + "name" + "}}" * 10 + "}}}"
BOMBS = {
    "levels": nested(40), "levels that are allowed": nested(10), "brackets": "[" * 90_000,
    "inline fragments": "{me" + "{...on User" * 300 + "{id}" + "}" * 301,
    "aliases of roots": "{" + " ".join(f"a{n}:projects{{id}}" for n in range(1000)) + "}",
    "aliases of fields": "{me{" + " ".join(f"a{n}:id" for n in range(5000)) + "}}",
    "one field": "{me{" + "id " * 2900 + "}}", "fragments": fragments(30, 2),
    "a chain of fragments": fragments(500, 1), "spreads": fragments(2, 900),
    "operations": " ".join(f"query Q{n}{{me{{id}}}}" for n in range(500)),
    "types": TYPES, "a long name": "{" + "a" * 90_000 + "}", "too long": "#" * 200_000,
    "directives": "{me{id" + " @include(if:true)" * 900 + "}}",
    "variables": "query(" + "".join(f"$v{n}:Int" for n in range(700)) + "){me{id}}",
    "a long text": '{searchExperiments(pattern:"' + "a*" * 40_000 + '"){id}}',
    "a list": "{project(id:" + "[" * 55 + "]" * 55 + "){id}}", "a block": '{me(a:"""' + '"' * 900,
    "an object": "{project(id:" + "{a:" * 55 + "1" + "}" * 55 + "){id}}",
    "a large number": '{projectsPaginated(limit:' + "9" * 3000 + ",offset:0){totalCount}}",
    "conflicts": "{me{" + " ".join(f"{'x' if n % 2 else 'x:id y'}:name" for n in range(300)) + "}}",
    "a subscription": "subscription{me{id}}",
    "a mutation": 'mutation{updateUser(username:"x"){id}}',
}  # fmt: skip


@pytest.mark.parametrize("query", BOMBS.values(), ids=BOMBS)
def test_bombs_end_soon(alice: httpx.Client, query: str) -> None:
    """Deep, wide, long; with a reason, or with an answer that is bounded."""
    found = ask(alice, {"query": query})
    assert "errors" in found or len(json.dumps(found)) < 100_000


@pytest.mark.parametrize("query", CYCLES)
def test_fragments_in_themselves_are_refused(alice: httpx.Client, query: str) -> None:
    """However far around."""
    assert "errors" in ask(alice, {"query": query})


def test_huge_variables_are_refused_or_answered(alice: httpx.Client) -> None:
    """Many, long, deep."""
    query = "query($t:String!){searchExperiments(pattern:$t){id}}"
    assert "errors" in ask(alice, {"query": query, "variables": {"t": "*" * 1_000_000}})
    many: dict[str, Any] = {f"v{n}": n for n in range(100_000)}
    assert "data" in ask(alice, {"query": query, "variables": {**many, "t": "x"}})
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert ask(alice, {"query": query, "variables": {"t": deep}})["error"] == "bad-request"


def test_clients_may_ask_for_the_schema(alice: httpx.Client) -> None:
    """As tools do; by this its cost is known to be bounded as well."""
    from graphql import get_introspection_query

    assert ask(alice, {"query": get_introspection_query()})["data"]["__schema"]["types"]


def test_what_an_answer_costs_is_bounded(live: Live, alice: httpx.Client) -> None:
    """By its fields times the things they are asked of; few fields of them are fine."""
    with live.writing() as (connection, _):
        row = dict(connection.execute(select(experiments)).first()._mapping)
        ids = range(1_000_000, 1_005_500)
        connection.execute(experiments.insert(), [{**row, "id": n, "node_id": n} for n in ids])
        slug = connection.execute(
            select(projects.c.slug).where(projects.c.id == row["project_id"])
        ).scalar_one()
    page = f'experimentsPaginated(projectSlug:"{slug}",limit:5500,offset:0)'
    many = "{experiments{" + " ".join(f"a{n}:name" for n in range(390)) + "}}"
    found = ask(alice, {"query": f"{{{page}{many}}}"})
    assert found["errors"][0]["extensions"]["code"] == "TOO-LARGE"
    found = ask(alice, {"query": f"{{{page}{{experiments{{id}}}}}}"})
    assert len(found["data"]["experimentsPaginated"]["experiments"]) == 5500
    for query in (f'experiments(projectSlug:"{slug}")',
                  f'searchExperiments(pattern:"alice/{slug}")'):  # fmt: skip
        # All or an error: a part of them would be taken for all.
        [error] = ask(alice, {"query": f"{{{query}{{id}}}}"})["errors"]
        assert "more than 5000" in error["message"]
