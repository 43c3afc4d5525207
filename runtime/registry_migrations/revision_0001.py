"""The tables of the embedded registry.

What is there already stays as it is: so a database of before there were migrations is taken over.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates what is missing: a database of before migrations has all of it, or what its version knew."""
    op.create_table(
        "registry_loaded",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        if_not_exists=True,
    )
    op.create_table(
        "registry_names",
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name_folded"),
        if_not_exists=True,
    )
    op.create_table(
        "registry_subjects",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
        if_not_exists=True,
    )
