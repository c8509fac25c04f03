"""``POST /graphql``."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from ml_dash.server.query import schema
from ml_dash.server.query.view import View
from ml_dash.server.web.asking import Asker
from ml_dash.server.web.bodies import Body, body, describes

router = APIRouter(tags=["graphql"])


class QueryBody(Body):
    """A GraphQL document with its variables."""

    query: str
    variables: dict[str, Any] | None = None


@router.post("/graphql", openapi_extra=describes(QueryBody))
def graphql(who: Asker, sent: Annotated[QueryBody, Depends(body(QueryBody))]) -> Response:
    """Answer a GraphQL query; its errors come with status 200."""
    with who.parts.database.read() as connection:
        reply = schema.run(
            sent.query, sent.variables or {}, lambda fields: View(who, connection, fields).root()
        )
    return Response(json.dumps(reply), media_type="application/json")
