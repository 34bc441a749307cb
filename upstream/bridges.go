package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// The two routes of one list. GitLab 19.2 made the second and deprecated the
// first; contract section 7.3.
var bridgesRoutes = [...]string{"/bridges", "/trigger_jobs"}

// ListPipelineBridges lists the trigger jobs of a pipeline from a place on;
// contract section 7.3. It asks by the route of [Call.BridgesRoute]; without one, by
// the route that last worked, and by the other one if that is gone. Places are as in
// [Client.ListProjectJobs].
func (c *Client) ListPipelineBridges(
	ctx context.Context, req *jobgatev1.ListPipelineBridgesRequest, at Position,
) (*jobgatev1.ListPipelineBridgesResponse, Position, error) {
	if call := CallFrom(ctx); call != nil && call.BridgesRoute != "" {
		return c.bridges(ctx, req, at, "/"+call.BridgesRoute)
	}
	route := c.bridgesRoute.Load()
	answer, to, err := c.bridges(ctx, req, at, bridgesRoutes[route])
	if !routeGone(err) {
		return answer, to, err
	}
	answer, to, other := c.bridges(ctx, req, at, bridgesRoutes[1-route])
	if routeGone(other) {
		return nil, Position{}, err
	}
	c.bridgesRoute.Store(1 - route)
	return answer, to, other
}

func (c *Client) bridges(
	ctx context.Context, req *jobgatev1.ListPipelineBridgesRequest, at Position, route string,
) (*jobgatev1.ListPipelineBridgesResponse, Position, error) {
	r, err := c.pipelineRequest("list trigger jobs of pipeline", req.GetProject(), req.GetPipelineId(), route)
	if err != nil {
		return nil, Position{}, err
	}
	if !slices.Contains(bridgesRoutes[:], route) {
		return nil, Position{}, r.invalid(invalid("bridges_route", "must be bridges or trigger_jobs"))
	}
	if err := r.query.scope(req.GetScope()); err != nil {
		return nil, Position{}, r.invalid(err)
	}
	l := &list{request: r, at: at}
	if err := l.finish(req.GetPageSize(), req.GetPaging(), req.GetExtraParameters()); err != nil {
		return nil, Position{}, err
	}
	wire, to, total, err := c.page(ctx, l, encodeBridges)
	if err != nil {
		return nil, Position{}, err
	}
	answer := &jobgatev1.ListPipelineBridgesResponse{TotalSize: total}
	answer.ProtoReflect().SetUnknown(wire)
	return answer, to, nil
}

func encodeBridges(dst, json []byte) ([]byte, error) { return bridgeTable.AppendWireList(dst, json, 1) }

// routeGone tells a path without a route from a project or pipeline that is not
// found: GitLab words only the former as `error`; contract section 3.
func routeGone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Answered || e.Status != http.StatusNotFound {
		return false
	}
	var body struct {
		Error string `json:"error"`
	}
	return json.Unmarshal(e.Body, &body) == nil && body.Error == "404 Not Found"
}
