"""The GraphQL schema, and how a document is answered within limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLScalarType,
    NoUnusedVariablesRule,
    Source,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    validate,
)

from ml_dash._record import codec
from ml_dash.server.errors import answer
from ml_dash.server.query import limits

SCHEMA = build_schema("""
"Any JSON value."
scalar JSON
"A time in ISO 8601."
scalar DateTime
"A whole number, as text."
scalar BigInt
"A whole number."
scalar Count
enum ExperimentStatus { RUNNING COMPLETED FAILED CANCELLED ARCHIVED }
enum NodeType { PROJECT FOLDER EXPERIMENT FILE }

type Query {
  me: User
  namespace(slug: String!): Namespace
  project(id: ID, namespaceSlug: String, projectSlug: String): Project
  projects: [Project!]!
  experiments(projectSlug: String!, status: ExperimentStatus): [Experiment!]!
  experiment(namespaceSlug: String, projectSlug: String!, experimentName: String!): Experiment
  experimentById(id: ID!): Experiment
  experimentNode(experimentId: ID!): Node
  searchExperiments(pattern: String!): [Experiment!]!
  projectsPaginated(namespaceSlug: String, limit: Int!, offset: Int!): ProjectPage!
  experimentsPaginated(namespaceSlug: String, projectSlug: String!, status: ExperimentStatus,
    limit: Int!, offset: Int!): ExperimentPage!
  searchExperimentsPaginated(pattern: String!, limit: Int!, offset: Int!): ExperimentPage!
}
type User { id: ID! username: String email: String name: String given_name: String
  family_name: String picture: String }
type Namespace { id: ID! slug: String! projects: [Project!]! }
type Project { id: ID! slug: String! name: String! description: String tags: [String!]!
  createdAt: DateTime namespace: Namespace! nodes(parentId: ID, maxDepth: Int): [Node!]!
  experimentCount: Int! }
type Node { id: ID! type: NodeType! name: String! parentId: ID experimentId: ID pPath: String
  description: String tags: [String!]! metadata: JSON createdAt: DateTime! updatedAt: DateTime
  physicalFile: PhysicalFile children: [Node!]! }
type PhysicalFile { id: ID! filename: String! contentType: String! sizeBytes: BigInt!
  checksum: String! s3Url: String }
type Experiment { id: ID! projectId: ID! name: String! description: String tags: [String!]!
  bindrs: [String!]! status: ExperimentStatus! startedAt: DateTime endedAt: DateTime
  lastSeenAt: DateTime metadata: JSON project: Project! logMetadata: LogMetadata
  metrics: [Metric!]! files: [Node!]! parameters: Parameters
  filesPaginated(limit: Int!, offset: Int!): FilePage! trackCount: Int! displayPath: String
  reports: [ClientReport!]! }
"What a writer of a run last said of its delivery."
type ClientReport { writer: String! streams: JSON! toldAt: DateTime! }
type LogMetadata { totalLogs: Count! }
type Metric { name: String! metricMetadata: MetricMetadata }
type MetricMetadata { totalDataPoints: Count! }
type Parameters { id: ID! data: JSON! }
type FilePage { files: [Node!]! totalCount: Int! hasMore: Boolean! }
type ProjectPage { projects: [Project!]! totalCount: Int! hasMore: Boolean! }
type ExperimentPage { experiments: [Experiment!]! totalCount: Int! hasMore: Boolean! }
""")



def _marked(value: Any) -> Any:
    """Return a logged value with marked texts for the numbers that JSON lacks."""
    return json.loads(codec.encode(value))


cast("GraphQLScalarType", SCHEMA.type_map["JSON"]).serialize = _marked  # type: ignore[method-assign]

# 0.6.13 declares a variable that it never uses.
_RULES = [rule for rule in specified_rules if rule is not NoUnusedVariablesRule]


def run(
    text: str, variables: Mapping[str, Any], root_for: Callable[[int], Any]
) -> dict[str, Any]:
    """Return the answer to a document; its errors are those of its sender.

    Args:
        text: The document.
        variables: Its variables.
        root_for: Returns what the fields of ``Query`` are taken from, for a document of so many
            fields.

    Raises:
        Exception: what went wrong in the server, as it was raised.
    """
    try:
        limits.check_text(text)
        document = parse(Source(text), max_tokens=limits.MOST_TOKENS)
        fields = limits.check_document(document)
    except GraphQLError as error:
        return _refused([error])
    problems = validate(SCHEMA, document, _RULES, max_errors=10)
    return _refused(problems) if problems else _executed(document, variables, root_for(fields))


def _executed(document: DocumentNode, variables: Mapping[str, Any], root: Any) -> dict[str, Any]:
    done = execute_sync(SCHEMA, document, root, variable_values=dict(variables))
    return _refused(done.errors) if done.errors else {"data": done.data}


def _refused(errors: list[GraphQLError]) -> dict[str, Any]:
    return {"errors": [_told(error) for error in errors[:10]], "data": None}


def _told(error: GraphQLError) -> dict[str, Any]:
    original, code = error.original_error, "BAD_REQUEST"
    message = error.message
    if original is not None and not isinstance(original, GraphQLError):
        told = answer(original, "")
        if told.status >= 500:
            raise original
        code, message = str(told.body["error"]).upper(), told.body["message"]
    found: dict[str, Any] = {"message": message, "extensions": {"code": code}}
    if error.path:
        found["path"] = error.path
    return found
