#!/usr/bin/env python3
"""Receives Windlass's webhooks and verifies them, with nothing but Python's standard library.

    WEBHOOK_SECRET=whsec_... python3 webhook_receiver.py --port 9000

Answers 204 to what is signed with the secret and fresh, 401 to everything else. The first delivery of
each event is printed as one line; repetitions are answered alike and not printed again.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MAX_BODY_BYTES = 256 * 1024
MAX_REMEMBERED_EVENTS = 10_000
SOCKET_TIMEOUT_SECONDS = 10


class NotVerified(Exception):
    """The request was not signed with our secret, or not lately."""


def signing_key(secret):
    """The bytes of a secret such as `whsec_MfKQ9r8G...`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("the secret is not base64 after `whsec_`") from error
    if not key:
        raise ValueError("the secret is empty")
    return key


def signature(key, event_id, sent_at, body):
    """The signature of one attempt: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    signed = b".".join([event_id.encode(), sent_at.encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def verify(key, headers, body, now):
    """Answers the event's id, or raises NotVerified. `body` is the bytes as they came."""
    event_id = headers.get("webhook-id")
    sent_at = headers.get("webhook-timestamp")
    given = headers.get("webhook-signature")
    if not event_id or not sent_at or not given:
        raise NotVerified("a webhook header is missing")
    # int() would take " 1 " and "1_0" too.
    if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) <= 12):
        raise NotVerified("webhook-timestamp is not in Unix seconds")
    # Without this, whoever once recorded a request could send it again for ever.
    if abs(now - int(sent_at)) > TOLERANCE_SECONDS:
        raise NotVerified("webhook-timestamp is more than five minutes off")
    expected = signature(key, event_id, sent_at, body).encode()
    # After a rotation there are two, one for each secret. The comparison takes the same time however
    # much of a signature is right, so that nobody can find it out byte by byte.
    if not any(hmac.compare_digest(expected, one.encode()) for one in given.split(" ")):
        raise NotVerified("no signature matches")
    return event_id


class Seen:
    """The ids of the last events: an event comes again when its answer was lost."""

    def __init__(self):
        self.ids = OrderedDict()
        self.lock = threading.Lock()

    def add(self, event_id):
        """Whether the id is new."""
        with self.lock:
            if event_id in self.ids:
                return False
            self.ids[event_id] = None
            if len(self.ids) > MAX_REMEMBERED_EVENTS:
                self.ids.popitem(last=False)
            return True


class Receiver(BaseHTTPRequestHandler):
    """Takes a POST to any path."""

    timeout = SOCKET_TIMEOUT_SECONDS

    def do_POST(self):
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            return self.answer(411)
        if not 0 <= length <= MAX_BODY_BYTES:
            return self.answer(413)
        body = self.rfile.read(length)
        try:
            event_id = verify(self.server.key, self.headers, body, time.time())
        except NotVerified as problem:
            print(f"refused: {problem}", file=sys.stderr, flush=True)
            return self.answer(401)
        if self.server.seen.add(event_id):
            event = json.loads(body)
            # Here belongs what is to be done. Answer within five seconds: put longer work in a queue. In
            # earnest, remember the id in the transaction that does it: then neither is without the other.
            resource = event.get("data") or {}
            print(event.get("type"), event_id, resource.get("id"), flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format, *arguments):
        """The line per event is enough."""


def main():
    parser = argparse.ArgumentParser(description="Receives and verifies Windlass's webhooks.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    options = parser.parse_args()
    try:
        key = signing_key(os.environ.get("WEBHOOK_SECRET", ""))
    except ValueError as error:
        parser.error(f"WEBHOOK_SECRET: {error}")
    server = ThreadingHTTPServer((options.host, options.port), Receiver)
    server.key = key
    server.seen = Seen()
    print(f"receiving at http://{options.host}:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
