"""`/app/`: the web client, as `make web` builds it into `service/gateway/page`."""

import os
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from service.errors import NotFound

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parents[1] / "page"

# By name, not by what the machine's table of types says: a script of another type is refused by `nosniff`
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), screen-wake-lock=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for anew each time, and answered with 304 when nothing changed
}


class PageFiles(StaticFiles):
    """The built files with the headers above."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_headers(Path(full_path).suffix))
        return response


def _headers(suffix: str) -> Mapping[str, str]:
    content_type = CONTENT_TYPES.get(suffix)
    return HEADERS | ({"Content-Type": content_type} if content_type else {})


files = PageFiles(directory=FOLDER, html=True, check_dir=False)


@router.api_route("/app", methods=["GET", "HEAD"])
async def without_slash() -> Response:
    return RedirectResponse("app/")  # relative, so that it holds behind a proxy's prefix


@router.api_route("/app/{path:path}", methods=["GET", "HEAD"])
async def page(request: Request, path: str) -> Response:
    """Raises NotFound for a page that was not built, HTTPException 404 for a file that there is not."""
    if not (FOLDER / "index.html").exists():
        raise NotFound("the web page is not built here: run `make web`, which needs npm")
    return await files.get_response(path or ".", request.scope)
