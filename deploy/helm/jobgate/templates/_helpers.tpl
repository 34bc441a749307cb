{{- define "jobgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "jobgate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "jobgate.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "jobgate.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "jobgate.selector" -}}
app.kubernetes.io/name: {{ include "jobgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "jobgate.labels" -}}
{{ include "jobgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "jobgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "jobgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "jobgate.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* shutdown-timeout in seconds: 20s, 1m30s, 2m, 1h. */ -}}
{{- define "jobgate.shutdownSeconds" -}}
{{- $text := toString (index .Values.config "shutdown-timeout" | default "20s") }}
{{- if not (regexMatch "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$" $text) }}
{{- fail (printf "config.shutdown-timeout: %q is not of whole hours, minutes and seconds, such as 1m30s" $text) }}
{{- end }}
{{- $h := regexFind "[0-9]+h" $text | trimSuffix "h" | default "0" | int }}
{{- $m := regexFind "[0-9]+m" $text | trimSuffix "m" | default "0" | int }}
{{- $s := regexFind "[0-9]+s" $text | trimSuffix "s" | default "0" | int }}
{{- add (mul $h 3600) (mul $m 60) $s }}
{{- end }}

{{- /* Secrets that are mounted: name of the volume to secret and files. */ -}}
{{- define "jobgate.secrets" -}}
{{- $v := .Values }}
{{- with $v.tls.grpc.secretName }}
grpc-tls: {secret: {{ . }}, files: [tls.crt, tls.key]}
{{- end }}
{{- with $v.tls.grpc.clientCASecretName }}
grpc-client-ca: {secret: {{ . }}, files: [ca.crt]}
{{- end }}
{{- with $v.tls.http.secretName }}
http-tls: {secret: {{ . }}, files: [tls.crt, tls.key]}
{{- end }}
{{- with $v.tls.http.clientCASecretName }}
http-client-ca: {secret: {{ . }}, files: [ca.crt]}
{{- end }}
{{- with $v.tls.upstream.caSecretName }}
upstream-ca: {secret: {{ . }}, files: [ca.crt]}
{{- end }}
{{- with $v.tls.upstream.secretName }}
upstream-tls: {secret: {{ . }}, files: [tls.crt, tls.key]}
{{- end }}
{{- with $v.serviceAccountMode.tokenSecretName }}
upstream-token: {secret: {{ . }}, files: [{{ $v.serviceAccountMode.tokenKey }}]}
{{- end }}
{{- with $v.jwt.keysSecretName }}
jwt-keys: {secret: {{ . }}, files: [keys.json]}
{{- end }}
{{- end }}

{{- /* The configuration file. What the chart says comes first, so that `config` may say otherwise. */ -}}
{{- define "jobgate.config" -}}
{{- $v := .Values }}
{{- $at := "/etc/jobgate/" }}
{{- $c := dict "grpc-addr" "0.0.0.0:9090" "http-addr" "0.0.0.0:8080" "admin-addr" "0.0.0.0:9091" "allow-plaintext" true "spool-dir" "/var/spool/jobgate" }}
{{- if $v.tls.grpc.secretName }}
{{- $c = merge $c (dict "grpc-cert" (print $at "grpc-tls/tls.crt") "grpc-key" (print $at "grpc-tls/tls.key")) }}
{{- else if not $v.plaintext }}
{{- fail "tls.grpc.secretName: required, unless plaintext is true" }}
{{- end }}
{{- if $v.tls.http.secretName }}
{{- $c = merge $c (dict "http-cert" (print $at "http-tls/tls.crt") "http-key" (print $at "http-tls/tls.key")) }}
{{- else if not $v.plaintext }}
{{- fail "tls.http.secretName: required, unless plaintext is true" }}
{{- end }}
{{- if $v.tls.grpc.clientCASecretName }}
{{- $_ := set $c "grpc-client-ca" (print $at "grpc-client-ca/ca.crt") }}
{{- end }}
{{- if $v.tls.http.clientCASecretName }}
{{- $_ := set $c "http-client-ca" (print $at "http-client-ca/ca.crt") }}
{{- end }}
{{- if or $v.tls.grpc.clientCASecretName $v.tls.http.clientCASecretName }}
{{- $_ := set $c "client-cert" $v.tls.clientCert }}
{{- end }}
{{- if $v.tls.upstream.caSecretName }}
{{- $_ := set $c "upstream-ca" (print $at "upstream-ca/ca.crt") }}
{{- end }}
{{- if $v.tls.upstream.secretName }}
{{- $c = merge $c (dict "upstream-cert" (print $at "upstream-tls/tls.crt") "upstream-key" (print $at "upstream-tls/tls.key")) }}
{{- end }}
{{- if $v.serviceAccountMode.tokenSecretName }}
{{- if not $v.policy }}
{{- fail "policy: required where the gateway holds GitLab's token (serviceAccountMode)" }}
{{- end }}
{{- $_ := set $c "upstream-token-file" (print $at "upstream-token/" $v.serviceAccountMode.tokenKey) }}
{{- end }}
{{- if $v.policy }}
{{- $_ := set $c "policy" (print $at "config/policy.yaml") }}
{{- end }}
{{- if $v.jwt.keysURL }}
{{- $_ := set $c "jwt-keys" $v.jwt.keysURL }}
{{- else if $v.jwt.keysSecretName }}
{{- $_ := set $c "jwt-keys" (print $at "jwt-keys/keys.json") }}
{{- end }}
{{- with $v.jwt.issuer }}
{{- $_ := set $c "jwt-issuer" . }}
{{- end }}
{{- with $v.jwt.audience }}
{{- $_ := set $c "jwt-audience" . }}
{{- end }}
{{- range $key, $value := $v.config }}
{{- /* YAML would write a large number as 6.7e+07, which no setting takes. */ -}}
{{- $_ := set $c $key (kindIs "float64" $value | ternary (int64 (kindIs "float64" $value | ternary $value 0)) $value) }}
{{- end }}
{{- toYaml $c }}
{{- end }}
