# SPDX-License-Identifier: Apache-2.0
"""What a person sees of SQLite: its files. Not run on PostgreSQL."""
import os
import stat


def test_the_books_are_not_readable_by_everybody(site):
    for name in ("jangbu.db", "jangbu-live.db"):
        assert stat.S_IMODE(os.stat(site.path(name)).st_mode) & 0o007 == 0, name
