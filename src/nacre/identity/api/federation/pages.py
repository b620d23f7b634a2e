"""The one page that identity shows: it takes a browser on to its dashboard, with a token."""

from __future__ import annotations

import html
import secrets
from urllib.parse import urlsplit

from nacre.kernel.http.call import Answer

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Signing on</title></head>
<body>
<form id="sso" name="sso" action="{origin}" method="post">
<input type="hidden" name="token" value="{token}">
<noscript><p>You are signed on.</p><button type="submit">Continue</button></noscript>
</form>
<script nonce="{nonce}">document.getElementById("sso").submit();</script>
</body>
</html>
"""


def posting_page(origin: str, token: str) -> Answer:
    """A page that posts `token` to `origin`, and can do nothing else."""
    nonce = secrets.token_urlsafe(16)
    parts = urlsplit(origin)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; form-action {parts.scheme}://{parts.netloc};"
        " base-uri 'none'; frame-ancestors 'none'"
    )
    page = _PAGE.format(origin=html.escape(origin), token=html.escape(token), nonce=nonce)
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Answer(page.encode(), 200, headers, media_type="text/html")
