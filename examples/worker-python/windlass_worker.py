"""What makes a Python program a worker of Windlass, with nothing but the standard library.

Copy this file and `windlass_server.py` beside your agent, write a function that does one run, and serve it:

    def titles(run):
        credential = run.begin()
        ...
        return {"title": "..."}

    Worker("http://127.0.0.1:8080", key, "titles-1", titles).serve()

The worker registers, leases runs and gives each a thread, renews their leases, tells them to stop, says how
they ended until the server has heard it, and leaves on SIGTERM. docs/workers.md has the calls behind this.
"""

import base64
import contextlib
import hashlib
import http.client
import io
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from urllib.parse import quote

from windlass_server import PAUSE_CHECKED_SECONDS, Backoff, Refused, Server, Stopped, Unanswered

log = logging.getLogger("windlass")

WAIT_SECONDS = 30  # What a call waits for an answer.
# What a lease call waits for runs, and the silence after it. Both together are less than what a server that is
# asked by nobody takes for a worker that is gone.
LEASE_WAIT_SECONDS, LEASE_ANSWER_SECONDS = 15, 5
NEW_LEASE_SECONDS = 10  # What a lease lives at most before it is renewed for the first time.
RENEWED_AGAIN_SECONDS = 1  # How soon a renewal that was not answered is made again.
CONTENT_SECONDS = 60  # How long a file or screenshot is sent again where the server cannot keep it.
STOP_SECONDS = 5  # What an agent has to stop in at the end of a drain.
MOST_FILE_BYTES, MOST_SCREENSHOT_BYTES = 100 * 1024 * 1024, 2 * 1024 * 1024
MOST_OUTPUT_BYTES, MOST_CHECKPOINT_BYTES = 1024 * 1024, 1024 * 1024
MOST_CHARACTERS = 1000  # Of what an agent does, and of its reasoning: of more the server shows the beginning.
KEPT_SESSIONS = 100
LEASED = ("leases", "ended_sessions", "stopping", "brought")  # What a lease call is answered.


class Failure(Exception):
    """Raise it in an agent: the run fails with this error. The codes are in docs/api.md, "Errors"."""

    def __init__(self, error_type, code, message, credential=None):
        super().__init__(message)
        self.error = {"type": str(error_type), "code": str(code), "message": str(message)[:4000]}
        # "invalid" where the website refused it.
        self.credential = None if credential is None else str(credential)


class Run:
    """One leased run, as its agent sees it. Every method raises `Stopped` once the run should stop."""

    def __init__(self, server, lease, lease_seconds):
        self._server = server
        self._path = f"/leases/{lease['run']['id']}"
        # The questions of this lease are numbered: the last one, and the last that the server has heard.
        self._attempt, self._raised = 0, 0
        # Whoever follows the start of the run finds our calls beside it.
        trace_parent = lease["run"].get("trace_parent")
        self._trace = {"traceparent": trace_parent} if trace_parent else {}
        self._expires = time.monotonic() + min(NEW_LEASE_SECONDS, lease_seconds)
        # None while it goes on; else "canceled", "lost", "released", or "due back": its thread gives it back.
        self._stopped = None
        # The attempt that waits for an answer and left a checkpoint, and the one that was refused to be given
        # back, since its answer has come.
        self._asks_with_checkpoint, self._not_given_back = None, None
        # The connection that waits for an answer, and the attempt that was taken back.
        self._waiting, self._withdrawn = None, None
        self._lock = threading.Lock()
        # Set where a renewal is due at once, as where it is told to stop, and where none is due any more.
        self._renew_now, self._is_told, self._held = threading.Event(), False, True
        self.id, self.epoch, self.session_id = lease["run"]["id"], lease["epoch"], lease["session"]["id"]
        self.task, self.input = lease["task"], lease["input"]
        # {"id", "name", "website": {"url"}, ...}, or None where the task needs none.
        self.source = lease["source"]
        self.playbook = lease["playbook"]
        # What an earlier lease left with its question: ask it again, and go on from there.
        checkpoint = lease["checkpoint"]
        self.checkpoint = None if checkpoint is None else base64.b64decode(checkpoint)
        # Yours: what the website knows you by, such as cookies. Kept for the session's next run where
        # `keep_session` is set; None where you start from nothing.
        self.session = None
        self._resumed, self.keep_session = lease["session"]["resumed"], False
        # Set it to True once the website has taken the credential.
        self.credential_verified = False

    def check(self):
        """Raises `Stopped` where the run should stop: call it between requests to the website."""
        if self._is_over():
            raise Stopped()

    def begin(self):
        """Say it before the first request to the website; answers the credential, or None. What to
        sign in with is in its "auth_credentials". A run that is lost before costs nothing, one that is lost
        after it is not simply repeated."""
        return self._said("POST", "/begin", {"epoch": self.epoch}, has=("credential",))["credential"]

    def progress(self, message, step=None):
        """Shows in the run's timeline; no secret."""
        body = {"epoch": self.epoch, "message": message[:MOST_CHARACTERS]}
        try:
            self._said("POST", "/progress", body if step is None else {**body, "step": step}, repeated=False)
        except Unanswered:
            log.warning("%s: what it does may not show: %s", self.id, message)

    def screenshot(self, content, name="screenshot.png", content_type="image/png", reasoning="", step=None):
        """What you saw and what you did then: an image or a document, at most 2 MiB, without secrets.
        Answers its id; None where the server does not take it, or cannot keep it for a minute, since the run
        matters more."""
        # A head with all of a long one would be too large.
        headers = {"Windlass-Reasoning": quote(reasoning[:MOST_CHARACTERS])} if reasoning else {}
        if step is not None:
            headers["Windlass-Step"] = str(step)
        try:
            return self._send("/screenshots", content, name, content_type, headers, MOST_SCREENSHOT_BYTES)
        except (Unanswered, Refused, Failure) as error:
            log.warning("%s: a screenshot is left out: %s %s", self.id, name, error)
            return None

    def file(self, content, name, content_type="application/octet-stream", metadata=None):
        """What you downloaded: bytes, or the path of a file of at most 100 MiB. Answers its id; None where
        the task keeps no files, or has it from an earlier run. The run fails where the server does not take
        it, or cannot keep it for a minute."""
        headers = {} if metadata is None else {"Windlass-Metadata": quote(json.dumps(metadata))}
        try:
            return self._send("/files", content, name, content_type, headers, MOST_FILE_BYTES)
        except (Unanswered, Refused) as error:
            message = f"The server could not keep {name}: {error}"
            raise Failure("storage", "storage_error", message) from None

    def ask(self, kind, message, fields=(), checkpoint=None):
        """Asks the person that the run works for and waits for the answers, by their fields; None where it is
        withdrawn. With a checkpoint, some bytes, another worker can go on if this one is lost or leaves."""
        self._attempt += 1
        question = {"epoch": self.epoch, "attempt": self._attempt, "type": kind, "message": message,
                    "fields": list(fields)}
        if checkpoint is not None and len(checkpoint) > MOST_CHECKPOINT_BYTES:
            log.warning("%s: its checkpoint is left out, of %d bytes", self.id, len(checkpoint))
            checkpoint = None  # The answer matters more than a restart.
        if checkpoint is not None:
            question["checkpoint"] = base64.b64encode(checkpoint).decode()
        try:
            self._said("POST", "/interaction", question)
        finally:
            self._raised = self._attempt
        self._asks_with_checkpoint = None if checkpoint is None else self._attempt
        try:
            while True:
                answer = self._said("GET", f"/interaction?epoch={self.epoch}&wait={WAIT_SECONDS}",
                                    has=("answer",), wait=WAIT_SECONDS, opened=self._opened,
                                    give_up=self._asks_not)
                if answer["answer"] is not None:
                    return answer["answer"]
        except Stopped:
            self.check()
            return None  # It is withdrawn.
        finally:
            self._asks_with_checkpoint = None

    def withdraw(self):
        """Takes the question back, where the website went on by itself. From another thread than `ask`. Where
        nothing was asked this is nothing."""
        attempt = self._attempt
        if attempt == 0:
            return self.check()
        # The server can take back only what it has heard.
        while self._raised < attempt:
            self.check()
            time.sleep(PAUSE_CHECKED_SECONDS)
        self._said("POST", "/interaction/withdraw", {"epoch": self.epoch, "attempt": attempt})
        self._withdrawn = attempt
        _break_off(self._waiting)

    def _send(self, path, content, name, content_type, headers, most):
        digest, length = hashlib.sha256(), 0
        with _opened(content) as opened:
            while block := opened.read(64 * 1024):
                digest.update(block)
                length += len(block)
        if length > most:
            raise Failure("storage", "storage_error", f"{name} has {length} bytes, more than {most}.")
        headers = {**headers, "Windlass-Epoch": str(self.epoch), "Windlass-File-Name": quote(name),
                   "Windlass-Sha256": digest.hexdigest(), "Content-Type": content_type,
                   "Content-Length": str(length)}
        until = time.monotonic() + CONTENT_SECONDS
        try:
            return self._said("POST", path, lambda: _opened(content), has=("id",), headers=headers,
                              give_up=lambda: self._is_over() or time.monotonic() > until)["id"]
        except Stopped:
            self.check()
            raise Unanswered() from None

    def _opened(self, waiting):
        self._waiting = waiting
        # It may have been stopped or withdrawn before there was something to break off.
        if self._asks_not():
            raise Stopped()

    def _asks_not(self):
        return self._is_over() or self._withdrawn == self._attempt

    def _said(self, method, path, body=None, has=(), headers=None, give_up=None, **options):
        self.check()
        headers = {**(headers or {}), **self._trace}
        try:
            answer = self._server.call(method, self._path + path, body, give_up=give_up or self._is_over,
                                       has=("cancel", *has), headers=headers, **options)
        except Refused as error:
            if not error.is_lost:
                raise
            self._stop("lost")
            raise Stopped() from error
        if answer["cancel"]:
            self._stop("canceled")
        self.check()
        return answer

    def _has_expired(self):
        # By our own clock, and by lengths that the server told: clocks that differ do no harm.
        return time.monotonic() > self._expires

    def _is_over(self):
        if self._has_expired():
            self._stop("lost")
        return self._stopped is not None

    def _stop(self, why):
        with self._lock:
            if self._stopped is None:
                self._stopped = why
                log.info("%s is %s", self.id, why)
                _break_off(self._waiting)

    def _renewed(self, lease_seconds):
        """Renews the lease while the run is held, from its first moment: a new one lives shortly."""
        while self._held and self._stopped not in ("lost", "released"):
            pause = lease_seconds / 3 if self._renew(lease_seconds) else RENEWED_AGAIN_SECONDS
            self._renew_now.wait(pause)
            self._renew_now.clear()

    def _renew(self, lease_seconds):
        """Answers whether the server has."""
        sent = time.monotonic()
        # What hangs leaves time for another, and is of no use when the lease is over.
        timeout = max(RENEWED_AGAIN_SECONDS, (self._expires - sent) / 2)
        try:
            answer = self._server.once("POST", self._path + "/renew", {"epoch": self.epoch}, has=("cancel",),
                                       headers=self._trace, timeout=timeout)
        except (OSError, http.client.HTTPException) as error:
            log.warning("the lease of %s was not renewed: %s", self.id, error)
        except Refused as error:
            if error.is_lost:
                self._stop("lost")
        else:
            self._expires = sent + lease_seconds
            if answer["cancel"]:
                self._stop("canceled")
            return True
        self._is_over()
        return False

    def _last_word(self, path, body):
        """Says how it ended, or gives it back, once its agent has left the website: another may begin at
        once. Answers why the server did not take it so, or None."""
        try:
            # A canceled run's end is said, too; a lost one's is nobody's business any more.
            said = self._server.call("POST", self._path + path, {"epoch": self.epoch, **body},
                                     give_up=self._has_expired, has=("status",), headers=self._trace)
        except (Refused, Stopped) as error:
            log.warning("%s: %s was not taken: %s", self.id, path, error)
            return error
        log.info("%s is %s", self.id, said["status"])
        return None

    def _hand_over(self, deadline):
        """Gives it back while it only asks: another worker asks again."""
        attempt = self._asks_with_checkpoint
        if attempt is None:
            return  # The answer has come in this moment.
        try:
            asking = {"epoch": self.epoch, "asking": True, "attempt": attempt}
            self._server.call("POST", self._path + "/release", asking,
                              give_up=lambda: self._is_over() or time.monotonic() > deadline,
                              has=("status",), headers=self._trace)
        except Refused as error:
            if error.is_lost:
                self._stop("lost")
            # Else `run_not_running`: the answer has just come, and the agent goes on with it.
            self._not_given_back = attempt
        except Stopped:
            pass  # It is over by itself, or the drain is.
        else:
            self._stop("released")


class Worker:
    """Serves an agent: a function of a `Run` that returns the output, raises `Failure`, or lets `Stopped`
    pass."""

    def __init__(self, url, key, name, agent, pools=("default",), capacity=4, drain_seconds=30):
        self._server = Server(url, key)
        self._name, self._agent, self._pools = name, agent, list(pools)
        self._capacity, self._drain_seconds = capacity, drain_seconds
        self._lock = threading.Condition()
        # In the order in which they were leased. Of those of one session the first has it, and the others
        # wait: the server gives the next one as soon as it has heard the end of the one before.
        self._runs = []
        # What agents left for the next run of a session, the one that was used last at the end.
        self._sessions = {}
        self._leaving = threading.Event()
        self._waiting, self._only_listens = None, False
        # How many lease calls have brought runs: said again, it brings what was lost with an answer.
        self._heard = 0

    def serve(self):
        """Works until SIGTERM or SIGINT; call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._leaving.set())
        try:
            # Made again with the same random text, the call is no start that takes over from the first.
            call = {"worker": self._name, "start": secrets.token_hex(8)}
            start = self._server.call("POST", "/workers", call, give_up=self._leaving.is_set,
                                      has=("incarnation", "lease_seconds"))
        except Stopped:
            return
        self._start = {"worker": self._name, "incarnation": start["incarnation"]}
        self._lease_seconds = start["lease_seconds"]
        log.info("%s has started, for the %s. time", self._name, start["incarnation"])
        threading.Thread(target=self._lease, daemon=True).start()
        self._leaving.wait()
        self._drain()

    def _lease(self):
        try:
            backoff = Backoff()
            while not self._leaving.is_set():
                with self._lock:
                    self._only_listens = len(self._runs) >= self._capacity
                    # Of one that is known to stop nothing is to be told: it would be, again and again.
                    held = [run.id for run in self._runs if not (run._is_told or run._stopped)]
                    call = {**self._start, "pools": self._pools, "capacity": self._capacity - len(self._runs),
                            "held": held, "sessions": list(self._sessions), "heard": self._heard,
                            "begin": "explicit", "wait": LEASE_WAIT_SECONDS}
                try:
                    leased = self._server.once("POST", "/leases", call, LEASED, wait=LEASE_WAIT_SECONDS,
                                               timeout=LEASE_ANSWER_SECONDS, opened=self._opened)
                except (OSError, http.client.HTTPException, Refused) as error:
                    with self._lock:
                        is_outdated = self._only_listens and len(self._runs) < self._capacity
                    if is_outdated or self._leaving.is_set():
                        continue  # We broke it off.
                    try:
                        backoff.after(error, self._leaving.is_set)
                    except Refused:
                        # The key was revoked, or another start of this name has taken over.
                        log.error("no runs are given to %s: %s", self._name, error)
                        return
                else:
                    backoff = Backoff()
                    self._take(leased)
        finally:
            self._leaving.set()  # Nobody waits for runs that do not come.

    def _opened(self, waiting):
        self._waiting = waiting

    def _take(self, leased):
        self._heard = leased["brought"]
        with self._lock:
            for session_id in leased["ended_sessions"]:
                self._sessions.pop(session_id, None)
            for run in self._runs:
                if run.id in leased["stopping"]:
                    run._is_told = True
                    run._renew_now.set()
        for lease in leased["leases"]:
            run = Run(self._server, lease, self._lease_seconds)
            with self._lock:
                same = [other for other in self._runs if other.id == run.id]
                if any(other.epoch == run.epoch for other in same):
                    continue  # We have this very lease.
                for other in same:
                    # Leased anew, it is lost under the epoch before.
                    other._stop("lost")
                self._runs.append(run)
            if self._leaving.is_set():
                run._stop("due back")
            # Each by itself: one that hangs keeps no other lease from being renewed.
            threading.Thread(target=run._renewed, args=(self._lease_seconds,), daemon=True).start()
            threading.Thread(target=self._do, args=(run,), daemon=True).start()

    def _do(self, run):
        kept = False
        try:
            if self._has_its_session(run):
                kept = self._finished(run)
            elif run._stopped == "due back":
                run._last_word("/release", {})
        finally:
            with self._lock:
                self._runs.remove(run)
                if kept:
                    self._sessions[run.session_id] = run.session
                self._lock.notify_all()
                is_outdated = self._only_listens
            run._held = False
            run._renew_now.set()
            if is_outdated:
                # The open call asks for no run: there is room for one now.
                _break_off(self._waiting)
            self._evict()

    def _has_its_session(self, run):
        """Waits for the session. Answers whether the run is still ours then."""
        with self._lock:
            while True:
                if run._is_over() and run._stopped != "canceled":
                    return False
                if run is next(other for other in self._runs if other.session_id == run.session_id):
                    break
                self._lock.wait(timeout=1)
            kept = self._sessions.pop(run.session_id, None)
            # `resumed` false: start from nothing, even where the id is known.
            run.session = kept if run._resumed else None
            return True

    def _finished(self, run):
        """Has the agent do it and says how that ended. Answers whether the session is kept."""
        finish = self._played(run)
        if finish is None or run._stopped in ("lost", "released"):
            if run._stopped == "due back":
                run._last_word("/release", {})
            return False
        keeps = run.keep_session and not run._stopped
        finish["session"] = "keep" if keeps else "end"
        refused = run._last_word("/finish", finish)
        if isinstance(refused, Refused) and refused.status in (400, 413):
            failed = Failure("task", "task_failed", f"The output was not taken: {refused}")
            run._last_word("/finish", {"result": "failure", "errors": [failed.error], "session": "end"})
        return keeps and refused is None

    def _played(self, run):
        """What becomes of the run, as the body of its finish; None where it is to be given back."""
        log.info("%s is taken", run.id)
        try:
            finish = {"result": "success", "output": _as_json(self._agent(run))}
            return {**finish, "credential": "verified"} if run.credential_verified else finish
        except Stopped:
            if run._stopped == "due back":
                return None
            failed = Failure("task", "task_failed", "The agent was told to stop.")
        except Failure as failure:
            failed = failure
        except BaseException:
            # Also what is to end a program or a task of asyncio: the run's end is said all the same. What it
            # says may hold a secret, and leaves this process nowhere but in its own log.
            log.exception("the agent broke off in %s", run.id)
            failed = Failure("task", "task_failed", "The agent broke off by an error of its own.")
        finish = {"result": "failure", "errors": [failed.error]}
        if failed.credential:
            finish["credential"] = failed.credential
        return finish

    def _evict(self):
        """Gives up the sessions beyond those that are kept, the one that was idle longest first."""
        with self._lock:
            many = list(self._sessions)[:max(0, len(self._sessions) - KEPT_SESSIONS)]
        for session_id in many:
            try:
                self._server.call("POST", f"/sessions/{session_id}/evict", self._start,
                                  give_up=self._leaving.is_set, has=("evicted",))
            except (Refused, Stopped):
                continue  # A run is queued for it, or it has ended: the next lease call says so.
            with self._lock:
                self._sessions.pop(session_id, None)

    def _drain(self):
        log.info("%s leaves", self._name)
        deadline = time.monotonic() + self._drain_seconds
        try:
            self._server.call("POST", f"/workers/{quote(self._name, safe='')}/drain",
                              {"incarnation": self._start["incarnation"]},
                              give_up=lambda: time.monotonic() > deadline, has=("draining",))
        except (Refused, Stopped) as error:
            log.warning("the server was not told: %s", error)
        # No run is given any more. Whatever was given before that has been sent: let it arrive, then
        # end the call that still waits.
        time.sleep(0.2)
        _break_off(self._waiting)
        with self._lock:
            while self._runs and time.monotonic() < deadline:
                asking = [run for run in self._runs if not run._stopped
                          and run._asks_with_checkpoint not in (None, run._not_given_back)]
                self._lock.release()
                try:
                    for run in asking:
                        run._hand_over(deadline)
                finally:
                    self._lock.acquire()
                self._lock.wait(timeout=min(1, max(0, deadline - time.monotonic())))
            for run in self._runs:
                run._stop("due back")
            self._lock.notify_all()
            self._lock.wait_for(lambda: not self._runs, timeout=STOP_SECONDS)
            for run in self._runs:
                # Given back now, two agents would act in it: its lease runs out instead.
                log.warning("%s is lost with this process: its agent did not stop", run.id)
        log.info("%s has left", self._name)


def _break_off(waiting):
    """Ends the call that waits on this connection, if any. What it was about to bring comes with the next."""
    if waiting is not None:
        with contextlib.suppress(OSError):  # It is over by itself.
            waiting.shutdown(socket.SHUT_RDWR)


def _as_json(output):
    """The output, where it can be written as JSON that the server takes."""
    try:
        length = len(json.dumps(output, ensure_ascii=False, allow_nan=False,
                                separators=(",", ":")).encode(errors="backslashreplace"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure("task", "task_failed", f"The output is no JSON: {error}") from None
    if length > MOST_OUTPUT_BYTES:
        message = f"The output has {length} bytes of JSON, and may have {MOST_OUTPUT_BYTES}."
        raise Failure("task", "task_failed", message)
    return output


def _opened(content):
    return open(content, "rb") if isinstance(content, (str, os.PathLike)) else io.BytesIO(content)
