"""The one MetaData of the server's database."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
