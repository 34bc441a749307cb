"""Proves Python's stubs against a running gateway, at gRPC's default channel options.

GATEWAY is the gateway's gRPC address, SANDBOX the URL of the sandbox behind it.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request

import grpc

import example
from jobgate.v1 import failure_reason_pb2, job_service_pb2, job_service_pb2_grpc, job_status_pb2
from jobgate.v1 import trace_service_pb2, trace_service_pb2_grpc

HERE = pathlib.Path(__file__).parent
WANT = json.loads((HERE.parent / "expectations.json").read_text(encoding="utf-8"))
PROJECT = WANT["project"]
GATEWAY, SANDBOX = os.environ["GATEWAY"], os.environ["SANDBOX"]


def ask_sandbox(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        SANDBOX + path, data, {"PRIVATE-TOKEN": WANT["token"]}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def fail(route, **fault):
    """Lets the GitLab behind the gateway go wrong until the end of the test."""
    ask_sandbox("POST", "/-/sandbox/faults", {"match": {"route": route}, "fault": fault})


class ClientTest(unittest.TestCase):
    def setUp(self):
        channel = grpc.insecure_channel(GATEWAY)
        self.addCleanup(channel.close)
        self.addCleanup(ask_sandbox, "DELETE", "/-/sandbox/faults")
        self.jobs = job_service_pb2_grpc.JobServiceStub(channel)
        self.traces = trace_service_pb2_grpc.TraceServiceStub(channel)

    def get_job(self, job_id, project=PROJECT, token=WANT["token"], timeout=30):
        return self.jobs.GetJob(
            job_service_pb2.GetJobRequest(project=project, job_id=job_id),
            metadata=[("private-token", token)] if token else [],
            timeout=timeout,
        )

    def refused(self, call, code):
        """Makes a call that must fail with a code, and returns its details."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code().name, code, caught.exception)
        self.assertTrue(caught.exception.details())
        return example.details(caught.exception)

    def read_log(self):
        """Reads the job's log, and returns it with the chunks and the `end` event."""
        request = trace_service_pb2.ReadTraceRequest(project=PROJECT, job_id=WANT["job"]["id"])
        metadata = [("private-token", WANT["token"])]
        events = list(self.traces.ReadTrace(request, metadata=metadata, timeout=60))
        kinds = [event.WhichOneof("event") for event in events]
        self.assertEqual(kinds, ["chunk"] * (len(kinds) - 1) + ["end"])
        log = b""
        for event in events[:-1]:
            self.assertEqual(event.chunk.offset, len(log))
            log += event.chunk.data
        return log, [event.chunk for event in events[:-1]], events[-1].end

    def test_job(self):
        want = WANT["job"]
        job = self.get_job(want["id"])
        self.assertEqual((job.id, job.name, job.coverage), (want["id"], want["name"], want["coverage"]))
        self.assertEqual(job_status_pb2.JobStatus.Name(job.status), "JOB_STATUS_" + want["status"])
        self.assertEqual(job.pipeline.id, WANT["pipeline"]["id"])
        self.assertLess(job.started_at.ToDatetime(), job.finished_at.ToDatetime())

    def test_number_above_32_bits(self):
        self.assertEqual(self.get_job(WANT["big_job"]["id"]).id, WANT["big_job"]["id"])

    def test_pages(self):
        size = WANT["pipeline"]["page_size"]
        request = job_service_pb2.ListPipelineJobsRequest(
            project=PROJECT, pipeline_id=WANT["pipeline"]["id"], page_size=size
        )
        pages = []
        while not pages or request.page_token:
            page = self.jobs.ListPipelineJobs(
                request, metadata=[("private-token", WANT["token"])], timeout=30
            )
            pages.append(page)
            request.page_token = page.next_page_token
        total = pages[0].total_size
        self.assertGreaterEqual(total, WANT["pipeline"]["at_least"])
        self.assertEqual(len(pages), math.ceil(total / size))
        jobs = {job.id: job for page in pages for job in page.jobs}
        self.assertEqual(len(jobs), total)
        self.assertEqual(list(jobs), sorted(jobs, reverse=True))
        failed = jobs[WANT["failed_job"]["id"]]
        self.assertEqual(failed.name, WANT["failed_job"]["name"])
        self.assertEqual(
            failure_reason_pb2.FailureReason.Name(failed.failure_reason),
            "FAILURE_REASON_" + WANT["failed_job"]["failure_reason"],
        )

    def test_log(self):
        log, _, end = self.read_log()
        project = urllib.parse.quote(PROJECT, safe="")
        path = f"/api/v4/projects/{project}/jobs/{WANT['job']['id']}/trace"
        self.assertEqual(log, ask_sandbox("GET", path))
        self.assertEqual(end.size, len(log))
        self.assertEqual(end.reason, trace_service_pb2.TRACE_END_REASON_COMPLETE)
        self.assertEqual(end.job_status, job_status_pb2.JOB_STATUS_SUCCESS)

    def test_long_log(self):
        want = WANT["long_log"]
        text = want["line"] * want["times"]
        fail("trace", kind="rewritten_log", body=text)
        log, chunks, end = self.read_log()
        self.assertEqual(log, text.encode())
        self.assertEqual(end.size, len(log))
        self.assertGreater(len(chunks), 1)
        self.assertLessEqual(max(len(c.data) for c in chunks), want["most_bytes_in_a_chunk"])

    def test_missing_token(self):
        details = self.refused(lambda: self.get_job(WANT["job"]["id"], token=None), "UNAUTHENTICATED")
        self.assertEqual(details["ErrorInfo"].reason, "CREDENTIAL_MISSING")
        self.assertEqual(details["ErrorInfo"].domain, "jobgate")
        self.assertEqual(details["UpstreamError"].status, 401)

    def test_job_not_found(self):
        details = self.refused(lambda: self.get_job(WANT["no_job"]["id"]), "NOT_FOUND")
        self.assertEqual(details["ErrorInfo"].reason, "JOB_NOT_FOUND")
        self.assertEqual(details["UpstreamError"].status, 404)

    def test_bad_request(self):
        want = WANT["bad_request"]
        details = self.refused(
            lambda: self.get_job(want["job_id"], project=want["project"]), "INVALID_ARGUMENT"
        )
        self.assertEqual(details["ErrorInfo"].reason, "INVALID_REQUEST")
        violations = {v.field: v.description for v in details["BadRequest"].field_violations}
        self.assertEqual(violations, want["fields"])

    def test_stream_refused(self):
        request = trace_service_pb2.ReadTraceRequest(project=PROJECT, job_id=WANT["no_job"]["id"])
        metadata = [("private-token", WANT["token"])]
        details = self.refused(
            lambda: list(self.traces.ReadTrace(request, metadata=metadata, timeout=30)), "NOT_FOUND"
        )
        self.assertEqual(details["ErrorInfo"].reason, "JOB_NOT_FOUND")

    def test_large_errors(self):
        """The C core refuses trailers above some 8 KB: code and details would be lost."""
        for want in WANT["large_errors"]:
            body = want["body"]
            text = body["before"] + body["repeat"] * body["times"] + body["after"]
            self.assertGreater(len(text.encode()), 64 << 10)
            with self.subTest(status=want["status"], content_type=want["content_type"]):
                ask_sandbox("DELETE", "/-/sandbox/faults")
                fail("job", kind="status", status=want["status"], body=text)
                details = self.refused(lambda: self.get_job(WANT["job"]["id"]), want["code"])
                self.assertEqual(details["ErrorInfo"].reason, want["reason"])
                answer = details["UpstreamError"]
                self.assertEqual(answer.status, want["status"])
                self.assertEqual(answer.content_type.split(";")[0], want["content_type"])
                self.assertTrue(answer.truncated)
                self.assertTrue(answer.body)
                self.assertTrue(text.encode().startswith(answer.body))

    def test_deadline(self):
        want = WANT["deadline"]
        fail("job", kind="latency", delay=want["upstream_delay"])
        begin = time.monotonic()
        with self.assertRaises(grpc.RpcError) as caught:
            self.get_job(WANT["job"]["id"], timeout=want["client_ms"] / 1000)
        # Both sides watch the deadline. If the gateway is first, it resets the stream, which
        # gRPC reports as CANCELLED.
        code = caught.exception.code()
        self.assertIn(code, (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED))
        self.assertLess(time.monotonic() - begin, 10)

    def test_example(self):
        def run(token):
            return subprocess.run(
                [sys.executable, HERE / "example.py", GATEWAY, PROJECT, str(WANT["job"]["id"])],
                env={**os.environ, "GITLAB_TOKEN": token},
                capture_output=True, text=True, timeout=60, check=False,
            )

        good = run(WANT["token"])
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertIn(f"{WANT['job']['name']}: JOB_STATUS_{WANT['job']['status']}\n", good.stdout)
        self.assertIn(f"failed: {WANT['failed_job']['id']} {WANT['failed_job']['name']}\n", good.stdout)
        bad = run(WANT["revoked_token"])
        self.assertEqual(bad.returncode, 1)
        self.assertIn("UNAUTHENTICATED", bad.stderr)
        self.assertIn("TOKEN_REVOKED", bad.stderr)


if __name__ == "__main__":
    unittest.main()
