"""`/dashboard`: a page that holds no data; it reads them with the key of whoever looks."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from service.gateway.rest.page import PageFiles

router = APIRouter(include_in_schema=False)

files = PageFiles(packages=[("service.gateway.dashboard", "static")], html=True)


@router.api_route("/dashboard", methods=["GET", "HEAD"])
async def without_slash() -> Response:
    return RedirectResponse("dashboard/")  # relative, so that it holds behind a proxy's prefix


@router.api_route("/dashboard/{path:path}", methods=["GET", "HEAD"])
async def page(request: Request, path: str) -> Response:
    """Raises HTTPException 404 for a file that there is not."""
    return await files.get_response(path or ".", request.scope)
