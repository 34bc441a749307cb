package live

import jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"

// started says whether a job may have a log.
func started(job *jobgatev1.Job) bool {
	switch job.GetStatus() {
	case jobgatev1.JobStatus_JOB_STATUS_CREATED, jobgatev1.JobStatus_JOB_STATUS_WAITING_FOR_RESOURCE,
		jobgatev1.JobStatus_JOB_STATUS_PREPARING, jobgatev1.JobStatus_JOB_STATUS_WAITING_FOR_CALLBACK,
		jobgatev1.JobStatus_JOB_STATUS_PENDING, jobgatev1.JobStatus_JOB_STATUS_MANUAL, jobgatev1.JobStatus_JOB_STATUS_SCHEDULED:
		return false
	}
	return true
}

// final says whether a job in its state changes no more; contract section 9.1.
func final(job *jobgatev1.Job) bool {
	switch job.GetStatus() {
	case jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_FAILED,
		jobgatev1.JobStatus_JOB_STATUS_CANCELED, jobgatev1.JobStatus_JOB_STATUS_SKIPPED:
		return true
	}
	return false
}
