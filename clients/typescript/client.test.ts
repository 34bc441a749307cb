// Proves TypeScript's stubs against a running gateway, by gRPC without TLS.
//
// GATEWAY is the gateway's gRPC address, SANDBOX the URL of the sandbox behind it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import { connect, details, pipelineJobs, readLog } from "./example.js";
import { FailureReason } from "./stubs/jobgate/v1/failure_reason_pb.js";
import type { Job } from "./stubs/jobgate/v1/job_pb.js";
import { JobStatus } from "./stubs/jobgate/v1/job_status_pb.js";
import { TraceEndReason } from "./stubs/jobgate/v1/trace_service_pb.js";

const want = JSON.parse(readFileSync(new URL("../../expectations.json", import.meta.url), "utf8"));
const project: string = want.project;
const jobId = BigInt(want.job.id);
const gateway = process.env["GATEWAY"] ?? "";
const { jobs, traces, close } = connect(gateway, want.token);

async function askSandbox(method: string, path: string, body?: object): Promise<Buffer> {
  const answer = await fetch(process.env["SANDBOX"] + path, {
    method,
    headers: { "private-token": want.token },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

// fail lets the GitLab behind the gateway go wrong until the end of the test.
const fail = (route: string, fault: object) =>
  askSandbox("POST", "/-/sandbox/faults", { match: { route }, fault });

afterEach(() => askSandbox("DELETE", "/-/sandbox/faults"));
after(close);

// refused awaits a call that must fail with a code, and returns its details.
async function refused(call: Promise<unknown>, code: string) {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (thrown) => ConnectError.from(thrown),
  );
  assert.equal(codeName(error), code, error.message);
  assert.ok(error.rawMessage);
  return details(error);
}

// codeName is a code as gRPC spells it: NOT_FOUND for NotFound.
function codeName(error: ConnectError): string {
  return (Code[error.code] ?? "").replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}

test("a job", async () => {
  const job = await jobs.getJob({ project, jobId });
  assert.deepEqual([job.id, job.name, job.coverage], [jobId, want.job.name, want.job.coverage]);
  assert.equal(JobStatus[job.status], want.job.status);
  assert.equal(job.pipeline?.id, BigInt(want.pipeline.id));
  assert.ok(job.startedAt && job.finishedAt);
  assert.ok(timestampDate(job.startedAt) < timestampDate(job.finishedAt));
});

test("a number above 32 bits", async () => {
  const big = BigInt(want.big_job.id);
  assert.equal((await jobs.getJob({ project, jobId: big })).id, big);
});

test("pages", async () => {
  const request = { project, pipelineId: BigInt(want.pipeline.id), pageSize: want.pipeline.page_size };
  const { totalSize } = await jobs.listPipelineJobs(request);
  const total = Number(totalSize);
  assert.ok(total >= want.pipeline.at_least);
  const found = new Map<bigint, Job>();
  let pageToken = "";
  let pages = 0;
  do {
    const page = await jobs.listPipelineJobs({ ...request, pageToken });
    for (const job of page.jobs) found.set(job.id, job);
    pageToken = page.nextPageToken;
    pages++;
  } while (pageToken);
  assert.equal(pages, Math.ceil(total / request.pageSize));
  assert.equal(found.size, total);
  const ids = [...found.keys()];
  assert.deepEqual(ids, [...ids].sort((a, b) => (a < b ? 1 : -1)));
  const failed = found.get(BigInt(want.failed_job.id));
  assert.equal(failed?.name, want.failed_job.name);
  assert.equal(FailureReason[failed?.failureReason ?? 0], want.failed_job.failure_reason);

  const iterated: bigint[] = [];
  for await (const job of pipelineJobs(jobs, request)) iterated.push(job.id);
  assert.deepEqual(iterated, ids);
});

test("a log", async () => {
  const { log, end } = await readLog(traces, { project, jobId });
  const path = `/api/v4/projects/${encodeURIComponent(project)}/jobs/${jobId}/trace`;
  assert.deepEqual(log, await askSandbox("GET", path));
  assert.equal(end.size, BigInt(log.length));
  assert.equal(end.reason, TraceEndReason.COMPLETE);
  assert.equal(end.jobStatus, JobStatus.SUCCESS);
});

test("a long log in chunks", async () => {
  const long = want.long_log;
  const body: string = long.line.repeat(long.times);
  await fail("trace", { kind: "rewritten_log", body });
  const chunks: Uint8Array[] = [];
  let size = 0n;
  let ends = 0;
  for await (const { event } of traces.readTrace({ project, jobId })) {
    assert.equal(ends, 0, "an event after the end");
    if (event.case === "chunk") {
      assert.equal(event.value.offset, size);
      assert.ok(event.value.data.length <= long.most_bytes_in_a_chunk);
      chunks.push(event.value.data);
      size += BigInt(event.value.data.length);
    } else {
      assert.ok(event.case === "end");
      assert.equal(event.value.size, size);
      ends++;
    }
  }
  assert.equal(ends, 1);
  assert.ok(chunks.length > 1);
  assert.ok(Buffer.concat(chunks).equals(Buffer.from(body)));
});

test("no token", async () => {
  const anonymous = connect(gateway);
  const call = anonymous.jobs.getJob({ project, jobId });
  const { errorInfo, upstreamError } = await refused(call, "UNAUTHENTICATED").finally(anonymous.close);
  assert.equal(errorInfo?.reason, "CREDENTIAL_MISSING");
  assert.equal(errorInfo?.domain, "jobgate");
  assert.equal(upstreamError?.status, 401);
});

test("no such job", async () => {
  const missing = { project, jobId: BigInt(want.no_job.id) };
  const { errorInfo, upstreamError } = await refused(jobs.getJob(missing), "NOT_FOUND");
  assert.equal(errorInfo?.reason, "JOB_NOT_FOUND");
  assert.equal(upstreamError?.status, 404);
  const ofStream = await refused(readLog(traces, missing), "NOT_FOUND");
  assert.equal(ofStream.errorInfo?.reason, "JOB_NOT_FOUND");
});

test("a bad request", async () => {
  const bad = want.bad_request;
  const call = jobs.getJob({ project: bad.project, jobId: BigInt(bad.job_id) });
  const { errorInfo, badRequest } = await refused(call, "INVALID_ARGUMENT");
  assert.equal(errorInfo?.reason, "INVALID_REQUEST");
  const violations = badRequest?.fieldViolations.map((v) => [v.field, v.description]);
  assert.deepEqual(Object.fromEntries(violations ?? []), bad.fields);
});

for (const large of want.large_errors) {
  test(`a large error: ${large.status}, ${large.content_type}`, async () => {
    const { before, repeat, times, after } = large.body;
    const body = Buffer.from(before + repeat.repeat(times) + after);
    assert.ok(body.length > 64 << 10);
    await fail("job", { kind: "status", status: large.status, body: body.toString() });
    const { errorInfo, upstreamError } = await refused(jobs.getJob({ project, jobId }), large.code);
    assert.equal(errorInfo?.reason, large.reason);
    assert.ok(upstreamError);
    assert.equal(upstreamError.status, large.status);
    assert.equal(upstreamError.contentType.split(";")[0], large.content_type);
    assert.ok(upstreamError.truncated);
    assert.ok(upstreamError.body.length > 0);
    assert.ok(body.subarray(0, upstreamError.body.length).equals(upstreamError.body));
  });
}

test("a deadline", async () => {
  await fail("job", { kind: "latency", delay: want.deadline.upstream_delay });
  const begin = performance.now();
  const error = await jobs.getJob({ project, jobId }, { timeoutMs: want.deadline.client_ms }).then(
    () => assert.fail("the call succeeded"),
    (thrown) => ConnectError.from(thrown),
  );
  // Both sides watch the deadline. If the gateway is first, it resets the stream, which
  // Connect reports as Canceled.
  assert.ok([Code.DeadlineExceeded, Code.Canceled].includes(error.code), error.message);
  assert.ok(performance.now() - begin < 10_000);
});

test("the example", () => {
  const example = fileURLToPath(new URL("example.js", import.meta.url));
  const run = (token: string) =>
    spawnSync(process.execPath, [example, gateway, project, String(jobId)], {
      env: { ...process.env, GITLAB_TOKEN: token },
      encoding: "utf8",
      timeout: 60_000,
    });
  const good = run(want.token);
  assert.equal(good.status, 0, good.stderr);
  assert.ok(good.stdout.includes(`${want.job.name}: ${want.job.status}\n`), good.stdout);
  assert.ok(good.stdout.includes(`failed: ${want.failed_job.id} ${want.failed_job.name}\n`), good.stdout);
  const bad = run(want.revoked_token);
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /Unauthenticated: .*\(TOKEN_REVOKED\)/);
});
