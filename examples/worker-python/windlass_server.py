"""The calls of a worker to its server: made again until they are answered, and what counts as an answer.

`windlass_worker.py` makes them; copy the two together. docs/workers.md, "The calls", says what each does.
"""

import contextlib
import http.client
import json
import logging
import random
import time
from urllib.parse import urlsplit

log = logging.getLogger("windlass")

ANSWER_SECONDS = 30  # What a call may take beside what it waits for.
# Calls go on well within the life of a lease: what was lost with an answer comes while it lives.
LONGEST_PAUSE_SECONDS = 5
LONGEST_RETRY_AFTER_SECONDS = 30  # Also where the server asks for more.
PAUSE_CHECKED_SECONDS = 0.2  # How soon a pause ends that is of no use any more.
# What a proxy would say again: who may not come through, and what is too long for it.
PROXY_REFUSES = (401, 403, 413, 431)


class Stopped(Exception):
    """The run is canceled, lost or given back: do not touch the website any more. Let it pass through."""


class Refused(Exception):
    """The server refused a call, and would again."""

    def __init__(self, status, errors, retry_after):
        self.status, self.retry_after = status, retry_after
        codes = [error["code"] for error in errors]
        # The run is not this worker's any more.
        self.is_lost = "lease_lost" in codes or "task_run_not_found" in codes
        super().__init__("; ".join(str(error["message"]) for error in errors) or f"status {status}")


class NotTheServer(http.client.HTTPException):
    """Somebody on the way answered in the server's place: that is no answer."""

    def __init__(self, status, retry_after):
        super().__init__(f"status {status}, and not from the server")
        self.retry_after = retry_after


class Unanswered(Exception):
    """A call was not answered, and is not made again: it may have been heard."""

    def __init__(self):
        super().__init__("no answer came")


class Backoff:
    """How long to wait before a call is made again."""

    def __init__(self):
        self._attempt = 0

    def after(self, error, give_up):
        """Waits after this error, until `give_up` says that it is of no use any more; or raises the error
        where the server would refuse the call again."""
        if isinstance(error, Refused) and error.status not in (408, 429) and error.status < 500:
            raise error
        retry_after = min(getattr(error, "retry_after", 0), LONGEST_RETRY_AFTER_SECONDS)
        # Jitter, so that workers that lost one server do not all come back in one moment.
        longest = min(LONGEST_PAUSE_SECONDS, 0.25 * 2**self._attempt)
        self._attempt += 1
        pause = max(retry_after, longest * random.uniform(0.5, 1))
        log.warning("the server does not answer, again in %.1f s: %s", pause, error)
        again_at = time.monotonic() + pause
        while not give_up() and (left := again_at - time.monotonic()) > 0:
            time.sleep(min(left, PAUSE_CHECKED_SECONDS))


class Server:
    """The calls of the worker protocol."""

    def __init__(self, url, key):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of a server")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/") + "/v2/worker"
        self._key = key

    def call(self, method, path, body, give_up, repeated=True, **options):
        """Makes a call until it is answered: nearly all of the protocol's may be repeated. `give_up` says
        when no answer is of use any more."""
        backoff = Backoff()
        while True:
            try:
                return self.once(method, path, body, **options)
            except (OSError, http.client.HTTPException, Refused) as error:
                if not give_up():
                    if not repeated and _may_be_heard(error):
                        raise Unanswered() from error
                    backoff.after(error, give_up)
                if give_up():
                    raise Stopped() from error

    def once(self, method, path, body=None, has=(), headers=None, wait=0, opened=None, timeout=ANSWER_SECONDS):
        """Makes a call once. `body` is JSON, or a function that opens the content that `headers` tell of. What
        is no error and has not all that `has` names is not the server's answer."""
        headers = {"Content-Type": "application/json", **(headers or {}),
                   "Authorization": f"Bearer {self._key}", "Connection": "close"}
        content = body() if callable(body) else None if body is None else _written(body)
        connection, answer = self._connect(self._host, self._port, timeout=wait + timeout), None
        try:
            if opened is not None:
                connection.connect()
                opened(connection.sock)
            connection.request(method, self._base + path, content, headers)
            response = connection.getresponse()
            with contextlib.suppress(ValueError):
                answer = json.loads(response.read())
        finally:
            connection.close()
            if hasattr(content, "close"):
                content.close()
        # Each answer of the server says which request it answers. Those of some gateways do, too.
        answer = answer if isinstance(answer, dict) and "request_id" in answer else {}
        if response.status < 300 and "errors" not in answer and answer.keys() >= {"request_id", *has}:
            return answer
        errors = answer.get("errors") if response.status >= 400 else None
        if not isinstance(errors, list) or not all(map(_is_error, errors)):
            errors = []
        after = int(after) if (after := response.headers.get("Retry-After", "")).isdecimal() else 0
        if not errors and response.status not in PROXY_REFUSES:
            raise NotTheServer(response.status, after)
        raise Refused(response.status, errors, after)


def _written(body):
    # A bound of the server is one of bytes, which escapes would be many of. Half of a character has no others:
    # the server says that it takes none.
    return json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")


def _may_be_heard(error):
    # A server that has no time for a call may do it all the same; one that answers 503 has not.
    return not isinstance(error, Refused) or error.status >= 500 and error.status != 503


def _is_error(error):
    return isinstance(error, dict) and {"code", "message"} <= error.keys()
