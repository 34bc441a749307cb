package upstream

import (
	"context"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
)

var agentsTable = gitlabjson.TableOf(&jobgatev1.AllowedAgents{})

// GetAllowedAgents gets the agents for Kubernetes that the job whose token is the
// credential may use; contract section 7.5.
func (c *Client) GetAllowedAgents(
	ctx context.Context, req *jobgatev1.GetAllowedAgentsRequest,
) (*jobgatev1.AllowedAgents, error) {
	r, err := c.tokenRequest("get the allowed agents of the token", "/job/allowed_agents", req.GetExtraParameters())
	if err != nil {
		return nil, err
	}
	wire, _, err := c.fetch(ctx, r, agentsTable.AppendWire)
	if err != nil {
		return nil, err
	}
	agents := new(jobgatev1.AllowedAgents)
	agents.ProtoReflect().SetUnknown(wire)
	return agents, nil
}
