"""What every answer of the console says to the browser: what it may load and run, who may frame it, what it may keep.

Of a content security policy without exceptions three things are left out, because Dash and its components need them:
styles in the page (Plotly and the grid write them, `unsafe-inline` for styles only), `data:` and `blob:` images (a
chart saved as a picture) and `data:` fonts (the grid's signs). Scripts come from here only: none from data, none by
`eval`; the one script that stands in Dash's page is named by its hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Flask, Response, request

STATIC: Final = ("/assets/", "/_dash-component-suites/")  # holds no data


def policy(script_hashes: Sequence[str]) -> str:
    """Return the content security policy."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {' '.join(script_hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def harden(server: Flask, script_hashes: Sequence[str]) -> None:
    """Put the headers on every answer, errors among them."""
    fixed = {
        "Content-Security-Policy": policy(script_hashes),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }

    @server.after_request
    def _add(answer: Response) -> Response:
        for name, value in fixed.items():
            answer.headers[name] = value
        if not (request.path.startswith(STATIC) and answer.status_code == 200):
            answer.headers["Cache-Control"] = "no-store"
        if request.is_secure:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        return answer
