"""How the gateway serves the page."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.errors import NotFound
from service.gateway.rest import page


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The routes over a folder with three files, beside one that nobody may see."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "main.js").write_text("1")
    (folder / "manifest.webmanifest").write_text("{}")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(page, "FOLDER", folder)
    monkeypatch.setattr(page, "files", page.PageFiles(directory=folder, html=True))
    app = FastAPI()
    app.include_router(page.router)
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/app/", "text/html; charset=utf-8"),
        ("/app/index.html", "text/html; charset=utf-8"),
        ("/app/main.js", "text/javascript; charset=utf-8"),
        ("/app/manifest.webmanifest", "application/manifest+json"),
    ],
)
def test_files_have_their_types_and_a_strict_policy(served: TestClient, path: str, content_type: str) -> None:
    response = served.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert "default-src 'none'; script-src 'self';" in response.headers["content-security-policy"]
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-cache"


def test_a_file_that_did_not_change_is_not_sent_again(served: TestClient) -> None:
    etag = served.get("/app/main.js").headers["etag"]
    again = served.get("/app/main.js", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_address_without_the_slash_leads_there_behind_any_prefix(served: TestClient) -> None:
    response = served.get("/app", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "app/")


@pytest.mark.parametrize(
    "path", ["/app/../secret.txt", "/app/%2e%2e/secret.txt", "/app/..%2fsecret.txt", "/app/none.js"]
)
def test_nothing_else_is_served(served: TestClient, path: str) -> None:
    assert served.get(path).status_code == 404


def test_page_that_is_not_built_says_how_to_build_it(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FOLDER", Path("/nowhere"))
    with pytest.raises(NotFound, match="make web"):
        served.get("/app/")


def test_page_asks_nobody_else_for_anything(page_is_built: None) -> None:
    texts = [file.read_text("utf-8") for file in page.FOLDER.rglob("*") if file.suffix in (".html", ".css", ".js")]
    assert texts
    assert [text for text in texts if "https://" in text.replace("https://, or as", "")] == []
