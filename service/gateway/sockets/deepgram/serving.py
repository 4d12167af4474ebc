"""What a request of `/v1/listen` is served with: a model, a bias."""

from collections.abc import Sequence
from typing import Any

from service.errors import BadRequest
from service.gateway.admission import Admission
from service.gateway.biasing import Biasing, BiasWish, Resolved
from service.gateway.sockets.deepgram.alternatives import MODELS
from service.gateway.sockets.deepgram.query import Asked
from service.log.tenants import Tenant


async def served_model(admission: Admission, tenant: Tenant, asked: Asked) -> str:
    """The model of that name where a worker serves one, the default for Deepgram's own names and for none.

    Raises UnknownModel, NoWorkers, or BadRequest for a language that the model does not know.
    """
    is_vendors = asked.model in MODELS and asked.model not in (await admission.load()).offered
    model = await admission.model(None if is_vendors else asked.model, asked.language, tenant=tenant.id)
    unknown = set(asked.languages) - set(await admission.languages(model))
    if unknown:
        raise BadRequest(f"{sorted(unknown)[0]!r} is not a language that {model} knows", field="language")
    return model


async def resolve(biasing: Biasing, tenant: Tenant, phrases: Sequence[Any]) -> Resolved:
    """The bias towards keyterms and keywords. Raises TooManyEntries."""
    return await biasing.resolve(tenant, BiasWish(keywords=list(phrases) if phrases else None))
