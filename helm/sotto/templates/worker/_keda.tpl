{{/* KEDA's words for the Redis of this release. */}}
{{- define "sotto.kedaType" -}}
{{- get (dict "sentinel" "redis-sentinel-streams" "cluster" "redis-cluster-streams") .Values.redis.mode | default "redis-streams" -}}
{{- end -}}

{{- define "sotto.kedaServer" -}}
{{- $redis := .Values.redis -}}
{{- if eq $redis.mode "bundled" }}
address: {{ include "sotto.fullname" . }}-valkey.{{ .Release.Namespace }}.svc:6379
{{- else if eq $redis.mode "standalone" }}
address: {{ first $redis.addresses }}
{{- else }}
addresses: {{ join "," $redis.addresses }}
{{- end }}
{{- if eq $redis.mode "sentinel" }}
sentinelMaster: {{ $redis.sentinelMaster }}
{{- end }}
{{- if ne $redis.mode "cluster" }}
databaseIndex: {{ $redis.database | quote }}
{{- end }}
{{- with $redis.username }}
username: {{ . }}
{{- end }}
{{- if $redis.tls.enabled }}
enableTLS: "true"
{{- end }}
{{- end -}}

{{- define "sotto.kedaAuth" -}}
{{- $redis := .Values.redis -}}
{{- with include "sotto.redisSecret" . }}
- {parameter: password, name: {{ . }}, key: {{ $redis.auth.passwordKey }}}
{{- end }}
{{- if and (eq $redis.mode "sentinel") $redis.auth.sentinelPasswordKey }}
- {parameter: sentinelPassword, name: {{ include "sotto.redisSecret" . }}, key: {{ $redis.auth.sentinelPasswordKey }}}
{{- end }}
{{- if $redis.tls.enabled }}
{{- with $redis.tls.caSecret }}
- {parameter: ca, name: {{ . }}, key: ca.crt}
{{- end }}
{{- with $redis.tls.clientSecret }}
- {parameter: cert, name: {{ . }}, key: tls.crt}
- {parameter: key, name: {{ . }}, key: tls.key}
{{- end }}
{{- end }}
{{- end -}}
