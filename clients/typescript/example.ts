// Prints a job, the failed jobs of its pipeline, and the end of its log.
//
//     GITLAB_TOKEN=… node dist/example.js 127.0.0.1:9090 acme/widgets 101

import { fileURLToPath } from "node:url";

import { createClient, ConnectError, Code, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./stubs/google/rpc/error_details_pb.js";
import { UpstreamErrorSchema } from "./stubs/jobgate/v1/error_pb.js";
import type { Job } from "./stubs/jobgate/v1/job_pb.js";
import { JobService } from "./stubs/jobgate/v1/job_service_pb.js";
import { JobStatus } from "./stubs/jobgate/v1/job_status_pb.js";
import { TraceService, type TraceEnd } from "./stubs/jobgate/v1/trace_service_pb.js";

// connect makes clients of a gateway without TLS; for one with TLS, the URL is `https://…`.
// An open connection keeps the process alive: close it.
export function connect(address: string, token?: string) {
  const baseUrl = `http://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const authorize: Interceptor = (next) => (request) => {
    if (token) request.header.set("private-token", token);
    return next(request);
  };
  const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors: [authorize] });
  return {
    jobs: createClient(JobService, transport),
    traces: createClient(TraceService, transport),
    close: () => sessionManager.abort(),
  };
}

// pipelineJobs yields the jobs of a pipeline, page by page. An empty token is the end.
export async function* pipelineJobs(
  jobs: Client<typeof JobService>,
  request: { project: string; pipelineId: bigint; scope?: JobStatus[]; pageSize?: number },
): AsyncGenerator<Job> {
  let pageToken = "";
  do {
    const page = await jobs.listPipelineJobs({ ...request, pageToken }, { timeoutMs: 30_000 });
    yield* page.jobs;
    pageToken = page.nextPageToken;
  } while (pageToken);
}

// readLog returns a job's log and its `end` event. Without that event it was cut short.
export async function readLog(
  traces: Client<typeof TraceService>,
  request: { project: string; jobId: bigint },
): Promise<{ log: Buffer; end: TraceEnd }> {
  let chunks: Uint8Array[] = [];
  let end: TraceEnd | undefined;
  for await (const { event } of traces.readTrace(request, { timeoutMs: 60_000 })) {
    switch (event.case) {
      case "chunk":
        chunks.push(event.value.data);
        break;
      case "reset":
        chunks = [Buffer.concat(chunks).subarray(0, Number(event.value.offset))];
        break;
      case "end":
        end = event.value; // the last event; the loop ends by itself
    }
  }
  if (!end) throw new Error("the stream ended before the log");
  return { log: Buffer.concat(chunks), end };
}

// details returns those of a failed call, where it has them.
export function details(error: ConnectError) {
  return {
    errorInfo: error.findDetails(ErrorInfoSchema)[0],
    badRequest: error.findDetails(BadRequestSchema)[0],
    retryInfo: error.findDetails(RetryInfoSchema)[0],
    upstreamError: error.findDetails(UpstreamErrorSchema)[0],
  };
}

async function main(address: string, project: string, jobId: bigint): Promise<void> {
  const { jobs, traces, close } = connect(address, process.env["GITLAB_TOKEN"]);
  try {
    const job = await jobs.getJob({ project, jobId }, { timeoutMs: 30_000 });
    console.log(`${job.name}: ${JobStatus[job.status]}`);
    const failed = { project, pipelineId: job.pipeline?.id ?? 0n, scope: [JobStatus.FAILED] };
    for await (const { id, name } of pipelineJobs(jobs, failed)) console.log(`failed: ${id} ${name}`);
    const { log, end } = await readLog(traces, { project, jobId });
    console.log(`log of ${end.size} bytes, which ends with`);
    console.log(log.toString().slice(-200));
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    const reason = details(error).errorInfo?.reason ?? "no reason given";
    console.error(`${Code[error.code]}: ${error.rawMessage} (${reason})`);
    process.exitCode = 1;
  } finally {
    close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [address = "", project = "", jobId = ""] = process.argv.slice(2);
  await main(address, project, BigInt(jobId));
}
