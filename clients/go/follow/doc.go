// Package follow reads the log of a job from a Jobgate gateway, while it grows or once
// it is complete, and goes on where it was when a connection breaks or a gateway
// restarts. The caller sees bytes, then the end:
//
//	log := follow.Log(ctx, client, &jobgatev1.ReadTraceRequest{
//		Project: "group/app", JobId: 4711, Follow: true,
//	})
//	for data, err := range log.Bytes() {
//		if err != nil {
//			return err
//		}
//		os.Stdout.Write(data)
//	}
//	fmt.Println(log.End().GetJobStatus())
//
// # What is tried again
//
// UNAVAILABLE, RESOURCE_EXHAUSTED that tells for how long (GitLab's rate limit), a reset of
// the connection or of the stream, and a stream that ends without its end event. The wait between tries grows from 100 milliseconds to 30 seconds, the
// later half of each at random, and comes on top of what the gateway asks for (RetryInfo);
// see [Backoff]. More of the log sets it back, and so does a stream that has lived as long
// as the longest wait. A log that is followed is tried for ever, another eight times in a
// row; see [Attempts]. All other failures are the caller's, as gRPC's status gives them.
//
// A [grpc.ClientConn] has a wait of its own between connections, which grows to two
// minutes: [grpc.WithConnectParams] shortens it.
//
// # What is checked
//
// Each chunk begins where the one before it ended, over all connections, unless the
// gateway has told of a reset or a gap: else it is a [*SequenceError]. If the bytes
// are those of the log from its start, their CRC-64/NVME is compared with that of the
// end: see [ErrDigest].
//
// # Going on tomorrow
//
// [Follower.Cursor] is where the log has been read to. Put into the request of another
// Follower, in another process, it goes on at the next byte. It grants nothing: store it
// anywhere.
package follow
