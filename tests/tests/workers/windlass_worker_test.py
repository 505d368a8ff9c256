"""What `examples/worker-python/windlass_worker.py` does between its server and its agent, over a server
that answers as the test says: leases that come before an end was heard, twice, or are not renewed."""

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
        self._changed = threading.Condition()
        self._closed = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                answer = json.dumps(server._answer(self.path, body)).encode()
                try:
                    self.send_response(200)
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

    def _answer(self, path, body):
        parts = path.removeprefix("/v2/worker/").split("/")
        what = parts[-1]
        with self._changed:
            self.calls.append((what, parts[1] if len(parts) > 2 else None, body))
            self._changed.notify_all()
        if what == "workers":
            return {"incarnation": 1, "lost_leases": 0, "lease_seconds": self.lease_seconds}
        if what == "leases":
            return self._leased(body)
        if what == "renew":
            if parts[1] in self.renewals_hang:
                self._closed.wait()
            return {"lease_expires_at": "2026-01-05T10:00:00Z", "cancel": False}
        if what == "finish":
            self.finishes_wait.wait()
            return {"run_id": parts[1], "status": "completed"}
        return {"status": "queued"}

    def _leased(self, body):
        leases = []
        try:
            if body["capacity"]:
                leases = [self.leases.get(timeout=2)]
            else:
                self._closed.wait(0.2)
        except queue.Empty:
            pass
        return {"leases": leases, "ended_sessions": [], "stopping": [], "request_id": "req_1"}

    def told(self, enough):
        """Waits until what it was told is as `enough` says."""
        with self._changed:
            if not self._changed.wait_for(lambda: enough(self.calls), timeout=PATIENCE_SECONDS):
                raise AssertionError(f"only this was told: {self.calls}")

    def count(self, what, run_id=None, epoch=None):
        return sum(1 for call in list(self.calls) if call[0] == what and run_id in (None, call[1])
                   and epoch in (None, call[2].get("epoch")))

    def close(self):
        self._closed.set()
        self.finishes_wait.set()
        self._http.shutdown()
        self._http.server_close()


def lease(run_id, session_id="sess_1", resumed=False, epoch=1):
    return {"run": {"id": run_id, "trace_parent": None}, "task": {}, "input": {}, "source": None,
            "session": {"id": session_id, "resumed": resumed}, "playbook": None, "checkpoint": None,
            "epoch": epoch, "begun": False}


class Agent:
    """Keeps each session, and goes on until it is let or told to stop."""

    def __init__(self, lets_at_once=True):
        self.lets = threading.Event()
        if lets_at_once:
            self.lets.set()
        # Of each run its epoch, and what it found of its session.
        self.found, self.stopped = [], []
        self.at_work, self.most_at_work = 0, 0
        self._lock = threading.Lock()

    def __call__(self, run):
        with self._lock:
            self.found.append((run.id, run.epoch, run.session))
            self.at_work += 1
            self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            while not self.lets.wait(0.02):
                run.check()
        except windlass_worker.Stopped:
            self.stopped.append((run.id, run.epoch))
            # It takes it a moment to leave the website.
            time.sleep(0.3)
            raise
        finally:
            with self._lock:
                self.at_work -= 1
        run.session, run.keep_session = f"left by {run.id}", True
        return {}


class WorkerTest(unittest.TestCase):
    def start(self, server, agent):
        self.addCleanup(server.close)
        # A test is not in the main thread of its worker.
        windlass_worker.signal.signal = lambda *_: None
        worker = windlass_worker.Worker(server.url, "sk_test", "test", agent, drain_seconds=1)
        serving = threading.Thread(target=worker.serve, daemon=True)
        serving.start()

        def stop():
            worker._leaving.set()
            agent.lets.set()
            server.finishes_wait.set()
            serving.join(PATIENCE_SECONDS)
            self.assertFalse(serving.is_alive())

        self.addCleanup(stop)

    def test_a_run_that_is_leased_while_the_finish_is_under_way_finds_what_its_session_has(self):
        server, agent = Server(), Agent()
        server.finishes_wait.clear()
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("finish") == 1)

        server.leases.put(lease("run_2", resumed=True))
        server.told(lambda _: server.count("renew", "run_2") == 1)
        server.finishes_wait.set()
        server.told(lambda _: server.count("finish", "run_2") == 1)

        self.assertEqual(agent.found, [("run_1", 1, None), ("run_2", 1, "left by run_1")])

    def test_a_run_that_is_leased_anew_waits_for_the_agent_that_had_it(self):
        server, agent = Server(), Agent(lets_at_once=False)
        self.start(server, agent)
        server.leases.put(lease("run_1"))
        server.told(lambda _: server.count("renew", "run_1", 1) == 1)

        server.leases.put(lease("run_1", epoch=2))
        server.told(lambda _: server.count("renew", "run_1", 2) == 1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(agent.found) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        agent.lets.set()
        server.told(lambda _: server.count("finish") >= 1)

        self.assertEqual(agent.found, [("run_1", 1, None), ("run_1", 2, None)])
        self.assertEqual(agent.stopped, [("run_1", 1)])
        self.assertEqual(agent.most_at_work, 1)
        self.assertEqual(server.count("finish", epoch=1), 0)

    def test_a_renewal_that_hangs_keeps_no_other_lease_from_being_renewed(self):
        self.addCleanup(setattr, windlass_worker, "NEW_LEASE_SECONDS", windlass_worker.NEW_LEASE_SECONDS)
        windlass_worker.NEW_LEASE_SECONDS = 2
        server, agent = Server(lease_seconds=2), Agent(lets_at_once=False)
        server.renewals_hang.add("run_1")
        self.start(server, agent)
        server.leases.put(lease("run_1", "sess_1"))
        server.leases.put(lease("run_2", "sess_2"))

        # Three lives of a lease.
        server.told(lambda _: server.count("renew", "run_2") == 9)

        self.assertEqual(agent.stopped, [("run_1", 1)])
        agent.lets.set()
        server.told(lambda _: server.count("finish", "run_2") == 1)
        self.assertEqual(server.count("finish", "run_1"), 0)


if __name__ == "__main__":
    unittest.main()
