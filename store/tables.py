"""The ledger's tables. Times are int64 ns UTC; JSON columns hold canonical JSON text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

TABLES = MetaData()

meta = Table("meta", TABLES, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
applied = Table(
    "applied_batches",
    TABLES,
    Column("batch", Text, primary_key=True),
    Column("stored", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False, server_default="0"),
    Index("applied_sequence", "sequence"),
)
cursors = Table("cursors", TABLES, Column("name", Text, primary_key=True), Column("at", BigInteger, nullable=False))
jobs = Table(
    "job_runs",
    TABLES,
    Column("name", Text, primary_key=True),
    Column("succeeded_at", BigInteger),
    Column("failed_at", BigInteger),
    Column("error", Text, nullable=False, default=""),
)
cleared = Table(
    "cleared",
    TABLES,
    Column("at", BigInteger, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
events = Table(
    "events",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger),
    Column("known_at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("asset", "kind", "code", "start", "version"),
)
lots = Table(
    "lots",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("line", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("start", BigInteger),
    Column("end", BigInteger),
    Column("known_at", BigInteger, nullable=False),
    Column("process_values", Text, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("line", "lot", "version"),
)
results = Table(
    "results",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("line", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("lab", Text, nullable=False),
    Column("value", Float),
    Column("text", Text),
    Column("result_at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("line", "lot", "result", "lab", "version"),
    Index("results_known", "line", "result", "result_at"),
)
files = Table(
    "files",
    TABLES,
    Column("sha256", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("loaded_at", BigInteger, nullable=False),
    Column("is_done", Integer, nullable=False),
    Column("rows_in", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("conflicts", BigInteger, nullable=False),
    Column("config", Text, nullable=False, server_default=""),
    Column("is_version", Integer, nullable=False, server_default="0"),
    Index("files_name", "name"),
)
readings = Table(
    "readings",
    TABLES,
    Column("loaded_at", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Index("readings_name", "name"),
    Index("readings_sha256", "sha256"),
)
requests = Table(
    "requests",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("progress", Text, nullable=False),
    Column("answer", Text),
    Column("done_at", BigInteger),
    Index("requests_open", "done_at", "kind"),
)
scores = Table(
    "scores",
    TABLES,
    Column("detector", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("value", Float),
    Column("low", Float),
    Column("high", Float),
    Column("scale", Text, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("contributions", Text, nullable=False),
    Column("life", Text, nullable=False, server_default=""),
    Index("scores_asset", "asset", "at"),
)
verdicts = Table(
    "verdicts",
    TABLES,
    Column("asset", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("newest_at", BigInteger),
    Column("is_stopped", Integer, nullable=False, default=0),
)
models = Table(
    "models",
    TABLES,
    Column("model_id", Text, primary_key=True),
    Column("detector", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("trained_at", BigInteger, nullable=False),
    Column("details", Text, nullable=False),
)
alerts = Table(
    "alerts",
    TABLES,
    Column("rule", Text, primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("breach_since", BigInteger, primary_key=True),
    Column("id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pending_since", BigInteger),
    Column("raised_at", BigInteger),
    Column("last_at", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("limit_value", Float, nullable=False),
    Column("priority", Text, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("acked_by", Text, nullable=False),
    Column("acked_at", BigInteger),
    Index("alerts_id", "id"),
    Index("alerts_state", "state"),
)
transitions = Table(
    "transitions",
    TABLES,
    Column("alert_id", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("change", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Float),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
)
outbox = Table(
    "outbox",
    TABLES,
    Column("key", Text, primary_key=True),
    Column("notifier", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("given_up_at", BigInteger),
    Column("error", Text, nullable=False),
    Index("outbox_open", "sent_at", "due_at"),
)
