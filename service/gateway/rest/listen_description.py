"""What OpenAPI tells of `POST /v1/listen`."""

from typing import Any

from service.gateway.sockets.deepgram.parameters import PARAMETERS as DECLARED

TEXT: dict[str, Any] = {"type": "string"}
REPEATED: dict[str, Any] = {"type": "array", "items": TEXT}
FLAG: dict[str, Any] = {"type": "boolean"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
SCHEMAS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("detect_language", "extra", "keyterm", "keywords", "language_hint", "tag"), REPEATED),
    **dict.fromkeys(("multichannel", "paragraphs", "punctuate", "smart_format", "utterances"), FLAG),
    **dict.fromkeys(("channels", "sample_rate"), COUNT),
    "utt_split": {"type": "number", "exclusiveMinimum": 0},
}

PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": parameter.recorded,
        "schema": SCHEMAS.get(name, TEXT),
    }
    for name, parameter in DECLARED.items()
    if parameter.recorded is not None
]

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "a recording of any kind, or where one lies",
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {
            "schema": {"type": "object", "required": ["url"], "properties": {"url": TEXT}},
        },
    },
}

TRANSCRIPT: dict[str, Any] = {
    "description": "the transcript",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["metadata", "results"],
                "properties": {"metadata": {"type": "object"}, "results": {"type": "object"}},
            }
        }
    },
}

ERROR: dict[str, Any] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["err_code", "err_msg", "request_id"],
            "properties": {"err_code": TEXT, "err_msg": TEXT, "request_id": TEXT},
            "additionalProperties": False,
        }
    }
}
CAUSES = {
    400: "a parameter or the recording is at fault; `err_msg` says which",
    401: "the key is missing or not known here",
    413: "more bytes or seconds than allowed",
    429: "no room now; try again after `Retry-After` seconds",
    500: "Sotto's fault",
    503: "no worker is ready, or Redis cannot be reached",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": cause, "content": ERROR} for status, cause in CAUSES.items()
} | {"default": {"description": "any other error", "content": ERROR}}
