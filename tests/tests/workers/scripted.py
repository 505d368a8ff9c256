"""Windlass as the files of `examples/worker-python` see it: a server that answers as a test says."""

import json
import queue
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import windlass_worker

# Nothing here takes that long unless it is broken.
PATIENCE_SECONDS = 30


class Server:
    """Windlass as a worker sees it."""

    def __init__(self, lease_seconds=30):
        self.leases = queue.Queue()
        self.calls = []
        self.finishes_wait = threading.Event()
        self.finishes_wait.set()
        self.renewals_hang = set()
        self.lease_seconds = lease_seconds
        # What a start of a worker is answered first: None for nothing at all, or what `Retry-After` says.
        self.starts_fail = []
        self.starts = []
        # What a proxy answers to the next calls, and, while it has no server, to all of them.
        self.proxy_answers, self.is_away = [], False
        # How many lease calls have brought runs.
        self.brought = 0
        # What is to stop, as lease calls say of runs that they hold.
        self.stopping = set()
        # The head of the last call of each kind.
        self.heads = {}
        # What every call about a run was a part of.
        self.traces = set()
        self.questions_wait = threading.Event()
        self.questions_wait.set()
        # Of a question, its answer is under way.
        self.is_answered = False
        # Called when a run comes back.
        self.at_release = lambda run_id: None
        self._changed = threading.Condition()
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                server.heads[self.path.split("/")[-1]] = self.headers
                is_json = self.headers["Content-Type"] == "application/json"
                body = json.loads(content or b"{}") if is_json else {}
                server._trace(self.path, self.headers["traceparent"])
                status, answer, *headers = server._answer(self.path, body)
                self.answer(status, {"request_id": "req_1", **answer}, *headers)

            def do_GET(self):
                server._trace(self.path, self.headers["traceparent"])
                server._told("answer", self.path, {})
                # The person takes their time.
                server._closed.wait()
                self.answer(200, {"request_id": "req_1", "answer": None, "cancel": False})

            def answer(self, status, body, headers=()):
                if server.is_away:
                    status, body = 502, "<h1>Bad Gateway</h1>"
                elif server.proxy_answers:
                    status, body = server.proxy_answers.pop(0)
                if status is None:
                    return
                answer = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    for name, value in headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # Whoever asked has gone.

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def _trace(self, path, trace_parent):
        what = path.split("/")[-1].split("?")[0]
        self.traces.add((what, trace_parent))

    def _told(self, what, run_id, body):
        with self._changed:
            self.calls.append((what, run_id, body))
            self._changed.notify_all()

    def _answer(self, path, body):
        """Answers status, body and headers; None for the status where the answer is lost."""
        parts = path.removeprefix("/v2/worker/").split("/")
        what = parts[-1]
        if what == "release":
            self.at_release(parts[1])
        self._told(what, parts[1] if len(parts) > 2 else None, body)
        if what == "workers":
            return self._started(body)
        if what == "leases":
            return 200, self._leased(body)
        if what == "renew":
            if parts[1] in self.renewals_hang:
                self._closed.wait()
            return 200, {"lease_expires_at": "2026-01-05T10:00:00Z", "cancel": False}
        if what == "finish":
            self.finishes_wait.wait()
            return 200, {"run_id": parts[1], "status": "completed"}
        if what == "interaction":
            self.questions_wait.wait()
            self._told("asked", parts[1], body)
            return 200, {"cancel": False}
        if what in ("begin", "progress", "files", "screenshots", "withdraw"):
            return 200, {"cancel": False, "credential": None, "id": "kept_1"}
        if what == "release" and body.get("asking") and self.is_answered:
            return 409, {"errors": [{"type": "request", "code": "run_not_running", "message": "It asks nobody."}]}
        if what == "evict":
            return 200, {"session_id": parts[1], "evicted": True}
        if what == "drain":
            return 200, {"worker": parts[1], "draining": True}
        return 200, {"status": "queued"}

    def _started(self, body):
        if self.starts_fail:
            retry_after = self.starts_fail.pop(0)
            if retry_after is not None:
                busy = {"type": "api", "code": "unavailable", "message": "It is busy."}
                return 503, {"errors": [busy]}, [("Retry-After", str(retry_after))]
            self.starts.append(body.get("start"))
            return None, {}
        if body.get("start") is None or body["start"] not in self.starts:
            self.starts.append(body.get("start"))
        return 200, {"incarnation": len(self.starts), "lost_leases": 0, "lease_seconds": self.lease_seconds}

    def _leased(self, body):
        leases = []
        try:
            if self.stopping.intersection(body["held"]):
                pass
            elif body["capacity"]:
                leases = [self.leases.get(timeout=0.05 if self.proxy_answers else 2)]
            else:
                self._closed.wait(0.2)
        except queue.Empty:
            pass
        self.brought += len(leases)
        stopping = list(self.stopping.intersection(body["held"]))
        return {"leases": leases, "ended_sessions": [], "stopping": stopping, "brought": self.brought}

    def told(self, enough):
        """Waits until what it was told is as `enough` says."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self.calls), timeout=PATIENCE_SECONDS):
                raise AssertionError(f"only this was told: {self.calls}")

    def count(self, what, run_id=None, epoch=None):
        return sum(1 for call in list(self.calls) if call[0] == what and run_id in (None, call[1])
                   and epoch in (None, call[2].get("epoch")))

    def held(self):
        """What each lease call has said to be held, and how many more runs it has asked for."""
        return [(body["held"], body["capacity"]) for what, _, body in list(self.calls) if what == "leases"]

    def close(self):
        self._closed.set()
        self.finishes_wait.set()
        self.questions_wait.set()
        self._http.shutdown()
        self._http.server_close()


def lease(run_id, session_id="sess_1", resumed=False, epoch=1, trace_parent=None):
    return {"run": {"id": run_id, "trace_parent": trace_parent}, "task": {}, "input": {}, "source": None,
            "session": {"id": session_id, "resumed": resumed}, "playbook": None, "checkpoint": None,
            "epoch": epoch, "begun": False}


class Agent:
    """Keeps each session, and goes on until it is let or told to stop; some do not hear it."""

    def __init__(self, lets_at_once=True):
        self.lets = threading.Event()
        if lets_at_once:
            self.lets.set()
        # Of each run its epoch, and what it found of its session.
        self.found, self.stopped = [], []
        self.at_work, self.most_at_work = [], 0
        self.deaf, self.asks = set(), False
        self._lock = threading.Lock()

    def __call__(self, run):
        with self._lock:
            self.found.append((run.id, run.epoch, run.session))
            self.at_work.append(run.id)
            self.most_at_work = max(self.most_at_work, len(self.at_work))
        try:
            if run.id in self.deaf:
                self.lets.wait()
            if self.asks:
                run.ask("approval", "Pay?", checkpoint=b"page 3")
            while not self.lets.wait(0.02):
                run.check()
        except windlass_worker.Stopped:
            self.stopped.append((run.id, run.epoch))
            # It takes it a moment to leave the website.
            time.sleep(0.3)
            raise
        finally:
            with self._lock:
                self.at_work.remove(run.id)
        run.session, run.keep_session = f"left by {run.id}", True
        return {}


class WorkerTest(unittest.TestCase):
    def start(self, server, agent, drain_seconds=1):
        """Answers what has the worker leave, and returns once it has left."""
        self.addCleanup(server.close)
        # A test is not in the main thread of its worker.
        windlass_worker.signal.signal = lambda *_: None
        worker = windlass_worker.Worker(server.url, "sk_test", "test", agent, drain_seconds=drain_seconds)
        serving = threading.Thread(target=worker.serve, daemon=True)
        serving.start()

        def leave():
            worker._leaving.set()
            serving.join(PATIENCE_SECONDS)
            self.assertFalse(serving.is_alive())

        def stop():
            agent.lets.set()
            server.finishes_wait.set()
            leave()

        self.addCleanup(stop)
        return leave

    def finish_of(self, server, agent):
        """What the worker says at the end of its one run, which `agent` does."""
        agent.lets = threading.Event()
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("finish") == 1)
        return [body for what, _, body in server.calls if what == "finish"][0]

    def set(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)
