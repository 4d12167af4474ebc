"""Asking any OpenAI-compatible /chat/completions endpoint many questions, as fast as it and its limits allow."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

import httpx

from models.chat.answers import Answer, Garbled, Prompt, error_message, read_answer
from models.chat.endpoint import Endpoint
from models.chat.pace import LONGEST_ASKED_S, Pace, delay_s, retry_after_s
from models.chat.usage import Usage, UsageLog
from service.errors import BadRequest, Failed

MAX_ANSWER_BYTES = 8_000_000
KEY_REFUSED = (401, 403)
PROMPT_REFUSED = (400, 413, 422)
PASSING = (408, 425, 429)  # and all from 500


class ChatUnavailable(Failed):
    """The endpoint cannot be reached, or gives no usable answer however often it is asked."""


class Clock(Protocol):
    """Time for a client; tests have one of their own."""

    def now(self) -> float: ...

    def wait(self, seconds: float) -> None: ...


class _SystemClock:
    def __init__(self, closing: threading.Event) -> None:
        self._closing = closing

    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        self._closing.wait(seconds)


class _Passing(Exception):
    """A failure that may pass; `after_s`: what the endpoint asks to wait."""

    def __init__(self, problem: str, after_s: float | None = None) -> None:
        super().__init__(problem)
        self.after_s = after_s


class ChatClient:
    """A context manager; one thread asks, `concurrency` threads of its own wait for answers.

    `used` counts what was answered since the client was made, `log` over all runs. The key is never printed.
    """

    def __init__(
        self, endpoint: Endpoint, key: str | None = None, *, log: UsageLog | None = None, clock: Clock | None = None
    ) -> None:
        self.endpoint = endpoint
        self.used = Usage()
        self._log = log
        self._closing = threading.Event()
        self._clock = clock or _SystemClock(self._closing)
        self._pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute)
        self._lock = threading.Lock()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(timeout=endpoint.timeout_s, headers=headers)
        except UnicodeEncodeError as error:
            raise BadRequest(
                f"the key in {endpoint.key_env} has characters no header can hold", field="key_env"
            ) from error
        self._threads = ThreadPoolExecutor(endpoint.concurrency, thread_name_prefix="chat")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def complete(self, prompts: Sequence[Prompt]) -> Iterator[Answer]:
        """The answers in the order of the prompts, as they come.

        Raises ChatUnavailable when an answer cannot be had, BadRequest when the endpoint refuses key, model or
        address, or the very first prompt; prompts that it refuses later are answered with `finish` refused.
        """
        futures = [self._threads.submit(self._ask, prompt) for prompt in prompts]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()

    def _ask(self, prompt: Prompt) -> Answer:
        for attempt in range(1, self.endpoint.attempts + 1):
            guessed = prompt.tokens + self._usual_answer()
            with self._lock:
                wait = self._pace.reserve(guessed, self._clock.now())
            self._wait(wait)
            try:
                answer = self._attempt(prompt)
            except _Passing as problem:
                last = problem
                if attempt < self.endpoint.attempts:
                    self._back_off(attempt, problem)
                continue
            self._count(answer.usage, guessed)
            return answer
        raise self._unavailable(f"{last} (after {self.endpoint.attempts} attempts)") from last

    def _attempt(self, prompt: Prompt) -> Answer:
        temperature = {} if prompt.temperature is None else {"temperature": prompt.temperature}
        request = {"model": self.endpoint.model, "messages": prompt.messages(), **temperature, **self.endpoint.body}
        deadline = time.monotonic() + self.endpoint.timeout_s
        body = bytearray()
        try:
            with self._http.stream("POST", self.endpoint.completions_url, json=request) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if time.monotonic() > deadline:  # httpx bounds the wait for each chunk only
                        raise _Passing(f"no whole answer within {self.endpoint.timeout_s:g} s")
                    if len(body) > MAX_ANSWER_BYTES:
                        raise self._unavailable(f"an answer of more than {MAX_ANSWER_BYTES:,} bytes")
        except httpx.TimeoutException as error:
            raise _Passing(f"no answer within {self.endpoint.timeout_s:g} s") from error
        except httpx.TransportError as error:
            raise _Passing(str(error) or type(error).__name__) from error
        except httpx.InvalidURL as error:
            raise BadRequest(f"{self.endpoint.url}: {error}", field="url") from error
        if response.is_success:
            try:
                return read_answer(bytes(body), prompt)
            except Garbled as error:
                raise _Passing(str(error)) from error
        return self._refused(response, bytes(body))

    def _refused(self, response: httpx.Response, body: bytes) -> Answer:
        """What an error status means: raised, but for a prompt that is refused by an endpoint that works."""
        code, message = error_message(body)
        problem = f"{response.status_code} {code or response.reason_phrase}: {message}"
        if response.status_code in KEY_REFUSED:
            said = f"the key in {self.endpoint.key_env} is refused" if self.endpoint.key_env else "a key is wanted"
            raise BadRequest(f"{self.endpoint.completions_url}: {said} ({problem})", field="key_env")
        if code == "insufficient_quota":  # a 429 that waiting does not mend
            raise self._unavailable(problem)
        if response.status_code in PASSING or response.status_code >= 500:
            raise _Passing(problem, retry_after_s(response.headers.get("Retry-After")))
        if response.status_code in PROMPT_REFUSED and self.used.requests:
            return Answer(problem, "refused", Usage())
        raise BadRequest(f"{self.endpoint.completions_url}, model {self.endpoint.model}: {problem}", field="chat")

    def _back_off(self, attempt: int, problem: _Passing) -> None:
        if problem.after_s is not None and problem.after_s > LONGEST_ASKED_S:
            raise self._unavailable(f"{problem} (asks to wait {problem.after_s:,.0f} s)") from problem
        wait = max(delay_s(attempt, random.random()), problem.after_s or 0.0)
        if problem.after_s:
            with self._lock:
                self._pace.hold(self._clock.now() + wait)
        self._wait(wait)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self._clock.wait(seconds)
        if self._closing.is_set():
            raise self._unavailable("the run is ending")

    def _usual_answer(self) -> float:
        return self.used.tokens_out / self.used.requests if self.used.requests else 0.0

    def _count(self, usage: Usage, guessed: float) -> None:
        if not usage.requests:
            return
        with self._lock:
            self.used += usage
            self._pace.settle(guessed, usage.tokens_in + usage.tokens_out)
        if self._log:
            self._log.add(usage)

    def _unavailable(self, problem: str) -> ChatUnavailable:
        return ChatUnavailable(f"{self.endpoint.completions_url}: {problem}", field="chat")
