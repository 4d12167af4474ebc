{{/* Rules of network policies that several of them need. */}}
{{- define "sotto.egressToRedis" }}
# names
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- if eq .Values.redis.mode "bundled" }}
- to:
    - podSelector:
        matchLabels: {{ include "sotto.selector" (dict "root" $ "component" "valkey") | nindent 10 }}
  ports: [{port: 6379}]
{{- else if eq .Values.redis.mode "standalone" }}
- ports:
  {{- range .Values.redis.addresses }}
    - {port: {{ regexFind "[0-9]+$" . }}}
  {{- end }}
{{- else }}
# sentinels and clusters tell where the servers are
- ports: [{port: 1024, endPort: 65535}]
{{- end }}
{{- end }}
{{- define "sotto.fromMonitoring" }}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.monitoringNamespace }}}
{{- end }}
