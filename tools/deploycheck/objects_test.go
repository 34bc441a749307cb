package deploycheck

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// read reads objects into the types of Kubernetes. A field that there is not, or that comes twice,
// is an error.
func read(t *testing.T, name, text string) (objects []runtime.Object) {
	t.Helper()
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, monitoringv1.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(types, serializer.EnableStrict).UniversalDeserializer()
	for _, one := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
		if strings.TrimSpace(one) == "" {
			continue
		}
		object, _, err := decoder.Decode([]byte(one), nil, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		objects = append(objects, object)
	}
	return objects
}

// TestObjects reads all that the chart renders, and looks at what hangs together.
func TestObjects(t *testing.T) {
	for file, values := range cases(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			files, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			var objects []runtime.Object
			for name, text := range files {
				objects = append(objects, read(t, name, text)...)
			}
			checkTogether(t, objects)
		})
	}
}

func TestKustomize(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifestsDir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	objects := read(t, "kustomize build", string(text))
	if len(objects) != 9 {
		t.Errorf("%d objects, want 9", len(objects))
	}
	checkTogether(t, objects)
}

func checkTogether(t *testing.T, objects []runtime.Object) {
	t.Helper()
	var deployment *appsv1.Deployment
	var config map[string]any
	for _, object := range objects {
		switch o := object.(type) {
		case *appsv1.Deployment:
			deployment = o
		case *corev1.ConfigMap:
			if err := yaml.UnmarshalStrict([]byte(o.Data["jobgate.yaml"]), &config); err != nil {
				t.Error(err)
			}
		}
	}
	if deployment == nil || config == nil {
		t.Fatal("no Deployment or no ConfigMap")
	}
	pod := deployment.Spec.Template
	checkRestricted(t, pod)
	checkTime(t, pod.Spec, config)
	checkPaths(t, pod.Spec, config)
	for _, object := range objects {
		if s, ok := object.(*corev1.Service); ok {
			checkService(t, s, pod)
		}
	}
	checkKeys(t, config)
}

// checkRestricted holds the pod against the restricted Pod Security Standard.
func checkRestricted(t *testing.T, pod corev1.PodTemplateSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
	if !result.Allowed {
		t.Errorf("not restricted: %s: %s", result.ForbiddenReason(), result.ForbiddenDetail())
	}
	if c := pod.Spec.Containers[0].SecurityContext; c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
		t.Error("the root file system can be written")
	}
}

// checkTime holds that Kubernetes kills no pod that still drains.
func checkTime(t *testing.T, pod corev1.PodSpec, config map[string]any) {
	t.Helper()
	timeout, err := time.ParseDuration(config["shutdown-timeout"].(string))
	if err != nil {
		t.Fatal(err)
	}
	sleep := time.Duration(pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if sleep < 5*time.Second || grace < sleep+timeout+3*time.Second {
		t.Errorf("killed after %v, of which it sleeps %v, with a shutdown-timeout of %v", grace, sleep, timeout)
	}
}

// checkPaths holds that each file that the settings name is mounted, and by nobody else read.
func checkPaths(t *testing.T, pod corev1.PodSpec, config map[string]any) {
	t.Helper()
	mounts := map[string]string{}
	for _, m := range pod.Containers[0].VolumeMounts {
		mounts[m.MountPath] = m.Name
	}
	volumes := map[string]corev1.Volume{}
	for i := range pod.Volumes {
		v := &pod.Volumes[i]
		volumes[v.Name] = *v
		if v.Secret != nil && (v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440) {
			t.Errorf("secret %s has not the mode 0440", v.Name)
		}
	}
	for key, value := range config {
		path, _ := value.(string)
		if !strings.HasPrefix(path, "/etc/") {
			continue
		}
		volume := volumes[mounts[filepath.Dir(path)]]
		found := volume.ConfigMap != nil
		if volume.Secret != nil {
			for _, item := range volume.Secret.Items {
				found = found || item.Path == filepath.Base(path)
			}
		}
		if !found {
			t.Errorf("%s: %s is not mounted", key, path)
		}
	}
	if _, ok := mounts[config["spool-dir"].(string)]; !ok {
		t.Error("the spool's directory is not mounted")
	}
}

// checkService holds that a service finds the pods and their ports.
func checkService(t *testing.T, s *corev1.Service, pod corev1.PodTemplateSpec) {
	t.Helper()
	for key, value := range s.Spec.Selector {
		if pod.Labels[key] != value {
			t.Errorf("service %s selects %s=%s, pods have %q", s.Name, key, value, pod.Labels[key])
		}
	}
	ports := map[string]bool{}
	for _, p := range pod.Spec.Containers[0].Ports {
		ports[p.Name] = true
	}
	for _, p := range s.Spec.Ports {
		if !ports[p.TargetPort.StrVal] {
			t.Errorf("service %s: no port %s", s.Name, p.TargetPort.StrVal)
		}
	}
}

// checkKeys holds that each setting is one of the gateway's.
func checkKeys(t *testing.T, config map[string]any) {
	t.Helper()
	command := exec.Command("go", "run", "./cmd/jobgate", "serve", "--help")
	command.Dir = "../.."
	command.Env = append(os.Environ(), "GOWORK=off")
	help, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, found := range regexp.MustCompile(`--(?:\[no-\])?([a-z0-9-]+)`).FindAllSubmatch(help, -1) {
		known[string(found[1])] = true
	}
	for key := range config {
		if !known[key] {
			t.Errorf("jobgate serve has no --%s", key)
		}
	}
}
