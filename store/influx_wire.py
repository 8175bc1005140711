"""The two calls to an InfluxDB that 1.x, 2.x and 3 share: lines to v1 `/write`, InfluxQL with bound values to `/query`.

Invariants: one statement per query and no foreign text in it; every call has a time-out; what trying again can help
is a StoreAwayError, and what the server says about the points themselves is told in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException

from domain.errors import StoreAwayError
from store.settings import InfluxSettings

ABOUT_THE_POINTS: Final = (400, 413, 422)  # malformed, too large, unacceptable: not to be sent again as it is


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its tags, its column names, and rows of values."""

    tags: Mapping[str, str]
    columns: list[str]
    rows: list[list[Any]]


class InfluxWire:
    """A connection pool to one database. `start` makes no call: a server that is away is no reason not to start."""

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._client: InfluxDBClient | None = None

    def start(self) -> None:
        """Make the pool."""
        s = self._settings
        if self._client is None:
            self._client = InfluxDBClient(
                s.url,
                token=f"{s.username}:{s.password.get_secret_value()}" if s.username else "",
                org="-",
                auth_basic=bool(s.username),
                timeout=int(s.timeout_s * 1000),
                ssl_ca_cert=s.ca_file or None,
            )

    def stop(self) -> None:
        """Close the pool."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def write(self, body: bytes, policy: str) -> str:
        """Write lines; returns "" where all were taken, else what the server said of those that were not."""
        query = [("db", self._settings.database), ("precision", "ns"), *([("rp", policy)] if policy else [])]
        try:
            self._call("/write", self._settings.timeout_s, "text/plain; charset=utf-8", query_params=query, body=body)
        except ApiException as error:
            if error.status not in ABOUT_THE_POINTS:
                raise self._away(error) from error
            return _told(error)
        return ""

    def query(self, statement: str, bound: Mapping[str, str], policy: str) -> Iterator[Series]:
        """Run one statement and yield its series as they arrive; a long one comes in several parts."""
        form = {
            "db": self._settings.database,
            "q": statement,
            "epoch": "ns",
            "params": json.dumps(dict(bound)),
            "chunked": "true",
            "chunk_size": str(self._settings.read_rows),
        } | ({"rp": policy} if policy else {})
        try:
            answer = self._call(
                "/query", self._settings.query_timeout_s, "application/x-www-form-urlencoded", post_params=form
            )
        except ApiException as error:
            raise self._away(error) from error
        try:
            yield from self._parts(answer)
        except (urllib3.exceptions.HTTPError, orjson.JSONDecodeError) as error:
            raise StoreAwayError(f"InfluxDB at {self._settings.url} broke off its answer: {error}") from error
        finally:
            answer.release_conn()

    def _parts(self, answer: Any) -> Iterator[Series]:
        has_more, n_results = False, 0
        for line in answer:
            part = orjson.loads(line)
            results = part.get("results", ())
            n_results += len(results)
            for result in [part, *results]:
                if "error" in result:
                    raise StoreAwayError(f"InfluxDB at {self._settings.url}: {result['error']}")
            for result in results:
                has_more = result.get("partial", False)
                for series in result.get("series", ()):
                    yield Series(series.get("tags", {}), series["columns"], series.get("values", []))
        if not n_results:  # an answer without rows has a result without series; nothing at all was cut off
            raise StoreAwayError(f"InfluxDB at {self._settings.url} answered nothing")
        if has_more:
            raise StoreAwayError(f"InfluxDB at {self._settings.url} answered in part only")

    def _call(self, path: str, timeout_s: float, content: str, **request: Any) -> Any:
        if self._client is None:
            raise RuntimeError("the point store is not started")
        try:
            return self._client.api_client.call_api(
                path,
                "POST",
                header_params={"Content-Type": content, "Accept": "application/json"},
                _return_http_data_only=True,
                _preload_content=False,
                _request_timeout=int(timeout_s * 1000),
                **request,
            )
        except urllib3.exceptions.HTTPError as error:
            raise StoreAwayError(f"InfluxDB at {self._settings.url} cannot be reached: {error}") from error

    def _away(self, error: ApiException) -> StoreAwayError:
        return StoreAwayError(f"InfluxDB at {self._settings.url} answered {error.status}: {_told(error)}")


def _told(error: ApiException) -> str:
    body = error.body if isinstance(error.body, bytes) else str(error.body or error.reason).encode()
    try:
        said = orjson.loads(body)
        text = str(said.get("error") or said.get("message") or said) if isinstance(said, dict) else str(said)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace")
    return text.strip()[:500] or f"status {error.status}"
