"""What the routes of one server process share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from ml_dash.server.auth.gate import Gate
from ml_dash.server.blobs import BlobStore, Partials, open_store
from ml_dash.server.database import Database
from ml_dash.server.ids import Ids
from ml_dash.server.points import Compaction
from ml_dash.server.rates import Rates
from ml_dash.server.settings import ServerSettings


@dataclass(frozen=True)
class Parts:
    """The parts of a server; all state that must last is in the database and the blobs."""

    settings: ServerSettings
    database: Database
    ids: Ids
    gate: Gate
    blobs: BlobStore
    partials: Partials
    compaction: Compaction
    rates: Rates

    @classmethod
    def open(cls, settings: ServerSettings) -> Parts:
        """Open the database, which must be of this release, and the store of files.

        Raises:
            ConfigurationError: a place cannot be used.
            OSError: a folder cannot be made.
        """
        database = Database(settings.database_url)
        ids = Ids(database)
        blobs = open_store(settings.files_place, settings.incoming)
        return cls(
            settings=settings,
            database=database,
            ids=ids,
            gate=Gate(database, ids, settings),
            blobs=blobs,
            partials=Partials(blobs.place),
            compaction=Compaction(database),
            rates=Rates(settings.rate_per_s),
        )

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.close()


def parts_of(request: HTTPConnection) -> Parts:
    """Return the parts of the server that a request came to."""
    return cast("Parts", request.app.state.parts)
