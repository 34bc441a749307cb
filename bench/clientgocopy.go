package main

import (
	"strings"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// copyJob copies every field that client-go has and the contract has too. What
// client-go does not read (runner_manager, archived, most of pipeline and
// runner, null as opposed to zero) is lost here, and costs nothing.
func copyJob(j *gitlab.Job) *jobgatev1.Job {
	out := &jobgatev1.Job{
		Id:                j.ID,
		Status:            jobgatev1.JobStatus(word(jobgatev1.JobStatus_value, "JOB_STATUS_", j.Status)),
		Stage:             proto.String(j.Stage),
		Name:              j.Name,
		Ref:               j.Ref,
		Tag:               j.Tag,
		Coverage:          proto.Float64(j.Coverage),
		AllowFailure:      j.AllowFailure,
		CreatedAt:         stamp(j.CreatedAt),
		StartedAt:         stamp(j.StartedAt),
		FinishedAt:        stamp(j.FinishedAt),
		ErasedAt:          stamp(j.ErasedAt),
		Duration:          proto.Float64(j.Duration),
		QueuedDuration:    proto.Float64(j.QueuedDuration),
		User:              copyUser(j.User),
		Commit:            copyCommit(j.Commit),
		FailureReason:     jobgatev1.FailureReason(word(jobgatev1.FailureReason_value, "FAILURE_REASON_", j.FailureReason)),
		WebUrl:            j.WebURL,
		ArtifactsExpireAt: stamp(j.ArtifactsExpireAt),
		TagList:           j.TagList,
		Pipeline: &jobgatev1.Pipeline{
			Id:        j.Pipeline.ID,
			ProjectId: j.Pipeline.ProjectID,
			Sha:       j.Pipeline.Sha,
			Ref:       j.Pipeline.Ref,
			Status:    jobgatev1.JobStatus(word(jobgatev1.JobStatus_value, "JOB_STATUS_", j.Pipeline.Status)),
		},
	}
	if j.Project != nil {
		out.Project = &jobgatev1.JobProject{CiJobTokenScopeEnabled: j.Project.CIJobTokenScopeEnabled}
	}
	if j.ArtifactsFile.Filename != "" {
		out.ArtifactsFile = &jobgatev1.ArtifactsFile{
			Filename: j.ArtifactsFile.Filename,
			Size:     proto.Int64(j.ArtifactsFile.Size),
		}
	}
	for _, a := range j.Artifacts {
		out.Artifacts = append(out.Artifacts, copyArtifact(a))
	}
	if j.Runner.ID != 0 {
		out.Runner = &jobgatev1.Runner{
			Id:          j.Runner.ID,
			Description: proto.String(j.Runner.Description),
			Active:      j.Runner.Active,
			IsShared:    j.Runner.IsShared,
			Name:        proto.String(j.Runner.Name),
		}
	}
	return out
}

// copyArtifact copies one artifact file.
func copyArtifact(a gitlab.JobArtifact) *jobgatev1.Artifact {
	format := jobgatev1.ArtifactFileFormat(word(jobgatev1.ArtifactFileFormat_value, "ARTIFACT_FILE_FORMAT_", a.FileFormat))
	return &jobgatev1.Artifact{
		FileType:   jobgatev1.ArtifactFileType(word(jobgatev1.ArtifactFileType_value, "ARTIFACT_FILE_TYPE_", a.FileType)),
		Size:       proto.Int64(a.Size),
		Filename:   a.Filename,
		FileFormat: &format,
	}
}

// copyUser copies the user who started a job.
func copyUser(u *gitlab.User) *jobgatev1.User {
	if u == nil {
		return nil
	}
	return &jobgatev1.User{
		Id:           u.ID,
		Username:     u.Username,
		PublicEmail:  proto.String(u.PublicEmail),
		Name:         u.Name,
		State:        u.State,
		Locked:       u.Locked,
		AvatarUrl:    proto.String(u.AvatarURL),
		WebUrl:       u.WebURL,
		CreatedAt:    stamp(u.CreatedAt),
		Bio:          proto.String(u.Bio),
		Location:     proto.String(u.Location),
		Linkedin:     proto.String(u.Linkedin),
		Twitter:      proto.String(u.Twitter),
		WebsiteUrl:   proto.String(u.WebsiteURL),
		JobTitle:     proto.String(u.JobTitle),
		Organization: proto.String(u.Organization),
		Bot:          u.Bot,
	}
}

// copyCommit copies a commit.
func copyCommit(c *gitlab.Commit) *jobgatev1.Commit {
	if c == nil {
		return nil
	}
	return &jobgatev1.Commit{
		Id:             c.ID,
		ShortId:        c.ShortID,
		CreatedAt:      dateText(c.CreatedAt),
		ParentIds:      c.ParentIDs,
		Title:          c.Title,
		Message:        c.Message,
		AuthorName:     c.AuthorName,
		AuthorEmail:    c.AuthorEmail,
		AuthoredDate:   dateText(c.AuthoredDate),
		CommitterName:  c.CommitterName,
		CommitterEmail: c.CommitterEmail,
		CommittedDate:  dateText(c.CommittedDate),
		Trailers:       c.Trailers,
		WebUrl:         c.WebURL,
	}
}

// word is the number of the enum value that GitLab's word stands for, or 0.
func word(values map[string]int32, prefix, w string) int32 {
	if w == "" {
		return 0
	}
	return values[prefix+strings.ToUpper(w)]
}

// stamp is a time as a message.
func stamp(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}

// dateText is a commit date as GitLab writes it.
func dateText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format("2006-01-02T15:04:05.000Z07:00")
}
