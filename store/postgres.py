"""SQLAlchemy engines on a PostgreSQL database: `[ledger]` of forewarn.toml in, an engine out.

Invariant: the password is in no text: not in a url that is shown, not in a repr, not in a log.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import URL, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import OperationalError

from domain.errors import StoreAwayError
from store.ledger_settings import LedgerSettings

NOT_NOW: Final = frozenset({"40", "53", "55", "57", "58"})  # classes that say nothing of the rows: a lock, the disk


def open_postgres(settings: LedgerSettings) -> Engine:
    """Return an engine that connects with its first use; a connection that the server closed meanwhile is made anew.

    While the server is away, every use raises StoreAwayError.
    """
    engine = create_engine(
        _url(settings),
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=15,
        connect_args={"connect_timeout": settings.connect_timeout_s, "application_name": "forewarn"},
    )

    @event.listens_for(engine, "handle_error")
    def _name(context: ExceptionContext) -> None:
        state = getattr(context.original_exception, "sqlstate", None) or ""
        if (
            context.is_disconnect
            or state[:2] in NOT_NOW
            or (context.connection is None and isinstance(context.sqlalchemy_exception, OperationalError))
        ):
            raise StoreAwayError(f"the ledger at {settings.url} is away: {context.original_exception}")

    return engine


def _url(settings: LedgerSettings) -> URL:
    return make_url(settings.url).set(
        drivername="postgresql+psycopg", password=settings.password.get_secret_value() or None
    )
