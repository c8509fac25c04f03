"""Parameters of a run: one flat document, merged key by key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from ml_dash.server.ids import Ids, now_ms
from ml_dash.server.tables import parameters
from ml_dash.server.upsert import insert_new


def merge(connection: Connection, ids: Ids, experiment_id: int, data: Mapping[str, Any]) -> Any:
    """Set parameters, the others stay; return the row with all of them."""
    now = now_ms()
    new = {"experiment_id": experiment_id, "id": ids.new(), "data": dict(data), "version": 1,
           "created_ms": now, "updated_ms": now}  # fmt: skip
    if not insert_new(connection, parameters, new):
        own = parameters.c.experiment_id == experiment_id
        locked = connection.execute(select(parameters).where(own).with_for_update()).one()
        values = {"data": {**locked.data, **data}, "version": locked.version + 1,
                  "updated_ms": now}  # fmt: skip
        connection.execute(update(parameters).where(own).values(**values))
    row = find(connection, experiment_id)
    assert row is not None  # it was inserted, or locked
    return row


def find(connection: Connection, experiment_id: int) -> Any | None:
    """Return the parameters of an experiment; None when it has none."""
    own = parameters.c.experiment_id == experiment_id
    return connection.execute(select(parameters).where(own)).one_or_none()
