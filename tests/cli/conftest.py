"""Databases of each kind for the commands that work on them."""

from __future__ import annotations

from tests.support.postgresql import database_url as database_url
from tests.support.postgresql import postgresql_server as postgresql_server
from tests.support.postgresql import postgresql_url as postgresql_url
