"""Prints a job, the failed jobs of its pipeline, and the end of its log.

    GITLAB_TOKEN=… PYTHONPATH=stubs python example.py 127.0.0.1:9090 acme/widgets 101
"""

import os
import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from jobgate.v1 import error_pb2, job_service_pb2, job_service_pb2_grpc, job_status_pb2
from jobgate.v1 import trace_service_pb2, trace_service_pb2_grpc


def pipeline_jobs(service, metadata, **fields):
    """Yields the jobs of a pipeline, page by page. An empty token is the end."""
    request = job_service_pb2.ListPipelineJobsRequest(**fields)
    while True:
        page = service.ListPipelineJobs(request, metadata=metadata, timeout=30)
        yield from page.jobs
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def read_log(service, metadata, **fields):
    """Returns a job's log and its `end` event. Without that event it was cut short."""
    log, end = b"", None
    request = trace_service_pb2.ReadTraceRequest(**fields)
    for event in service.ReadTrace(request, metadata=metadata, timeout=60):
        match event.WhichOneof("event"):
            case "chunk":
                log += event.chunk.data
            case "reset":
                log = log[: event.reset.offset]
            case "end":
                end = event.end  # the last event; the loop ends by itself
    if end is None:
        raise EOFError("the stream ended before the log")
    return log, end


def details(error):
    """Returns the details of a failed call, by the name of their message."""
    known = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.RetryInfo,
        error_pb2.UpstreamError,
    )
    found = {}
    status = rpc_status.from_call(error)
    for packed in status.details if status else ():
        for message in (kind() for kind in known):
            if packed.Unpack(message):
                found[message.DESCRIPTOR.name] = message
    return found


def main(address, project, job_id):
    metadata = [("private-token", os.environ["GITLAB_TOKEN"])]
    with grpc.insecure_channel(address) as channel:
        jobs = job_service_pb2_grpc.JobServiceStub(channel)
        traces = trace_service_pb2_grpc.TraceServiceStub(channel)
        try:
            job = jobs.GetJob(
                job_service_pb2.GetJobRequest(project=project, job_id=job_id),
                metadata=metadata,
                timeout=30,
            )
            print(f"{job.name}: {job_status_pb2.JobStatus.Name(job.status)}")
            for failed in pipeline_jobs(
                jobs,
                metadata,
                project=project,
                pipeline_id=job.pipeline.id,
                scope=[job_status_pb2.JOB_STATUS_FAILED],
            ):
                print(f"failed: {failed.id} {failed.name}")
            log, end = read_log(traces, metadata, project=project, job_id=job_id)
            print(f"log of {end.size} bytes, which ends with")
            print(log.decode(errors="replace")[-200:])
        except grpc.RpcError as error:
            info = details(error).get("ErrorInfo")
            reason = info.reason if info else "no reason given"
            sys.exit(f"{error.code().name}: {error.details()} ({reason})")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
