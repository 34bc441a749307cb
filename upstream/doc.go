// Package upstream is GitLab's Jobs API as Go: the contract's messages in and
// out, over HTTP, and nothing of gRPC.
//
// A [Client] asks one GitLab. Whose credential a call carries, and what status
// and headers came back, travel in the context; see [Call]. Every error of a
// method is an [*Error].
//
// # Messages
//
// Answers are wire-backed messages: GitLab's JSON is turned into protobuf wire
// bytes, and these are put into an otherwise empty message as its unknown
// fields. Marshaling such a message copies the bytes; whoever wants to read its
// fields parses them first, with [proto.Unmarshal] of
// message.ProtoReflect().GetUnknown(). The iterators, such as
// [Client.ProjectJobs], yield messages that are parsed already.
//
// # What is sent
//
// A write is sent once: this package retries nothing, and what it sends gives
// [http.Transport] no reason to send it again. Redirects are not followed, but
// for a read of a project that has moved within the same GitLab.
//
// # What is kept
//
// Answers of JSON that come again unchanged are kept, each for the one credential and
// request that it was given to, and asked for on condition that they have changed:
// GitLab still decides at every call, and says so in a few bytes. See [Frame].
package upstream
