"""As much of a Kubernetes API server as the executor plugin talks to, for tests without a cluster.

It takes real requests of the real client over HTTP, keeps what it is asked to create, and plays the
kubelet: the command of a job runs as a process in an empty folder, as the container would find it.
What it cannot show: images, scheduling, limits, rights, networks, other nodes.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

Body = dict[str, Any]
OBJECT = re.compile(r"/(?:api/v1|apis/batch/v1)/namespaces/([^/]+)/(\w+)(?:/([^/]+))?(?:/(\w+))?$")
# Enough for a rule's threads; the API server counts one more pod at a time as nothing.
PODS_AT_ONCE = 2


class Cluster:
    """A namespace whose jobs run on this machine.

    Parameters
    ----------
    folder : path
        For the folders of the pods and the kubeconfig.
    environment : mapping
        What the image sets, beside the path of this Python.
    verdict : callable
        Takes the body of a job and how often one with the same command was started; returns an exit
        code without running it (as an eviction or a lack of memory would), or None to run it.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        verdict: Callable[[Body, int], int | None] = lambda body, times: None,
    ) -> None:
        self.folder, self.environment, self.verdict = folder, dict(environment), verdict
        self.jobs: dict[str, Body] = {}
        self.codes: dict[str, int] = {}
        self.logs: dict[str, str] = {}
        self.secrets: dict[str, Body] = {}
        self.requests: list[str] = []
        self.paths: set[str] = set()
        self._slots = threading.Semaphore(PODS_AT_ONCE)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def kubeconfig(self) -> Path:
        address = f"http://127.0.0.1:{self._server.server_port}"
        entries = {
            "clusters": [{"name": "c", "cluster": {"server": address}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        }
        head = {"apiVersion": "v1", "kind": "Config", "current-context": "x"}
        file = self.folder / "kubeconfig.yaml"
        file.write_text(yaml.safe_dump({**head, **entries}))
        return file

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _run(self, name: str, body: Body) -> None:
        container = body["spec"]["template"]["spec"]["containers"][0]
        home = self.folder / "pods" / name
        home.mkdir(parents=True)
        path = os.pathsep.join([self.environment.get("PATH", ""), str(Path(sys.executable).parent)])
        with self._slots:
            times = sum(_target(job) == _target(body) for job in self.jobs.values())
            code = self.verdict(body, times)
            log = "killed"
            if code is None:
                run = subprocess.run(
                    [*container["command"], *container["args"]],
                    cwd=home,
                    env={**self.environment, "PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin"},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                code, log = run.returncode, run.stdout + run.stderr
            self.logs[name], self.codes[name] = log, code

    def _create(self, kind: str, body: Body) -> None:
        name = body["metadata"]["name"]
        if kind == "secrets":
            self.secrets[name] = body
            return
        self.jobs[name] = body
        threading.Thread(target=self._run, args=(name, body), daemon=True).start()

    def _get(self, kind: str, name: str | None, part: str | None, query: str) -> tuple[int, Any]:
        if kind == "jobs" and name in self.jobs:
            code = self.codes.get(name)
            status = {} if code is None else {"failed" if code else "succeeded": 1}
            return 200, {**self.jobs[name], "status": status or {"active": 1}}
        if part == "log" and name:
            if "previous=True" in query:  # as a real one: the container was never restarted
                return 400, _failure(400, f"previous terminated container in {name} not found")
            return 200, self.logs.get(name.removesuffix("-pod"), "")
        if kind == "pods":
            found = re.search(r"job-name(?:=|%3D)([\w-]+)", query)
            items = [self._pod(found[1])] if found and found[1] in self.jobs else []
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}
        return 404, _failure(404, "not found")

    def _pod(self, job: str) -> Body:
        code = self.codes.get(job)
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        container = {"name": "snakemake", "image": "", "imageID": "", "ready": code is None}
        spec = self.jobs[job]["spec"]["template"]["spec"]
        return {
            "metadata": {"name": f"{job}-pod", "labels": {"job-name": job}},
            "spec": spec,
            "status": {"containerStatuses": [{**container, "restartCount": 0, "state": state}]},
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: Any) -> None:
                """Say nothing: the test says what it saw."""

            def answer(self, code: int, content: Any) -> None:
                text = content if isinstance(content, str) else json.dumps(content)
                self.send_response(code)
                kind = "text/plain" if isinstance(content, str) else "application/json"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                path, _, query = self.path.partition("?")
                cluster.requests.append(f"{self.command} {self.path}")
                namespace, kind, name, part = OBJECT.fullmatch(path).groups()  # type: ignore[union-attr]
                cluster.paths.add(namespace)
                if self.command == "POST":
                    cluster._create(kind, body)
                    self.answer(201, body)
                elif self.command == "DELETE":
                    self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
                else:
                    self.answer(*cluster._get(kind, name, part, query))

            do_GET = do_POST = do_DELETE = do_any  # noqa: N815 - the names that http.server calls

        return Handler


def _target(body: Body) -> str:
    """Return which job of the workflow this is; its attempt stands elsewhere in the command."""
    command = body["spec"]["template"]["spec"]["containers"][0]["args"][1]
    return re.search(r"--target-jobs (\S+)", command)[1]  # type: ignore[index]


def _failure(code: int, message: str) -> Body:
    head = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return {**head, "code": code, "message": message}
