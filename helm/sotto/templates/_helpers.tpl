{{- define "sotto.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that never change, by which objects find each other: (dict "root" $ "component" "gateway") */}}
{{- define "sotto.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
sotto/pool: {{ . }}
{{- end }}
{{- end -}}

{{- define "sotto.labels" -}}
{{ include "sotto.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "sotto.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sotto.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* (dict "root" $ "own" pool.image "gpu" true) */}}
{{- define "sotto.image" -}}
{{- $image := .root.Values.image -}}
{{- $own := default dict .own -}}
{{- $repository := default $image.repository $own.repository -}}
{{- $digest := $own.digest | default (ternary "" $image.digest (or .gpu (not (empty $own)))) -}}
{{- $common := default .root.Chart.AppVersion $image.tag -}}
{{- $tag := default (ternary (printf "%s-cuda" $common) $common (default false .gpu)) $own.tag -}}
{{- if $digest -}}{{ $repository }}@{{ $digest }}{{- else -}}{{ $repository }}:{{ $tag }}{{- end -}}
{{- end -}}

{{/* The Secret whose entries are variables. */}}
{{- define "sotto.secret" -}}
{{- default (printf "%s-secrets" (include "sotto.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{- define "sotto.redisSecret" -}}
{{- if .Values.redis.auth.existingSecret -}}
{{- .Values.redis.auth.existingSecret -}}
{{- else if eq .Values.redis.mode "bundled" -}}
{{- include "sotto.fullname" . }}-valkey
{{- end -}}
{{- end -}}

{{- define "sotto.redisUrl" -}}
{{- $redis := .Values.redis -}}
{{- $addresses := $redis.addresses -}}
{{- if eq $redis.mode "bundled" -}}
{{- $addresses = list (printf "%s-valkey:6379" (include "sotto.fullname" .)) -}}
{{- end -}}
{{- $scheme := ternary "rediss" "redis" $redis.tls.enabled -}}
{{- if has $redis.mode (list "sentinel" "cluster") -}}{{- $scheme = printf "%s+%s" $scheme $redis.mode -}}{{- end -}}
{{- $path := "" -}}
{{- if eq $redis.mode "sentinel" -}}
{{- $path = printf "/%s/%v" $redis.sentinelMaster $redis.database -}}
{{- else if ne $redis.mode "cluster" -}}
{{- $path = printf "/%v" $redis.database -}}
{{- end -}}
{{- $query := list -}}
{{- if and $redis.tls.enabled $redis.tls.caSecret -}}
{{- $query = append $query "ssl_ca_certs=/etc/sotto/redis-ca/ca.crt" -}}
{{- end -}}
{{- if and $redis.tls.enabled $redis.tls.clientSecret -}}
{{- $query = concat $query (list "ssl_certfile=/etc/sotto/redis-client/tls.crt" "ssl_keyfile=/etc/sotto/redis-client/tls.key") -}}
{{- end -}}
{{- $user := ternary (printf "%s@" ($redis.username | urlquery)) "" (ne $redis.username "") -}}
{{- $scheme }}://{{ $user }}{{ join "," $addresses }}{{ $path }}{{ if $query }}?{{ join "&" $query }}{{ end -}}
{{- end -}}

{{/* What gateways and workers have in common in their environment. */}}
{{- define "sotto.env" -}}
- name: REDIS_URL
  value: {{ include "sotto.redisUrl" . | quote }}
{{- with include "sotto.redisSecret" . }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.redis.auth.passwordKey }}}
{{- end }}
{{- if and (eq .Values.redis.mode "sentinel") .Values.redis.auth.sentinelPasswordKey }}
- name: REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "sotto.redisSecret" . }}, key: {{ .Values.redis.auth.sentinelPasswordKey }}}
{{- end }}
- name: SOTTO_KEY_PREFIX
  value: {{ .Values.redis.keyPrefix | quote }}
- name: SOTTO_DATA_DIR
  value: /data
- name: SOTTO_DRAIN_S
  value: {{ .Values.drainSeconds | quote }}
{{- end -}}

{{- define "sotto.envFrom" -}}
- configMapRef: {name: {{ include "sotto.fullname" . }}-settings}
- secretRef: {name: {{ include "sotto.secret" . }}}
{{- end -}}

{{- define "sotto.redisMounts" -}}
{{- if and .Values.redis.tls.enabled .Values.redis.tls.caSecret }}
- {name: redis-ca, mountPath: /etc/sotto/redis-ca, readOnly: true}
{{- end }}
{{- if and .Values.redis.tls.enabled .Values.redis.tls.clientSecret }}
- {name: redis-client, mountPath: /etc/sotto/redis-client, readOnly: true}
{{- end }}
{{- end -}}

{{- define "sotto.redisVolumes" -}}
{{- if and .Values.redis.tls.enabled .Values.redis.tls.caSecret }}
- name: redis-ca
  secret: {secretName: {{ .Values.redis.tls.caSecret }}}
{{- end }}
{{- if and .Values.redis.tls.enabled .Values.redis.tls.clientSecret }}
- name: redis-client
  secret: {secretName: {{ .Values.redis.tls.clientSecret }}, defaultMode: 0440}
{{- end }}
{{- end -}}

{{/* Restarts pods when what they read as variables has changed. */}}
{{- define "sotto.checksums" -}}
checksum/settings: {{ include (print .Template.BasePath "/settings.yaml") . | sha256sum }}
{{- if .Values.secrets.values }}
checksum/secrets: {{ .Values.secrets.values | toJson | sha256sum }}
{{- end }}
{{- end -}}

{{/* Variables of the kind SOTTO_WYOMING_PORT=tcp://… for every Service around would be taken for settings. */}}
{{- define "sotto.podSpec" -}}
serviceAccountName: {{ include "sotto.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "sotto.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where a pod may run: a gateway, a pool or Valkey; spread over nodes by its own labels. */}}
{{- define "sotto.placement" -}}
{{- with .own.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .own.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
  - {{ toYaml . | nindent 4 | trim }}
    labelSelector:
      matchLabels: {{ include "sotto.selector" $ | nindent 8 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A running turn of the longest utterance is finished, then what drains drains. */}}
{{- define "sotto.grace" -}}
{{- add 30 .Values.drainSeconds .Values.gateway.preStopSeconds 10 -}}
{{- end -}}

{{/* A pool of `pools` with what it does not say taken from `worker`, as JSON: (dict "root" $ "pool" pool) */}}
{{- define "sotto.pool" -}}
{{- $pool := mergeOverwrite (deepCopy .root.Values.worker) (default dict .pool) -}}
{{- if not $pool.model -}}{{- $_ := set $pool "model" .root.Values.model -}}{{- end -}}
{{- toJson $pool -}}
{{- end -}}

{{- define "sotto.usesKeda" -}}
{{- if or (eq .pool.autoscaling.kind "keda") (and (eq .pool.autoscaling.kind "auto") (.root.Capabilities.APIVersions.Has "keda.sh/v1alpha1")) -}}
true
{{- end -}}
{{- end -}}
