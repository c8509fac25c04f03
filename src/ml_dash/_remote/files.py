"""Files of a run on the server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import httpx

from ml_dash._base.deprecate import changes
from ml_dash._base.facts import about
from ml_dash._base.ids import unique_id
from ml_dash._record import codec
from ml_dash._remote import documents, replies, resuming, transfers
from ml_dash._remote.calls import comma_list, encoded, given
from ml_dash._remote.nodes import ROOT, NodeCalls, no_such_experiment
from ml_dash._remote.paging import Page, pages
from ml_dash._remote.stored import agrees, mismatch, stored_record
from ml_dash._remote.transport import route

_FACTS: Final = ("parentId", "name", "checksum", "description", "metadata")
_log = logging.getLogger("ml_dash.client")


class FileCalls(NodeCalls):
    """Find, send, fetch, change and delete files."""

    # -- finding --------------------------------------------------------------------------------

    @changes("RemoteClient.list_files")
    def list_files(
        self,
        experiment_id: str,
        prefix: str | int | None = None,
        tags: list[str] | int | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page:
        """Return a run's files; an empty list also when the answer has none, as in 0.6.

        Args:
            experiment_id: The run's id on the server.
            prefix: Only files whose path starts with this folder. (A number here is ``limit``, and
                one in the next place ``offset``, as 0.6.27 had them.)
            tags: Only files with one of these tags.
            limit: At most so many; all when omitted. Counted before ``prefix`` and ``tags``.
            offset: Skip so many.

        Returns:
            A list that also answers to ``["files"]``, ``["totalCount"]`` and ``["hasMore"]``.

        Raises:
            RemoteNotFoundError: the server knows no such run.
            GraphQLError: the answer carries errors.
            RemoteClientError: a request failed.
        """
        return self._old_answer(
            "list_files",
            Page("files", [], 0, False),
            lambda: self.list_files_or_raise(
                experiment_id, prefix, tags, limit=limit, offset=offset
            ),
        )

    def list_files_or_raise(
        self,
        experiment_id: str,
        prefix: str | int | None = None,
        tags: list[str] | int | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page:
        """Return a run's files; see :meth:`list_files`.

        .. versionadded:: 0.7

        Raises:
            RemoteNotFoundError: the server knows no such run.
            InvalidResponseError: an answer has no list.
            RemoteClientError: a request failed.
        """
        limit = prefix if isinstance(prefix, int) else limit
        offset = tags if isinstance(tags, int) else offset
        folder = None if isinstance(prefix, int) else prefix
        words = None if isinstance(tags, int) else tags

        def fetch(count: int, start: int) -> tuple[dict[str, Any], str]:
            variables = {"experimentId": experiment_id, "limit": count, "offset": start}
            what = "ListExperimentFilesPaginated"
            data = self._graphql(documents.FILES, variables, what)
            if "experimentById" in data and data["experimentById"] is None:
                raise no_such_experiment(experiment_id)
            return replies.field(data, "experimentById.filesPaginated", dict, what), what

        page = pages(fetch, "files", limit, offset)
        kept = [file for file in page if _matches(file, folder, words)]
        if len(kept) == len(page):
            return page
        return Page("files", kept, len(kept) if limit is None else page["totalCount"],
                    page["hasMore"])  # fmt: skip

    def search_files(
        self, pattern: str, experiment_id: str | None = None, limit: int = 10, offset: int = 0
    ) -> list[dict[str, Any]]:
        """Return files whose path matches.

        Args:
            pattern: A path with ``*``, ``**`` and ``?``.
            experiment_id: Only files of this run.
            limit: At most so many.
            offset: Skip so many.

        Raises:
            InvalidResponseError: the answer has no list.
            RemoteClientError: the request failed.
        """
        params = given(pattern=pattern, limit=limit, offset=offset, experimentId=experiment_id)
        reply = self._call("GET", "/search/files", params=params)
        return replies.field(reply, "files", list, self._what("GET", "/search/files"))

    def get_file(self, experiment_id: str, file_id: str) -> dict[str, Any]:
        """Return the server's record of a file.

        Raises:
            RemoteNotFoundError: there is no such file.
            RemoteClientError: the request failed.
        """
        path = route("nodes", file_id)
        reply = self._call("GET", path)
        return replies.field({"reply": reply}, "reply", dict, self._what("GET", path))

    # -- up --------------------------------------------------------------------------------------

    def upload_file(
        self,
        experiment_id: str,
        file_path: str,
        prefix: str,
        filename: str,
        description: str | None,
        tags: list[str] | None,
        metadata: dict[str, Any] | None,
        checksum: str,
        content_type: str,
        size_bytes: int,
        project_id: str | None = None,
        parent_id: str = ROOT,
    ) -> dict[str, Any]:
        """Send a file; it is read while it is sent, never held in memory.

        Args:
            experiment_id: The run's id on the server.
            file_path: The file to send.
            prefix: Its folder within the run, such as ``models/best``; made if it is not there.
            filename: Its name there.
            description: What it is.
            tags: Words to find it by; without commas, which the wire cannot carry.
            metadata: Facts about it.
            checksum: Its SHA-256 (hex); computed when empty.
            content_type: Its MIME type; ``application/octet-stream`` when empty.
            size_bytes: Its size; what the server reports must agree. 0 is not compared.
            project_id: The run's project, if known.
            parent_id: The node below which ``prefix`` starts; ``"ROOT"`` is the run itself.

        Returns:
            The file's record: ``id``, ``path``, ``filename``, ``sizeBytes``, ``checksum`` ...

        Raises:
            UsageError: a tag has a comma; nothing was sent.
            InvalidFileError: the file cannot be read; nothing was sent.
            RemoteNotFoundError: the server knows no such run.
            ChecksumMismatchError: the server holds something else than what was sent.
            RemoteClientError: a request failed.
        """
        return self._upload_once(
            f"file-{unique_id()}", experiment_id, file_path, prefix, filename, description, tags,
            metadata, checksum, content_type, size_bytes, project_id, parent_id,
        )  # fmt: skip

    def _upload_once(
        self,
        key: str,
        experiment_id: str,
        file_path: str,
        prefix: str,
        filename: str,
        description: str | None,
        tags: list[str] | None,
        metadata: dict[str, Any] | None,
        checksum: str,
        content_type: str,
        size_bytes: int,
        project_id: str | None = None,
        parent_id: str = ROOT,
    ) -> dict[str, Any]:
        """Send a file as :meth:`upload_file`, under a key by which it is known when it comes again.

        Raises:
            MLDashError: as there.
        """
        source = Path(file_path)
        joined_tags = comma_list(tags)
        if not checksum:
            checksum, size_bytes = transfers.sha256_of(source)
        with transfers.opened_source(source):
            project = project_id or self._experiment_project_id(experiment_id)
            folder = self._folders(project, experiment_id, parent_id, prefix)
        fields = given(
            type="FILE", projectId=project, experimentId=experiment_id, parentId=folder,
            name=filename, checksum=checksum, description=description,
            tags=joined_tags or None,
            metadata=None if metadata is None else codec.encode(metadata).decode(),
        )  # fmt: skip
        content_type = content_type or "application/octet-stream"
        what = self._transport.what("POST", self._nodes_path)
        for last in (False, True):
            response = self._send(source, fields, content_type, key)
            reply = replies.parsed(response, what)
            record = stored_record(reply, experiment_id, prefix, fields, content_type, size_bytes)
            if agrees(record, checksum, size_bytes):
                break
            if last:
                raise mismatch(record, checksum, size_bytes, source)
        return record

    @property
    def _nodes_path(self) -> str:
        return "/api" + route("namespaces", self.namespace, "nodes")

    def _send(
        self, source: Path, fields: dict[str, str], content_type: str, key: str
    ) -> httpx.Response:
        """Send a file in pieces, if it is large and the server takes that; else in one request."""
        size_bytes = transfers.size_of(source)
        if self._transport.resumes_uploads and size_bytes >= resuming.FROM_BYTES:
            facts: dict[str, Any] = {name: fields[name] for name in _FACTS if name in fields}
            tags = [tag for tag in fields.get("tags", "").split(",") if tag]
            facts |= {"contentType": content_type, "tags": tags}
            file = resuming.Resumable(source, size_bytes, fields["experimentId"], facts, key)
            try:
                return resuming.upload_in_pieces(self._transport, file)
            except resuming.NotInPiecesError as error:
                _log.info("%s is sent in one request: %s", source, error,
                          extra=about("uploading", error, path=source))  # fmt: skip
        return transfers.upload(
            self._transport, self._nodes_path, source, fields, content_type, key
        )  # fmt: skip

    def _folders(self, project_id: str, experiment_id: str, parent: str, prefix: str) -> str:
        if parent == ROOT:
            parent = self._experiment_node_id(experiment_id)
        for name in (prefix or "").strip("/").split("/"):
            if name:
                parent = self._folder_id(project_id, experiment_id, parent, name)
        return parent

    def _experiment_project_id(self, experiment_id: str) -> str:
        data = self._graphql(
            documents.EXPERIMENT_PROJECT, {"experimentId": experiment_id}, "GetExperimentProject"
        )
        if "experimentById" in data and data["experimentById"] is None:
            raise no_such_experiment(experiment_id)
        return replies.field(data, "experimentById.projectId", str, "GetExperimentProject")

    # -- down ------------------------------------------------------------------------------------

    def download_file(self, experiment_id: str, file_id: str, dest_path: str | None = None) -> str:
        """Fetch a file, verify its checksum, and put it in place in one step.

        Args:
            experiment_id: The run's id on the server.
            file_id: The file's id.
            dest_path: Where to; the file's own name in the working directory when omitted.

        Returns:
            The path of the file. On failure what was there before is as it was.

        Raises:
            RemoteNotFoundError: there is no such file.
            ChecksumMismatchError: what arrived is not what was stored.
            LocalWriteError: it cannot be written.
            RemoteClientError: a request failed.
        """
        facts = self.get_file(experiment_id, file_id)
        physical = replies.part(facts, "physicalFile")
        name = transfers.safe_name(facts.get("name") or physical.get("filename"), file_id)
        destination = Path(name if dest_path is None else dest_path)
        path = "/api" + route("nodes", file_id, "download")
        checksum = physical.get("checksum")
        transfers.download(
            self._transport, path, destination, checksum, f"the file {name!r} ({file_id})"
        )
        return str(destination)

    def download_file_streaming(self, experiment_id: str, file_id: str, dest_path: str) -> str:
        """Do what :meth:`download_file` does, which holds no file in memory either."""
        return self.download_file(experiment_id, file_id, dest_path)

    def fetch_file(
        self, file_id: str, destination: Path, part: Path, checksum: str | None, name: str
    ) -> None:
        """Fetch a file, going on from what an earlier process has fetched of it.

        Args:
            file_id: The file's id.
            destination: Where it belongs.
            part: Where it is kept until it is whole and verified, on the same disk.
            checksum: The SHA-256 (hex) that it must have; None for one that is not known.
            name: Its name, for errors.

        Raises:
            ChecksumMismatchError: what arrived is not what was stored.
            LocalWriteError: it cannot be written.
            RemoteClientError: the transfer failed; the part stays.

        .. versionadded:: 0.7
        """
        path = "/api" + route("nodes", file_id, "download")
        what = f"the file {name!r} ({file_id})"
        transfers.download_resumably(self._transport, path, destination, part, checksum, what)

    # -- changing --------------------------------------------------------------------------------

    def update_file(
        self,
        experiment_id: str,
        file_id: str,
        description: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Change what is said about a file; None leaves it, empty clears it.

        Raises:
            RemoteNotFoundError: there is no such file.
            RemoteClientError: the request failed.
        """
        body = encoded(given(description=description, tags=tags), **given(metadata=metadata))
        path = route("nodes", file_id)
        reply = self._call("PATCH", path, body, idempotent=True)
        return replies.field({"reply": reply}, "reply", dict, self._what("PATCH", path))

    def delete_file(self, experiment_id: str, file_id: str) -> dict[str, Any]:
        """Delete a file on the server; return its ``id`` and ``deletedAt``.

        Raises:
            RemoteNotFoundError: there is no such file.
            RemoteClientError: the request failed.
        """
        path = route("nodes", file_id)
        reply = self._call("DELETE", path)
        return replies.field({"reply": reply}, "reply", dict, self._what("DELETE", path))


def _matches(file: Any, prefix: str | None, tags: list[str] | None) -> bool:
    if not isinstance(file, dict):
        return False
    folder = (prefix or "").strip("/")
    path = str(file.get("pPath") or file.get("name") or "").strip("/")
    inside = not folder or path == folder or path.startswith(f"{folder}/")
    return inside and (not tags or bool(set(tags) & set(file.get("tags") or ())))
