package deploycheck

import (
	"os"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"                   // named in the file
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"                     // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3" // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/retry/host/previous_hosts/v3"               // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"                   // likewise
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"                          // likewise
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"
)

// TestEnvoy reads Envoy's configuration as Envoy does: a field that there is not is an error,
// and each message is held to the rules of its own, also those within an Any.
func TestEnvoy(t *testing.T) {
	text, err := os.ReadFile("../../deploy/envoy/jobgate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	var config bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	if err := config.ValidateAll(); err != nil {
		t.Error(err)
	}
	inside := 0
	err = protorange.Range(config.ProtoReflect(), func(p protopath.Values) error {
		message, ok := p.Index(-1).Value.Interface().(interface{ Interface() proto.Message })
		if !ok {
			return nil
		}
		packed, ok := message.Interface().(*anypb.Any)
		if !ok {
			return nil
		}
		held, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		inside++
		if rules, ok := held.(interface{ ValidateAll() error }); ok {
			if err := rules.ValidateAll(); err != nil {
				t.Errorf("%s: %v", packed.GetTypeUrl(), err)
			}
		}
		return nil
	})
	if err != nil || inside < 4 {
		t.Errorf("%d messages in others, %v", inside, err)
	}
}
