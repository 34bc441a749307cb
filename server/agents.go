package server

import (
	"context"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// agentService answers jobgate.v1.AgentService.
type agentService struct {
	jobgatev1.UnimplementedAgentServiceServer
	api *upstream.Client
}

func (s *agentService) GetAllowedAgents(
	ctx context.Context, req *jobgatev1.GetAllowedAgentsRequest,
) (*jobgatev1.AllowedAgents, error) {
	return s.api.GetAllowedAgents(ctx, req)
}
