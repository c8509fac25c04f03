"""The GraphQL documents that are sent."""

from __future__ import annotations

from typing import Final

_FILE: Final = """id name pPath description tags metadata createdAt
  physicalFile { id filename contentType sizeBytes checksum s3Url }"""
_PROJECT: Final = "project { slug namespace { slug } }"
_LISTED: Final = """id name description tags status startedAt endedAt metadata
  logMetadata { totalLogs } trackCount displayPath"""

MY_NAMESPACE: Final = "query GetMyNamespace { me { username } }"

CURRENT_USER: Final = """query GetCurrentUser {
  me { id username email name given_name family_name picture }
}"""

PROJECTS_OF: Final = """query GetProject($namespace: String!) {
  namespace(slug: $namespace) { projects { id slug } }
}"""

EXPERIMENT_NODE: Final = """query GetExperimentNode($experimentId: ID!) {
  experimentNode(experimentId: $experimentId) { id }
}"""

EXPERIMENT_PROJECT: Final = """query GetExperimentProject($experimentId: ID!) {
  experimentById(id: $experimentId) { projectId }
}"""

EXPERIMENT: Final = f"""query Experiment(
  $namespaceSlug: String, $projectSlug: String!, $experimentName: String!
) {{
  experiment(
    namespaceSlug: $namespaceSlug, projectSlug: $projectSlug, experimentName: $experimentName
  ) {{
    id name description tags status metadata {_PROJECT}
    logMetadata {{ totalLogs }} metrics {{ name metricMetadata {{ totalDataPoints }} }}
    files {{ id name pPath description tags metadata
      physicalFile {{ filename contentType sizeBytes checksum s3Url }} }}
    parameters {{ id data }}
  }}
}}"""

EXPERIMENT_BY_ID: Final = f"""query GetExperiment($id: ID!) {{
  experimentById(id: $id) {{ id name description tags status metadata {_PROJECT} }}
}}"""

FILES: Final = f"""query ListExperimentFilesPaginated(
  $experimentId: ID!, $limit: Int!, $offset: Int!
) {{
  experimentById(id: $experimentId) {{
    filesPaginated(limit: $limit, offset: $offset) {{
      files {{ {_FILE} }} totalCount hasMore
    }}
  }}
}}"""

PROJECTS: Final = """query ProjectsPaginated($namespaceSlug: String, $limit: Int!, $offset: Int!) {
  projectsPaginated(namespaceSlug: $namespaceSlug, limit: $limit, offset: $offset) {
    projects { id name slug description tags experimentCount } totalCount hasMore
  }
}"""

EXPERIMENTS: Final = f"""query ExperimentsPaginated(
  $namespaceSlug: String, $projectSlug: String!, $status: ExperimentStatus,
  $limit: Int!, $offset: Int!
) {{
  experimentsPaginated(
    namespaceSlug: $namespaceSlug, projectSlug: $projectSlug, status: $status,
    limit: $limit, offset: $offset
  ) {{
    experiments {{ {_LISTED} {_PROJECT} metrics {{ name }} files {{ id }} }}
    totalCount hasMore
  }}
}}"""

SEARCH: Final = f"""query SearchExperimentsPaginated(
  $pattern: String!, $limit: Int!, $offset: Int!
) {{
  searchExperimentsPaginated(pattern: $pattern, limit: $limit, offset: $offset) {{
    experiments {{
      {_LISTED} project {{ id slug name namespace {{ id slug }} }}
      metrics {{ name metricMetadata {{ totalDataPoints }} }} files {{ id name }}
    }}
    totalCount hasMore
  }}
}}"""

_LEVELS: Final = 10


def _hierarchy() -> str:
    """Return the document that reads a project's tree; GraphQL has no recursion."""
    nodes = "...N"
    for _ in range(_LEVELS - 1):
        nodes = f"...N children {{ {nodes} }}"
    return (
        "query GetProjectHierarchy($namespaceSlug: String!, $projectSlug: String!) {\n"
        "  project(namespaceSlug: $namespaceSlug, projectSlug: $projectSlug) {\n"
        f"    nodes(parentId: null, maxDepth: 20) {{ {nodes} }}\n  }}\n}}\n"
        "fragment N on Node { id type name pPath experimentId }"
    )


PROJECT_TREE: Final = _hierarchy()
