package server

import (
	"context"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// bridgeService answers jobgate.v1.BridgeService.
type bridgeService struct {
	jobgatev1.UnimplementedBridgeServiceServer
	api *upstream.Client
}

func (s *bridgeService) ListPipelineBridges(
	ctx context.Context, req *jobgatev1.ListPipelineBridgesRequest,
) (*jobgatev1.ListPipelineBridgesResponse, error) {
	at, err := pagePosition(req)
	if err != nil {
		return nil, err
	}
	page, next, err := s.api.ListPipelineBridges(ctx, req, at)
	if err != nil {
		return nil, err
	}
	page.NextPageToken = pageToken(req, next)
	return page, nil
}
