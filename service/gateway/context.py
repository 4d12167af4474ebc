"""What every route of a gateway process needs, made once by the composition root."""

from dataclasses import dataclass

from service.gateway.admission import Admission
from service.gateway.auth import Access
from service.gateway.biasing import Biasing
from service.gateway.hearing import Hearing
from service.gateway.metering import Metering
from service.gateway.recent import RecentSessions
from service.gateway.roster import Roster
from service.log.sessions import Sessions
from service.log.store import Store
from service.log.wake import Waker
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts that sessions are built from."""

    name: str
    settings: Settings
    store: Store
    access: Access
    metering: Metering
    sessions: Sessions
    recordings: Sessions
    waker: Waker
    admission: Admission
    hearing: Hearing
    roster: Roster
    recent: RecentSessions
    biasing: Biasing
