"""The one MetaData of the server's database, and the tables of all but points and entries.

Ids are 64-bit numbers that :mod:`ml_dash.server.ids` gives out; clients see them as text. Times are
milliseconds since the epoch. Points and entries are in :mod:`ml_dash.server.points.tables`, under
the id of their metric or track.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)

from ml_dash.server.column_types import AnyText, Logged

metadata = MetaData()


def _key(name: str = "id") -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


facts = Table(
    "server_facts",
    metadata,
    # What all processes of a server share: the number of the next process, secrets.
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# --- who --------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _key(),
    Column("username", String(200), nullable=False, unique=True),
    # Issuer and subject of the tokens of another server that stand for this user.
    Column("subject", String(700), unique=True),
    Column("email", AnyText),
    Column("name", AnyText),
    Column("given_name", AnyText),
    Column("family_name", AnyText),
    Column("picture", AnyText),
    Column("admin", Boolean(create_constraint=False), nullable=False, server_default=false()),
    _time("created_ms"),
)

namespaces = Table(
    "namespaces",
    metadata,
    _key(),
    Column("slug", String(200), nullable=False, unique=True),
    _time("created_ms"),
)

members = Table(
    "members",
    metadata,
    _key("namespace_id"),
    _key("user_id"),
    Column("role", String(20), nullable=False),
)
Index("ix_members_user", members.c.user_id)

api_tokens = Table(
    "api_tokens",
    metadata,
    _key(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", AnyText, nullable=False),
    # "api", or "login": one that can only be exchanged for an API token.
    Column("kind", String(20), nullable=False),
    # The most that it allows, whatever its user may do.
    Column("role", String(20), nullable=False),
    Column("user_id", BigInteger, nullable=False),
    _time("created_ms"),
    _time("expires_ms", nullable=True),
    _time("revoked_ms", nullable=True),
    _time("last_used_ms", nullable=True),
)

device_logins = Table(
    "device_logins",
    metadata,
    Column("user_code", String(16), primary_key=True),
    Column("secret_digest", String(64), nullable=False, index=True),
    Column("client_id", String(200), nullable=False),
    # "pending", "granted", "denied" or "taken".
    Column("state", String(20), nullable=False),
    Column("user_id", BigInteger),
    Column("role", String(20)),
    _time("created_ms"),
    _time("expires_ms"),
)

# --- what -------------------------------------------------------------------------------------

projects = Table(
    "projects",
    metadata,
    _key(),
    Column("namespace_id", BigInteger, nullable=False),
    Column("node_id", BigInteger, nullable=False),
    Column("slug", String(500), nullable=False),
    Column("name", AnyText, nullable=False),
    Column("description", AnyText),
    Column("tags", Logged, nullable=False),
    _time("created_ms"),
    _time("updated_ms"),
)
Index("ix_projects_slug", projects.c.namespace_id, projects.c.slug, unique=True)

nodes = Table(
    "nodes",
    metadata,
    _key(),
    Column("project_id", BigInteger, nullable=False),
    Column("parent_id", BigInteger, nullable=False),  # 0 is the top of the project
    Column("type", String(20), nullable=False),
    Column("name", String(500), nullable=False),
    # 0, or the id of the node itself when it is deleted: so that its name is free again.
    Column("gone", BigInteger, nullable=False, server_default="0"),
    # The experiment that it is, or is in.
    Column("experiment_id", BigInteger),
    # From the top of the experiment, or of the project for what is not in one; begins with /.
    Column("path", Text, nullable=False),
    Column("description", AnyText),
    Column("tags", Logged, nullable=False),
    Column("metadata", Logged),
    Column("sha256", String(64)),
    Column("size_bytes", BigInteger),
    Column("content_type", AnyText),
    _time("created_ms"),
    _time("updated_ms"),
    _time("deleted_ms", nullable=True),
)
Index(
    "ix_nodes_name",
    nodes.c.project_id, nodes.c.parent_id, nodes.c.type, nodes.c.name, nodes.c.gone,
    unique=True,
)  # fmt: skip
Index("ix_nodes_experiment", nodes.c.experiment_id, nodes.c.type)
Index("ix_nodes_sha256", nodes.c.sha256)

experiments = Table(
    "experiments",
    metadata,
    _key(),
    Column("project_id", BigInteger, nullable=False),
    Column("node_id", BigInteger, nullable=False, unique=True),
    Column("name", String(500), nullable=False),
    # Folders and name, without a slash in front: what a list shows.
    Column("path", Text, nullable=False),
    Column("description", AnyText),
    Column("tags", Logged, nullable=False),
    Column("bindrs", Logged, nullable=False),
    Column("metadata", Logged),
    Column("write_protected", Boolean(create_constraint=False), nullable=False),
    Column("status", String(20), nullable=False),
    Column("logs", BigInteger, nullable=False, server_default="0"),
    _time("started_ms"),
    _time("ended_ms", nullable=True),
    _time("last_seen_ms"),
    _time("created_ms"),
    _time("updated_ms"),
)
Index("ix_experiments_project", experiments.c.project_id, experiments.c.id)

logs = Table(
    "logs",
    metadata,
    _key("experiment_id"),
    _key("sequence"),
    Column("timestamp", AnyText),
    _time("at_us", nullable=True),  # the timestamp as a number, where it can be read
    Column("level", String(64), nullable=False),
    Column("message", AnyText, nullable=False),
    Column("metadata", Logged),
)
Index("ix_logs_time", logs.c.experiment_id, logs.c.at_us)

parameters = Table(
    "parameters",
    metadata,
    _key("experiment_id"),
    Column("id", BigInteger, nullable=False),
    Column("data", Logged, nullable=False),
    Column("version", Integer, nullable=False),
    _time("created_ms"),
    _time("updated_ms"),
)


def _described(name: str, key: str) -> Table:
    table = Table(
        name,
        metadata,
        _key(),
        Column("experiment_id", BigInteger, nullable=False),
        Column(key, String(500), nullable=False),
        Column("description", AnyText),
        Column("tags", Logged, nullable=False),
        Column("metadata", Logged),
        _time("created_ms"),
        _time("updated_ms"),
    )
    Index(f"ix_{name}_{key}", table.c.experiment_id, table.c[key], unique=True)
    return table


metrics = _described("metrics", "name")
tracks = _described("tracks", "topic")

# --- delivery ---------------------------------------------------------------------------------

applied = Table(
    "applied_batches",
    metadata,
    # A digest of the request's path and its Idempotency-Key.
    Column("digest", String(64), primary_key=True),
    Column("experiment_id", BigInteger, nullable=False, index=True),
    Column("reply", Text, nullable=False),
    _time("applied_ms"),
    # A digest of the path and the key without its numbers, and the last of its numbers.
    Column("stream", String(64)),
    Column("last", BigInteger),
)
Index("ix_applied_batches_age", applied.c.applied_ms)
Index("ix_applied_batches_stream", applied.c.stream, applied.c.applied_ms)

reports = Table(
    "client_reports",
    metadata,
    _key("experiment_id"),
    # Which of the processes that write the run has told this.
    Column("writer", String(200), primary_key=True),
    Column("report", Logged, nullable=False),
    _time("told_ms"),
)
